//! The managed fields of the `scale` subresource: the number of replicas is owned in the parent, and in the `Scale` under
//! another path and version.

use std::collections::BTreeMap;

use super::element::{Element, Path};
use super::managed::{Managed, Owned};
use super::set::Set;
use crate::Json;

/// Where the replicas stand in each version of the parent (`apps/v1`); nowhere where a version has no scale.
pub(crate) type ReplicaPaths = BTreeMap<String, Option<Path>>;

const SCALE_VERSION: &str = "autoscaling/v1";

fn scale_path() -> Path {
    vec![Element::field("spec"), Element::field("replicas")]
}

fn only(path: &[Element]) -> Set {
    let mut set = Set::default();
    set.insert(path);
    set
}

/// The managed fields of an object's `Scale`: the parent's owners of the replicas. Nothing where there are none.
///
/// # Errors
/// If the parent's are not valid.
pub(crate) fn to_scale(parent: &Json, paths: &ReplicaPaths) -> Result<Option<Json>, String> {
    let mut managed = Managed::of(parent)?;
    managed.owners.retain(|_, owned| match paths.get(&owned.api_version) {
        Some(Some(path)) => owned.fields.has(path),
        _ => false,
    });
    for owned in managed.owners.values_mut() {
        *owned = Owned { api_version: SCALE_VERSION.into(), fields: only(&scale_path()) };
    }
    Ok(managed.write())
}

/// The parent's managed fields after a write to its `Scale` in this version of the parent. Who no longer owns the replicas
/// there no longer does here.
///
/// # Errors
/// If some are not valid.
pub(crate) fn scale_to_parent(
    parent: &Json,
    scale: &Json,
    api_version: &str,
    paths: &ReplicaPaths,
) -> Result<Option<Json>, String> {
    let mut managed = Managed::of(parent)?;
    let mut scale = Managed::of(scale)?.owners;
    let owners = std::mem::take(&mut managed.owners);
    for (owner, mut owned) in owners {
        // A version without an entry is not served any more.
        let Some(path) = paths.get(&owned.api_version) else { continue };
        if let Some(path) = path
            && owned.fields.has(path)
            && scale.remove(&owner).is_none()
        {
            owned.fields = owned.fields.difference(&only(path));
        }
        if !owned.fields.is_empty() {
            managed.owners.insert(owner, owned);
        }
    }
    let own = paths.get(api_version).cloned().flatten().unwrap_or_default();
    for (owner, owned) in scale {
        if owned.fields.has(&scale_path()) {
            managed.owners.insert(owner, Owned { api_version: api_version.into(), fields: only(&own) });
        }
    }
    Ok(managed.write())
}
