//! Asking the test bed.

use serde_json::Value;
use windlass_testbed::Testbed;

use crate::Error;

pub(super) const JSON: &str = "application/json";
pub(super) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
pub(super) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

pub(super) fn get(testbed: &Testbed, path: &str, accept: &str) -> Result<Value, Error> {
    let answer = testbed.ask("GET", path, &[("Accept", accept)], "")?;
    if answer.code != 200 {
        return Err(Error::Other(format!("GET {path}: {} {}", answer.code, answer.body)));
    }
    serde_json::from_str(&answer.body).map_err(|error| Error::Other(format!("GET {path}: {error}")))
}

pub(super) fn post(testbed: &Testbed, path: &str, body: &Value) -> Result<(), Error> {
    let answer = testbed.ask("POST", path, &[("Accept", JSON), ("Content-Type", JSON)], &body.to_string())?;
    if answer.code >= 300 {
        return Err(Error::Other(format!("POST {path}: {} {}", answer.code, answer.body)));
    }
    Ok(())
}

/// The elements of an array; none of anything else.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text within a value; empty without.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
