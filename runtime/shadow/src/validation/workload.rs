//! The kinds that make pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, ReplicationControllers.

use serde_json::json;

use super::causes::Causes;
use super::metadata;
use super::{claim, names, pod, selector};
use crate::Json;
use crate::defaults::fields::{drop, entries, get, items, number, text};

pub(super) fn create(kind: &str, object: &Json, causes: &mut Causes) {
    check(kind, object, false, causes);
}

pub(super) fn update(kind: &str, object: &Json, old: &Json, causes: &mut Causes) {
    let (spec, before) = (get(object, "spec"), get(old, "spec"));
    if kind == "DaemonSet" {
        causes.immutable("spec.selector", get(spec, "selector"), get(before, "selector"));
    }
    check(kind, object, true, causes);
    match kind {
        "Deployment" | "ReplicaSet" => {
            causes.immutable("spec.selector", get(spec, "selector"), get(before, "selector"));
        }
        "StatefulSet" => {
            const FREE: [&str; 7] = [
                "replicas",
                "template",
                "updateStrategy",
                "minReadySeconds",
                "ordinals",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
            ];
            let rest = |spec: &Json| {
                let mut spec = spec.clone();
                for name in FREE {
                    drop(&mut spec, name);
                }
                spec
            };
            if rest(spec) != rest(before) {
                let words = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                             'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                             'minReadySeconds' are forbidden";
                causes.forbidden("spec", words);
            }
        }
        _ => {}
    }
}

/// A state that a workload was in, which never changes.
pub(super) fn revision(object: &Json, old: Option<&Json>, causes: &mut Causes) {
    causes.not_negative("revision", number(object, "revision"));
    let data = get(object, "data");
    match old.map(|old| get(old, "data")) {
        Some(before) if data != before => {
            // Its fields in the order of their names, as in what patches make, and clients written in Go.
            let mut shown = data.clone();
            shown.sort_all_objects();
            causes.invalid("data", shown, "field is immutable");
        }
        None if data.is_null() => causes.required("data", "data is mandatory"),
        None if !data.is_object() => causes.required("data", "data must be a valid JSON object"),
        _ => {}
    }
}

fn check(kind: &str, object: &Json, exists: bool, causes: &mut Causes) {
    let spec = get(object, "spec");
    match kind {
        "Deployment" => deployment(spec, causes),
        "ReplicaSet" => {
            counts(spec, &["replicas", "minReadySeconds"], causes);
            chosen(spec, "deployment", causes);
            replica_template(spec, causes);
        }
        "StatefulSet" => stateful_set(spec, exists, causes),
        "DaemonSet" => daemon_set(spec, causes),
        _ => replication_controller(spec, causes),
    }
}

fn counts(spec: &Json, fields: &[&str], causes: &mut Causes) {
    for field in fields {
        causes.not_negative(&format!("spec.{field}"), number(spec, field));
    }
}

/// The selector, which has to be there and say something.
fn chosen(spec: &Json, kind: &str, causes: &mut Causes) {
    let of = get(spec, "selector");
    if !of.is_object() {
        return causes.required("spec.selector", "");
    }
    selector::check(of, "spec.selector", causes);
    if selector::is_empty(of) {
        causes.invalid("spec.selector", of.clone(), &format!("empty selector is invalid for {kind}"));
    }
}

const NO_MATCH: &str = "`selector` does not match template `labels`";

fn template_labels(spec: &Json) -> &Json {
    get(get(get(spec, "template"), "metadata"), "labels")
}

/// The selector has to match the template.
fn matches(spec: &Json, causes: &mut Causes) {
    let labels = template_labels(spec);
    let of = get(spec, "selector");
    if !selector::matches(of, labels) && selector::is_readable(of) {
        causes.invalid("spec.template.metadata.labels", labels.clone(), NO_MATCH);
    }
}

/// Whether the API server can turn the selector into one that it can match with.
fn is_usable(spec: &Json) -> bool {
    selector::is_readable(get(spec, "selector"))
}

fn always_restarts(spec: &Json, kind: &str, causes: &mut Causes) {
    let pod = get(get(spec, "template"), "spec");
    let policy = text(pod, "restartPolicy");
    causes.one_of("spec.template.spec.restartPolicy", policy, &["Always"]);
    if pod.get("activeDeadlineSeconds").is_some() {
        let words = format!("activeDeadlineSeconds in {kind} is not Supported");
        causes.forbidden("spec.template.spec.activeDeadlineSeconds", &words);
    }
}

fn replica_template(spec: &Json, causes: &mut Causes) {
    if !is_usable(spec) {
        return causes.invalid("spec.selector", get(spec, "selector").clone(), "invalid label selector");
    }
    // Where there is no selector, or one for everything, that has been said.
    if !selector::is_empty(get(spec, "selector")) || !get(spec, "selector").is_object() {
        matches(spec, causes);
    }
    pod::check_template(get(spec, "template"), "spec.template", &[], causes);
    always_restarts(spec, "ReplicaSet", causes);
}

/// A count, or a share such as `25%`.
pub(super) fn int_or_percent(value: &Json, field: &str, causes: &mut Causes) {
    match (value.as_str(), value.as_i64()) {
        (Some(text), _) => {
            for words in names::percent(text) {
                causes.invalid(field, text, &words);
            }
        }
        (None, number) => causes.not_negative(field, number),
    }
}

/// A share above all.
pub(super) fn not_above_all(value: &Json, field: &str, causes: &mut Causes) {
    let share = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    if share.is_some_and(|share| share > 100) {
        causes.invalid(field, value.clone(), "must not be greater than 100%");
    }
}

fn amount(value: &Json) -> i64 {
    let text = value.as_str().map(|text| text.trim_end_matches('%').parse().unwrap_or_default());
    text.or_else(|| value.as_i64()).unwrap_or_default()
}

fn deployment(spec: &Json, causes: &mut Causes) {
    counts(spec, &["replicas"], causes);
    chosen(spec, "deployment", causes);
    replica_template(spec, causes);
    let strategy = get(spec, "strategy");
    let rolling = get(strategy, "rollingUpdate");
    let path = "spec.strategy.rollingUpdate";
    match text(strategy, "type") {
        "Recreate" if rolling.is_object() => {
            causes.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (lost, added) = (get(rolling, "maxUnavailable"), get(rolling, "maxSurge"));
            int_or_percent(lost, &format!("{path}.maxUnavailable"), causes);
            int_or_percent(added, &format!("{path}.maxSurge"), causes);
            if amount(lost) == 0 && amount(added) == 0 {
                let words = "may not be 0 when `maxSurge` is 0";
                causes.invalid(&format!("{path}.maxUnavailable"), lost.clone(), words);
            }
            not_above_all(lost, &format!("{path}.maxUnavailable"), causes);
        }
        other => {
            let value = json!({"Type": other, "RollingUpdate": in_go(rolling)});
            causes.unsupported("spec.strategy", value, &["Recreate", "RollingUpdate"]);
        }
    }
    counts(spec, &["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"], causes);
    let ready = number(spec, "minReadySeconds").unwrap_or_default();
    if let Some(deadline) = number(spec, "progressDeadlineSeconds").filter(|deadline| *deadline <= ready) {
        causes.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
}

/// The parameters of a rolling update by the API server's own names.
fn in_go(rolling: &Json) -> Json {
    if !rolling.is_object() {
        return Json::Null;
    }
    let of = |name: &str| rolling.get(name).cloned().unwrap_or_else(|| 0.into());
    json!({"MaxUnavailable": of("maxUnavailable"), "MaxSurge": of("maxSurge")})
}

fn daemon_set(spec: &Json, causes: &mut Causes) {
    let of = get(spec, "selector");
    selector::check(of, "spec.selector", causes);
    matches(spec, causes);
    if of.is_object() && selector::is_empty(of) {
        causes.invalid("spec.selector", of.clone(), "empty selector is invalid for daemonset");
    }
    pod::check_template(get(spec, "template"), "spec.template", &[], causes);
    always_restarts(spec, "DaemonSet", causes);
    counts(spec, &["minReadySeconds"], causes);
    let strategy = get(spec, "updateStrategy");
    let rolling = get(strategy, "rollingUpdate");
    let path = "spec.updateStrategy.rollingUpdate";
    match text(strategy, "type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let (lost, added) = (get(rolling, "maxUnavailable"), get(rolling, "maxSurge"));
            for check in [int_or_percent, not_above_all] {
                check(lost, &format!("{path}.maxUnavailable"), causes);
                check(added, &format!("{path}.maxSurge"), causes);
            }
            match (amount(lost) != 0, amount(added) != 0) {
                (true, true) => {
                    let words = "may not be set when maxUnavailable is non-zero";
                    causes.invalid(&format!("{path}.maxSurge"), added.clone(), words);
                }
                (false, false) => {
                    causes.required(&format!("{path}.maxUnavailable"), "cannot be 0 when maxSurge is 0");
                }
                _ => {}
            }
        }
        other => {
            let value = json!({"Type": other, "RollingUpdate": in_go(rolling)});
            causes.unsupported("spec.updateStrategy", value, &["RollingUpdate", "OnDelete"]);
        }
    }
    counts(spec, &["revisionHistoryLimit"], causes);
}

fn stateful_set(spec: &Json, exists: bool, causes: &mut Causes) {
    let policy = text(spec, "podManagementPolicy");
    if !matches!(policy, "OrderedReady" | "Parallel") {
        causes.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'");
    }
    let strategy = get(spec, "updateStrategy");
    let rolling = get(strategy, "rollingUpdate");
    let path = "spec.updateStrategy.rollingUpdate";
    match text(strategy, "type") {
        "OnDelete" if rolling.is_object() => {
            let partition = number(rolling, "partition").unwrap_or_default();
            let value = json!({"Partition": partition, "MaxUnavailable": get(rolling, "maxUnavailable")});
            causes.invalid(path, value, "only allowed for updateStrategy 'RollingUpdate'");
        }
        "OnDelete" => {}
        "RollingUpdate" => causes.not_negative(&format!("{path}.partition"), number(rolling, "partition")),
        other => {
            let value = json!({"Type": other, "RollingUpdate": Json::Null});
            causes.invalid("spec.updateStrategy", value, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
    let retention = get(spec, "persistentVolumeClaimRetentionPolicy");
    for name in ["whenDeleted", "whenScaled"] {
        let field = format!("spec.persistentVolumeClaimRetentionPolicy.{name}");
        causes.one_of(&field, text(retention, name), &["Retain", "Delete"]);
    }
    let claims = items(spec, "volumeClaimTemplates");
    if !exists {
        for (at, claim) in claims.iter().enumerate() {
            claim::check(get(claim, "spec"), &format!("spec.volumeClaimTemplates[{at}].spec"), causes);
        }
    }
    counts(spec, &["replicas", "minReadySeconds"], causes);
    causes.not_negative("spec.ordinals.start", number(get(spec, "ordinals"), "start"));
    let service = text(spec, "serviceName");
    if !exists && !service.is_empty() {
        causes.each("spec.serviceName", service, names::dns_label(service));
    }
    chosen(spec, "statefulset", causes);
    if is_usable(spec) {
        if !selector::is_empty(get(spec, "selector")) || !get(spec, "selector").is_object() {
            matches(spec, causes);
        }
        pod::check_template(get(spec, "template"), "spec.template", claims, causes);
        // The API server looks at the template's metadata twice.
        let own = get(get(spec, "template"), "metadata");
        metadata::labels(get(own, "labels"), "spec.template.labels", causes);
        metadata::annotations(get(own, "annotations"), "spec.template.annotations", causes);
    } else {
        causes.invalid("spec.selector", get(spec, "selector").clone(), "");
    }
    always_restarts(spec, "StatefulSet", causes);
}

fn replication_controller(spec: &Json, causes: &mut Causes) {
    counts(spec, &["minReadySeconds"], causes);
    let wanted = get(spec, "selector");
    if entries(spec, "selector").next().is_none() {
        causes.required("spec.selector", "");
    }
    counts(spec, &["replicas"], causes);
    if !get(spec, "template").is_object() {
        return causes.required("spec.template", "");
    }
    let labels = template_labels(spec);
    if entries(spec, "selector").any(|(key, value)| labels.get(key) != Some(value)) && wanted.is_object() {
        causes.invalid("spec.template.metadata.labels", labels.clone(), NO_MATCH);
    }
    pod::check_template(get(spec, "template"), "spec.template", &[], causes);
    always_restarts(spec, "ReplicationController", causes);
}
