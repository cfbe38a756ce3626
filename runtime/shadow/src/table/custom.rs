//! Rows of custom resources: their columns' JSON paths.

use jiff::Timestamp;

use super::age;
use super::jsonpath::JsonPath;
use super::row::{Row, text};
use crate::Json;
use crate::go;

/// The columns after the name, each with its path (none where it cannot be read).
pub(super) struct Columns<'a>(Vec<(&'a str, Option<JsonPath>)>);

impl<'a> Columns<'a> {
    /// From the columns of a resource type, of which the first is the name.
    pub(super) fn of(columns: &'a [Json]) -> Self {
        let path = |column: &Json| JsonPath::parse(text(column, "/jsonPath"));
        Self(columns.iter().skip(1).map(|column| (text(column, "/type"), path(column))).collect())
    }

    /// The cells of a row; `null` where a value is missing or is not of the column's type.
    pub(super) fn cells(&self, row: &Row<'_>) -> Vec<Json> {
        let mut cells = vec![Json::from(row.name())];
        cells.extend(self.0.iter().map(|(kind, path)| {
            let found = path.as_ref().and_then(|path| path.find(row.object)).unwrap_or_default();
            found.first().map_or(Json::Null, |value| cell(kind, value, row.now))
        }));
        cells
    }
}

fn cell(kind: &str, value: &Json, now: Timestamp) -> Json {
    match (kind, value) {
        ("string", Json::Null) => "<no value>".into(),
        ("string", value) => go::print(value).into(),
        ("integer", Json::Number(number)) => {
            number.as_i64().map_or_else(|| number.as_f64().map_or(Json::Null, |n| Json::from(n as i64)), Json::from)
        }
        ("number", Json::Number(number)) => Json::Number(number.clone()),
        ("boolean", Json::Bool(is)) => Json::Bool(*is),
        ("date", Json::String(then)) if then.is_empty() || then == "null" => "<unknown>".into(),
        ("date", Json::String(then)) if then.parse::<Timestamp>().is_err() => "<invalid>".into(),
        ("date", Json::String(then)) => age::since(then, now).into(),
        _ => Json::Null,
    }
}
