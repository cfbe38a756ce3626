//! What is readable of runs without their keys.

use jiff::Timestamp;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::fault::Fault;
use super::records::{PlannedStep, RemarkSort, Standing};
use super::store::Store;
use super::stored::ChangedResource;
use crate::Result;
use crate::change::ResultWord;
use crate::report::StepReport;
use crate::who::Who;

/// A run in a list.
#[derive(Debug, Clone, Serialize)]
pub struct RunLine {
    /// Its id.
    pub run: String,
    /// `run` or `undo`.
    pub sort: String,
    /// The run that an undo takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The playbook's name.
    pub playbook: String,
    /// What was chosen to run; for an undo, `all` or `to` a step.
    pub what: String,
    /// The customer folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// What it acted on.
    pub target: String,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended; nothing for one that runs, or died.
    pub ended: Option<Timestamp>,
    /// How it ended: ok, failed, cancelled.
    pub status: Option<String>,
    /// Who started it, where, with what.
    #[serde(flatten)]
    pub who: Who,
    /// How often it was resumed.
    pub resumed: u32,
    /// How many changes it recorded.
    pub changes: u32,
    /// The undo that has taken it back whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
}

/// All that is readable of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunRecord {
    /// What stands in a list.
    #[serde(flatten)]
    pub line: RunLine,
    /// The clusters' identities, by name.
    pub identities: Json,
    /// Each time that it was started or resumed.
    pub sessions: Vec<SessionRecord>,
    /// The steps as planned, in order.
    pub planned: Vec<PlannedStep>,
    /// The attempts at steps, in order.
    pub steps: Vec<AttemptRecord>,
    /// The changes, in order.
    pub changed: Vec<ChangeRecord>,
    /// What was decided, accepted, and left to be done by hand, in order.
    pub remarks: Vec<RemarkRecord>,
    /// The versions of what it used: of the Kubernetes servers, of Helm.
    pub versions: Vec<String>,
    /// The resources that it stands for.
    pub inventory: Vec<Standing>,
}

/// One time that a run was started or resumed.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRecord {
    /// 0 for the first.
    pub resumed: u32,
    /// Who, where, with what.
    #[serde(flatten)]
    pub who: Who,
    /// When.
    pub started: Timestamp,
    /// Until when; nothing for one that runs, or died.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub status: Option<String>,
}

/// An attempt at a step; what was decided about one that was not run.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptRecord {
    /// In which session.
    pub resumed: u32,
    /// The step's key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The attempt; 0 if it was not run.
    pub attempt: u32,
    /// Whether what it does cannot be taken back.
    pub irreversible: bool,
    /// When it began, on the target's clock.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What came of it; nothing for one that runs, or was interrupted.
    pub report: Option<StepReport>,
}

/// A recorded change.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeRecord {
    /// Its place in the order.
    pub id: String,
    /// The step's key.
    pub step: String,
    /// The primitive.
    pub primitive: String,
    /// When it was intended, on the target's clock.
    pub at: Timestamp,
    /// What was done to what.
    pub resources: Vec<ChangedResource>,
    /// What came of it, one word a resource; nothing while it is in flight.
    pub results: Option<Vec<ResultWord>>,
    /// What was explicitly allowed.
    pub permits: Vec<String>,
    /// Why it cannot be taken back, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cannot_undo: Option<String>,
}

/// What a report has to say beside changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemarkRecord {
    /// What sort of remark.
    pub sort: RemarkSort,
    /// When, on the target's clock.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

const LINES: &str =
    "SELECT r.id, r.sort, r.undoes, r.playbook, r.what, r.folder, r.target, r.started, r.ended, r.status,
    s.user, s.machine, s.zone, s.version,
    (SELECT max(resumed) FROM session WHERE run = r.id),
    (SELECT count(*) FROM change WHERE run = r.id),
    (SELECT max(u.id) FROM run u WHERE u.undoes = r.id AND u.status = 'ok' AND u.what = 'all'
      AND NOT EXISTS (SELECT 1 FROM run v WHERE v.undoes = u.id))
  FROM run r JOIN session s ON s.run = r.id AND s.resumed = 0";

fn time(text: Option<String>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

fn line(row: &Row<'_>) -> rusqlite::Result<RunLine> {
    Ok(RunLine {
        run: row.get(0)?,
        sort: row.get(1)?,
        undoes: row.get(2)?,
        playbook: row.get(3)?,
        what: row.get(4)?,
        folder: row.get(5)?,
        target: row.get(6)?,
        started: time(row.get(7)?).unwrap_or_default(),
        ended: time(row.get(8)?),
        status: row.get(9)?,
        who: Who { user: row.get(10)?, machine: row.get(11)?, zone: row.get(12)?, version: row.get(13)? },
        resumed: row.get(14)?,
        changes: row.get(15)?,
        undone_by: row.get(16)?,
    })
}

impl Store {
    /// The runs, the newest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn runs(&self) -> Result<Vec<RunLine>> {
        self.try_with(|connection| {
            let mut statement = connection.prepare(&format!("{LINES} ORDER BY r.started DESC, r.id DESC"))?;
            statement.query_map([], line)?.collect()
        })
    }

    /// The undos of a run that nobody has taken back in turn, the newest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn undos_of(&self, run: &str) -> Result<Vec<RunLine>> {
        let runs = self.runs()?;
        let stands = |undo: &&RunLine| runs.iter().all(|other| other.undoes.as_ref() != Some(&undo.run));
        Ok(runs.iter().filter(|undo| undo.undoes.as_deref() == Some(run)).filter(stands).cloned().collect())
    }

    /// All that is readable of a run. Its id is whole: see [`Store::find`].
    ///
    /// # Errors
    /// Where the file cannot be read, or holds what it should not.
    pub fn record(&self, run: &str) -> Result<RunRecord> {
        let (line, steps, identities) = self.try_with(|connection| {
            let line = connection.query_row(&format!("{LINES} WHERE r.id = ?1"), params![run], line)?;
            let planned = "SELECT steps, identities FROM run WHERE id = ?1";
            let texts: (String, String) =
                connection.query_row(planned, params![run], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((line, texts.0, texts.1))
        })?;
        let (versions, remarks): (Vec<_>, Vec<_>) =
            self.remarks(run)?.into_iter().partition(|remark| remark.sort == RemarkSort::Version);
        Ok(RunRecord {
            line,
            identities: self.parsed(&identities, "identities")?,
            planned: self.parsed(&steps, "steps")?,
            sessions: self.sessions(run)?,
            steps: self.attempts(run)?,
            changed: self.changes(run)?,
            remarks,
            versions: versions.into_iter().map(|remark| remark.text).collect(),
            inventory: self.inventory(run)?,
        })
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, text: &str, about: &str) -> Result<T> {
        let unreadable = |e: serde_json::Error| {
            let source = format!("what stands there as {about} cannot be read: {e}");
            Fault::Damaged { path: self.path().to_owned(), source: Some(source.into()) }
        };
        Ok(serde_json::from_str(text).map_err(unreadable)?)
    }

    fn rows<T>(&self, query: &str, run: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>> {
        self.try_with(|connection| {
            let mut statement = connection.prepare(query)?;
            statement.query_map(params![run], read)?.collect()
        })
    }

    fn sessions(&self, run: &str) -> Result<Vec<SessionRecord>> {
        let query = "SELECT resumed, user, machine, zone, version, started, ended, status FROM session WHERE run = ?1 ORDER BY resumed";
        self.rows(query, run, |row| {
            Ok(SessionRecord {
                resumed: row.get(0)?,
                who: Who { user: row.get(1)?, machine: row.get(2)?, zone: row.get(3)?, version: row.get(4)? },
                started: time(row.get(5)?).unwrap_or_default(),
                ended: time(row.get(6)?),
                status: row.get(7)?,
            })
        })
    }

    fn attempts(&self, run: &str) -> Result<Vec<AttemptRecord>> {
        let query = "SELECT resumed, key, title, attempt, irreversible, started, ended, report FROM step WHERE run = ?1
            ORDER BY rowid";
        let rows = self.rows(query, run, |row| {
            let report: Option<String> = row.get(7)?;
            let record = AttemptRecord {
                resumed: row.get(0)?,
                key: row.get(1)?,
                title: row.get(2)?,
                attempt: row.get(3)?,
                irreversible: row.get(4)?,
                started: time(row.get(5)?),
                ended: time(row.get(6)?),
                report: None,
            };
            Ok((record, report))
        })?;
        let with_report = |(mut record, report): (AttemptRecord, Option<String>)| {
            record.report = report.map(|text| self.parsed(&text, "report")).transpose()?;
            Ok(record)
        };
        rows.into_iter().map(with_report).collect()
    }

    fn changes(&self, run: &str) -> Result<Vec<ChangeRecord>> {
        let query = "SELECT resumed, step, attempt, path, key, primitive, at, resources, results, permits, cannot
            FROM change WHERE run = ?1 ORDER BY rowid";
        let rows = self.rows(query, run, |row| {
            let id: (u32, u32, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let texts: (String, Option<String>, String) = (row.get(7)?, row.get(8)?, row.get(9)?);
            let record = ChangeRecord {
                id: format!("{}/{}/{}/{}", id.0, id.1, id.2, id.3),
                step: row.get(4)?,
                primitive: row.get(5)?,
                at: time(row.get(6)?).unwrap_or_default(),
                resources: Vec::new(),
                results: None,
                permits: Vec::new(),
                cannot_undo: row.get(10)?,
            };
            Ok((record, texts))
        })?;
        let with_texts = |(mut record, texts): (ChangeRecord, (String, Option<String>, String))| {
            record.resources = self.parsed(&texts.0, "resources")?;
            record.results = texts.1.map(|text| self.parsed(&text, "results")).transpose()?;
            record.permits = self.parsed(&texts.2, "permits")?;
            Ok(record)
        };
        rows.into_iter().map(with_texts).collect()
    }

    fn remarks(&self, run: &str) -> Result<Vec<RemarkRecord>> {
        let query = "SELECT sort, at, text FROM remark WHERE run = ?1 ORDER BY rowid";
        let rows: Vec<(String, String, String)> =
            self.rows(query, run, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut remarks: Vec<RemarkRecord> = Vec::new();
        for (sort, at, text) in rows {
            let sort = self.parsed(&format!("{sort:?}"), "remark")?;
            // A step that was run again says the same again.
            if !remarks.iter().any(|known| known.sort == sort && known.text == text) {
                remarks.push(RemarkRecord { sort, at: time(Some(at)).unwrap_or_default(), text });
            }
        }
        Ok(remarks)
    }

    fn inventory(&self, run: &str) -> Result<Vec<Standing>> {
        let query = "SELECT resource, primitive FROM inventory WHERE run = ?1 ORDER BY resource";
        let rows: Vec<(String, String)> = self.rows(query, run, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let standing = |(resource, primitive): (String, String)| {
            Ok(Standing { resource: self.parsed(&resource, "inventory")?, primitive })
        };
        rows.into_iter().map(standing).collect()
    }
}
