//! Evictions, which the disruption budgets allow or not.

use std::sync::Arc;

use serde_json::{Map, json};

use crate::Json;
use crate::api::answer::Answer;
use crate::api::request::{Kind, Request};
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::object::{is_deleting, name, text};
use crate::validation::selector::matches;
use crate::world::{Deletion, Edit, Objects, Target, World, Writer};

/// Deletes a pod, if its disruption budget allows.
pub(super) fn evict(world: &mut World, request: &Request<'_>, pods: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let (eviction, _) = request.object(&world.catalog, &Kind { group: "policy", version: "v1", kind: "Eviction" })?;
    let mut writer = request.query.writer("CreateOptions", request.user_agent(), false)?;
    let target = Target { subresource: "", ..request.target(pods) };
    if name(&eviction) != target.name {
        return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
    }
    world.namespace_accepts(&target.key(), pods)?;
    let options = eviction.get("deleteOptions").cloned().unwrap_or_default();
    writer.dry_run |= options.get("dryRun").and_then(Json::as_array).is_some_and(|list| !list.is_empty());
    let pod = world.store.get(&target.key()).ok_or_else(|| target.not_found())?.json();
    let phase = text(&pod, "/status/phase").unwrap_or_default();
    let free = matches!(phase, "Succeeded" | "Failed" | "Pending") || is_deleting(&pod);
    if !free && let Some(refusal) = spend(world, &writer, &pod, target.namespace)? {
        return Ok(refusal);
    }
    if !is_deleting(&pod) {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastProbeTime": null, "lastTransitionTime": crate::world::time(world.wall()),
        });
        let status = Target { subresource: "status", ..target };
        world.write(&status, &writer, Edit::Made(Box::new(|live| Ok(with_condition(live, condition)))))?;
    }
    let precondition = |key: &str| options.pointer(&format!("/preconditions/{key}")).and_then(Json::as_str);
    let deletion = Deletion {
        grace_seconds: options.get("gracePeriodSeconds").and_then(Json::as_i64),
        uid: precondition("uid").map(str::to_owned),
        ..Deletion::default()
    };
    world.remove(&target, &writer, &deletion)?;
    Ok(super::created())
}

fn with_condition(pod: &Json, condition: Json) -> Json {
    let mut pod = pod.clone();
    if let Some(status) = pod.get_mut("status").and_then(Json::as_object_mut)
        && let Some(list) = status.entry("conditions").or_insert_with(|| json!([])).as_array_mut()
    {
        list.retain(|there| there.get("type") != condition.get("type"));
        list.push(condition);
    }
    pod
}

/// Takes one disruption from the pod's budget, if it has one; an answer where it has too many budgets.
fn spend(world: &mut World, writer: &Writer, pod: &Json, namespace: &str) -> Result<Option<Answer>, ApiError> {
    let labels = pod.pointer("/metadata/labels").cloned().unwrap_or_default();
    let budgets = world.list("poddisruptionbudgets.policy", Some(namespace));
    let mut budgets = budgets.iter().filter(|b| b.pointer("/spec/selector").is_some_and(|s| matches(s, &labels)));
    let (Some(budget), more) = (budgets.next(), budgets.next()) else { return Ok(None) };
    if more.is_some() {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            "code": 500,
        });
        return Ok(Some(Answer::json(500, &status)));
    }
    let number = |pointer: &str| budget.pointer(pointer).and_then(Json::as_i64).unwrap_or_default();
    let (healthy, desired) = (number("/status/currentHealthy"), number("/status/desiredHealthy"));
    let unhealthy_goes =
        text(budget, "/spec/unhealthyPodEvictionPolicy") == Some("AlwaysAllow") || (healthy >= desired && desired > 0);
    if !is_ready(pod) && unhealthy_goes {
        return Ok(None);
    }
    let name = name(budget);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(too_many(10, &why));
    }
    let allowed = number("/status/disruptionsAllowed");
    if allowed < 0 {
        let why = "pdb disruptions allowed is negative";
        return Err(ApiError::forbidden("policy", "poddisruptionbudget", name, why));
    }
    if allowed == 0 {
        return Err(too_many(0, &refusal(budget, name, healthy, desired)));
    }
    let mut spent = Json::clone(budget);
    let now = crate::world::time(world.wall());
    if let Some(status) = spent.get_mut("status").and_then(Json::as_object_mut) {
        status.insert("disruptionsAllowed".into(), (allowed - 1).into());
        let generation = status.get("observedGeneration").cloned().unwrap_or_else(|| 0.into());
        tell_allowed(status, allowed - 1, generation, &now);
        if let Some(pods) = status.entry("disruptedPods").or_insert_with(|| json!({})).as_object_mut() {
            pods.insert(crate::object::name(pod).to_owned(), now);
        }
    }
    let server = Writer { manager: "kube-apiserver".into(), dry_run: writer.dry_run, ..Writer::default() };
    world.update_status(&server, "poddisruptionbudgets.policy", spent)?;
    Ok(None)
}

/// Says in a budget's condition whether it allows more disruptions.
fn tell_allowed(status: &mut Map<String, Json>, allowed: i64, generation: Json, now: &Json) {
    let (value, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let Some(conditions) = status.entry("conditions").or_insert_with(|| json!([])).as_array_mut() else { return };
    let there = conditions.iter_mut().find(|there| text(there, "/type") == Some("DisruptionAllowed"));
    let since = there.as_ref().filter(|there| text(there, "/status") == Some(value));
    let since = since.and_then(|there| there.get("lastTransitionTime")).unwrap_or(now).clone();
    let condition = json!({
        "type": "DisruptionAllowed", "status": value, "observedGeneration": generation, "lastTransitionTime": since,
        "reason": reason, "message": "",
    });
    match there {
        Some(there) => *there = condition,
        None => conditions.push(condition),
    }
}

fn is_ready(pod: &Json) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    conditions.into_iter().any(|c| text(c, "/type") == Some("Ready") && text(c, "/status") == Some("True"))
}

fn refusal(budget: &Json, name: &str, healthy: i64, desired: i64) -> String {
    let conditions = budget.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let condition = conditions
        .filter(|c| text(c, "/type") == Some("DisruptionAllowed") && text(c, "/status") == Some("False"))
        .find_map(|c| Some((text(c, "/reason").unwrap_or_default(), text(c, "/message").filter(|m| !m.is_empty())?)));
    match condition {
        Some(("SyncFailed", message)) => {
            format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
            )
        }
        _ if healthy <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
        }
        Some((reason, message)) => {
            format!("The disruption budget {name} does not allow evicting pods currently ({reason}): {message}")
        }
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

fn too_many(retry_after: u64, why: &str) -> ApiError {
    let said = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut error = ApiError::new(429, "TooManyRequests", said);
    let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
    if retry_after > 0
        && let Some(details) = details.as_object_mut()
    {
        details.insert("retryAfterSeconds".into(), retry_after.into());
    }
    error.details = Some(Box::new(details));
    error
}
