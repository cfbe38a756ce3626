//! What `label` and `annotate` share.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::FieldPath;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Result, Value};

use super::edit::{self, Wish};
use super::{OnCluster, Target};

/// The value of a label or an annotation: a text; a number or a truth value as it is written; `()` to remove it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark(pub Option<String>);

impl FromValue for Mark {
    fn expects() -> String {
        "a text, or () to remove it".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(Self(None)),
            Value::Int(number) => Ok(Self(Some(number.to_string()))),
            Value::Bool(truth) => Ok(Self(Some(truth.to_string()))),
            other => String::from_value(other).map(|text| Self(Some(text))),
        }
    }
}

/// The labels or annotations that are to be set or removed.
pub type Marks = BTreeMap<String, Mark>;

/// Sets and removes entries of a map in the metadata of one object.
pub(super) fn mark(
    call: &Call<'_>,
    part: &'static str,
    target: &Target,
    marks: &Marks,
    options: &OnCluster,
) -> Result<Outcome> {
    if let Some(own) = marks.keys().find(|key| key.starts_with("windlass.dev/")) {
        return Err(Error::usage(format!("{own} is kept by windlass itself, and may not be set"))
            .hint("use a prefix of your own"));
    }
    let (cluster, id) = options.find(call, target)?;
    edit::edit(call, &cluster, &id, |live| marked(live, part, marks).map(|wanted| wish(wanted, live, part, marks)))
}

/// The object with these entries set or removed.
pub(super) fn marked(live: &Json, part: &str, marks: &Marks) -> Result<Json> {
    let mut wanted = live.clone();
    for (key, mark) in marks {
        let path = FieldPath::of(["metadata", part, key.as_str()]);
        match &mark.0 {
            Some(value) => path.set(&mut wanted, value.as_str().into())?,
            None => drop(path.remove(&mut wanted)),
        }
    }
    Ok(wanted)
}

fn wish(wanted: Json, live: &Json, part: &str, marks: &Marks) -> Wish {
    if wanted != *live {
        return Wish::Become(wanted);
    }
    let what = part.trim_end_matches('s');
    let shown: Vec<String> = marks
        .iter()
        .map(|(key, mark)| match &mark.0 {
            Some(value) => format!("{key}={value}"),
            None => format!("no {key}"),
        })
        .collect();
    match shown.as_slice() {
        [] => Wish::Nothing(format!("no {what} was given")),
        _ => Wish::Nothing(format!("it has {} already", shown.join(", "))),
    }
}
