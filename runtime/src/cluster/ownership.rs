//! Who owns which field, and whether an object still is what was applied.
//!
//! Server-side apply keeps, in `metadata.managedFields`, which manager owns which field; whoever changes a field takes it
//! out of the other managers' entries. So an object is unchanged if it says that the same intent was applied last, and
//! the entry of that apply still covers every field of the intent. No request is needed to know that.

mod edits;
mod merge;
mod standing;

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

pub use edits::Edits;
pub(crate) use merge::merged_owners;
pub use standing::{Difference, Standing, standing};

use super::Json;
use super::fields::{FieldPath, Segment, matches_keys};

/// The field manager of whole objects: what [`Cluster::apply`](super::Cluster::apply) is called with.
pub const APPLY_MANAGER: &str = "windlass";
/// The field manager of partial changes. One for all of them: the server merges the oldest of more than ten.
pub const EDIT_MANAGER: &str = "windlass-edit";
/// The annotation with the hash of the intent that was applied last.
pub const INTENT_ANNOTATION: &str = "windlass.dev/intent";
/// The annotation with the paths that partial changes replaced, and the hashes of the values they replaced.
pub const EDITED_ANNOTATION: &str = "windlass.dev/edited";

/// What the server takes for granted or sets by itself, and leaves out of managedFields.
const SERVER_METADATA: [&str; 9] = [
    "name",
    "namespace",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "selfLink",
    "managedFields",
];

/// Whether an entry was made by server-side apply or by any other write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Create, update, patch.
    Update,
}

/// One owner of a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The field manager.
    pub manager: String,
    /// How it came to own it.
    pub operation: Operation,
    /// The subresource it wrote through, such as `scale`.
    pub subresource: Option<String>,
}

/// The fields of [`APPLY_MANAGER`]'s apply entry, if it was made in the same group and version.
#[must_use]
pub fn applied_fields<'a>(live: &'a Json, api_version: &str) -> Option<&'a Json> {
    let ours = |entry: &&Json| {
        let owner = owner(entry);
        owner.manager == APPLY_MANAGER
            && owner.operation == Operation::Apply
            && owner.subresource.is_none()
            && entry.get("apiVersion").and_then(Json::as_str) == Some(api_version)
    };
    entries(live).find(ours).and_then(|entry| entry.get("fieldsV1"))
}

/// Whether these `fieldsV1` cover every field of the intent, those at `left_out` aside.
#[must_use]
pub fn covers(fields: &Json, intent: &Json, left_out: &[FieldPath]) -> bool {
    uncovered(fields, intent, left_out).is_empty()
}

/// The fields of the intent that these `fieldsV1` do not cover, those at `left_out` aside.
#[must_use]
pub fn uncovered(fields: &Json, intent: &Json, left_out: &[FieldPath]) -> Vec<FieldPath> {
    let rest;
    let intent = if left_out.is_empty() {
        intent
    } else {
        rest = without(intent, left_out);
        &rest
    };
    let mut missing = Vec::new();
    let Some(parts) = intent.as_object() else { return missing };
    for (name, value) in parts {
        match (name.as_str(), value) {
            ("apiVersion" | "kind", _) => {}
            ("metadata", Json::Object(metadata)) => {
                let below = fields.get("f:metadata").unwrap_or(&Json::Null);
                let path = FieldPath::of(["metadata"]);
                for (name, value) in metadata.iter().filter(|(n, _)| !SERVER_METADATA.contains(&n.as_str())) {
                    walk(below.get(format!("f:{name}")), value, &path.field(name), &mut missing);
                }
            }
            _ => walk(fields.get(format!("f:{name}")), value, &FieldPath::of([name.as_str()]), &mut missing),
        }
    }
    missing
}

fn walk(node: Option<&Json>, value: &Json, path: &FieldPath, missing: &mut Vec<FieldPath>) {
    let Some(node) = node.and_then(Json::as_object) else {
        missing.push(path.clone());
        return;
    };
    // A leaf, or a map or list that is owned as one.
    if node.is_empty() {
        return;
    }
    match value {
        Json::Object(parts) => {
            for (name, value) in parts {
                walk(node.get(&format!("f:{name}")), value, &path.field(name), missing);
            }
        }
        Json::Array(elements) => {
            let keyed = keyed_children(node);
            for (index, element) in elements.iter().enumerate() {
                let known = keyed.iter().find(|(keys, _)| matches_keys(element, keys));
                let known = known.or_else(|| only_fit(&keyed, element));
                if let Some((keys, below)) = known {
                    walk(Some(below), element, &path.child(Segment::Key(keys.clone())), missing);
                } else if !node.contains_key(&format!("v:{element}")) {
                    missing.push(path.child(element_segment(&keyed, element, index)));
                }
            }
        }
        // The entry has something below what is a plain value here: not the same field any more.
        _ => missing.push(path.clone()),
    }
}

type Keys = Vec<(String, Json)>;

fn keyed_children(node: &serde_json::Map<String, Json>) -> Vec<(Keys, &Json)> {
    node.iter().filter_map(|(name, below)| parse_key(name).map(|keys| (keys, below))).collect()
}

/// `k:{"name":"web"}`
fn parse_key(name: &str) -> Option<Keys> {
    let keys: serde_json::Map<String, Json> = serde_json::from_str(name.strip_prefix("k:")?).ok()?;
    let mut keys: Keys = keys.into_iter().collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    Some(keys)
}

/// Custom resources may default any key: an element that lacks one fits if it fits a single entry.
fn only_fit<'a, 'b>(keyed: &'a [(Keys, &'b Json)], element: &Json) -> Option<&'a (Keys, &'b Json)> {
    let known = |keys: &Keys| keys.iter().any(|(name, _)| element.get(name).is_some());
    let fits = |keys: &Keys| keys.iter().all(|(name, value)| element.get(name).is_none_or(|own| own == value));
    let mut fitting = keyed.iter().filter(|(keys, _)| element.is_object() && known(keys) && fits(keys));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn element_segment(keyed: &[(Keys, &Json)], element: &Json, index: usize) -> Segment {
    let names: Vec<&str> = match keyed.first() {
        Some((keys, _)) => keys.iter().map(|(name, _)| name.as_str()).collect(),
        None if !element.is_object() => return Segment::Value(element.clone()),
        None => vec!["name"],
    };
    let values: Option<Keys> = names.iter().map(|n| element.get(*n).map(|v| ((*n).to_owned(), v.clone()))).collect();
    values.map_or(Segment::Index(index), Segment::Key)
}

/// Every field that these `fieldsV1` name.
#[must_use]
pub fn owned_paths(fields: &Json) -> Vec<FieldPath> {
    let mut paths = Vec::new();
    collect(fields, &FieldPath::root(), &mut paths);
    paths
}

fn collect(node: &Json, path: &FieldPath, into: &mut Vec<FieldPath>) {
    let Some(children) = node.as_object() else { return };
    if (children.is_empty() || children.contains_key(".")) && !path.is_root() {
        into.push(path.clone());
    }
    for (name, below) in children {
        let segment = if let Some(field) = name.strip_prefix("f:") {
            Segment::Field(field.to_owned())
        } else if let Some(keys) = parse_key(name) {
            Segment::Key(keys)
        } else if let Some(value) = name.strip_prefix("v:").and_then(|v| serde_json::from_str(v).ok()) {
            Segment::Value(value)
        } else if let Some(index) = name.strip_prefix("i:").and_then(|i| i.parse().ok()) {
            Segment::Index(index)
        } else {
            continue;
        };
        collect(below, &path.child(segment), into);
    }
}

/// Who owns the field at `path`, something below it, or the map or list as one that it is in.
#[must_use]
pub fn owners_of(path: &FieldPath, live: &Json) -> Vec<Owner> {
    let owns = |entry: &&Json| entry.get("fieldsV1").is_some_and(|fields| reaches(fields, path.segments()));
    let mut owners: Vec<Owner> = entries(live).filter(owns).map(owner).collect();
    owners.dedup();
    owners
}

fn reaches(node: &Json, segments: &[Segment]) -> bool {
    let Some(children) = node.as_object() else { return false };
    let Some((segment, rest)) = segments.split_first() else { return true };
    let below = match segment {
        Segment::Field(name) => children.get(&format!("f:{name}")),
        Segment::Value(value) => children.get(&format!("v:{value}")),
        Segment::Index(index) => children.get(&format!("i:{index}")),
        Segment::Key(keys) => {
            let fits =
                |known: &Keys| known == keys || matches_keys(&Json::Object(keys.iter().cloned().collect()), known);
            children.iter().find(|(name, _)| parse_key(name).is_some_and(|k| fits(&k))).map(|(_, below)| below)
        }
    };
    match below {
        Some(below) => below.as_object().is_some_and(serde_json::Map::is_empty) || reaches(below, rest),
        None => false,
    }
}

fn entries(live: &Json) -> impl Iterator<Item = &Json> {
    live.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten()
}

fn owner(entry: &Json) -> Owner {
    let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default();
    Owner {
        manager: text("manager").to_owned(),
        operation: if text("operation") == "Apply" { Operation::Apply } else { Operation::Update },
        subresource: Some(text("subresource")).filter(|s| !s.is_empty()).map(str::to_owned),
    }
}

/// The intent without the fields at these paths, nor the maps and lists that are empty by that.
#[must_use]
pub fn without(intent: &Json, paths: &[FieldPath]) -> Json {
    let mut rest = intent.clone();
    for path in paths {
        path.remove(&mut rest);
    }
    rest
}

/// What is sent to apply an intent: without the fields at `left_out`, and with the annotation of the whole intent's hash.
#[must_use]
pub fn apply_body(intent: &Json, left_out: &[FieldPath], salt: &str) -> Json {
    let mut body = without(intent, left_out);
    // Annotations that are no map are the server's to refuse.
    let note = FieldPath::of(["metadata", "annotations", INTENT_ANNOTATION]);
    let _ = note.set(&mut body, Json::String(intent_hash(intent, salt)));
    body
}

/// What a manifest asks for: without what the server sets (`uid`, `managedFields`, …), without this module's own
/// annotations, and, where status is a subresource, without it. A Secret's `stringData` becomes `data`, as the server
/// would make it, so that ownership and comparison see one form.
#[must_use]
pub fn intent_of(manifest: &Json, status_is_subresource: bool) -> Json {
    let mut intent = manifest.clone();
    let Some(fields) = intent.as_object_mut() else { return intent };
    if status_is_subresource {
        fields.shift_remove("status");
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
        for name in SERVER_METADATA.iter().filter(|n| !matches!(**n, "name" | "namespace")) {
            metadata.shift_remove(*name);
        }
    }
    for annotation in [INTENT_ANNOTATION, EDITED_ANNOTATION] {
        FieldPath::of(["metadata", "annotations", annotation]).remove(&mut intent);
    }
    // What generators leave behind; no API keeps it.
    let stamp = FieldPath::of(["spec", "template", "metadata", "creationTimestamp"]);
    if stamp.get(&intent) == Some(&Json::Null) {
        stamp.remove(&mut intent);
    }
    if is_secret(&intent)
        && let Some(Json::Object(plain)) = intent.as_object_mut().and_then(|f| f.shift_remove("stringData"))
    {
        for (name, value) in plain {
            let encoded = value.as_str().map(|v| base64::engine::general_purpose::STANDARD.encode(v));
            let data = encoded.map_or(value, Json::String);
            // A manifest whose data is no map is the server's to refuse.
            let _ = FieldPath::of(["data", name.as_str()]).set(&mut intent, data);
        }
    }
    intent
}

pub(crate) fn is_secret(object: &Json) -> bool {
    object.get("kind").and_then(Json::as_str) == Some("Secret")
        && object.get("apiVersion").and_then(Json::as_str) == Some("v1")
}

/// What is written to [`INTENT_ANNOTATION`]: 32 hex digits.
///
/// It is keyed by `salt`, the cluster's identity, so that equal intents on two clusters do not show as equal. The values
/// of a Secret do not go into it, only their names: annotations are copied to where data is not (descriptions, exports,
/// logs), and a hash of a short password is as good as the password. [`standing()`] compares a Secret's values with the
/// live ones instead, which it has at hand anyway.
#[must_use]
pub fn intent_hash(intent: &Json, salt: &str) -> String {
    if !is_secret(intent) {
        return value_hash(intent, salt);
    }
    let mut names = intent.clone();
    for part in ["data", "stringData"] {
        if let Some(values) = names.get_mut(part).and_then(Json::as_object_mut) {
            values.values_mut().for_each(|value| *value = Json::Null);
        }
    }
    value_hash(&names, salt)
}

/// The hash of one value, whatever the order of its maps, keyed by `salt`: 32 hex digits.
#[must_use]
pub fn value_hash(value: &Json, salt: &str) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    // A key of any length is a key of HMAC's.
    let Ok(mut mac) = <Hmac<Sha256> as hmac::Mac>::new_from_slice(salt.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(value: &Json, into: &mut String) {
    match value {
        Json::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            into.push('{');
            for (name, value) in sorted {
                into.push_str(&Json::String(name.clone()).to_string());
                into.push(':');
                canonical(value, into);
                into.push(',');
            }
            into.push('}');
        }
        Json::Array(elements) => {
            into.push('[');
            for element in elements {
                canonical(element, into);
                into.push(',');
            }
            into.push(']');
        }
        plain => into.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests;
