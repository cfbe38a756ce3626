//! How many objects there are of each kind.

use std::collections::BTreeMap;

use crate::Shadow;

/// A kind, and how many objects of it there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The kind.
    pub kind: String,
    /// Its group; empty for the core.
    pub group: String,
    /// Whether a CustomResourceDefinition defines it: nothing in the cluster acts on its objects by itself.
    pub is_custom: bool,
    /// How many.
    pub count: usize,
}

impl Shadow {
    /// How many objects there are of each kind that has any, by kind and group.
    #[must_use]
    pub fn census(&self) -> Vec<Counted> {
        self.with(|world| {
            let mut counted = BTreeMap::new();
            for resource in world.store.resources() {
                let count = world.store.count(&resource, None);
                if let Some(stored) = world.catalog.stored(&resource).filter(|_| count > 0) {
                    let (kind, group) = (stored.kind.clone(), stored.group.clone());
                    let is_custom = stored.definition.is_some();
                    counted.insert((kind.clone(), group.clone()), Counted { kind, group, is_custom, count });
                }
            }
            counted.into_values().collect()
        })
    }
}
