//! ResourceQuotas: what a namespace uses of what it may.

use std::collections::BTreeMap;

use serde_json::json;

use super::fields::{items, put, text};
use super::view::{Amounts, add};
use super::{Context, Controller, MANAGER, Next, Seen, View};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::quantity::{Quantity, milli};
use crate::store::Key;
use crate::world::Objects;

const RESOURCE: &str = "resourcequotas";

/// The controller.
pub(super) struct Quotas;

impl Controller for Quotas {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return if change.gone() { Vec::new() } else { vec![change.key.clone()] };
        }
        // What is used changes when something comes, goes or ends.
        let counts = change.kind != crate::store::ChangeKind::Modified
            || matches!(&*change.key.resource, "pods" | "persistentvolumeclaims" | "services");
        if change.key.namespace.is_empty() || !counts {
            return Vec::new();
        }
        let quotas = world.list(RESOURCE, Some(&change.key.namespace));
        quotas.iter().map(|quota| Key::new(RESOURCE, &change.key.namespace, object::name(quota))).collect()
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(quota) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let hard = quota["spec"]["hard"].clone();
        let mut used = json!({});
        let mut pods = None;
        for (name, limit) in hard.as_object().into_iter().flatten() {
            let amount = of_pods(cx, &quota, name, &mut pods).unwrap_or_else(|| counted(cx, &key.namespace, name));
            let binary = text(limit).ends_with('i') || name.contains("memory") || name.contains("storage");
            put(&mut used, &[name], Quantity::of_milli(amount, binary).to_string());
        }
        cx.set_status(MANAGER, RESOURCE, &quota, json!({"hard": hard, "used": used}))?;
        Ok(Next::Wait)
    }
}

/// What the namespace's pods ask for; nothing if it is no matter of pods.
fn of_pods(cx: &Context<'_>, quota: &Json, name: &str, known: &mut Option<BTreeMap<String, i128>>) -> Option<i128> {
    let (field, resource) = match name {
        "pods" | "count/pods" => ("count", ""),
        _ => match (name.strip_prefix("requests."), name.strip_prefix("limits.")) {
            (Some("storage"), _) => return None,
            (Some(resource), _) => ("requests", resource),
            (_, Some(resource)) => ("limits", resource),
            _ if matches!(name, "cpu" | "memory" | "ephemeral-storage") => ("requests", name),
            _ => return None,
        },
    };
    let sums = known.get_or_insert_with(|| sums(cx, quota));
    let key = if resource.is_empty() { field.to_owned() } else { format!("{field}.{resource}") };
    Some(sums.get(&key).copied().unwrap_or(0))
}

/// What the pods that the quota means ask for, together.
fn sums(cx: &Context<'_>, quota: &Json) -> BTreeMap<String, i128> {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    for pod in cx.view.in_namespace(object::namespace(quota)).filter(|pod| !pod.finished()) {
        let Some(object) = cx.world.get("pods", &pod.namespace, &pod.name) else { continue };
        if !in_scope(quota, &object) {
            continue;
        }
        *sums.entry("count".into()).or_default() += 1000;
        for (resource, amount) in &pod.requests {
            *sums.entry(format!("requests.{resource}")).or_default() += amount;
        }
        let mut limits = Amounts::new();
        for container in items(&object["spec"]["containers"]) {
            add(&mut limits, &container["resources"]["limits"]);
        }
        for (resource, amount) in limits {
            *sums.entry(format!("limits.{resource}")).or_default() += amount;
        }
    }
    sums
}

fn in_scope(quota: &Json, pod: &Json) -> bool {
    let scopes = items(&quota["spec"]["scopes"]).iter().map(text);
    let class = text(&pod["spec"]["priorityClassName"]);
    let plain = scopes.into_iter().all(|scope| match scope {
        "Terminating" => pod["spec"]["activeDeadlineSeconds"].is_i64(),
        "NotTerminating" => !pod["spec"]["activeDeadlineSeconds"].is_i64(),
        "BestEffort" => pod["status"]["qosClass"] == "BestEffort",
        "NotBestEffort" => pod["status"]["qosClass"] != "BestEffort",
        _ => true,
    });
    let chosen = items(&quota["spec"]["scopeSelector"]["matchExpressions"]).iter().all(|rule| {
        if rule["scopeName"] != "PriorityClass" {
            return true;
        }
        let among = items(&rule["values"]).iter().any(|value| value == class);
        match text(&rule["operator"]) {
            "In" => among,
            "NotIn" => !among,
            "Exists" => !class.is_empty(),
            _ => class.is_empty(),
        }
    });
    plain && chosen
}

/// How many objects there are, or what claims ask for.
fn counted(cx: &Context<'_>, namespace: &str, name: &str) -> i128 {
    let size = |n: usize| i128::try_from(n).unwrap_or(0) * 1000;
    let services =
        |kind: &str| cx.world.list("services", Some(namespace)).iter().filter(|s| s["spec"]["type"] == kind).count();
    let claims = |class: Option<&str>| {
        let all = cx.world.list("persistentvolumeclaims", Some(namespace));
        all.into_iter()
            .filter(move |claim| class.is_none_or(|class| claim["spec"]["storageClassName"] == class))
            .collect::<Vec<_>>()
    };
    let storage = |class: Option<&str>| -> i128 {
        let asked = claims(class).into_iter().filter_map(|c| milli(&c["spec"]["resources"]["requests"]["storage"]));
        asked.sum()
    };
    const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
    match name {
        "services.loadbalancers" => size(services("LoadBalancer")),
        "services.nodeports" => {
            let all = cx.world.list("services", Some(namespace));
            let ports = all.iter().flat_map(|service| items(&service["spec"]["ports"]));
            size(ports.filter(|port| port["nodePort"].is_i64()).count())
        }
        "requests.storage" => storage(None),
        _ => match name.split_once(OF_CLASS) {
            Some((class, "requests.storage")) => storage(Some(class)),
            Some((class, _)) => size(claims(Some(class)).len()),
            None => size(cx.world.list(name.strip_prefix("count/").unwrap_or(name), Some(namespace)).len()),
        },
    }
}
