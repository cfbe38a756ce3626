//! What the writer of a custom object is told about its finalizers.

use std::collections::BTreeSet;

use crate::validation::names;
use crate::{Json, go};

const STANDARD: [&str; 3] = ["foregroundDeletion", "orphan", "kubernetes"];

/// Warnings about finalizers that `old` does not have, in the order of their names.
pub(crate) fn warnings(object: &Json, old: Option<&Json>) -> Vec<String> {
    let known = old.map(of).unwrap_or_default();
    of(object).difference(&known).flat_map(|finalizer| judge(finalizer)).collect()
}

fn of(object: &Json) -> BTreeSet<&str> {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    finalizers.filter_map(Json::as_str).collect()
}

fn judge(finalizer: &str) -> Vec<String> {
    let mut said = names::qualified(finalizer);
    if !finalizer.contains('/') && !STANDARD.contains(&finalizer) {
        let path = if finalizer.contains('.') { " including a path (/)" } else { "" };
        said.push(format!(
            "prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer writers"
        ));
    }
    said.into_iter().map(|words| format!("metadata.finalizers: {}: {words}", go::quote(finalizer))).collect()
}
