//! Whether a schema is structural: every field has a type of its own, and conditions (`allOf` and its like) only
//! narrow what is declared outside of them.

use super::super::fault::{self, Path};
use super::super::pattern;
use super::super::props::{Additional, Props};
use crate::Json;
use crate::error::Cause;

/// Where in a schema one is.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// What keeps a schema from being structural, sorted by words.
pub(super) fn check(schema: &Props, at: &Path) -> Vec<Cause> {
    let mut wrong = Vec::new();
    invariants(schema, Level::Root, at, &mut wrong);
    conditions_declared(schema, Some(schema), at, at, &mut wrong);
    wrong.sort_by_cached_key(|cause| format!("{}: {}", cause.field, cause.message));
    wrong
}

fn invariants(schema: &Props, level: Level, at: &Path, wrong: &mut Vec<Cause>) {
    if schema.kind == "array" && schema.item().is_none() {
        wrong.push(fault::required(&at.child("items"), "must be specified"));
    }
    if let Some(item) = schema.item() {
        invariants(item, Level::Item, &at.child("items"), wrong);
    }
    for (name, own) in &schema.properties {
        invariants(own, Level::Field, &at.child("properties").key(name), wrong);
    }
    if schema.has_values() && level == Level::Root {
        wrong.push(fault::forbidden(&at.child("additionalProperties"), "must not be used at the root"));
    }
    if let Some(value) = schema.value() {
        invariants(value, Level::Field, &at.child("additionalProperties"), wrong);
    }
    extensions(schema, at, wrong);
    let plain = is_int_or_string(&schema.any_of);
    let first = schema.all_of.first().is_some_and(|all| is_int_or_string(&all.any_of));
    conditions(schema, plain, first, at, wrong);
    types(schema, level, at, wrong);
    metadata(schema, level, at, wrong);
}

fn extensions(schema: &Props, at: &Path, wrong: &mut Vec<Cause>) {
    let detail = "must be false if x-kubernetes-int-or-string is true";
    if schema.int_or_string && schema.preserves() {
        wrong.push(fault::invalid(&at.child("x-kubernetes-preserve-unknown-fields"), &true.into(), detail));
    }
    if schema.int_or_string && schema.embedded {
        wrong.push(fault::invalid(&at.child("x-kubernetes-embedded-resource"), &true.into(), detail));
    }
}

fn types(schema: &Props, level: Level, at: &Path, wrong: &mut Vec<Cause>) {
    let at_type = at.child("type");
    let kind = Json::from(schema.kind.as_str());
    if schema.embedded && schema.kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        wrong.push(match schema.kind.as_str() {
            "" => fault::required(&at_type, detail),
            _ => fault::invalid(&at_type, &kind, detail),
        });
    } else if schema.kind.is_empty() && !schema.int_or_string && !schema.preserves() {
        let what = match level {
            Level::Root => "at the root",
            Level::Item => "for specified array items",
            Level::Field => "for specified object fields",
        };
        wrong.push(fault::required(&at_type, &format!("must not be empty {what}")));
    }
    if schema.embedded && schema.has_values() {
        let detail = "must not be used if x-kubernetes-embedded-resource is set";
        wrong.push(fault::forbidden(&at.child("additionalProperties"), detail));
    }
    if level == Level::Root && !schema.kind.is_empty() && schema.kind != "object" {
        wrong.push(fault::invalid(&at_type, &kind, "must be object at the root"));
    }
}

fn metadata(schema: &Props, level: Level, at: &Path, wrong: &mut Vec<Cause>) {
    let resource = level == Level::Root || schema.embedded;
    for name in ["kind", "apiVersion"] {
        if let Some(own) = schema.properties.get(name).filter(|own| resource && own.kind != "string") {
            let at = at.child("properties").key(name).child("type");
            wrong.push(fault::invalid(&at, &own.kind.as_str().into(), "must be string"));
        }
    }
    if let Some(own) = schema.properties.get("metadata") {
        let at = at.child("properties").key("metadata");
        if resource && own.kind != "object" {
            wrong.push(fault::invalid(&at.child("type"), &own.kind.as_str().into(), "must be object"));
        }
        if level == Level::Root && !restricts_name_only(own) {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            wrong.push(fault::forbidden(&at, detail));
        }
    }
    if schema.embedded && !schema.preserves() && schema.properties.is_empty() {
        let detail =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        wrong.push(fault::required(&at.child("properties"), detail));
    }
}

/// Whether a schema of `metadata` says nothing but `type` and, perhaps, how the name looks.
fn restricts_name_only(schema: &Props) -> bool {
    let names = schema.properties.keys().all(|name| name == "name" || name == "generateName");
    let rest =
        schema.description.is_empty() && schema.title.is_empty() && schema.required.is_empty() && !schema.nullable;
    let conditions =
        schema.all_of.is_empty() && schema.any_of.is_empty() && schema.one_of.is_empty() && schema.not.is_none();
    names
        && rest
        && conditions
        && !schema.preserves()
        && !schema.has_values()
        && schema.items.is_none()
        && schema.rules.is_empty()
}

/// The one condition that may name types: that of a number or a text.
fn is_int_or_string(any_of: &[Props]) -> bool {
    any_of.iter().map(|s| s.kind.as_str()).eq(["integer", "string"])
}

fn conditions(schema: &Props, plain: bool, first: bool, at: &Path, wrong: &mut Vec<Cause>) {
    if !plain {
        for (index, own) in schema.any_of.iter().enumerate() {
            condition(own, false, &at.child("anyOf").index(index), wrong);
        }
    }
    for (index, own) in schema.all_of.iter().enumerate() {
        condition(own, first && index == 0, &at.child("allOf").index(index), wrong);
    }
    for (index, own) in schema.one_of.iter().enumerate() {
        condition(own, false, &at.child("oneOf").index(index), wrong);
    }
    if let Some(own) = &schema.not {
        condition(own, false, &at.child("not"), wrong);
    }
    if let Some(why) = pattern::fault(&schema.pattern) {
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        wrong.push(fault::invalid(&at.child("pattern"), &schema.pattern.as_str().into(), &detail));
    }
}

fn condition(schema: &Props, plain: bool, at: &Path, wrong: &mut Vec<Cause>) {
    conditions(schema, plain, false, at, wrong);
    if let Some(item) = schema.item() {
        condition(item, false, &at.child("items"), wrong);
    }
    for (name, own) in &schema.properties {
        condition(own, false, &at.child("properties").key(name), wrong);
    }
    let values = matches!(schema.additional_properties, Some(Additional::Of(_) | Additional::Any(true)));
    let forbidden = [
        (!schema.kind.is_empty(), "type", "empty"),
        (values, "additionalProperties", "undefined"),
        (schema.default.is_some(), "default", "undefined"),
        (!schema.title.is_empty(), "title", "empty"),
        (!schema.description.is_empty(), "description", "empty"),
        (schema.nullable, "nullable", "false"),
        (schema.preserves(), "x-kubernetes-preserve-unknown-fields", "false"),
        (schema.embedded, "x-kubernetes-embedded-resource", "false"),
        (schema.int_or_string, "x-kubernetes-int-or-string", "false"),
        (!schema.map_keys.is_empty(), "x-kubernetes-list-map-keys", "empty"),
        (schema.list_type.is_some(), "x-kubernetes-list-type", "undefined"),
        (schema.map_type.is_some(), "x-kubernetes-map-type", "undefined"),
        (!schema.rules.is_empty(), "x-kubernetes-validations", "empty"),
    ];
    for (_, field, wanted) in forbidden.iter().filter(|(there, ..)| *there) {
        wrong.push(fault::forbidden(&at.child(field), &format!("must be {wanted} to be structural")));
    }
    if schema.properties.contains_key("metadata") {
        let at = at.child("properties").key("metadata");
        wrong.push(fault::forbidden(&at, "must not be specified in a nested context"));
    }
}

/// Whatever a condition speaks of must be declared outside of conditions.
fn conditions_declared(condition: &Props, declared: Option<&Props>, at: &Path, from: &Path, wrong: &mut Vec<Cause>) {
    if let Some(own) = &condition.not {
        is_declared(own, declared, at, &from.child("not"), wrong);
    }
    let lists = [("allOf", &condition.all_of), ("anyOf", &condition.any_of), ("oneOf", &condition.one_of)];
    for (name, list) in lists {
        for (index, own) in list.iter().enumerate() {
            is_declared(own, declared, at, &from.child(name).index(index), wrong);
        }
    }
}

fn is_declared(condition: &Props, declared: Option<&Props>, at: &Path, from: &Path, wrong: &mut Vec<Cause>) {
    let Some(schema) = declared else {
        wrong.push(fault::required(at, &format!("because it is defined in {}", from.text())));
        return;
    };
    conditions_declared(condition, declared, at, from, wrong);
    if let Some(item) = condition.item() {
        is_declared(item, schema.item(), &at.child("items"), &from.child("items"), wrong);
    }
    for (name, own) in &condition.properties {
        let (at, from) = (at.child("properties").key(name), from.child("properties").key(name));
        is_declared(own, schema.properties.get(name), &at, &from, wrong);
    }
}
