//! The hooks of a release, while Helm waits for them: what each waits for, and why one has not ended.
//!
//! Helm says neither: it waits until its time is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll, unfold};
use serde_json::Value as Json;
use windlass_runtime::call::Teller;
use windlass_runtime::cluster::{Collection, ResourceId, Selector, WatchEvent};
use windlass_runtime::{Clock, Error, Kind};

use super::objects;
use super::release::At;
use crate::fields::{condition, holds, is_controlled_by, is_going, kind, list, name, text, uid};
use crate::wait::{several, trouble};

/// A Job or pod that Helm runs at one of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Hook {
    namespace: String,
    is_job: bool,
    name: String,
}

impl Hook {
    fn shown(&self) -> String {
        format!("hook {}/{} in {}", if self.is_job { "Job" } else { "Pod" }, self.name, self.namespace)
    }
}

/// The hooks of one run of Helm, and how they are.
#[derive(Clone)]
pub(super) struct Hooks {
    at: At,
    /// `upgrade`: they are run before and after it.
    event: &'static str,
    hooks: Vec<Hook>,
    /// What was told of each last.
    told: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Hooks {
    /// None at all.
    pub fn none(at: &At) -> Self {
        Self { at: at.clone(), event: "", hooks: Vec::new(), told: Arc::default() }
    }

    /// Those of a release, as Helm keeps or renders it, that are run at an event: `install`, `upgrade`, `rollback`, `delete`,
    /// `test`.
    pub fn of(at: &At, body: &Json, event: &'static str) -> Self {
        let hook = |object: Json| {
            let is_job = match kind(&object) {
                ("Job", "batch") => true,
                ("Pod", "") => false,
                _ => return None,
            };
            let namespace = text(&object, "/metadata/namespace").unwrap_or(&at.namespace).to_owned();
            Some(Hook { namespace, is_job, name: name(&object).to_owned() })
        };
        let mut hooks: Vec<Hook> = objects::of_hooks(body, event, true).filter_map(hook).collect();
        hooks.sort();
        hooks.dedup();
        Self { at: at.clone(), event, hooks, told: Arc::default() }
    }

    /// Tells what they wait for, for as long as it is polled.
    pub async fn follow(self, tell: Teller) {
        let mut watches: SelectAll<BoxStream<'static, (bool, WatchEvent)>> = SelectAll::new();
        let mut namespaces: Vec<&str> = self.hooks.iter().map(|hook| hook.namespace.as_str()).collect();
        namespaces.dedup();
        for namespace in namespaces {
            for is_job in [true, false] {
                let watch = self.at.cluster.watch(&self.collection(is_job, namespace), Selector::default());
                // What may not be watched is not told of.
                let events =
                    unfold(watch, move |mut watch| async move { Some(((is_job, watch.next().await.ok()?), watch)) });
                watches.push(events.boxed());
            }
        }
        let (mut jobs, mut pods) = (BTreeMap::new(), BTreeMap::new());
        while let Some((is_job, event)) = watches.next().await {
            let known = if is_job { &mut jobs } else { &mut pods };
            match event {
                // That of another namespace stays.
                WatchEvent::Snapshot(objects) => known.extend(objects.into_iter().map(|o| (uid(&o).to_owned(), o))),
                WatchEvent::Applied(object) => drop(known.insert(uid(&object).to_owned(), object)),
                WatchEvent::Deleted(object) => drop(known.remove(uid(&object))),
                _ => {}
            }
            for hook in &self.hooks {
                let Some(status) = status(hook, &jobs, &pods) else { continue };
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if told.get(&hook.shown()) != Some(&status) {
                    tell(&hook.shown(), &status);
                    told.insert(hook.shown(), status);
                }
            }
        }
        futures::future::pending::<()>().await;
    }

    fn collection(&self, is_job: bool, namespace: &str) -> Collection {
        let (api_version, kind, plural) = if is_job { ("batch/v1", "Job", "jobs") } else { ("v1", "Pod", "pods") };
        Collection {
            cluster: self.at.cluster.name().to_owned(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespace: Some(namespace.to_owned()),
        }
    }

    /// The error of a run of Helm that failed while a hook was run, with why that has not ended.
    pub async fn explain(&self, error: Error, clock: &Arc<dyn Clock>) -> Error {
        // Helm says `failed pre-install: …`, or `pre-upgrade hooks failed: …`; of a rollback it does not say as much. There is
        // nothing else that it waits for.
        let is_named = |word: &str| error.message().contains(&format!("{word}-{}", self.event));
        let may_be_others = matches!(self.event, "install" | "upgrade") && error.kind() != Kind::Timeout;
        if may_be_others && !["pre", "post"].into_iter().any(is_named) {
            return error;
        }
        for hook in &self.hooks {
            let id = self.collection(hook.is_job, &hook.namespace).member(&hook.name);
            if let Some(why) = self.why(&id, clock).await {
                let details = why.detail_value().cloned().unwrap_or_default();
                let words = |pointer: &str| text(&details, pointer).filter(|word| !word.is_empty()).map(str::to_owned);
                let pod = words("/pods/0/name").map(|pod| format!("pod {pod}"));
                let words = [words("/status"), pod, words("/pods/0/reason"), words("/pods/0/message")];
                let words: Vec<String> = words.into_iter().flatten().collect();
                let told =
                    Error::new(error.kind(), format!("{}; {}: {}", error.message(), hook.shown(), words.join(": ")));
                return told.details(details).hint(why.hint_text().or(error.hint_text()).unwrap_or_default());
            }
        }
        // Its policy may have deleted it already.
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.iter().find(|(_, status)| *status != DONE) {
            Some((hook, status)) => {
                let said = Error::new(error.kind(), format!("{}; {hook}: {status}", error.message()));
                said.hint(error.hint_text().unwrap_or_default())
            }
            None => error,
        }
    }

    async fn why(&self, id: &ResourceId, clock: &Arc<dyn Clock>) -> Option<Error> {
        let object = self.at.cluster.get(id).await.ok().flatten()?;
        if is_done(&object) { None } else { several::why_not_ready(&self.at.cluster, id.clone(), clock).await }
    }
}

/// How a hook is that has ended well.
const DONE: &str = "it is done";

fn is_done(object: &Json) -> bool {
    holds(object, "Complete") || text(object, "/status/phase") == Some("Succeeded")
}

/// How a hook is, if it is there.
fn status(hook: &Hook, jobs: &BTreeMap<String, Json>, pods: &BTreeMap<String, Json>) -> Option<String> {
    let of_hook = |object: &&Json| {
        name(object) == hook.name && text(object, "/metadata/namespace") == Some(&hook.namespace) && !is_going(object)
    };
    if !hook.is_job {
        return pods.values().find(of_hook).map(status_of_pod);
    }
    let job = jobs.values().find(of_hook)?;
    if is_done(job) {
        return Some(DONE.to_owned());
    }
    if let Some(failed) = condition(job, "Failed").filter(|c| c.is_true()) {
        return Some(format!("it has failed: {}: {}", failed.reason, failed.message));
    }
    // The newest one; those before have failed.
    let own = pods.values().filter(|pod| is_controlled_by(pod, uid(job)) && !is_going(pod));
    let newest = own.max_by_key(|pod| text(pod, "/metadata/creationTimestamp").unwrap_or_default().to_owned());
    Some(match newest {
        Some(pod) => status_of_pod(pod),
        None if job.pointer("/spec/suspend") == Some(&Json::Bool(true)) => "it is suspended".to_owned(),
        None => "it has no pod yet".to_owned(),
    })
}

fn status_of_pod(pod: &Json) -> String {
    if let Some(trouble) = trouble::of_pod(pod) {
        return trouble.words();
    }
    let statuses = list(pod, "/status/initContainerStatuses").iter().chain(list(pod, "/status/containerStatuses"));
    let waiting = statuses.into_iter().find_map(|status| text(status, "/state/waiting/reason"));
    match (text(pod, "/status/phase").unwrap_or("Pending"), waiting) {
        ("Succeeded", _) => DONE.to_owned(),
        (phase, Some(reason)) => format!("pod {} is {phase}: {reason}", name(pod)),
        (phase, None) => format!("pod {} is {phase}", name(pod)),
    }
}

#[cfg(test)]
mod tests;
