//! Why a wait failed: the error, and the map that a script reads as `e.details`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value as Json, json};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Clock, Error, Kind, duration};

use super::aim::Aim;
use super::evidence::{self, Evidence, PODS};
use super::trouble::{self, Trouble};
use super::vigil::{End, Vigil, Watched};
use crate::fields::{int, is_going, kind, list, name, text, uid};

/// How long it may take to find out more about what is over anyway.
const LIMIT: Duration = Duration::from_secs(3);

/// The error for a goal that failed.
pub(crate) async fn explain(vigil: &mut Vigil, index: usize, cluster: &Cluster, clock: &Arc<dyn Clock>) -> Error {
    if let Some(End::Failed(error)) = &vigil.watched[index].end {
        return error.clone();
    }
    let known = vigil.known_pods(index);
    let watched = &vigil.watched[index];
    let mut unanswered = false;
    let gathering = evidence::gather(watched, cluster, known.clone());
    let evidence = match select(Box::pin(gathering), clock.give_up_at(clock.now() + LIMIT)).await {
        Either::Left((evidence, _)) => evidence,
        Either::Right(_) => {
            unanswered = true;
            Evidence { pods: known.unwrap_or_default(), ..Evidence::default() }
        }
    };
    if unanswered && !vigil.watched[index].is_out_of_contact {
        let silence = duration::display(vigil.contacts.silence(cluster.name(), clock.now()));
        let status = &mut vigil.watched[index].status;
        *status = format!("{status} (as last heard {silence} ago; the API server does not answer now)");
    }
    let watched = &vigil.watched[index];
    let others: Vec<&Watched> = vigil.watched.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, w)| w).collect();
    error_of(watched, &evidence, &others)
}

pub(crate) fn error_of(watched: &Watched, evidence: &Evidence, others: &[&Watched]) -> Error {
    let (goal, status) = (&watched.goal, &watched.status);
    let hopeless = matches!(watched.end, Some(End::Hopeless(_) | End::NothingLeft));
    let troubles: &[Trouble] = if let Some(End::Hopeless(troubles)) = &watched.end { troubles } else { &[] };
    let message = if hopeless {
        let since = if matches!(watched.end, Some(End::NothingLeft)) { ", nothing can happen any more" } else { "" };
        let blocked = if troubles.is_empty() {
            String::new()
        } else {
            format!(" (no progress for {})", duration::display(goal.times.patience))
        };
        format!("{} {}{since}: {status}{blocked}", goal.id, goal.aim.never())
    } else {
        format!("{} {} after {}: {status}", goal.id, goal.aim.missed(), duration::display(goal.times.timeout))
    };
    let blocked = troubles.first().cloned().or_else(|| evidence.pods.iter().find_map(trouble::of_pod));
    let error = Error::new(if hopeless { Kind::Hopeless } else { Kind::Timeout }, message).resource(&goal.id);
    let claim = evidence.claims.first().filter(|_| blocked.as_ref().is_none_or(Trouble::is_unscheduled));
    let error = match (claim, blocked) {
        (Some(claim), _) => error.hint(claim_hint(claim, evidence)),
        (None, Some(trouble)) => error.hint(trouble.hint()),
        (None, None) => error.hint(hint(watched, evidence)),
    };
    error.details(details(watched, evidence, others))
}

fn hint(watched: &Watched, evidence: &Evidence) -> String {
    let goal = &watched.goal;
    if watched.first.is_none() && !matches!(goal.aim, Aim::Deleted) {
        if evidence.namespace_missing {
            let namespace = goal.id.namespace.as_deref().unwrap_or_default();
            return format!("there is no namespace {namespace}: is the option `namespace` right?");
        }
        let nearest = did_you_mean(&goal.id.name, evidence.names.iter().map(String::as_str));
        return nearest.unwrap_or_else(|| "is it applied, under this name and in this namespace?".into());
    }
    match (&goal.aim, &watched.last) {
        (Aim::Deleted, Some(object)) if is_going(object) => {
            "whoever owns a finalizer must end its work; remove the finalizer only if that owner is gone for good"
                .into()
        }
        (Aim::Deleted, _) => "delete it with cluster::delete".into(),
        _ if !evidence.nodes.is_empty() && evidence.nodes.iter().any(|node| node["ready"] == false) => {
            let lost: Vec<&str> =
                evidence.nodes.iter().filter(|n| n["ready"] == false).filter_map(|n| n["name"].as_str()).collect();
            format!("not ready: Node/{}; look at the machine first", lost.join(", Node/"))
        }
        _ if matches!(watched.end, Some(End::Hopeless(_))) => {
            "e.details has its pods, newest events and log lines".into()
        }
        _ if let Some(warning) = evidence.events.iter().rev().find(|e| evidence::is_warning(e)) => {
            let said = |at: &str| text(warning, at).unwrap_or_default();
            format!("{}: {}: {}", about(warning), said("/reason"), said("/message"))
        }
        (_, Some(api)) if kind(api).0 == "APIService" && api.pointer("/spec/service").is_some() => {
            let said = |at: &str| text(api, at).unwrap_or_default();
            let (namespace, service) = (said("/spec/service/namespace"), said("/spec/service/name"));
            format!("who is to answer is behind Service/{service} in {namespace}: look at its pods and their logs")
        }
        _ => "e.details has its pods and newest events; if it is only slow, give it more time with `timeout`".into(),
    }
}

/// Why a claim is not bound, as far as somebody has said so.
fn claim_hint(claim: &Json, evidence: &Evidence) -> String {
    let said = newest_about(claim, evidence).and_then(|event| text(event, "/message"));
    let class = text(claim, "/spec/storageClassName").filter(|class| !class.is_empty());
    let of = class.map_or_else(|| "which names no StorageClass".to_owned(), |class| format!("of StorageClass {class}"));
    let why = said.map_or_else(|| "nobody says why: look at what provisions its volumes".to_owned(), str::to_owned);
    format!("its pod waits for PersistentVolumeClaim/{}, {of}, to be bound: {why}", name(claim))
}

fn newest_about<'a>(object: &Json, evidence: &'a Evidence) -> Option<&'a Json> {
    evidence.events.iter().rev().find(|event| text(event, "/involvedObject/uid") == Some(uid(object)))
}

fn details(watched: &Watched, evidence: &Evidence, others: &[&Watched]) -> Json {
    let pods: Vec<Json> = evidence.pods.iter().take(PODS).map(describe).collect();
    let mut details = json!({
        "object": watched.goal.id.to_string(),
        "status": watched.status,
        "pods": pods,
        "events": evidence.events.iter().map(event).collect::<Vec<Json>>(),
    });
    if !evidence.claims.is_empty() {
        details["claims"] = evidence.claims.iter().map(|claim| describe_claim(claim, evidence)).collect();
    }
    if !evidence.nodes.is_empty() {
        let short = |row: &Json| json!({ "name": row["name"], "ready": row["ready"], "why": row["why"], "cordoned": row["cordoned"], "pressure": row["pressure"] });
        details["nodes"] = evidence.nodes.iter().map(short).collect();
    }
    if !evidence.budgets.is_empty() {
        let short = |budget: &Json| {
            let (healthy, desired) = (int(budget, "/status/currentHealthy"), int(budget, "/status/desiredHealthy"));
            json!({ "name": name(budget), "healthy": healthy, "desired": desired })
        };
        details["budgets"] = evidence.budgets.iter().map(short).collect();
    }
    if let Some(log) = &evidence.log {
        details["log"] = json!({ "pod": log.pod, "container": log.container, "lines": log.lines });
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

fn describe_claim(claim: &Json, evidence: &Evidence) -> Json {
    let event = newest_about(claim, evidence);
    json!({
        "name": name(claim),
        "phase": text(claim, "/status/phase"),
        "class": text(claim, "/spec/storageClassName"),
        "reason": event.and_then(|event| text(event, "/reason")),
        "message": event.and_then(|event| text(event, "/message")),
    })
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
    let ready = crate::fields::condition(pod, "Ready");
    let ended = containers().find_map(|c| {
        let code = int(c, "/state/terminated/exitCode").filter(|code| *code != 0)?;
        let reason = text(c, "/state/terminated/reason").unwrap_or("Error").to_owned();
        Some((reason, format!("container {} ended with exit code {code}", name_of(c))))
    });
    let (reason, message) = match (&trouble, waiting, ready) {
        (Some(trouble), _, _) => (trouble.reason.clone(), trouble.message.clone()),
        (None, Some((status, reason)), _) => {
            (reason.to_owned(), text(status, "/state/waiting/message").unwrap_or_default().to_owned())
        }
        (None, None, Some(ready)) if ready.is_true() => ("Ready".to_owned(), String::new()),
        (None, None, _) if ended.is_some() => ended.unwrap_or_default(),
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

/// Which object an event is about: `Pod/web-1`.
fn about(event: &Json) -> String {
    let said = |at: &str| text(event, at).unwrap_or_default();
    format!("{}/{}", said("/involvedObject/kind"), said("/involvedObject/name"))
}

fn event(event: &Json) -> Json {
    json!({
        "type": text(event, "/type"),
        "reason": text(event, "/reason"),
        "message": text(event, "/message"),
        "object": about(event),
        "count": int(event, "/series/count").or(int(event, "/count")).unwrap_or(1),
        "last": crate::fields::event_time(event),
    })
}

#[cfg(test)]
mod tests;
