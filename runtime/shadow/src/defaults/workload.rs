//! What is filled into the kinds that make pods.

use serde_json::json;

use super::fields::{drop, fill, get, items_mut, map, object, set, text};
use super::pod;
use crate::Json;

pub(super) fn deployment(object: &mut Json) {
    if let Some(annotations) = object.pointer_mut("/metadata/annotations") {
        // A revision to go back to, from before apps/v1: the API server reads it as a number and keeps it.
        if get(annotations, "deprecated.deployment.rollback.to") == "" {
            drop(annotations, "deprecated.deployment.rollback.to");
        }
    }
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
    if let Some(strategy) = self::object(spec, "strategy") {
        fill(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = self::object(strategy, "rollingUpdate")
        {
            fill(rolling, "maxUnavailable", "25%");
            fill(rolling, "maxSurge", "25%");
        }
    }
    pod::template(spec);
}

pub(super) fn daemon_set(object: &mut Json) {
    // An old field, of which this is all that is left in v1.
    if let Some(annotations) = self::object(object, "metadata").and_then(|metadata| map(metadata, "annotations")) {
        annotations.entry("deprecated.daemonset.template.generation").or_insert_with(|| "0".into());
    }
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "revisionHistoryLimit", 10);
    if let Some(strategy) = self::object(spec, "updateStrategy") {
        fill(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = self::object(strategy, "rollingUpdate")
        {
            fill(rolling, "maxUnavailable", 1);
            fill(rolling, "maxSurge", 0);
        }
    }
    pod::template(spec);
}

pub(super) fn stateful_set(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = self::object(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            set(strategy, "type", "RollingUpdate");
            fill(strategy, "rollingUpdate", json!({}));
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = strategy.get_mut("rollingUpdate")
        {
            fill(rolling, "partition", 0);
        }
    }
    if let Some(retention) = self::object(spec, "persistentVolumeClaimRetentionPolicy") {
        fill(retention, "whenDeleted", "Retain");
        fill(retention, "whenScaled", "Retain");
    }
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    pod::template(spec);
    for claim in items_mut(spec, "volumeClaimTemplates") {
        super::storage::claim(claim);
        set(claim, "apiVersion", "v1");
        set(claim, "kind", "PersistentVolumeClaim");
    }
}

pub(super) fn replica_set(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "replicas", 1);
    pod::template(spec);
}

pub(super) fn replication_controller(object: &mut Json) {
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    if let Some(labels) = labels {
        if let Some(spec) = object.get_mut("spec") {
            fill(spec, "selector", labels.clone());
        }
        if let Some(metadata) = object.get_mut("metadata") {
            fill(metadata, "labels", labels);
        }
    }
    replica_set(object);
}

pub(super) fn job(object: &mut Json) {
    let labels = object.pointer("/spec/template/metadata/labels").cloned();
    if let (Some(labels), Some(metadata)) = (labels, object.get_mut("metadata")) {
        fill(metadata, "labels", labels);
    }
    if let Some(spec) = object.get_mut("spec") {
        job_spec(spec);
    }
}

/// The spec of a job, whose own labels are filled as well.
fn job_spec(spec: &mut Json) {
    if get(spec, "completions").is_null() && get(spec, "parallelism").is_null() {
        set(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    fill(spec, "backoffLimit", if get(spec, "backoffLimitPerIndex").is_null() { 6 } else { i32::MAX });
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    let replacement = if get(spec, "podFailurePolicy").is_null() { "TerminatingOrFailed" } else { "Failed" };
    fill(spec, "podReplacementPolicy", replacement);
    fill(spec, "manualSelector", false);
    job_parts(spec);
}

/// What is filled in within a CronJob's template as well.
fn job_parts(spec: &mut Json) {
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for condition in items_mut(policy, "rules").flat_map(|rule| items_mut(rule, "onPodConditions")) {
            if text(condition, "status").is_empty() {
                set(condition, "status", "True");
            }
        }
    }
    pod::template(spec);
}

pub(super) fn cron_job(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
    if let Some(job) = spec.pointer_mut("/jobTemplate/spec") {
        job_parts(job);
    }
}

pub(super) fn pod_template(object: &mut Json) {
    pod::template(object);
}
