//! Whether an object is as its schema says, in the words of the server's OpenAPI validation.

use super::fault::{self, Path};
use super::number;
use super::props::{Additional, Props};
use super::{formats, lists};
use crate::Json;
use crate::error::Cause;
use crate::go;

/// What a look at a value found.
///
/// `matched` counts the checks that were passed: of several schemas of which one must hold, the one that came nearest is
/// the one whose faults are told.
#[derive(Debug, Default)]
pub(super) struct Found {
    faults: Vec<Fault>,
    matched: i64,
}

/// A fault; `said` tells it from others, since each is told once.
#[derive(Debug, Clone)]
struct Fault {
    said: String,
    cause: Cause,
}

impl Found {
    fn add(&mut self, fault: Fault) {
        if !self.faults.iter().any(|known| known.said == fault.said) {
            self.faults.push(fault);
        }
    }

    fn merge(&mut self, other: Found) {
        other.faults.into_iter().for_each(|fault| self.add(fault));
        self.matched += other.matched;
    }

    fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    /// A fault of the field itself.
    pub(super) fn field(&mut self, at: &At<'_>, said: String, cause: impl FnOnce(&Path, &str) -> Cause) {
        let cause = cause(&at.path(), &said);
        self.add(Fault { said, cause });
    }

    /// A fault that the server reports on the whole.
    pub(super) fn whole(&mut self, at: &At<'_>, said: String) {
        let cause = fault::invalid(&Path::new(at.base), &"".into(), &said);
        self.add(Fault { said, cause });
    }
}

/// Where a value is. Faults name it below `base` (`status`, where only that is checked), their words without.
pub(super) struct At<'a> {
    base: &'a str,
    name: String,
}

impl At<'_> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn path(&self) -> Path {
        let name = self.name.strip_prefix('.').unwrap_or(&self.name);
        if name.is_empty() { Path::new(self.base) } else { Path::new(self.base).child(name) }
    }

    fn below(&self, name: String) -> At<'_> {
        At { base: self.base, name }
    }

    fn child(&self, name: &str) -> At<'_> {
        self.below(if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) })
    }
}

/// What is wrong with a value below the path `base`. With the value as it was, what has not changed since is not
/// objected to.
pub(crate) fn validate(base: &str, schema: &Props, value: &Json, old: Option<&Json>) -> Vec<Cause> {
    let at = At { base, name: String::new() };
    ratchet(schema, value, old, &at).faults.into_iter().map(|fault| fault.cause).collect()
}

fn ratchet(schema: &Props, value: &Json, old: Option<&Json>, at: &At<'_>) -> Found {
    let mut found = check(schema, value, old, at);
    if old == Some(value) {
        found.faults.clear();
    }
    found
}

fn check(schema: &Props, value: &Json, old: Option<&Json>, at: &At<'_>) -> Found {
    let mut found = Found::default();
    if value.is_null() {
        let types = types(schema);
        if !types.is_empty() && !schema.nullable {
            wrong_type(&mut found, at, &types.join(","), Some("null"));
        }
        enumeration(schema, value, at, &mut found);
        return found;
    }
    let format = format(schema);
    if !types(schema).is_empty() || !format.is_empty() {
        found.matched += 2;
        let faults = found.faults.len();
        type_of(schema, format, value, at, &mut found);
        found.matched -= i64::from(found.faults.len() > faults);
    }
    combinations(schema, value, at, &mut found);
    found.matched += 2;
    match value {
        Json::String(text) => {
            string(schema, text, value, at, &mut found);
            found.matched += 1;
            if formats::is_known(format) {
                if !formats::holds(format, text) {
                    wrong_type(&mut found, at, format, Some(text));
                }
                found.matched += 1;
            }
        }
        Json::Number(number) => {
            number::check(schema, number, at, &mut found);
            found.matched += 2;
        }
        Json::Array(items) => {
            list(schema, items, old, at, &mut found);
            found.matched += 2;
        }
        _ => {}
    }
    enumeration(schema, value, at, &mut found);
    found.matched += 1;
    if let Json::Object(fields) = value {
        object(schema, fields, old, at, &mut found);
        found.matched += 1;
    }
    found.matched += 1;
    found
}

/// The types that a value may have.
fn types(schema: &Props) -> Vec<&str> {
    match schema.kind.as_str() {
        _ if schema.int_or_string => vec!["integer", "string"],
        "" => Vec::new(),
        kind => vec![kind],
    }
}

/// The format, where it is one that is checked for this type.
fn format(schema: &Props) -> &str {
    let format = schema.format.as_str();
    let kind = if schema.int_or_string { "" } else { schema.kind.as_str() };
    let checked = match kind {
        "" | "string" => formats::is_known(format),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    };
    if checked { format } else { "" }
}

fn wrong_type(found: &mut Found, at: &At<'_>, wanted: &str, got: Option<&str>) {
    let got = got.unwrap_or_default();
    let said = format!("{} in body must be of type {wanted}: {}", at.name, go::quote(got));
    found.field(at, said, |path, said| fault::wrong_type(path, &got.into(), said));
}

fn type_of(schema: &Props, format: &str, value: &Json, at: &At<'_>, found: &mut Found) {
    let (kind, own_format) = match value {
        Json::Null => return,
        Json::Bool(_) => ("boolean", ""),
        Json::String(_) => ("string", ""),
        Json::Number(number) if number.is_f64() => ("number", "float64"),
        Json::Number(_) => ("integer", "int64"),
        Json::Array(_) => ("array", ""),
        Json::Object(_) => ("object", ""),
    };
    let types = types(schema);
    let has = |kind: &str| types.contains(&kind);
    let whole = value.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0);
    let fits = has(kind) || (kind == "number" && whole && has("integer")) || (kind == "integer" && has("number"));
    let text_or_list = matches!(value, Json::String(_) | Json::Array(_));
    if !text_or_list && !format.is_empty() && !fits && format != own_format {
        wrong_type(found, at, format, Some(own_format));
    } else if text_or_list && !format.is_empty() && !has("number") && !has("integer") {
        // The format decides.
    } else if !fits {
        wrong_type(found, at, &types.join(","), Some(kind));
    }
}

fn string(schema: &Props, text: &str, value: &Json, at: &At<'_>, found: &mut Found) {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(limit) = schema.max_length.filter(|limit| length > *limit) {
        let said = format!("{} in body should be at most {limit} chars long", at.name);
        found.field(at, said, |path, _| fault::too_long(path, limit));
    } else if let Some(limit) = schema.min_length.filter(|limit| length < *limit) {
        let said = format!("{} in body should be at least {limit} chars long", at.name);
        found.field(at, said, |path, said| fault::invalid(path, value, said));
    } else if schema.regex().is_some_and(|regex| !schema.pattern.is_empty() && !regex.is_match(text)) {
        let said = format!("{} in body should match '{}'", at.name, schema.pattern);
        found.field(at, said, |path, said| fault::invalid(path, value, said));
    }
}

fn enumeration(schema: &Props, value: &Json, at: &At<'_>, found: &mut Found) {
    let Some(allowed) = schema.values.as_ref().filter(|values| !values.is_empty()) else { return };
    let same = |allowed: &Json| match (allowed, value) {
        (Json::Null, _) | (_, Json::Null) => false,
        (Json::Number(a), Json::Number(b)) => match a.as_i64() {
            Some(a) => b.as_i64().or_else(|| b.as_f64().map(|b| b as i64)) == Some(a),
            None => a.as_f64() == b.as_f64(),
        },
        (a, b) => a == b,
    };
    if !allowed.iter().any(same) {
        let names: Vec<String> =
            allowed.iter().map(|a| a.as_str().map_or_else(|| go::json(a), str::to_owned)).collect();
        let said = format!("{} in body should be one of [{}]", at.name, names.join(" "));
        found.field(at, said, |path, _| fault::not_supported(path, value, &names));
    }
}

fn list(schema: &Props, items: &[Json], old: Option<&Json>, at: &At<'_>, found: &mut Found) {
    if let Some(own) = schema.item() {
        for (index, item) in items.iter().enumerate() {
            let old = old_item(schema, item, old);
            found.merge(ratchet(own, item, old, &at.below(format!("{}[{index}]", at.name))));
        }
    }
    let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(limit) = schema.min_items.filter(|limit| size < *limit) {
        let said = format!("{} in body should have at least {limit} items", at.name);
        found.field(at, said, |path, said| fault::invalid(path, &size.into(), said));
    }
    if let Some(limit) = schema.max_items.filter(|limit| size > *limit) {
        let said = format!("{} in body should have at most {limit} items", at.name);
        found.field(at, said, |path, _| fault::too_many(path, size, limit));
    }
}

/// The item of the old list that has become this one: only the items of maps can be told apart.
pub(crate) fn old_item<'a>(schema: &Props, item: &Json, old: Option<&'a Json>) -> Option<&'a Json> {
    if !schema.is_list("map") || !item.is_object() {
        return None;
    }
    let key = lists::key(schema, item);
    old?.as_array()?.iter().find(|old| lists::key(schema, old) == key)
}

fn object(schema: &Props, fields: &serde_json::Map<String, Json>, old: Option<&Json>, at: &At<'_>, found: &mut Found) {
    let count = i64::try_from(fields.len()).unwrap_or(i64::MAX);
    if let Some(limit) = schema.min_properties.filter(|limit| count < *limit) {
        let said = format!("{} in body should have at least {limit} properties", at.name);
        found.field(at, said, |path, said| fault::invalid(path, &count.into(), said));
    }
    if let Some(limit) = schema.max_properties.filter(|limit| count > *limit) {
        let said = format!("{} in body should have at most {limit} properties", at.name);
        found.field(at, said, |path, _| fault::too_many(path, count, limit));
    }
    let old = |name: &str| old.and_then(|old| old.get(name));
    let mut others: Vec<_> = fields.iter().filter(|(name, _)| !schema.properties.contains_key(*name)).collect();
    others.sort_by_key(|(name, _)| *name);
    for (name, value) in others {
        match &schema.additional_properties {
            Some(Additional::Any(false)) => {
                let said = format!("{}.{name} in body is a forbidden property", at.name);
                found.field(at, said, |path, said| fault::invalid(path, &name.as_str().into(), said));
            }
            Some(Additional::Of(own)) => {
                found.merge(ratchet(own, value, old(name), &at.below(format!("{}.{name}", at.name))));
            }
            _ => {}
        }
    }
    for (name, own) in &schema.properties {
        if let Some(value) = fields.get(name) {
            // The type of the object itself is not what the client changes.
            let old = old(name).filter(|_| !at.name.is_empty() || !matches!(name.as_str(), "apiVersion" | "kind"));
            found.merge(ratchet(own, value, old, &at.child(name)));
        }
    }
    for name in schema.required.iter().filter(|name| !fields.contains_key(*name)) {
        let missing = at.below(format!("{}.{name}", at.name));
        let said = format!("{} in body is required", missing.name);
        found.field(&missing, said, |path, _| fault::required(path, ""));
    }
}

/// `anyOf`, `oneOf`, `allOf`, `not`.
fn combinations(schema: &Props, value: &Json, at: &At<'_>, found: &mut Found) {
    let mut own = Found::default();
    let results = |schemas: &[Props]| schemas.iter().map(|s| check(s, value, None, at)).collect::<Vec<_>>();
    let mut any = results(&schema.any_of);
    if let Some(first) = any.iter().position(Found::is_valid) {
        own.merge(any.swap_remove(first));
    } else if !any.is_empty() {
        own.whole(at, format!("\"{}\" must validate at least one schema (anyOf)", at.name));
        nearest(any).into_iter().for_each(|best| own.merge(best));
    }
    let mut one = results(&schema.one_of);
    match one.iter().filter(|result| result.is_valid()).count() {
        1 => {
            let first = one.iter().position(Found::is_valid).unwrap_or_default();
            own.merge(one.swap_remove(first));
        }
        0 if one.is_empty() => {}
        0 => {
            own.whole(at, format!("\"{}\" must validate one and only one schema (oneOf). Found none valid", at.name));
            nearest(one).into_iter().for_each(|best| own.merge(best));
        }
        several => {
            let said = format!("Found {several} valid alternatives");
            own.whole(at, format!("\"{}\" must validate one and only one schema (oneOf). {said}", at.name));
        }
    }
    let all = results(&schema.all_of);
    let (valid, total) = (all.iter().filter(|result| result.is_valid()).count(), all.len());
    all.into_iter().for_each(|result| own.merge(result));
    if valid != total {
        let none = if valid == 0 { ". None validated" } else { "" };
        own.whole(at, format!("\"{}\" must validate all the schemas (allOf){none}", at.name));
    }
    if schema.not.as_ref().is_some_and(|not| check(not, value, None, at).is_valid()) {
        own.whole(at, format!("\"{}\" must not validate the schema (not)", at.name));
    }
    found.merge(own);
}

/// The first of those that passed the most checks.
fn nearest(results: Vec<Found>) -> Option<Found> {
    results.into_iter().reduce(|best, next| if next.matched > best.matched { next } else { best })
}
