//! What an object has to become again: each field that a change set, as it was before.

use serde_json::{Map, Value as Json};
use windlass_runtime::Result;
use windlass_runtime::cluster::diff::ListTypes;
use windlass_runtime::cluster::ownership::{EDITED_ANNOTATION, INTENT_ANNOTATION};
use windlass_runtime::cluster::{FieldPath, Segment};

use super::super::delta::Delta;
use super::{Side, differences};

/// An object as it was, as far as the change went, and what stands in the way.
pub(super) struct Restored {
    /// The live object with the former values.
    pub object: Json,
    /// The fields that others have changed since: what the change left there is `before`, what is there now `after`.
    pub clashes: Vec<Delta>,
}

/// Takes what changed from `before` to `after` back out of `live`.
pub(super) fn restored(
    before: &Json,
    after: &Json,
    live: &Json,
    side: Side,
    lists: &dyn ListTypes,
) -> Result<Restored> {
    let mut found = Restored { object: live.clone(), clashes: Vec::new() };
    let changed = differences(before, after, side, lists);
    for delta in &changed {
        let now = delta.path.get(live);
        if delta.path == annotation(EDITED_ANNOTATION) {
            let notes = notes(delta.before.as_ref(), delta.after.as_ref(), now);
            put(&delta.path, notes.as_ref(), &mut found.object, before)?;
        } else if now == delta.after.as_ref() {
            put(&delta.path, delta.before.as_ref(), &mut found.object, before)?;
        } else if now != delta.before.as_ref() && delta.path != annotation(INTENT_ANNOTATION) {
            // A later apply's own mark stays; everything else that is neither is somebody else's work.
            found.clashes.push(Delta { path: delta.path.clone(), before: delta.after.clone(), after: now.cloned() });
        }
    }
    for delta in &changed {
        put_in_order(&delta.path, &mut found.object, before);
    }
    Ok(found)
}

/// The fields in which a live object no longer is as a change made it.
pub(super) fn changed_since(after: &Json, live: &Json, side: Side, lists: &dyn ListTypes) -> Vec<Delta> {
    let own = [annotation(EDITED_ANNOTATION), annotation(INTENT_ANNOTATION)];
    let theirs = |delta: &Delta| delta.before.is_some() && !own.contains(&delta.path);
    differences(after, live, side, lists).into_iter().filter(theirs).collect()
}

fn annotation(name: &str) -> FieldPath {
    FieldPath::of(["metadata", "annotations", name])
}

fn put(path: &FieldPath, value: Option<&Json>, object: &mut Json, before: &Json) -> Result<()> {
    if let Some(value) = value {
        return path.set(object, value.clone());
    }
    path.remove(object);
    // Maps and lists that were there and empty stay.
    let mut above = FieldPath::root();
    for segment in path.segments().iter().take(path.segments().len().saturating_sub(1)) {
        above = above.child(segment.clone());
        match above.get(before) {
            Some(Json::Object(map)) if map.is_empty() && above.get(object).is_none() => {
                above.set(object, Json::Object(Map::new()))?;
            }
            Some(Json::Array(list)) if list.is_empty() && above.get(object).is_none() => {
                above.set(object, Json::Array(Vec::new()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What partial changes noted, without what this change added to it.
fn notes(before: Option<&Json>, after: Option<&Json>, now: Option<&Json>) -> Option<Json> {
    let read = |text: Option<&Json>| -> Map<String, Json> {
        text.and_then(Json::as_str).and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default()
    };
    let (was, made, mut is) = (read(before), read(after), read(now));
    for (path, hash) in &made {
        if was.get(path) != Some(hash) && is.get(path) == Some(hash) {
            is.shift_remove(path);
        }
    }
    for (path, hash) in &was {
        if !made.contains_key(path) || made.get(path) != Some(hash) {
            is.entry(path.clone()).or_insert_with(|| hash.clone());
        }
    }
    if is == was {
        return before.cloned();
    }
    (!is.is_empty()).then(|| Json::String(Json::Object(is).to_string()))
}

/// Elements that came back stand at the end of their list: puts the former ones in their former order.
fn put_in_order(path: &FieldPath, object: &mut Json, before: &Json) {
    let mut list = FieldPath::root();
    for segment in path.segments() {
        if matches!(segment, Segment::Key(_) | Segment::Value(_))
            && let Some(Json::Array(former)) = list.get(before)
            && let Some(Json::Array(present)) = list.get(object)
        {
            let names = |element: &Json| match segment {
                Segment::Key(keys) => {
                    Json::Array(keys.iter().map(|(k, _)| element.get(k).cloned().unwrap_or_default()).collect())
                }
                _ => element.clone(),
            };
            let mut ordered = present.clone();
            ordered.sort_by_key(|e| former.iter().position(|f| names(f) == names(e)).unwrap_or(usize::MAX));
            if ordered != *present {
                // The list is there: it was just read.
                let _ = list.set(object, Json::Array(ordered));
            }
        }
        list = list.child(segment.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_runtime::cluster::diff::{Guess, ListType};

    use super::*;

    struct ByName;
    impl ListTypes for ByName {
        fn list_type(&self, _: &FieldPath) -> ListType {
            ListType::Keyed(vec!["name".to_owned()])
        }
    }

    #[test]
    fn what_was_changed_comes_back_and_what_others_added_stays() {
        let before = json!({ "data": { "a": "1", "b": "2" }, "spec": { "empty": {} } });
        let after = json!({ "data": { "a": "9", "c": "3" }, "spec": { "empty": { "x": 1 } } });
        let live = json!({ "data": { "a": "9", "c": "3", "other": "o" }, "spec": { "empty": { "x": 1 } } });
        let back = restored(&before, &after, &live, Side::Own, &Guess).unwrap();
        assert!(back.clashes.is_empty());
        assert_eq!(back.object, json!({ "data": { "a": "1", "b": "2", "other": "o" }, "spec": { "empty": {} } }));
    }

    #[test]
    fn what_others_changed_since_is_a_clash_with_both_values() {
        let (before, after) = (json!({ "data": { "a": "1" } }), json!({ "data": { "a": "2", "b": "2" } }));
        let live = json!({ "data": { "a": "3" } });
        let back = restored(&before, &after, &live, Side::Own, &Guess).unwrap();
        assert_eq!(back.clashes.len(), 1, "what is back already is none: {:?}", back.clashes);
        assert_eq!(
            (back.clashes[0].before.as_ref(), back.clashes[0].after.as_ref()),
            (Some(&json!("2")), Some(&json!("3")))
        );
    }

    #[test]
    fn elements_of_keyed_lists_come_back_to_their_place() {
        let before = json!({ "l": [{ "name": "a", "v": 1 }, { "name": "b" }, { "name": "c" }] });
        let after = json!({ "l": [{ "name": "a", "v": 2 }, { "name": "c" }, { "name": "new" }] });
        let live = json!({ "l": [{ "name": "a", "v": 2 }, { "name": "c" }, { "name": "new" }, { "name": "other" }] });
        let back = restored(&before, &after, &live, Side::Own, &ByName).unwrap();
        assert!(back.clashes.is_empty(), "{:?}", back.clashes);
        assert_eq!(
            back.object,
            json!({ "l": [{ "name": "a", "v": 1 }, { "name": "b" }, { "name": "c" }, { "name": "other" }] })
        );
    }

    #[test]
    fn notes_of_later_edits_stay() {
        let text = |map: Json| Some(Json::String(map.to_string()));
        let (after, now) = (text(json!({ "a": "1" })), text(json!({ "a": "1", "b": "2" })));
        assert_eq!(notes(None, after.as_ref(), now.as_ref()), text(json!({ "b": "2" })));
        assert_eq!(notes(None, after.as_ref(), after.as_ref()), None);
    }
}
