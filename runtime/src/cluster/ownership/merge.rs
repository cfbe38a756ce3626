//! managedFields, put back: what one write did to them is taken out, what others did since stays.

use std::collections::BTreeSet;

use super::Json;

/// The `managedFields` that `live` would have, had the step from `from` to `to` been made in it as well. To undo a write,
/// `from` is the state after it and `to` the one before.
pub(crate) fn merged_owners(from: &Json, to: &Json, live: &Json) -> Json {
    let (from, to, live) = (entries(from), entries(to), entries(live));
    let mut merged = Vec::new();
    for entry in &live {
        let (old, new) = (find(&from, entry), find(&to, entry));
        let same = |other: Option<&Json>| other.is_some_and(|o| o.get("fieldsV1") == entry.get("fieldsV1"));
        match (old, new) {
            // The write has left it alone.
            (Some(old), Some(new)) if old == new => merged.push(entry.clone()),
            (None, None) => merged.push(entry.clone()),
            // Nobody has touched it since: it becomes what it was, its time included.
            (Some(_), _) if same(old) => merged.extend(new.cloned()),
            _ => merged.extend(stepped(entry, old, new)),
        }
    }
    // Entries that the write had used up.
    merged.extend(to.iter().filter(|e| find(&live, e).is_none() && find(&from, e).is_none()).cloned());
    Json::Array(merged)
}

/// One entry with the step made in it; none if nothing is left.
fn stepped(entry: &Json, from: Option<&Json>, to: Option<&Json>) -> Option<Json> {
    let fields = |entry: Option<&Json>| entry.and_then(|e| e.get("fieldsV1")).map(members).unwrap_or_default();
    let (from, to, mut own) = (fields(from), fields(to), fields(Some(entry)));
    own.retain(|path| !from.contains(path) || to.contains(path));
    own.extend(to.difference(&from).cloned());
    let mut entry = entry.clone();
    entry["fieldsV1"] = tree(&own);
    (!own.is_empty()).then_some(entry)
}

fn entries(object: &Json) -> Vec<Json> {
    object.pointer("/metadata/managedFields").and_then(Json::as_array).cloned().unwrap_or_default()
}

/// The entry of the same manager, operation, subresource and version.
fn find<'a>(entries: &'a [Json], like: &Json) -> Option<&'a Json> {
    let same = |entry: &&Json| {
        ["manager", "operation", "subresource", "apiVersion"].iter().all(|key| {
            let text = |e: &Json| e.get(*key).and_then(Json::as_str).unwrap_or_default().to_owned();
            text(entry) == text(like)
        })
    };
    entries.iter().find(same)
}

type Member = Vec<String>;

/// The paths that a `fieldsV1` owns, in its own words.
fn members(fields: &Json) -> BTreeSet<Member> {
    fn walk(node: &Json, path: &mut Member, into: &mut BTreeSet<Member>) {
        let Some(children) = node.as_object() else { return };
        if (children.is_empty() || children.contains_key(".")) && !path.is_empty() {
            into.insert(path.clone());
        }
        for (name, below) in children.iter().filter(|(name, _)| *name != ".") {
            path.push(name.clone());
            walk(below, path, into);
            path.pop();
        }
    }
    let mut found = BTreeSet::new();
    walk(fields, &mut Vec::new(), &mut found);
    found
}

/// Back to a `fieldsV1`: a path that is owned and has others below it is marked by a dot.
fn tree(members: &BTreeSet<Member>) -> Json {
    let mut root = serde_json::Map::new();
    for member in members {
        let mut at = &mut root;
        for name in member {
            let next = at.entry(name.as_str()).or_insert_with(|| Json::Object(serde_json::Map::new()));
            let Json::Object(below) = next else { break };
            at = below;
        }
    }
    mark(&mut root, &mut Vec::new(), members);
    Json::Object(root)
}

fn mark(node: &mut serde_json::Map<String, Json>, path: &mut Member, members: &BTreeSet<Member>) {
    if node.is_empty() {
        return;
    }
    for (name, below) in node.iter_mut() {
        if let Json::Object(below) = below {
            path.push(name.clone());
            mark(below, path, members);
            path.pop();
        }
    }
    if members.contains(path) {
        node.insert(".".into(), Json::Object(serde_json::Map::new()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, time: u32, fields: &Json) -> Json {
        json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsV1": fields})
    }

    fn object(entries: &[Json]) -> Json {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn what_nobody_touched_since_becomes_what_it_was() {
        let before = object(&[entry("a", 1, &json!({"f:data": {".": {}, "f:x": {}}}))]);
        let after =
            object(&[entry("a", 1, &json!({"f:data": {".": {}}})), entry("w", 2, &json!({"f:data": {"f:x": {}}}))]);
        assert_eq!(json!({"metadata": {"managedFields": merged_owners(&after, &before, &after)}}), before);
        let gone = object(&[entry("w", 2, &json!({"f:data": {}}))]);
        assert_eq!(
            merged_owners(&gone, &before, &gone),
            before["metadata"]["managedFields"],
            "an entry that was used up"
        );
    }

    #[test]
    fn what_others_own_since_stays_theirs() {
        let before = object(&[entry("a", 1, &json!({"f:data": {".": {}, "f:x": {}}}))]);
        let after =
            object(&[entry("a", 1, &json!({"f:data": {".": {}}})), entry("w", 2, &json!({"f:data": {"f:x": {}}}))]);
        let live = object(&[
            entry("a", 5, &json!({"f:data": {".": {}, "f:later": {}}})),
            entry("w", 2, &json!({"f:data": {"f:x": {}}})),
            entry("new", 6, &json!({"f:status": {}})),
        ]);
        let merged = merged_owners(&after, &before, &live);
        let expected = [
            entry("a", 5, &json!({"f:data": {"f:later": {}, "f:x": {}, ".": {}}})),
            entry("new", 6, &json!({"f:status": {}})),
        ];
        assert_eq!(merged, json!(expected));
    }

    #[test]
    fn an_entry_that_the_write_left_alone_is_left_alone() {
        let status = |time| entry("controller", time, &json!({"f:status": {}}));
        let before = object(&[status(1)]);
        let after = object(&[status(1), entry("w", 2, &json!({"f:data": {}}))]);
        let live = object(&[status(7), entry("w", 2, &json!({"f:data": {}}))]);
        assert_eq!(merged_owners(&after, &before, &live), json!([status(7)]));
    }

    #[test]
    fn a_tree_survives_being_taken_apart() {
        let fields = json!({"f:a": {".": {}, "k:{\"n\":1}": {".": {}, "f:n": {}}}, "f:b": {"v:\"x\"": {}}, "f:c": {}});
        assert_eq!(tree(&members(&fields)), fields);
    }
}
