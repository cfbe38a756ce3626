//! A script's value as data that can be printed.

use serde_json::Value as Json;
use windlass_runtime::{Error, Kind, Value};

/// A value as it is printed: secrets, closures and objects are named.
///
/// # Errors
/// [`Kind::Secret`] for a secret that was cut up or encoded.
pub(crate) fn plain(value: Value) -> Result<Json, Error> {
    fn named(value: Value) -> Value {
        match value {
            Value::List(items) => Value::List(items.into_iter().map(named).collect()),
            Value::Map(map) => Value::Map(map.into_iter().map(|(key, item)| (key, named(item))).collect()),
            Value::Closure(_) | Value::Handle(_) => Value::Text(format!("[{}]", value.sort())),
            other => other,
        }
    }
    named(value).json_with(&mut |_, secret| match secret {
        Value::Template(template) => Ok(Json::String(format!("[{template}]"))),
        other => Err(Error::new(Kind::Secret, format!("the value holds {}", other.sort()))
            .hint("a secret that was cut up or encoded is not shown")),
    })
}
