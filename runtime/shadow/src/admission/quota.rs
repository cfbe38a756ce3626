//! ResourceQuotas: what an object uses, and whether that is still to be had.

use std::collections::{BTreeMap, BTreeSet};

use super::Request;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::defaults::pod::container_resources;
use crate::defaults::prepare::qos_class;
use crate::quantity::Quantity;
use crate::world::Objects;
use crate::{ApiError, Json};

type Usage = BTreeMap<String, Quantity>;

/// Resources that containers have to name where a quota limits them.
const REQUIRED: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// Judges a new object, or a claim that grows, by the namespace's quotas.
pub(super) fn check(
    request: &Request<'_>,
    object: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    if !is_counted(request, old) {
        return Ok(());
    }
    for quota in objects.list("resourcequotas", Some(request.namespace)) {
        check_one(request, object, old, &quota)?;
    }
    Ok(())
}

/// The namespace's quotas that this object uses up, with what is used then.
pub(crate) fn charged(request: &Request<'_>, object: &Json, old: Option<&Json>, objects: &dyn Objects) -> Vec<Json> {
    if !is_counted(request, old) {
        return Vec::new();
    }
    let quotas = objects.list("resourcequotas", Some(request.namespace));
    quotas.iter().filter_map(|quota| charge(request, object, old, quota)).collect()
}

fn charge(request: &Request<'_>, object: &Json, old: Option<&Json>, quota: &Json) -> Option<Json> {
    let usage = asked(request, object, old, quota)?;
    let used = read(get(quota, "status"), "used");
    let mut quota = quota.clone();
    let list = quota.pointer_mut("/status/used")?.as_object_mut()?;
    for (resource, quantity) in &usage {
        let total = used.get(resource)?.plus(*quantity);
        list.insert(resource.clone(), total.to_string().into());
    }
    (!usage.is_empty()).then_some(quota)
}

fn is_counted(request: &Request<'_>, old: Option<&Json>) -> bool {
    let counted = match request.resource {
        "persistentvolumeclaims" | "services" if request.group.is_empty() => true,
        _ => old.is_none(),
    };
    counted && !request.namespace.is_empty()
}

/// What an object asks for of what a quota limits; nothing if the quota is not about it.
fn asked(request: &Request<'_>, object: &Json, old: Option<&Json>, quota: &Json) -> Option<Usage> {
    if !in_scope(request.is("", "pods"), object, quota) {
        return None;
    }
    let hard: Usage = read(get(quota, "status"), "hard");
    let mut usage = usage_of(request, object);
    if let Some(old) = old {
        for (resource, before) in usage_of(request, old) {
            if let Some(now) = usage.get_mut(&resource) {
                *now = now.minus(before).max(Quantity::ZERO);
            }
        }
    }
    usage.retain(|resource, quantity| hard.contains_key(resource) && !quantity.is_zero());
    Some(usage)
}

fn check_one(request: &Request<'_>, object: &Json, old: Option<&Json>, quota: &Json) -> Result<(), ApiError> {
    let Some(usage) = asked(request, object, old, quota) else { return Ok(()) };
    let status = get(quota, "status");
    let name = crate::object::name(quota);
    let hard: Usage = read(status, "hard");
    if request.is("", "pods")
        && let Some(missing) = missing(object, &hard)
    {
        return request.forbid(object, format!("failed quota: {name}: must specify {missing}"));
    }
    let used = read(status, "used");
    let unknown: Vec<&str> =
        usage.keys().filter(|resource| !used.contains_key(*resource)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let resources = unknown.join(",");
        return request.forbid(object, format!("status unknown for quota: {name}, resources: {resources}"));
    }
    let over = |resource: &String| {
        let total = used.get(resource)?.plus(*usage.get(resource)?);
        Some(total > *hard.get(resource)?)
    };
    let exceeded: BTreeSet<&String> = usage.keys().filter(|resource| over(resource) == Some(true)).collect();
    if exceeded.is_empty() {
        return Ok(());
    }
    let said = |list: &Usage| {
        let parts = list.iter().filter(|(k, _)| exceeded.contains(k)).map(|(k, v)| format!("{k}={v}"));
        parts.collect::<Vec<_>>().join(",")
    };
    let (asked, used, limited) = (said(&usage), said(&used), said(&hard));
    request.forbid(object, format!("exceeded quota: {name}, requested: {asked}, used: {used}, limited: {limited}"))
}

fn read(of: &Json, name: &str) -> Usage {
    entries(of, name).filter_map(|(k, v)| Some((k.clone(), Quantity::parse(v.as_str()?).ok()?))).collect()
}

/// What containers leave out that the quota wants them to say: `cpu for: a,b; memory for: a`.
fn missing(pod: &Json, hard: &Usage) -> Option<String> {
    let spec = get(pod, "spec");
    let whole = get(spec, "resources");
    if entries(whole, "requests").chain(entries(whole, "limits")).next().is_some() {
        return None;
    }
    let mut parts = vec![];
    for required in REQUIRED.iter().copied().collect::<BTreeSet<_>>() {
        if !hard.contains_key(required) {
            continue;
        }
        let (list, resource) = match required.split_once('.') {
            Some(("limits", resource)) => ("limits", resource),
            Some((_, resource)) => ("requests", resource),
            None => ("requests", required),
        };
        let containers = items(spec, "containers").iter().chain(items(spec, "initContainers"));
        let silent = containers.filter(|c| get(get(get(c, "resources"), list), resource).is_null());
        let names: BTreeSet<&str> = silent.map(|container| text(container, "name")).collect();
        if !names.is_empty() {
            parts.push(format!("{required} for: {}", names.into_iter().collect::<Vec<_>>().join(",")));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What an object counts for.
pub(crate) fn usage_of(request: &Request<'_>, object: &Json) -> Usage {
    let one = Quantity::whole(1);
    let qualified = match request.group {
        "" => request.resource.to_owned(),
        group => format!("{}.{group}", request.resource),
    };
    let mut usage = Usage::from([(format!("count/{qualified}"), one)]);
    let spec = get(object, "spec");
    match (request.group, request.resource) {
        ("", "pods") => pod_usage(object, spec, &mut usage),
        ("", "services") => {
            let ports = i64::try_from(items(spec, "ports").len()).unwrap_or_default();
            let explicit = items(spec, "ports").iter().filter(|port| number(port, "nodePort").is_some()).count();
            let (balancers, ports) = match text(spec, "type") {
                "NodePort" => (0, ports),
                "LoadBalancer" if get(spec, "allocateLoadBalancerNodePorts") == false => {
                    (1, i64::try_from(explicit).unwrap_or_default())
                }
                "LoadBalancer" => (1, ports),
                _ => (0, 0),
            };
            usage.insert("services".to_owned(), one);
            usage.insert("services.loadbalancers".to_owned(), Quantity::whole(balancers));
            usage.insert("services.nodeports".to_owned(), Quantity::whole(ports));
        }
        ("", "persistentvolumeclaims") => {
            let size = get(get(get(spec, "resources"), "requests"), "storage").as_str();
            let size = size.and_then(|size| Quantity::parse(size).ok());
            let class = text(spec, "storageClassName");
            usage.insert("persistentvolumeclaims".to_owned(), one);
            usage.extend(size.map(|size| ("requests.storage".to_owned(), size)));
            if !class.is_empty() {
                let of_class = |name: &str| format!("{class}.storageclass.storage.k8s.io/{name}");
                usage.insert(of_class("persistentvolumeclaims"), one);
                usage.extend(size.map(|size| (of_class("requests.storage"), size)));
            }
        }
        ("", "configmaps" | "secrets" | "resourcequotas" | "replicationcontrollers") => {
            usage.insert(request.resource.to_owned(), one);
        }
        _ => {}
    }
    usage
}

fn pod_usage(pod: &Json, spec: &Json, usage: &mut Usage) {
    if matches!(text(get(pod, "status"), "phase"), "Failed" | "Succeeded") {
        return;
    }
    usage.insert("pods".to_owned(), Quantity::whole(1));
    let whole = get(spec, "resources");
    for what in ["requests", "limits"] {
        let mut sum = container_resources(spec, what);
        sum.extend(read(whole, what));
        if what == "requests" || !sum.is_empty() {
            for (resource, overhead) in read(spec, "overhead") {
                let total = sum.entry(resource).or_insert(Quantity::ZERO);
                *total = total.plus(overhead);
            }
        }
        for (resource, quantity) in sum {
            let basic = matches!(resource.as_str(), "cpu" | "memory" | "ephemeral-storage");
            if basic || what == "requests" {
                usage.insert(format!("{what}.{resource}"), quantity);
            }
            if what == "requests" && (basic || resource.starts_with("hugepages-")) {
                usage.insert(resource, quantity);
            }
        }
    }
}

/// Whether a quota is about this object.
fn in_scope(pods: bool, object: &Json, quota: &Json) -> bool {
    let spec = get(quota, "spec");
    let plain = items(spec, "scopes").iter().filter_map(Json::as_str).map(|scope| (scope, "Exists", &[][..]));
    let chosen = items(get(spec, "scopeSelector"), "matchExpressions").iter();
    let chosen = chosen.map(|e| (text(e, "scopeName"), text(e, "operator"), items(e, "values")));
    plain.chain(chosen).all(|(scope, operator, values)| {
        if !pods {
            return false;
        }
        let pod = get(object, "spec");
        match scope {
            "Terminating" => number(pod, "activeDeadlineSeconds").is_some(),
            "NotTerminating" => number(pod, "activeDeadlineSeconds").is_none(),
            "BestEffort" => qos_class(object) == "BestEffort",
            "NotBestEffort" => qos_class(object) != "BestEffort",
            "PriorityClass" => {
                let class = get(pod, "priorityClassName");
                let named = !class.as_str().unwrap_or_default().is_empty();
                match operator {
                    "In" => named && values.contains(class),
                    "NotIn" => !values.contains(class),
                    "DoesNotExist" => !named,
                    _ => named,
                }
            }
            _ => false,
        }
    })
}
