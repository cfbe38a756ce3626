//! Whether a value has its type, as far as merging needs it.

use std::collections::BTreeSet;

use super::element::{Element, Path, display};
use super::printed;
use super::types::{Form, Kind, List, Map, Scalar, Types};
use crate::Json;

/// Checks a value against its type; says every mistake in the API server's words.
///
/// # Errors
/// If there is a mistake. Items of the same name are one, unless they are let through.
pub(crate) fn validate(types: Types<'_>, value: &Json, duplicates: bool) -> Result<(), String> {
    let mut check = Check { types, duplicates, path: Path::new(), mistakes: Vec::new() };
    check.value(types.root(), value);
    match check.mistakes.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(many.iter().fold("errors:".to_owned(), |said, mistake| format!("{said}\n  {mistake}"))),
    }
}

struct Check<'a> {
    types: Types<'a>,
    duplicates: bool,
    path: Path,
    mistakes: Vec<String>,
}

impl Check<'_> {
    fn mistake(&mut self, what: &str) {
        let path = display(&self.path);
        self.mistakes.push(if path.is_empty() { what.to_owned() } else { format!("{path}: {what}") });
    }

    fn value(&mut self, kind: Kind, value: &Json) {
        match self.types.forms(kind).of(Some(value)).first() {
            Some(Form::Scalar(scalar)) => self.scalar(scalar, value),
            Some(Form::List(list)) => self.list(&list, value),
            Some(Form::Map(map)) => self.map(&map, value),
            None => {}
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Json) {
        let held = format!("&{{{}}}", printed::plain(value));
        match (scalar, value) {
            (_, Json::Null)
            | (Scalar::Number, Json::Number(_))
            | (Scalar::String, Json::String(_))
            | (Scalar::Boolean, Json::Bool(_))
            | (Scalar::Any, Json::Number(_) | Json::String(_) | Json::Bool(_)) => {}
            (Scalar::Number, value) => {
                self.mistake(&format!("expected numeric (int or float), got {}", printed::type_name(value)));
            }
            (Scalar::String, value) => {
                let held = printed::sharp(value);
                self.mistake(&format!("expected string, got &value.valueUnstructured{{Value:{held}}}"));
            }
            (Scalar::Boolean, _) => self.mistake(&format!("expected boolean, got {held}")),
            (Scalar::Any, _) => self.mistake(&format!("expected any scalar, got {held}")),
        }
    }

    fn list(&mut self, list: &List<'_>, value: &Json) {
        let items = match value {
            Json::Array(items) => items,
            Json::Null => return,
            other => return self.mistake(&format!("expected list, got &{{{}}}", printed::plain(other))),
        };
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let step = if list.keys.is_some() {
                match self.types.item(list, item) {
                    Ok(step) => step,
                    Err(error) => return self.mistake(&format!("element {index}: {error}")),
                }
            } else {
                Element::Index(i64::try_from(index).unwrap_or(i64::MAX))
            };
            if !seen.insert(step.clone()) && !self.duplicates {
                self.mistake(&format!("duplicate entries for key {step}"));
            }
            self.path.push(step);
            self.value(list.items, item);
            self.path.pop();
        }
    }

    fn map(&mut self, map: &Map<'_>, value: &Json) {
        let fields = match value {
            Json::Object(fields) => fields,
            Json::Null => return,
            other => return self.mistake(&format!("expected map, got &{{{}}}", printed::plain(other))),
        };
        for (name, value) in fields {
            if let Some(kind) = map.at(name) {
                self.path.push(Element::field(name));
                self.value(kind, value);
                self.path.pop();
            }
        }
        // The real server looks at fields in any order, and stops at the first unknown one.
        if let Some(unknown) = fields.keys().find(|name| map.at(name).is_none()) {
            self.path.push(Element::field(unknown));
            self.mistake("field not declared in schema");
            self.path.pop();
        }
    }
}
