//! Objects within objects (`x-kubernetes-embedded-resource`): they have a type of their own.

use super::fault::{self, Path};
use super::props::Props;
use crate::Json;
use crate::error::Cause;

/// What is wrong with the types of all embedded objects.
pub(crate) fn check(path: &Path, schema: &Props, value: &Json, wrong: &mut Vec<Cause>) {
    match value {
        Json::Object(fields) => {
            if schema.embedded {
                type_of(path, value, wrong);
            }
            for (name, value) in fields {
                if let Some(own) = schema.properties.get(name) {
                    check(&path.child(name), own, value, wrong);
                } else if let Some(own) = schema.value() {
                    check(&path.key(name), own, value, wrong);
                }
            }
        }
        Json::Array(items) => {
            if let Some(own) = schema.item() {
                items.iter().enumerate().for_each(|(index, item)| check(&path.index(index), own, item, wrong));
            }
        }
        _ => {}
    }
}

fn type_of(path: &Path, value: &Json, wrong: &mut Vec<Cause>) {
    for name in ["apiVersion", "kind"] {
        let at = path.child(name);
        match value.get(name) {
            None => wrong.push(fault::required(&at, "")),
            Some(Json::String(text)) if text.is_empty() => {
                wrong.push(fault::invalid(&at, &"".into(), "must not be empty"));
            }
            Some(said @ Json::String(text)) if name == "kind" => {
                let faults = crate::validation::names::dns_1035_label(&text.to_lowercase());
                if !faults.is_empty() {
                    let detail = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
                    wrong.push(fault::invalid(&at, said, &detail));
                }
            }
            Some(said @ Json::String(text)) if text.matches('/').count() > 1 => {
                wrong.push(fault::invalid(&at, said, &format!("unexpected GroupVersion string: {text}")));
            }
            Some(Json::String(_)) => {}
            Some(other) => wrong.push(fault::invalid(&at, other, "must be a string")),
        }
    }
}
