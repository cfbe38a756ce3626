//! Probes and what happens at a container's start and end.

use super::super::causes::Causes;
use super::super::names;
use super::check_port;
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

pub(super) fn check_probes(container: &Json, path: &str, causes: &mut Causes) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(name) else { continue };
        let path = format!("{path}.{name}");
        check_handler(probe, &path, None, causes);
        let fields = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
        for field in fields {
            causes.not_negative(&format!("{path}.{field}"), number(probe, field));
        }
        let grace = number(probe, "terminationGracePeriodSeconds");
        let grace_path = format!("{path}.terminationGracePeriodSeconds");
        if let Some(seconds) = grace.filter(|seconds| *seconds <= 0) {
            causes.invalid(&grace_path, seconds, "must be greater than 0");
        }
        match (name, number(probe, "successThreshold"), grace) {
            ("readinessProbe", _, Some(seconds)) => {
                causes.invalid(&grace_path, seconds, "must not be set for readinessProbes");
            }
            ("livenessProbe" | "startupProbe", Some(threshold), _) if threshold != 1 => {
                causes.invalid(&format!("{path}.successThreshold"), threshold, "must be 1");
            }
            _ => {}
        }
    }
}

pub(super) fn check_lifecycle(container: &Json, path: &str, spec: &Json, causes: &mut Causes) {
    let Some(lifecycle) = container.get("lifecycle") else { return };
    for name in ["postStart", "preStop"] {
        if let Some(handler) = lifecycle.get(name) {
            let grace = number(spec, "terminationGracePeriodSeconds").unwrap_or_default();
            check_handler(handler, &format!("{path}.lifecycle.{name}"), Some(grace), causes);
        }
    }
    if lifecycle.get("stopSignal").is_some() && get(get(spec, "os"), "name").as_str().is_none() {
        let words = "may not be set for containers with empty `spec.os.name`";
        causes.forbidden(&format!("{path}.lifecycle.stopSignal"), words);
    }
}

/// `grace` is the pod's grace period in seconds, where the handler may sleep.
fn check_handler(handler: &Json, path: &str, grace: Option<i64>, causes: &mut Causes) {
    let mut found = false;
    for name in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let Some(action) = handler.get(name) else { continue };
        let path = format!("{path}.{name}");
        if std::mem::replace(&mut found, true) {
            causes.forbidden(&path, "may not specify more than 1 handler type");
            continue;
        }
        match name {
            "exec" if items(action, "command").is_empty() => causes.required(&format!("{path}.command"), ""),
            "httpGet" => check_http(action, &path, causes),
            "tcpSocket" | "grpc" => check_port(get(action, "port"), &format!("{path}.port"), causes),
            "sleep" => {
                let seconds = number(action, "seconds").unwrap_or_default();
                let most = grace.unwrap_or_default();
                if seconds < 0 || seconds > most {
                    let words = format!("must be non-negative and less than terminationGracePeriodSeconds ({most})");
                    causes.invalid(&path, seconds, &words);
                }
            }
            _ => {}
        }
    }
    if !found {
        causes.required(path, "must specify a handler type");
    }
}

fn check_http(action: &Json, path: &str, causes: &mut Causes) {
    if text(action, "path").is_empty() {
        causes.required(&format!("{path}.path"), "");
    }
    check_port(get(action, "port"), &format!("{path}.port"), causes);
    causes.one_of(&format!("{path}.scheme"), text(action, "scheme"), &["HTTP", "HTTPS"]);
    for header in items(action, "httpHeaders") {
        let name = text(header, "name");
        causes.each(&format!("{path}.httpHeaders"), name, names::http_header(name));
    }
}
