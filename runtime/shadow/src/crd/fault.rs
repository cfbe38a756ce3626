//! What is wrong with a field, in the server's words.

use crate::Json;
use crate::error::Cause;
use crate::go;

/// Where a field is, as the server writes it: `spec.list[0].name`, `spec.map[key]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path(String);

impl Path {
    /// The object itself.
    pub(crate) fn root() -> Self {
        Self::default()
    }

    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// A field below.
    pub(crate) fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// An entry of a map.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// An item of a list.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// As in a cause; the server writes `<nil>` for the object itself.
    pub(crate) fn text(&self) -> &str {
        if self.0.is_empty() { "<nil>" } else { &self.0 }
    }
}

fn cause(reason: &'static str, field: &Path, what: &str, value: Option<&Json>, detail: &str) -> Cause {
    let mut message = what.to_owned();
    if let Some(value) = value {
        message.push_str(": ");
        match value {
            Json::String(text) => message.push_str(&go::quote(text)),
            Json::Number(number) if number.is_f64() => message.push_str(&go::print(value)),
            value => message.push_str(&go::json(value)),
        }
    }
    if !detail.is_empty() {
        message.push_str(": ");
        message.push_str(detail);
    }
    Cause { reason, message, field: field.text().to_owned() }
}

pub(crate) fn invalid(field: &Path, value: &Json, detail: &str) -> Cause {
    cause("FieldValueInvalid", field, "Invalid value", Some(value), detail)
}

/// The same with a structure of the server, shown as it is written.
pub(crate) fn invalid_structure(field: &Path, value: &Json, detail: &str) -> Cause {
    let what = format!("Invalid value: {}", go::structure(value));
    cause("FieldValueInvalid", field, &what, None, detail)
}

/// The same without the value, which is large.
pub(crate) fn invalid_omitted(field: &Path, detail: &str) -> Cause {
    cause("FieldValueInvalid", field, "Invalid value", None, detail)
}

pub(crate) fn wrong_type(field: &Path, value: &Json, detail: &str) -> Cause {
    cause("FieldValueTypeInvalid", field, "Invalid value", Some(value), detail)
}

pub(crate) fn required(field: &Path, detail: &str) -> Cause {
    cause("FieldValueRequired", field, "Required value", None, detail)
}

pub(crate) fn forbidden(field: &Path, detail: &str) -> Cause {
    cause("FieldValueForbidden", field, "Forbidden", None, detail)
}

pub(crate) fn duplicate(field: &Path, value: &Json) -> Cause {
    cause("FieldValueDuplicate", field, "Duplicate value", Some(value), "")
}

pub(crate) fn duplicate_omitted(field: &Path) -> Cause {
    cause("FieldValueDuplicate", field, "Duplicate value", None, "")
}

pub(crate) fn not_supported(field: &Path, value: &Json, supported: &[String]) -> Cause {
    let quoted: Vec<String> = supported.iter().map(|text| go::quote(text)).collect();
    let detail = if quoted.is_empty() { String::new() } else { format!("supported values: {}", quoted.join(", ")) };
    cause("FieldValueNotSupported", field, "Unsupported value", Some(value), &detail)
}

pub(crate) fn too_long(field: &Path, limit: i64) -> Cause {
    let unit = if limit == 1 { "byte" } else { "bytes" };
    let detail = if limit < 0 { "value is too long".into() } else { format!("may not be more than {limit} {unit}") };
    cause("FieldValueTooLong", field, "Too long", None, &detail)
}

pub(crate) fn too_many(field: &Path, actual: i64, limit: i64) -> Cause {
    let unit = if limit == 1 { "item" } else { "items" };
    let detail = format!("must have at most {limit} {unit}");
    cause("FieldValueTooMany", field, "Too many", Some(&Json::from(actual)), &detail)
}
