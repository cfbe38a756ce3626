//! What a playbook's schema says of its values: what there is to ask, and examples.

use serde_json::{Map, Value as Json};

/// A part of a bundled schema.
#[derive(Clone)]
pub(super) struct Part<'s> {
    root: &'s Json,
    /// With what its references lead to.
    said: Map<String, Json>,
}

/// The forms of a reference to a secret that can be asked for.
const FORMS: [&str; 5] = ["age", "generate", "env", "file", "prompt"];

impl<'s> Part<'s> {
    pub(super) fn root(root: &'s Json) -> Self {
        Self::of(root, root)
    }

    fn of(root: &'s Json, schema: &Json) -> Self {
        let mut said = Map::new();
        let mut next = Some(schema);
        // What stands beside a reference comes before what it leads to. A circle ends.
        for _ in 0..16 {
            let Some(Json::Object(map)) = next else { break };
            for (keyword, value) in map {
                said.entry(keyword.clone()).or_insert_with(|| value.clone());
            }
            let reference = map.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
            next = reference.and_then(|pointer| root.pointer(pointer));
        }
        Self { root, said }
    }

    pub(super) fn get(&self, keyword: &str) -> Option<&Json> {
        self.said.get(keyword)
    }

    /// Its properties, in the order of the text.
    pub(super) fn properties(&self) -> Vec<(String, Part<'s>)> {
        let all = self.get("properties").and_then(Json::as_object).into_iter().flatten();
        all.map(|(key, schema)| (key.clone(), Part::of(self.root, schema))).collect()
    }

    pub(super) fn requires(&self, key: &str) -> bool {
        self.get("required").and_then(Json::as_array).is_some_and(|all| all.iter().any(|k| k.as_str() == Some(key)))
    }

    pub(super) fn description(&self) -> &str {
        self.get("description").and_then(Json::as_str).unwrap_or_default()
    }

    /// Whether people are asked for it although it need not be given.
    pub(super) fn is_asked(&self) -> bool {
        self.get("x-windlass-ask") == Some(&Json::Bool(true))
    }

    pub(super) fn is(&self, sort: &str) -> bool {
        match self.get("type") {
            Some(Json::Array(all)) => all.iter().any(|one| one.as_str() == Some(sort)),
            Some(one) => one.as_str() == Some(sort),
            None => sort == "object" && self.get("properties").is_some(),
        }
    }

    pub(super) fn choices(&self) -> &[Json] {
        self.get("enum").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// How a secret may be referred to here; none where this is no reference to a secret.
    pub(super) fn secret_forms(&self) -> Vec<&'static str> {
        if self.get("x-windlass-replace") != Some(&Json::Bool(true)) {
            return Vec::new();
        }
        let keys: Vec<String> = self.properties().into_iter().map(|(key, _)| key).collect();
        FORMS.into_iter().filter(|form| keys.iter().any(|key| key == form)).collect()
    }

    /// A value that may stand here, `name` being its key. Nothing where the schema gives no idea of one.
    pub(super) fn example(&self, name: &str) -> Option<Json> {
        let first = |keyword: &str| self.get(keyword).and_then(Json::as_array).and_then(|all| all.first()).cloned();
        let given = first("examples").or_else(|| self.get("default").cloned()).or_else(|| first("enum"));
        if let Some(given) = given.or_else(|| self.get("const").cloned()) {
            return Some(given);
        }
        if self.get("writeOnly") == Some(&Json::Bool(true)) {
            return None;
        }
        if self.secret_forms().contains(&"env") {
            let variable: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
            return Some(serde_json::json!({ "env": variable }));
        }
        if self.is("object") {
            let wanted = self.properties().into_iter().filter(|(key, _)| self.requires(key));
            return wanted
                .map(|(key, part)| part.example(&key).map(|example| (key, example)))
                .collect::<Option<Map<_, _>>>()
                .map(Json::Object);
        }
        if self.is("array") {
            let items = self.get("items").map(|items| Part::of(self.root, items));
            let least = self.get("minItems").and_then(Json::as_u64).unwrap_or(0);
            let one = || items.and_then(|items| items.example(name)).map(|item| Json::Array(vec![item]));
            return if least == 0 { Some(Json::Array(Vec::new())) } else { one() };
        }
        if self.is("boolean") {
            return Some(true.into());
        }
        if self.is("integer") || self.is("number") {
            return Some(self.get("minimum").cloned().unwrap_or_else(|| 1.into()));
        }
        if self.get("pattern").is_some() {
            return None;
        }
        Some(format!("example-{name}").into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_come_from_what_the_schema_says() {
        let root = json!({"properties": {
            "a": {"$ref": "#/$defs/name", "description": "own"}, "b": {"enum": ["x", "y"]}, "c": {"type": "integer", "minimum": 3},
            "d": {"type": "object", "required": ["e"], "properties": {"e": {"type": "string"}, "f": {"type": "string"}}},
            "g": {"type": "string", "pattern": "^x$"}, "h": {"x-windlass-replace": true, "properties": {"env": {}, "age": {}}},
            "i": {"$ref": "#/properties/i"}, "j": {"type": "string", "writeOnly": true}},
            "$defs": {"name": {"description": "general", "examples": ["n"]}}});
        let root = Part::root(&root);
        let examples: Vec<Option<Json>> = root.properties().iter().map(|(key, part)| part.example(key)).collect();
        let expected = [
            Some(json!("n")),
            Some(json!("x")),
            Some(json!(3)),
            Some(json!({"e": "example-e"})),
            None,
            Some(json!({"env": "H"})),
            Some(json!("example-i")),
            None,
        ];
        assert_eq!(examples, expected);
        assert_eq!(root.properties()[0].1.description(), "own");
        assert_eq!(root.properties()[5].1.secret_forms(), ["age", "env"]);
    }
}
