//! Jobs: pods that have to end well so many times.

mod indexes;
mod outcome;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{between, condition, int, is_true, items, later, list_at, put, stamp, take, text, time};
use super::pods::{self, count, number};
use super::selector::selects;
use super::view::{Phase, Pod};
use super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;
use outcome::Outcome;

const NAME: &str = "job-controller";
const RESOURCE: &str = "jobs.batch";
/// Keeps a pod until it has been counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How many pods are made or deleted in one go.
const BURST: i64 = 500;
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

/// The controller.
#[derive(Default)]
pub(super) struct Jobs {
    /// How many pods of a Job failed in a row, and when the last one did; by the Job's uid.
    failures: HashMap<String, (u32, Duration)>,
}

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, "pods"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            if change.gone() {
                self.failures.remove(object::uid(&change.object));
                let uid = object::uid(&change.object);
                // Nobody counts its pods any more: they are let go.
                return view.owned(uid).filter(|pod| tracked(pod)).map(|pod| pod_key(pod)).collect();
            }
            return vec![change.key.clone()];
        }
        let mut keys = pods::controller_keys(view, change, "Job", RESOURCE);
        if let Some(pod) = view.pod(&change.key.namespace, &change.key.name)
            && tracked(pod)
        {
            keys.push(change.key.clone());
        }
        keys
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        if &*key.resource == "pods" {
            return release_abandoned(cx, key);
        }
        let Some(job) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let other = text(&job["spec"]["managedBy"]);
        if !other.is_empty() && other != "kubernetes.io/job-controller" {
            return Ok(Next::Wait);
        }
        let all = pods::claim(cx, MANAGER, &job, |pod| selects(&job["spec"]["selector"], &pod.labels))?;
        if is_finished(&job) {
            for pod in all.iter().filter(|pod| tracked(pod)) {
                untrack(cx, &pod.namespace, &pod.name)?;
            }
            return Ok(Next::Wait);
        }
        let now = cx.world.wall();
        let mut one = One::new(&job, all, now);
        let fresh = one.count_finished();
        let clock = cx.world.now();
        let record = self.failures.entry(object::uid(&job).to_owned()).or_default();
        if fresh.succeeded > 0 {
            *record = (0, clock);
        } else if fresh.failed > 0 {
            *record = (record.0.saturating_add(u32::try_from(fresh.failed).unwrap_or(u32::MAX)), clock);
        }
        let pause = match record.0 {
            0 => Duration::ZERO,
            n => FIRST_BACKOFF.saturating_mul(1u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(LONGEST_BACKOFF),
        };
        let ready_again = record.1 + pause;
        one.run(cx, ready_again.saturating_sub(clock))
    }
}

fn tracked(pod: &Pod) -> bool {
    pod.finalizers.iter().any(|finalizer| finalizer == TRACKING)
}

fn pod_key(pod: &Pod) -> Key {
    Key::new("pods", &pod.namespace, &pod.name)
}

/// Whether a Job is over.
pub(super) fn is_finished(job: &Json) -> bool {
    is_true(&job["status"], "Complete") || is_true(&job["status"], "Failed")
}

/// Lets a pod go whose Job is gone.
fn release_abandoned(cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
    let Some(pod) = cx.view.pod(&key.namespace, &key.name).cloned() else { return Ok(Next::Wait) };
    let owned = pod.owner.as_ref().is_some_and(|owner| {
        owner.kind == "Job"
            && cx.world.get(RESOURCE, &pod.namespace, &owner.name).is_some_and(|job| object::uid(&job) == owner.uid)
    });
    if tracked(&pod) && !owned {
        untrack(cx, &pod.namespace, &pod.name)?;
    }
    Ok(Next::Wait)
}

fn untrack(cx: &mut Context<'_>, namespace: &str, name: &str) -> Result<(), ApiError> {
    let Some(pod) = cx.world.get("pods", namespace, name) else { return Ok(()) };
    let left: Vec<Json> = items(&pod["metadata"]["finalizers"]).iter().filter(|f| *f != TRACKING).cloned().collect();
    let mut new = Json::clone(&pod);
    if left.is_empty() {
        take(&mut new, &["metadata", "finalizers"]);
    } else {
        put(&mut new, &["metadata", "finalizers"], left);
    }
    unless_gone(cx.world.update(&writer(MANAGER), "pods", new).map(drop))
}

/// What has ended since it was last counted.
#[derive(Debug, Default)]
struct Fresh {
    succeeded: i64,
    failed: i64,
    pods: Vec<(String, String)>,
}

/// A Job while it is worked on.
struct One<'a> {
    job: &'a Json,
    status: Json,
    all: Vec<Arc<Pod>>,
    now: Timestamp,
    fresh: Vec<(String, String)>,
    done: BTreeSet<i64>,
}

impl<'a> One<'a> {
    fn new(job: &'a Json, all: Vec<Arc<Pod>>, now: Timestamp) -> Self {
        let status = if job["status"].is_object() { job["status"].clone() } else { json!({}) };
        let done = indexes::read(text(&status["completedIndexes"]));
        Self { job, status, all, now, fresh: Vec::new(), done }
    }

    fn spec(&self) -> &'a Json {
        &self.job["spec"]
    }

    fn indexed(&self) -> bool {
        self.spec()["completionMode"] == "Indexed"
    }

    fn suspended(&self) -> bool {
        self.spec()["suspend"] == true
    }

    fn only_failed_are_replaced(&self) -> bool {
        self.spec()["podReplacementPolicy"] == "Failed"
    }

    /// Whether a pod counts as failed: also one that is on its way out before its end, unless those are waited for.
    fn has_failed(&self, pod: &Pod) -> bool {
        pod.phase == Phase::Failed
            || (!self.only_failed_are_replaced() && pod.deleting && pod.phase != Phase::Succeeded)
    }

    /// Counts pods that have ended since the last time.
    fn count_finished(&mut self) -> Fresh {
        let mut fresh = Fresh::default();
        for pod in self.all.iter().filter(|pod| tracked(pod)) {
            if pod.phase == Phase::Succeeded {
                fresh.succeeded += 1;
                if let Some(index) = index_of(pod) {
                    self.done.insert(index);
                }
            } else if self.has_failed(pod) {
                fresh.failed += 1;
            } else {
                continue;
            }
            fresh.pods.push((pod.namespace.clone(), pod.name.clone()));
        }
        self.fresh = std::mem::take(&mut fresh.pods);
        let succeeded = int(&self.status["succeeded"]) + fresh.succeeded;
        count(&mut self.status, "failed", int(&self.job["status"]["failed"]) + fresh.failed);
        if self.indexed() {
            count(&mut self.status, "succeeded", i64::try_from(self.done.len()).unwrap_or(i64::MAX));
            if !self.done.is_empty() {
                put(&mut self.status, &["completedIndexes"], indexes::write(&self.done));
            }
        } else {
            count(&mut self.status, "succeeded", succeeded);
        }
        fresh
    }

    fn active(&self) -> Vec<Arc<Pod>> {
        self.all.iter().filter(|pod| pod.active()).cloned().collect()
    }

    fn run(&mut self, cx: &mut Context<'_>, pause: Duration) -> Result<Next, ApiError> {
        if self.status["startTime"].is_null() && !self.suspended() {
            put(&mut self.status, &["startTime"], stamp(self.now));
        }
        let mut next = Next::Wait;
        if let Some(deadline) = self.spec()["activeDeadlineSeconds"].as_i64()
            && let Some(start) = time(&self.status["startTime"])
        {
            next = Next::After(between(self.now, later(start, deadline)));
        }
        let mut active = self.active();
        let mut terminating = self.all.iter().filter(|pod| pod.deleting && !pod.finished()).count();
        let mut problem = None;
        let outcome = outcome::of(self);
        if outcome.is_some() {
            for pod in std::mem::take(&mut active) {
                pods::delete(cx, MANAGER, NAME, self.job, &pod.name)?;
                terminating += usize::from(self.lingers(cx, &pod));
            }
        } else if !object::is_deleting(self.job) {
            match self.manage(cx, &mut active, &mut terminating, pause) {
                Ok(later) => next = next.or(later),
                Err(error) => problem = Some(error),
            }
            self.note_suspension(cx);
        }
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        count(&mut self.status, "active", size(active.len()));
        put(&mut self.status, &["ready"], size(active.iter().filter(|pod| pod.ready).count()));
        put(&mut self.status, &["terminating"], size(terminating));
        let outcome = outcome.or_else(|| outcome::success(self, active.len()));
        self.write(cx, outcome.as_ref(), terminating)?;
        match problem {
            Some(error) if !pods::namespace_ends(&error) => Err(error),
            _ => Ok(next),
        }
    }

    /// Whether a pod that was deleted just now takes its time to end.
    fn lingers(&self, cx: &Context<'_>, pod: &Pod) -> bool {
        cx.world
            .get("pods", &pod.namespace, &pod.name)
            .is_some_and(|pod| !matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed"))
    }

    /// Makes and deletes pods.
    fn manage(
        &mut self,
        cx: &mut Context<'_>,
        active: &mut Vec<Arc<Pod>>,
        terminating: &mut usize,
        pause: Duration,
    ) -> Result<Next, ApiError> {
        let have = i64::try_from(active.len()).unwrap_or(i64::MAX);
        let parallelism = number(&self.spec()["parallelism"], 1);
        let succeeded = int(&self.status["succeeded"]);
        let wanted = match self.spec()["completions"].as_i64() {
            _ if self.suspended() => 0,
            None if succeeded > 0 => have,
            None => parallelism,
            Some(completions) => (completions - succeeded).clamp(0, parallelism),
        };
        if have > wanted {
            active.sort_by(|a, b| {
                a.ready.cmp(&b.ready).then(b.created.cmp(&a.created)).then_with(|| a.name.cmp(&b.name))
            });
            let gone: Vec<Arc<Pod>> =
                active.drain(..usize::try_from((have - wanted).min(BURST)).unwrap_or(0)).collect();
            for pod in gone {
                pods::delete(cx, MANAGER, NAME, self.job, &pod.name)?;
                *terminating += usize::from(self.lingers(cx, &pod));
            }
            return Ok(Next::Wait);
        }
        let held = if self.only_failed_are_replaced() { i64::try_from(*terminating).unwrap_or(0) } else { 0 };
        let missing = wanted - have - held;
        if missing <= 0 {
            return Ok(Next::Wait);
        }
        if !pause.is_zero() {
            return Ok(Next::After(pause));
        }
        let most = usize::try_from(missing.min(BURST)).unwrap_or(0);
        let places: Vec<Option<i64>> = if self.indexed() {
            let busy = active.iter().filter_map(|pod| index_of(pod));
            let free = indexes::free(number(&self.spec()["completions"], 0), &self.done, busy, most);
            free.into_iter().map(Some).collect()
        } else {
            vec![None; most]
        };
        for index in places {
            let made = pods::create(cx, MANAGER, NAME, self.job, self.pod(index))?;
            active.push(Arc::new(Pod::read(&made)));
        }
        Ok(Next::Wait)
    }

    fn pod(&self, index: Option<i64>) -> Json {
        let mut pod = pods::from_template(&self.spec()["template"], self.job);
        if let Some(list) = list_at(&mut pod, &["metadata", "finalizers"]) {
            list.push(TRACKING.into());
        }
        let Some(index) = index else { return pod };
        let name = object::name(self.job);
        let number = index.to_string();
        put(&mut pod, &["metadata", "generateName"], format!("{name}-{index}-"));
        put(&mut pod, &["metadata", "annotations", INDEX], number.as_str());
        put(&mut pod, &["metadata", "labels", INDEX], number.as_str());
        put(&mut pod, &["spec", "hostname"], format!("{name}-{index}"));
        let path = format!("metadata.labels['{INDEX}']");
        let variable = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": path}}});
        for field in ["initContainers", "containers"] {
            for container in pod["spec"][field].as_array_mut().into_iter().flatten() {
                if let Some(env) = list_at(container, &["env"])
                    && !env.iter().any(|v| v["name"] == "JOB_COMPLETION_INDEX")
                {
                    env.push(variable.clone());
                }
            }
        }
        pod
    }

    fn note_suspension(&mut self, cx: &mut Context<'_>) {
        let suspended = self.suspended();
        let known = condition(&self.status, "Suspended").map(|c| c["status"] == "True");
        if known == Some(suspended) || (known.is_none() && !suspended) {
            return;
        }
        let (value, reason, message, event) = if suspended {
            ("True", "JobSuspended", "Job suspended", "Suspended")
        } else {
            ("False", "JobResumed", "Job resumed", "Resumed")
        };
        outcome::set(&mut self.status, "Suspended", value, reason, message, self.now);
        cx.world.event(NAME, self.job, "Normal", event, message);
        if suspended {
            take(&mut self.status, &["startTime"]);
        } else {
            put(&mut self.status, &["startTime"], stamp(self.now));
        }
    }

    /// Writes the status, lets counted pods go, and then says that the Job is over if it is.
    fn write(&mut self, cx: &mut Context<'_>, outcome: Option<&Outcome>, terminating: usize) -> Result<(), ApiError> {
        put(&mut self.status, &["uncountedTerminatedPods"], json!({}));
        if let Some(outcome) = outcome {
            let kind = if outcome.good { "SuccessCriteriaMet" } else { "FailureTarget" };
            if !is_true(&self.status, kind) {
                outcome::set(&mut self.status, kind, "True", outcome.reason, outcome.message, self.now);
            }
        }
        cx.set_status(MANAGER, RESOURCE, self.job, self.status.clone())?;
        for (namespace, name) in std::mem::take(&mut self.fresh) {
            untrack(cx, &namespace, &name)?;
        }
        let Some(outcome) = outcome.filter(|_| terminating == 0) else { return Ok(()) };
        let Some(job) = cx.world.get(RESOURCE, object::namespace(self.job), object::name(self.job)) else {
            return Ok(());
        };
        let kind = if outcome.good { "Complete" } else { "Failed" };
        let mut last = self.status.clone();
        outcome::set(&mut last, kind, "True", outcome.reason, outcome.message, self.now);
        if outcome.good {
            put(&mut last, &["completionTime"], stamp(self.now));
        }
        cx.set_status(MANAGER, RESOURCE, &job, last)?;
        if outcome.good {
            cx.world.event(NAME, &job, "Normal", "Completed", "Job completed");
        } else {
            cx.world.event(NAME, &job, "Warning", outcome.reason, outcome.message);
        }
        Ok(())
    }
}

fn index_of(pod: &Pod) -> Option<i64> {
    pod.labels.get(INDEX)?.parse().ok()
}
