//! The life of an object: every verb, with a manifest.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::json;

use crate::case::{Case, Step, files};
use crate::kinds::Kinds;
use crate::{Error, Json};

#[expect(clippy::unwrap_used, reason = "the expression stands here, and each test needs it")]
static OCTAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)(: +)0([0-7]{3,4})\s*$").unwrap());

/// The manifests of all files below a folder, each with where it stands.
///
/// # Errors
/// If a file cannot be read.
pub fn manifests(folder: &Path) -> Result<Vec<(String, Json)>, Error> {
    let mut found = Vec::new();
    for path in files(folder)? {
        let wrong = |what: String| Error::File { path: path.display().to_string(), what };
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        // People write modes of files in octal.
        let octal = |found: &Captures<'_>| match i64::from_str_radix(&found[2], 8) {
            Ok(number) => format!("{}{number}", &found[1]),
            Err(_) => found[0].to_owned(),
        };
        let text = OCTAL.replace_all(&text, octal);
        let all: Vec<Json> = serde_yaml::from_multiple(&text).map_err(|error| wrong(error.to_string()))?;
        let place = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let objects = all.into_iter().filter(|object| object.get("kind").is_some());
        found.extend(objects.map(|object| (place.display().to_string(), object)));
    }
    Ok(found)
}

/// All that can be done with an object of this manifest; nothing where its kind is not served. In a `short` life, it is
/// made, seen, applied and deleted.
#[must_use]
pub fn life(kinds: &Kinds, place: &str, manifest: &Json, short: bool) -> Option<Case> {
    let kind = kinds.of_object(manifest)?;
    let mut manifest = manifest.clone();
    let metadata = manifest.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("namespace");
    let name = metadata.get("name")?.as_str()?.to_owned();
    let (all, one) = (kind.path(), format!("{}/{name}", kind.path()));
    let mut steps = Vec::new();
    let mut send = |send: String, content: &str, accept: &str, body: Option<&Json>| {
        steps.push(Step {
            send,
            content: content.into(),
            accept: accept.into(),
            body: body.cloned(),
            any: true,
            ..Step::default()
        });
    };
    let mark = |key: &str| json!({"metadata": {"annotations": {key: "1"}}});
    let mut wrong = manifest.clone();
    wrong["unknown"] = 1.into();
    wrong["metadata"]["unknown"] = 1.into();

    if !short {
        send(format!("POST {all}?dryRun=All&fieldManager=creator"), "", "", Some(&manifest));
        send(format!("POST {all}?dryRun=All&fieldValidation=Strict"), "", "", Some(&wrong));
        send(format!("POST {all}?dryRun=All"), "", "", Some(&wrong));
    }
    send(format!("POST {all}?fieldManager=creator"), "", "", Some(&manifest));
    send(format!("GET {one}"), "", "", None);
    send(format!("GET {one}"), "", "table", None);
    send(format!("PATCH {one}?fieldManager=me"), "apply", "", Some(&manifest));
    if !short {
        send(format!("GET {all}"), "", if kind.namespaced { "table" } else { "metadata" }, None);
        send(format!("GET {one}"), "", "metadata", None);
        send(format!("POST {all}"), "", "", Some(&manifest));
        send(format!("PATCH {one}"), "merge", "", Some(&mark("merged")));
        send(format!("PATCH {one}"), "strategic", "", Some(&mark("strategic")));
        let operations = json!([{"op": "add", "path": "/metadata/labels", "value": {"edited": "1"}}]);
        send(format!("PATCH {one}"), "json-patch", "", Some(&operations));
        send(format!("GET {all}?labelSelector=edited"), "", "", None);
        send(format!("GET {all}?fieldSelector=metadata.name%3D{name}"), "", "", None);
        let mut labelled = json!({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}});
        labelled["metadata"]["labels"] = json!({"edited": "2"});
        send(format!("PATCH {one}?fieldManager=you"), "apply", "", Some(&labelled));
        send(format!("PATCH {one}?fieldManager=you&force=true"), "apply", "", Some(&labelled));
        send(format!("PUT {one}?fieldManager=replacer"), "", "", Some(&manifest));
        for subresource in ["status", "scale"] {
            if kind.subresources.iter().any(|known| known == subresource) {
                send(format!("GET {one}/{subresource}"), "", "", None);
                send(format!("PATCH {one}/{subresource}"), "merge", "", Some(&mark(subresource)));
            }
        }
        send(format!("DELETE {one}?dryRun=All"), "", "", None);
        if kind.namespaced {
            send(format!("DELETE {all}?dryRun=All"), "", "", None);
        }
    }
    send(format!("DELETE {one}?propagationPolicy=Background"), "", "", None);
    send(format!("GET {one}"), "", "", None);
    Some(Case { alone: false, name: format!("{place}: {} {name}", kind.kind), steps })
}
