//! Dropping what a schema does not know.

use super::props::Props;
use crate::Json;

/// Drops the fields that the schema does not know, and gives their paths, sorted; metadata is left to whoever knows its
/// type. Without a schema nothing but the type and the metadata stays.
pub(crate) fn prune(object: &mut Json, schema: Option<&Props>) -> Vec<String> {
    let empty = Props::default();
    let mut dropped = Vec::new();
    walk(object, Some(schema.unwrap_or(&empty)), "", Context { resource: true, keeps: false }, &mut dropped);
    dropped.sort();
    dropped
}

/// Whether pruning a part of an object would leave it as it is (the defaults of a schema have to be like that).
pub(crate) fn is_pruned(value: &Json, schema: &Props) -> bool {
    let mut copy = value.clone();
    walk(&mut copy, Some(schema), "", Context { resource: schema.embedded, keeps: false }, &mut Vec::new());
    copy == *value
}

fn is_meta(key: &str) -> bool {
    matches!(key, "apiVersion" | "kind" | "metadata")
}

/// What a value inherits from around it.
#[derive(Clone, Copy, Default)]
struct Context {
    /// It is an object with a type and metadata of its own.
    resource: bool,
    /// It is an item of a list that keeps unknown fields.
    keeps: bool,
}

fn walk(value: &mut Json, schema: Option<&Props>, path: &str, context: Context, dropped: &mut Vec<String>) {
    let keeps = context.keeps || schema.is_some_and(Props::preserves);
    let resource = context.resource || schema.is_some_and(|s| s.embedded);
    match value {
        Json::Object(fields) => fields.retain(|key, value| {
            if resource && is_meta(key) {
                return true;
            }
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match schema {
                Some(schema) if schema.properties.contains_key(key) => {
                    walk(value, schema.properties.get(key), &below, Context::default(), dropped);
                    true
                }
                Some(schema) if schema.has_values() => {
                    walk(value, schema.value(), &below, Context::default(), dropped);
                    true
                }
                _ if keeps => true,
                _ => {
                    if !is_meta(key) || !path.is_empty() {
                        dropped.push(below);
                    }
                    false
                }
            }
        }),
        Json::Array(items) => {
            let schema = schema.and_then(Props::item);
            for (index, item) in items.iter_mut().enumerate() {
                let context = Context { resource: false, keeps };
                walk(item, schema, &format!("{path}[{index}]"), context, dropped);
            }
        }
        _ => {}
    }
}

/// Drops nulls that the schema does not allow and has no default for.
pub(crate) fn drop_nulls(value: &mut Json, schema: Option<&Props>) {
    match value {
        Json::Object(fields) => fields.retain(|key, value| {
            let schema = schema.and_then(|schema| schema.field(key));
            if value.is_null() && schema.is_some_and(|s| !s.nullable && s.default.is_none()) {
                return false;
            }
            drop_nulls(value, schema);
            true
        }),
        Json::Array(items) => {
            let schema = schema.and_then(Props::item);
            items.iter_mut().for_each(|item| drop_nulls(item, schema));
        }
        _ => {}
    }
}
