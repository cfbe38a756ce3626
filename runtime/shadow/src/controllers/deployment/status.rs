//! A Deployment's status: counts, and the conditions Available, Progressing and ReplicaFailure.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::fields::{
    between, condition, drop_condition, int, items, later, list_at, put, stamp, take, text, time,
};
use super::super::pods::count;
use super::super::{Context, Next};
use super::One;
use super::sets::Sets;
use crate::Json;
use crate::error::ApiError;
use crate::object;

impl One {
    pub(super) fn has_deadline(&self) -> bool {
        let deadline = &self.object["spec"]["progressDeadlineSeconds"];
        deadline.is_i64() && int(deadline) != i64::from(i32::MAX)
    }

    /// Sets a condition of the Deployment itself; the next write of the status takes it along.
    pub(super) fn set_condition(&mut self, kind: &str, value: &str, reason: &str, message: &str, now: Timestamp) {
        if !self.object["status"].is_object() {
            put(&mut self.object, &["status"], json!({}));
        }
        if let Some(status) = self.object.get_mut("status") {
            set_condition(status, kind, value, reason, message, now);
        }
    }

    fn counted(&self, sets: &Sets, now: Timestamp) -> Json {
        let old = &self.object["status"];
        let available = sets.sum("availableReplicas");
        let mut status = json!({"observedGeneration": self.object["metadata"]["generation"]});
        count(&mut status, "replicas", sets.sum("replicas"));
        count(&mut status, "updatedReplicas", sets.new.as_ref().map_or(0, |new| int(&new["status"]["replicas"])));
        count(&mut status, "readyReplicas", sets.sum("readyReplicas"));
        count(&mut status, "availableReplicas", available);
        count(&mut status, "unavailableReplicas", (sets.wanted() - available).max(0));
        // Known only once all ReplicaSets have said it.
        if sets.all().all(|set| set["status"]["terminatingReplicas"].is_i64()) {
            put(&mut status, &["terminatingReplicas"], sets.sum("terminatingReplicas"));
        }
        if !items(&old["conditions"]).is_empty() {
            put(&mut status, &["conditions"], old["conditions"].clone());
        }
        if !old["collisionCount"].is_null() {
            put(&mut status, &["collisionCount"], old["collisionCount"].clone());
        }
        if available >= self.replicas() - self.max_unavailable() {
            let message = "Deployment has minimum availability.";
            set_condition(&mut status, "Available", "True", "MinimumReplicasAvailable", message, now);
        } else {
            let message = "Deployment does not have minimum availability.";
            set_condition(&mut status, "Available", "False", "MinimumReplicasUnavailable", message, now);
        }
        status
    }

    /// Writes the counts, without judging progress.
    pub(super) fn sync_status(&mut self, cx: &mut Context<'_>, sets: &Sets) -> Result<(), ApiError> {
        let status = self.counted(sets, cx.world.wall());
        self.replace_status(cx, status)
    }

    fn replace_status(&mut self, cx: &mut Context<'_>, status: Json) -> Result<(), ApiError> {
        if self.object["status"] == status {
            return Ok(());
        }
        put(&mut self.object, &["status"], status);
        self.write_status(cx)
    }

    /// Whether the rollout is through.
    pub(super) fn is_complete(&self, status: &Json) -> bool {
        let all = |field: &str| int(&status[field]) == self.replicas();
        all("updatedReplicas")
            && all("replicas")
            && all("availableReplicas")
            && int(&status["observedGeneration"]) >= int(&self.object["metadata"]["generation"])
    }

    fn has_progressed(&self, status: &Json) -> bool {
        let old = &self.object["status"];
        let stale = |status: &Json| int(&status["replicas"]) - int(&status["updatedReplicas"]);
        int(&status["updatedReplicas"]) > int(&old["updatedReplicas"])
            || stale(status) < stale(old)
            || int(&status["readyReplicas"]) > int(&old["readyReplicas"])
            || int(&status["availableReplicas"]) > int(&old["availableReplicas"])
    }

    /// How long it may still go without progress; nothing where that is not judged.
    fn time_left(&self, status: &Json, now: Timestamp) -> Option<Duration> {
        let progressing = condition(status, "Progressing")?;
        match text(&progressing["reason"]) {
            "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" => return None,
            _ => {}
        }
        let from = time(&progressing["lastUpdateTime"])?;
        Some(between(now, later(from, int(&self.object["spec"]["progressDeadlineSeconds"]))))
    }

    /// Writes the status during a rollout: counts, and whether it gets on.
    pub(super) fn sync_rollout(&mut self, cx: &mut Context<'_>, sets: &Sets) -> Result<Next, ApiError> {
        let now = cx.world.wall();
        let mut status = self.counted(sets, now);
        if !self.has_deadline() {
            drop_condition(&mut status, "Progressing");
        }
        let current = condition(&self.object["status"], "Progressing").cloned();
        let reason = current.as_ref().map_or("", |c| text(&c["reason"]));
        let done = int(&status["replicas"]) == int(&status["updatedReplicas"]) && reason == "NewReplicaSetAvailable";
        if self.has_deadline() && !done {
            let what = match &sets.new {
                Some(set) => format!("ReplicaSet \"{}\"", object::name(set)),
                None => format!("Deployment \"{}\"", self.name()),
            };
            if self.is_complete(&status) {
                let message = format!("{what} has successfully progressed.");
                set_condition(&mut status, "Progressing", "True", "NewReplicaSetAvailable", &message, now);
            } else if self.has_progressed(&status) {
                let message = format!("{what} is progressing.");
                let since = current.as_ref().filter(|c| c["status"] == "True").map(|c| c["lastTransitionTime"].clone());
                drop_condition(&mut status, "Progressing");
                set_condition(&mut status, "Progressing", "True", "ReplicaSetUpdated", &message, now);
                if let Some(since) = since
                    && let Some(new) = list_at(&mut status, &["conditions"]).and_then(|list| list.last_mut())
                {
                    put(new, &["lastTransitionTime"], since);
                }
            } else if reason == "ProgressDeadlineExceeded"
                || self.time_left(&self.object["status"], now).is_some_and(|left| left.is_zero())
            {
                let message = format!("{what} has timed out progressing.");
                set_condition(&mut status, "Progressing", "False", "ProgressDeadlineExceeded", &message, now);
            }
        }
        self.note_failure(&mut status, sets, now);
        self.replace_status(cx, status)?;
        let status = &self.object["status"];
        let left = if self.has_deadline() && !self.is_complete(status) { self.time_left(status, now) } else { None };
        // Times are whole seconds: a little later is surely late enough.
        Ok(left.map_or(Next::Wait, |left| Next::After(left + Duration::from_secs(1))))
    }

    fn note_failure(&self, status: &mut Json, sets: &Sets, now: Timestamp) {
        let failed = |set: &Json| condition(&set["status"], "ReplicaFailure").cloned();
        let new = sets.new.as_ref().and_then(failed);
        match new.or_else(|| sets.old.iter().find_map(failed)) {
            Some(failure) => {
                let (reason, message) = (text(&failure["reason"]), text(&failure["message"]));
                set_condition(status, "ReplicaFailure", text(&failure["status"]), reason, message, now);
            }
            None => drop_condition(status, "ReplicaFailure"),
        }
        if items(&status["conditions"]).is_empty() {
            take(status, &["conditions"]);
        }
    }
}

/// As the real one: with the same status and reason nothing changes; else the condition moves to the end.
fn set_condition(status: &mut Json, kind: &str, value: &str, reason: &str, message: &str, now: Timestamp) {
    let mut since = Json::from(stamp(now));
    if let Some(old) = condition(status, kind) {
        if old["status"] == value && old["reason"] == reason {
            return;
        }
        if old["status"] == value {
            since = old["lastTransitionTime"].clone();
        }
    }
    drop_condition(status, kind);
    if let Some(list) = list_at(status, &["conditions"]) {
        list.push(json!({
            "type": kind, "status": value, "lastUpdateTime": stamp(now), "lastTransitionTime": since,
            "reason": reason, "message": message,
        }));
    }
}
