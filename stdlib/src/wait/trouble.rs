//! What keeps an object's pods from running, and when that is hopeless.
//!
//! Fail fast, but not too fast: what is blocked gets time without progress before it counts. A container that starts
//! slowly is not blocked.

use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::Moment;

use crate::fields::{condition, holds, int, is_going, kind, list, name, text, uid};

/// Reasons for which a container waits that do not go away by waiting a little.
const BLOCKED: [&str; 11] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InvalidImageName",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PostStartHookError",
    CRASH,
];
const CRASH: &str = "CrashLoopBackOff";
/// A container that crashes runs for a while between two crashes: trouble that is gone for less than this is not over.
const LULL: Duration = Duration::from_secs(30);

/// Something that is blocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The pod, where it is one.
    pub pod: Option<String>,
    /// The container, where it is one's.
    pub container: Option<String>,
    /// In Kubernetes' word: `ImagePullBackOff`.
    pub reason: String,
    /// In Kubernetes' sentence.
    pub message: String,
}

impl Trouble {
    fn of_object(reason: &str, message: &str) -> Self {
        Self { pod: None, container: None, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// An object that was there and is not any more.
    pub fn deleted() -> Self {
        Self::of_object("Deleted", "nobody has made it again")
    }

    /// Whether it may be over as soon as something else runs: a container that crashes for want of its database.
    pub fn may_depend_on_others(&self) -> bool {
        self.reason == CRASH
    }

    /// In words: `pod web-1: ImagePullBackOff: Back-off pulling image "web:1"`.
    pub fn words(&self) -> String {
        let whose = self.pod.as_ref().map(|pod| format!("pod {pod}: ")).unwrap_or_default();
        let colon = if self.message.is_empty() { "" } else { ": " };
        format!("{whose}{}{colon}{}", self.reason, self.message)
    }

    /// Whether no node took the pod.
    pub fn is_unscheduled(&self) -> bool {
        self.reason == "Unschedulable"
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.reason.as_str() {
            "ImagePullBackOff"
            | "ErrImagePull"
            | "ErrImageNeverPull"
            | "InvalidImageName"
            | "ImageInspectError"
            | "RegistryUnavailable" => {
                "check the image's name and tag, and that the cluster may pull it (images.registry, the pull secret)"
            }
            CRASH | "RunContainerError" | "PostStartHookError" => {
                "the container ends by itself: its last log lines and its exit code say why (e.details)"
            }
            "CreateContainerConfigError" | "CreateContainerError" => {
                "create the ConfigMap or Secret, or the key in it, that the message names"
            }
            "Unschedulable" => {
                "no node takes the pod: look at requests, node selector, affinity, taints and volumes, or add a node"
            }
            "ProgressDeadlineExceeded" => "look at the pods and events in e.details",
            "Deleted" => "somebody deleted it meanwhile: apply it again",
            _ => "the message says what refuses the pods: raise the quota, or mend the pod template",
        }
    }
}

/// The pods that matter for an object: its own, those of its newest revision where old ones give way by themselves.
pub(crate) fn pods_of<'a>(object: &Json, pods: &[&'a Json], replica_sets: &[&'a Json]) -> Vec<&'a Json> {
    let controlled =
        |owner: &str| pods.iter().copied().filter(|p| crate::fields::is_controlled_by(p, owner)).collect::<Vec<_>>();
    let labelled = |pods: Vec<&'a Json>, key: &str, value: Option<&str>| match value {
        Some(value) => pods.into_iter().filter(|p| super::aim::label(p, key) == Some(value)).collect(),
        None => pods,
    };
    match kind(object) {
        ("Pod", "") => pods.iter().copied().filter(|p| uid(p) == uid(object)).collect(),
        ("Deployment", "apps") => {
            newest_replica_set(object, replica_sets).map(|r| controlled(uid(r))).unwrap_or_default()
        }
        ("StatefulSet", "apps") if text(object, "/spec/podManagementPolicy") == Some("Parallel") => {
            labelled(controlled(uid(object)), "controller-revision-hash", text(object, "/status/updateRevision"))
        }
        ("DaemonSet", "apps") => {
            let newest =
                crate::fields::entry(object, "/metadata/annotations", "deprecated.daemonset.template.generation");
            labelled(controlled(uid(object)), "pod-template-generation", newest)
        }
        ("Service", "") => {
            let Some(selector) = object.pointer("/spec/selector").and_then(Json::as_object).filter(|s| !s.is_empty())
            else {
                return Vec::new();
            };
            let selected = |p: &Json| selector.iter().all(|(k, v)| super::aim::label(p, k) == v.as_str());
            pods.iter().copied().filter(|p| selected(p)).collect()
        }
        _ => controlled(uid(object)),
    }
}

/// The ReplicaSet of a Deployment's present revision.
pub(crate) fn newest_replica_set<'a>(deployment: &Json, replica_sets: &[&'a Json]) -> Option<&'a Json> {
    let revision = |o: &'a Json| -> Option<i64> {
        crate::fields::entry(o, "/metadata/annotations", "deployment.kubernetes.io/revision")?.parse().ok()
    };
    let own = replica_sets.iter().copied().filter(|r| crate::fields::is_controlled_by(r, uid(deployment)));
    own.max_by_key(|r| revision(r))
}

/// What blocks an object. `refusals` are the events of reason `FailedCreate` that are there.
pub(crate) fn troubles(object: &Json, own: &[&Json], replica_sets: &[&Json], refusals: &[&Json]) -> Vec<Trouble> {
    let mut found = Vec::new();
    if let Some(stuck) = condition(object, "Progressing").filter(|c| c.reason == "ProgressDeadlineExceeded") {
        found.push(Trouble::of_object(stuck.reason, stuck.message));
    }
    let wanted = match kind(object) {
        ("Job", _) => int(object, "/spec/parallelism").unwrap_or(1),
        ("DaemonSet", _) => int(object, "/status/desiredNumberScheduled").unwrap_or(0),
        ("Service" | "Pod", "") => 0,
        _ => int(object, "/spec/replicas").unwrap_or(1),
    };
    let present = i64::try_from(own.len()).unwrap_or(i64::MAX);
    if present < wanted {
        let maker =
            if kind(object).0 == "Deployment" { newest_replica_set(object, replica_sets) } else { Some(object) };
        let failure = maker.and_then(|m| condition(m, "ReplicaFailure")).filter(|c| c.is_true());
        let refusal = maker.and_then(|m| refusals.iter().rfind(|e| text(e, "/involvedObject/uid") == Some(uid(m))));
        if let Some(failure) = failure {
            found.push(Trouble::of_object(failure.reason, failure.message));
        } else if let Some(refusal) = refusal {
            found.push(Trouble::of_object("FailedCreate", text(refusal, "/message").unwrap_or_default()));
        }
    }
    // A Job's own back-off limit decides how often it may crash.
    let may_crash = kind(object).0 == "Job";
    for pod in own.iter().filter(|p| !is_going(p)) {
        found.extend(of_pod(pod).into_iter().filter(|t| !(may_crash && t.reason == CRASH)));
    }
    found
}

/// What blocks a pod.
pub(crate) fn of_pod(pod: &Json) -> Option<Trouble> {
    let trouble = |container: Option<&str>, reason: &str, message: &str| Trouble {
        pod: Some(name(pod).to_owned()),
        container: container.map(str::to_owned),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    if let Some(scheduled) = condition(pod, "PodScheduled")
        && scheduled.is_false()
        && scheduled.reason == "Unschedulable"
    {
        return Some(trouble(None, scheduled.reason, scheduled.message));
    }
    let statuses =
        ["/status/initContainerStatuses", "/status/containerStatuses"].into_iter().flat_map(|s| list(pod, s));
    for status in statuses {
        let container = text(status, "/name");
        if let Some(reason) = text(status, "/state/waiting/reason").filter(|r| BLOCKED.contains(r)) {
            let message = text(status, "/state/waiting/message").unwrap_or_default();
            let mut words = message.to_owned();
            if reason == CRASH
                && let Some(code) = int(status, "/lastState/terminated/exitCode")
            {
                let times = int(status, "/restartCount").unwrap_or(0);
                let why = text(status, "/lastState/terminated/reason").filter(|r| *r != "Error");
                let why = why.map(|r| format!(", {r}")).unwrap_or_default();
                let whose = container.unwrap_or_default();
                words = format!("container {whose} ended with exit code {code}{why}, {times} restarts");
            }
            return Some(trouble(container, reason, &words));
        }
    }
    None
}

/// How far a workload is: a number that only progress raises.
pub(crate) fn progress(object: &Json, own: &[&Json]) -> Progress {
    let is_up = |p: &&&Json| holds(p, "Ready") || text(p, "/status/phase") == Some("Succeeded");
    let counters = [
        "updatedReplicas",
        "availableReplicas",
        "readyReplicas",
        "succeeded",
        "numberAvailable",
        "updatedNumberScheduled",
    ];
    let status = counters.iter().filter_map(|c| int(object, &format!("/status/{c}"))).sum::<i64>();
    let pods = own.iter().filter(is_up).count() + own.iter().filter(|p| text(p, "/spec/nodeName").is_some()).count();
    Progress {
        generation: int(object, "/metadata/generation").unwrap_or(0),
        uid: uid(object).to_owned(),
        made: status + i64::try_from(pods).unwrap_or(0),
    }
}

/// See [`progress`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    generation: i64,
    uid: String,
    made: i64,
}

/// How long something has been blocked without progress.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    since: Option<Moment>,
    calm: Option<Moment>,
    advanced: Option<Moment>,
    best: Progress,
}

impl Patience {
    /// Takes in how things stand now, and gives since when there is trouble without progress.
    pub fn look(&mut self, now: Moment, troubled: bool, progress: &Progress) -> Option<Moment> {
        let other = (progress.generation, &progress.uid) != (self.best.generation, &self.best.uid);
        if other || progress.made > self.best.made {
            if !other {
                self.advanced = Some(now);
            }
            self.best = progress.clone();
            self.since = None;
        }
        if !troubled {
            self.calm.get_or_insert(now);
            return None;
        }
        if self.calm.take().is_some_and(|calm| now.since(calm) >= LULL) {
            self.since = None;
        }
        Some(*self.since.get_or_insert(now))
    }

    /// When there was progress last.
    pub fn advanced(&self) -> Option<Moment> {
        self.advanced
    }

    /// Starts anew: what happened meanwhile was not seen.
    pub fn forget(&mut self) {
        self.since = None;
        self.calm = None;
    }
}

#[cfg(test)]
mod tests;
