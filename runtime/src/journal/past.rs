//! What is in a journal of a run that goes on.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};
use serde_json::Value as Json;

use super::entries::path_of;
use super::records::{BranchKey, Past, PlannedStep, StepPast, Undoes};
use super::seal::{DataKey, about_branch, about_once, about_step};
use super::store::Store;
use crate::Result;
use crate::change::ResultWord;
use crate::playbook::TYPED;
use crate::report::{StepReport, StepStatus};

/// A step as it stands in the file.
type StepRow = (Attempt, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>);

pub(super) fn read(store: &Store, run: &str, key: &DataKey) -> Result<Past> {
    let (resumed, steps, identities): (u32, String, String) = store.try_with(|connection| {
        let run_of = "SELECT (SELECT coalesce(max(resumed), 0) FROM session WHERE run = ?1), steps, identities FROM run WHERE id = ?1";
        connection.query_row(run_of, params![run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    })?;
    let planned: Vec<PlannedStep> = serde_json::from_str(&steps).unwrap_or_default();
    let mut past = Past {
        run: Some(run.to_owned()),
        resumed: resumed + 1,
        rows: store.try_with(|connection| rows(connection, run))?,
        identities: serde_json::from_str(&identities).unwrap_or_default(),
        left_out: planned.into_iter().filter_map(|step| Some((step.key, step.left_out?))).collect(),
        ..Past::default()
    };
    read_steps(store, run, key, &mut past)?;
    // What was taken back since starts anew.
    let is_there = |step: &String| !past.taken_back.contains(step);
    let once: Vec<(String, String, Vec<u8>)> = store.try_with(|connection| {
        let mut statement = connection.prepare("SELECT step, name, value FROM once WHERE run = ?1")?;
        statement.query_map(params![run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    })?;
    for (step, name, value) in once.into_iter().filter(|(step, ..)| is_there(step)) {
        let value = key.open(&about_once(run, &step, &name), &value)?;
        past.once.insert((step, name), value);
    }
    past.undone = read_undone(store, run)?;
    let branches: Vec<(String, String, Vec<u8>)> = store.try_with(|connection| {
        let mut statement = connection.prepare("SELECT step, path, value FROM branch WHERE run = ?1")?;
        statement.query_map(params![run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    })?;
    for (step, path, value) in branches.into_iter().filter(|(step, ..)| is_there(step)) {
        let (item, value): (String, Json) = key.open(&about_branch(run, &step, &path), &value)?;
        past.branches.entry(step).or_default().insert(BranchKey { path: path_of(&path), item }, value);
    }
    Ok(past)
}

/// How many attempts at steps, ends of them, and changes a run has.
pub(super) fn rows(connection: &Connection, run: &str) -> rusqlite::Result<[u32; 3]> {
    let count = "SELECT count(*), count(report), (SELECT count(*) FROM change WHERE run = ?1) FROM step WHERE run = ?1";
    connection.query_row(count, params![run], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
}

/// What an undo has taken back: what it has noted, and what its own changes say.
fn read_undone(store: &Store, run: &str) -> Result<HashSet<Undoes>> {
    let noted: Vec<(String, u32)> = store.try_with(|connection| {
        let mut statement = connection.prepare("SELECT id, part FROM undone WHERE run = ?1")?;
        statement.query_map(params![run], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })?;
    let changes: Vec<(String, String)> = store.try_with(|connection| {
        let query = "SELECT undoes, results FROM change WHERE run = ?1 AND undoes IS NOT NULL AND results IS NOT NULL";
        let mut statement = connection.prepare(query)?;
        statement.query_map(params![run], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    })?;
    let noted = noted.into_iter().filter_map(|(id, part)| Some(Undoes { id: id.parse().ok()?, part }));
    let changed = changes.into_iter().filter_map(|(undoes, results)| {
        let results: Vec<ResultWord> = serde_json::from_str(&results).ok()?;
        if results.iter().all(|word| word.took_effect()) { serde_json::from_str(&undoes).ok() } else { None }
    });
    Ok(noted.chain(changed).collect())
}

/// A step's attempt: in which session, the step's key, and which one.
type Attempt = (u32, String, u32);

/// The attempts at steps that were taken back, because they came after the step to which an undo went back.
fn taken_back(store: &Store, run: &str) -> Result<HashSet<Attempt>> {
    let mut all = HashSet::new();
    for undo in store.undos_of(run)? {
        let Some(to) = undo.what.strip_prefix("to ") else { continue };
        // Sessions are written in the order in which they begin: later ones are none of the undo's business.
        let query = "SELECT step.resumed, key, attempt FROM step JOIN session USING (run, resumed)
            WHERE run = ?1 AND attempt > 0 AND session.rowid < (SELECT min(rowid) FROM session WHERE run = ?2)
            ORDER BY step.rowid";
        let before: Vec<Attempt> = store.try_with(|connection| {
            let mut statement = connection.prepare(query)?;
            statement.query_map(params![run, undo.run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })?;
        let last = before.iter().rposition(|(_, key, _)| key == to).map_or(before.len(), |last| last + 1);
        all.extend(before.into_iter().skip(last));
    }
    Ok(all)
}

/// Whether an attempt has taken back by hand what those before it at its step have done.
pub(super) fn takes_back(report: &StepReport) -> bool {
    report.status == StepStatus::Pending
}

fn read_steps(store: &Store, run: &str, key: &DataKey, past: &mut Past) -> Result<()> {
    let mut taken_back = taken_back(store, run)?;
    let rows: Vec<StepRow> = store.try_with(|connection| {
        // What was typed outside of steps is none of them.
        let query =
            "SELECT resumed, key, attempt, report, value, state FROM step WHERE run = ?1 AND key <> ?2 ORDER BY rowid";
        let mut statement = connection.prepare(query)?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?, row.get(4)?, row.get(5)?))
        };
        statement.query_map(params![run, TYPED], row)?.collect()
    })?;
    let rows = rows.into_iter().map(|(at, report, value, state)| {
        let report: Option<StepReport> = report.and_then(|text| serde_json::from_str(&text).ok());
        (at, report, value, state)
    });
    let rows: Vec<_> = rows.collect();
    for (number, ((_, step, _), report, ..)) in rows.iter().enumerate() {
        if report.as_ref().is_some_and(takes_back) {
            let so_far = rows.iter().take(number + 1).map(|(at, ..)| at);
            taken_back.extend(so_far.filter(|(_, other, _)| other == step).cloned());
        }
    }
    for (at, report, value, state) in rows {
        let (_, step, attempt) = &at;
        let known: &mut StepPast = past.steps.entry(step.clone()).or_default();
        known.attempts = known.attempts.max(*attempt);
        past.taken_back.retain(|other| other != step);
        if taken_back.contains(&at) {
            past.taken_back.push(step.clone());
            continue;
        }
        // What is done stays done; what had failed may have been left out by a person since.
        if *attempt == 0 && known.is_done() {
            continue;
        }
        known.report = report;
        known.value = match (known.is_done(), value) {
            (true, Some(value)) => Some(key.open(&about_step(run, step, "value"), &value)?),
            _ => None,
        };
        if let (true, Some(state)) = (known.is_done(), state) {
            let state: BTreeMap<String, Json> = key.open(&about_step(run, step, "state"), &state)?;
            past.state.extend(state);
        }
    }
    past.taken_back.retain(|step| past.steps.get(step).is_none_or(|known| !known.is_done()));
    Ok(())
}
