//! What is wrong with a value, said so that it can be put right.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::{Value, json};

use super::path::{Path, Segment, is_secret_word};
use super::schema::Schema;
use super::{Values, kind_of};
use crate::error::{self, Error};
use crate::suggest;

/// The problems behind one error of the validator: several where keys are unknown.
pub(super) fn describe(schema: &Schema, values: &Values, json: &Value, error: &ValidationError<'_>) -> Vec<Error> {
    let path = Path::from_pointer(error.instance_path().as_str(), Some(json));
    let report = Report { schema, values, json, path };
    match error.kind() {
        Kind::Required { property } => vec![report.missing(property.as_str().unwrap_or_default())],
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|key| report.unknown(key)).collect()
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => report.none_of(context),
        Kind::PropertyNames { error } => vec![report.wrong_key(error)],
        kind => vec![report.wrong(&expectation(kind))],
    }
}

/// The forms of a reference to a secret, by their keys.
pub(super) const SECRET_FORMS: [(&str, &str); 7] = [
    ("env", "{env: NAME}"),
    ("file", "{file: PATH}"),
    ("prompt", "{prompt: TEXT}"),
    ("command", "{command: [PROGRAM, …]}"),
    ("kubernetes", "{kubernetes: {name: NAME, key: KEY}}"),
    ("age", "{age: NAME}"),
    ("generate", "{generate: NAME}"),
];

struct Report<'a> {
    schema: &'a Schema,
    values: &'a Values,
    json: &'a Value,
    path: Path,
}

impl Report<'_> {
    fn error(&self, path: &Path, message: String, expected: &str) -> Error {
        let layer = self.values.origin_at(path);
        let mut details = json!({"path": path.to_string(), "expected": expected});
        if let (Some(layer), Some(map)) = (layer, details.as_object_mut()) {
            map.insert("layer".into(), layer.into());
        }
        Error::new(error::Kind::Values, message).details(details)
    }

    fn set_by(&self, path: &Path) -> String {
        self.values.origin_at(path).map(|layer| format!(" (set by {layer})")).unwrap_or_default()
    }

    fn wrong(&self, expected: &str) -> Error {
        let set_by = self.set_by(&self.path);
        let secret = self.schema.is_secret(&self.path) || self.path.looks_secret();
        let found = match self.path.find(self.json) {
            _ if secret => "has a secret value".to_owned(),
            // Where a map stands that says where a secret comes from, people write the secret itself.
            Some(value @ Value::String(_)) if self.schema.takes_map(&self.path) => format!("is {}", kind_of(value)),
            Some(value) => format!("is {}", shown(value)),
            None => "is not right".to_owned(),
        };
        let message = format!("{}{set_by} {found}; expected is {expected}", name(&self.path));
        let error = self.error(&self.path, message, expected);
        let forms = self.secret_forms();
        if !forms.is_empty() {
            return error.hint(format!("it is a secret, and is given by reference: {}", forms.join(", ")));
        }
        match self.schema.description(&self.path) {
            Some(text) => error.hint(format!("{}: {text}", name(&self.path))),
            None => error,
        }
    }

    /// The forms of a reference to a secret that the schema has here.
    fn secret_forms(&self) -> Vec<&'static str> {
        let keys = self.schema.known_keys(&self.path);
        SECRET_FORMS.iter().filter(|(key, _)| keys.contains(key)).map(|(_, form)| *form).collect()
    }

    fn missing(&self, key: &str) -> Error {
        let path = self.path.join(Segment::Key(key.into()));
        let about = self.schema.description(&path).map(|text| format!(": {text}")).unwrap_or_default();
        let hint = if let Some(file) = self.schema.file() {
            format!("set it in {file}")
        } else if self.schema.is_secret(&path) || is_secret_word(key) {
            // A secret on a command line is seen by everybody on the machine.
            "it is a secret: put it into values.yaml by reference, and not on the command line".to_owned()
        } else {
            format!("set it with --set {path}=… or in values.yaml")
        };
        self.error(&path, format!("{path} is missing{about}"), "a value").hint(hint)
    }

    fn wrong_key(&self, error: &ValidationError<'_>) -> Error {
        let key = error.instance().as_str().unwrap_or_default();
        let (set_by, expected) = (self.set_by(&self.path), expectation(error.kind()));
        let message =
            format!("{}{set_by} has the key {}; expected is {expected}", name(&self.path), shown(&key.into()));
        let error = self.error(&self.path, message, &expected);
        match self.schema.description(&self.path) {
            Some(text) => error.hint(format!("{}: {text}", name(&self.path))),
            None => error,
        }
    }

    fn unknown(&self, key: &str) -> Error {
        let path = self.path.join(Segment::Key(key.into()));
        let known = self.schema.known_keys(&self.path);
        let hint = match suggest::did_you_mean(key, known.iter().copied()) {
            Some(text) => text,
            None if known.is_empty() => "remove it".to_owned(),
            None if known.len() > 20 => format!("{} has {} keys, none like it", name(&self.path), known.len()),
            None => format!("{} has the keys {}", name(&self.path), known.join(", ")),
        };
        let message = format!("{path}{} is not known", self.set_by(&path));
        self.error(&path, message, "a known key").hint(hint)
    }

    /// Of several forms, none fits: the problems of the one that was most likely meant.
    fn none_of(&self, branches: &[Vec<ValidationError<'_>>]) -> Vec<Error> {
        let here = |error: &ValidationError<'_>| {
            Path::from_pointer(error.instance_path().as_str(), Some(self.json)) == self.path
        };
        // Another type or another constant says that this form was not meant.
        let foreign = |branch: &&Vec<ValidationError<'_>>| {
            branch.iter().any(|error| match error.kind() {
                Kind::Type { .. } => here(error),
                Kind::Constant { .. } | Kind::Enum { .. } => true,
                _ => false,
            })
        };
        let meant = branches.iter().filter(|b| !foreign(b)).min_by_key(|branch| branch.len());
        if let Some(branch) = meant {
            return branch.iter().flat_map(|e| describe(self.schema, self.values, self.json, e)).collect();
        }
        // At one place, it is enough to list what would fit there.
        let all_here = branches.iter().flatten().all(here);
        let inside = branches.iter().filter(|b| !b.iter().any(|e| here(e) && matches!(e.kind(), Kind::Type { .. })));
        if !all_here && let Some(branch) = inside.min_by_key(|branch| branch.len()) {
            return branch.iter().flat_map(|e| describe(self.schema, self.values, self.json, e)).collect();
        }
        let mut expected: Vec<String> =
            branches.iter().filter_map(|b| b.first()).map(|e| expectation(e.kind())).collect();
        expected.dedup();
        vec![self.wrong(&expected.join(", or "))]
    }
}

fn name(path: &Path) -> String {
    if path.segments().is_empty() { "the top level".into() } else { path.to_string() }
}

/// A value in a message. A map or list is not spelled out: a part of it may be a secret.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "an empty list".into(),
        Value::Object(map) if map.is_empty() => "an empty map".into(),
        Value::Array(_) | Value::Object(_) => kind_of(value).into(),
        Value::String(text) => {
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() { format!("the text {short:?}…") } else { format!("the text {text:?}") }
        }
        other => other.to_string(),
    }
}

fn type_word(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a map",
        JsonType::String => "a text",
    }
}

fn counted(least: &str, count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{least} {count} {what}{plural}")
}

/// What a keyword of the schema expects. Nothing of the value itself may enter here.
fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(one) } => type_word(*one).into(),
        Kind::Type { kind: TypeKind::Multiple(all) } => all.iter().map(type_word).collect::<Vec<_>>().join(" or "),
        Kind::Enum { options } => match options.as_array() {
            Some(options) => format!("one of {}", options.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
            None => "one of a fixed list".into(),
        },
        Kind::Constant { expected_value } => expected_value.to_string(),
        Kind::Minimum { limit } => format!("{limit} or more"),
        Kind::Maximum { limit } => format!("{limit} or less"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => counted("a text of at least", *limit, "character"),
        Kind::MaxLength { limit } => counted("a text of at most", *limit, "character"),
        Kind::MinItems { limit } => counted("a list of at least", *limit, "item"),
        Kind::MaxItems { limit } => counted("a list of at most", *limit, "item"),
        Kind::AdditionalItems { limit } => counted("a list of at most", *limit as u64, "item"),
        Kind::MinProperties { limit } => counted("a map of at least", *limit, "key"),
        Kind::MaxProperties { limit } => counted("a map of at most", *limit, "key"),
        Kind::Pattern { pattern } => format!("a text that matches {pattern}"),
        Kind::Format { format } => format!("a text of the form {format}"),
        Kind::UniqueItems => "a list in which nothing stands twice".into(),
        Kind::Contains => "a list with a certain item, which it does not have".into(),
        Kind::UnevaluatedItems { .. } => "a list without further items".into(),
        Kind::OneOfMultipleValid { .. } => "a value of only one of the forms that the schema has".into(),
        Kind::Not { .. } => "a value that the schema does not exclude".into(),
        Kind::FalseSchema => "no value here".into(),
        Kind::ContentEncoding { content_encoding } => format!("a text encoded as {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("a text of the type {content_media_type}"),
        other => format!("a value that fits the schema's {}", other.keyword()),
    }
}
