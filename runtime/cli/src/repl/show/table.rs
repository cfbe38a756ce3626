//! Lists as tables.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::kinds;
use crate::clean::line;
use crate::style::Style;

/// The most columns that a table of any maps has.
const COLUMNS: usize = 8;

/// A list of maps, or one map, as a table; nothing for what is none.
pub(in crate::repl) fn of(json: &Json, now: Timestamp, style: Style) -> Option<String> {
    let rows: Vec<&Json> = match json {
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_object) => items.iter().collect(),
        Json::Object(_) => vec![json],
        _ => return None,
    };
    let (heads, rows) = if rows.iter().all(|row| row.get("metadata").is_some()) {
        let columns = kinds::columns(&rows);
        let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
        let cells = |row: &&Json| columns.iter().map(|column| (column.cell)(row, now)).collect::<Vec<_>>();
        (heads, rows.iter().map(cells).collect::<Vec<_>>())
    } else {
        any(&rows)?
    };
    Some(written(&heads, &rows, style))
}

/// Maps of any kind: their keys, in the order in which they come, as columns.
fn any(rows: &[&Json]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let mut keys: Vec<&str> = Vec::new();
    for row in rows.iter().filter_map(|row| row.as_object()) {
        for key in row.keys().filter(|key| !is_empty(row.get(*key))) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
    }
    // What has happened reads in this order.
    if EVENT.iter().all(|key| rows.iter().all(|row| row.get(key).is_some())) {
        keys = EVENT.to_vec();
    }
    keys.truncate(COLUMNS);
    if keys.is_empty() {
        return None;
    }
    let cells = |row: &&Json| keys.iter().map(|key| cell(row.get(key))).collect();
    Some((keys.iter().map(|key| key.to_uppercase()).collect(), rows.iter().map(cells).collect()))
}

/// The columns of what has happened, the longest last.
const EVENT: [&str; 6] = ["time", "type", "count", "object", "reason", "message"];

fn is_empty(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Array(items)) => items.is_empty(),
        Some(Json::Object(map)) => map.is_empty(),
        _ => false,
    }
}

/// A value in a cell; of what is nested, how much it is.
fn cell(value: Option<&Json>) -> String {
    match value {
        Some(Json::Array(items)) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            format!("[{}]", items.len())
        }
        Some(Json::Array(items)) => items.iter().map(|item| kinds::word(Some(item))).collect::<Vec<_>>().join(","),
        Some(Json::Object(map)) if !map.is_empty() => "{…}".to_owned(),
        value => kinds::word(value),
    }
}

pub(super) fn written(heads: &[String], rows: &[Vec<String>], style: Style) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.iter().map(|head| line(head)));
    for row in rows {
        table.add_row(row.iter().map(|cell| line(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for (number, row) in table.lines().enumerate() {
        let row = row.trim_end();
        text.push_str(&if number == 0 { style.bold(row) } else { row.to_owned() });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: &Json) -> Option<String> {
        super::of(json, "2026-07-01T11:30:00Z".parse().unwrap(), Style::off())
    }

    #[test]
    fn maps_become_rows_and_of_what_is_nested_one_sees_that_it_is_there() {
        let list = json!([{ "name": "a", "tags": ["x", "y"], "of": { "z": 1 } }, { "name": "longer", "ok": true }]);
        assert_eq!(of(&list).unwrap(), "NAME    TAGS  OF   OK\na       x,y   {…}\nlonger             true\n");
        assert!(of(&json!([1, 2])).is_none() && of(&json!([])).is_none());
    }

    #[test]
    fn what_has_happened_has_its_text_last() {
        let event = json!({
            "count": 2, "message": "Back-off pulling image", "namespace": "shop", "object": "Pod/web", "reason": "BackOff",
            "source": "kubelet", "time": "2026-07-01T08:00:00Z", "type": "Warning",
        });
        let text = of(&json!([event])).unwrap();
        assert_eq!(text.lines().next().unwrap(), "TIME                  TYPE     COUNT  OBJECT   REASON   MESSAGE");
    }

    #[test]
    fn objects_of_several_kinds_have_their_kinds_beside_them() {
        let object = |kind: &str| json!({ "kind": kind, "metadata": { "name": "web", "creationTimestamp": "2026-07-01T08:00:00Z" } });
        let text = of(&json!([object("Service"), object("Deployment")])).unwrap();
        assert_eq!(text, "KIND        NAME  AGE\nService     web   3h\nDeployment  web   3h\n");
    }

    #[test]
    fn objects_of_a_cluster_have_the_columns_of_their_kind() {
        let pod = json!({
            "kind": "Pod", "metadata": { "name": "web-1", "namespace": "shop" },
            "status": { "phase": "Running", "containerStatuses": [{ "ready": true, "restartCount": 2 }, { "ready": false, "restartCount": 0 }] },
        });
        let text = of(&json!([pod])).unwrap();
        assert_eq!(text, "NAMESPACE  NAME   READY  STATUS   RESTARTS  NODE\nshop       web-1  1/2    Running  2\n");
    }
}
