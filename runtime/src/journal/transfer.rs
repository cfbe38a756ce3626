//! A run in a file of its own: what is sealed stays sealed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, params, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::store::{Store, VERSION};
use crate::{Error, Kind, Result};

/// The tables, in the order in which they are filled, and the column that names the run.
const TABLES: [(&str, &str); 9] = [
    ("run", "id"),
    ("session", "run"),
    ("step", "run"),
    ("change", "run"),
    ("remark", "run"),
    ("once", "run"),
    ("branch", "run"),
    ("undone", "run"),
    ("inventory", "run"),
];

/// The largest file that is read.
const LIMIT: u64 = 1024 * 1024 * 1024;

/// A run as it stands in a file.
#[derive(Serialize, Deserialize)]
struct Exported {
    /// The form of the tables.
    windlass_run: i32,
    /// The rows of each table, in order: texts, numbers, nothing, and what is sealed as `{"sealed": base64}`.
    tables: BTreeMap<String, Vec<BTreeMap<String, Json>>>,
}

impl Store {
    /// Writes a run to a new file. What is sealed can be opened by those for whom the run's key was encrypted.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`] for a file that is there, [`Kind::System`] where it cannot be written.
    pub fn export(&self, run: &str, file: &Path) -> Result<()> {
        let tables = self.try_with(|connection| {
            let rows = |(table, column): (&str, &str)| Ok((table.to_owned(), rows(connection, table, column, run)?));
            TABLES.into_iter().map(rows).collect()
        })?;
        let text = serde_json::to_string(&Exported { windlass_run: VERSION, tables })
            .map_err(|e| Error::internal("a run is no JSON").source(e))?;
        let cannot = |e: std::io::Error| {
            let kind = if e.kind() == std::io::ErrorKind::AlreadyExists { Kind::AlreadyExists } else { Kind::System };
            Error::new(kind, format!("{} cannot be written: {e}", file.display()))
                .hint("name a new file in a folder that can be written")
                .source(e)
        };
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(cannot)?;
        to.write_all(text.as_bytes()).and_then(|()| to.sync_all()).map_err(|e| {
            // Half a run is none.
            let _ = std::fs::remove_file(file);
            cannot(e)
        })
    }

    /// Takes a run from a file; gives its id.
    ///
    /// # Errors
    /// [`Kind::Malformed`] for what is no such file, [`Kind::AlreadyExists`] for a run that is there.
    pub fn import(&self, file: &Path) -> Result<String> {
        let Exported { windlass_run, tables } = read(file)?;
        if windlass_run != VERSION {
            let text = format!("{} was written by another version of Windlass", file.display());
            return Err(
                Error::new(Kind::Malformed, text).hint("import it with that version, or export it with this one")
            );
        }
        let malformed = || Error::new(Kind::Malformed, format!("{} is no exported run", file.display()));
        let id = |column: &str, table: &str| tables.get(table)?.first()?.get(column)?.as_str().map(str::to_owned);
        let run = id("id", "run").ok_or_else(malformed)?;
        let of_it = |(table, column): &(&str, &str)| {
            tables
                .get(*table)
                .is_some_and(|rows| rows.iter().all(|row| row.get(*column).and_then(Json::as_str) == Some(&run)))
        };
        if tables.len() != TABLES.len() || !TABLES.iter().all(of_it) {
            return Err(malformed());
        }
        if self.runs()?.iter().any(|line| line.run == run) {
            let text = format!("the run {run} is in {} already", self.path().display());
            return Err(Error::new(Kind::AlreadyExists, text).hint("windlass runs show shows it"));
        }
        self.commit(|transaction| {
            for (table, _) in TABLES {
                let columns = columns(transaction, table)?;
                for row in tables.get(table).into_iter().flatten() {
                    let names: Vec<&str> =
                        columns.iter().map(String::as_str).filter(|c| row.contains_key(*c)).collect();
                    let marks = vec!["?"; names.len()].join(", ");
                    let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
                    let cells = names.iter().filter_map(|name| row.get(*name)).map(cell);
                    transaction.prepare_cached(&insert)?.execute(params_from_iter(cells))?;
                }
            }
            Ok(())
        })?;
        Ok(run)
    }
}

fn read(file: &Path) -> Result<Exported> {
    let unreadable = |e: std::io::Error| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound { Kind::NotFound } else { Kind::System };
        let hint = "windlass runs export writes such a file";
        Error::new(kind, format!("{} cannot be read: {e}", file.display())).hint(hint).source(e)
    };
    let mut text = String::new();
    File::open(file).and_then(|from| from.take(LIMIT).read_to_string(&mut text)).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(|e| {
        Error::new(Kind::Malformed, format!("{} is no exported run", file.display()))
            .hint("windlass runs export writes such a file")
            .source(e)
    })
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map(params![table], |row| row.get(0))?.collect()
}

fn rows(
    connection: &Connection,
    table: &str,
    column: &str,
    run: &str,
) -> rusqlite::Result<Vec<BTreeMap<String, Json>>> {
    let names = columns(connection, table)?;
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} WHERE {column} = ?1 ORDER BY rowid"))?;
    let row = |row: &rusqlite::Row<'_>| {
        let cell = |(index, name): (usize, &String)| Ok((name.clone(), json(row.get_ref(index)?)));
        names.iter().enumerate().map(cell).collect()
    };
    statement.query_map(params![run], row)?.collect()
}

fn json(cell: ValueRef<'_>) -> Json {
    match cell {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => serde_json::json!({ "sealed": STANDARD.encode(bytes) }),
    }
}

fn cell(json: &Json) -> Cell {
    match json {
        Json::Number(number) => number.as_i64().map_or(Cell::Null, Cell::Integer),
        Json::String(text) => Cell::Text(text.clone()),
        Json::Object(sealed) => {
            let bytes = sealed.get("sealed").and_then(Json::as_str).and_then(|text| STANDARD.decode(text).ok());
            bytes.map_or(Cell::Null, Cell::Blob)
        }
        _ => Cell::Null,
    }
}
