//! How Go sees the types: which fields JSON may leave out, and what each is called in errors. The documents do not say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::source::{list, text};
use crate::{Error, tool};

/// What Go says of the types.
#[derive(Default)]
pub(super) struct Types {
    pub(super) types: BTreeMap<String, Value>,
    /// The numbers of the fields in protobuf, by type and field.
    pub(super) numbers: BTreeMap<String, BTreeMap<String, String>>,
}

/// Runs the Go program beside this file, within the control plane's module, and keeps what the schemas refer to.
pub(super) fn read(versions: &[&str], schemas: &BTreeMap<String, Value>) -> Result<Types, Error> {
    eprintln!("asking Go for its types (a minute the first time)");
    let folder = windlass_testbed::cache_dir().join("types");
    let ours = tool::workspace().join("tests");
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::File { path, source }
    };
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    for file in ["testbed/controlplane/go.mod", "testbed/controlplane/go.sum", "xtask/src/schemas/types/main.go"] {
        let (from, name) = (ours.join(file), Path::new(file).file_name().unwrap_or_default());
        fs::copy(&from, folder.join(name)).map_err(failed(&from))?;
    }
    let mut go = tool::command("go");
    go.current_dir(&folder).env("GOWORK", "off").args(["run", "-trimpath", "."]).args(versions);
    let (status, output) = tool::output(&mut go)?;
    if !status.success() {
        return Err(Error::Other(format!("go run ended with {status}")));
    }
    let all: Value =
        serde_json::from_str(&output).map_err(|error| Error::Other(format!("the types of Go: {error}")))?;
    let mut kept = Types::default();
    let mut open: Vec<String> = schemas.keys().cloned().collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let known = &all["types"][&name];
        if !known.is_object() {
            continue;
        }
        for referred in references(known) {
            if seen.insert(referred.clone()) {
                open.push(referred);
            }
        }
        let number = |field: &Value| match (&field[0], &field[4]) {
            (Value::String(field), Value::String(number)) if !number.is_empty() => {
                Some((field.clone(), number.clone()))
            }
            _ => None,
        };
        let numbers: BTreeMap<String, String> = list(&known["fields"]).filter_map(number).collect();
        if !numbers.is_empty() {
            kept.numbers.insert(name.clone(), numbers);
        }
        kept.types.insert(name, short(known));
    }
    Ok(kept)
}

/// A struct as the list of its fields, another name as its meaning, a type with decoding of its own as `true`.
fn short(known: &Value) -> Value {
    let field = |field: &Value| {
        let mut parts: Vec<&str> = list(field).take(4).filter_map(Value::as_str).collect();
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        json!(parts)
    };
    match known {
        known if known["special"] == true => true.into(),
        known if known["is"].is_string() => known["is"].clone(),
        known => list(&known["fields"]).map(field).collect(),
    }
}

/// The full names in a type's fields, such as `io.k8s.api.core.v1.Container`.
fn references(known: &Value) -> Vec<String> {
    let expressions = list(&known["fields"]).filter_map(|field| field[1].as_str()).chain([text(known, "is")]);
    let names = expressions.flat_map(|expression| expression.split(['*', '[', ']']));
    names.filter(|name| name.contains('.')).map(str::to_owned).collect()
}
