//! What may be wrong with the schema of a version.

use super::super::cel;
use super::super::fault::{self, Path};
use super::super::props::{Additional, Items, Props, Rule};
use super::{defaults, structural};
use crate::Json;
use crate::error::Cause;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// How the surroundings of a schema bear on it.
#[derive(Clone, Default)]
struct Context {
    root: bool,
    /// Why it must have no default.
    no_defaults: Option<String>,
    inside_meta: bool,
    /// What is not the same object in two versions of the whole: there, rules cannot compare with the old one.
    uncorrelatable: Option<Path>,
    /// Whether rules are looked at: only where the schema is in order, and outside of conditions.
    rules: bool,
}

pub(super) fn check(schema: &Props, has_status: bool, at: &Path, wrong: &mut Vec<Cause>) {
    let before = wrong.len();
    let root = at.child("openAPIV3Schema");
    if has_status {
        only_object(schema, at, &root, wrong);
    }
    if schema.nullable {
        wrong.push(fault::forbidden(&at.child("openAPIV3Schema.nullable"), "nullable cannot be true at the root"));
    }
    let unreadable = unsupported(schema);
    let mut rules = false;
    if unreadable.is_none() {
        let mut faults = structural::check(schema, &root);
        if faults.is_empty() {
            defaults::check(schema, &root, &mut faults);
            rules = faults.is_empty();
        }
        wrong.append(&mut faults);
    }
    let context = Context { root: true, rules, ..Context::default() };
    let (faults, rules) = walk(schema, &root, &context);
    wrong.extend(faults);
    wrong.extend(rules);
    if let (true, Some(why)) = (wrong.len() == before, unreadable) {
        wrong.push(fault::invalid(&root, &"".into(), &why));
    }
}

/// What no structural schema can even be made of.
fn unsupported(schema: &Props) -> Option<String> {
    schema.all().into_iter().find_map(|s| {
        let field = [
            ("id", !s.id.is_empty()),
            ("schema", !s.schema.is_empty()),
            ("$ref", s.reference.as_ref().is_some_and(|r| !r.is_empty())),
            ("patternProperties", !s.pattern_properties.is_empty()),
            ("dependencies", s.dependencies.is_some()),
            ("additionalItems", s.additional_items.is_some()),
            ("definitions", !s.definitions.is_empty()),
        ];
        if let Some((name, _)) = field.into_iter().find(|(_, there)| *there) {
            return Some(format!("OpenAPIV3Schema '{name}' is not supported"));
        }
        if matches!(&s.items, Some(Items::Several(several)) if !several.is_empty()) {
            return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
        }
        let refused = s.preserve == Some(false);
        refused.then(|| "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined".to_owned())
    })
}

/// With a status of its own, the schema of the status must be all there is to say about it.
fn only_object(schema: &Props, at: &Path, root: &Path, wrong: &mut Vec<Cause>) {
    if schema.kind != "object" && !schema.kind.is_empty() {
        let detail =
            "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
        wrong.push(fault::invalid(&at.child("openAPIV3Schema.type"), &schema.kind.as_str().into(), detail));
    }
    let more = schema.default.is_some()
        || schema.values.is_some()
        || schema.max_properties.is_some()
        || schema.min_properties.is_some()
        || !schema.all_of.is_empty()
        || !schema.any_of.is_empty()
        || !schema.one_of.is_empty()
        || schema.not.is_some()
        || schema.has_values()
        || schema.nullable
        || schema.embedded
        || schema.int_or_string
        || schema.list_type.is_some()
        || schema.map_type.is_some();
    if more {
        let detail = "only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is enabled";
        wrong.push(fault::invalid_omitted(root, detail));
    }
}

/// The faults of a schema and all in it: those of the schema, and those of the rules.
fn walk(schema: &Props, at: &Path, context: &Context) -> (Vec<Cause>, Vec<Cause>) {
    let mut faults = Vec::new();
    let mut rules = Vec::new();
    keywords(schema, at, context, &mut faults);
    let mut below = |schema: &Props, at: Path, context: &Context| {
        let (more, more_rules) = walk(schema, &at, context);
        faults.extend(more);
        rules.extend(more_rules);
    };
    let inner = Context { root: false, ..context.clone() };
    if let Some(value) = schema.value() {
        let mut inner = inner.clone();
        if context.inside_meta {
            inner.no_defaults = Some("inside additionalProperties applying to object metadata".to_owned());
        }
        below(value, at.child("additionalProperties"), &inner);
    }
    for (name, own) in &schema.properties {
        let mut inner = inner.clone();
        if (context.root || schema.embedded) && matches!(name.as_str(), "metadata" | "kind" | "apiVersion") {
            inner.inside_meta = true;
            if context.root {
                inner.no_defaults = Some(format!("in top-level {name}"));
            }
        }
        below(own, at.child("properties").key(name), &inner);
    }
    let condition = Context { rules: false, ..inner.clone() };
    if let Some(own) = &schema.not {
        below(own, at.child("not"), &condition);
    }
    for (name, list) in [("allOf", &schema.all_of), ("oneOf", &schema.one_of), ("anyOf", &schema.any_of)] {
        for (index, own) in list.iter().enumerate() {
            below(own, at.child(name).index(index), &condition);
        }
    }
    let mut items = inner;
    if !schema.is_list("map") && items.uncorrelatable.is_none() {
        items.uncorrelatable = Some(at.clone());
    }
    match &schema.items {
        Some(Items::One(own)) => below(own, at.child("items"), &items),
        Some(Items::Several(all)) => {
            all.iter().enumerate().for_each(|(index, own)| below(own, at.child("items").index(index), &items));
        }
        None => {}
    }
    merging(schema, at, &mut faults);
    rule_faults(schema, at, context, &mut faults, &mut rules);
    (faults, rules)
}

fn keywords(schema: &Props, at: &Path, context: &Context, faults: &mut Vec<Cause>) {
    if !schema.kind.is_empty() && !TYPES.contains(&schema.kind.as_str()) {
        let all = TYPES.map(str::to_owned);
        faults.push(fault::not_supported(&at.child("type"), &schema.kind.as_str().into(), &all));
    }
    if let Some(why) = context.no_defaults.as_ref().filter(|_| schema.default.is_some()) {
        faults.push(fault::forbidden(&at.child("default"), &format!("must not be set {why}")));
    }
    let unsupported = [
        ("id", !schema.id.is_empty()),
        ("additionalItems", schema.additional_items.is_some()),
        ("patternProperties", !schema.pattern_properties.is_empty()),
        ("definitions", !schema.definitions.is_empty()),
        ("dependencies", schema.dependencies.is_some()),
        ("$ref", schema.reference.is_some()),
    ];
    for (name, _) in unsupported.iter().filter(|(_, there)| *there) {
        faults.push(fault::forbidden(&at.child(name), &format!("{name} is not supported")));
    }
    if schema.kind == "null" {
        let detail = "type cannot be set to null, use nullable as an alternative";
        faults.push(fault::forbidden(&at.child("type"), detail));
    }
    if matches!(&schema.items, Some(Items::Several(several)) if !several.is_empty()) {
        faults.push(fault::forbidden(&at.child("items"), "items must be a schema object and not an array"));
    }
    if context.inside_meta && schema.embedded {
        let at = at.child("x-kubernetes-embedded-resource");
        faults.push(fault::forbidden(&at, "must not be used inside of resource meta"));
    }
    if schema.unique_items {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        faults.push(fault::forbidden(&at.child("uniqueItems"), detail));
    }
    let exclusive = matches!(schema.additional_properties, Some(Additional::Any(false) | Additional::Of(_)));
    if exclusive && !schema.properties.is_empty() {
        let detail = "additionalProperties and properties are mutual exclusive";
        faults.push(fault::forbidden(&at.child("additionalProperties"), detail));
    }
}

/// How lists and maps are merged.
fn merging(schema: &Props, at: &Path, faults: &mut Vec<Cause>) {
    if schema.preserve == Some(false) {
        let at = at.child("x-kubernetes-preserve-unknown-fields");
        faults.push(fault::invalid(&at, &false.into(), "must be true or undefined"));
    }
    let must_be = |wanted: &str, keyword: &str| {
        let detail = format!("must be {wanted} if {keyword} is specified");
        match schema.kind.as_str() {
            "" => fault::required(&at.child("type"), &detail),
            kind => fault::invalid(&at.child("type"), &kind.into(), &detail),
        }
    };
    let one_of = |keyword: &str, is: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        fault::not_supported(&at.child(keyword), &is.into(), &names)
    };
    if let Some(kind) = &schema.map_type {
        if schema.kind != "object" {
            faults.push(must_be("object", "x-kubernetes-map-type"));
        }
        if !matches!(kind.as_str(), "atomic" | "granular") {
            faults.push(one_of("x-kubernetes-map-type", kind, &["atomic", "granular"]));
        }
    }
    if let Some(kind) = &schema.list_type {
        if schema.kind != "array" {
            faults.push(must_be("array", "x-kubernetes-list-type"));
        } else if kind == "set" {
            set_items(schema, at, faults);
        }
        if !matches!(kind.as_str(), "atomic" | "set" | "map") {
            faults.push(one_of("x-kubernetes-list-type", kind, &["atomic", "set", "map"]));
        }
    }
    map_keys(schema, at, faults);
    not_null(schema, at, faults);
}

fn set_items(schema: &Props, at: &Path, faults: &mut Vec<Cause>) {
    let Some(item) = schema.item() else { return };
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let shown = |kind: &Option<String>| kind.as_deref().map_or(Json::Null, Json::from);
    let atomic = |kind: &Option<String>| kind.as_deref() == Some("atomic");
    match item.kind.as_str() {
        "array" if item.list_type.is_some() && !atomic(&item.list_type) => {
            faults.push(fault::invalid(&at.child("items.x-kubernetes-list-type"), &shown(&item.list_type), detail));
        }
        "object" if !atomic(&item.map_type) => {
            faults.push(fault::invalid(&at.child("items.x-kubernetes-map-type"), &shown(&item.list_type), detail));
        }
        _ => {}
    }
}

fn map_keys(schema: &Props, at: &Path, faults: &mut Vec<Cause>) {
    let is_map = schema.is_list("map");
    if !schema.map_keys.is_empty() && !is_map {
        let (at, detail) =
            (at.child("x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty");
        faults.push(match &schema.list_type {
            None => fault::required(&at, detail),
            Some(kind) => fault::invalid(&at, &kind.as_str().into(), detail),
        });
    }
    if !is_map {
        return;
    }
    let keys_at = at.child("x-kubernetes-list-map-keys");
    if schema.map_keys.is_empty() {
        faults.push(fault::required(&keys_at, "must not be empty if x-kubernetes-list-type is map"));
    }
    if schema.items.is_none() {
        faults.push(fault::required(&at.child("items"), "must have a schema if x-kubernetes-list-type is map"));
    }
    let Some(item) = schema.item() else { return };
    if item.kind != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        faults.push(fault::invalid(&at.child("items.type"), &item.kind.as_str().into(), detail));
        return;
    }
    let shown: Json = schema.map_keys.iter().map(String::as_str).collect();
    for (index, key) in schema.map_keys.iter().enumerate() {
        match item.properties.get(key) {
            Some(own) if matches!(own.kind.as_str(), "array" | "object") => {
                let at = at.child("items.properties").key(key).child("type");
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                faults.push(fault::invalid(&at, &item.kind.as_str().into(), detail));
            }
            Some(_) => {}
            None => faults.push(fault::invalid(&keys_at, &shown, "entries must all be names of item properties")),
        }
        if schema.map_keys.iter().take(index).any(|earlier| earlier == key) {
            faults.push(fault::invalid(&keys_at, &shown, "must not contain duplicate entries"));
        }
    }
}

/// Items of sets and maps are told apart by what they are: none of it may be missing.
fn not_null(schema: &Props, at: &Path, faults: &mut Vec<Cause>) {
    let Some((kind, item)) = schema.list_type.as_deref().zip(schema.item()) else { return };
    if !matches!(kind, "set" | "map") {
        return;
    }
    if item.nullable {
        let detail = format!("cannot be nullable when x-kubernetes-list-type is {kind}");
        faults.push(fault::forbidden(&at.child("items.nullable"), &detail));
    }
    if kind == "set" {
        return;
    }
    for key in &schema.map_keys {
        let Some(own) = item.properties.get(key) else { continue };
        let at = at.child("items.properties").key(key);
        if !item.required.contains(key) && own.default.is_none() {
            let detail =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            faults.push(fault::required(&at.child("default"), detail));
        }
        if own.nullable {
            let detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            faults.push(fault::forbidden(&at.child("nullable"), detail));
        }
    }
}

const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

fn rule_faults(schema: &Props, at: &Path, context: &Context, faults: &mut Vec<Cause>, rules: &mut Vec<Cause>) {
    for (index, rule) in schema.rules.iter().enumerate() {
        let at = at.child("x-kubernetes-validations").index(index);
        let (text, message) = (rule.rule.trim(), rule.message.trim());
        let lines = |text: &str| text.contains(['\n', '\r']);
        let shown = Json::from(rule.message.as_str());
        if text.is_empty() {
            faults.push(fault::required(&at.child("rule"), "rule is not specified"));
        } else if !rule.message.is_empty() && message.is_empty() {
            faults.push(fault::invalid(&at.child("message"), &shown, "must be non-empty if specified"));
        } else if lines(message) {
            faults.push(fault::invalid(&at.child("message"), &shown, "must not contain line breaks"));
        } else if lines(text) && message.is_empty() {
            faults
                .push(fault::required(&at.child("message"), "message must be specified if rule contains line breaks"));
        }
        if !rule.message_expression.is_empty() && rule.message_expression.trim().is_empty() {
            let detail = "messageExpression must be non-empty if specified";
            faults.push(fault::required(&at.child("messageExpression"), detail));
        }
        if let Some(reason) = rule.reason.as_ref().filter(|reason| !REASONS.contains(&reason.as_str())) {
            let all = REASONS.map(str::to_owned);
            faults.push(fault::not_supported(&at.child("reason"), &reason.as_str().into(), &all));
        }
        let path = Json::from(rule.field_path.as_str());
        if !rule.field_path.is_empty() && rule.field_path.trim().is_empty() {
            faults.push(fault::invalid(&at.child("fieldPath"), &path, "must be non-empty if specified"));
        }
        if lines(&rule.field_path) {
            faults.push(fault::invalid(&at.child("fieldPath"), &path, "must not contain line breaks"));
        }
        if !rule.field_path.is_empty() && cel::field_path(&rule.field_path, schema).is_none() {
            faults.push(fault::invalid(&at.child("fieldPath"), &path, "must be a valid path"));
        }
    }
    if !faults.is_empty() || !context.rules {
        return;
    }
    for (index, rule) in schema.rules.iter().enumerate() {
        let at = at.child("x-kubernetes-validations").index(index);
        let uses_old = cel::uses_old_self(&rule.rule);
        if let (true, Some(path)) = (uses_old, &context.uncorrelatable) {
            let detail =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {}", path.text());
            rules.push(fault::invalid(&at.child("rule"), &rule.rule.as_str().into(), &detail));
        }
        if let (false, Some(optional)) = (uses_old, rule.optional_old_self) {
            let detail = "may not be set if oldSelf is not used in rule";
            rules.push(fault::invalid(&at.child("optionalOldSelf"), &optional.into(), detail));
        }
        if let Some(why) = cel::fault(&rule.rule) {
            rules.push(fault::invalid_structure(
                &at.child("rule"),
                &shown(rule),
                &format!("compilation failed: {why}"),
            ));
        }
    }
}

/// A rule as the server shows it.
fn shown(rule: &Rule) -> Json {
    serde_json::json!({
        "Rule": rule.rule, "Message": rule.message, "MessageExpression": rule.message_expression, "Reason": rule.reason,
        "FieldPath": rule.field_path, "OptionalOldSelf": rule.optional_old_self,
    })
}
