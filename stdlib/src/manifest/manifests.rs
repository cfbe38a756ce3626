//! Manifests as an argument: one or several, and which of them are meant.

use std::collections::BTreeMap;

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::suggest::{did_you_mean, nearest};
use windlass_runtime::{Error, IntoValue, Kind, Options, Result, Value};

/// An object of a manifest.
pub type Object = BTreeMap<String, Value>;

/// One manifest or several; what comes back has the same form.
#[derive(Debug)]
pub struct Manifests {
    objects: Vec<Object>,
    single: bool,
}

impl FromValue for Manifests {
    fn expects() -> String {
        "a list of manifests, or one (a map)".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let items = match value {
            Value::Map(object) => return Ok(Self { objects: vec![object], single: true }),
            Value::List(items) => items,
            other => return Err(Mismatch::sort(&other)),
        };
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Map(object) = item else {
                let error = Error::usage(format!("item {index} must be a map, not {}", item.sort()));
                return Err(Mismatch::Refused(error.hint("lists of manifests are joined with +")));
            };
            objects.push(object);
        }
        Ok(Self { objects, single: false })
    }
}

impl IntoValue for Manifests {
    fn into_value(self) -> Value {
        let mut objects = self.objects.into_iter().map(Value::Map);
        if self.single { objects.next().unwrap_or(Value::Null) } else { Value::List(objects.collect()) }
    }
    fn describes() -> String {
        "manifests: a list of maps, or one map where one was given".to_owned()
    }
}

impl Manifests {
    /// The objects.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Changes each object that is meant. An error names the object.
    ///
    /// # Errors
    /// What `change` gives; [`Kind::NotFound`] if `only` names an object that is not there.
    pub fn each(mut self, only: &Only, mut change: impl FnMut(&mut Object) -> Result<()>) -> Result<Self> {
        only.check(&self.objects)?;
        for (index, object) in self.objects.iter_mut().enumerate() {
            if only.means(object) {
                let name = describe(object, index);
                change(object).map_err(|e| e.context(&name).resource(&name))?;
            }
        }
        Ok(self)
    }
}

/// Which manifests are meant: all, if nothing is given.
#[derive(Debug, Clone, Default, Options)]
pub struct Only {
    /// Only manifests of this kind: `"Deployment"`.
    pub kind: Option<String>,
    /// Only the manifest of this name. There must be one.
    pub name: Option<String>,
}

impl Only {
    /// Whether the object is meant.
    #[must_use]
    pub fn means(&self, object: &Object) -> bool {
        let kind = self.kind.as_deref().is_none_or(|k| kind_of(object).is_some_and(|own| own.eq_ignore_ascii_case(k)));
        kind && self.name.as_deref().is_none_or(|n| name_of(object) == Some(n))
    }

    /// A name that is not there, or a kind that is written almost as one that is, is a mistake.
    fn check(&self, objects: &[Object]) -> Result<()> {
        if objects.iter().any(|o| self.means(o)) {
            return Ok(());
        }
        if let Some(kind) = &self.kind {
            let kinds: Vec<&str> = objects.iter().filter_map(kind_of).collect();
            let known = kinds.iter().any(|k| k.eq_ignore_ascii_case(kind));
            if let (false, Some(near)) = (known, nearest(kind, kinds.iter().copied())) {
                return Err(Error::new(Kind::NotFound, format!("none of the manifests is a {kind}"))
                    .hint(format!("did you mean {near:?}?")));
            }
        }
        let Some(name) = &self.name else { return Ok(()) };
        let of_kind = Self { kind: self.kind.clone(), name: None };
        let names: Vec<&str> = objects.iter().filter(|o| of_kind.means(o)).filter_map(name_of).collect();
        let what = self.kind.as_ref().map(|kind| format!("a {kind} ")).unwrap_or_default();
        let error = Error::new(Kind::NotFound, format!("none of the manifests is {what}named {name}"));
        Err(error.hint(did_you_mean(name, names.iter().copied()).unwrap_or_else(|| match names.len() {
            0 => "there are none of that kind".to_owned(),
            1..=10 => format!("there are: {}", names.join(", ")),
            more => format!("there are {more} others"),
        })))
    }
}

/// The object's kind.
#[must_use]
pub fn kind_of(object: &Object) -> Option<&str> {
    text(object.get("kind"))
}

/// The object's name.
#[must_use]
pub fn name_of(object: &Object) -> Option<&str> {
    match object.get("metadata") {
        Some(Value::Map(metadata)) => text(metadata.get("name")),
        _ => None,
    }
}

/// A plain text.
#[must_use]
pub fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// How an object is called in errors: `Deployment/web`, or by its place in the list.
fn describe(object: &Object, index: usize) -> String {
    match (kind_of(object), name_of(object)) {
        (Some(kind), Some(name)) => format!("{kind}/{name}"),
        (Some(kind), None) => format!("item {index} ({kind})"),
        _ => format!("item {index}"),
    }
}

/// A map inside a map; made if it is not there.
///
/// # Errors
/// [`Kind::Malformed`] if something else is there.
pub fn map_in<'a>(object: &'a mut Object, key: &str) -> Result<&'a mut Object> {
    let slot = object.entry(key.to_owned()).or_insert(Value::Null);
    if matches!(slot, Value::Null) {
        *slot = Value::Map(Object::new());
    }
    match slot {
        Value::Map(map) => Ok(map),
        other => Err(Error::new(Kind::Malformed, format!("`{key}` must be a map, and is {}", other.sort()))),
    }
}

/// Takes a list out of a map; empty if it is not there.
///
/// # Errors
/// [`Kind::Malformed`] if something else is there.
pub fn take_list(object: &mut Object, key: &str) -> Result<Vec<Value>> {
    match object.remove(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => Ok(items),
        Some(other) => Err(Error::new(Kind::Malformed, format!("`{key}` must be a list, and is {}", other.sort()))),
    }
}

/// Puts a list into a map, unless it is empty.
pub fn put_list(object: &mut Object, key: &str, items: Vec<Value>) {
    if !items.is_empty() {
        object.insert(key.to_owned(), Value::List(items));
    }
}
