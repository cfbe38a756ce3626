//! HorizontalPodAutoscalers: they keep their target within its bounds. Without metrics, they can only say that there are none.

use std::time::Duration;

use serde_json::json;

use super::fields::{items, place_condition, put, stamp, text};
use super::pods::number;
use super::{Context, Controller, MANAGER, Next, Seen, View, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const NAME: &str = "horizontal-pod-autoscaler";
const RESOURCE: &str = "horizontalpodautoscalers.autoscaling";
/// How often a target is scaled at most.
const PERIOD: Duration = Duration::from_secs(15);

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
        put(&mut status, &["currentReplicas"], replicas);
        if status["desiredReplicas"].is_null() || replicas == 0 {
            put(&mut status, &["desiredReplicas"], 0);
        }
        set(
            &mut status,
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        );
        if replicas == 0 {
            let message = "scaling is disabled since the replica count of the target is zero";
            set(&mut status, "ScalingActive", "False", "ScalingDisabled", message);
            cx.set_status(MANAGER, RESOURCE, &scaler, status)?;
            return Ok(Next::Wait);
        }
        if let Some(bound) = Bound::crossed(&scaler, replicas) {
            if let Some(wait) = wait(&scaler, now) {
                return Ok(if is_alone(cx, &scaler) { Next::After(wait) } else { Next::Weakly(wait) });
            }
            let Some(resource) = resource_of(target) else { return Ok(Next::Wait) };
            let scale = json!({
                "metadata": {"namespace": &*key.namespace, "name": name}, "spec": {"replicas": bound.replicas},
            });
            cx.world.update(&writer(MANAGER), &format!("{resource}/scale"), scale)?;
            let message = format!("the HPA controller was able to update the target scale to {}", bound.replicas);
            set(&mut status, "AbleToScale", "True", "SucceededRescale", &message);
            put(&mut status, &["desiredReplicas"], bound.replicas);
            put(&mut status, &["currentMetrics"], Json::Null);
            put(&mut status, &["lastScaleTime"], stamp(now));
            cx.set_status(MANAGER, RESOURCE, &scaler, status)?;
            let message = format!("New size: {}; reason: Current number of replicas {}", bound.replicas, bound.reason);
            cx.world.event(NAME, &scaler, "Normal", "SuccessfulRescale", &message);
            return Ok(Next::Wait);
        }
        let missing: Vec<Missing> = items(&scaler["spec"]["metrics"]).iter().map(missing).collect();
        if let Some(first) = missing.first() {
            let message = format!("the HPA was unable to compute the replica count: {}", first.message);
            set(&mut status, "ScalingActive", "False", first.reason, &message);
        }
        put(&mut status, &["currentMetrics"], missing.iter().map(|_| json!({"type": ""})).collect::<Vec<_>>());
        // Said once: the real one says it every 15 s.
        if cx.set_status(MANAGER, RESOURCE, &scaler, status)? {
            for metric in &missing {
                cx.world.event(NAME, &scaler, "Warning", metric.reason, &metric.message);
            }
            let count = missing.len();
            let first = missing.first().map(|first| format!("{}: {}", first.value, first.message)).unwrap_or_default();
            let message = format!("invalid metrics ({count} invalid out of {count}), first error is: {first}");
            cx.world.event(NAME, &scaler, "Warning", "FailedComputeMetricsReplicas", &message);
        }
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

/// The bound that a target's replicas are to be brought back to.
struct Bound {
    replicas: i64,
    reason: &'static str,
}

impl Bound {
    fn crossed(scaler: &Json, replicas: i64) -> Option<Self> {
        let spec = &scaler["spec"];
        let (least, most) = (number(&spec["minReplicas"], 1), number(&spec["maxReplicas"], i64::MAX));
        if replicas > most {
            Some(Self { replicas: most, reason: "above Spec.MaxReplicas" })
        } else if replicas < least {
            Some(Self { replicas: least, reason: "below Spec.MinReplicas" })
        } else {
            None
        }
    }
}

/// How long it takes until the target may be scaled again.
fn wait(scaler: &Json, now: jiff::Timestamp) -> Option<Duration> {
    let last: jiff::Timestamp = text(&scaler["status"]["lastScaleTime"]).parse().ok()?;
    let wait = PERIOD.checked_sub(Duration::try_from(now.duration_since(last)).unwrap_or_default())?;
    (!wait.is_zero()).then_some(wait)
}

/// Whether it has its target for itself: two with other bounds would scale it to and fro for ever.
fn is_alone(cx: &Context<'_>, scaler: &Json) -> bool {
    let target = |scaler: &Json| {
        let target = &scaler["spec"]["scaleTargetRef"];
        (text(&target["kind"]).to_owned(), text(&target["name"]).to_owned())
    };
    let all = cx.world.list(RESOURCE, Some(object::namespace(scaler)));
    all.iter().filter(|other| target(other) == target(scaler)).count() == 1
}

/// What there is to say of a metric that nobody measures.
struct Missing {
    reason: &'static str,
    message: String,
    /// What failed as a whole.
    value: String,
}

/// The real controller's words where neither a metrics server nor an adapter is.
fn missing(metric: &Json) -> Missing {
    let custom =
        "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered";
    let of_resource = |reason, part: &Json, kind: &str| {
        let name = text(&part["name"]);
        let unit = if part["target"]["type"] == "AverageValue" { "usage" } else { "utilization" };
        Missing {
            reason,
            message: format!(
                "failed to get {name} {unit}: unable to get metrics for resource {name}: unable to fetch metrics from \
                 resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
            ),
            value: format!("failed to get {name} {kind} metric value"),
        }
    };
    let name = |part: &str| text(&metric[part]["metric"]["name"]).to_owned();
    match text(&metric["type"]) {
        "Pods" => Missing {
            reason: "FailedGetPodsMetric",
            message: format!("unable to get metric {}: {custom}", name("pods")),
            value: "failed to get pods metric value".into(),
        },
        "Object" => Missing {
            reason: "FailedGetObjectMetric",
            message: format!("unable to get metric {}: {custom}", name("object")),
            value: "failed to get object metric value".into(),
        },
        "External" => Missing {
            reason: "FailedGetExternalMetric",
            message: format!(
                "unable to get external metric {}: unable to fetch metrics from external metrics API: no external \
                 metrics API (external.metrics.k8s.io) registered",
                name("external")
            ),
            value: format!("failed to get {} external metric value", name("external")),
        },
        "ContainerResource" => {
            of_resource("FailedGetContainerResourceMetric", &metric["containerResource"], "container")
        }
        _ => of_resource("FailedGetResourceMetric", &metric["resource"], "resource"),
    }
}
