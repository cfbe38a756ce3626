//! The pods of a node on their way out: evicted as their budgets allow, and followed until they are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value as Json, json};
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::{Cluster, Collection, Failure, ResourceId, Selector, Watch, WatchEvent};
use windlass_runtime::{Call, Clock, Error, Kind, Moment, Result, duration};

use super::pods::{Fate, Terms};
use crate::cluster::edit::{self, text};
use crate::cluster::objects;

/// How often a budget that holds a pod is asked again, beside each time that it changes: who keeps it may be late.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A pod's namespace and name.
type Name = (String, String);

/// The pods of a node, as they are now.
pub(super) struct Leaving {
    cluster: Cluster,
    node: String,
    of: Collection,
    terms: Terms,
    watch: Option<Watch>,
    pods: BTreeMap<Name, Json>,
    /// The uids of those that have been evicted. A watch still tells what was before that.
    evicted: BTreeSet<String>,
    /// What the API server says of pods that may not be evicted yet.
    held: BTreeMap<Name, String>,
}

/// What ended a wait.
enum Woken {
    /// Something about the pods.
    Pods(Result<WatchEvent>),
    /// A budget has changed, or it is time to ask again.
    Budgets,
    /// The time is over, or nothing can happen any more.
    Over,
}

impl Leaving {
    /// Looks which pods there are.
    pub fn look(
        call: &Call<'_>,
        cluster: &Cluster,
        node: &ResourceId,
        of: Collection,
        selector: Selector,
        terms: Terms,
    ) -> Result<Self> {
        let mut watch = cluster.watch(&of, selector);
        let (watch, first) = call.wait(async move {
            loop {
                if let WatchEvent::Snapshot(pods) = watch.next().await? {
                    return Ok((watch, pods));
                }
            }
        })?;
        let mut leaving = Self {
            cluster: cluster.clone(),
            node: node.to_string(),
            of,
            terms,
            watch: Some(watch),
            pods: BTreeMap::new(),
            evicted: BTreeSet::new(),
            held: BTreeMap::new(),
        };
        leaving.take(WatchEvent::Snapshot(first));
        Ok(leaving)
    }

    fn take(&mut self, event: WatchEvent) {
        let name = |pod: &Json| (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
        match event {
            WatchEvent::Snapshot(all) => self.pods = all.into_iter().map(|pod| (name(&pod), pod)).collect(),
            WatchEvent::Applied(pod) => drop(self.pods.insert(name(&pod), pod)),
            WatchEvent::Deleted(pod) => drop(self.pods.remove(&name(&pod))),
            _ => {}
        }
        self.held.retain(|name, _| self.pods.contains_key(name));
    }

    /// Whether a pod stands against the drain, which may have begun already.
    pub fn check(&self, begun: bool) -> Result<()> {
        let fates = self.pods.iter().map(|((namespace, name), pod)| {
            let fate = if self.is_going(pod) { Fate::Leaves } else { Fate::of(pod, self.terms) };
            (format!("Pod/{name} in {namespace}"), fate)
        });
        let refused: Vec<_> = fates.filter(|(_, fate)| matches!(fate, Fate::Refused { .. })).collect();
        if refused.is_empty() { Ok(()) } else { Err(super::refused(&self.node, &refused, begun)) }
    }

    /// The pods that stay, by sort: `3 pods of a DaemonSet`.
    pub fn told(&self) -> String {
        let mut sorts: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in self.pods.values() {
            if let Fate::Stays(sort) = Fate::of(pod, self.terms) {
                *sorts.entry(sort).or_default() += 1;
            }
        }
        let words =
            |(sort, count): (&str, usize)| format!("{count} {} {sort}", if count == 1 { "pod" } else { "pods" });
        sorts.into_iter().map(words).collect::<Vec<_>>().join(", ")
    }

    fn is_going(&self, pod: &Json) -> bool {
        pod.pointer("/metadata/deletionTimestamp").is_some() || self.evicted.contains(&text(pod, "/metadata/uid"))
    }

    fn left(&self) -> impl Iterator<Item = (&Name, &Json)> {
        self.pods.iter().filter(|(_, pod)| !matches!(Fate::of(pod, self.terms), Fate::Stays(_)))
    }

    /// Evicts the pods until none is left.
    pub fn evict_all(
        &mut self,
        call: &Call<'_>,
        grace_period: Option<u32>,
        deadline: Moment,
        timeout: Duration,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut budgets = None;
        loop {
            self.check(true)?;
            let due: Vec<(Name, Json)> = self
                .left()
                .filter(|(name, pod)| !self.is_going(pod) && !self.held.contains_key(*name))
                .map(|(name, pod)| (name.clone(), pod.clone()))
                .collect();
            for (name, pod) in due {
                let uid = text(&pod, "/metadata/uid");
                match self.evict(call, &name, pod, grace_period)? {
                    Evicted::Leaves(done) => {
                        outcome.items.extend(done.items);
                        outcome.objects.extend(done.objects);
                        self.evicted.insert(uid);
                    }
                    Evicted::Held(why) => drop(self.held.insert(name, why)),
                }
            }
            let count = self.left().count();
            if count == 0 {
                return Ok(());
            }
            call.progress(&self.node, self.status(count));
            if budgets.is_none() && !self.held.is_empty() {
                let cluster = self.cluster.clone();
                let of =
                    call.wait(async move { cluster.collection("PodDisruptionBudget.policy", None, true).await })?;
                budgets = Some(self.cluster.watch(&of, Selector::default()));
            }
            match self.wait(call, &mut budgets, deadline)? {
                Woken::Pods(event) => self.take(event?),
                Woken::Budgets => self.held.clear(),
                Woken::Over => return Err(self.over(timeout)),
            }
        }
    }

    /// Waits until something happens. The watches go into the future, and come back with what they told.
    fn wait(&mut self, call: &Call<'_>, budgets: &mut Option<Watch>, deadline: Moment) -> Result<Woken> {
        let Some(mut pods) = self.watch.take() else {
            return Err(Error::internal("the watch of a drain's pods is gone"));
        };
        let (clock, mut asked, held) = (call.clock(), budgets.take(), !self.held.is_empty());
        let (pods, asked, woken) = call.wait(async move {
            let woken = {
                let told = std::pin::pin!(pods.next());
                let changed = std::pin::pin!(changed(asked.as_mut().filter(|_| held), &clock));
                let over = std::pin::pin!(select(clock.give_up_at(deadline), clock.nothing_left()));
                match select(told, select(changed, over)).await {
                    Either::Left((told, _)) => Woken::Pods(told),
                    Either::Right((Either::Left((changed, _)), _)) => {
                        changed?;
                        Woken::Budgets
                    }
                    Either::Right((Either::Right(_), _)) => Woken::Over,
                }
            };
            Ok((pods, asked, woken))
        })?;
        self.watch = Some(pods);
        *budgets = asked;
        Ok(woken)
    }

    /// Evicts a pod, if it may be. A trial says so first: what may not be done is not begun.
    fn evict(&self, call: &Call<'_>, name: &Name, pod: Json, grace_period: Option<u32>) -> Result<Evicted> {
        let id = ResourceId { namespace: Some(name.0.clone()), ..self.of.member(&name.1) };
        let mut options = json!({ "preconditions": { "uid": text(&pod, "/metadata/uid") } });
        if let Some(seconds) = grace_period {
            options["gracePeriodSeconds"] = seconds.into();
        }
        let body = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": id.name, "namespace": id.namespace }, "deleteOptions": options,
        });
        let (cluster, subject, trial) = (self.cluster.clone(), id.clone(), body.clone());
        let tried =
            call.wait(async move { Ok(cluster.create_subresource(&subject, "eviction", &trial, true).await) })?;
        if let Err(error) = tried {
            return unless_held(&id, error);
        }
        let change = eviction(&self.cluster, &id, pod, body);
        match call.change(change) {
            Ok(outcome) => Ok(Evicted::Leaves(outcome)),
            // Somebody else has taken what the budget allowed.
            Err(error) => unless_held(&id, error),
        }
    }

    fn status(&self, count: usize) -> String {
        let pods = if count == 1 { "1 pod".to_owned() } else { format!("{count} pods") };
        match self.held.iter().next() {
            Some(((namespace, name), why)) => {
                format!("{pods} to leave; {} held, Pod/{name} in {namespace}: {why}", self.held.len())
            }
            None => format!("{pods} to leave"),
        }
    }

    fn over(&self, timeout: Duration) -> Error {
        let why = |name: &Name, pod: &Json| match self.held.get(name) {
            Some(why) => why.clone(),
            None => still_there(pod),
        };
        let left: Vec<String> =
            self.left().map(|(name, pod)| format!("Pod/{} in {}: {}", name.1, name.0, why(name, pod))).collect();
        let hint = match self.held.is_empty() {
            true => "give it more time with the option `timeout`, or look why they do not end",
            false => "a budget that never allows it needs more replicas elsewhere, or its owner's consent to change it",
        };
        let shown = if left.len() > 5 { format!("{}; …", left[..5].join("; ")) } else { left.join("; ") };
        let message = format!(
            "{} was not drained within {}: {} left: {shown}",
            self.node,
            duration::display(timeout),
            left.len()
        );
        Error::new(Kind::Timeout, message).hint(hint).resource(&self.node).details(json!({ "pods": left }))
    }
}

/// What came of an attempt.
enum Evicted {
    Leaves(Outcome),
    Held(String),
}

/// Ends when a budget has changed, or when it is time to ask again. Never where there is nothing to ask.
async fn changed(budgets: Option<&mut Watch>, clock: &std::sync::Arc<dyn Clock>) -> Result<()> {
    let Some(budgets) = budgets else { return futures::future::pending().await };
    let news = async {
        loop {
            if let WatchEvent::Applied(_) | WatchEvent::Deleted(_) | WatchEvent::Reconnected = budgets.next().await? {
                return Ok(());
            }
        }
    };
    match select(std::pin::pin!(news), clock.sleep_weakly_until(clock.now() + ASK_AGAIN)).await {
        Either::Left((news, _)) => news,
        Either::Right(_) => Ok(()),
    }
}

/// A pod that its budget holds is not lost; any other refusal is an error.
fn unless_held(id: &ResourceId, error: Error) -> Result<Evicted> {
    let status = Failure::of(&error).and_then(Failure::status);
    match status {
        Some(status) if status.code == 429 => {
            let causes = status.causes.iter().find(|cause| cause.reason == "DisruptionBudget");
            Ok(Evicted::Held(causes.map_or_else(|| status.message.clone(), |cause| cause.message.clone())))
        }
        // Nothing is evicted from a namespace that is being deleted: its pods go with it, this one too.
        Some(status)
            if status.code == 403 && status.causes.iter().any(|cause| cause.reason == "NamespaceTerminating") =>
        {
            Ok(Evicted::Held("its namespace is being deleted".to_owned()))
        }
        // It is gone, or another one has its name: the watch tells.
        Some(status) if matches!(status.code, 404 | 409) => Ok(Evicted::Held("it is gone already".to_owned())),
        _ => Err(error.context(format!("{id} cannot be evicted"))),
    }
}

fn eviction(cluster: &Cluster, id: &ResourceId, pod: Json, body: Json) -> Change {
    let part = Part {
        resource: edit::resource(id),
        before: Some(pod),
        plan: Plan::Act { op: Op::Delete, diff: vec!["evicted".to_owned()], note: None },
    };
    let (cluster, id) = (cluster.clone(), id.clone());
    Change {
        probe: objects::recipe(&[objects::Intent::removing(part.resource.clone())]),
        parts: vec![part],
        act: Box::new(move || {
            Box::pin(async move {
                Ok(vec![match cluster.create_subresource(&id, "eviction", &body, false).await {
                    Ok(_) => Acted::Done(None),
                    Err(error) => Acted::Failed(error),
                }])
            })
        }),
        inverse: Inverse::Cannot("an evicted pod does not come back: its controller makes another one".to_owned()),
    }
}

fn still_there(pod: &Json) -> String {
    let finalizers = pod.pointer("/metadata/finalizers").and_then(Json::as_array);
    let finalizers: Vec<&str> = finalizers.into_iter().flatten().filter_map(Json::as_str).collect();
    match finalizers.as_slice() {
        [] => "it is still ending".to_owned(),
        some => format!("held by the finalizer {}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use windlass_runtime::cluster::{ApiStatus, Cause};

    use super::*;

    fn refused(code: u16, cause: &str) -> Result<Evicted> {
        let id = ResourceId {
            cluster: "c".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespace: Some("shop".into()),
            name: "web".into(),
        };
        let mut status = ApiStatus::default();
        status.code = code;
        status.message = "no".to_owned();
        status.causes = vec![Cause { reason: cause.to_owned(), ..Cause::default() }];
        unless_held(&id, Error::new(Kind::Denied, "no").source(Failure::Status(Box::new(status))))
    }

    #[test]
    fn a_pod_of_a_namespace_that_is_being_deleted_goes_with_it() {
        let held = refused(403, "NamespaceTerminating").unwrap();
        assert!(matches!(held, Evicted::Held(why) if why == "its namespace is being deleted"));
        assert!(matches!(refused(429, "DisruptionBudget").unwrap(), Evicted::Held(_)));
        assert!(refused(403, "").is_err());
    }
}
