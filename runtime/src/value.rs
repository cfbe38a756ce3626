//! Values as they pass the boundary between a script and a primitive.
//!
//! A script's `Dynamic` is walked into a [`Value`] by our own walk: secrets, handles and closures stay what they are
//! (serde would turn them into junk), and cycles and depth are bounded.

use std::collections::BTreeMap;
use std::fmt;

use rhai::{Array, Blob, Dynamic, FnPtr, Map};
use serde_json::Value as Json;

use crate::closure::Closure;
use crate::secret::{Inspection, Placeholder, Registry, Template};
use crate::{Error, Kind, Result};

/// The depth below which a value must stay: deeper ones are cycles or mistakes.
pub const MAX_DEPTH: usize = 100;

/// A value of a script.
#[derive(Clone)]
pub enum Value {
    /// Nothing: `()`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text without secrets.
    Text(String),
    /// A text that holds secrets. Only sinks made for secrets resolve it.
    Template(Template),
    /// A text that holds a piece of a secret's stand-in, or one that the script has changed: no sink takes it.
    Damaged(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// A closure of the script.
    Closure(Closure),
    /// Something of Rust's that the script only passes on: a host, a certificate, an outcome.
    Handle(Dynamic),
}

impl Value {
    /// Walks a script's value. Secrets are recognised by `registry`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a value that is nested too deeply or holds itself.
    pub fn from_dynamic(dynamic: &Dynamic, registry: &Registry) -> Result<Self> {
        walk(dynamic, registry, 0)
    }

    /// Gives a value to a script.
    pub fn into_dynamic(self) -> Dynamic {
        match self {
            Value::Null => Dynamic::UNIT,
            Value::Bool(b) => b.into(),
            Value::Int(i) => i.into(),
            Value::Float(f) => f.into(),
            Value::Text(text) | Value::Damaged(text) => text.into(),
            Value::Template(template) => template.script_text().into(),
            Value::Bytes(bytes) => Dynamic::from_blob(bytes),
            Value::List(list) => Dynamic::from_array(list.into_iter().map(Value::into_dynamic).collect()),
            Value::Map(map) => Dynamic::from_map(map.into_iter().map(|(k, v)| (k.into(), v.into_dynamic())).collect()),
            Value::Closure(closure) => Dynamic::from(closure.into_pointer()),
            Value::Handle(handle) => handle,
        }
    }

    /// A text of a script: one with placeholders is a [`Value::Template`].
    #[must_use]
    pub fn text(text: &str, registry: &Registry) -> Self {
        inspect(text, registry)
    }

    /// As plain JSON.
    ///
    /// # Errors
    /// [`Kind::Secret`] if it holds a secret (with its path), [`Kind::Usage`] if it holds a closure or a handle.
    pub fn into_json(self) -> Result<Json> {
        self.json_with(&mut |path, value| match value {
            Value::Template(template) => {
                Err(Error::new(Kind::Secret, format!("{} holds {template}, which may not go there", or_value(path)))
                    .hint("put secrets into a Secret with cluster::secret, and refer to it from here"))
            }
            _ => Err(damaged(path)),
        })
    }

    /// As JSON, where `secret` decides what becomes of a [`Value::Template`] or [`Value::Damaged`] at a path.
    ///
    /// # Errors
    /// What `secret` gives, or [`Kind::Usage`] for a closure or a handle.
    pub fn json_with(self, secret: &mut dyn FnMut(&str, Value) -> Result<Json>) -> Result<Json> {
        to_json(self, &mut String::new(), secret)
    }

    /// What sort of value it is, in the words of messages: `a text`.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::Template(_) => "a secret",
            Value::Damaged(_) => "a changed secret",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Closure(_) => "a closure",
            Value::Handle(_) => "an object",
        }
    }
}

/// The refusal of a secret that the script has cut up, changed or encoded.
#[must_use]
pub fn damaged(path: &str) -> Error {
    Error::new(
        Kind::Secret,
        format!("{} holds a secret that the script has cut up, changed or encoded", or_value(path)),
    )
    .hint("pass a secret on whole: windlass encodes it where it goes (cluster::secret does the base64)")
}

fn or_value(path: &str) -> String {
    if path.is_empty() { "the value".to_owned() } else { format!("`{}`", path.trim_start_matches('.')) }
}

fn to_json(value: Value, path: &mut String, secret: &mut dyn FnMut(&str, Value) -> Result<Json>) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(b) => b.into(),
        Value::Int(i) => i.into(),
        Value::Float(f) => serde_json::Number::from_f64(f)
            .map(Json::Number)
            .ok_or_else(|| Error::usage(format!("{} is {f}, which JSON cannot hold", or_value(path))))?,
        Value::Text(text) => text.into(),
        Value::Bytes(_) => {
            return Err(Error::usage(format!("{} is bytes, which JSON cannot hold", or_value(path)))
                .hint("in a ConfigMap, binary data goes into `binary:`"));
        }
        Value::List(list) => {
            let mut items = Vec::with_capacity(list.len());
            for (index, item) in list.into_iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                items.push(to_json(item, path, secret)?);
                path.truncate(length);
            }
            Json::Array(items)
        }
        Value::Map(map) => {
            let mut object = serde_json::Map::new();
            for (key, item) in map {
                let length = path.len();
                path.push('.');
                path.push_str(&key);
                object.insert(key, to_json(item, path, secret)?);
                path.truncate(length);
            }
            Json::Object(object)
        }
        Value::Closure(_) => {
            return Err(Error::usage(format!("{} is a closure, where data is needed", or_value(path))));
        }
        Value::Handle(handle) => {
            let sort = short_type(&handle);
            return Err(Error::usage(format!("{} is a {sort}, where data is needed", or_value(path))));
        }
        special @ (Value::Template(_) | Value::Damaged(_)) => secret(path, special)?,
    })
}

fn walk(dynamic: &Dynamic, registry: &Registry, depth: usize) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(Error::usage(format!("a value is nested more than {MAX_DEPTH} levels deep, or holds itself")));
    }
    if dynamic.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(b) = dynamic.as_bool() {
        return Ok(Value::Bool(b));
    }
    if let Ok(i) = dynamic.as_int() {
        return Ok(Value::Int(i));
    }
    if let Ok(f) = dynamic.as_float() {
        return Ok(Value::Float(f));
    }
    if let Ok(c) = dynamic.as_char() {
        return Ok(Value::Text(c.to_string()));
    }
    if let Ok(text) = dynamic.as_immutable_string_ref() {
        return Ok(inspect(&text, registry));
    }
    if let Some(array) = dynamic.read_lock::<Array>() {
        return array.iter().map(|item| walk(item, registry, depth + 1)).collect::<Result<_>>().map(Value::List);
    }
    if let Some(map) = dynamic.read_lock::<Map>() {
        let entry = |(k, v): (&rhai::Identifier, &Dynamic)| {
            let Value::Text(key) = inspect(k, registry) else { return Err(damaged("a key")) };
            Ok((key, walk(v, registry, depth + 1)?))
        };
        return map.iter().map(entry).collect::<Result<_>>().map(Value::Map);
    }
    if let Some(blob) = dynamic.read_lock::<Blob>() {
        return Ok(Value::Bytes(blob.clone()));
    }
    if let Some(pointer) = dynamic.read_lock::<FnPtr>() {
        return Ok(Value::Closure(Closure::take(&pointer)));
    }
    if let Some(secret) = dynamic.read_lock::<Placeholder>() {
        return Ok(inspect(secret.as_str(), registry));
    }
    Ok(Value::Handle(dynamic.flatten_clone()))
}

/// The name of a Rust type as people use it: without the modules.
fn short_type(handle: &Dynamic) -> &str {
    handle.type_name().rsplit("::").next().unwrap_or_default()
}

fn inspect(text: &str, registry: &Registry) -> Value {
    match registry.inspect(text) {
        Inspection::Clean => Value::Text(text.to_owned()),
        Inspection::Template(template) => Value::Template(template),
        Inspection::Damaged { .. } => Value::Damaged(text.to_owned()),
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("()"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Template(template) => write!(f, "\"{template}\""),
            Value::Damaged(_) => f.write_str("[changed secret]"),
            Value::Bytes(bytes) => write!(f, "[{} bytes]", bytes.len()),
            Value::List(list) => f.debug_list().entries(list).finish(),
            Value::Map(map) => f.debug_map().entries(map).finish(),
            Value::Closure(_) => f.write_str("[closure]"),
            Value::Handle(handle) => write!(f, "[{}]", short_type(handle)),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(b),
            Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(items.into_iter().map(Into::into).collect()),
            Json::Object(map) => Value::Map(map.into_iter().map(|(k, v)| (k, v.into())).collect()),
        }
    }
}

/// What a primitive may return.
pub trait IntoValue {
    /// As a value.
    fn into_value(self) -> Value;

    /// What it is, in the words of the reference: `a text`.
    #[must_use]
    fn describes() -> String
    where
        Self: Sized,
    {
        "a value".to_owned()
    }
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}
impl IntoValue for () {
    fn into_value(self) -> Value {
        Value::Null
    }
    fn describes() -> String {
        "nothing".to_owned()
    }
}
impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Bool(self)
    }
    fn describes() -> String {
        "true or false".to_owned()
    }
}
impl IntoValue for i64 {
    fn into_value(self) -> Value {
        Value::Int(self)
    }
    fn describes() -> String {
        "a whole number".to_owned()
    }
}
impl IntoValue for f64 {
    fn into_value(self) -> Value {
        Value::Float(self)
    }
    fn describes() -> String {
        "a number".to_owned()
    }
}
impl IntoValue for String {
    fn into_value(self) -> Value {
        Value::Text(self)
    }
    fn describes() -> String {
        "a text".to_owned()
    }
}
impl IntoValue for Json {
    fn into_value(self) -> Value {
        self.into()
    }
    fn describes() -> String {
        "data: a map, a list, a text, a number".to_owned()
    }
}
impl<T: IntoValue> IntoValue for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(IntoValue::into_value).collect())
    }
    fn describes() -> String {
        format!("a list, each item {}", T::describes())
    }
}
impl<T: IntoValue> IntoValue for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, IntoValue::into_value)
    }
    fn describes() -> String {
        format!("{}, or ()", T::describes())
    }
}
impl IntoValue for Placeholder {
    fn into_value(self) -> Value {
        Value::Handle(Dynamic::from(self))
    }
    fn describes() -> String {
        "a secret, or rather its stand-in".to_owned()
    }
}
impl IntoValue for crate::change::Outcome {
    fn into_value(self) -> Value {
        let reason = self.reason().map(str::to_owned);
        let mut map = BTreeMap::new();
        map.insert("changed".to_owned(), Value::Bool(self.changed()));
        map.insert("reason".to_owned(), reason.into_value());
        let diff: Vec<String> = self.items.iter().flat_map(|i| i.diff.iter().cloned()).collect();
        map.insert("diff".to_owned(), diff.into_value());
        let items = self.items.iter().map(|i| serde_json::to_value(i).unwrap_or_default()).collect::<Vec<_>>();
        map.insert("items".to_owned(), items.into_value());
        let mut objects: Vec<Value> = self.objects.into_iter().map(IntoValue::into_value).collect();
        let object = if objects.len() == 1 { objects.remove(0) } else { Value::List(objects) };
        map.insert("object".to_owned(), object);
        Value::Map(map)
    }
    fn describes() -> String {
        "an outcome: a map with `changed`, `reason`, `diff`, `items`, `object`".to_owned()
    }
}
