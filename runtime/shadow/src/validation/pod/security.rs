//! Security contexts.

use super::super::causes::Causes;
use crate::Json;
use crate::defaults::fields::{get, items, number, text, truth};

fn check_id(of: &Json, name: &str, path: &str, causes: &mut Causes) {
    check_number(number(of, name), &format!("{path}.{name}"), causes);
}

fn check_number(id: Option<i64>, field: &str, causes: &mut Causes) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        causes.invalid(field, id, &format!("must be between 0 and {}, inclusive", i32::MAX));
    }
}

pub(super) fn check_pod(spec: &Json, field: &str, causes: &mut Causes) {
    let Some(context) = spec.get("securityContext") else { return };
    let path = format!("{field}.securityContext");
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
        check_id(context, name, &path, causes);
    }
    for (at, group) in items(context, "supplementalGroups").iter().enumerate() {
        check_number(group.as_i64(), &format!("{path}.supplementalGroups[{at}]"), causes);
    }
    if truth(spec, "hostPID") && truth(spec, "shareProcessNamespace") {
        let words = "ShareProcessNamespace and HostPID cannot both be enabled";
        causes.invalid(&format!("{path}.shareProcessNamespace"), true, words);
    }
    if let Some(policy) = get(context, "fsGroupChangePolicy").as_str() {
        causes.one_of(&format!("{path}.fsGroupChangePolicy"), policy, &["Always", "OnRootMismatch"]);
    }
    check_seccomp(context, &path, causes);
    if let Some(policy) = get(context, "supplementalGroupsPolicy").as_str() {
        causes.one_of(&format!("{path}.supplementalGroupsPolicy"), policy, &["Merge", "Strict"]);
    }
    if let Some(policy) = get(context, "seLinuxChangePolicy").as_str() {
        causes.one_of(&format!("{path}.seLinuxChangePolicy"), policy, &["Recursive"]);
    }
}

pub(super) fn check_container(container: &Json, path: &str, causes: &mut Causes) {
    let Some(context) = container.get("securityContext") else { return };
    let path = format!("{path}.securityContext");
    for name in ["runAsUser", "runAsGroup"] {
        check_id(context, name, &path, causes);
    }
    if let Some(mount) = get(context, "procMount").as_str() {
        causes.one_of(&format!("{path}.procMount"), mount, &["Default", "Unmasked"]);
    }
    check_seccomp(context, &path, causes);
    if get(context, "allowPrivilegeEscalation") == false {
        if truth(context, "privileged") {
            let words = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            causes.invalid(&path, in_go(context), words);
        }
        if items(get(context, "capabilities"), "add").iter().any(|c| c == "CAP_SYS_ADMIN") {
            let words = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            causes.invalid(&path, in_go(context), words);
        }
    }
}

/// The whole context as the API server prints it: by the names of its own, in its own order.
fn in_go(context: &Json) -> Json {
    const NAMES: [(&str, &str); 12] = [
        ("Capabilities", "capabilities"),
        ("Privileged", "privileged"),
        ("SELinuxOptions", "seLinuxOptions"),
        ("WindowsOptions", "windowsOptions"),
        ("RunAsUser", "runAsUser"),
        ("RunAsGroup", "runAsGroup"),
        ("RunAsNonRoot", "runAsNonRoot"),
        ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem"),
        ("AllowPrivilegeEscalation", "allowPrivilegeEscalation"),
        ("ProcMount", "procMount"),
        ("SeccompProfile", "seccompProfile"),
        ("AppArmorProfile", "appArmorProfile"),
    ];
    let value = |name: &str| match (name, context.get(name)) {
        ("capabilities", Some(of)) => serde_json::json!({"Add": get(of, "add"), "Drop": get(of, "drop")}),
        (_, Some(value)) => value.clone(),
        (_, None) => Json::Null,
    };
    Json::Object(NAMES.iter().map(|(go, name)| ((*go).to_owned(), value(name))).collect())
}

fn check_seccomp(context: &Json, path: &str, causes: &mut Causes) {
    let Some(profile) = context.get("seccompProfile") else { return };
    let path = format!("{path}.seccompProfile");
    match (text(profile, "type"), get(profile, "localhostProfile").as_str()) {
        ("", _) => causes.required(&format!("{path}.type"), "type is required when seccompProfile is set"),
        ("Localhost", None) => {
            causes.required(&format!("{path}.localhostProfile"), "must be set when seccomp type is Localhost");
        }
        ("Localhost", Some(file)) if file.starts_with('/') => {
            causes.invalid(&format!("{path}.localhostProfile"), file, "must be a relative path");
        }
        ("Localhost", Some(_)) | ("RuntimeDefault" | "Unconfined", None) => {}
        (kind @ ("RuntimeDefault" | "Unconfined"), Some(file)) => {
            let value = serde_json::json!({"Type": kind, "LocalhostProfile": file});
            causes.invalid(
                &format!("{path}.localhostProfile"),
                value,
                "can only be set when seccomp type is Localhost",
            );
        }
        (other, _) => {
            causes.unsupported(&format!("{path}.type"), other, &["Localhost", "RuntimeDefault", "Unconfined"]);
        }
    }
}
