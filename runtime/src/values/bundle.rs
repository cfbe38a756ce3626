//! A schema in one piece, for editors.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Schema;
use super::schema::{BASE, join};

impl Schema {
    /// The schema with all that it refers to, as one document without references to other files.
    #[must_use]
    pub fn bundled(&self) -> Value {
        let others = self.documents.keys().filter(|uri| **uri != self.root);
        let keys: BTreeMap<&str, String> = others.map(|uri| (uri.as_str(), key(uri))).collect();
        let document = |uri: &str| {
            let mut document = self.documents.get(uri).cloned().unwrap_or_default();
            rewrite(&mut document, uri, &self.root, &keys);
            document
        };
        let mut bundled = document(&self.root);
        if let (Value::Object(root), false) = (&mut bundled, keys.is_empty()) {
            let definitions = root.entry("$defs").or_insert_with(|| Map::new().into());
            if let Value::Object(definitions) = definitions {
                for (uri, key) in &keys {
                    let mut document = document(uri);
                    if let Value::Object(map) = &mut document {
                        map.shift_remove("$schema");
                    }
                    definitions.insert(key.clone(), document);
                }
            }
        }
        bundled
    }
}

/// Under which key of `$defs` a document stands: one that needs no escape in a reference, and that no schema's own has.
fn key(uri: &str) -> String {
    let path = uri.strip_prefix(BASE).unwrap_or(uri);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    format!("file:{}", path.chars().map(plain).collect::<String>())
}

fn rewrite(value: &mut Value, uri: &str, root: &str, keys: &BTreeMap<&str, String>) {
    match value {
        Value::Object(map) => {
            for (keyword, value) in map {
                match value {
                    Value::String(reference) if keyword == "$ref" => {
                        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
                        let target = if file.is_empty() { Some(uri.to_owned()) } else { join(uri, file) };
                        let Some(target) = target else { continue };
                        if target == root {
                            *reference = format!("#{fragment}");
                        } else if let Some(key) = keys.get(target.as_str()) {
                            *reference = format!("#/$defs/{key}{fragment}");
                        }
                    }
                    value => rewrite(value, uri, root, keys),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, uri, root, keys)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::error::Error;
    use crate::values::{Schema, Values};

    #[test]
    fn one_document_says_the_same_without_other_files() {
        let common = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {
            "name": {"type": "string", "minLength": 2}, "host": {"properties": {"name": {"$ref": "#/$defs/name"}}}}});
        let own = json!({"properties": {"host": {"$ref": "../schema/common.json#/$defs/host"},
            "self": {"$ref": "values.json#/properties/host"}}, "additionalProperties": false});
        let schema = Schema::load(own, "p/values.json", move |_| Ok(common.clone())).unwrap();
        let bundled = schema.bundled();
        assert!(!bundled.to_string().contains("common.json#"), "{bundled}");
        let alone = Schema::load(bundled, "alone.json", |path| Err(Error::usage(path.to_owned()))).unwrap();
        for (values, fine) in [
            (json!({"host": {"name": "ab"}}), true),
            (json!({"host": {"name": "a"}}), false),
            (json!({"self": {"name": "a"}}), false),
            (json!({"hots": 1}), false),
        ] {
            let values = Values::builder().layer("a", values).build().unwrap();
            assert_eq!(alone.validate(&values).is_ok(), fine, "{values:?}");
            assert_eq!(schema.validate(&values).is_ok(), fine, "{values:?}");
        }
    }
}
