//! At most ten who update: the oldest are put together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::managed::{Managed, Owner};

/// How many may update an object under their own names.
const MOST: usize = 10;
/// The name for those before.
const OLDEST: &str = "ancient-changes";

/// Puts the oldest of too many updaters together, those of each version in one.
pub(super) fn cap(managed: &mut Managed) {
    let mut updaters: Vec<Owner> = managed.owners.keys().filter(|owner| !owner.applies).cloned().collect();
    let mut count = updaters.len();
    updaters.sort_by_key(|owner| (managed.time(owner).map_or(0, Timestamp::as_second), owner.clone()));
    let mut first_of_version: BTreeMap<String, Owner> = BTreeMap::new();
    for owner in updaters {
        if count <= MOST {
            return;
        }
        let Some(owned) = managed.owners.get(&owner) else { continue };
        let version = owned.api_version.clone();
        let Some(first) = first_of_version.get(&version) else {
            first_of_version.insert(version, owner);
            continue;
        };
        let bucket = Owner::new(OLDEST, false, &version, "");
        if !managed.owners.contains_key(&bucket)
            && let Some(held) = managed.owners.remove(first)
        {
            managed.owners.insert(bucket.clone(), held);
        }
        let time = managed.time(&owner);
        if let Some(joining) = managed.owners.remove(&owner)
            && let Some(held) = managed.owners.get_mut(&bucket)
        {
            held.fields.add(&joining.fields);
        }
        managed.times.insert(bucket, time);
        count -= 1;
    }
}
