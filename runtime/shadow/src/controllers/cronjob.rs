//! CronJobs: Jobs at the times of a schedule.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::json;

use super::fields::{between, controller_reference, items, later, put, stamp, take, text, time};
use super::pods::number;
use super::{Context, Controller, MANAGER, Next, Seen, View, job, unless_gone, writer};
use crate::Json;
use crate::cron::Schedule;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects, Propagation};

const NAME: &str = "cronjob-controller";
const RESOURCE: &str = "cronjobs.batch";
const JOBS: &str = "jobs.batch";

/// The controller.
pub(super) struct CronJobs;

impl Controller for CronJobs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, JOBS]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return vec![change.key.clone()];
        }
        let owner = object::controller_of(&change.object).filter(|owner| owner["kind"] == "CronJob");
        owner.map(|owner| Key::new(RESOURCE, &change.key.namespace, text(&owner["name"]))).into_iter().collect()
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(cron) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let jobs = cx.world.owned_by(JOBS, &key.namespace, object::uid(&cron));
        let mut status = if cron["status"].is_object() { cron["status"].clone() } else { json!({}) };
        settle(cx, &cron, &jobs, &mut status);
        trim(cx, &cron, &jobs)?;
        let next = if object::is_deleting(&cron) || cron["spec"]["suspend"] == true {
            Next::Wait
        } else {
            fire(cx, &cron, &jobs, &mut status)?
        };
        cx.set_status(MANAGER, RESOURCE, &cron, status)?;
        Ok(next)
    }
}

/// Takes Jobs that have ended out of the list of active ones.
fn settle(cx: &mut Context<'_>, cron: &Json, jobs: &[Arc<Json>], status: &mut Json) {
    let active = items(&status["active"]).to_vec();
    let mut left = Vec::new();
    for reference in active {
        let job = jobs.iter().find(|job| object::uid(job) == text(&reference["uid"]));
        match job {
            Some(job) if !job::is_finished(job) => left.push(reference),
            Some(job) => {
                let good = super::fields::is_true(&job["status"], "Complete");
                let word = if good { "Complete" } else { "Failed" };
                let message = format!("Saw completed job: {}, condition: {word}", object::name(job));
                cx.world.event(NAME, cron, "Normal", "SawCompletedJob", &message);
                if good && let Some(end) = time(&job["status"]["completionTime"]) {
                    let later_one = time(&status["lastSuccessfulTime"]).is_none_or(|known| end > known);
                    if later_one {
                        put(status, &["lastSuccessfulTime"], stamp(end));
                    }
                }
            }
            None => {
                let message = format!("Active job went missing: {}", text(&reference["name"]));
                cx.world.event(NAME, cron, "Normal", "MissingJob", &message);
            }
        }
    }
    if left.is_empty() {
        take(status, &["active"]);
    } else {
        put(status, &["active"], left);
    }
}

/// Deletes old Jobs beyond the history's limits.
fn trim(cx: &mut Context<'_>, cron: &Json, jobs: &[Arc<Json>]) -> Result<(), ApiError> {
    let is = |job: &Json, kind: &str| super::fields::is_true(&job["status"], kind);
    for (kind, limit, usual) in [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
    {
        let limit = usize::try_from(number(&cron["spec"][limit], usual)).unwrap_or(0);
        let mut old: Vec<&Arc<Json>> = jobs.iter().filter(|job| is(job, kind) && !object::is_deleting(job)).collect();
        old.sort_by_key(|job| (text(&job["status"]["startTime"]).to_owned(), object::name(job).to_owned()));
        let over = old.len().saturating_sub(limit);
        for job in old.into_iter().take(over) {
            remove(cx, cron, job)?;
        }
    }
    Ok(())
}

fn remove(cx: &mut Context<'_>, cron: &Json, job: &Json) -> Result<(), ApiError> {
    let deletion = Deletion { propagation: Some(Propagation::Background), ..Deletion::default() };
    let (namespace, name) = (object::namespace(job), object::name(job));
    unless_gone(cx.world.delete(&writer(MANAGER), JOBS, namespace, name, &deletion))?;
    cx.world.event(NAME, cron, "Normal", "SuccessfulDelete", &format!("Deleted job {name}"));
    Ok(())
}

/// Starts a Job if one is due; says when the next will be.
fn fire(cx: &mut Context<'_>, cron: &Json, jobs: &[Arc<Json>], status: &mut Json) -> Result<Next, ApiError> {
    let spec = &cron["spec"];
    let said = text(&spec["schedule"]);
    let Ok(schedule) = Schedule::read(said) else {
        let message = format!("unparseable schedule: {said}");
        cx.world.event(NAME, cron, "Warning", "UnparseableSchedule", &message);
        return Ok(Next::Wait);
    };
    let zone = match text(&spec["timeZone"]) {
        "" => TimeZone::UTC,
        name => match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) => zone,
            Err(_) => {
                cx.world.event(NAME, cron, "Warning", "UnknownTimeZone", &format!("invalid timeZone: \"{name}\""));
                return Ok(Next::Wait);
            }
        },
    };
    let now = cx.world.wall();
    let from =
        time(&status["lastScheduleTime"]).or_else(|| time(&cron["metadata"]["creationTimestamp"])).unwrap_or(now);
    let wait = |schedule: &Schedule| schedule.after(now, &zone).map_or(Next::Wait, |at| Next::After(between(now, at)));
    let Some(due) = last_due(&schedule, from, now, &zone) else { return Ok(wait(&schedule)) };
    if let Some(deadline) = spec["startingDeadlineSeconds"].as_i64()
        && later(due, deadline) < now
    {
        let message = format!("Missed scheduled time to start a job: {due}");
        cx.world.event(NAME, cron, "Warning", "MissSchedule", &message);
        return Ok(wait(&schedule));
    }
    let active = items(&status["active"]).to_vec();
    match text(&spec["concurrencyPolicy"]) {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            cx.world.event(NAME, cron, "Normal", "JobAlreadyActive", message);
            return Ok(wait(&schedule));
        }
        "Replace" => {
            for job in jobs.iter().filter(|job| active.iter().any(|a| a["uid"] == object::uid(job))) {
                remove(cx, cron, job)?;
            }
            take(status, &["active"]);
        }
        _ => {}
    }
    start(cx, cron, due, status)?;
    Ok(wait(&schedule))
}

/// The newest time that is due, of those that were missed.
fn last_due(schedule: &Schedule, from: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut due = None;
    let mut at = from;
    // A schedule of every minute that slept for a long time is not counted out.
    let soonest = Timestamp::from_second(now.as_second() - 366 * 86_400).unwrap_or(from);
    at = at.max(soonest);
    while let Some(next) = schedule.after(at, zone).filter(|next| *next <= now) {
        due = Some(next);
        at = next;
    }
    due
}

fn start(cx: &mut Context<'_>, cron: &Json, due: Timestamp, status: &mut Json) -> Result<(), ApiError> {
    let template = &cron["spec"]["jobTemplate"];
    let name = format!("{}-{}", object::name(cron), due.as_second() / 60);
    let mut meta = json!({"name": name, "namespace": object::namespace(cron)});
    for field in ["labels", "annotations"] {
        if template["metadata"][field].is_object() {
            put(&mut meta, &[field], template["metadata"][field].clone());
        }
    }
    put(&mut meta, &["annotations", "batch.kubernetes.io/cronjob-scheduled-timestamp"], stamp(due));
    put(&mut meta, &["ownerReferences"], json!([controller_reference(cron)]));
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": template["spec"]});
    match cx.world.create(&writer(MANAGER), JOBS, job) {
        Ok(made) => {
            cx.world.event(NAME, cron, "Normal", "SuccessfulCreate", &format!("Created job {name}"));
            let reference = json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": name, "namespace": object::namespace(cron),
                "resourceVersion": made["metadata"]["resourceVersion"], "uid": object::uid(&made),
            });
            if let Some(list) = super::fields::list_at(status, &["active"]) {
                list.push(reference);
            }
        }
        Err(error) if error.reason == "AlreadyExists" => {}
        Err(error) => {
            if !super::pods::namespace_ends(&error) {
                let message = format!("Error creating job: {}", error.message);
                cx.world.event(NAME, cron, "Warning", "FailedCreate", &message);
            }
            return Err(error);
        }
    }
    put(status, &["lastScheduleTime"], stamp(due));
    Ok(())
}
