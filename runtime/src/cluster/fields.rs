//! Paths to fields, as managedFields have them: `.spec.template.spec.containers[name="web"].image`.

mod parse;

use std::fmt;
use std::str::FromStr;

use super::Json;
use crate::error::{Error, Kind, Result};

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key of a map: `.spec`, or `["app.kubernetes.io/name"]` where it is no plain word.
    Field(String),
    /// The element of a keyed list that has these values: `[name="web"]`.
    Key(Vec<(String, Json)>),
    /// The element of a set: `[="web"]`.
    Value(Json),
    /// The element at a position: `[0]`.
    Index(usize),
}

/// Where in an object something stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// The whole object.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Down through maps: `of(["spec", "replicas"])`.
    pub fn of<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        Self(fields.into_iter().map(|f| Segment::Field(f.to_owned())).collect())
    }

    /// One step further.
    #[must_use]
    pub fn child(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }

    /// One step further, into a map.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.child(Segment::Field(name.to_owned()))
    }

    /// Its steps.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether it is the whole object.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is `other` or lies below it.
    #[must_use]
    pub fn starts_with(&self, other: &FieldPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Reads a path: this module's own form, and the API server's in conflicts and causes, which quotes nothing.
    ///
    /// There, the keys of maps of labels, annotations and data are taken whole, dots and all.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not of that form.
    pub fn parse(text: &str) -> Result<Self> {
        parse::Parser::new(text).run()
    }

    /// What stands there.
    #[must_use]
    pub fn get<'a>(&self, object: &'a Json) -> Option<&'a Json> {
        self.0.iter().try_fold(object, |at, segment| match segment {
            Segment::Field(name) => at.as_object()?.get(name),
            other => at.as_array()?.get(position(at, other)?),
        })
    }

    fn get_mut<'a>(segments: &[Segment], object: &'a mut Json) -> Option<&'a mut Json> {
        segments.iter().try_fold(object, |at, segment| match segment {
            Segment::Field(name) => at.as_object_mut()?.get_mut(name),
            other => {
                let index = position(at, other)?;
                at.as_array_mut()?.get_mut(index)
            }
        })
    }

    /// Puts a value there, with the maps, lists and list elements on the way that are missing.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where something else than a map or list is in the way.
    pub fn set(&self, object: &mut Json, value: Json) -> Result<()> {
        let mut at = object;
        for (depth, segment) in self.0.iter().enumerate() {
            let blocked = || {
                let here = FieldPath(self.0[..depth].to_vec());
                Error::new(Kind::Malformed, format!("{self} cannot be set: {here} is of another type"))
            };
            at = match segment {
                Segment::Field(name) => {
                    if at.is_null() {
                        *at = Json::Object(serde_json::Map::new());
                    }
                    at.as_object_mut().ok_or_else(blocked)?.entry(name.as_str()).or_insert(Json::Null)
                }
                other => {
                    if at.is_null() {
                        *at = Json::Array(Vec::new());
                    }
                    let found = position(at, other);
                    let list = at.as_array_mut().ok_or_else(blocked)?;
                    let index = found.unwrap_or_else(|| {
                        list.push(seed(other));
                        list.len() - 1
                    });
                    list.get_mut(index).ok_or_else(blocked)?
                }
            };
        }
        *at = value;
        Ok(())
    }

    /// Takes away what stands there, and the maps and lists above it that are empty by that.
    pub fn remove(&self, object: &mut Json) -> Option<Json> {
        let (last, above) = self.0.split_last()?;
        let parent = Self::get_mut(above, object)?;
        let removed = match last {
            Segment::Field(name) => parent.as_object_mut()?.shift_remove(name)?,
            other => {
                let index = position(parent, other)?;
                parent.as_array_mut()?.remove(index)
            }
        };
        let empty = match &*parent {
            Json::Object(map) => map.is_empty(),
            Json::Array(list) => list.is_empty(),
            _ => false,
        };
        if empty && !above.is_empty() {
            FieldPath(above.to_vec()).remove(object);
        }
        Some(removed)
    }

    /// The same place as a JSON pointer into this object, for JSON patches. The last step may be missing in it.
    #[must_use]
    pub fn pointer(&self, object: &Json) -> Option<String> {
        let mut pointer = String::new();
        let mut at = Some(object);
        for (depth, segment) in self.0.iter().enumerate() {
            let last = depth + 1 == self.0.len();
            let (step, below) = match segment {
                Segment::Field(name) => {
                    let below = at.and_then(|a| a.get(name));
                    if below.is_none() && !last {
                        return None;
                    }
                    (name.replace('~', "~0").replace('/', "~1"), below)
                }
                other => match at.and_then(|a| position(a, other)) {
                    Some(index) => (index.to_string(), at.and_then(|a| a.get(index))),
                    None if last => ("-".to_owned(), None),
                    None => return None,
                },
            };
            pointer.push('/');
            pointer.push_str(&step);
            at = below;
        }
        Some(pointer)
    }
}

/// Where in a list the element is.
fn position(list: &Json, segment: &Segment) -> Option<usize> {
    let list = list.as_array()?;
    match segment {
        Segment::Field(_) => None,
        Segment::Index(index) => (*index < list.len()).then_some(*index),
        Segment::Value(value) => list.iter().position(|v| v == value),
        Segment::Key(keys) => list.iter().position(|element| matches_keys(element, keys)),
    }
}

/// Whether an element has these keys. A port without a protocol is a TCP one: the only default among the built-in
/// keys, and objects before their defaulting lack it.
pub(crate) fn matches_keys(element: &Json, keys: &[(String, Json)]) -> bool {
    element.is_object()
        && keys.iter().all(|(name, value)| match element.get(name) {
            Some(own) => own == value,
            None => name == "protocol" && value == "TCP",
        })
}

/// A new element for the place.
fn seed(segment: &Segment) -> Json {
    match segment {
        Segment::Key(keys) => Json::Object(keys.iter().cloned().collect()),
        Segment::Value(value) => value.clone(),
        Segment::Field(_) | Segment::Index(_) => Json::Null,
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$' | '/'))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        self.0.iter().try_for_each(|segment| write!(f, "{segment}"))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Field(name) if is_plain(name) => write!(f, ".{name}"),
            Segment::Field(name) => write!(f, "[{}]", Json::String(name.clone())),
            Segment::Key(keys) => {
                f.write_str("[")?;
                for (index, (name, value)) in keys.iter().enumerate() {
                    write!(f, "{}{name}={value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Segment::Value(value) => write!(f, "[={value}]"),
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl FromStr for FieldPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// In the way of [`fmt::Display`].
impl serde::Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> FieldPath {
        FieldPath::parse(text).unwrap()
    }

    #[test]
    fn paths_are_read_and_shown_alike() {
        for text in [
            ".spec.replicas",
            ".spec.template.spec.containers[name=\"web\"].image",
            ".spec.ports[port=80,protocol=\"TCP\"].nodePort",
            ".metadata.finalizers[=\"a.b/c\"]",
            ".metadata.labels[\"app.kubernetes.io/name\"]",
            ".spec.rules[0].host",
            ".",
        ] {
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path("spec.replicas"), path(".spec.replicas"));
        assert_eq!(
            path(".metadata.annotations.windlass.dev/intent"),
            FieldPath::of(["metadata", "annotations", "windlass.dev/intent"])
        );
        assert_eq!(path(".data.application.yaml"), FieldPath::of(["data", "application.yaml"]));
        assert_eq!(path(".spec.data.a"), FieldPath::of(["spec", "data", "a"]));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "..",
            ".spec.",
            ".a[",
            ".a[x]",
            ".a[x=]",
            ".a[x=1",
            ".a]b",
            ".a[\"b]",
            ".a[99999999999999999999]",
            ".a\u{7}",
        ] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_found_set_and_removed() {
        let mut object = json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}});
        assert_eq!(path(".spec.containers[name=\"a\"].image").get(&object), Some(&json!("1")));
        assert_eq!(path(".spec.ports[port=53,protocol=\"TCP\"]").get(&object), Some(&json!({"port": 53})));
        path(".spec.containers[name=\"c\"].image").set(&mut object, json!("3")).unwrap();
        assert_eq!(object["spec"]["containers"][2], json!({"name": "c", "image": "3"}));
        path(".metadata.labels.app").set(&mut object, json!("web")).unwrap();
        assert_eq!(path(".metadata.labels.app").remove(&mut object), Some(json!("web")));
        assert!(object.get("metadata").is_none(), "what is empty by it goes too");
        assert_eq!(path(".spec.none").remove(&mut object), None);
        assert!(path(".spec.containers.x").set(&mut object, json!(1)).is_err());
        path(".metadata.finalizers[=\"x\"]").set(&mut object, json!("x")).unwrap();
        assert_eq!(object["metadata"]["finalizers"], json!(["x"]));
    }

    #[test]
    fn pointers_resolve_keys_to_positions() {
        let object =
            json!({"metadata": {"labels": {"a/b": "x"}}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(path(".spec.containers[name=\"b\"].image").pointer(&object).unwrap(), "/spec/containers/1/image");
        assert_eq!(path(".metadata.labels[\"a/b\"]").pointer(&object).unwrap(), "/metadata/labels/a~1b");
        assert_eq!(path(".spec.containers[name=\"c\"]").pointer(&object).unwrap(), "/spec/containers/-");
        assert_eq!(path(".spec.none.deep").pointer(&object), None);
    }

    fn segments() -> impl Strategy<Value = Segment> {
        let value = prop_oneof![
            ".{0,8}".prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<bool>().prop_map(Json::from)
        ];
        prop_oneof![
            "[^\\p{Cc}]{1,12}".prop_map(Segment::Field),
            prop::collection::btree_map("[a-zA-Z]{1,6}", value.clone(), 1..3)
                .prop_map(|m| Segment::Key(m.into_iter().collect())),
            value.prop_map(Segment::Value),
            (0usize..1000).prop_map(Segment::Index),
        ]
    }

    proptest! {
        #[test]
        fn every_path_is_read_back_as_it_was(segments in prop::collection::vec(segments(), 1..6)) {
            let free = |s: &Segment| matches!(s, Segment::Field(n) if ["labels", "annotations", "matchLabels", "nodeSelector", "limits", "requests", "data", "binaryData", "stringData"].contains(&n.as_str()));
            prop_assume!(!segments.iter().any(free));
            let path = FieldPath(segments);
            prop_assert_eq!(FieldPath::parse(&path.to_string()).unwrap(), path);
        }

        #[test]
        fn no_text_breaks_the_parser(text in ".{0,40}") {
            let _ = FieldPath::parse(&text);
        }
    }
}
