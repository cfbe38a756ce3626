//! Lists as tables.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value as Json;

use super::kinds;
use crate::clean::line;
use crate::style::Style;

/// The most columns that a table of any maps has.
const COLUMNS: usize = 8;

/// A list of maps, or one map, as a table; nothing for what is none.
pub(in crate::repl) fn of(json: &Json, style: Style) -> Option<String> {
    let rows: Vec<&Json> = match json {
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_object) => items.iter().collect(),
        Json::Object(_) => vec![json],
        _ => return None,
    };
    let (heads, rows) = if rows.iter().all(|row| row.get("metadata").is_some()) {
        let kind = rows.iter().find_map(|row| row["kind"].as_str()).unwrap_or_default();
        let columns = kinds::columns(kind, &rows);
        let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
        let cells = |row: &&Json| columns.iter().map(|column| (column.cell)(row)).collect::<Vec<_>>();
        (heads, rows.iter().map(cells).collect::<Vec<_>>())
    } else {
        any(&rows)?
    };
    Some(written(&heads, &rows, style))
}

/// Maps of any kind: their keys, in the order in which they come, as columns.
fn any(rows: &[&Json]) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let mut keys: Vec<&String> = Vec::new();
    for row in rows.iter().filter_map(|row| row.as_object()) {
        for (key, value) in row {
            if !value.is_object() && !value.is_array() && !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys.truncate(COLUMNS);
    if keys.is_empty() {
        return None;
    }
    let cells = |row: &&Json| keys.iter().map(|key| kinds::word(row.get(*key))).collect();
    Some((keys.iter().map(|key| key.to_uppercase()).collect(), rows.iter().map(cells).collect()))
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

    #[test]
    fn maps_become_rows_and_what_is_nested_is_left_out() {
        let list = json!([{ "name": "a", "size": 1, "tags": ["x"] }, { "name": "longer", "ok": true }]);
        assert_eq!(of(&list, Style::off()).unwrap(), "NAME    SIZE  OK\na       1\nlonger        true\n");
        assert!(of(&json!([1, 2]), Style::off()).is_none() && of(&json!([]), Style::off()).is_none());
    }

    #[test]
    fn objects_of_a_cluster_have_the_columns_of_their_kind() {
        let pod = json!({
            "kind": "Pod", "metadata": { "name": "web-1", "namespace": "shop" },
            "status": { "phase": "Running", "containerStatuses": [{ "ready": true, "restartCount": 2 }, { "ready": false, "restartCount": 0 }] },
        });
        let text = of(&json!([pod]), Style::off()).unwrap();
        assert_eq!(text, "NAMESPACE  NAME   READY  STATUS   RESTARTS  NODE\nshop       web-1  1/2    Running  2\n");
    }
}
