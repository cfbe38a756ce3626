//! What can be called after a dot: methods of ours, and those that Rhai brings.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_runtime::playbook::Shape;
use windlass_runtime::{Runtime, Value};

use super::Item;

/// The methods that there are, looked up once.
pub(super) struct Methods {
    own: Vec<Item>,
    /// Those of Rhai, by its names for the types that they are of.
    builtin: BTreeMap<String, BTreeMap<String, Item>>,
}

impl Methods {
    pub(super) fn of(runtime: &Runtime) -> Self {
        let own =
            runtime.primitives().iter().filter(|primitive| primitive.method).map(super::functions::item).collect();
        // Without what Rhai says of itself, ours are there.
        let json = runtime.engine().gen_fn_metadata_to_json(true).ok();
        let json: Json = json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        let mut builtin: BTreeMap<String, BTreeMap<String, Item>> = BTreeMap::new();
        for function in json["functions"].as_array().into_iter().flatten() {
            let (Some(name), Some(of)) = (function["name"].as_str(), function["params"][0]["type"].as_str()) else {
                continue;
            };
            if name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains('$') {
                let item = Item::new(format!("{name}("), about(function));
                let of = of.trim_start_matches('&').trim_start_matches("mut ");
                builtin.entry(of.to_owned()).or_default().entry(name.to_owned()).or_insert(item);
            }
        }
        Self { own, builtin }
    }

    /// Those of what a function returns, by the words that it has for it.
    pub(super) fn of_returned(&self, returns: &str) -> Vec<Item> {
        let types: &[&str] = match returns {
            list if list.starts_with("a list") => &["Array"],
            text if text.starts_with("a text") => &["ImmutableString", "str"],
            map if map.starts_with("a map") => &["Map"],
            _ => &[],
        };
        self.of_types(types)
    }

    /// Those of a value, or all of ours where it is not known what it is.
    pub(super) fn fitting(&self, shape: Option<&Shape>) -> Vec<Item> {
        let types: &[&str] = match shape {
            Some(Shape::Map(_)) => &["Map"],
            Some(Shape::List(_)) => &["Array"],
            Some(Shape::One(Value::Text(_))) => &["ImmutableString", "str"],
            Some(Shape::One(Value::Int(_))) => &["i64"],
            _ => &[],
        };
        self.of_types(types)
    }

    fn of_types(&self, types: &[&str]) -> Vec<Item> {
        let builtin = types.iter().filter_map(|name| self.builtin.get(*name)).flat_map(BTreeMap::values);
        self.own.iter().chain(builtin).cloned().collect()
    }
}

/// The first line of the docs, and the signature.
fn about(function: &Json) -> String {
    let signature = function["signature"].as_str().unwrap_or_default();
    let docs = function["docComments"][0].as_str().unwrap_or_default();
    let first = docs.lines().map(|line| line.trim_start_matches('/').trim()).find(|line| !line.is_empty());
    format!("{} {signature}", first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::repl::complete::testing::{runtime, values};

    #[test]
    fn values_have_the_methods_of_their_type() {
        let methods = Methods::of(&runtime());
        let of = |json: Json| methods.fitting(Some(&Shape::of(&json)));
        let list = of(json!([1]));
        let has = |items: &[Item], name: &str| values(items).contains(&name);
        assert!(has(&list, "filter(") && has(&list, "push(") && has(&list, "replace_text("), "{list:?}");
        assert!(!has(&list, "keys(") && has(&of(json!({})), "keys(") && has(&of(json!("a")), "to_upper("));
        let push = list.iter().find(|item| item.value == "push(").unwrap();
        assert!(push.about.contains("Add a new element"), "{push:?}");
        let unknown = methods.fitting(None);
        assert!(has(&unknown, "replace_text(") && !has(&unknown, "get("), "{unknown:?}");
    }
}
