//! The journal of one run in a file.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};

use super::Journal;
use super::entries::{SealedIntent, entries, path_text};
use super::hashes::Hashes;
use super::listing::RunLine;
use super::past::takes_back;
use super::records::{
    EarlierRun, Entry, EntryId, Intent, Note, Past, ResultRecord, RunStart, StepRecord, StepStart, Undoes,
};
use super::seal::{DataKey, about_branch, about_change, about_once, about_step};
use super::store::Store;
use crate::change::{Inverse, Op, PartImage, Resource};
use crate::report::Report;
use crate::sync::lock;
use crate::who::Who;
use crate::{Error, Result};

/// So many earlier runs are looked at for what they left.
const EARLIER: usize = 20;

/// What a run is, beside what the session knows of it.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// What was chosen to run, as `windlass run --resume` finds it again.
    pub what: String,
    /// The customer folder.
    pub folder: Option<PathBuf>,
    /// The run that this one takes back.
    pub undoes: Option<String>,
}

/// The journal of one run in a [`Store`].
pub struct StoredRun {
    store: Store,
    about: About,
    key: DataKey,
    /// The key as it is kept, for a run that is not in the file yet.
    wrapped: Vec<u8>,
    /// The run's id, once it is known.
    run: Mutex<String>,
    /// Whether it is recorded that this session has begun.
    begun: AtomicBool,
    past: Past,
    notes: Mutex<Vec<Note>>,
}

/// What is readable of a part of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangedResource {
    /// What was done.
    pub op: Op,
    /// The resource.
    pub resource: Resource,
    /// The difference, without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<String>,
}

impl Store {
    /// The journal of a run that is about to start. Nothing is written before it does.
    ///
    /// # Errors
    /// Where the user's key cannot be read or made, or a recipient is none.
    pub fn begin(&self, about: About) -> Result<StoredRun> {
        let (key, wrapped) = self.new_key()?;
        let (run, begun, past, notes) = Default::default();
        Ok(StoredRun { store: self.clone(), about, key, wrapped, run, begun, past, notes })
    }

    /// The journal of a run that goes on.
    ///
    /// # Errors
    /// [`crate::Kind::Denied`] where it is sealed for others.
    pub fn resume(&self, run: &str) -> Result<StoredRun> {
        self.check()?;
        let key = self.key_of(run)?;
        let past = super::past::read(self, run, &key)?;
        let (run, begun, notes) = (Mutex::new(run.to_owned()), AtomicBool::default(), Mutex::default());
        let (store, about, wrapped) = (self.clone(), About::default(), Vec::new());
        Ok(StoredRun { store, about, key, wrapped, run, begun, past, notes })
    }

    /// What a run has changed, in order.
    ///
    /// # Errors
    /// [`crate::Kind::Denied`] where it is sealed for others.
    pub fn entries(&self, run: &str) -> Result<Vec<Entry>> {
        entries(self, run, &self.key_of(run)?)
    }
}

impl StoredRun {
    fn run(&self) -> String {
        lock(&self.run).clone()
    }

    fn commit(&self, work: impl FnOnce(&Transaction<'_>, &str) -> rusqlite::Result<()>) -> Result<()> {
        let run = self.run();
        let mut notes = lock(&self.notes);
        let sealed = notes.iter().map(|note| self.sealed_note(&run, note)).collect::<Result<Vec<_>>>()?;
        self.store.commit(|transaction| {
            work(transaction, &run)?;
            notes.iter().zip(&sealed).try_for_each(|(note, sealed)| write_note(transaction, &run, note, sealed))
        })?;
        notes.clear();
        Ok(())
    }

    fn sealed_note(&self, run: &str, note: &Note) -> Result<Vec<u8>> {
        match note {
            Note::Remark { .. } | Note::Undone(_) | Note::Identities(_) => Ok(Vec::new()),
            Note::Once { step, name, value } => self.key.seal(&about_once(run, step, name), value),
            Note::BranchEnded { step, branch, value } => {
                self.key.seal(&about_branch(run, step, &path_text(&branch.path)), &(&branch.item, value))
            }
        }
    }
}

fn write_note(transaction: &Transaction<'_>, run: &str, note: &Note, sealed: &[u8]) -> rusqlite::Result<()> {
    match note {
        Note::Remark { sort, id, at, text } => transaction
            .prepare_cached("INSERT INTO remark VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![run, id.as_ref().map(ToString::to_string), sort.as_str(), at.to_string(), text]),
        Note::Once { step, name, .. } => transaction
            .prepare_cached("INSERT OR REPLACE INTO once VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run, step, name, sealed]),
        Note::BranchEnded { step, branch, .. } => transaction
            .prepare_cached("INSERT OR REPLACE INTO branch VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![run, step, path_text(&branch.path), sealed]),
        Note::Undone(Undoes { id, part }) => transaction
            .prepare_cached("INSERT OR IGNORE INTO undone VALUES (?1, ?2, ?3)")?
            .execute(params![run, id.to_string(), part]),
        Note::Identities(identities) => transaction
            .prepare_cached("UPDATE run SET identities = ?2 WHERE id = ?1")?
            .execute(params![run, identities.to_string()]),
    }
    .map(|_| ())
}

/// Removes what only a step asks for that goes on where it has failed.
fn forget_begun(transaction: &Transaction<'_>, run: &str, step: &str) -> rusqlite::Result<()> {
    ["branch", "once"].into_iter().try_for_each(|table| {
        let delete = format!("DELETE FROM {table} WHERE run = ?1 AND step = ?2");
        transaction.prepare_cached(&delete)?.execute(params![run, step]).map(|_| ())
    })
}

fn json(content: &impl Serialize) -> Result<String> {
    serde_json::to_string(content).map_err(|e| Error::internal("what a journal keeps is no JSON").source(e))
}

impl Journal for StoredRun {
    fn run_started(&self, start: &RunStart) -> Result<()> {
        lock(&self.run).clone_from(&start.run);
        let (hashes, steps) = (json(&Hashes::of(start, &self.key))?, json(&start.steps)?);
        let (identities, who) = (json(&start.identities)?, Who::here());
        let (now, resumed) = (Timestamp::now().to_string(), self.past.resumed);
        if self.begun.load(Ordering::Acquire) {
            return self.commit(|transaction, run| {
                let update = "UPDATE run SET playbook = ?2, steps = ?3, identities = ?4, hashes = ?5 WHERE id = ?1";
                transaction.execute(update, params![run, start.playbook, steps, identities, hashes]).map(|_| ())
            });
        }
        self.commit(|transaction, run| {
            if resumed == 0 {
                transaction.execute(
                    "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, NULL, NULL)",
                    params![
                        run,
                        if self.about.undoes.is_some() { "undo" } else { "run" },
                        self.about.undoes,
                        start.playbook,
                        self.about.what,
                        self.about.folder.as_ref().map(|folder| folder.display().to_string()),
                        start.target,
                        steps,
                        identities,
                        hashes,
                        self.wrapped,
                        now
                    ],
                )?;
            } else {
                // What was read before the lock was there may be out of date.
                if super::past::rows(transaction, run)? != self.past.rows {
                    let overtaken = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT);
                    return Err(rusqlite::Error::SqliteFailure(overtaken, None));
                }
                transaction.execute(
                    "UPDATE run SET steps = ?2, identities = ?3, hashes = ?4, ended = NULL, status = NULL WHERE id = ?1",
                    params![run, steps, identities, hashes],
                )?;
                self.past.taken_back.iter().try_for_each(|step| forget_begun(transaction, run, step))?;
            }
            transaction.execute(
                "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)",
                params![run, resumed, who.user, who.machine, who.zone, who.version, now],
            )?;
            Ok(())
        })?;
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    fn differences(&self, start: &RunStart) -> Result<Vec<String>> {
        if self.past.resumed == 0 {
            return Ok(Vec::new());
        }
        let run = self.run();
        let kept: String = self.store.try_with(|connection| {
            connection.query_row("SELECT hashes FROM run WHERE id = ?1", params![run], |row| row.get(0))
        })?;
        let before: Hashes = serde_json::from_str(&kept).unwrap_or_default();
        Ok(before.differences(&Hashes::of(start, &self.key)))
    }

    fn earlier(&self, start: &RunStart) -> Result<Vec<EarlierRun>> {
        let same = |run: &RunLine| run.sort == "run" && run.what == self.about.what && run.undone_by.is_none();
        let mut earlier = Vec::new();
        for run in self.store.runs()?.into_iter().filter(same).take(EARLIER) {
            // One that is sealed for others is not asked for.
            let Ok(key) = self.store.key_of(&run.run) else { continue };
            let past = super::past::read(&self.store, &run.run, &key)?;
            if past.is_on(&start.identities) {
                let results = past.results();
                earlier.push(EarlierRun { run: run.run, state: past.state, results });
            }
        }
        Ok(earlier)
    }

    fn step_started(&self, step: &StepStart) -> Result<()> {
        self.commit(|transaction, run| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO step (run, resumed, number, key, title, attempt, irreversible, started)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            let (resumed, at) = (self.past.resumed, step.at.to_string());
            statement.execute(params![
                run,
                resumed,
                step.number,
                step.key,
                step.title,
                step.attempt,
                step.irreversible,
                at
            ])?;
            Ok(())
        })
    }

    fn intent(&self, intent: &Intent) -> Result<()> {
        let sealed =
            SealedIntent { parts: intent.parts.clone(), probe: intent.probe.clone(), inverse: intent.inverse.clone() };
        let sealed = self.key.seal(&about_change(&self.run(), &intent.id, "intent"), &sealed)?;
        let diffs = intent.diffs.iter().cloned().chain(std::iter::repeat(Vec::new()));
        let readable = |(part, diff): (&PartImage, Vec<String>)| ChangedResource {
            op: part.op,
            resource: part.resource.clone(),
            diff,
        };
        let resources = json(&intent.parts.iter().zip(diffs).map(readable).collect::<Vec<_>>())?;
        let (identity, permits) = (json(&intent.identity)?, json(&intent.permits)?);
        let undoes = intent.undoes.as_ref().map(json).transpose()?;
        let cannot = if let Inverse::Cannot(reason) = &intent.inverse { Some(reason) } else { None };
        self.commit(|transaction, run| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO change VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, NULL, NULL, NULL)",
            )?;
            let EntryId { resumed, step, attempt, path } = &intent.id;
            statement.execute(params![
                run,
                resumed,
                step,
                attempt,
                path_text(path),
                intent.step,
                intent.primitive,
                intent.at.to_string(),
                identity,
                resources,
                permits,
                cannot,
                undoes,
                sealed
            ])?;
            Ok(())
        })
    }

    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()> {
        let sealed = self.key.seal(&about_change(&self.run(), id, "after"), &result.after)?;
        let (results, now) = (json(&result.results)?, Timestamp::now().to_string());
        self.commit(|transaction, run| {
            let mut statement = transaction.prepare_cached(
                "UPDATE change SET ended = ?6, results = ?7, after = ?8
                 WHERE run = ?1 AND resumed = ?2 AND step = ?3 AND attempt = ?4 AND path = ?5",
            )?;
            let EntryId { resumed, step, attempt, path } = id;
            match statement.execute(params![run, resumed, step, attempt, path_text(path), now, results, sealed])? {
                1 => Ok(()),
                rows => Err(rusqlite::Error::StatementChangedRows(rows)),
            }
        })
    }

    fn note(&self, note: Note) {
        lock(&self.notes).push(note);
    }

    fn step_ended(&self, record: &StepRecord) -> Result<()> {
        let starts_anew = record.is_ok() || takes_back(&record.report);
        if starts_anew {
            lock(&self.notes).retain(|note| !note.is_begun_by(&record.key));
        }
        let run = self.run();
        let value = self.key.seal(&about_step(&run, &record.key, "value"), &record.value)?;
        let state = match record.state.is_empty() {
            true => None,
            false => Some(self.key.seal(&about_step(&run, &record.key, "state"), &record.state)?),
        };
        let report = json(&record.report)?;
        let standing = record.inventory.iter().map(|s| Ok((json(&s.resource)?, &s.primitive)));
        let standing = standing.collect::<Result<Vec<_>>>()?;
        self.commit(|transaction, run| {
            if record.attempt == 0 {
                // What is left out again is so from now on, and not since it was left out first.
                let query = "DELETE FROM step WHERE run = ?1 AND resumed = ?2 AND key = ?3 AND attempt = 0";
                transaction.prepare_cached(query)?.execute(params![run, self.past.resumed, record.key])?;
            }
            let mut statement = transaction.prepare_cached(
                "INSERT INTO step (run, resumed, number, key, title, attempt, irreversible, ended, report, value, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10)
                 ON CONFLICT DO UPDATE SET ended = ?7, report = ?8, value = ?9, state = ?10",
            )?;
            statement.execute(params![
                run,
                self.past.resumed,
                record.number,
                record.key,
                record.report.title,
                record.attempt,
                record.at.to_string(),
                report,
                value,
                state
            ])?;
            let mut statement = transaction.prepare_cached("INSERT OR REPLACE INTO inventory VALUES (?1, ?2, ?3)")?;
            for (resource, primitive) in &standing {
                statement.execute(params![run, resource, primitive])?;
            }
            if starts_anew {
                forget_begun(transaction, run, &record.key)?;
            }
            Ok(())
        })
    }

    fn run_ended(&self, report: &Report) -> Result<()> {
        let (status, now) = (report.status.as_str(), Timestamp::now().to_string());
        self.commit(|transaction, run| {
            transaction.execute("UPDATE run SET ended = ?2, status = ?3 WHERE id = ?1", params![run, now, status])?;
            transaction.execute(
                "UPDATE session SET ended = ?3, status = ?4 WHERE run = ?1 AND resumed = ?2",
                params![run, self.past.resumed, now, status],
            )?;
            Ok(())
        })
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        entries(&self.store, &self.run(), &self.key)
    }

    fn past(&self) -> &Past {
        &self.past
    }
}
