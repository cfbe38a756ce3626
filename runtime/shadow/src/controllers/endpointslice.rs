//! EndpointSlices: the addresses behind a Service, a hundred at most in each.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::endpoints::{Triggers, endpoint_port, selected, services_of, target_port, trigger};
use super::fields::{controller_reference, items, labels, put, text};
use super::view::Phase;
use super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

const SERVICES: &str = "services";
pub(super) const RESOURCE: &str = "endpointslices.discovery.k8s.io";
/// The label with the name of the Service that a slice is of.
pub(crate) const NAME_LABEL: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";
const MOST: usize = 100;

/// The controller.
#[derive(Default)]
pub(super) struct EndpointSlices {
    triggers: Triggers,
}

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpoint-slice-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[SERVICES, RESOURCE, "pods"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        self.triggers.forget(change);
        match &*change.key.resource {
            SERVICES => vec![change.key.clone()],
            RESOURCE => {
                let ours = object::label(&change.object, MANAGED_BY) == Some(CONTROLLER);
                let service = object::label(&change.object, NAME_LABEL).filter(|_| ours);
                service.map(|service| Key::new(SERVICES, &change.key.namespace, service)).into_iter().collect()
            }
            _ => services_of(world, view, change),
        }
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(service) = cx.world.get(SERVICES, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let spec = &service["spec"];
        if object::is_deleting(&service)
            || spec["type"] == "ExternalName"
            || spec["selector"].as_object().is_none_or(serde_json::Map::is_empty)
        {
            return Ok(Next::Wait);
        }
        let owned = cx.world.owned_by(RESOURCE, &key.namespace, object::uid(&service));
        let mut old: Vec<Arc<Json>> =
            owned.into_iter().filter(|slice| object::label(slice, MANAGED_BY) == Some(CONTROLLER)).collect();
        let triggered = self.triggers.since(cx.view, &service);
        let mut wanted = slices(cx, &service);
        if wanted.is_empty() {
            wanted.push((Json::Null, Vec::new()));
        }
        // The slice with the same ports that shares most with it is kept; what is left over becomes what is new.
        let mut fresh = Vec::new();
        for (ports, endpoints) in wanted {
            let common = |slice: &Json| {
                let there = items(&slice["endpoints"]);
                endpoints.iter().filter(|e| there.iter().any(|o| o["addresses"] == e["addresses"])).count()
            };
            let alike = |place: &usize| old.get(*place).is_some_and(|slice| slice["ports"] == ports);
            let place =
                (0..old.len()).filter(alike).max_by_key(|place| old.get(*place).map_or(0, |slice| common(slice)));
            match place.map(|place| old.remove(place)) {
                Some(kept) => write(cx, &service, Some(&kept), (ports, endpoints), triggered)?,
                None => fresh.push((ports, endpoints)),
            }
        }
        for slice in fresh {
            write(cx, &service, old.pop().as_deref(), slice, triggered)?;
        }
        for slice in old {
            unless_gone(cx.world.delete(
                &writer(MANAGER),
                RESOURCE,
                &key.namespace,
                object::name(&slice),
                &Deletion::default(),
            ))?;
        }
        Ok(Next::Wait)
    }
}

fn write(
    cx: &mut Context<'_>,
    service: &Json,
    old: Option<&Json>,
    (ports, endpoints): (Json, Vec<Json>),
    triggered: Option<Timestamp>,
) -> Result<(), ApiError> {
    let mut wanted = labels(&service["metadata"]["labels"]);
    wanted.insert(MANAGED_BY.into(), CONTROLLER.into());
    wanted.insert(NAME_LABEL.into(), object::name(service).into());
    if service["spec"]["clusterIP"] == "None" {
        wanted.insert("service.kubernetes.io/headless".into(), String::new());
    }
    let mut new = match old {
        Some(old) => old.clone(),
        None => json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "generateName": format!("{}-", object::name(service)), "namespace": object::namespace(service),
                "ownerReferences": [controller_reference(service)],
            },
            "addressType": "IPv4",
        }),
    };
    put(&mut new, &["metadata", "labels"], json!(wanted));
    let none = endpoints.is_empty();
    put(&mut new, &["endpoints"], if none { Json::Null } else { json!(endpoints) });
    put(&mut new, &["ports"], ports);
    if old != Some(&new) {
        trigger(&mut new, triggered);
    }
    match old {
        Some(old) if *old == new => Ok(()),
        Some(_) => cx.world.update(&writer(MANAGER), RESOURCE, new).map(drop),
        None => match cx.world.create(&writer(MANAGER), RESOURCE, new) {
            Err(error) if super::pods::namespace_ends(&error) => Ok(()),
            made => made.map(drop),
        },
    }
}

/// Ports with the endpoints that have them, a hundred at most at a time.
fn slices(cx: &Context<'_>, service: &Json) -> Vec<(Json, Vec<Json>)> {
    let namespace = object::namespace(service);
    let early = service["spec"]["publishNotReadyAddresses"] == true;
    let mut groups: BTreeMap<String, (Json, Vec<Json>)> = BTreeMap::new();
    for pod in cx.view.in_namespace(namespace).filter(|pod| selected(service, pod) && !pod.ip.is_empty()) {
        if matches!(pod.phase, Phase::Succeeded | Phase::Failed) {
            continue;
        }
        let Some(object) = cx.world.get("pods", namespace, &pod.name) else { continue };
        let serving = pod.ready;
        let mut endpoint = json!({
            "addresses": [pod.ip],
            "conditions": {"ready": early || (serving && !pod.deleting), "serving": serving, "terminating": pod.deleting},
        });
        let (host, subdomain) = (text(&object["spec"]["hostname"]), text(&object["spec"]["subdomain"]));
        if !host.is_empty() && subdomain == object::name(service) {
            put(&mut endpoint, &["hostname"], host);
        }
        put(&mut endpoint, &["nodeName"], pod.node.as_str());
        put(
            &mut endpoint,
            &["targetRef"],
            json!({
                "kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid,
            }),
        );
        if let Some(zone) = cx.view.node_named(&pod.node).and_then(|n| n.labels.get("topology.kubernetes.io/zone")) {
            put(&mut endpoint, &["zone"], zone.as_str());
        }
        let ports: Vec<Json> = items(&service["spec"]["ports"])
            .iter()
            .filter_map(|port| Some(endpoint_port(port, target_port(port, &object)?, true)))
            .collect();
        let ports = if ports.is_empty() { Json::Null } else { json!(ports) };
        groups.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(endpoint);
    }
    let mut all = Vec::new();
    for (ports, endpoints) in groups.into_values() {
        all.extend(endpoints.chunks(MOST).map(|part| (ports.clone(), part.to_vec())));
    }
    all
}
