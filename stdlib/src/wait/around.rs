//! What is looked at around an object: what its readiness depends on, and the pods that it is made of.

use serde_json::Value as Json;
use windlass_runtime::cluster::{Collection, Selector};

use super::board::SourceId;
use super::readiness::Want;
use super::trouble;
use super::vigil::{Goal, Vigil};
use crate::fields::{kind, list, text};

/// The label of an EndpointSlice that names its Service.
pub(super) const SERVICE: &str = "kubernetes.io/service-name";

impl Vigil {
    /// Where something that the readiness of a goal's object depends on is told of.
    pub(super) fn want(&mut self, index: usize, want: Want) -> SourceId {
        let goal = &self.watched[index].goal;
        let crowded = self.is_crowded(goal);
        let (of, selector) = match want {
            Want::EndpointSlices => (
                collection(goal, "discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
                if crowded { Selector::default() } else { Selector::labels(format!("{SERVICE}={}", goal.id.name)) },
            ),
            Want::Nodes => (wide(goal, "v1", "Node", "nodes"), Selector::default()),
            Want::Pods => (collection(goal, "v1", "Pod", "pods"), Selector::default()),
            Want::StorageClasses => {
                (wide(goal, "storage.k8s.io/v1", "StorageClass", "storageclasses"), Selector::default())
            }
        };
        self.board.source(&of, &selector)
    }

    fn is_crowded(&self, goal: &Goal) -> bool {
        self.crowds.get(&(goal.id.cluster.clone(), goal.id.namespace.clone())).is_some_and(|n| *n > 1)
    }

    /// Where the pods of an object, its ReplicaSets and the refusals to make pods are told of.
    pub(super) fn guards(&mut self, index: usize, object: &Json) -> [Option<SourceId>; 3] {
        let goal = &self.watched[index].goal;
        let crowded = self.is_crowded(goal);
        let selector = |labels: Option<String>| match (crowded, labels) {
            (false, Some(labels)) => Selector::labels(labels),
            _ => Selector::default(),
        };
        let pods = collection(goal, "v1", "Pod", "pods");
        let sets = collection(goal, "apps/v1", "ReplicaSet", "replicasets");
        let refusals = collection(goal, "v1", "Event", "events");
        let refused = Selector { labels: None, fields: Some("reason=FailedCreate".into()) };
        let labels = label_selector(object);
        let (has_pods, has_sets, makes) = match kind(object) {
            ("Deployment", "apps") => (true, true, true),
            ("StatefulSet" | "DaemonSet" | "ReplicaSet", "apps") | ("Job", "batch") => (true, false, true),
            ("Service", "") if text(object, "/spec/type") != Some("ExternalName") => (true, false, false),
            // Its own source tells of it.
            ("Pod", "") => return [Some(self.watched[index].source), None, None],
            _ => (false, false, false),
        };
        let pods = has_pods.then(|| self.board.source(&pods, &selector(labels.clone())));
        let sets = has_sets.then(|| self.board.source(&sets, &selector(labels)));
        let refusals = makes.then(|| self.board.source(&refusals, &refused));
        [pods, sets, refusals]
    }

    /// The pods of a goal's object, if they were followed.
    pub fn known_pods(&mut self, index: usize) -> Option<Vec<Json>> {
        let object = self.watched[index].last.clone()?;
        let guards = self.guards(index, &object);
        if !guards.iter().take(2).flatten().all(|s| self.board.get(*s).is_known()) {
            return None;
        }
        let all = |source: Option<SourceId>| -> Vec<&Json> {
            source.and_then(|s| self.board.get(s).all()).map(Iterator::collect).unwrap_or_default()
        };
        let [pods, sets, _] = guards.map(all);
        Some(trouble::pods_of(&object, &pods, &sets).into_iter().cloned().collect())
    }
}

fn collection(goal: &Goal, api_version: &str, kind: &str, plural: &str) -> Collection {
    Collection { namespace: goal.id.namespace.clone(), ..wide(goal, api_version, kind, plural) }
}

fn wide(goal: &Goal, api_version: &str, kind: &str, plural: &str) -> Collection {
    Collection {
        cluster: goal.id.cluster.clone(),
        api_version: api_version.into(),
        kind: kind.into(),
        plural: plural.into(),
        namespace: None,
    }
}

/// The selector of a workload or a Service as a label selector of the API.
pub(crate) fn label_selector(object: &Json) -> Option<String> {
    let selector = object.pointer("/spec/selector")?;
    let is_service = kind(object) == ("Service", "");
    let labels = if is_service { Some(selector) } else { selector.get("matchLabels") };
    let pair = |(key, value): (&String, &Json)| Some(format!("{key}={}", value.as_str()?));
    let mut parts: Vec<String> =
        labels.and_then(Json::as_object).map(|labels| labels.iter().filter_map(pair).collect()).unwrap_or_default();
    let expressions = if is_service { &[] } else { list(selector, "/matchExpressions") };
    for expression in expressions {
        let key = text(expression, "/key")?;
        let values: Vec<&str> = list(expression, "/values").iter().filter_map(Json::as_str).collect();
        parts.push(match text(expression, "/operator")? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}
