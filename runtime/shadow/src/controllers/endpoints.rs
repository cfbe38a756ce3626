//! Endpoints: the addresses behind a Service, in the old form.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{items, labels, put, stamp, take, text, time};
use super::selector::selects_map;
use super::view::{Phase, Pod};
use super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

const SERVICES: &str = "services";
const RESOURCE: &str = "endpoints";

/// When the last change happened that endpoints show.
const TRIGGERED: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times of changes that a Service's endpoints show, as they were last seen.
#[derive(Default)]
pub(super) struct Triggers(BTreeMap<String, BTreeMap<String, Timestamp>>);

impl Triggers {
    /// The time of the first change since it was last asked for; nothing where nothing has changed.
    pub(super) fn since(&mut self, view: &View, service: &Json) -> Option<Timestamp> {
        let pods = view.in_namespace(object::namespace(service)).filter(|pod| selected(service, pod));
        let now = pods.filter_map(|pod| Some((pod.name.clone(), pod.ready_since?))).collect::<BTreeMap<_, _>>();
        let before = self.0.insert(object::uid(service).to_owned(), now.clone());
        let Some(before) = before else { return time(&service["metadata"]["creationTimestamp"]) };
        now.iter().filter(|(name, at)| before.get(*name).is_none_or(|old| old < *at)).map(|(_, at)| *at).min()
    }

    /// Forgets a Service that is gone.
    pub(super) fn forget(&mut self, change: &Seen) {
        if change.of(SERVICES) && change.gone() {
            self.0.remove(object::uid(&change.object));
        }
    }
}

/// Notes the time of a change.
pub(super) fn trigger(object: &mut Json, at: Option<Timestamp>) {
    match at {
        Some(at) => put(object, &["metadata", "annotations", TRIGGERED], stamp(at)),
        None => drop(take(object, &["metadata", "annotations", TRIGGERED])),
    }
}

/// The controller.
#[derive(Default)]
pub(super) struct Endpoints {
    triggers: Triggers,
}

/// The Services that a change of a pod concerns.
pub(super) fn services_of(world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
    let now = if change.gone() { None } else { view.pod(&change.key.namespace, &change.key.name) };
    let before = change.pod_before.as_ref();
    if let (Some(before), Some(now)) = (before, now) {
        let same = before.labels == now.labels
            && before.ip == now.ip
            && before.ready == now.ready
            && before.deleting == now.deleting
            && before.phase == now.phase
            && before.node == now.node;
        if same {
            return Vec::new();
        }
    }
    let has_address = |pod: Option<&std::sync::Arc<Pod>>| pod.is_some_and(|pod| !pod.ip.is_empty());
    if !has_address(before) && !has_address(now) {
        return Vec::new();
    }
    let services = world.list(SERVICES, Some(&change.key.namespace));
    let fitting =
        services.iter().filter(|service| [before, now].into_iter().flatten().any(|pod| selected(service, pod)));
    fitting.map(|service| Key::new(SERVICES, &change.key.namespace, object::name(service))).collect()
}

/// Whether a Service selects a pod. One without selector selects none.
pub(super) fn selected(service: &Json, pod: &Pod) -> bool {
    service["spec"]["selector"].as_object().is_some_and(|map| !map.is_empty())
        && selects_map(&service["spec"]["selector"], &pod.labels)
}

/// The port of a pod that a Service's port means: a number, or the name of a container's port.
pub(super) fn target_port(port: &Json, pod: &Json) -> Option<i64> {
    let target = &port["targetPort"];
    if let Some(number) = target.as_i64().filter(|number| *number != 0) {
        return Some(number);
    }
    let Some(name) = target.as_str() else { return port["port"].as_i64() };
    let protocol = |value: &Json| match text(value) {
        "" => "TCP".to_owned(),
        said => said.to_owned(),
    };
    let sidecars = items(&pod["spec"]["initContainers"]).iter().filter(|c| c["restartPolicy"] == "Always");
    let all = items(&pod["spec"]["containers"]).iter().chain(sidecars).flat_map(|c| items(&c["ports"]));
    let mut named = all.filter(|p| p["name"] == name && protocol(&p["protocol"]) == protocol(&port["protocol"]));
    named.next().and_then(|p| p["containerPort"].as_i64())
}

/// A Service's port as endpoints carry it.
pub(super) fn endpoint_port(port: &Json, number: i64, always_name: bool) -> Json {
    let mut kept = json!({});
    if always_name || !text(&port["name"]).is_empty() {
        put(&mut kept, &["name"], text(&port["name"]));
    }
    put(&mut kept, &["port"], number);
    put(&mut kept, &["protocol"], if text(&port["protocol"]).is_empty() { "TCP" } else { text(&port["protocol"]) });
    if !text(&port["appProtocol"]).is_empty() {
        put(&mut kept, &["appProtocol"], port["appProtocol"].clone());
    }
    kept
}

impl Controller for Endpoints {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[SERVICES, RESOURCE, "pods"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        self.triggers.forget(change);
        match &*change.key.resource {
            SERVICES => vec![change.key.clone()],
            RESOURCE => vec![Key::new(SERVICES, &change.key.namespace, &change.key.name)],
            _ => services_of(world, view, change),
        }
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let old = cx.world.get(RESOURCE, &key.namespace, &key.name);
        let Some(service) = cx.world.get(SERVICES, &key.namespace, &key.name) else {
            // Those that the controller made go with their Service.
            let ours = old.is_some_and(|old| object::label(&old, "endpoints.kubernetes.io/managed-by").is_some());
            if ours {
                let deletion = Deletion::default();
                unless_gone(cx.world.delete(&writer(MANAGER), RESOURCE, &key.namespace, &key.name, &deletion))?;
            }
            return Ok(Next::Wait);
        };
        if service["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty)
            || service["spec"]["type"] == "ExternalName"
        {
            return Ok(Next::Wait);
        }
        let triggered = self.triggers.since(cx.view, &service);
        let subsets = subsets(cx, &service);
        let mut wanted = labels(&service["metadata"]["labels"]);
        wanted.insert("endpoints.kubernetes.io/managed-by".into(), "endpoint-controller".into());
        if service["spec"]["clusterIP"] == "None" {
            wanted.insert("service.kubernetes.io/headless".into(), String::new());
        }
        let mut new = match &old {
            Some(old) => Json::clone(old),
            None => json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": &*key.name, "namespace": &*key.namespace},
            }),
        };
        put(&mut new, &["metadata", "labels"], json!(wanted));
        if subsets.is_empty() {
            take(&mut new, &["subsets"]);
        } else {
            put(&mut new, &["subsets"], subsets);
        }
        if old.as_deref() != Some(&new) {
            trigger(&mut new, triggered);
        }
        match old {
            Some(old) if *old == new => Ok(()),
            Some(_) => cx.world.update(&writer(MANAGER), RESOURCE, new).map(drop),
            None => match cx.world.create(&writer(MANAGER), RESOURCE, new) {
                Err(error) if super::pods::namespace_ends(&error) => Ok(()),
                made => made.map(drop),
            },
        }?;
        Ok(Next::Wait)
    }
}

fn subsets(cx: &Context<'_>, service: &Json) -> Vec<Json> {
    let namespace = object::namespace(service);
    let early = service["spec"]["publishNotReadyAddresses"] == true;
    let ports = items(&service["spec"]["ports"]);
    // By ports: the ready ones, and the others.
    let mut groups: BTreeMap<String, (Json, Vec<Json>, Vec<Json>)> = BTreeMap::new();
    let mut pods: Vec<_> = cx.view.in_namespace(namespace).filter(|pod| selected(service, pod)).collect();
    pods.sort_by_key(|pod| pod.ip.split('.').filter_map(|part| part.parse::<u8>().ok()).collect::<Vec<_>>());
    for pod in pods.into_iter().filter(|pod| !pod.ip.is_empty()) {
        if (pod.deleting && !early) || matches!(pod.phase, Phase::Succeeded | Phase::Failed) {
            continue;
        }
        let Some(object) = cx.world.get("pods", namespace, &pod.name) else { continue };
        let mut address = json!({"ip": pod.ip});
        let (host, subdomain) = (text(&object["spec"]["hostname"]), text(&object["spec"]["subdomain"]));
        if !host.is_empty() && subdomain == object::name(service) {
            put(&mut address, &["hostname"], host);
        }
        put(&mut address, &["nodeName"], pod.node.as_str());
        put(
            &mut address,
            &["targetRef"],
            json!({
                "kind": "Pod", "namespace": namespace, "name": pod.name, "uid": pod.uid,
            }),
        );
        let numbers: Vec<Json> =
            ports.iter().filter_map(|port| Some(endpoint_port(port, target_port(port, &object)?, false))).collect();
        if numbers.is_empty() && !(ports.is_empty() && service["spec"]["clusterIP"] == "None") {
            continue;
        }
        let numbers = json!(numbers);
        let group = groups.entry(numbers.to_string()).or_insert_with(|| (numbers, Vec::new(), Vec::new()));
        if pod.ready || early { group.1.push(address) } else { group.2.push(address) }
    }
    let written = groups.into_values().map(|(ports, ready, others)| {
        let mut subset = json!({});
        if !ready.is_empty() {
            put(&mut subset, &["addresses"], ready);
        }
        if !others.is_empty() {
            put(&mut subset, &["notReadyAddresses"], others);
        }
        if !items(&ports).is_empty() {
            put(&mut subset, &["ports"], ports);
        }
        subset
    });
    written.collect()
}
