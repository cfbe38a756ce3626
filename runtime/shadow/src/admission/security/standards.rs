//! What the standards forbid, in the order and the words of the API server.

use std::collections::BTreeSet;

use super::{Level, baseline, containers, name, restricted};
use crate::Json;
use crate::defaults::fields::{get, text};

/// Something that a pod does against a standard.
pub(super) struct Violation {
    pub(super) reason: String,
    pub(super) detail: String,
}

/// The texts of a list, each once and in order.
pub(super) type Texts<'a> = BTreeSet<&'a str>;

/// A pod that is judged.
pub(super) struct Pod<'a> {
    pub(super) metadata: &'a Json,
    pub(super) spec: &'a Json,
    /// The minor version of the standard.
    pub(super) minor: u32,
}

/// All that a pod does against a level, as it was in a minor version.
pub(super) fn violations(level: Level, minor: u32, metadata: &Json, spec: &Json) -> Vec<Violation> {
    type Check = fn(&Pod<'_>) -> Option<Violation>;
    // By version: the first in which a check is made.
    const BASELINE: [(u32, Check); 12] = [
        (0, baseline::app_armor),
        (0, baseline::capabilities),
        (0, baseline::host_namespaces),
        (0, baseline::host_paths),
        (0, baseline::host_ports),
        (34, baseline::probe_hosts),
        (0, baseline::privileged),
        (0, baseline::proc_mount),
        (0, baseline::se_linux),
        (0, baseline::seccomp),
        (0, baseline::sysctls),
        (0, baseline::host_process),
    ];
    const RESTRICTED: [(u32, Check); 15] = [
        (0, baseline::app_armor),
        (0, baseline::host_namespaces),
        (0, baseline::host_ports),
        (34, baseline::probe_hosts),
        (0, baseline::privileged),
        (0, baseline::se_linux),
        (0, baseline::sysctls),
        (0, baseline::host_process),
        (8, restricted::privilege_escalation),
        (22, restricted::all_capabilities),
        (0, baseline::any_proc_mount),
        (0, restricted::volumes),
        (0, restricted::non_root),
        (23, restricted::user),
        (19, restricted::needs_seccomp),
    ];
    let pod = Pod { metadata, spec, minor };
    let checks: &[(u32, Check)] = match level {
        Level::Privileged => &[],
        Level::Baseline => &BASELINE,
        Level::Restricted => &RESTRICTED,
    };
    checks.iter().filter(|(since, _)| minor >= *since).filter_map(|(_, check)| check(&pod)).collect()
}

impl<'a> Pod<'a> {
    pub(super) fn context(&self) -> &'a Json {
        get(self.spec, "securityContext")
    }

    /// The names of the containers of which this holds; it is given the container and its security context.
    pub(super) fn containers(&self, mut bad: impl FnMut(&'a Json, &'a Json) -> bool) -> Vec<&'a str> {
        containers(self.spec).filter(|c| bad(c, get(c, "securityContext"))).map(name).collect()
    }

    pub(super) fn is_windows(&self) -> bool {
        self.minor >= 25 && text(get(self.spec, "os"), "name") == "windows"
    }

    /// In a user namespace of its own, root is not the host's.
    pub(super) fn is_in_user_namespace(&self) -> bool {
        self.minor >= 35 && get(self.spec, "hostUsers") == &Json::Bool(false)
    }
}

pub(super) fn violation(reason: &str, detail: String) -> Option<Violation> {
    Some(Violation { reason: reason.to_owned(), detail })
}

pub(super) fn many(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

pub(super) fn quoted<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("\"{}\"", texts.into_iter().collect::<Vec<_>>().join("\", \""))
}

pub(super) fn named(containers: &[&str]) -> String {
    format!("{} {}", many("container", containers.len()), quoted(containers.iter().copied()))
}

/// The pod itself, containers, or both.
pub(super) fn setters(pod: bool, containers: &[&str]) -> Option<String> {
    let mut all: Vec<String> = if pod { vec!["pod".to_owned()] } else { vec![] };
    if !containers.is_empty() {
        all.push(named(containers));
    }
    (!all.is_empty()).then(|| all.join(" and "))
}

pub(super) fn uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}
