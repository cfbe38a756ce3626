//! What the standards forbid, in the order and the words of the API server.

use std::collections::BTreeSet;

use super::{Level, containers, name};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};

/// Something that a pod does against a standard.
pub(super) struct Violation {
    pub(super) reason: String,
    pub(super) detail: String,
}

/// The texts of a list, each once and in order.
type Texts<'a> = BTreeSet<&'a str>;

/// A pod that is judged.
struct Pod<'a> {
    metadata: &'a Json,
    spec: &'a Json,
    /// The minor version of the standard.
    minor: u32,
}

/// All that a pod does against a level, as it was in a minor version.
pub(super) fn violations(level: Level, minor: u32, metadata: &Json, spec: &Json) -> Vec<Violation> {
    type Check = fn(&Pod<'_>) -> Option<Violation>;
    // By version: the first in which a check is made.
    const BASELINE: [(u32, Check); 12] = [
        (0, app_armor),
        (0, capabilities),
        (0, host_namespaces),
        (0, host_paths),
        (0, host_ports),
        (34, probe_hosts),
        (0, privileged),
        (0, proc_mount),
        (0, se_linux),
        (0, seccomp),
        (0, sysctls),
        (0, host_process),
    ];
    const RESTRICTED: [(u32, Check); 15] = [
        (0, app_armor),
        (0, host_namespaces),
        (0, host_ports),
        (34, probe_hosts),
        (0, privileged),
        (0, se_linux),
        (0, sysctls),
        (0, host_process),
        (8, privilege_escalation),
        (22, all_capabilities),
        (0, any_proc_mount),
        (0, volumes),
        (0, non_root),
        (23, user),
        (19, needs_seccomp),
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
    fn context(&self) -> &'a Json {
        get(self.spec, "securityContext")
    }

    /// The names of the containers of which this holds; it is given the container and its security context.
    fn containers(&self, mut bad: impl FnMut(&'a Json, &'a Json) -> bool) -> Vec<&'a str> {
        containers(self.spec).filter(|c| bad(c, get(c, "securityContext"))).map(name).collect()
    }

    fn is_windows(&self) -> bool {
        self.minor >= 25 && text(get(self.spec, "os"), "name") == "windows"
    }

    /// In a user namespace of its own, root is not the host's.
    fn is_in_user_namespace(&self) -> bool {
        self.minor >= 35 && get(self.spec, "hostUsers") == &Json::Bool(false)
    }
}

fn violation(reason: &str, detail: String) -> Option<Violation> {
    Some(Violation { reason: reason.to_owned(), detail })
}

fn many(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn quoted<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("\"{}\"", texts.into_iter().collect::<Vec<_>>().join("\", \""))
}

fn named(containers: &[&str]) -> String {
    format!("{} {}", many("container", containers.len()), quoted(containers.iter().copied()))
}

/// The pod itself, containers, or both.
fn setters(pod: bool, containers: &[&str]) -> Option<String> {
    let mut all: Vec<String> = if pod { vec!["pod".to_owned()] } else { vec![] };
    if !containers.is_empty() {
        all.push(named(containers));
    }
    (!all.is_empty()).then(|| all.join(" and "))
}

fn uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

fn app_armor(pod: &Pod<'_>) -> Option<Violation> {
    const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
    let mut values = Texts::new();
    let mut bad = |context| {
        let profile = get(context, "appArmorProfile");
        let kind = text(profile, "type");
        let bad = profile.is_object() && !matches!(kind, "RuntimeDefault" | "Localhost");
        if bad {
            values.insert(kind);
        }
        bad
    };
    let of_pod = bad(pod.context());
    let of_containers = pod.containers(|_, context| bad(context));
    let mut said: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    let allowed = |value: &str| value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
    let mut annotations: Vec<String> = entries(pod.metadata, "annotations")
        .filter(|(key, value)| key.starts_with(ANNOTATION) && !allowed(value.as_str().unwrap_or_default()))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    annotations.sort();
    let mut who: Vec<String> = setters(of_pod, &of_containers).into_iter().collect();
    if !annotations.is_empty() {
        who.push(many("annotation", annotations.len()));
        said.extend(annotations);
    }
    if who.is_empty() {
        return None;
    }
    let values = quoted(said.iter().map(String::as_str));
    violation(
        &many("forbidden AppArmor profile", said.len()),
        format!("{} must not set AppArmor profile type to {values}", who.join(" and ")),
    )
}

/// The texts that a container adds to its capabilities, but for those allowed.
fn added<'a>(context: &'a Json, allowed: &[&str]) -> Vec<&'a str> {
    let added = items(get(context, "capabilities"), "add").iter().filter_map(Json::as_str);
    added.filter(|capability| !allowed.contains(capability)).collect()
}

fn must_not_add(containers: &[&str], found: &Texts<'_>) -> String {
    let found = quoted(found.iter().copied());
    format!("{} must not include {found} in securityContext.capabilities.add", named(containers))
}

fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let mut found = Texts::new();
    let bad = pod.containers(|_, context| {
        let more = added(context, &ALLOWED);
        found.extend(&more);
        !more.is_empty()
    });
    if bad.is_empty() { None } else { violation("non-default capabilities", must_not_add(&bad, &found)) }
}

fn all_capabilities(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let kept = pod.containers(|_, context| !items(get(context, "capabilities"), "drop").contains(&"ALL".into()));
    let mut found = Texts::new();
    let adding = pod.containers(|_, context| {
        let more = added(context, &["NET_BIND_SERVICE"]);
        found.extend(&more);
        !more.is_empty()
    });
    let mut details = vec![];
    if !kept.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named(&kept)));
    }
    if !adding.is_empty() {
        details.push(must_not_add(&adding, &found));
    }
    if details.is_empty() { None } else { violation("unrestricted capabilities", details.join("; ")) }
}

fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let mut used = ["hostNetwork", "hostPID", "hostIPC"].to_vec();
    used.retain(|field| get(pod.spec, field) == &Json::Bool(true));
    let said: Vec<String> = used.iter().map(|field| format!("{field}=true")).collect();
    if said.is_empty() { None } else { violation("host namespaces", said.join(", ")) }
}

fn host_paths(pod: &Pod<'_>) -> Option<Violation> {
    let volumes = items(pod.spec, "volumes").iter().filter(|volume| volume.get("hostPath").is_some());
    let volumes: Vec<&str> = volumes.map(name).collect();
    let said = || format!("{} {}", many("volume", volumes.len()), quoted(volumes.iter().copied()));
    if volumes.is_empty() { None } else { violation("hostPath volumes", said()) }
}

fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
    let mut found = BTreeSet::new();
    let bad = pod.containers(|container, _| {
        let ports = items(container, "ports").iter().filter_map(|port| number(port, "hostPort"));
        let ports: Vec<String> = ports.filter(|port| *port != 0).map(|port| port.to_string()).collect();
        let uses = !ports.is_empty();
        found.extend(ports);
        uses
    });
    if bad.is_empty() {
        return None;
    }
    let (word, list) = (many("hostPort", found.len()), found.into_iter().collect::<Vec<_>>().join(", "));
    violation("hostPort", format!("{} {} {word} {list}", named(&bad), uses(bad.len())))
}

fn probe_hosts(pod: &Pod<'_>) -> Option<Violation> {
    let mut found = Texts::new();
    let bad = pod.containers(|container, _| {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| get(container, probe));
        let hooks = ["postStart", "preStop"].map(|hook| get(get(container, "lifecycle"), hook));
        let handlers = probes.into_iter().chain(hooks);
        let hosts = handlers.flat_map(|handler| ["httpGet", "tcpSocket"].map(|way| text(get(handler, way), "host")));
        let hosts: Vec<&str> = hosts.filter(|host| !host.is_empty()).collect();
        found.extend(&hosts);
        !hosts.is_empty()
    });
    if bad.is_empty() {
        return None;
    }
    let bad: Vec<&str> = bad.into_iter().collect::<Texts<'_>>().into_iter().collect();
    let (word, list) = (many("probe or lifecycle host", found.len()), quoted(found));
    violation("probe or lifecycle host", format!("{} {} {word} {list}", named(&bad), uses(bad.len())))
}

fn privileged(pod: &Pod<'_>) -> Option<Violation> {
    let bad = pod.containers(|_, context| get(context, "privileged") == &Json::Bool(true));
    let said = || format!("{} must not set securityContext.privileged=true", named(&bad));
    if bad.is_empty() { None } else { violation("privileged", said()) }
}

fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() { None } else { any_proc_mount(pod) }
}

fn any_proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    let mut found = Texts::new();
    let bad = pod.containers(|_, context| {
        let kind = text(context, "procMount");
        let bad = !matches!(kind, "" | "Default");
        if bad {
            found.insert(kind);
        }
        bad
    });
    let said = || format!("{} must not set securityContext.procMount to {}", named(&bad), quoted(found));
    if bad.is_empty() { None } else { violation("procMount", said()) }
}

fn se_linux(pod: &Pod<'_>) -> Option<Violation> {
    let (mut types, mut user, mut role) = (Texts::new(), false, false);
    let mut bad = |context| {
        let options = get(context, "seLinuxOptions");
        let kind = text(options, "type");
        let allowed = matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (pod.minor >= 31 && kind == "container_engine_t");
        if !allowed {
            types.insert(kind);
        }
        let (sets_user, sets_role) = (!text(options, "user").is_empty(), !text(options, "role").is_empty());
        user |= sets_user;
        role |= sets_role;
        !allowed || sets_user || sets_role
    };
    let of_pod = bad(pod.context());
    let of_containers = pod.containers(|_, context| bad(context));
    let who = setters(of_pod, &of_containers)?;
    let mut what = vec![];
    if !types.is_empty() {
        what.push(format!("{} {}", many("type", types.len()), quoted(types)));
    }
    if user {
        what.push("user may not be set".to_owned());
    }
    if role {
        what.push("role may not be set".to_owned());
    }
    violation("seLinuxOptions", format!("{who} set forbidden securityContext.seLinuxOptions: {}", what.join("; ")))
}

/// The type of a seccomp profile, and whether it is fine; nothing where there is no profile.
fn profile(context: &Json) -> Option<(&str, bool)> {
    let kind = context.get("seccompProfile").map(|profile| text(profile, "type"))?;
    Some((kind, matches!(kind, "Localhost" | "RuntimeDefault")))
}

fn seccomp(pod: &Pod<'_>) -> Option<Violation> {
    let mut values = Texts::new();
    let mut bad = |context| {
        let bad = profile(context).filter(|(_, fine)| !fine);
        values.extend(bad.map(|(kind, _)| kind));
        bad.is_some()
    };
    let of_pod = bad(pod.context());
    let of_containers = pod.containers(|_, context| bad(context));
    let who = setters(of_pod, &of_containers)?;
    violation("seccompProfile", format!("{who} must not set securityContext.seccompProfile.type to {}", quoted(values)))
}

fn needs_seccomp(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    if let Some(violation) = seccomp(pod) {
        return Some(violation);
    }
    if profile(pod.context()).is_some() {
        return None;
    }
    let without = pod.containers(|_, context| profile(context).is_none());
    let said = || {
        let must = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
        format!("pod or {} {must}", named(&without))
    };
    if without.is_empty() { None } else { violation("seccompProfile", said()) }
}

fn sysctls(pod: &Pod<'_>) -> Option<Violation> {
    let allowed = |name: &str| match name {
        "kernel.shm_rmid_forced"
        | "net.ipv4.ip_local_port_range"
        | "net.ipv4.tcp_syncookies"
        | "net.ipv4.ping_group_range"
        | "net.ipv4.ip_unprivileged_port_start" => true,
        "net.ipv4.ip_local_reserved_ports" => pod.minor >= 27,
        "net.ipv4.tcp_keepalive_time"
        | "net.ipv4.tcp_fin_timeout"
        | "net.ipv4.tcp_keepalive_intvl"
        | "net.ipv4.tcp_keepalive_probes" => pod.minor >= 29,
        "net.ipv4.tcp_rmem" | "net.ipv4.tcp_wmem" => pod.minor >= 32,
        _ => false,
    };
    let names: Vec<&str> = items(pod.context(), "sysctls").iter().map(name).filter(|name| !allowed(name)).collect();
    if names.is_empty() { None } else { violation("forbidden sysctls", names.join(", ")) }
}

fn host_process(pod: &Pod<'_>) -> Option<Violation> {
    let bad = |context| get(get(context, "windowsOptions"), "hostProcess") == &Json::Bool(true);
    let who = setters(bad(pod.context()), &pod.containers(|_, context| bad(context)))?;
    violation("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true"))
}

fn privilege_escalation(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let bad = pod.containers(|_, context| get(context, "allowPrivilegeEscalation") != &Json::Bool(false));
    let said = || format!("{} must set securityContext.allowPrivilegeEscalation=false", named(&bad));
    if bad.is_empty() { None } else { violation("allowPrivilegeEscalation != false", said()) }
}

fn volumes(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let source = |volume: &'_ Json| {
        let mut fields = volume.as_object().into_iter().flatten().map(|(field, _)| field.clone());
        fields.find(|field| field != "name").unwrap_or_else(|| "unknown".to_owned())
    };
    let bad: Vec<(&str, String)> = items(pod.spec, "volumes")
        .iter()
        .map(|volume| (name(volume), source(volume)))
        .filter(|(_, source)| !ALLOWED.contains(&source.as_str()))
        .collect();
    if bad.is_empty() {
        return None;
    }
    let kinds: Texts<'_> = bad.iter().map(|(_, source)| source.as_str()).collect();
    let (volumes, word) = (many("volume", bad.len()), many("restricted volume type", kinds.len()));
    let names = quoted(bad.iter().map(|(name, _)| *name));
    violation("restricted volume types", format!("{volumes} {names} {} {word} {}", uses(bad.len()), quoted(kinds)))
}

fn non_root(pod: &Pod<'_>) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    if pod.is_in_user_namespace() {
        return None;
    }
    let says = |context: &Json| get(context, "runAsNonRoot").as_bool();
    let explicit = pod.containers(|_, context| says(context) == Some(false));
    if let Some(who) = setters(says(pod.context()) == Some(false), &explicit) {
        return violation(REASON, format!("{who} must not set securityContext.runAsNonRoot=false"));
    }
    let silent = pod.containers(|_, context| says(context).is_none());
    if says(pod.context()) == Some(true) || silent.is_empty() {
        return None;
    }
    violation(REASON, format!("pod or {} must set securityContext.runAsNonRoot=true", named(&silent)))
}

fn user(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() {
        return None;
    }
    let root = |context: &Json| number(context, "runAsUser") == Some(0);
    let who = setters(root(pod.context()), &pod.containers(|_, context| root(context)))?;
    violation("runAsUser=0", format!("{who} must not set runAsUser=0"))
}
