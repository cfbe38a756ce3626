//! HorizontalPodAutoscalers: without metrics, they can only say that there are none.

use serde_json::json;

use super::fields::{items, place_condition, put, stamp, text};
use super::pods::number;
use super::{Context, Controller, MANAGER, Next, Seen, View};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const NAME: &str = "horizontal-pod-autoscaler";
const RESOURCE: &str = "horizontalpodautoscalers.autoscaling";

/// The controller.
pub(super) struct Autoscalers;

impl Controller for Autoscalers {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, "deployments.apps", "statefulsets.apps"]
    }

    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return if change.gone() { Vec::new() } else { vec![change.key.clone()] };
        }
        let all = world.list(RESOURCE, Some(&change.key.namespace));
        let meant = all.iter().filter(|scaler| {
            let target = &scaler["spec"]["scaleTargetRef"];
            text(&target["name"]) == &*change.key.name && resource_of(target) == Some(&*change.key.resource)
        });
        meant.map(|scaler| Key::new(RESOURCE, &change.key.namespace, object::name(scaler))).collect()
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(scaler) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let target = &scaler["spec"]["scaleTargetRef"];
        let name = text(&target["name"]);
        let found = resource_of(target).and_then(|resource| cx.world.get(resource, &key.namespace, name));
        let mut status = if scaler["status"].is_object() { scaler["status"].clone() } else { json!({}) };
        let now = cx.world.wall();
        let set = |status: &mut Json, kind: &str, value: &str, reason: &str, message: &str| {
            place_condition(
                status,
                json!({
                    "type": kind, "status": value, "lastTransitionTime": stamp(now), "reason": reason, "message": message,
                }),
            );
        };
        let Some(found) = found else {
            let resource = resource_of(target).unwrap_or(text(&target["kind"]));
            let why = format!("{resource} \"{name}\" not found");
            set(
                &mut status,
                "AbleToScale",
                "False",
                "FailedGetScale",
                &format!("the HPA controller was unable to get the target's current scale: {why}"),
            );
            cx.set_status(MANAGER, RESOURCE, &scaler, status)?;
            cx.world.event(NAME, &scaler, "Warning", "FailedGetScale", &why);
            return Ok(Next::Wait);
        };
        let replicas = number(&found["spec"]["replicas"], 1);
        put(&mut status, &["currentReplicas"], super::fields::int(&found["status"]["replicas"]));
        put(&mut status, &["desiredReplicas"], replicas);
        set(
            &mut status,
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        let scales = replicas > 0;
        if scales {
            let (reason, message) = no_metrics(&scaler);
            set(&mut status, "ScalingActive", "False", reason, &message);
        } else {
            let message = "scaling is disabled since the replica count of the target is zero";
            set(&mut status, "ScalingActive", "False", "ScalingDisabled", message);
        }
        cx.set_status(MANAGER, RESOURCE, &scaler, status)?;
        Ok(Next::Wait)
    }
}

fn resource_of(target: &Json) -> Option<&'static str> {
    match text(&target["kind"]) {
        "Deployment" => Some("deployments.apps"),
        "StatefulSet" => Some("statefulsets.apps"),
        "ReplicaSet" => Some("replicasets.apps"),
        "ReplicationController" => Some("replicationcontrollers"),
        _ => None,
    }
}

/// What the real controller says of its first metric where no metrics server is.
fn no_metrics(scaler: &Json) -> (&'static str, String) {
    let first = items(&scaler["spec"]["metrics"]).first();
    let resource = first.map_or("cpu", |metric| match text(&metric["type"]) {
        "ContainerResource" => text(&metric["containerResource"]["name"]),
        _ => text(&metric["resource"]["name"]),
    });
    let (reason, unit) = match first.map(|metric| &metric["resource"]["target"]["type"]) {
        _ if first.is_some_and(|metric| metric["type"] == "Pods") => ("FailedGetPodsMetric", ""),
        _ if first.is_some_and(|metric| metric["type"] == "External") => ("FailedGetExternalMetric", ""),
        _ if first.is_some_and(|metric| metric["type"] == "Object") => ("FailedGetObjectMetric", ""),
        Some(kind) if *kind == "AverageValue" => ("FailedGetResourceMetric", "usage"),
        _ => ("FailedGetResourceMetric", "resource utilization"),
    };
    let message = if unit.is_empty() {
        "the HPA was unable to compute the replica count: unable to fetch metrics from custom metrics API: no custom \
         metrics API (custom.metrics.k8s.io) registered"
            .to_owned()
    } else {
        format!(
            "the HPA was unable to compute the replica count: failed to get {resource} {}: unable to get metrics for \
             resource {resource}: unable to fetch metrics from resource metrics API: the server could not find the \
             requested resource (get pods.metrics.k8s.io)",
            if unit == "usage" { "usage" } else { "utilization" }
        )
    };
    (reason, message)
}
