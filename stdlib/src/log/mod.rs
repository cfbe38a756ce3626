//! `log::`: lines for people, at four levels.

mod debug;
mod error;
mod info;
mod warn;

use windlass_runtime::primitive::Primitive;
use windlass_runtime::{Value, options};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![debug::primitive(), info::primitive(), warn::primitive(), error::primitive()]
}

/// What can be logged: anything. Secrets are masked on the way out.
pub struct Line(pub(crate) String);

impl options::FromValue for Line {
    fn expects() -> String {
        "a value".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, options::Mismatch> {
        Ok(Line(match value {
            Value::Text(text) => text,
            Value::Template(template) => template.to_string(),
            other => format!("{other:?}"),
        }))
    }
}
