//! How the objects are now: a list a kind and namespace where that is cheap, single reads where it is not.

use std::collections::{BTreeMap, HashMap};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value as Json;
use windlass_runtime::Result;
use windlass_runtime::cluster::{Cluster, Collection, ListOptions, ResourceId};

use super::Intended;

/// How many requests are under way at the same time.
pub(super) const PARALLEL: usize = 16;

/// Below so many objects of one kind and namespace, each is read by itself.
const FEW: usize = 3;

/// The objects that exist, by their ids.
pub(super) async fn at(cluster: &Cluster, intended: &[Intended]) -> Result<HashMap<ResourceId, Json>> {
    let mut groups: BTreeMap<Collection, Vec<ResourceId>> = BTreeMap::new();
    for object in intended {
        groups.entry(object.id.collection()).or_default().push(object.id.clone());
    }
    let looks = groups.into_iter().map(|(collection, ids)| group(cluster, collection, ids));
    let found: Vec<Vec<(ResourceId, Json)>> = stream::iter(looks).buffer_unordered(PARALLEL).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// A page that holds what we look for, and no more than is read faster than object by object. A collection in which
/// others have many objects is not read whole for a few of ours.
fn page_for(wanted: usize) -> usize {
    wanted * 2 + 20
}

async fn group(cluster: &Cluster, collection: Collection, ids: Vec<ResourceId>) -> Result<Vec<(ResourceId, Json)>> {
    let mut found: HashMap<String, Json> = HashMap::new();
    let mut all_seen = false;
    if ids.len() >= FEW {
        let page = page_for(ids.len());
        let listing =
            cluster.list(&collection, &ListOptions { limit: Some(page), page, ..ListOptions::default() }).await?;
        all_seen = !listing.more;
        for item in listing.items {
            if let Some(name) = item.pointer("/metadata/name").and_then(Json::as_str) {
                found.insert(name.to_owned(), item);
            }
        }
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match found.remove(&id.name) {
            Some(object) => known.push((id, object)),
            None if all_seen => {}
            None => unknown.push(id),
        }
    }
    let reads =
        unknown.into_iter().map(|id| async move { cluster.get(&id).await.map(|object| object.map(|o| (id, o))) });
    let read: Vec<Option<(ResourceId, Json)>> = stream::iter(reads).buffer_unordered(PARALLEL).try_collect().await?;
    known.extend(read.into_iter().flatten());
    Ok(known)
}
