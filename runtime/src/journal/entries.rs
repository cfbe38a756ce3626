//! Changes as they stand in the file, opened.

use std::collections::HashMap;

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::records::{Entry, EntryId, Intent, ResultRecord};
use super::seal::{DataKey, about_change};
use super::store::Store;
use super::stored::ChangedResource;
use crate::change::{Inverse, PartImage, Recipe};
use crate::{Error, Result};

/// What is sealed of an intent.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedIntent {
    pub(super) parts: Vec<PartImage>,
    pub(super) probe: Recipe,
    pub(super) inverse: Inverse,
}

/// A change as it stands in the file.
type ChangeRow =
    (EntryId, String, String, String, String, String, String, Option<String>, Vec<u8>, Option<String>, Option<Vec<u8>>);

/// The changes of a run, in order.
pub(super) fn entries(store: &Store, run: &str, key: &DataKey) -> Result<Vec<Entry>> {
    let rows: Vec<ChangeRow> = store.try_with(|connection| {
        let mut statement = connection.prepare(
            "SELECT resumed, step, attempt, path, key, primitive, at, identity, resources, permits, undoes, intent, results, after
             FROM change WHERE run = ?1 ORDER BY rowid",
        )?;
        let row = |row: &rusqlite::Row<'_>| {
            let path: String = row.get(3)?;
            let id = EntryId { resumed: row.get(0)?, step: row.get(1)?, attempt: row.get(2)?, path: path_of(&path) };
            Ok((
                id,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
                row.get(9)?,
                row.get(10)?,
                row.get(11)?,
                row.get(12)?,
                row.get(13)?,
            ))
        };
        statement.query_map(params![run], row)?.collect()
    })?;
    Ok(in_order(rows.into_iter().map(|row| entry(run, key, row)).collect::<Result<Vec<_>>>()?))
}

/// Entries that come as they were written, in an order that does not depend on how branches took turns: the attempts as they were
/// begun, and in each of them the entries by their ids.
pub(super) fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    let attempt = |id: &EntryId| (id.resumed, id.step, id.attempt);
    let mut begun = HashMap::new();
    for (intent, _) in &entries {
        let next = begun.len();
        begun.entry(attempt(&intent.id)).or_insert(next);
    }
    entries.sort_by(|(a, _), (b, _)| (begun.get(&attempt(&a.id)), &a.id).cmp(&(begun.get(&attempt(&b.id)), &b.id)));
    entries
}

fn entry(run: &str, key: &DataKey, row: ChangeRow) -> Result<Entry> {
    let (id, step, primitive, at, identity, resources, permits, undoes, intent, results, after) = row;
    let SealedIntent { parts, probe, inverse } = key.open(&about_change(run, &id, "intent"), &intent)?;
    let broken = |what: &str| {
        let about = about_change(run, &id, what);
        move |_| Error::from(Fault::Broken { about })
    };
    let resources: Vec<ChangedResource> = serde_json::from_str(&resources).map_err(broken("resources"))?;
    let result = match (results, after) {
        (Some(results), Some(after)) => Some(ResultRecord {
            results: serde_json::from_str(&results).map_err(broken("results"))?,
            after: key.open(&about_change(run, &id, "after"), &after)?,
        }),
        _ => None,
    };
    let intent = Intent {
        step,
        primitive,
        at: at.parse().unwrap_or_default(),
        identity: serde_json::from_str(&identity).map_err(broken("identity"))?,
        parts,
        diffs: resources.into_iter().map(|resource| resource.diff).collect(),
        probe,
        inverse,
        permits: serde_json::from_str(&permits).map_err(broken("permits"))?,
        undoes: undoes.map(|text| serde_json::from_str(&text)).transpose().map_err(broken("undoes"))?,
        id,
    };
    Ok((intent, result))
}

pub(super) fn path_text(path: &[u32]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

pub(super) fn path_of(text: &str) -> Vec<u32> {
    text.split('.').filter_map(|number| number.parse().ok()).collect()
}
