//! The values that a chart is given: files, maps and single settings, merged in order.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::values::{Path, Segment};
use windlass_runtime::{Call, Error, Kind, Options, Result, Value, yaml};

use super::images::Images;

/// The options that say with which values.
#[derive(Debug, Clone, Options)]
pub struct GivenOptions {
    /// Files with values, a later one over an earlier one.
    #[option(default = "[]")]
    pub values_files: Vec<String>,
    /// Values, over those of the files: a map, or a list of maps and paths of files, a later one over an earlier one. `()`
    /// takes a default of the chart away. Secrets may stand in them.
    #[option(default = "#{}")]
    pub values: Layers,
    /// Single values by their paths (`"image.tag"`, `"ports[0].port"`), over all others.
    #[option(default = "#{}")]
    pub set: BTreeMap<String, Value>,
    /// Where the chart's images are to come from; the session's `values.images` if it is not given. Its `registry` becomes
    /// `global.imageRegistry`, which most public charts honour, with `global.security.allowInsecureImages`. Charts are not
    /// rewritten as manifests are: `helm::upgrade` refuses a chart that takes an image from elsewhere than `registry` and
    /// `rewrite` say, and names the chart's values for it. What is rewritten to itself may stay; `#{}` asks for nothing.
    pub images: Option<Images>,
}

/// Layers of values: maps, and paths of files.
#[derive(Debug, Clone)]
pub struct Layers(Vec<Value>);

impl FromValue for Layers {
    fn expects() -> String {
        "a map of values, or a list of such maps and of paths of files".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let is_layer = |value: &Value| matches!(value, Value::Map(_) | Value::Text(_));
        match value {
            Value::Map(_) => Ok(Self(vec![value])),
            // As `--values` has it, whose name the option bears.
            Value::Text(file) => Err(Mismatch::Refused(
                Error::usage(format!("must be {}, not the text {file:?}", Self::expects()))
                    .hint(format!("a file is given as values_files: [{file:?}]")),
            )),
            Value::List(layers) => match layers.iter().find(|layer| !is_layer(layer)) {
                None => Ok(Self(layers)),
                Some(other) => Err(Mismatch::sort(other)),
            },
            other => Err(Mismatch::sort(&other)),
        }
    }
}

impl GivenOptions {
    /// Where images are to come from.
    pub fn images(&self, call: &Call<'_>) -> Images {
        self.images.clone().unwrap_or_else(|| Images::of_session(call))
    }

    /// All of them in one, secrets in clear: for the file that Helm reads, and for nothing else.
    ///
    /// # Errors
    /// `not_found` and `malformed` for a file, `usage` for a path, `secret` for a secret that the script has changed.
    pub fn merged(&self, call: &Call<'_>) -> Result<Json> {
        let mut merged = self.images(call).values();
        for file in &self.values_files {
            merge(&mut merged, from_file(call, file)?);
        }
        for layer in &self.values.0 {
            let layer = match layer {
                Value::Text(file) => from_file(call, file)?,
                map => clear(call, map.clone(), "values")?,
            };
            merge(&mut merged, layer);
        }
        for (path, value) in &self.set {
            let value = clear(call, value.clone(), path)?;
            let path = Path::parse(path).map_err(|e| e.context(format!("option `set`: {path}")))?;
            put(&mut merged, path.segments(), value);
        }
        Ok(merged)
    }
}

fn from_file(call: &Call<'_>, file: &str) -> Result<Json> {
    let located = call.locate(file)?;
    match yaml::read_one(&located.read_text()?, &located.shown())? {
        Json::Null => Ok(Json::Object(Map::new())),
        map @ Json::Object(_) => Ok(map),
        _ => Err(Error::new(Kind::Malformed, format!("{} holds no map of values", located.shown()))),
    }
}

fn clear(call: &Call<'_>, value: Value, what: &str) -> Result<Json> {
    let registry = call.session().secrets();
    let resolved = value.json_with(&mut |path, value| match value {
        Value::Template(template) => Ok(Json::String(template.resolve(registry)?.to_string())),
        _ => Err(windlass_runtime::value::damaged(path)),
    });
    resolved.map_err(|e| e.context(what))
}

/// Puts values over others, as Helm does it: maps are merged, anything else takes the place of what was there.
fn merge(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(there) => merge(there, value),
                    None => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (into, from) => *into = from,
    }
}

fn put(into: &mut Json, path: &[Segment], value: Json) {
    let Some((first, rest)) = path.split_first() else { return *into = value };
    match first {
        Segment::Key(key) => {
            if !into.is_object() {
                *into = Json::Object(Map::new());
            }
            if let Some(map) = into.as_object_mut() {
                put(map.entry(key.as_str()).or_insert(Json::Null), rest, value);
            }
        }
        Segment::Index(index) => {
            if !into.is_array() {
                *into = Json::Array(Vec::new());
            }
            if let Some(list) = into.as_array_mut() {
                if list.len() <= *index {
                    list.resize(index + 1, Json::Null);
                }
                if let Some(place) = list.get_mut(*index) {
                    put(place, rest, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_given_as_the_values_is_told_where_it_goes() {
        let refused = Layers::from_value(Value::Text("values.yaml".into())).unwrap_err();
        let error = refused.into_error("option `values` of helm::upgrade", &Layers::expects());
        assert_eq!(error.kind(), Kind::Usage);
        assert!(
            error.message().starts_with("option `values` of helm::upgrade: must be a map of values, or"),
            "{error}"
        );
        assert_eq!(error.hint_text(), Some("a file is given as values_files: [\"values.yaml\"]"));
    }

    #[test]
    fn values_are_merged_as_helm_merges_them() {
        let mut merged = json!({ "a": { "b": 1, "c": [1, 2] }, "d": 1 });
        merge(&mut merged, json!({ "a": { "c": [3], "e": null }, "d": { "x": 1 } }));
        assert_eq!(merged, json!({ "a": { "b": 1, "c": [3], "e": null }, "d": { "x": 1 } }));
        put(&mut merged, Path::parse("a.c[2].name").unwrap().segments(), json!("x"));
        put(&mut merged, Path::parse("new.key").unwrap().segments(), json!(true));
        assert_eq!(merged["a"]["c"], json!([3, null, { "name": "x" }]));
        assert_eq!(merged["new"], json!({ "key": true }));
    }
}
