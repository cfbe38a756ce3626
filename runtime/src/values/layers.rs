//! The layers of values, on their way to be merged.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::path::{Path, Segment};
use super::{Assignment, Schema, Typing, Values, kind_of, parse_set};
use crate::error::{Error, Kind, Result};
use crate::files::tidy;
use crate::yaml;

enum Source {
    Value(Value),
    Set(Vec<Assignment>),
}

struct Layer {
    name: String,
    folder: Option<PathBuf>,
    source: Result<Source>,
}

/// Collects the layers of [`Values`].
#[derive(Default)]
pub struct Builder {
    layers: Vec<Layer>,
    schema: Option<Arc<Schema>>,
}

impl Builder {
    /// Merges as this schema says: which maps replace each other, which texts are paths.
    #[must_use]
    pub fn schema(mut self, schema: Arc<Schema>) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Puts a layer on top, named as people know it: `values.yaml of the playbook`. Its paths stay as they are.
    #[must_use]
    pub fn layer(self, name: &str, value: Value) -> Self {
        self.push(name.to_owned(), None, Ok(Source::Value(value)))
    }

    /// As [`Builder::layer`], with the folder from which its relative paths are taken.
    #[must_use]
    pub fn layer_in(self, name: &str, value: Value, folder: &FilePath) -> Self {
        self.push(name.to_owned(), Some(folder.to_owned()), Ok(Source::Value(value)))
    }

    /// Puts a YAML file on top, named by its path.
    #[must_use]
    pub fn file(self, path: &FilePath) -> Self {
        let name = path.display().to_string();
        let folder = path.parent().map(ToOwned::to_owned).unwrap_or_default();
        self.push(name, Some(folder), yaml::read_one_file(path).map(Source::Value))
    }

    /// Puts the assignments of one `--set` or `--set-string` on top. Relative paths are taken from the current folder.
    #[must_use]
    pub fn set(self, text: &str, typing: Typing) -> Self {
        let parsed = parse_set(text, typing);
        let name = match parsed.as_deref() {
            Ok([first, ..]) => format!("{} {}", typing.option(), first.path),
            _ => typing.option().to_owned(),
        };
        self.push(name, Some(PathBuf::new()), parsed.map(Source::Set))
    }

    fn push(mut self, name: String, folder: Option<PathBuf>, source: Result<Source>) -> Self {
        self.layers.push(Layer { name, folder, source });
        self
    }

    /// Merges the layers.
    ///
    /// # Errors
    /// Those of the layers: a file that cannot be read or is no map of values, an assignment that cannot be read or goes
    /// through something that is no map or list.
    pub fn build(self) -> Result<Values> {
        let mut values = Values::default();
        let schema = self.schema.as_deref();
        for Layer { name, folder, source } in self.layers {
            let folder = match folder {
                Some(folder) => Some(from_here(&folder)?),
                None => None,
            };
            let anchor = |value: &mut Value, at: &mut Path| {
                if let (Some(schema), Some(folder)) = (schema, &folder) {
                    anchored(value, at, schema, folder);
                }
            };
            let source = source?;
            let layer = values.layers.len();
            values.layers.push(name);
            match source {
                Source::Value(Value::Null) => {}
                Source::Value(mut value @ Value::Object(_)) => {
                    anchor(&mut value, &mut Path::default());
                    if let Value::Object(map) = value {
                        let before = values.before();
                        values.merge(map, layer, schema);
                        values.note(before, layer);
                    }
                }
                Source::Value(other) => {
                    let name = &values.layers[layer];
                    let message = format!("{name} is {}, not a map of values", kind_of(&other));
                    return Err(Error::new(Kind::Values, message).hint("write it as `key: value` lines"));
                }
                Source::Set(assignments) => {
                    let option = &values.layers[layer];
                    let option = option.split(' ').next().unwrap_or(option).to_owned();
                    for mut assignment in assignments {
                        // Each assignment is named by its own path.
                        let name = format!("{option} {}", assignment.path);
                        let layer = values.layers.iter().position(|l| *l == name).unwrap_or_else(|| {
                            values.layers.push(name);
                            values.layers.len() - 1
                        });
                        anchor(&mut assignment.value, &mut assignment.path.clone());
                        let before = values.before();
                        values.choose(&assignment.path, schema);
                        values.assign(&assignment, layer)?;
                        values.note(before, layer);
                    }
                }
            }
        }
        Ok(values)
    }
}

impl Values {
    /// Before an assignment into a choice between alternatives: what was chosen before goes.
    fn choose(&mut self, path: &Path, schema: Option<&Schema>) {
        let Some(schema) = schema else { return };
        let segments = path.segments();
        for length in 1..segments.len() {
            let (above, Segment::Key(key)) = (Path::from(&segments[..length]), &segments[length]) else { continue };
            let other = |map: &serde_json::Map<String, Value>| !map.is_empty() && !map.contains_key(key);
            if schema.is_replaced(&above) && self.at(&above).and_then(Value::as_object).is_some_and(other) {
                self.remove(&above);
                return;
            }
        }
    }

    fn remove(&mut self, path: &Path) {
        self.forget(path);
        let Some((Segment::Key(last), through)) = path.segments().split_last() else { return };
        let mut holder = Some(&mut self.root);
        for segment in through {
            holder = match (holder, segment) {
                (Some(map), Segment::Key(key)) => map.get_mut(key).and_then(Value::as_object_mut),
                _ => None,
            };
        }
        if let Some(map) = holder {
            map.shift_remove(last);
        }
    }
}

fn from_here(folder: &FilePath) -> Result<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { FilePath::new(".") } else { folder };
    let absolute = std::path::absolute(folder);
    let absolute = absolute
        .map_err(|e| Error::new(Kind::System, format!("{} has no absolute path", folder.display())).source(e))?;
    Ok(tidy(&absolute))
}

/// Makes the paths in a value absolute.
fn anchored(value: &mut Value, at: &mut Path, schema: &Schema, folder: &FilePath) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                at.push(Segment::Key(key.clone()));
                anchored(value, at, schema, folder);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                at.push(Segment::Index(index));
                anchored(value, at, schema, folder);
                at.pop();
            }
        }
        Value::String(text) if !text.is_empty() && FilePath::new(text).is_relative() && schema.is_path(at) => {
            *text = tidy(&folder.join(&*text)).to_string_lossy().into_owned();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Arc<Schema> {
        let reference = json!({"type": "object", "x-windlass-replace": true, "properties": {"file": {"type": "string", "format": "path"}}});
        let schema = json!({"properties": {
            "solution": {"type": "string", "format": "path"}, "name": {"type": "string"},
            "password": {"$ref": "#/$defs/reference"}, "list": {"items": {"format": "path"}},
        }, "$defs": {"reference": reference}});
        Arc::new(Schema::load(schema, "values.schema.json", |_| Err(Error::usage("no files"))).unwrap())
    }

    #[test]
    fn paths_are_taken_from_the_folder_of_their_layer() {
        let layers = Values::builder().schema(schema());
        let layers =
            layers.layer_in("a", json!({"solution": "../x", "name": "../x", "list": ["y", "/z"]}), "/c/d".as_ref());
        let values = layers.layer_in("b", json!({"password": {"file": "./p"}}), "/e".as_ref()).build().unwrap();
        let expected =
            json!({"solution": "/c/x", "name": "../x", "list": ["/c/d/y", "/z"], "password": {"file": "/e/p"}});
        assert_eq!(values.to_json(), expected);
        let set = Values::builder().schema(schema()).set("solution=a", Typing::Guess).build().unwrap();
        let here = std::env::current_dir().unwrap().join("a");
        assert_eq!(set.get("solution"), Some(&json!(here.display().to_string())));
    }

    #[test]
    fn a_choice_is_replaced_and_not_merged() {
        let below = || Values::builder().schema(schema()).layer("a", json!({"password": {"generate": "x"}}));
        let env = json!({"password": {"env": "P"}});
        let values = below().layer("b", env.clone()).build().unwrap();
        assert_eq!(values.to_json(), env);
        assert_eq!(values.origin("password"), Some("b"));
        assert_eq!(below().set("password.env=P", Typing::Guess).build().unwrap().to_json(), env);
        let same = below().set("password.generate=y", Typing::Guess).build().unwrap();
        assert_eq!(same.to_json(), json!({"password": {"generate": "y"}}));
    }
}
