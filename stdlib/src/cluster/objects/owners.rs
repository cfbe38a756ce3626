//! Who owned which field: bringing former owners back without taking anything from those who came since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};
use windlass_runtime::cluster::{FieldPath, Segment};

/// The fields of one entry of managedFields, each as its path; a map or list that is itself owned ends in `.`.
type Fields = BTreeSet<Vec<String>>;

/// What tells entries of managedFields apart.
type Key = (String, String, String, String);

/// The entries of managedFields of an object.
#[must_use]
pub fn of(object: &Json) -> Json {
    object.pointer("/metadata/managedFields").cloned().unwrap_or_else(|| Json::Array(Vec::new()))
}

/// The entries without those that were written through the subresource `status`.
#[must_use]
pub fn without_status(owners: &Json) -> Json {
    let kept = entries(owners).filter(|e| e.get("subresource").and_then(Json::as_str) != Some("status"));
    Json::Array(kept.cloned().collect())
}

/// `now`, with what changed from `after` back to `before` changed back: what others own since stays theirs. An entry
/// that is as it was before has its former time too.
#[must_use]
pub fn taken_back(before: &Json, after: &Json, now: &Json) -> Json {
    let (before, after, now) = (by_key(before), by_key(after), by_key(now));
    let mut keys: Vec<&Key> = before.keys().collect();
    keys.extend(now.keys().filter(|key| !before.contains_key(*key)));
    let entry = |key: &Key| {
        let (old, mid, new) = (before.get(key), after.get(key), now.get(key));
        let set = |entry: Option<&&Json>| entry.map_or_else(Fields::new, |e| fields(e));
        let (was, made, is) = (set(old), set(mid), set(new));
        let mut merged: Fields = is.iter().filter(|f| was.contains(*f) || !made.contains(*f)).cloned().collect();
        merged.extend(was.difference(&made).cloned());
        if merged.is_empty() {
            return None;
        }
        if let Some(old) = old
            && merged == was
        {
            return Some((*old).clone());
        }
        let mut entry = (*new.or(old)?).clone();
        let time = |e: Option<&&Json>| e.and_then(|e| e.get("time")).cloned();
        if time(new) == time(mid)
            && let Some(time) = time(old)
        {
            entry["time"] = time;
        }
        entry["fieldsV1"] = tree(&merged);
        Some(entry)
    };
    Json::Array(keys.into_iter().filter_map(entry).collect())
}

/// Whether two lists of entries say the same, in whatever order.
#[must_use]
pub fn same(one: &Json, other: &Json) -> bool {
    by_key(one) == by_key(other)
}

/// The owners after one field of `before` was written through a subresource, as the writer's entry in `now` has it.
#[must_use]
pub fn handed_over(before: &Json, now: &Json, path: &FieldPath, subresource: &str) -> Json {
    let field: Vec<String> = path.segments().iter().map(segment).collect();
    let owners = of(before);
    let writer = windlass_runtime::cluster::ownership::EDIT_MANAGER;
    let is_writer = |entry: &&Json| entry["manager"] == writer && entry["subresource"] == subresource;
    let mut kept: Vec<Json> = Vec::new();
    for entry in entries(&owners).filter(|e| !is_writer(e)) {
        let mut set = fields(entry);
        set.remove(&field);
        if !set.is_empty() {
            let mut entry = entry.clone();
            entry["fieldsV1"] = tree(&set);
            kept.push(entry);
        }
    }
    kept.extend(entries(&of(now)).filter(is_writer).cloned());
    Json::Array(kept)
}

fn entries(owners: &Json) -> impl Iterator<Item = &Json> {
    owners.as_array().into_iter().flatten()
}

fn by_key(owners: &Json) -> BTreeMap<Key, &Json> {
    let text = |entry: &Json, key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let key = |e: &Json| (text(e, "manager"), text(e, "operation"), text(e, "apiVersion"), text(e, "subresource"));
    entries(owners).map(|entry| (key(entry), entry)).collect()
}

fn segment(segment: &Segment) -> String {
    match segment {
        Segment::Field(name) => format!("f:{name}"),
        Segment::Key(keys) => format!("k:{}", Json::Object(keys.iter().cloned().collect())),
        Segment::Value(value) => format!("v:{value}"),
        Segment::Index(index) => format!("i:{index}"),
    }
}

fn fields(entry: &Json) -> Fields {
    let mut found = Fields::new();
    if let Some(node) = entry.get("fieldsV1") {
        collect(node, &mut Vec::new(), &mut found);
    }
    found
}

fn collect(node: &Json, path: &mut Vec<String>, found: &mut Fields) {
    let Some(children) = node.as_object().filter(|c| !c.is_empty()) else {
        if !path.is_empty() {
            found.insert(path.clone());
        }
        return;
    };
    for (name, below) in children {
        path.push(name.clone());
        collect(below, path, found);
        path.pop();
    }
}

fn tree(fields: &Fields) -> Json {
    let mut root = Map::new();
    let mut paths = fields.iter().peekable();
    while let Some(path) = paths.next() {
        // A field that is owned itself and has owned fields below.
        let has_more = paths.peek().is_some_and(|next| next.starts_with(path));
        let mut at = &mut root;
        for name in path.iter().map(String::as_str).chain(has_more.then_some(".")) {
            let below = at.entry(name).or_insert_with(|| Json::Object(Map::new()));
            let Json::Object(map) = below else { break };
            at = map;
        }
    }
    Json::Object(root)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, time: &str, fields: Json) -> Json {
        json!({ "manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields })
    }

    #[test]
    fn former_owners_come_back_with_their_times() {
        let before = json!([entry("a", "1", json!({ "f:x": { ".": {}, "f:y": {}, "f:z": {} } }))]);
        let after = json!([
            entry("a", "1", json!({ "f:x": { ".": {}, "f:y": {} } })),
            entry("e", "2", json!({ "f:x": { "f:z": {} } }))
        ]);
        assert!(same(&taken_back(&before, &after, &after), &before));
    }

    #[test]
    fn what_others_own_since_stays_theirs() {
        let before = json!([entry("a", "1", json!({ "f:y": {}, "f:z": {} }))]);
        let after = json!([entry("a", "1", json!({ "f:y": {} })), entry("e", "2", json!({ "f:z": {}, "f:new": {} }))]);
        let now = json!([
            entry("a", "1", json!({ "f:y": {} })),
            entry("e", "3", json!({ "f:z": {}, "f:new": {}, "f:later": {} })),
            entry("b", "3", json!({ "f:other": {} }))
        ]);
        let expected = json!([
            entry("a", "1", json!({ "f:y": {}, "f:z": {} })),
            entry("e", "3", json!({ "f:later": {} })),
            entry("b", "3", json!({ "f:other": {} }))
        ]);
        let got = taken_back(&before, &after, &now);
        assert!(same(&got, &expected), "{got:#}");
    }

    #[test]
    fn fields_are_read_and_written_alike() {
        let node = json!({ "f:a": { ".": {}, "k:{\"name\":\"x\"}": { ".": {}, "f:name": {} } }, "f:b": {} });
        assert_eq!(tree(&fields(&json!({ "fieldsV1": node }))), node);
    }
}
