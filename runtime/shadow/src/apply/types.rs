//! What a value's type says of its merging.

use crate::Json;
use crate::schema::{Id, ListMerge, Object, Schemas, Shape};

use super::element::Element;

/// The types by which an object of one version is merged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Types<'a> {
    schema: Option<(&'a Schemas, Id)>,
    built_in: bool,
}

/// The type of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of the schemas.
    Known(Id),
    /// Unknown; maps are merged key by key, lists are one value.
    Deduced,
    /// Unknown; one value.
    Atomic,
}

/// What a part may be: one of these, or any of them where its type says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Forms<'a> {
    pub(crate) scalar: Option<Scalar>,
    pub(crate) list: Option<List<'a>>,
    pub(crate) map: Option<Map<'a>>,
}

/// What a part is merged as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    Scalar(Scalar),
    List(List<'a>),
    Map(Map<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Any,
    Number,
    String,
    Boolean,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    pub(crate) items: Kind,
    /// The keys of the items' identity; none for a set. Nothing where the list is one value.
    pub(crate) keys: Option<&'a [String]>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Map<'a> {
    fields: Option<&'a Object>,
    values: Option<Kind>,
    pub(crate) atomic: bool,
}

impl Map<'_> {
    /// The type of a field that the schema names.
    pub(crate) fn named(&self, name: &str) -> Option<Kind> {
        self.fields?.fields.get(name).map(|field| Kind::Known(field.id))
    }

    /// The type of what is under this name; nothing where there may be no such.
    pub(crate) fn at(&self, name: &str) -> Option<Kind> {
        self.named(name).or(self.values)
    }

    /// Whether the schema names no field and knows nothing of the values.
    pub(crate) fn is_unknown(&self) -> bool {
        self.fields.is_none_or(|object| object.fields.is_empty()) && self.values == Some(Kind::Deduced)
    }
}

impl<'a> Forms<'a> {
    const fn scalar(scalar: Scalar) -> Self {
        Self { scalar: Some(scalar), list: None, map: None }
    }

    const fn unknown(values: Kind, atomic: bool) -> Self {
        Self {
            scalar: Some(Scalar::Any),
            list: Some(List { items: Kind::Atomic, keys: None }),
            map: Some(Map { fields: None, values: Some(values), atomic }),
        }
    }

    /// What this value is, where that is among the forms; all of them otherwise.
    pub(crate) fn of(self, value: Option<&Json>) -> Self {
        match value {
            Some(Json::Array(_)) if self.list.is_some() => Self { list: self.list, ..Self::default() },
            Some(Json::Object(_)) if self.map.is_some() => Self { map: self.map, ..Self::default() },
            Some(Json::Bool(_) | Json::Number(_) | Json::String(_)) if self.scalar.is_some() => {
                Self { scalar: self.scalar, ..Self::default() }
            }
            _ => self,
        }
    }

    /// Whether two values of one type have the same forms.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.scalar.is_some() == other.scalar.is_some()
            && self.list.is_some() == other.list.is_some()
            && self.map.is_some() == other.map.is_some()
    }

    /// The one that counts.
    pub(crate) fn first(self) -> Option<Form<'a>> {
        let map = self.map.map(Form::Map);
        map.or_else(|| self.scalar.map(Form::Scalar)).or_else(|| self.list.map(Form::List))
    }
}

impl<'a> Types<'a> {
    /// The types of a resource whose objects the API server holds as structures, so that a new object has all the
    /// structures' empty fields.
    pub(crate) fn built_in(schemas: &'a Schemas, id: Id) -> Self {
        Self { schema: Some((schemas, id)), built_in: true }
    }

    /// The types of a custom resource; without a schema, maps are merged key by key and lists are one value.
    pub(crate) fn custom(schema: Option<(&'a Schemas, Id)>) -> Self {
        Self { schema, built_in: false }
    }

    /// The whole object's type.
    pub(crate) fn root(&self) -> Kind {
        self.schema.map_or(Kind::Deduced, |(_, id)| Kind::Known(id))
    }

    /// What a part of this type may be.
    pub(crate) fn forms(&self, kind: Kind) -> Forms<'a> {
        let (Kind::Known(id), Some((schemas, _))) = (kind, self.schema) else {
            return match kind {
                Kind::Atomic => Forms::unknown(Kind::Atomic, true),
                Kind::Known(_) | Kind::Deduced => Forms::unknown(Kind::Deduced, false),
            };
        };
        match &schemas.node(id).shape {
            Shape::Any => Forms::unknown(Kind::Atomic, true),
            Shape::String { format } if format.is_empty() || format == "byte" => Forms::scalar(Scalar::String),
            Shape::String { .. } | Shape::IntOrString | Shape::Quantity => Forms::scalar(Scalar::Any),
            Shape::Integer { .. } | Shape::Number => Forms::scalar(Scalar::Number),
            Shape::Boolean => Forms::scalar(Scalar::Boolean),
            Shape::Object(object) => {
                let free = object.fields.is_empty() && object.values.is_none();
                if free && object.open && !object.atomic {
                    return Forms::unknown(Kind::Deduced, false);
                }
                let values = object.values.map(Kind::Known).or((free || object.open).then_some(Kind::Deduced));
                Forms { map: Some(Map { fields: Some(object), values, atomic: object.atomic }), ..Forms::default() }
            }
            Shape::List { items, merge } => {
                let keys = match merge {
                    ListMerge::Atomic => None,
                    ListMerge::Set => Some([].as_slice()),
                    ListMerge::Map(keys) => Some(keys.as_slice()),
                };
                Forms { list: Some(List { items: Kind::Known(*items), keys }), ..Forms::default() }
            }
        }
    }

    /// How an item of a keyed list or set is called.
    ///
    /// # Errors
    /// If it cannot be told from others.
    pub(crate) fn item(&self, list: &List<'_>, item: &Json) -> Result<Element, String> {
        let Some(keys) = list.keys else { return Err("invalid indexing of non-associative list".into()) };
        if keys.is_empty() {
            return match item {
                Json::Object(_) => Err("associative list without keys has an element that's a map type".into()),
                Json::Array(_) => Err("not supported: associative list with lists as elements".into()),
                Json::Null => Err("associative list without keys has an element that's an explicit null".into()),
                value => Ok(Element::Value(value.clone())),
            };
        }
        let map = match item {
            Json::Object(map) => map,
            Json::Null => return Err("associative list with keys may not have a null element".into()),
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let given = keys.iter().filter_map(|key| {
            let value = map.get(key).cloned().or_else(|| self.default(list.items, key));
            Some((key.clone(), value?))
        });
        let given: Vec<(String, Json)> = given.collect();
        if given.is_empty() {
            let names: Vec<String> = keys.iter().map(|key| crate::go::quote(key)).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                names.join(" ")
            ));
        }
        Ok(Element::keyed(given))
    }

    fn default(&self, items: Kind, key: &str) -> Option<Json> {
        let (Kind::Known(id), Some((schemas, _))) = (items, self.schema) else { return None };
        match &schemas.node(id).shape {
            Shape::Object(object) => object.fields.get(key)?.default.clone(),
            _ => None,
        }
    }

    /// What a new object is before anybody writes to it: the structures that are always there, with their empty fields.
    pub(crate) fn empty(&self, api_version: &str, kind: &str) -> Json {
        let mut empty = serde_json::json!({"apiVersion": api_version, "kind": kind});
        if let Some((schemas, id)) = self.schema.filter(|_| self.built_in) {
            // An object with nothing in it can always be read.
            drop(crate::schema::check_fields(schemas, id, &mut empty));
        }
        empty
    }
}
