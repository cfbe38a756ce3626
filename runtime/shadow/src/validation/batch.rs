//! Jobs and CronJobs.

use serde_json::json;

use super::causes::Causes;
use super::{job_policies, names, pod, selector};
use crate::Json;
use crate::cron::Schedule;
use crate::defaults::fields::{drop, get, items, items_mut, number, set, text, truth};
use crate::schema::internal::printed;

pub(super) fn create_job(job: &Json, causes: &mut Causes) {
    let spec = get(job, "spec");
    generated_selector(job, causes);
    check_job(spec, causes);
    let completions = number(spec, "completions").unwrap_or_default();
    if text(spec, "completionMode") == "Indexed" && completions > 0 {
        let host = format!("{}-{}", crate::object::name(job), completions - 1);
        if !names::dns_label(&host).is_empty() {
            let words = format!("will not able to create pod with invalid DNS label: {host}");
            causes.invalid("metadata.name", crate::object::name(job), &words);
        }
    }
}

pub(super) fn update_job(job: &Json, old: &Json, causes: &mut Causes) {
    // A changed job is judged as a new one, and then beside the old one.
    create_job(job, causes);
    let (spec, before) = (get(job, "spec"), get(old, "spec"));
    check_job(spec, causes);
    if text(spec, "completionMode") != "Indexed" {
        causes.immutable("spec.completions", get(spec, "completions"), get(before, "completions"));
    } else if get(spec, "completions") != get(before, "completions")
        && spec.get("completions").is_some()
        && get(spec, "completions") != get(spec, "parallelism")
    {
        let words = "can only be modified in tandem with spec.parallelism";
        causes.invalid("spec.completions", get(spec, "completions").clone(), words);
    }
    causes.immutable("spec.selector", get(spec, "selector"), get(before, "selector"));
    template(job, old, causes);
    for (name, of) in [
        ("completionMode", "*s"),
        ("podFailurePolicy", "*PodFailurePolicy"),
        ("backoffLimitPerIndex", "*i"),
        ("managedBy", "*s"),
        ("successPolicy", "*SuccessPolicy"),
    ] {
        if get(spec, name) != get(before, name) {
            causes.invalid(&format!("spec.{name}"), printed(of, get(spec, name)), "field is immutable");
        }
    }
}

/// The template of a job that is held may change in where its pods go and what they ask for; others' may not.
fn template(job: &Json, old: &Json, causes: &mut Causes) {
    let (now, before) = (get(get(job, "spec"), "template"), get(get(old, "spec"), "template"));
    let status = get(old, "status");
    let held = truth(get(old, "spec"), "suspend");
    let paused =
        items(status, "conditions").iter().any(|c| text(c, "type") == "Suspended" && text(c, "status") == "True");
    let free = (get(status, "startTime").is_null() || paused) && number(status, "active").unwrap_or_default() == 0;
    if !held || !free {
        if now != before {
            causes.invalid("spec.template", printed("PodTemplateSpec", now), "field is immutable");
        }
        return;
    }
    let (spec, mut fixed) = (get(now, "spec"), get(before, "spec").clone());
    take(&mut fixed, spec, "nodeSelector");
    take(&mut fixed, spec, "tolerations");
    take(&mut fixed, spec, "schedulingGates");
    let mut affinity = get(&fixed, "affinity").as_object().cloned().map_or_else(|| json!({}), Json::Object);
    take(&mut affinity, get(spec, "affinity"), "nodeAffinity");
    if affinity.as_object().is_some_and(|affinity| !affinity.is_empty()) || spec.get("affinity").is_some() {
        set(&mut fixed, "affinity", affinity);
    } else {
        drop(&mut fixed, "affinity");
    }
    for list in ["containers", "initContainers"] {
        if items(spec, list).len() == items(&fixed, list).len() {
            let pairs = items_mut(&mut fixed, list).zip(items(spec, list));
            for (fixed, now) in pairs.filter(|(fixed, now)| text(fixed, "name") == text(now, "name")) {
                take(fixed, now, "resources");
            }
        }
    }
    if *spec != fixed {
        causes.invalid("spec.template.spec", printed("PodSpec", spec), "field is immutable");
    }
}

/// Makes a field what it is in another object.
fn take(object: &mut Json, from: &Json, name: &str) {
    match from.get(name) {
        Some(value) => set(object, name, value.clone()),
        None => {
            drop(object, name);
        }
    }
}

/// The labels by which a job knows its pods are its own to give.
fn generated_selector(job: &Json, causes: &mut Causes) {
    let spec = get(job, "spec");
    if truth(spec, "manualSelector") || !get(spec, "selector").is_object() {
        return;
    }
    let labels = get(get(get(spec, "template"), "metadata"), "labels");
    let (uid, name) = (crate::object::uid(job), crate::object::name(job));
    let expected = [
        ("batch.kubernetes.io/controller-uid", uid),
        ("controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
        ("job-name", name),
    ];
    for (label, expected) in expected {
        let field = format!("spec.template.metadata.labels[{label}]");
        let words = format!("must be '{expected}'");
        match labels.get(label).and_then(Json::as_str) {
            None => causes.required(&field, &words),
            Some(given) if given != expected => causes.invalid(&field, labels.clone(), &words),
            Some(_) => {}
        }
    }
    let of = get(spec, "selector");
    let generated = expected.iter().map(|(label, value)| ((*label).to_owned(), Json::from(*value))).collect();
    if selector::is_readable(of) && !selector::matches(of, &Json::Object(generated)) {
        causes.invalid("spec.selector", of.clone(), "`selector` not auto-generated");
    }
}

fn check_job(spec: &Json, causes: &mut Causes) {
    check_job_spec(spec, "spec", causes);
    let of = get(spec, "selector");
    if of.is_object() {
        selector::check(of, "spec.selector", causes);
    } else {
        causes.required("spec.selector", "");
    }
    let labels = get(get(get(spec, "template"), "metadata"), "labels");
    if selector::is_readable(of) && !selector::matches(of, labels) {
        let words = "`selector` does not match template `labels`";
        causes.invalid("spec.template.metadata.labels", labels.clone(), words);
    }
}

fn check_job_spec(spec: &Json, path: &str, causes: &mut Causes) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    for name in counts {
        causes.not_negative(&format!("{path}.{name}"), number(spec, name));
    }
    let failed = number(spec, "maxFailedIndexes");
    if failed.is_some() && number(spec, "backoffLimitPerIndex").is_none() {
        causes.required(&format!("{path}.backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    let mode = get(spec, "completionMode").as_str().unwrap_or("NonIndexed");
    causes.one_of(&format!("{path}.completionMode"), mode, &["NonIndexed", "Indexed"]);
    if mode == "Indexed" {
        if number(spec, "completions").is_none() {
            causes.required(&format!("{path}.completions"), "when completion mode is Indexed");
        }
        if let Some(parallel) = number(spec, "parallelism").filter(|parallel| *parallel > 100_000) {
            let words = "must be less than or equal to 100000 when completion mode is Indexed";
            causes.invalid(&format!("{path}.parallelism"), parallel, words);
        }
        if let (Some(failed), Some(all)) = (failed, number(spec, "completions"))
            && failed > all
        {
            causes.invalid(&format!("{path}.maxFailedIndexes"), failed, "must be less than or equal to completions");
        }
    } else if mode == "NonIndexed" {
        for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(value) = number(spec, name) {
                causes.invalid(&format!("{path}.{name}"), value, "requires indexed completion mode");
            }
        }
    }
    job_policies::check(spec, path, causes);
    if let Some(replacement) = get(spec, "podReplacementPolicy").as_str() {
        let field = format!("{path}.podReplacementPolicy");
        if spec.get("podFailurePolicy").is_some() {
            causes.one_of(&field, replacement, &["Failed"]);
        } else {
            causes.one_of(&field, replacement, &["Failed", "TerminatingOrFailed"]);
        }
    }
    pod::check_template(get(spec, "template"), &format!("{path}.template"), &[], causes);
    let field = format!("{path}.template.spec.restartPolicy");
    match text(get(get(spec, "template"), "spec"), "restartPolicy") {
        "Always" | "" => causes.required(&field, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.get("podFailurePolicy").is_some() => {
            causes.invalid(&field, "OnFailure", "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        other => causes.unsupported(&field, other, &["OnFailure", "Never"]),
    }
}

/// What a job may be said to have come to: it ends but once, and in order.
pub(super) fn job_status(job: &Json, old: &Json, causes: &mut Causes) {
    let (status, before) = (get(job, "status"), get(old, "status"));
    for name in ["active", "succeeded", "failed", "ready", "terminating"] {
        causes.not_negative(&format!("status.{name}"), number(status, name));
    }
    let is = |status: &Json, kind: &str| {
        items(status, "conditions").iter().any(|c| text(c, "type") == kind && text(c, "status") == "True")
    };
    let changed = |kind: &str| is(status, kind) != is(before, kind);
    let differs = |name: &str| get(status, name) != get(before, name);
    let wrong = |words: &str, causes: &mut Causes| causes.invalid_unnamed("status.conditions", words);
    let (complete, failed) = (is(status, "Complete"), is(status, "Failed"));
    let (met, target) = (is(status, "SuccessCriteriaMet"), is(status, "FailureTarget"));
    let ended = complete || failed;
    let ends = ended != (is(before, "Complete") || is(before, "Failed"));
    let completed = get(status, "completionTime");
    if complete && failed && (changed("Complete") || changed("Failed")) {
        wrong("cannot set Complete=True and Failed=true conditions", causes);
    }
    if complete && target && (changed("Complete") || changed("FailureTarget")) {
        wrong("cannot set Complete=True and FailureTarget=true conditions", causes);
    }
    if changed("Complete") || differs("completionTime") {
        if !completed.is_null() && !complete {
            let words = "cannot set completionTime when there is no Complete=True condition";
            causes.invalid("status.completionTime", completed.clone(), words);
        }
        if completed.is_null() && complete {
            causes.required("status.completionTime", "completionTime is required for Complete jobs");
        }
    }
    if (differs("startTime") || differs("completionTime"))
        && let (Some(start), Some(end)) = (get(status, "startTime").as_str(), completed.as_str())
        && end < start
    {
        causes.invalid("status.completionTime", end, "must be equal to or after `startTime`");
    }
    if failed && !target && (changed("Failed") || differs("failedIndexes")) {
        wrong("cannot set Failed=True condition without the FailureTarget=true condition", causes);
    }
    if complete && !met && (changed("Complete") || changed("SuccessCriteriaMet")) {
        wrong("cannot set Complete=True condition without the SuccessCriteriaMet=true condition", causes);
    }
    let above = |name: &str| number(status, name).filter(|count| *count > 0);
    if let Some(active) = above("active").filter(|_| ended && (ends || differs("active"))) {
        causes.invalid("status.active", active, "active>0 is invalid for finished job");
    }
    let spec = get(job, "spec");
    let empty = truth(spec, "suspend") && number(spec, "completions") == Some(0);
    if get(status, "startTime").is_null() && ended && (ends || differs("startTime")) && !empty {
        causes.required("status.startTime", "startTime is required for finished job");
    }
    if let Some(count) = above("terminating").filter(|_| ended && (ends || differs("terminating"))) {
        causes.invalid("status.terminating", count, "terminating>0 is invalid for finished job");
    }
    let ready = number(status, "ready").filter(|ready| *ready > number(status, "active").unwrap_or_default());
    if let Some(ready) = ready.filter(|_| differs("ready") || differs("active")) {
        causes.invalid("status.ready", ready, "cannot set more ready pods than active");
    }
    for (other, name) in [(failed, "Failed"), (target, "FailureTarget")] {
        if met && other {
            wrong(&format!("cannot set SuccessCriteriaMet=True and {name}=true conditions"), causes);
        }
    }
    if spec.get("successPolicy").is_some() && !met && complete {
        wrong("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True", causes);
    }
    job_status_update(job, old, &is, causes);
}

/// What is said of a job stays true.
fn job_status_update(job: &Json, old: &Json, is: &dyn Fn(&Json, &str) -> bool, causes: &mut Causes) {
    const CONDITIONS: &str = "status.conditions";
    let (status, before, spec) = (get(job, "status"), get(old, "status"), get(job, "spec"));
    for kind in ["Failed", "Complete", "FailureTarget"] {
        if is(before, kind) && !is(status, kind) {
            causes.invalid_unnamed(CONDITIONS, &format!("cannot disable the terminal {kind}=True condition"));
        }
    }
    let elastic = text(spec, "completionMode") == "Indexed" && get(spec, "completions") == get(spec, "parallelism");
    for name in ["failed", "succeeded"].into_iter().filter(|name| *name == "failed" || !elastic) {
        let count = |status: &Json| number(status, name).unwrap_or_default();
        if count(status) < count(before) {
            let words = format!("cannot decrease the {name} counter");
            causes.invalid(&format!("status.{name}"), count(status), &words);
        }
    }
    let moved = |name: &str| !get(before, name).is_null() && get(status, name) != get(before, name);
    if moved("completionTime") && !get(status, "completionTime").is_null() {
        causes.invalid("status.completionTime", get(status, "completionTime").clone(), "field is immutable");
    }
    let resumed = is(before, "Suspended")
        && items(status, "conditions").iter().any(|c| text(c, "type") == "Suspended" && text(c, "status") == "False");
    if moved("startTime") && !truth(spec, "suspend") && !resumed {
        let words = "field is immutable for unsuspended job once set";
        causes.invalid("status.startTime", get(status, "startTime").clone(), words);
    }
    let (met, had) = (is(status, "SuccessCriteriaMet"), is(before, "SuccessCriteriaMet"));
    if had && !met {
        causes.invalid_unnamed(CONDITIONS, "cannot disable the SuccessCriteriaMet=True condition");
    }
    if is(before, "Complete") && !had && met {
        let words = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
        causes.invalid_unnamed(CONDITIONS, words);
    }
}

pub(super) fn create_cron_job(object: &Json, causes: &mut Causes) {
    check_cron_job(object, true, causes);
    let name = crate::object::name(object);
    if name.len() > 52 {
        causes.invalid("metadata.name", name, "must be no more than 52 characters");
    }
}

pub(super) fn update_cron_job(object: &Json, old: &Json, causes: &mut Causes) {
    let zone = |object: &Json| get(get(object, "spec"), "timeZone").clone();
    check_cron_job(object, zone(object) != zone(old), causes);
}

fn check_cron_job(object: &Json, new_zone: bool, causes: &mut Causes) {
    let spec = get(object, "spec");
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        causes.required("spec.schedule", "");
    } else {
        if let Err(words) = Schedule::read(schedule) {
            causes.invalid("spec.schedule", schedule, &words);
        }
        if schedule.contains("TZ") {
            let words = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            causes.invalid("spec.schedule", schedule, words);
        }
    }
    causes.not_negative("spec.startingDeadlineSeconds", number(spec, "startingDeadlineSeconds"));
    if let (true, Some(zone)) = (new_zone, get(spec, "timeZone").as_str()) {
        check_zone(zone, causes);
    }
    let policy = text(spec, "concurrencyPolicy");
    causes.one_of("spec.concurrencyPolicy", policy, &["Allow", "Forbid", "Replace"]);
    let job = get(get(spec, "jobTemplate"), "spec");
    check_job_spec(job, "spec.jobTemplate.spec", causes);
    if let Some(of) = job.get("selector") {
        causes.invalid("spec.jobTemplate.spec.selector", of.clone(), "`selector` will be auto-generated");
    }
    if truth(job, "manualSelector") {
        causes.unsupported("spec.jobTemplate.spec.manualSelector", true, &["nil", "false"]);
    }
    for name in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        causes.not_negative(&format!("spec.{name}"), number(spec, name));
    }
}

fn check_zone(zone: &str, causes: &mut Causes) {
    const FIELD: &str = "spec.timeZone";
    if zone.is_empty() {
        return causes.invalid(FIELD, "", "timeZone must be nil or non-empty string");
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let odd = |part: &str| {
        part.is_empty() || part == "." || part == ".." || part.starts_with('-') || !part.chars().all(known)
    };
    if zone.split('/').any(odd) {
        return causes.invalid(FIELD, zone, &format!("unknown time zone {zone}"));
    }
    if zone.eq_ignore_ascii_case("local") {
        let words = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        causes.invalid(FIELD, zone, words);
    } else if jiff::tz::TimeZoneDatabase::bundled().get(zone).is_err() {
        causes.invalid(FIELD, zone, &format!("unknown time zone {zone}"));
    }
}
