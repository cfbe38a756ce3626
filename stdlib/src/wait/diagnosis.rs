//! Why a wait failed: the error, and the map that a script reads as `e.details`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, join_all, select};
use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{Cluster, Collection, ListOptions, LogOptions, ResourceId, Selector};
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Clock, Error, Kind, duration};

use super::aim::Aim;
use super::fields::{int, is_going, kind, list, name, text, uid};
use super::trouble::{self, Trouble};
use super::vigil::{End, Vigil, Watched};

/// How long it may take to find out more about what is over anyway.
const LIMIT: Duration = Duration::from_secs(3);
const NEWEST_EVENTS: usize = 5;
const LOG_LINES: u32 = 20;
/// So many pods are described.
const PODS: usize = 5;

/// The error for the goals that failed, the first of them explained in full.
pub(crate) async fn explain(vigil: &mut Vigil, failed: &[usize], clock: &Arc<dyn Clock>) -> Error {
    let Some(first) = failed.first().copied() else { return Error::internal("a wait failed without a goal that did") };
    if let Some(End::Failed(error)) = &vigil.watched[first].end {
        return error.clone();
    }
    let pods = vigil.known_pods(first);
    let watched = &vigil.watched[first];
    let found = look_further(watched, pods);
    let found = match select(Box::pin(found), clock.sleep(LIMIT)).await {
        Either::Left((found, _)) => found,
        Either::Right(_) => Found::default(),
    };
    let others: Vec<&Watched> = vigil.watched.iter().enumerate().filter(|(i, _)| *i != first).map(|(_, w)| w).collect();
    error_of(watched, &found, &others)
}

/// What was found out at the end.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub pods: Vec<Json>,
    pub events: Vec<Json>,
    /// Pod, container, last lines.
    pub log: Option<(String, String, Vec<String>)>,
    /// Objects of the kind that are there, where the one waited for never was.
    pub names: Vec<String>,
    pub namespace_missing: bool,
}

pub(crate) fn error_of(watched: &Watched, found: &Found, others: &[&Watched]) -> Error {
    let (goal, status) = (&watched.goal, &watched.status);
    let hopeless = matches!(watched.end, Some(End::Hopeless(_)));
    let troubles: &[Trouble] = if let Some(End::Hopeless(troubles)) = &watched.end { troubles } else { &[] };
    let message = if hopeless {
        let blocked = if troubles.is_empty() {
            String::new()
        } else {
            format!(" (no progress for {})", duration::display(goal.patience))
        };
        format!("{} {}: {status}{blocked}", goal.id, goal.aim.never())
    } else {
        format!("{} {} after {}: {status}", goal.id, goal.aim.missed(), duration::display(goal.timeout))
    };
    let blocked = troubles.first().cloned().or_else(|| found.pods.iter().find_map(trouble::of_pod));
    let error = Error::new(if hopeless { Kind::Hopeless } else { Kind::Timeout }, message).resource(&goal.id);
    let error = match blocked {
        Some(trouble) => error.hint(trouble.hint()),
        None => error.hint(hint(watched, found)),
    };
    error.details(details(watched, found, others))
}

fn hint(watched: &Watched, found: &Found) -> String {
    let goal = &watched.goal;
    if watched.first.is_none() && !matches!(goal.aim, Aim::Deleted) {
        if found.namespace_missing {
            let namespace = goal.id.namespace.as_deref().unwrap_or_default();
            return format!("there is no namespace {namespace}: is the option `namespace` right?");
        }
        let nearest = did_you_mean(&goal.id.name, found.names.iter().map(String::as_str));
        return nearest.unwrap_or_else(|| "is it applied, under this name and in this namespace?".into());
    }
    match (&goal.aim, &watched.last) {
        (Aim::Deleted, Some(object)) if is_going(object) => {
            "whoever owns a finalizer must end its work; remove the finalizer only if that owner is gone for good"
                .into()
        }
        (Aim::Deleted, _) => "delete it with cluster::delete".into(),
        _ => "e.details has its pods and newest events; if it is only slow, give it more time with `timeout`".into(),
    }
}

fn details(watched: &Watched, found: &Found, others: &[&Watched]) -> Json {
    let pods: Vec<Json> = found.pods.iter().take(PODS).map(describe).collect();
    let mut details = json!({
        "object": watched.goal.id.to_string(),
        "status": watched.status,
        "pods": pods,
        "events": found.events.iter().map(event).collect::<Vec<Json>>(),
    });
    if let Some((pod, container, lines)) = &found.log {
        details["log"] = json!({ "pod": pod, "container": container, "lines": lines });
    }
    if !others.is_empty() {
        let other = |w: &&Watched| {
            let done = matches!(w.end, Some(End::Reached(_)));
            json!({ "object": w.goal.id.to_string(), "done": done, "status": w.status })
        };
        details["others"] = others.iter().map(other).collect();
    }
    details
}

/// A pod in short.
pub(crate) fn describe(pod: &Json) -> Json {
    let trouble = trouble::of_pod(pod);
    let containers = || list(pod, "/status/initContainerStatuses").iter().chain(list(pod, "/status/containerStatuses"));
    let waiting = containers().find_map(|c| Some((c, text(c, "/state/waiting/reason")?)));
    let unready = containers().find(|c| c.get("ready").and_then(Json::as_bool) == Some(false));
    let about = trouble.as_ref().and_then(|t| t.container.clone());
    let about = about.or_else(|| waiting.or(unready.map(|c| (c, ""))).map(|(c, _)| name_of(c)));
    let spec = || list(pod, "/spec/initContainers").iter().chain(list(pod, "/spec/containers"));
    let image = about.as_ref().and_then(|about| spec().find(|c| name_of(c) == *about)).or_else(|| spec().next());
    let ready = super::fields::condition(pod, "Ready");
    let (reason, message) = match (&trouble, waiting, ready) {
        (Some(trouble), _, _) => (trouble.reason.clone(), trouble.message.clone()),
        (None, Some((status, reason)), _) => {
            (reason.to_owned(), text(status, "/state/waiting/message").unwrap_or_default().to_owned())
        }
        (None, None, Some(ready)) if ready.is_true() => ("Ready".to_owned(), String::new()),
        (None, None, Some(ready)) => (ready.reason.to_owned(), ready.message.to_owned()),
        (None, None, None) => (text(pod, "/status/phase").unwrap_or("Pending").to_owned(), String::new()),
    };
    json!({
        "name": name(pod),
        "reason": reason,
        "message": message,
        "container": about,
        "image": image.and_then(|c| text(c, "/image")),
        "node": text(pod, "/spec/nodeName"),
        "restarts": containers().filter_map(|c| int(c, "/restartCount")).sum::<i64>(),
    })
}

fn name_of(container: &Json) -> String {
    text(container, "/name").unwrap_or_default().to_owned()
}

fn event(event: &Json) -> Json {
    let about = format!(
        "{}/{}",
        text(event, "/involvedObject/kind").unwrap_or_default(),
        text(event, "/involvedObject/name").unwrap_or_default()
    );
    json!({
        "type": text(event, "/type"),
        "reason": text(event, "/reason"),
        "message": text(event, "/message"),
        "object": about,
        "count": int(event, "/series/count").or(int(event, "/count")).unwrap_or(1),
        "last": when(event),
    })
}

fn when(event: &Json) -> Option<&str> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(|pointer| text(event, pointer))
}

/// The newest events last, as `kubectl get events` has them.
pub(crate) fn newest(mut events: Vec<Json>) -> Vec<Json> {
    // Times with and without fractions of a second: `…:07Z` and `…:07.25Z` compare right without the Z.
    let time = |e: &Json| when(e).unwrap_or_default().trim_end_matches('Z').to_owned();
    events.sort_by_cached_key(|e| (time(e), name(e).to_owned()));
    events.dedup_by(|a, b| uid(a) == uid(b));
    events.split_off(events.len().saturating_sub(NEWEST_EVENTS))
}

async fn look_further(watched: &Watched, known: Vec<Json>) -> Found {
    let (goal, cluster) = (&watched.goal, &watched.goal.cluster);
    let mut found = Found::default();
    let Some(object) = &watched.last else {
        let of = goal.id.collection();
        let options = ListOptions { limit: Some(500), ..ListOptions::default() };
        let there = cluster.list(&of, &options).await.map(|l| l.items).unwrap_or_default();
        found.names = there.iter().map(|o| name(o).to_owned()).collect();
        if let Some(namespace) = &goal.id.namespace {
            let id = ResourceId::namespace_object(&goal.id.cluster, namespace);
            found.namespace_missing = matches!(cluster.get(&id).await, Ok(None));
        }
        return found;
    };
    found.pods = known;
    if found.pods.is_empty() && kind(object) == ("Pod", "") {
        found.pods.push(object.clone());
    }
    // Those in trouble first, then those that are not ready.
    found.pods.sort_by_key(|pod| {
        let ready = super::fields::condition(pod, "Ready").is_some_and(|c| c.is_true());
        (trouble::of_pod(pod).is_none(), ready, name(pod).to_owned())
    });
    let mut about = vec![uid(object).to_owned()];
    about.extend(found.pods.iter().take(PODS).map(|pod| uid(pod).to_owned()));
    let owner = found.pods.first().and_then(|pod| list(pod, "/metadata/ownerReferences").first());
    about.extend(owner.and_then(|o| text(o, "/uid")).map(str::to_owned));
    about.dedup();
    let lists = about.iter().map(|uid| events_about(cluster, goal.id.namespace.as_deref(), uid));
    let (lists, log) = futures::join!(join_all(lists), last_lines(cluster, &goal.id, &found.pods));
    found.events = newest(lists.into_iter().flatten().collect());
    found.log = log;
    found
}

async fn events_about(cluster: &Cluster, namespace: Option<&str>, uid: &str) -> Vec<Json> {
    let of = Collection {
        cluster: cluster.name().to_owned(),
        api_version: "v1".into(),
        kind: "Event".into(),
        plural: "events".into(),
        namespace: namespace.map(str::to_owned),
    };
    let selector = Selector { labels: None, fields: Some(format!("involvedObject.uid={uid}")) };
    cluster.list(&of, &ListOptions::from(selector)).await.map(|l| l.items).unwrap_or_default()
}

/// The last lines of the container that keeps the first pod from being ready, the run before of one that crashes.
async fn last_lines(cluster: &Cluster, about: &ResourceId, pods: &[Json]) -> Option<(String, String, Vec<String>)> {
    let pod = pods.first()?;
    let statuses = || list(pod, "/status/initContainerStatuses").iter().chain(list(pod, "/status/containerStatuses"));
    let has_run = |c: &&Json| {
        c.pointer("/state/running").is_some()
            || c.pointer("/lastState/terminated").is_some()
            || c.pointer("/state/terminated").is_some()
    };
    let failing = |c: &&Json| {
        c.get("ready").and_then(Json::as_bool) == Some(false) && int(c, "/state/terminated/exitCode") != Some(0)
    };
    let status = statuses().filter(has_run).find(failing)?;
    let container = name_of(status);
    let previous = c_is_waiting(status) && status.pointer("/lastState/terminated").is_some();
    let id = ResourceId {
        kind: "Pod".into(),
        plural: "pods".into(),
        api_version: "v1".into(),
        name: name(pod).to_owned(),
        ..about.clone()
    };
    let options = LogOptions {
        container: Some(container.clone()),
        previous,
        tail_lines: Some(LOG_LINES),
        limit_bytes: Some(16 << 10),
    };
    let log = cluster.pod_log(&id, &options).await.ok()?;
    let lines = log.lines().map(str::to_owned).collect();
    Some((name(pod).to_owned(), container, lines))
}

fn c_is_waiting(status: &Json) -> bool {
    status.pointer("/state/waiting").is_some()
}

#[cfg(test)]
mod tests;
