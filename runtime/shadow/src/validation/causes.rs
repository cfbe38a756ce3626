//! What is wrong with an object, collected in the order and the words of the API server.

use crate::Json;
use crate::error::Cause;
use crate::quantity::Quantity;

/// The causes found so far.
#[derive(Debug, Default)]
pub(crate) struct Causes(pub(crate) Vec<Cause>);

/// A detail after a colon, where there is one.
fn with(head: String, detail: &str) -> String {
    if detail.is_empty() { head } else { format!("{head}: {detail}") }
}

/// A value as the API server prints it in an error: texts quoted, the rest as JSON.
fn printed(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

impl Causes {
    fn add(&mut self, reason: &'static str, field: &str, message: String) {
        self.0.push(Cause { reason, message, field: field.to_owned() });
    }

    pub(crate) fn required(&mut self, field: &str, detail: &str) {
        self.add("FieldValueRequired", field, with("Required value".to_owned(), detail));
    }

    pub(crate) fn invalid(&mut self, field: &str, value: impl Into<Json>, detail: &str) {
        self.add("FieldValueInvalid", field, with(format!("Invalid value: {}", printed(&value.into())), detail));
    }

    /// Without the value.
    pub(crate) fn invalid_unnamed(&mut self, field: &str, detail: &str) {
        self.add("FieldValueInvalid", field, with("Invalid value".to_owned(), detail));
    }

    pub(crate) fn duplicate(&mut self, field: &str, value: impl Into<Json>) {
        self.add("FieldValueDuplicate", field, format!("Duplicate value: {}", printed(&value.into())));
    }

    /// With what is to be said besides the value.
    pub(crate) fn duplicate_as(&mut self, field: &str, value: impl Into<Json>, detail: &str) {
        self.add("FieldValueDuplicate", field, with(format!("Duplicate value: {}", printed(&value.into())), detail));
    }

    pub(crate) fn not_found(&mut self, field: &str, value: impl Into<Json>) {
        self.add("FieldValueNotFound", field, format!("Not found: {}", printed(&value.into())));
    }

    pub(crate) fn forbidden(&mut self, field: &str, detail: &str) {
        self.add("FieldValueForbidden", field, with("Forbidden".to_owned(), detail));
    }

    /// `supported` in the order in which the API server lists them.
    pub(crate) fn unsupported(&mut self, field: &str, value: impl Into<Json>, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        let head = format!("Unsupported value: {}", printed(&value.into()));
        let detail = if list.is_empty() { String::new() } else { format!("supported values: {}", list.join(", ")) };
        self.add("FieldValueNotSupported", field, with(head, &detail));
    }

    /// More items than there may be.
    pub(crate) fn not_more_than(&mut self, field: &str, count: usize, most: usize) {
        if count > most {
            self.add("FieldValueTooMany", field, format!("Too many: {count}: must have at most {most} items"));
        }
    }

    /// Longer than so many bytes.
    pub(crate) fn too_long(&mut self, field: &str, most: usize) {
        let bytes = if most == 1 { "byte" } else { "bytes" };
        self.add("FieldValueTooLong", field, format!("Too long: may not be more than {most} {bytes}"));
    }

    /// One cause for each of the words.
    pub(crate) fn each(&mut self, field: &str, value: &str, words: Vec<String>) {
        for detail in words {
            self.invalid(field, value, &detail);
        }
    }

    /// A number below zero.
    pub(crate) fn not_negative(&mut self, field: &str, value: Option<i64>) {
        if let Some(value) = value.filter(|value| *value < 0) {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }

    /// A number that is not above zero.
    pub(crate) fn positive(&mut self, field: &str, value: i64) {
        if value <= 0 {
            self.invalid(field, value, "must be greater than zero");
        }
    }

    /// A quantity below zero.
    pub(crate) fn quantity_not_negative(&mut self, field: &str, value: Quantity) {
        if value.is_negative() {
            self.invalid(field, value.to_string(), "must be greater than or equal to 0");
        }
    }

    /// A quantity that is not above zero.
    pub(crate) fn quantity_positive(&mut self, field: &str, value: Quantity) -> bool {
        if value <= Quantity::ZERO {
            self.invalid(field, value.to_string(), "must be greater than zero");
        }
        value > Quantity::ZERO
    }

    /// A field that has changed and may not.
    pub(crate) fn immutable(&mut self, field: &str, new: &Json, old: &Json) {
        if new != old {
            self.invalid(field, new.clone(), "field is immutable");
        }
    }

    /// A value that is one of these; says whether it is.
    pub(crate) fn one_of(&mut self, field: &str, value: &str, supported: &[&str]) -> bool {
        let known = supported.contains(&value);
        if !known {
            self.unsupported(field, value, supported);
        }
        known
    }
}
