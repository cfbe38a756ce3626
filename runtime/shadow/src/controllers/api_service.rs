//! APIServices: whether the server behind a group of the API can be asked.
//!
//! A real aggregator asks it, too. Here, whatever is ready answers.

use serde_json::json;

use super::endpointslice::{self, NAME_LABEL};
use super::fields::{items, place_condition, stamp, text};
use super::{Context, Controller, Next, Seen, View};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const MANAGER: &str = "kube-apiserver";
const RESOURCE: &str = "apiservices.apiregistration.k8s.io";
const SERVICES: &str = "services";

/// The controller.
pub(super) struct ApiServices;

impl Controller for ApiServices {
    fn name(&self) -> &'static str {
        "kube-aggregator"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, SERVICES, endpointslice::RESOURCE]
    }

    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return if change.gone() { Vec::new() } else { vec![change.key.clone()] };
        }
        let service = match change.of(SERVICES) {
            true => &*change.key.name,
            false => text(&change.object["metadata"]["labels"][NAME_LABEL]),
        };
        let all = world.list(RESOURCE, None);
        let behind = all.iter().filter(|api| {
            let asked = &api["spec"]["service"];
            text(&asked["name"]) == service && text(&asked["namespace"]) == &*change.key.namespace
        });
        behind.map(|api| Key::new(RESOURCE, "", object::name(api))).collect()
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(api) = cx.world.get(RESOURCE, "", &key.name) else { return Ok(Next::Wait) };
        let asked = &api["spec"]["service"];
        let (available, reason, message) = if asked.is_object() {
            match unavailable(cx.world, asked) {
                Some((reason, message)) => ("False", reason, message),
                None => ("True", "Passed", "all checks passed".to_owned()),
            }
        } else {
            ("True", "Local", "Local APIServices are always available".to_owned())
        };
        let mut status = if api["status"].is_object() { api["status"].clone() } else { json!({}) };
        place_condition(
            &mut status,
            json!({
                "lastTransitionTime": stamp(cx.world.wall()), "message": message, "reason": reason, "status": available,
                "type": "Available",
            }),
        );
        cx.set_status(MANAGER, RESOURCE, &api, status)?;
        Ok(Next::Wait)
    }
}

/// Why nobody behind the Service can be asked: reason and message.
fn unavailable(world: &dyn Objects, asked: &Json) -> Option<(&'static str, String)> {
    let (namespace, name) = (text(&asked["namespace"]), text(&asked["name"]));
    let Some(service) = world.get(SERVICES, namespace, name) else {
        return Some(("ServiceNotFound", format!("service/{name} in \"{namespace}\" is not present")));
    };
    if service["spec"]["type"] != "ClusterIP" {
        return None;
    }
    let port = asked["port"].as_i64().unwrap_or(443);
    let Some(served) = items(&service["spec"]["ports"]).iter().find(|p| p["port"] == port) else {
        return Some((
            "ServicePortError",
            format!("service/{name} in \"{namespace}\" is not listening on port {port}"),
        ));
    };
    let port = text(&served["name"]);
    let all = world.list(endpointslice::RESOURCE, Some(namespace));
    let mut slices = all.iter().filter(|slice| slice["metadata"]["labels"][NAME_LABEL] == name).peekable();
    if slices.peek().is_none() {
        return Some((
            "EndpointsNotFound",
            format!("cannot find endpointslices for service/{name} in \"{namespace}\""),
        ));
    }
    let serves = |slice: &Json| {
        items(&slice["endpoints"]).iter().any(|endpoint| endpoint["conditions"]["ready"] != false)
            && items(&slice["ports"]).iter().any(|p| text(&p["name"]) == port && !p["port"].is_null())
    };
    if slices.any(|slice| serves(slice)) {
        return None;
    }
    Some((
        "MissingEndpoints",
        format!("endpointslices for service/{name} in \"{namespace}\" have no addresses with port name \"{port}\""),
    ))
}
