//! Containers.

use std::collections::BTreeSet;

use super::super::causes::Causes;
use super::super::names;
use super::{Volumes, environment, mount, probe, resources, security};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

/// All containers of a pod.
pub(super) fn check_all(spec: &Json, field: &str, volumes: &Volumes<'_>, causes: &mut Causes) {
    let containers = items(spec, "containers");
    let path = format!("{field}.containers");
    let mut taken = BTreeSet::new();
    if containers.is_empty() {
        causes.required(&path, "");
    }
    let restart = text(spec, "restartPolicy");
    for (at, container) in containers.iter().enumerate() {
        let path = format!("{path}[{at}]");
        check(container, &path, volumes, restart, causes);
        name_is_free(container, &path, &mut taken, causes);
        probe::check_lifecycle(container, &path, spec, causes);
        probe::check_probes(container, &path, causes);
        check_restarts(container, &path, false, causes);
    }
    host_ports(containers.iter().enumerate(), &path, causes);
    check_init(spec, field, volumes, &mut taken, causes);
    check_ephemeral(spec, field, volumes, &mut taken, causes);
}

fn check_init<'a>(
    spec: &'a Json,
    field: &str,
    volumes: &Volumes<'_>,
    taken: &mut BTreeSet<&'a str>,
    causes: &mut Causes,
) {
    let path = format!("{field}.initContainers");
    for (at, container) in items(spec, "initContainers").iter().enumerate() {
        let at_path = format!("{path}[{at}]");
        check(container, &at_path, volumes, text(spec, "restartPolicy"), causes);
        let policy = get(container, "restartPolicy").as_str();
        check_restarts(container, &at_path, true, causes);
        if !text(container, "name").is_empty() {
            name_is_free(container, &at_path, taken, causes);
        }
        host_ports(std::iter::once((0, container)), &path, causes);
        if policy == Some("Always") {
            probe::check_lifecycle(container, &at_path, spec, causes);
            probe::check_probes(container, &at_path, causes);
            continue;
        }
        for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.get(name).is_some() {
                let words = "may not be set for init containers without restartPolicy=Always";
                causes.forbidden(&format!("{at_path}.{name}"), words);
            }
        }
    }
}

fn check_ephemeral<'a>(
    spec: &'a Json,
    field: &str,
    volumes: &Volumes<'_>,
    taken: &mut BTreeSet<&'a str>,
    causes: &mut Causes,
) {
    for (at, container) in items(spec, "ephemeralContainers").iter().enumerate() {
        let path = format!("{field}.ephemeralContainers[{at}]");
        check(container, &path, volumes, "", causes);
        name_is_free(container, &path, taken, causes);
        let target = text(container, "targetContainerName");
        let others = items(spec, "containers").iter().chain(items(spec, "initContainers"));
        if !target.is_empty() && !others.into_iter().any(|other| text(other, "name") == target) {
            causes.not_found(&format!("{path}.targetContainerName"), target);
        }
        let never = "cannot be set for an Ephemeral Container";
        let asks = |name: &str| match (name, container.get(name)) {
            ("resources", Some(resources)) => resources.as_object().is_some_and(|of| !of.is_empty()),
            (_, found) => found.is_some(),
        };
        let fields =
            ["ports", "resources", "resizePolicy", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"];
        for name in fields.into_iter().filter(|name| asks(name)) {
            causes.forbidden(&format!("{path}.{name}"), never);
        }
        for (at, mount) in items(container, "volumeMounts").iter().enumerate() {
            for name in ["subPath", "subPathExpr"].into_iter().filter(|name| !text(mount, name).is_empty()) {
                causes.forbidden(&format!("{path}.volumeMounts[{at}].{name}"), never);
            }
        }
    }
}

fn name_is_free<'a>(container: &'a Json, path: &str, taken: &mut BTreeSet<&'a str>, causes: &mut Causes) {
    let name = text(container, "name");
    if !taken.insert(name) {
        causes.duplicate(&format!("{path}.name"), name);
    }
}

fn check(container: &Json, path: &str, volumes: &Volumes<'_>, restart: &str, causes: &mut Causes) {
    let name = text(container, "name");
    if name.is_empty() {
        causes.required(&format!("{path}.name"), "");
    } else {
        causes.each(&format!("{path}.name"), name, names::dns_label(name));
    }
    if text(container, "image").is_empty() {
        causes.required(&format!("{path}.image"), "");
    }
    let policy = text(container, "terminationMessagePolicy");
    causes.one_of(&format!("{path}.terminationMessagePolicy"), policy, &["File", "FallbackToLogsOnError"]);
    check_ports(container, path, causes);
    environment::check(container, path, causes);
    mount::check(container, path, volumes, causes);
    let pull = text(container, "imagePullPolicy");
    causes.one_of(&format!("{path}.imagePullPolicy"), pull, &["Always", "IfNotPresent", "Never"]);
    resources::check(get(container, "resources"), &format!("{path}.resources"), causes);
    resources::check_resize(container, path, restart, causes);
    security::check_container(container, path, causes);
}

fn check_ports(container: &Json, path: &str, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (at, port) in items(container, "ports").iter().enumerate() {
        let path = format!("{path}.ports[{at}]");
        let name = text(port, "name");
        if !name.is_empty() {
            let words = names::port_name(name);
            if words.is_empty() && !taken.insert(name) {
                causes.duplicate(&format!("{path}.name"), name);
            }
            causes.each(&format!("{path}.name"), name, words);
        }
        match number(port, "containerPort").unwrap_or_default() {
            0 => causes.required(&format!("{path}.containerPort"), ""),
            number => check_port_number(number, &format!("{path}.containerPort"), causes),
        }
        if let Some(host) = number(port, "hostPort").filter(|host| *host != 0) {
            check_port_number(host, &format!("{path}.hostPort"), causes);
        }
        causes.one_of(&format!("{path}.protocol"), text(port, "protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

fn check_port_number(number: i64, field: &str, causes: &mut Causes) {
    for words in names::port_number(number) {
        causes.invalid(field, number, &words);
    }
}

/// A port by number or by name.
pub(crate) fn check_port(port: &Json, field: &str, causes: &mut Causes) {
    match (port.as_i64(), port.as_str()) {
        (Some(number), _) => check_port_number(number, field, causes),
        (None, Some(name)) => causes.each(field, name, names::port_name(name)),
        _ => check_port_number(0, field, causes),
    }
}

/// Two containers can't have the same port of the host.
fn host_ports<'a>(containers: impl Iterator<Item = (usize, &'a Json)>, path: &str, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (at, container) in containers {
        for (port_at, port) in items(container, "ports").iter().enumerate() {
            let Some(host) = number(port, "hostPort").filter(|host| *host != 0) else { continue };
            let key = format!("{}/{}/{host}", text(port, "protocol"), text(port, "hostIP"));
            if !taken.insert(key.clone()) {
                causes.duplicate(&format!("{path}[{at}].ports[{port_at}].hostPort"), key);
            }
        }
    }
}

/// When a container is restarted by rules of its own.
fn check_restarts(container: &Json, path: &str, init: bool, causes: &mut Causes) {
    const MOST_RULES: usize = 20;
    const MOST_CODES: usize = 255;
    let rules = items(container, "restartPolicyRules");
    let field = format!("{path}.restartPolicy");
    match get(container, "restartPolicy").as_str() {
        Some(policy) => {
            causes.one_of(&field, policy, &["Always", "Never", "OnFailure"]);
        }
        None if !rules.is_empty() => {
            causes.required(&field, "must specify restartPolicy when restart rules are used");
            if init {
                return;
            }
        }
        None => {}
    }
    let list = format!("{path}.restartPolicyRules");
    causes.not_more_than(&list, rules.len(), MOST_RULES);
    for (at, rule) in rules.iter().enumerate() {
        let path = format!("{list}[{at}]");
        causes.one_of(&format!("{path}.action"), text(rule, "action"), &["Restart", "RestartAllContainers"]);
        let Some(codes) = rule.get("exitCodes") else {
            causes.required(&format!("{path}.exitCodes"), "must be specified");
            continue;
        };
        causes.one_of(&format!("{path}.exitCodes.operator"), text(codes, "operator"), &["In", "NotIn"]);
        causes.not_more_than(&format!("{path}.exitCodes.values"), items(codes, "values").len(), MOST_CODES);
    }
}
