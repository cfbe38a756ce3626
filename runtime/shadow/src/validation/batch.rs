//! Jobs and CronJobs.

use super::causes::Causes;
use super::metadata::{self, Name};
use super::{cron, names, pod, selector};
use crate::Json;
use crate::defaults::fields::{get, number, text, truth};
use crate::schema::internal::printed;

pub(super) fn create_job(job: &Json, causes: &mut Causes) {
    metadata::create(job, true, Name::Subdomain, causes);
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
        && get(spec, "completions") != get(spec, "parallelism")
    {
        let words = "can only be modified in tandem with spec.parallelism";
        causes.invalid("spec.completions", get(spec, "completions").clone(), words);
    }
    causes.immutable("spec.selector", get(spec, "selector"), get(before, "selector"));
    if get(spec, "template") != get(before, "template") {
        causes.invalid("spec.template", printed("PodTemplateSpec", get(spec, "template")), "field is immutable");
    }
    for name in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        causes.immutable(&format!("spec.{name}"), get(spec, name), get(before, name));
    }
}

/// The labels by which a job knows its pods are its own to give.
fn generated_selector(job: &Json, causes: &mut Causes) {
    let spec = get(job, "spec");
    if truth(spec, "manualSelector") {
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
        let given = labels.get(label).and_then(Json::as_str);
        if given.is_some_and(|given| given != expected) {
            let words = format!("must be '{expected}'");
            causes.invalid(&format!("spec.template.metadata.labels[{label}]"), labels.clone(), &words);
        }
    }
    let selected = get(get(spec, "selector"), "matchLabels");
    let chosen = selected.get("batch.kubernetes.io/controller-uid").and_then(Json::as_str) == Some(uid);
    let alone = selected.as_object().is_some_and(|labels| labels.len() == 1);
    if !chosen || !alone {
        causes.invalid("spec.selector", get(spec, "selector").clone(), "`selector` not auto-generated");
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

pub(super) fn create_cron_job(object: &Json, causes: &mut Causes) {
    metadata::create(object, true, Name::Subdomain, causes);
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
        if let Err(words) = cron::check(schedule) {
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
