//! LimitRanges: what containers get where they say nothing, and what is too much or too little.

use std::collections::BTreeMap;

use super::Request;
use crate::defaults::fields::{entries, get, items, items_mut, map, object, text};
use crate::defaults::pod::container_resources;
use crate::quantity::Quantity;
use crate::world::Objects;
use crate::{ApiError, Json};

type Resources = BTreeMap<String, Quantity>;

fn read(list: &Json, name: &str) -> Resources {
    let read = |(k, v): (&String, &Json)| Some((k.clone(), Quantity::parse(v.as_str()?).ok()?));
    entries(list, name).filter_map(read).collect()
}

/// Fills in what the namespace's LimitRanges give to containers that say nothing.
pub(super) fn fill(request: &Request<'_>, pod: &mut Json, objects: &dyn Objects) {
    for range in objects.list("limitranges", Some(request.namespace)) {
        let mut filled = vec![];
        let containers = items(get(&range, "spec"), "limits").iter().filter(|l| text(l, "type") == "Container");
        let (mut limits, mut requests) = (serde_json::Map::new(), serde_json::Map::new());
        for limit in containers {
            limits.extend(entries(limit, "default").map(|(k, v)| (k.clone(), v.clone())));
            requests.extend(entries(limit, "defaultRequest").map(|(k, v)| (k.clone(), v.clone())));
        }
        let Some(spec) = pod.get_mut("spec") else { return };
        for (list, words) in [("containers", "container"), ("initContainers", "init container")] {
            for container in items_mut(spec, list) {
                let name = text(container, "name").to_owned();
                let Some(resources) = object(container, "resources") else { continue };
                for (what, values, word) in [("requests", &requests, "request"), ("limits", &limits, "limit")] {
                    let mut set = vec![];
                    if values.is_empty() {
                        continue;
                    }
                    let Some(own) = map(resources, what) else { continue };
                    for (name, value) in values {
                        if !own.contains_key(name) {
                            own.insert(name.clone(), value.clone());
                            set.push(name.as_str());
                        }
                    }
                    own.sort_keys();
                    set.sort_unstable();
                    if !set.is_empty() {
                        filled.push(format!("{} {word} for {words} {name}", set.join(", ")));
                    }
                }
            }
        }
        if !filled.is_empty()
            && let Some(annotations) = object(pod, "metadata").and_then(|metadata| map(metadata, "annotations"))
        {
            let said = format!("LimitRanger plugin set: {}", filled.join("; "));
            annotations.insert("kubernetes.io/limit-ranger".to_owned(), said.into());
            annotations.sort_keys();
        }
    }
}

/// Judges pods and claims by the namespace's LimitRanges.
pub(super) fn check(
    request: &Request<'_>,
    of: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    let pods = request.is("", "pods");
    if !pods && !request.is("", "persistentvolumeclaims") || pods && old.is_some() {
        return Ok(());
    }
    let spec = get(of, "spec");
    for range in objects.list("limitranges", Some(request.namespace)) {
        let mut wrong: Vec<String> = vec![];
        for limit in items(get(&range, "spec"), "limits") {
            match text(limit, "type") {
                "Container" if pods => {
                    for container in items(spec, "containers").iter().chain(items(spec, "initContainers")) {
                        let resources = get(container, "resources");
                        judge(limit, &read(resources, "requests"), &read(resources, "limits"), &mut wrong);
                    }
                }
                "Pod" if pods => {
                    let mut requests = container_resources(spec, "requests");
                    let mut limits = container_resources(spec, "limits");
                    let whole = get(spec, "resources");
                    requests.extend(read(whole, "requests"));
                    limits.extend(read(whole, "limits"));
                    judge(limit, &requests, &limits, &mut wrong);
                }
                "PersistentVolumeClaim" if !pods => {
                    let requests = read(get(spec, "resources"), "requests");
                    judge_claim(limit, &requests, &mut wrong);
                }
                _ => {}
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        wrong.retain(|words| seen.insert(words.clone()));
        match wrong.as_slice() {
            [] => {}
            [one] => return request.forbid(of, one),
            many => return request.forbid(of, format!("[{}]", many.join(", "))),
        }
    }
    Ok(())
}

fn judge(limit: &Json, requests: &Resources, limits: &Resources, wrong: &mut Vec<String>) {
    let of = text(limit, "type");
    for (name, least) in read(limit, "min") {
        let head = format!("minimum {name} usage per {of} is {least}");
        match (requests.get(&name), limits.get(&name)) {
            (None, _) => wrong.push(format!("{head}.  No request is specified")),
            (Some(request), _) if *request < least => wrong.push(format!("{head}, but request is {request}")),
            (_, Some(limit)) if *limit < least => wrong.push(format!("{head}, but limit is {limit}")),
            _ => {}
        }
    }
    for (name, most) in read(limit, "max") {
        let head = format!("maximum {name} usage per {of} is {most}");
        match (limits.get(&name), requests.get(&name)) {
            (None, _) => wrong.push(format!("{head}.  No limit is specified")),
            (Some(limit), _) if *limit > most => wrong.push(format!("{head}, but limit is {limit}")),
            (_, Some(request)) if *request > most => wrong.push(format!("{head}, but request is {request}")),
            _ => {}
        }
    }
    for (name, most) in read(limit, "maxLimitRequestRatio") {
        let head = format!("{name} max limit to request ratio per {of} is {most}");
        let request = requests.get(&name).filter(|request| !request.is_zero());
        let limit = limits.get(&name).filter(|limit| !limit.is_zero());
        match (request, limit) {
            (None, _) => wrong.push(format!("{head}, but no request is specified or request is 0")),
            (_, None) => wrong.push(format!("{head}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) => {
                let (ratio, most) = (limit.ratio(*request), most.ratio(Quantity::whole(1)));
                if let (Some(ratio), Some(most)) = (ratio, most)
                    && ratio > most
                {
                    wrong.push(format!("{head}, but provided ratio is {ratio:.6}"));
                }
            }
        }
    }
}

fn judge_claim(limit: &Json, requests: &Resources, wrong: &mut Vec<String>) {
    for (list, word) in [("min", "minimum"), ("max", "maximum")] {
        for (name, bound) in read(limit, list) {
            let head = format!("{word} {name} usage per PersistentVolumeClaim is {bound}");
            match requests.get(&name) {
                None => wrong.push(format!("{head}.  No request is specified")),
                Some(request) if if list == "min" { *request < bound } else { *request > bound } => {
                    wrong.push(format!("{head}, but request is {request}"));
                }
                Some(_) => {}
            }
        }
    }
}
