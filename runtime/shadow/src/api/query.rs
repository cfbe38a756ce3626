//! The parameters of a request.

use super::route::decode;
use crate::error::{ApiError, Cause};
use crate::world::{FieldValidation, Writer};

/// What stands behind the question mark.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        };
        Self { pairs: text.split('&').filter(|part| !part.is_empty()).map(pair).collect() }
    }

    /// The first value; empty without one.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.given(key).unwrap_or_default()
    }

    pub(crate) fn given(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// As Kubernetes reads a flag: anything but `false` and `0` is yes.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.given(key).is_some_and(|value| !matches!(value.to_lowercase().as_str(), "false" | "0"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.given(key).filter(|value| !value.is_empty()) else { return Ok(None) };
        let number = value.parse::<i64>();
        let wrong = |_| ApiError::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"));
        number.map(Some).map_err(wrong)
    }

    /// Who writes, and how; `options` is the kind that an error names, such as `CreateOptions`.
    pub(crate) fn writer(&self, options: &str, user_agent: &str, applies: bool) -> Result<Writer, ApiError> {
        let mut causes = Vec::new();
        let mut add = |reason, field: &str, message: String| {
            causes.push(Cause { reason, message, field: field.to_owned() });
        };
        let manager = self.text("fieldManager");
        if applies && manager.is_empty() {
            add("FieldValueRequired", "fieldManager", "Required value: is required for apply patch".into());
        }
        if !applies && self.given("force").is_some() && options == "PatchOptions" {
            add("FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch".into());
        }
        if manager.len() > 128 {
            add("FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes".into());
        }
        for (at, c) in manager.char_indices().filter(|(_, c)| c.is_control()) {
            let message =
                format!("Invalid value: {manager:?}: invalid character U+{:04X} (at position {at})", u32::from(c));
            add("FieldValueInvalid", "fieldManager", message);
        }
        let dry_runs: Vec<&str> = self.all("dryRun").filter(|value| !value.is_empty()).collect();
        if dry_runs.iter().any(|value| *value != "All") {
            let message = format!("Unsupported value: {}: supported values: \"All\"", serde_json::json!(dry_runs));
            add("FieldValueNotSupported", "dryRun", message);
        }
        let field_validation = match self.text("fieldValidation") {
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            "Warn" | "" => FieldValidation::Warn,
            other => {
                let message =
                    format!("Unsupported value: {other:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
                add("FieldValueNotSupported", "fieldValidation", message);
                FieldValidation::Warn
            }
        };
        if !causes.is_empty() {
            return Err(ApiError::invalid("meta.k8s.io", options, "", &causes));
        }
        let manager = if manager.is_empty() { of_agent(user_agent) } else { manager.to_owned() };
        Ok(Writer { manager, dry_run: !dry_runs.is_empty(), field_validation })
    }
}

/// The manager that a client has by its `User-Agent`: what stands before the first slash.
fn of_agent(agent: &str) -> String {
    let mut manager = String::new();
    for c in agent.split('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()) {
        if manager.len() + c.len_utf8() > 128 {
            break;
        }
        manager.push(c);
    }
    manager
}
