//! After a wait for CustomResourceDefinitions: their kinds can be used.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::Clock;
use windlass_runtime::cluster::Cluster;

use super::aim::Aim;
use super::vigil::{End, Vigil};
use crate::fields::{list, text};

/// So long discovery may lag behind an established definition.
const LAG: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Asks anew what the clusters serve until it has the kinds of the definitions that were waited for.
///
/// The API server establishes a definition a moment before its discovery tells of it, and nothing can be watched that
/// says when.
pub(crate) async fn catch_up(vigil: &Vigil, clusters: &HashMap<String, Cluster>, clock: &Arc<dyn Clock>) {
    for watched in &vigil.watched {
        let (End::Reached(definition), Aim::Ready | Aim::Condition(_), "CustomResourceDefinition") =
            (watched.end.as_ref().unwrap_or(&End::TimedOut), &watched.goal.aim, watched.goal.id.kind.as_str())
        else {
            continue;
        };
        let Some(cluster) = clusters.get(&watched.goal.id.cluster) else { continue };
        let end = clock.now() + LAG;
        while !is_served(definition, cluster).await && clock.now() < end {
            clock.sleep(PAUSE).await;
        }
    }
}

async fn is_served(definition: &Json, cluster: &Cluster) -> bool {
    let (Some(group), Some(kind)) = (text(definition, "/spec/group"), text(definition, "/spec/names/kind")) else {
        return true;
    };
    let served = |v: &&Json| v.get("served").and_then(Json::as_bool).unwrap_or(false);
    let mut versions = list(definition, "/spec/versions").iter().filter(served).filter_map(|v| text(v, "/name"));
    // What cannot be asked now is asked again when it is needed.
    let Ok(discovery) = cluster.refresh_discovery().await else { return true };
    versions.all(|version| discovery.by_api_version(&format!("{group}/{version}"), kind).is_some())
}
