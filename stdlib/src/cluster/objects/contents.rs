//! What is in a namespace, or of a kind, besides what the cluster itself puts there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value as Json;
use windlass_runtime::cluster::{ApiKind, Cluster, Collection, Failure, ListOptions, ResourceId};
use windlass_runtime::{Error, Kind, Result};

use super::super::edit::text;

/// How many lists are asked for at once.
const PARALLEL: usize = 8;
/// So many objects are named.
const NAMED: usize = 5;

/// What is left in a namespace, or of the kind that a definition defines, in words. Other objects hold nothing.
///
/// # Errors
/// What keeps from looking.
pub(super) async fn left_in(cluster: &Cluster, id: &ResourceId, live: &Json) -> Result<Option<String>> {
    let left = match id.kind.as_str() {
        "Namespace" => in_namespace(cluster, &id.name).await?,
        "CustomResourceDefinition" => of_definition(cluster, live).await?,
        _ => return Ok(None),
    };
    let more = if left.len() > NAMED { format!(" and {} more", left.len() - NAMED) } else { String::new() };
    let names: Vec<&str> = left.iter().take(NAMED).map(String::as_str).collect();
    Ok((!left.is_empty()).then(|| format!("it is not empty: {}{more} would go with it", names.join(", "))))
}

/// Refuses if something is left there.
///
/// # Errors
/// [`Kind::Conflict`] that names what is left, and what keeps from looking.
pub(super) async fn check_empty(cluster: &Cluster, id: &ResourceId, live: &Json) -> Result<()> {
    match left_in(cluster, id, live).await? {
        None => Ok(()),
        Some(left) => Err(Error::new(Kind::Conflict, format!("{id}: {left}"))
            .hint("whoever made them may need them: delete or move them first")
            .resource(id)),
    }
}

/// Kinds that the cluster itself fills, or that only mirror others.
fn is_passing(kind: &ApiKind) -> bool {
    kind.kind == "Event" || kind.group == "metrics.k8s.io"
}

/// What is still in a namespace that is going, or of a kind whose definition is: each with the finalizers that hold it.
pub(in super::super) async fn held_in(cluster: &Cluster, id: &ResourceId, live: &Json) -> Result<Vec<String>> {
    let objects = match id.kind.as_str() {
        "Namespace" => all_in(cluster, &id.name).await?,
        "CustomResourceDefinition" => all_of(cluster, live).await?,
        _ => Vec::new(),
    };
    let line = |object: &Json| {
        let finalizers = object.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
        let finalizers: Vec<&str> = finalizers.filter_map(Json::as_str).collect();
        let name = named(object);
        (!finalizers.is_empty()).then(|| format!("{name} (finalizer {})", finalizers.join(", ")))
    };
    Ok(objects.iter().filter_map(line).collect())
}

fn named(object: &Json) -> String {
    format!("{}/{}", text(object, "/kind"), text(object, "/metadata/name"))
}

async fn in_namespace(cluster: &Cluster, namespace: &str) -> Result<Vec<String>> {
    let objects = all_in(cluster, namespace).await?;
    let discovery = cluster.discovery().await?;
    let namespaced = |kind: &str| discovery.kinds().iter().any(|k| k.kind == kind && k.namespaced);
    Ok(standing(&objects, &namespaced).into_iter().map(named).collect())
}

async fn all_in(cluster: &Cluster, namespace: &str) -> Result<Vec<Json>> {
    let discovery = cluster.refresh_discovery().await?;
    let mut seen = HashSet::new();
    let fits = |kind: &&Arc<ApiKind>| kind.namespaced && kind.has_verb("list") && !is_passing(kind);
    let kinds: Vec<Arc<ApiKind>> = discovery
        .kinds()
        .iter()
        .filter(fits)
        .filter(|kind| seen.insert((kind.group.clone(), kind.plural.clone())))
        .cloned()
        .collect();
    let lists = kinds.into_iter().map(|kind| {
        let of = Collection::of(cluster.name(), &kind, Some(namespace));
        async move {
            match cluster.list(&of, &ListOptions::default()).await {
                Ok(listing) => Ok(listing.items),
                Err(error) if is_not_served(&error) => Ok(Vec::new()),
                Err(error) => Err(error.context(format!("what is in namespace {namespace} cannot be told"))),
            }
        }
    });
    stream::iter(lists).buffered(PARALLEL).try_concat().await
}

fn is_not_served(error: &Error) -> bool {
    Failure::of(error).and_then(Failure::status).is_some_and(|status| matches!(status.code, 404 | 405))
}

/// The objects that stand for themselves: not going, not made by the cluster for every namespace, and not owned by one
/// that is gone or going.
fn standing<'a>(objects: &'a [Json], namespaced: &dyn Fn(&str) -> bool) -> Vec<&'a Json> {
    let by_uid: HashMap<String, &Json> = objects.iter().map(|o| (text(o, "/metadata/uid"), o)).collect();
    let stands = |object: &Json| stands(object, objects, &by_uid, namespaced, 0);
    objects.iter().filter(|object| stands(object)).collect()
}

fn stands(
    object: &Json,
    objects: &[Json],
    by_uid: &HashMap<String, &Json>,
    namespaced: &dyn Fn(&str) -> bool,
    depth: usize,
) -> bool {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let has = |kind: &str| objects.iter().any(|o| text(o, "/kind") == kind && text(o, "/metadata/name") == name);
    let going = object.pointer("/metadata/deletionTimestamp").is_some();
    let everywhere = match kind.as_str() {
        "ConfigMap" => name == "kube-root-ca.crt",
        "ServiceAccount" => name == "default",
        "Secret" => text(object, "/type") == "kubernetes.io/service-account-token",
        // The cluster takes them away with their Service, but they do not name it as their owner.
        "Endpoints" => !has("Service"),
        _ => false,
    };
    if going || everywhere {
        return false;
    }
    let owners: Vec<&Json> =
        object.pointer("/metadata/ownerReferences").and_then(Json::as_array).into_iter().flatten().collect();
    let owner_stands = |owner: &&Json| match by_uid.get(&text(owner, "/uid")) {
        Some(owner) => depth > 10 || stands(owner, objects, by_uid, namespaced, depth + 1),
        None => !namespaced(&text(owner, "/kind")),
    };
    owners.is_empty() || owners.iter().any(owner_stands)
}

async fn of_definition(cluster: &Cluster, definition: &Json) -> Result<Vec<String>> {
    let found = all_of(cluster, definition).await?;
    let there = found.iter().filter(|o| o.pointer("/metadata/deletionTimestamp").is_none());
    Ok(there.map(named).collect())
}

async fn all_of(cluster: &Cluster, definition: &Json) -> Result<Vec<Json>> {
    let versions = definition.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
    let Some(version) = versions.filter(|v| v["served"] == true).find_map(|v| v["name"].as_str()) else {
        return Ok(Vec::new());
    };
    let of = Collection {
        cluster: cluster.name().to_owned(),
        api_version: format!("{}/{version}", text(definition, "/spec/group")),
        kind: text(definition, "/spec/names/kind"),
        plural: text(definition, "/spec/names/plural"),
        namespace: None,
    };
    match cluster.list(&of, &ListOptions::default()).await {
        Ok(listing) => Ok(listing.items),
        Err(error) if is_not_served(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_goes_by_itself_does_not_count() {
        let object = |kind: &str, name: &str, uid: &str, owner: Option<(&str, &str)>| {
            let owners: Vec<Json> = owner.map(|(kind, uid)| json!({ "kind": kind, "uid": uid })).into_iter().collect();
            json!({ "kind": kind, "metadata": { "name": name, "uid": uid, "ownerReferences": owners } })
        };
        let mut going = object("PersistentVolumeClaim", "data", "7", None);
        going["metadata"]["deletionTimestamp"] = "now".into();
        let objects = [
            object("ConfigMap", "kube-root-ca.crt", "1", None),
            object("ServiceAccount", "default", "2", None),
            object("ReplicaSet", "web-1", "3", Some(("Deployment", "gone"))),
            object("Pod", "web-1-a", "4", Some(("ReplicaSet", "3"))),
            object("Pod", "static", "5", Some(("Node", "n"))),
            object("ConfigMap", "theirs", "6", None),
            object("Endpoints", "web", "8", None),
            going,
        ];
        let namespaced = |kind: &str| kind != "Node";
        let left: Vec<String> = standing(&objects, &namespaced).iter().map(|o| text(o, "/metadata/name")).collect();
        assert_eq!(left, ["static", "theirs"]);
    }
}
