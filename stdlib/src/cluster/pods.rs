//! Which pod and which of its containers a primitive reaches into.

use std::cmp::Reverse;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::Value as Json;
use windlass_runtime::change::Resource;
use windlass_runtime::cluster::{Cluster, Collection, Command, Executed, ListOptions, ResourceId, Selector};
use windlass_runtime::{Call, Error, Kind, Result, duration};

use super::{OnCluster, Target};
use crate::fields::{self, holds, list, text};
use crate::wait::label_selector;

/// The annotation by which a pod says which of its containers is meant.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A container of a pod.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub cluster: Cluster,
    pub pod: ResourceId,
    pub container: String,
}

impl Place {
    /// What a change in it is made to: the pod.
    pub fn resource(&self) -> Resource {
        super::edit::resource(&self.pod)
    }

    /// A command for the container.
    pub fn command(&self, words: &[&str]) -> Command {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Command { container: Some(self.container.clone()), words, ..Command::default() }
    }

    /// Runs a command that changes nothing; none where it cannot be known what it answers.
    pub fn ask(&self, call: &Call<'_>, command: Command) -> Result<Option<Executed>> {
        self.ask_within(call, command, ASKING)
    }

    /// As [`Place::ask`], for a question that takes so long at most.
    pub fn ask_within(&self, call: &Call<'_>, command: Command, limit: Duration) -> Result<Option<Executed>> {
        let (cluster, pod) = (self.cluster.clone(), self.pod.clone());
        match call.wait(async move { within(&cluster, cluster.exec(&pod, command), limit).await }) {
            Ok(executed) => Ok(Some(executed)),
            Err(error) if error.kind() == Kind::Undecided => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How long a question to a container may take.
const ASKING: Duration = Duration::from_secs(60);

/// Ends what takes longer than this.
pub(super) async fn within<T>(cluster: &Cluster, work: impl Future<Output = Result<T>>, limit: Duration) -> Result<T> {
    let clock = cluster.clock();
    match select(std::pin::pin!(work), clock.give_up_at(clock.now() + limit)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => {
            let message = format!("the command did not end within {}", duration::display(limit));
            Err(Error::new(Kind::Timeout, message)
                .hint("it may still run in the container; give it more time with `timeout`"))
        }
    }
}

/// What a pod is wanted for, where a workload has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Something is to be run in it: one that is ready.
    Run,
    /// Its log is to be read: among those that are alike, the one that has restarted most.
    Read,
}

/// Finds the pod that a name means, or the one of a workload that kubectl would choose, and its container.
pub(super) fn find(
    call: &Call<'_>,
    on: &OnCluster,
    target: &Target,
    container: Option<&str>,
    purpose: Purpose,
) -> Result<Place> {
    let (cluster, id) = on.find(call, target)?;
    let (asked, named) = (cluster.clone(), id.clone());
    let object = call.wait(async move { asked.get(&named).await })?.ok_or_else(|| super::edit::absent(&id))?;
    let (pod, object) = if id.kind == "Pod" && id.group().is_empty() {
        (id, object)
    } else {
        of_workload(call, &cluster, &id, &object, purpose)?
    };
    let container = choose(&pod, &object, container)?;
    if purpose == Purpose::Run {
        check_running(&pod, &object, &container)?;
    }
    Ok(Place { cluster, pod, container })
}

fn of_workload(
    call: &Call<'_>,
    cluster: &Cluster,
    id: &ResourceId,
    object: &Json,
    purpose: Purpose,
) -> Result<(ResourceId, Json)> {
    let Some(labels) = label_selector(object).filter(|_| id.namespace.is_some()) else {
        return Err(Error::usage(format!("{id} has no pods of its own"))
            .hint("name a pod, or a workload such as \"Deployment/web\"")
            .resource(id));
    };
    let pods = Collection { api_version: "v1".into(), kind: "Pod".into(), plural: "pods".into(), ..id.collection() };
    let (asked, of) = (cluster.clone(), pods.clone());
    let listed = call.wait(async move { asked.list(&of, &ListOptions::from(Selector::labels(labels))).await })?;
    let best = listed.items.into_iter().min_by_key(|pod| rank(pod, purpose));
    let best = best.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("{id} has no pod"))
            .hint(format!("wait until it has: wait::ready(\"{}/{}\")", id.kind, id.name))
            .resource(id)
    })?;
    Ok((pods.member(fields::name(&best)), best))
}

/// The order in which kubectl prefers pods, the best one first.
fn rank(pod: &Json, purpose: Purpose) -> impl Ord + use<> {
    let own = |pointer: &str| text(pod, pointer).unwrap_or_default().to_owned();
    let phase = match text(pod, "/status/phase") {
        Some("Running") => 0,
        Some("Pending") => 2,
        Some("Unknown") => 1,
        _ => 3,
    };
    let ready = list(pod, "/status/conditions").iter().find(|c| c["type"] == "Ready" && c["status"] == "True");
    let since = ready.and_then(|ready| text(ready, "/lastTransitionTime")).unwrap_or_default().to_owned();
    let restarts = list(pod, "/status/containerStatuses").iter().filter_map(|c| c["restartCount"].as_i64()).max();
    let restarts = restarts.unwrap_or_default();
    (
        text(pod, "/spec/nodeName").is_none(),
        phase,
        !holds(pod, "Ready"),
        text(pod, "/metadata/deletionTimestamp").is_some(),
        since,
        if purpose == Purpose::Run { restarts } else { -restarts },
        own("/metadata/creationTimestamp"),
        Reverse(own("/metadata/name")),
    )
}

/// The container that is meant: the one named, else the one that the pod says, else its first.
fn choose(pod: &ResourceId, object: &Json, wanted: Option<&str>) -> Result<String> {
    let names = |pointer: &str| -> Vec<String> {
        list(object, pointer).iter().filter_map(|c| text(c, "/name").map(str::to_owned)).collect()
    };
    let containers = names("/spec/containers");
    let all = [containers.clone(), names("/spec/initContainers"), names("/spec/ephemeralContainers")].concat();
    match wanted {
        Some(name) if all.iter().any(|known| known == name) => Ok(name.to_owned()),
        Some(name) => Err(Error::new(Kind::NotFound, format!("{pod} has no container {name}"))
            .hint(format!("it has: {}", all.join(", ")))
            .resource(pod)),
        None => {
            let said = fields::entry(object, "/metadata/annotations", DEFAULT_CONTAINER);
            let said = said.filter(|name| all.iter().any(|known| known == name)).map(str::to_owned);
            let first = said.or_else(|| containers.into_iter().next());
            first.ok_or_else(|| Error::internal(format!("{pod} has no container")))
        }
    }
}

/// Nothing can be run in a container that does not run.
fn check_running(pod: &ResourceId, object: &Json, container: &str) -> Result<()> {
    let lists = ["/status/containerStatuses", "/status/initContainerStatuses", "/status/ephemeralContainerStatuses"];
    let status = lists.iter().flat_map(|at| list(object, at)).find(|status| status["name"] == container);
    let state = status.map(|status| &status["state"]);
    if state.is_some_and(|state| state["running"].is_object()) {
        return Ok(());
    }
    let why = state.and_then(|state| text(state, "/waiting/reason").or_else(|| text(state, "/terminated/reason")));
    let why = why.or_else(|| text(object, "/status/phase")).unwrap_or("it has not started");
    Err(Error::new(Kind::Unavailable, format!("container {container} of {pod} does not run: {why}"))
        .hint(format!("wait until it does: wait::ready(\"Pod/{}\"); see also cluster::logs", pod.name))
        .resource(pod))
}
