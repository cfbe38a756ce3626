//! Rules in the Common Expression Language (`x-kubernetes-validations`), by the crate `cel`.
//!
//! A rule that the crate cannot judge says nothing about the object: it counts as not validated, never as a fault.

mod library;
mod path;
mod values;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use ::cel::objects::{Key, Map};
use ::cel::{Context, Env, ExecutionError, Program, Value};

use super::fault::{self, Path};
use super::openapi::old_item;
use super::props::{Props, Rule};
use crate::error::Cause;
use crate::go;
use crate::{Json, UNVALIDATED};

pub(super) use path::field_path;

/// The longest message that an expression may give.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// What expressions may use.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(library::environment()));

/// All rules of a schema, compiled once.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// By the text; an expression that the crate cannot read has none.
    programs: BTreeMap<String, Option<Program>>,
}

/// What rules have found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(super) causes: Vec<Cause>,
    /// Faults of what has not been changed, as warnings.
    pub(super) warnings: Vec<String>,
    pub(super) unvalidated: Vec<String>,
}

/// A value, with what it was before.
#[derive(Clone, Copy)]
struct Place<'a> {
    value: &'a Json,
    /// What `oldSelf` is.
    old: Option<&'a Json>,
    /// Whether it is the same as before; where that cannot be told, whether what is around it is.
    unchanged: bool,
}

impl Rules {
    /// The rules of a schema.
    pub(crate) fn of(schema: Option<&Props>) -> Self {
        let mut programs = BTreeMap::new();
        for rule in schema.map(Props::all).unwrap_or_default().into_iter().flat_map(|s| &s.rules) {
            for text in [&rule.rule, &rule.message_expression] {
                if !text.trim().is_empty() && !programs.contains_key(text) {
                    programs.insert(text.clone(), ENVIRONMENT.compile(text).ok());
                }
            }
        }
        Self { programs }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// Judges an object.
    pub(crate) fn judge(&self, schema: &Props, object: &Json, old: Option<&Json>) -> Judged {
        self.judge_at(&Path::root(), schema, object, old)
    }

    /// Judges what stands at a path.
    pub(crate) fn judge_at(&self, at: &Path, schema: &Props, value: &Json, old: Option<&Json>) -> Judged {
        let mut judged = Judged::default();
        if !self.is_empty() {
            let place = Place { value, old, unchanged: old == Some(value) };
            self.walk(at, schema, place, at.is_root() || schema.embedded, &mut judged);
        }
        judged
    }

    fn walk(&self, at: &Path, schema: &Props, place: Place<'_>, resource: bool, judged: &mut Judged) {
        if place.value.is_null() {
            return;
        }
        if !schema.rules.is_empty() {
            self.rules_of(at, schema, place, resource, judged);
        }
        match place.value {
            Json::Array(items) => {
                let Some(own) = schema.item() else { return };
                for (index, value) in items.iter().enumerate() {
                    let old = old_item(schema, value, place.old);
                    self.walk(&at.index(index), own, below(place, value, old), own.embedded, judged);
                }
            }
            Json::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                for (name, value) in fields {
                    let old = place.old.and_then(|old| old.get(name));
                    if let Some(own) = schema.properties.get(name) {
                        self.walk(&at.child(name), own, below(place, value, old), own.embedded, judged);
                    } else if let Some(own) = schema.value() {
                        self.walk(&at.key(name), own, below(place, value, old), own.embedded, judged);
                    }
                }
            }
            _ => {}
        }
    }

    fn rules_of(&self, at: &Path, schema: &Props, place: Place<'_>, resource: bool, judged: &mut Judged) {
        let own = values::bind(place.value, schema, resource);
        let old = place.old.filter(|old| !old.is_null()).map(|old| values::bind(old, schema, resource));
        for rule in schema.rules.iter().filter(|rule| !rule.rule.trim().is_empty()) {
            let Some(program) = self.programs.get(&rule.rule).and_then(Option::as_ref) else {
                judged.unvalidated.push(unjudged(at, rule, "the expression cannot be read"));
                continue;
            };
            let uses_old = program.references().has_variable("oldSelf");
            let optional = rule.optional_old_self == Some(true);
            if uses_old && old.is_none() && !optional {
                continue;
            }
            let context = context(&own, old.as_ref(), optional);
            let fault = match program.execute(&context) {
                Ok(Value::Bool(true)) => continue,
                Ok(Value::Bool(false)) => {
                    let message = self.message(rule, schema, &context, place.value);
                    broken(&at.below(&rule.field_path, schema), rule, schema, place.value, &message)
                }
                Ok(other) => {
                    judged.unvalidated.push(unjudged(at, rule, &format!("it gives {}", other.type_of())));
                    continue;
                }
                Err(error) => match words(&error) {
                    Some(words) => {
                        let detail = format!("{words} evaluating rule: {}", name(rule));
                        judged.causes.push(fault::invalid(at, &schema.kind.as_str().into(), &detail));
                        continue;
                    }
                    None => {
                        judged.unvalidated.push(unjudged(at, rule, &error.to_string()));
                        continue;
                    }
                },
            };
            if !uses_old && place.unchanged {
                judged.warnings.push(format!("{}: {}", fault.field, fault.message));
            } else {
                judged.causes.push(fault);
            }
        }
    }

    /// What a broken rule says.
    fn message(&self, rule: &Rule, schema: &Props, context: &Context<'_, '_>, value: &Json) -> String {
        let said = match rule.message.trim() {
            "" => format!("failed rule: {}", name(rule)),
            message => message.to_owned(),
        };
        // The crate walks over a map in no order: a message made of one would not be the same twice.
        if rule.message_expression.contains('(') && has_map(schema, value) && walks(&rule.message_expression) {
            return said;
        }
        let program = self.programs.get(&rule.message_expression).and_then(Option::as_ref);
        match program.map(|program| program.execute(context)) {
            Some(Ok(Value::String(text))) => match text.trim() {
                "" => said,
                text if text.contains('\n') || text.len() > LONGEST_MESSAGE => said,
                text => text.to_owned(),
            },
            _ => said,
        }
    }
}

fn below<'a>(place: Place<'a>, value: &'a Json, old: Option<&'a Json>) -> Place<'a> {
    let unchanged = old.map_or(place.unchanged, |old| old == value);
    Place { value, old, unchanged }
}

fn context<'v>(own: &Value, old: Option<&Value>, optional: bool) -> Context<'static, 'v> {
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.add_variable_from_value("self", own.clone());
    if optional {
        context.add_variable_as_val("oldSelf", values::optional(old.cloned()));
    } else if let Some(old) = old {
        context.add_variable_from_value("oldSelf", old.clone());
    }
    context
}

/// The rule as faults name it.
fn name(rule: &Rule) -> &str {
    if rule.message.is_empty() { rule.rule.trim() } else { rule.message.trim() }
}

fn unjudged(at: &Path, rule: &Rule, why: &str) -> String {
    let rule = go::quote(rule.rule.trim());
    format!("{UNVALIDATED}the rule {rule} at {} could not be judged: {why}", at.text())
}

fn broken(at: &Path, rule: &Rule, schema: &Props, value: &Json, detail: &str) -> Cause {
    let large = matches!(schema.kind.as_str(), "object" | "array");
    match rule.reason.as_deref() {
        Some("FieldValueForbidden") => fault::forbidden(at, detail),
        Some("FieldValueRequired") => fault::required(at, detail),
        Some("FieldValueDuplicate") if large => fault::duplicate_omitted(at),
        Some("FieldValueDuplicate") => fault::duplicate(at, value),
        _ if large => fault::invalid_omitted(at, detail),
        _ => fault::invalid(at, value, detail),
    }
}

/// An error of the expression itself, in the words of the server; nothing for one that tells of the crate.
fn words(error: &ExecutionError) -> Option<String> {
    let plain = |value: &Value| match value {
        Value::Int(n) => n.to_string(),
        Value::UInt(n) => n.to_string(),
        _ => String::new(),
    };
    Some(match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {}", plain(index)),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        _ => return None,
    })
}

/// Whether an expression compares with the old object.
pub(super) fn uses_old_self(rule: &str) -> bool {
    ENVIRONMENT.compile(rule).is_ok_and(|program| program.references().has_variable("oldSelf"))
}

/// Why an expression is none; nothing where it can be read, or where it is only the crate that cannot read it.
pub(super) fn fault(rule: &str) -> Option<String> {
    if rule.trim().is_empty() {
        return None;
    }
    let errors = ENVIRONMENT.compile(rule).err()?.to_string();
    errors.contains("Syntax error").then(|| errors.replace("\n|", "\n |"))
}

/// Whether an expression goes through a list or a map.
fn walks(expression: &str) -> bool {
    [".map(", ".filter(", ".transformList(", ".transformMap("].iter().any(|name| expression.contains(name))
}

/// Whether there is a map with several entries in a value.
fn has_map(schema: &Props, value: &Json) -> bool {
    match value {
        Json::Object(fields) if schema.value().is_some() && fields.len() > 1 => true,
        Json::Object(fields) => fields.iter().any(|(n, v)| schema.field(n).is_some_and(|own| has_map(own, v))),
        Json::Array(items) => schema.item().is_some_and(|own| items.iter().any(|item| has_map(own, item))),
        _ => false,
    }
}

/// A map of the crate.
fn map(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let entries = entries.map(|(key, value)| (Key::from(key), value)).collect();
    Value::Map(Map { map: Arc::new(entries) })
}
