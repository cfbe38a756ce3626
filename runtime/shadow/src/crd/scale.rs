//! Where the replicas of custom objects and their selector are, and what may be wrong with them.

use serde::Deserialize;

use super::fault::{self, Path};
use crate::Json;
use crate::error::Cause;

/// The paths of `subresources.scale`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Scale {
    pub(crate) spec_replicas_path: String,
    pub(crate) status_replicas_path: String,
    pub(crate) label_selector_path: Option<String>,
}

fn fields(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

/// Follows a path; an error says what is in the way.
fn find<'a>(object: &'a Json, path: &str) -> Result<Option<&'a Json>, String> {
    let mut value = object;
    let mut passed = String::new();
    for field in fields(path) {
        passed.push('.');
        passed.push_str(field);
        let Json::Object(map) = value else {
            return Err(accessor(&passed, value, "map[string]interface{}"));
        };
        match map.get(field) {
            None => return Ok(None),
            Some(inner) => value = inner,
        }
    }
    Ok(Some(value))
}

fn accessor(path: &str, value: &Json, wanted: &str) -> String {
    let kind = match value {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::String(_) => "string",
        Json::Number(n) if n.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("{path} accessor error: {} is of the type {kind}, expected {wanted}", crate::go::print(value))
}

fn number(object: &Json, path: &str) -> Result<Option<i64>, String> {
    match find(object, path)? {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| accessor(path, value, "int64")),
    }
}

impl Scale {
    /// What is wrong with the replicas in the spec.
    pub(crate) fn check_spec(&self, object: &Json, wrong: &mut Vec<Cause>) {
        check_replicas(object, &self.spec_replicas_path, wrong);
    }

    /// What is wrong with the replicas and the selector in the status.
    pub(crate) fn check_status(&self, object: &Json, wrong: &mut Vec<Cause>) {
        check_replicas(object, &self.status_replicas_path, wrong);
        if let Some(path) = &self.label_selector_path {
            let value = find(object, path);
            let fault =
                value.and_then(|v| v.filter(|v| !v.is_string()).map_or(Ok(()), |v| Err(accessor(path, v, "string"))));
            if let Err(why) = fault {
                wrong.push(fault::invalid(&Path::new(path), &"".into(), &why));
            }
        }
    }
}

fn check_replicas(object: &Json, path: &str, wrong: &mut Vec<Cause>) {
    let at = Path::new(path);
    match number(object, path) {
        Err(why) => wrong.push(fault::invalid(&at, &0.into(), &why)),
        Ok(Some(replicas)) if replicas < 0 => {
            wrong.push(fault::invalid(&at, &replicas.into(), "should be a non-negative integer"));
        }
        Ok(Some(replicas)) if replicas > i64::from(i32::MAX) => {
            let detail = format!("should be less than or equal to {}", i32::MAX);
            wrong.push(fault::invalid(&at, &replicas.into(), &detail));
        }
        Ok(_) => {}
    }
}
