//! What a cluster is asked for: kinds, the names of objects, releases.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_runtime::cluster::{Cluster, Collection, ListOptions, ResourceRef, Selector};
use windlass_runtime::{Kind, Result, Session};

use super::Item;
use super::names::{Of, Wanted};

/// How many objects are asked for.
const OBJECTS: usize = 10_000;
/// How many of them at once.
const PAGE: usize = 2_000;
/// The kinds that are looked at most.
const USUAL: [&str; 12] = [
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "Service",
    "Ingress",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "Node",
    "Namespace",
];
/// How long a cluster has to answer.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The names that are wanted. Goes by the session's clock.
pub(super) async fn names(session: &Session, wanted: &Wanted) -> Result<Vec<Item>> {
    let clock = session.clock();
    let limit = clock.sleep_weakly_until(clock.now() + WITHIN);
    let found = async {
        // Nobody is told of what goes wrong: it was not asked for.
        let cluster = session.reach_cluster(wanted.cluster.as_deref()).await?.observed(Arc::new(|_| {}));
        match &wanted.of {
            Of::Kinds => kinds(&cluster).await,
            Of::Objects(kind) => objects(&cluster, kind, wanted.namespace.as_deref()).await,
            Of::Labels(kind) => labels(&cluster, kind, wanted.namespace.as_deref()).await,
            Of::Containers(object) => containers(&cluster, object, wanted.namespace.as_deref()).await,
            Of::Releases => releases(&cluster, wanted.namespace.as_deref()).await,
        }
    };
    tokio::select! {
        found = found => found,
        () = limit => Ok(Vec::new()),
    }
}

/// The kinds that can be listed: each by its name alone where no other group has it.
async fn kinds(cluster: &Cluster) -> Result<Vec<Item>> {
    let discovery = cluster.discovery().await?;
    let mut items: Vec<Item> = Vec::new();
    for kind in discovery.kinds().iter().filter(|kind| kind.has_verb("list")) {
        let is_other = |other: &&Arc<_>| -> bool { is_other(kind, other) };
        let shared = !kind.group.is_empty() && discovery.kinds().iter().any(|other| is_other(&other));
        let name = if shared { kind.to_string() } else { kind.kind.clone() };
        if fit(&name) && !items.iter().any(|item| item.value == name) {
            let short: String = kind.short_names.iter().map(|name| format!("{name}, ")).collect();
            items.push(Item::new(name, format!("{short}{}, {}", kind.plural, kind.api_version())));
        }
    }
    sort(&mut items);
    Ok(items)
}

/// Those that are looked at most come first.
fn sort(kinds: &mut [Item]) {
    let rank = |item: &Item| USUAL.iter().position(|usual| *usual == item.value).unwrap_or(USUAL.len());
    kinds.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
}

fn is_other(kind: &windlass_runtime::cluster::ApiKind, other: &windlass_runtime::cluster::ApiKind) -> bool {
    other.kind == kind.kind && other.group != kind.group
}

/// The names of the objects of a kind; beside each, the namespaces that have one of it.
async fn objects(cluster: &Cluster, kind: &str, namespace: Option<&str>) -> Result<Vec<Item>> {
    let of = collection(cluster, kind, namespace).await?;
    let objects = list(cluster, of, Selector::default()).await?;
    Ok(merged(objects.iter().map(|object| (text(object, "/metadata/name"), text(object, "/metadata/namespace")))))
}

/// The releases: Helm keeps a Secret for each revision of them.
async fn releases(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Item>> {
    let of = collection(cluster, "Secret", namespace).await?;
    let revisions = list(cluster, of, Selector::labels("owner=helm")).await?;
    Ok(merged(revisions.iter().map(|one| (text(one, "/metadata/labels/name"), text(one, "/metadata/namespace")))))
}

/// The labels that objects of a kind have, as selectors say it; beside each, how many have it.
async fn labels(cluster: &Cluster, kind: &str, namespace: Option<&str>) -> Result<Vec<Item>> {
    let of = collection(cluster, kind, namespace).await?;
    let objects = list(cluster, of, Selector::default()).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (key, value) in objects.iter().filter_map(|object| object.pointer("/metadata/labels")?.as_object()).flatten() {
        *counts.entry(format!("{key}={}", value.as_str().unwrap_or_default())).or_default() += 1;
    }
    let about = |count| if count == 1 { "1 object".to_owned() } else { format!("{count} objects") };
    let fit = counts.into_iter().filter(|(label, _)| fit(label));
    Ok(fit.map(|(label, count)| Item::new(label, about(count))).collect())
}

/// The containers of a pod, or of the pods that an object makes; beside each, its image.
async fn containers(cluster: &Cluster, object: &str, namespace: Option<&str>) -> Result<Vec<Item>> {
    let of = ResourceRef::parse(object)?;
    let collection = cluster.collection(&of.kind, namespace, false).await?;
    let found = cluster.get(&collection.member(&of.name)).await?.unwrap_or_default();
    let pod = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec", "/spec"];
    let pod = pod.iter().find_map(|pointer| found.pointer(pointer));
    let all = ["/containers", "/initContainers"].iter().filter_map(|pointer| pod?.pointer(pointer)?.as_array());
    let named = all.flatten().map(|container| (text(container, "/name"), text(container, "/image")));
    Ok(named.filter(|(name, _)| fit(name)).map(|(name, image)| Item::new(name.to_owned(), image.to_owned())).collect())
}

async fn collection(cluster: &Cluster, kind: &str, namespace: Option<&str>) -> Result<Collection> {
    let namespaced = cluster.kind(kind).await?.namespaced;
    let namespace = namespace.filter(|_| namespaced);
    cluster.collection(kind, namespace, namespace.is_none()).await
}

/// The objects of a collection; where one may not look into all namespaces, those of the usual one.
async fn list(cluster: &Cluster, of: Collection, selector: Selector) -> Result<Vec<serde_json::Value>> {
    let options = ListOptions { selector, limit: Some(OBJECTS), page: PAGE, metadata_only: true };
    match cluster.list(&of, &options).await {
        Err(error) if error.kind() == Kind::Denied && of.namespace.is_none() => {
            let own = Collection { namespace: Some(cluster.default_namespace().to_owned()), ..of };
            Ok(cluster.list(&own, &options).await?.items)
        }
        listed => Ok(listed?.items),
    }
}

fn text<'a>(object: &'a serde_json::Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Each name once, with the namespaces.
fn merged<'a>(named: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Item> {
    let mut pairs: Vec<(&str, &str)> = named.filter(|(name, _)| fit(name)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let same = pairs.chunk_by(|a, b| a.0 == b.0);
    same.filter_map(|pairs| {
        let namespaces: Vec<&str> = pairs.iter().map(|(_, namespace)| *namespace).collect();
        Some(Item::new(pairs.first()?.0.to_owned(), namespaces.join(", ")))
    })
    .collect()
}

/// Whether it can stand in a text as it is.
fn fit(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '`' | '\\' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_most_comes_first() {
        let mut kinds = ["APIService", "Role", "Deployment", "CSINode", "Pod"]
            .map(|kind| Item::new(kind.to_owned(), String::new()));
        sort(&mut kinds);
        assert_eq!(kinds.map(|item| item.value), ["Pod", "Deployment", "APIService", "CSINode", "Role"]);
    }

    #[test]
    fn names_are_there_once_and_only_if_they_are_fit() {
        let named =
            [("b", "shop"), ("a", "x"), ("b", "bank"), ("b", "shop"), ("ev\"il", "x"), ("", "x"), ("es\u{1b}", "")];
        let items = merged(named.into_iter());
        assert_eq!(
            items,
            [Item::new("a".to_owned(), "x".to_owned()), Item::new("b".to_owned(), "bank, shop".to_owned())]
        );
    }
}
