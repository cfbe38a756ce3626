//! What the affinities have in common.

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Error, Value};

use super::manifests::Object;

/// The key of the terms that the scheduler weighs.
pub const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
/// The key of the terms that must hold.
pub const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// How much a preferred term weighs.
#[derive(Debug, Clone, Copy)]
pub struct Weight(pub i64);

impl FromValue for Weight {
    fn expects() -> String {
        "a number from 1 to 100".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Int(weight @ 1..=100) => Ok(Self(weight)),
            other => Err(Mismatch::sort(&other)),
        }
    }
}

/// A map that must not be empty, because an empty one would fit everything.
///
/// # Errors
/// [`Mismatch`] for another sort of value, or an empty map.
pub fn filled(value: Value) -> Result<Object, Mismatch> {
    match value {
        Value::Map(map) if map.is_empty() => {
            Err(Mismatch::Refused(Error::usage("is empty").hint("name at least one label: #{ site: \"primary\" }")))
        }
        Value::Map(map) => Ok(map),
        other => Err(Mismatch::sort(&other)),
    }
}

/// A map of these entries.
pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
