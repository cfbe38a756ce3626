//! The document of OpenAPI 2, made of those of OpenAPI 3: for clients that still ask for it, and for kubectl about a kind
//! that it does not find elsewhere.

use serde_json::{Map, json};

use crate::Json;

/// The methods of a path.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// One document of many.
pub(super) fn document<'a>(version: &str, documents: impl Iterator<Item = &'a Json>) -> Json {
    let (mut paths, mut definitions) = (Map::new(), Map::new());
    for document in documents {
        for (name, path) in entries(document.pointer("/paths")) {
            paths.insert(name.clone(), path_item(path));
        }
        for (name, schema) in entries(document.pointer("/components/schemas")) {
            definitions.entry(name.clone()).or_insert_with(|| definition(schema));
        }
    }
    paths.sort_keys();
    definitions.sort_keys();
    json!({
        "swagger": "2.0", "info": {"title": "Kubernetes", "version": version}, "paths": paths, "definitions": definitions,
    })
}

fn entries(map: Option<&Json>) -> impl Iterator<Item = (&String, &Json)> {
    map.and_then(Json::as_object).into_iter().flatten()
}

fn path_item(path: &Json) -> Json {
    let mut item = Map::new();
    for (key, value) in entries(Some(path)) {
        if METHODS.contains(&key.as_str()) {
            item.insert(key.clone(), operation(value));
        } else if key == "parameters" {
            item.insert(key.clone(), parameters(value).into());
        }
    }
    item.into()
}

fn operation(operation: &Json) -> Json {
    let mut second = Map::new();
    let mut all = operation.get("parameters").map(parameters).unwrap_or_default();
    for (key, value) in entries(Some(operation)) {
        match key.as_str() {
            "parameters" => {}
            "requestBody" => {
                let content = entries(value.get("content"));
                second.insert("consumes".into(), content.map(|(media, _)| Json::from(media.as_str())).collect());
                let mut body = json!({"name": "body", "in": "body", "schema": of_content(value)});
                if let (Some(required), Some(body)) = (value.get("required"), body.as_object_mut()) {
                    body.insert("required".into(), required.clone());
                }
                all.push(body);
            }
            "responses" => {
                let media = entries(Some(value)).flat_map(|(_, response)| entries(response.get("content")));
                let mut produced: Vec<&String> = media.map(|(media, _)| media).collect();
                produced.sort();
                produced.dedup();
                second.insert("produces".into(), json!(produced));
                let responses = entries(Some(value)).map(|(code, response)| (code.clone(), self::response(response)));
                second.insert(key.clone(), responses.collect::<Map<_, _>>().into());
            }
            _ => drop(second.insert(key.clone(), value.clone())),
        }
    }
    second.insert("parameters".into(), all.into());
    second.into()
}

/// A parameter's schema stands in it itself.
fn parameters(list: &Json) -> Vec<Json> {
    let parameter = |parameter: &Json| {
        let fields = entries(Some(parameter)).filter(|(key, _)| *key != "schema");
        let schema = entries(parameter.get("schema"));
        fields.chain(schema).map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
    };
    list.as_array().into_iter().flatten().map(parameter).collect()
}

fn response(response: &Json) -> Json {
    let mut second = Map::new();
    second.insert("description".into(), response.get("description").cloned().unwrap_or_else(|| "".into()));
    match of_content(response) {
        Json::Null => {}
        schema => drop(second.insert("schema".into(), schema)),
    }
    second.into()
}

/// The schema of a body: the same for all media types.
fn of_content(body: &Json) -> Json {
    let schema = entries(body.get("content")).find_map(|(_, media)| media.get("schema"));
    schema.map_or(Json::Null, definition)
}

/// A schema. What the second version cannot say is left out.
fn definition(schema: &Json) -> Json {
    let Some(fields) = schema.as_object() else { return schema.clone() };
    let mut second = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            "$ref" => drop(second.insert(key.clone(), reference(value))),
            // A reference beside which something else stands.
            "allOf" => {
                if let Some(there) = value.pointer("/0/$ref") {
                    second.insert("$ref".into(), reference(there));
                }
            }
            // A number or a text.
            "oneOf" | "anyOf" => drop(second.insert("type".into(), "string".into())),
            "default" | "not" | "nullable" => {}
            "properties" => {
                let properties = entries(Some(value)).map(|(name, schema)| (name.clone(), definition(schema)));
                second.insert(key.clone(), properties.collect::<Map<_, _>>().into());
            }
            "items" | "additionalProperties" => drop(second.insert(key.clone(), definition(value))),
            _ => drop(second.insert(key.clone(), value.clone())),
        }
    }
    second.into()
}

fn reference(to: &Json) -> Json {
    to.as_str().unwrap_or_default().replace("#/components/schemas/", "#/definitions/").into()
}
