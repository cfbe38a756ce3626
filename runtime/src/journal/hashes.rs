//! What a run was made of, as hashes, so that changes of it are found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::records::RunStart;
use super::seal::DataKey;

/// Keyed hashes of scripts, by their names, and of values, by their paths.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Hashes {
    scripts: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
}

impl Hashes {
    pub(super) fn of(start: &RunStart, key: &DataKey) -> Self {
        let mut leaves = BTreeMap::new();
        leaves_of(&start.values, String::new(), &mut leaves);
        let hash = |name: &str, text: &str| key.hash(format!("{name}\0{text}").as_bytes());
        Self {
            scripts: start.scripts.iter().map(|(name, text)| (name.clone(), hash(name, text))).collect(),
            values: leaves.into_iter().map(|(path, value)| (path.clone(), hash(&path, &value))).collect(),
        }
    }

    /// What is not the same: `script NAME`, `value PATH`.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let named = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>, sort: &str| {
            differing(one, other).map(|name| format!("{sort} {name}")).collect::<Vec<_>>()
        };
        [named(&self.scripts, &other.scripts, "script"), named(&self.values, &other.values, "value")].concat()
    }
}

/// The paths of the values that are not the same.
pub(crate) fn changed_values(before: &Json, after: &Json) -> Vec<String> {
    let leaves = |values| {
        let mut leaves = BTreeMap::new();
        leaves_of(values, String::new(), &mut leaves);
        leaves
    };
    differing(&leaves(before), &leaves(after)).cloned().collect()
}

/// The names under which the two do not have the same.
fn differing<'a>(
    one: &'a BTreeMap<String, String>,
    other: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name))
}

/// What the values at the ends of the paths are, as JSON.
fn leaves_of(value: &Json, path: String, into: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves_of(value, path, into);
            }
        }
        value => {
            into.insert(path, value.to_string());
        }
    }
}
