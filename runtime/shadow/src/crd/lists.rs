//! Lists that are sets or maps: nothing may be in them twice.

use std::collections::BTreeMap;

use super::fault::{self, Path};
use super::props::Props;
use crate::Json;
use crate::error::Cause;
use crate::go;

/// What is there twice, in all sets and maps of the object.
pub(crate) fn check(path: &Path, schema: &Props, value: &Json, wrong: &mut Vec<Cause>) {
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                if let Some(schema) = schema.value() {
                    check(&path.key(name), schema, value, wrong);
                }
                if let Some(schema) = schema.properties.get(name) {
                    check(&path.child(name), schema, value, wrong);
                }
            }
        }
        Json::Array(items) => {
            match schema.list_type.as_deref() {
                Some("set") => {
                    let twice = repeated(items.iter().cloned());
                    wrong.extend(twice.iter().map(|(at, item)| fault::duplicate(&path.index(*at), item)));
                }
                Some("map") => check_map(path, schema, items, wrong),
                _ => {}
            }
            if let Some(schema) = schema.item() {
                for (index, item) in items.iter().enumerate() {
                    check(&path.index(index), schema, item, wrong);
                }
            }
        }
        _ => {}
    }
}

fn check_map(path: &Path, schema: &Props, items: &[Json], wrong: &mut Vec<Cause>) {
    for (index, item) in items.iter().enumerate() {
        if !item.is_object() && !item.is_null() {
            wrong.push(fault::invalid(&path.index(index), item, "must be an object for an array of list-type map"));
            return;
        }
    }
    let keys = items.iter().map(|item| key(schema, item));
    wrong.extend(repeated(keys).iter().map(|(at, key)| fault::duplicate(&path.index(*at), key)));
}

/// The keys of an item of a map, as an object; a key that is absent is absent in it too.
pub(crate) fn key(schema: &Props, item: &Json) -> Json {
    let keys = schema.map_keys.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone())));
    Json::Object(keys.collect())
}

/// What has been there before, each at its second place.
fn repeated(items: impl Iterator<Item = Json>) -> Vec<(usize, Json)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut twice = Vec::new();
    for (index, item) in items.enumerate() {
        let times = seen.entry(go::json(&item)).or_default();
        *times += 1;
        if *times == 2 {
            twice.push((index, item));
        }
    }
    twice
}
