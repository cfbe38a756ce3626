//! What can still be found out about an object when a wait for it has failed: pods, events, log lines.
//!
//! Best effort: what may not be read is left out.

use futures::future::join_all;
use serde_json::Value as Json;
use windlass_runtime::cluster::{Cluster, Collection, ListOptions, LogOptions, ResourceId, Selector};

use super::around::label_selector;
use super::trouble;
use super::vigil::Watched;
use crate::cluster::nodes;
use crate::fields::{event_time, holds, int, kind, list, name, text, uid};

const NEWEST_EVENTS: usize = 5;
const LOG_LINES: u32 = 20;
const LOG_BYTES: u32 = 16 << 10;
/// So many names are looked at for one that is near.
const NAMES: usize = 500;
/// So many pods are described.
pub(crate) const PODS: usize = 5;

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The object's pods, those in trouble first.
    pub pods: Vec<Json>,
    /// The claims that its pods wait for.
    pub claims: Vec<Json>,
    /// The nodes of its pods, as far as something is wrong with them.
    pub nodes: Vec<Json>,
    /// The disruption budgets of its pods that allow no disruption now.
    pub budgets: Vec<Json>,
    /// The newest events about it and them, the newest last.
    pub events: Vec<Json>,
    /// What the container that failed has written last.
    pub log: Option<Log>,
    /// Objects of the kind that are there, where the one waited for never was.
    pub names: Vec<String>,
    /// Whether its namespace is not there.
    pub namespace_missing: bool,
}

/// The last lines of a container.
#[derive(Debug)]
pub(crate) struct Log {
    pub pod: String,
    pub container: String,
    pub lines: Vec<String>,
}

/// Finds out what there is. `known` are the object's pods, where they were followed.
pub(crate) async fn gather(watched: &Watched, cluster: &Cluster, known: Option<Vec<Json>>) -> Evidence {
    let Some(object) = &watched.last else { return of_nothing(watched, cluster).await };
    let id = &watched.goal.id;
    let mut pods = match known {
        Some(pods) => pods,
        None => pods_of(object, id, cluster).await,
    };
    pods.sort_by_cached_key(|pod| {
        let ready = holds(pod, "Ready");
        (trouble::of_pod(pod).is_none(), ready, name(pod).to_owned())
    });
    let claims = open_claims(&pods, id, cluster).await;
    let mut about = vec![uid(object).to_owned()];
    about.extend(claims.iter().map(|claim| uid(claim).to_owned()));
    about.extend(pods.iter().take(PODS).map(|pod| uid(pod).to_owned()));
    let owner = pods.first().and_then(|pod| text(pod, "/metadata/ownerReferences/0/uid"));
    about.extend(owner.map(str::to_owned));
    about.sort();
    about.dedup();
    let lists = about.iter().map(|uid| events_about(cluster, id, uid));
    let (lists, log, nodes, budgets) = futures::join!(
        join_all(lists),
        last_lines(cluster, id, &pods),
        nodes_of(&pods, id, cluster),
        tight_budgets(&pods, id, cluster)
    );
    let events = newest(lists.into_iter().flatten().collect());
    Evidence { events, claims, log, nodes, budgets, pods, ..Evidence::default() }
}

/// The nodes of these pods that are not ready, are cordoned, or lack something.
async fn nodes_of(pods: &[Json], id: &ResourceId, cluster: &Cluster) -> Vec<Json> {
    let nodes = Collection { namespace: None, ..beside(id, "v1", "Node", "nodes") };
    let mut names: Vec<&str> = pods.iter().take(PODS).filter_map(|pod| text(pod, "/spec/nodeName")).collect();
    names.sort_unstable();
    names.dedup();
    let asked = names.into_iter().map(|name| {
        let node = nodes.member(name);
        async move { cluster.get(&node).await.ok().flatten() }
    });
    let rows = join_all(asked).await.into_iter().flatten().map(|node| nodes::row(&node));
    let is_well = |row: &Json| row["ready"] == true && row["cordoned"] == false && list(row, "/pressure").is_empty();
    rows.filter(|row| !is_well(row)).collect()
}

/// The disruption budgets of these pods that allow no disruption now.
async fn tight_budgets(pods: &[Json], id: &ResourceId, cluster: &Cluster) -> Vec<Json> {
    if pods.is_empty() {
        return Vec::new();
    }
    let budgets = beside(id, "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets");
    let budgets = cluster.list(&budgets, &ListOptions::default()).await.map(|l| l.items).unwrap_or_default();
    let tight = budgets.into_iter().filter(|budget| int(budget, "/status/disruptionsAllowed") == Some(0));
    let asked = tight.map(|budget| async move {
        let options =
            ListOptions { limit: Some(NAMES), ..ListOptions::from(Selector::labels(label_selector(&budget)?)) };
        let covered = cluster.list(&beside(id, "v1", "Pod", "pods"), &options).await.ok()?.items;
        covered.iter().any(|pod| pods.iter().any(|own| uid(own) == uid(pod))).then_some(budget)
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// The claims of pods that have not started, as far as they are not bound.
async fn open_claims(pods: &[Json], id: &ResourceId, cluster: &Cluster) -> Vec<Json> {
    let collection = beside(id, "v1", "PersistentVolumeClaim", "persistentvolumeclaims");
    let waiting = pods.iter().filter(|pod| text(pod, "/status/phase") == Some("Pending")).take(PODS);
    let mut names: Vec<String> = waiting.flat_map(claim_names).collect();
    names.sort();
    names.dedup();
    let asked = names.iter().map(|name| {
        let claim = collection.member(name);
        async move { cluster.get(&claim).await.ok().flatten() }
    });
    let claims = join_all(asked).await.into_iter().flatten();
    claims.filter(|claim| text(claim, "/status/phase") != Some("Bound")).collect()
}

fn claim_names(pod: &Json) -> Vec<String> {
    let of = |volume: &Json| match text(volume, "/persistentVolumeClaim/claimName") {
        Some(claim) => Some(claim.to_owned()),
        // Made for the pod, under this name.
        None => volume.get("ephemeral").and_then(|_| Some(format!("{}-{}", name(pod), text(volume, "/name")?))),
    };
    list(pod, "/spec/volumes").iter().filter_map(of).collect()
}

async fn of_nothing(watched: &Watched, cluster: &Cluster) -> Evidence {
    let id = &watched.goal.id;
    let options = ListOptions { limit: Some(NAMES), ..ListOptions::default() };
    let there = cluster.list(&id.collection(), &options).await.map(|l| l.items).unwrap_or_default();
    let names = there.iter().map(|o| name(o).to_owned()).collect();
    let namespace_missing = match &id.namespace {
        Some(namespace) => {
            let namespace = ResourceId::namespace_object(&id.cluster, namespace);
            matches!(cluster.get(&namespace).await, Ok(None))
        }
        None => false,
    };
    Evidence { names, namespace_missing, ..Evidence::default() }
}

fn beside(id: &ResourceId, api_version: &str, kind: &str, plural: &str) -> Collection {
    let (api_version, kind, plural) = (api_version.into(), kind.into(), plural.into());
    Collection { api_version, kind, plural, ..id.collection() }
}

async fn pods_of(object: &Json, id: &ResourceId, cluster: &Cluster) -> Vec<Json> {
    if kind(object) == ("Pod", "") {
        return vec![object.clone()];
    }
    let Some(labels) = label_selector(object) else { return Vec::new() };
    let options = ListOptions { limit: Some(NAMES), ..ListOptions::from(Selector::labels(labels)) };
    let (pods, sets) = (beside(id, "v1", "Pod", "pods"), beside(id, "apps/v1", "ReplicaSet", "replicasets"));
    let pods = cluster.list(&pods, &options).await.map(|l| l.items).unwrap_or_default();
    let sets = match kind(object) {
        ("Deployment", "apps") => cluster.list(&sets, &options).await.map(|l| l.items).unwrap_or_default(),
        _ => Vec::new(),
    };
    let (all, sets): (Vec<&Json>, Vec<&Json>) = (pods.iter().collect(), sets.iter().collect());
    trouble::pods_of(object, &all, &sets).into_iter().cloned().collect()
}

async fn events_about(cluster: &Cluster, id: &ResourceId, uid: &str) -> Vec<Json> {
    let selector = Selector { labels: None, fields: Some(format!("involvedObject.uid={uid}")) };
    let events = beside(id, "v1", "Event", "events");
    cluster.list(&events, &ListOptions::from(selector)).await.map(|l| l.items).unwrap_or_default()
}

/// The newest events, the newest last, as `kubectl events` has them; warnings are taken before the rest, of which there is
/// more.
fn newest(mut events: Vec<Json>) -> Vec<Json> {
    // With and without fractions of a second, times compare right without the Z.
    let time = |e: &Json| event_time(e).unwrap_or_default().trim_end_matches('Z').to_owned();
    let when = |e: &Json| (time(e), name(e).to_owned());
    events.sort_by_cached_key(|e| (is_warning(e), when(e)));
    let mut newest = events.split_off(events.len().saturating_sub(NEWEST_EVENTS));
    newest.sort_by_cached_key(when);
    newest
}

/// Whether an event tells of something that went wrong.
pub(crate) fn is_warning(event: &Json) -> bool {
    text(event, "/type") == Some("Warning")
}

/// What the container that keeps the first pod from being ready has written last; of one that crashes, the run before.
async fn last_lines(cluster: &Cluster, about: &ResourceId, pods: &[Json]) -> Option<Log> {
    let pod = pods.first()?;
    let (status, previous) = failing(pod)?;
    let container = text(status, "/name")?.to_owned();
    let id = beside(about, "v1", "Pod", "pods").member(name(pod));
    let (tail_lines, limit_bytes) = (Some(LOG_LINES), Some(LOG_BYTES));
    let options =
        LogOptions { container: Some(container.clone()), previous, tail_lines, limit_bytes, ..LogOptions::default() };
    let log = cluster.pod_log(&id, &options).await.ok()?;
    Some(Log { pod: name(pod).to_owned(), container, lines: log.lines().map(str::to_owned).collect() })
}

/// The first container that has run and is neither ready nor done, and whether its run before the present one counts.
fn failing(pod: &Json) -> Option<(&Json, bool)> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let ready = |status: &Json| status.get("ready").and_then(Json::as_bool).unwrap_or(false);
    statuses.into_iter().flat_map(|s| list(pod, s)).filter(|status| !ready(status)).find_map(|status| {
        let before = status.pointer("/lastState/terminated").is_some();
        if status.pointer("/state/running").is_some() {
            return Some((status, false));
        }
        match int(status, "/state/terminated/exitCode") {
            Some(0) => None,
            Some(_) => Some((status, false)),
            None => before.then_some((status, true)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_events_stand_last() {
        let event = |name: &str, time: &str| json!({"metadata": {"name": name}, "lastTimestamp": time});
        let micro =
            json!({"metadata": {"name": "micro"}, "lastTimestamp": null, "eventTime": "2026-01-01T00:00:05.250000Z"});
        let events = vec![
            event("f", "2026-01-01T00:00:06Z"),
            event("a", "2026-01-01T00:00:01Z"),
            micro,
            event("e", "2026-01-01T00:00:05Z"),
            event("b", "2026-01-01T00:00:02Z"),
            event("c", "2026-01-01T00:00:03Z"),
        ];
        let names: Vec<String> = newest(events).iter().map(|e| name(e).to_owned()).collect();
        assert_eq!(names, ["b", "c", "e", "micro", "f"]);
        let mut events: Vec<Json> =
            ["g", "h", "i", "j", "k", "l"].iter().map(|name| event(name, "2026-01-01T00:00:07Z")).collect();
        let mut mount = event("mount", "2026-01-01T00:00:01Z");
        mount["type"] = "Warning".into();
        events.push(mount);
        let names: Vec<String> = newest(events).iter().map(|e| name(e).to_owned()).collect();
        assert_eq!(names, ["mount", "i", "j", "k", "l"]);
    }

    #[test]
    fn the_log_is_that_of_the_container_that_fails() {
        let of = |statuses: Json| {
            let pod = json!({"status": {"containerStatuses": statuses}});
            failing(&pod).map(|(status, previous)| (text(status, "/name").unwrap_or_default().to_owned(), previous))
        };
        let done = json!({"name": "done", "ready": false, "state": {"terminated": {"exitCode": 0}}});
        let fine = json!({"name": "fine", "ready": true, "state": {"running": {}}});
        let slow = json!({"name": "slow", "ready": false, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}});
        let loops = json!({"name": "loops", "ready": false, "state": {"waiting": {}}, "lastState": {"terminated": {"exitCode": 1}}});
        let failed = json!({"name": "failed", "ready": false, "state": {"terminated": {"exitCode": 2}}});
        let no_image = json!({"name": "no-image", "ready": false, "state": {"waiting": {"reason": "ErrImagePull"}}, "lastState": {}});
        assert_eq!(of(json!([done, fine, loops])), Some(("loops".into(), true)));
        assert_eq!(of(json!([fine, slow])), Some(("slow".into(), false)));
        assert_eq!(of(json!([done, failed])), Some(("failed".into(), false)));
        assert_eq!(of(json!([no_image, done, fine])), None);
    }
}
