//! What may be wrong with the defaults that a schema gives.

use super::super::fault::{self, Path};
use super::super::props::Props;
use super::super::{cel, embedded, openapi, prune};
use crate::error::Cause;

/// A default has to be as its own schema says. Nothing is looked at below `additionalProperties`, where defaults are
/// forbidden, and in the object's own metadata.
pub(super) fn check(schema: &Props, at: &Path, wrong: &mut Vec<Cause>) {
    walk(schema, at, true, wrong);
}

fn walk(schema: &Props, at: &Path, resource: bool, wrong: &mut Vec<Cause>) {
    let resource = resource || schema.embedded;
    if let Some(default) = &schema.default {
        let at = at.child("default");
        if !prune::is_pruned(default, schema) {
            wrong.push(fault::invalid(&at, default, "must not have unknown fields"));
        }
        let mut faults = Vec::new();
        embedded::check(&at, schema, default, &mut faults);
        if faults.is_empty() {
            faults = openapi::validate(at.text(), schema, default, None);
        }
        if faults.is_empty() {
            faults = cel::Rules::of(Some(schema)).judge_at(&at, schema, default, Some(default)).causes;
        }
        wrong.extend(faults);
    }
    if let Some(item) = schema.item() {
        walk(item, &at.child("items"), false, wrong);
    }
    for (name, own) in &schema.properties {
        if !(resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata")) {
            walk(own, &at.child("properties").key(name), false, wrong);
        }
    }
}
