//! What layers have set that others above them replaced.

use serde_json::Value;

use super::path::Path;
use super::{Schema, Values, for_each_leaf, is_hidden};

/// A leaf that an upper layer replaced or removed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replaced {
    path: Path,
    value: Value,
    /// The layer that had set it.
    layer: usize,
    /// The layer that replaced or removed it.
    by: usize,
}

/// What a layer had set where now another's value stands, or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Former<'a> {
    /// Where it stood.
    pub path: &'a Path,
    /// What it was; nothing where it is not to be shown, as with [`super::Leaf`].
    pub value: Option<&'a Value>,
    /// The layer that had set it.
    pub layer: &'a str,
    /// The layer that replaced or removed it.
    pub by: &'a str,
}

/// The leaves before a layer came on top.
pub(super) struct Before(Vec<(Path, Value, usize)>);

impl Values {
    pub(super) fn before(&self) -> Before {
        let mut leaves = Vec::new();
        for_each_leaf(&self.root, &mut |path, value| {
            if let Some(layer) = self.origins.get(path) {
                leaves.push((path.clone(), value.clone(), *layer));
            }
        });
        Before(leaves)
    }

    /// Notes what the layer `by` has replaced or removed.
    pub(super) fn note(&mut self, before: Before, by: usize) {
        for (path, value, layer) in before.0 {
            // An empty map that something has come into is no loss.
            let filled = value.as_object().is_some_and(serde_json::Map::is_empty)
                && self.at(&path).is_some_and(Value::is_object);
            if self.origins.get(&path) != Some(&layer) && !filled {
                self.replaced.push(Replaced { path, value, layer, by });
            }
        }
    }

    /// What lower layers had set at this path, inside of it or around it, the uppermost first.
    #[must_use]
    pub fn former(&self, path: &Path, schema: Option<&Schema>) -> Vec<Former<'_>> {
        let here = |replaced: &&Replaced| replaced.path.is_within(path) || path.is_within(&replaced.path);
        self.replaced.iter().rev().filter(here).map(|replaced| self.shown(replaced, schema)).collect()
    }

    /// What layers had set where nothing stands any more, because an upper one said null.
    #[must_use]
    pub fn removed(&self, schema: Option<&Schema>) -> Vec<Former<'_>> {
        let stands = |path: &Path| self.origins.keys().any(|leaf| leaf.is_within(path) || path.is_within(leaf));
        let mut removed: Vec<&Replaced> = Vec::new();
        for replaced in self.replaced.iter().rev().filter(|replaced| !stands(&replaced.path)) {
            if !removed.iter().any(|known| known.path == replaced.path) {
                removed.push(replaced);
            }
        }
        removed.reverse();
        removed.into_iter().map(|replaced| self.shown(replaced, schema)).collect()
    }

    fn shown<'a>(&'a self, replaced: &'a Replaced, schema: Option<&Schema>) -> Former<'a> {
        let Replaced { path, value, layer, by } = replaced;
        let name = |layer: &usize| self.layers.get(*layer).map_or("", String::as_str);
        let value = (!is_hidden(path, value, schema)).then_some(value);
        Former { path, value, layer: name(layer), by: name(by) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Typing, Values};
    use super::*;

    #[test]
    fn what_a_layer_replaced_is_known_with_its_layer() {
        let layers = Values::builder().layer("a", json!({"x": 1, "deep": {"y": [1, 2], "z": 1}, "gone": true}));
        let layers = layers.layer("b", json!({"x": 2, "deep": {"y": [3]}, "gone": null})).set("x=3", Typing::Guess);
        let values = layers.build().unwrap();
        let former = |path: &str| -> Vec<String> {
            let former = values.former(&Path::parse(path).unwrap(), None);
            former.iter().map(|f| format!("{}={} {}<{}", f.path, f.value.unwrap(), f.layer, f.by)).collect()
        };
        assert_eq!(former("x"), ["x=2 b<--set x", "x=1 a<b"]);
        assert_eq!(former("deep.y[0]"), ["deep.y[0]=1 a<b"]);
        assert_eq!(former("deep.y"), ["deep.y[1]=2 a<b", "deep.y[0]=1 a<b"]);
        assert!(former("deep.z").is_empty());
        let removed = values.removed(None);
        assert_eq!(
            removed.iter().map(|f| (f.path.to_string(), f.by)).collect::<Vec<_>>(),
            [("deep.y[1]".to_owned(), "b"), ("gone".to_owned(), "b")]
        );
    }

    #[test]
    fn a_secret_that_was_replaced_is_not_shown() {
        let layers = Values::builder().layer("a", json!({"password": "hunter2", "map": {}}));
        let values = layers.layer("b", json!({"password": {"env": "P"}, "map": {"k": 1}})).build().unwrap();
        let former = values.former(&Path::parse("password").unwrap(), None);
        assert!(former.len() == 1 && former[0].value.is_none(), "{former:?}");
        assert!(values.former(&Path::parse("map").unwrap(), None).is_empty());
        assert!(!format!("{former:?}").contains("hunter2"));
    }
}
