//! What the baseline standard forbids, in the words of the API server.

use std::collections::BTreeSet;

use super::name;
use super::standards::{Pod, Texts, Violation, many, named, quoted, setters, uses, violation};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};

pub(super) fn app_armor(pod: &Pod<'_>) -> Option<Violation> {
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
pub(super) fn added<'a>(context: &'a Json, allowed: &[&str]) -> Vec<&'a str> {
    let added = items(get(context, "capabilities"), "add").iter().filter_map(Json::as_str);
    added.filter(|capability| !allowed.contains(capability)).collect()
}

pub(super) fn must_not_add(containers: &[&str], found: &Texts<'_>) -> String {
    let found = quoted(found.iter().copied());
    format!("{} must not include {found} in securityContext.capabilities.add", named(containers))
}

pub(super) fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let mut used = ["hostNetwork", "hostPID", "hostIPC"].to_vec();
    used.retain(|field| get(pod.spec, field) == &Json::Bool(true));
    let said: Vec<String> = used.iter().map(|field| format!("{field}=true")).collect();
    if said.is_empty() { None } else { violation("host namespaces", said.join(", ")) }
}

pub(super) fn host_paths(pod: &Pod<'_>) -> Option<Violation> {
    let volumes = items(pod.spec, "volumes").iter().filter(|volume| volume.get("hostPath").is_some());
    let volumes: Vec<&str> = volumes.map(name).collect();
    let said = || format!("{} {}", many("volume", volumes.len()), quoted(volumes.iter().copied()));
    if volumes.is_empty() { None } else { violation("hostPath volumes", said()) }
}

pub(super) fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn probe_hosts(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn privileged(pod: &Pod<'_>) -> Option<Violation> {
    let bad = pod.containers(|_, context| get(context, "privileged") == &Json::Bool(true));
    let said = || format!("{} must not set securityContext.privileged=true", named(&bad));
    if bad.is_empty() { None } else { violation("privileged", said()) }
}

pub(super) fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() { None } else { any_proc_mount(pod) }
}

pub(super) fn any_proc_mount(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn se_linux(pod: &Pod<'_>) -> Option<Violation> {
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
pub(super) fn profile(context: &Json) -> Option<(&str, bool)> {
    let kind = context.get("seccompProfile").map(|profile| text(profile, "type"))?;
    Some((kind, matches!(kind, "Localhost" | "RuntimeDefault")))
}

pub(super) fn seccomp(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn sysctls(pod: &Pod<'_>) -> Option<Violation> {
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

pub(super) fn host_process(pod: &Pod<'_>) -> Option<Violation> {
    let bad = |context| get(get(context, "windowsOptions"), "hostProcess") == &Json::Bool(true);
    let who = setters(bad(pod.context()), &pod.containers(|_, context| bad(context)))?;
    violation("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true"))
}
