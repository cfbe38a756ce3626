//! Beginning a run, and going on with one that was started before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::load::Prepared;
use super::run::Run;
use super::scripts::declared_scripts;
use super::select::Selection;
use super::walk::Walk;
use crate::change::{Probed, ResultWord};
use crate::event::Level;
use crate::journal::{Entry, Past, PlannedStep, ResultRecord, RunStart};
use crate::session::{Earlier, Session, elsewhere};
use crate::{Error, Kind, Result, undo};

/// How a run goes on that was started before.
#[derive(Debug, Clone, Default)]
pub struct Resume {
    /// Steps that are run again although they are done: keys, tags, or the folders of keys.
    pub redo: Vec<String>,
    /// Of branches side by side, only those are run again that are not done.
    pub failed_only: bool,
    /// Goes on although scripts or values are not as they were.
    pub accept_changes: bool,
}

impl Prepared {
    /// Runs the steps that are chosen, on a thread of their own.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a word that chooses nothing, and for a step that reads state which nobody leaves, neither in this run
    /// nor in an earlier one of this playbook on this cluster; where the journal cannot be written. What happens in the steps is in
    /// the report.
    pub fn start(self, selection: &Selection) -> Result<Run> {
        let left_out = selection.left_out(&self.steps)?;
        let problems = |state: &BTreeSet<String>| selection.check_state(&self.steps, &left_out, state);
        let is_whole = selection.is_whole();
        let start = self.run_start(&left_out)?;
        let earlier = match is_whole || self.session.target().simulation().is_some() {
            true => Vec::new(),
            false => self.session.journal().earlier(&start)?,
        };
        // The last one that has what is asked for.
        let found = earlier.into_iter().find(|run| problems(&run.state.keys().cloned().collect()).is_empty());
        let Some(run) = found else {
            return match problems(&BTreeSet::new()).into_iter().next() {
                Some(problem) => Err(problem),
                None => self.begin(&start, left_out, BTreeMap::new()),
            };
        };
        let text = format!("state and results of the steps that are left out are those of the run {}", run.run);
        self.session.log(None, Level::Info, text);
        self.session.add_earlier(Earlier { state: run.state, results: run.results });
        self.begin(&start, left_out, BTreeMap::new())
    }

    /// Goes through the steps one by one, on this thread and in whatever order: a run as any other, which [`Walk::end`] ends.
    ///
    /// # Errors
    /// Where the clusters cannot be asked who they are, or the journal cannot be written.
    pub fn walk(self) -> Result<Walk> {
        let left_out = Selection::default().left_out(&self.steps)?;
        self.session.journal().run_started(&self.run_start(&left_out)?)?;
        Ok(Walk::begin(self, left_out, BTreeMap::new()))
    }

    /// Goes on with the run whose journal the session has: what is done is not run again, what was in flight is looked at.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where scripts, values or clusters are not those of the run, by name; as [`Prepared::start`].
    pub fn resume(self, selection: &Selection, resume: &Resume) -> Result<Run> {
        let session = self.session.clone();
        let past = session.journal().past();
        let redo = Selection { only: resume.redo.clone(), ..Selection::default() };
        let spared = if resume.redo.is_empty() { BTreeMap::new() } else { redo.left_out(&self.steps)? };
        let is_redone = |key: &str| !resume.redo.is_empty() && !spared.contains_key(key);
        let mut left_out = past.left_out.clone();
        left_out.extend(past.steps.iter().filter_map(|(key, step)| Some((key.clone(), step.left_out()?))));
        left_out.extend(selection.left_out(&self.steps)?);
        left_out.retain(|key, _| !is_redone(key));
        let done: BTreeMap<String, String> = past
            .steps
            .iter()
            .filter(|(key, step)| step.is_done() && !is_redone(key) && !left_out.contains_key(*key))
            .map(|(key, _)| (key.clone(), "done already in this run".to_owned()))
            .collect();
        let state = past.state.keys().cloned().collect();
        let without: BTreeMap<_, _> = left_out.iter().chain(&done).map(|(k, v)| (k.clone(), v.clone())).collect();
        self.check_state(selection, &without, &state)?;
        self.open_recorded(past)?;
        let start = self.run_start(&left_out)?;
        self.check_clusters(past)?;
        self.check_same(&start, resume)?;
        if resume.failed_only {
            session.run_failed_branches_only();
        }
        let mut results = past.results();
        results.retain(|key, _| !is_redone(key));
        session.add_earlier(Earlier { state: past.state.clone(), results });
        self.say_how_far(past, &done);
        settle(&session)?;
        self.begin(&start, left_out, done)
    }

    fn say_how_far(&self, past: &Past, done: &BTreeMap<String, String>) {
        // What an undo has done whole is not among its steps any more.
        let all: BTreeSet<&String> = self.steps.iter().map(|step| &step.key).chain(done.keys()).collect();
        let (run, attempt) = (past.run.as_deref().unwrap_or_default(), past.resumed + 1);
        let are = if done.len() == 1 { "is" } else { "are" };
        let text =
            format!("the run {run} goes on (attempt {attempt}): {} of {} steps {are} done", done.len(), all.len());
        self.session.log(None, Level::Info, text);
        if !past.taken_back.is_empty() {
            let text = format!("taken back since, and run again: {}", past.taken_back.join(", "));
            self.session.log(None, Level::Info, text);
        }
    }

    fn check_state(
        &self,
        selection: &Selection,
        without: &BTreeMap<String, String>,
        state: &BTreeSet<String>,
    ) -> Result<()> {
        selection.check_state(&self.steps, without, state).into_iter().next().map_or(Ok(()), Err)
    }

    /// Opens the clusters of a run, as far as they are known here by the names that it had for them.
    fn open_recorded(&self, past: &Past) -> Result<()> {
        let session = &self.session;
        let Some(recorded) = past.identities.as_object() else { return Ok(()) };
        // The names in an older journal are none that scripts use.
        let is_old = !recorded.contains_key("");
        let names = recorded.keys().map(|name| Some(name.as_str()).filter(|name| !name.is_empty() && !is_old));
        for name in names {
            if let Err(error) = session.cluster(name, session.cancel())
                && error.kind().is_final()
            {
                return Err(error);
            }
        }
        session.ask_identities(session.cancel())
    }

    /// Refuses other clusters than those of the run: by the names that scripts use, the same are meant.
    fn check_clusters(&self, past: &Past) -> Result<()> {
        let Some(recorded) = past.identities.as_object() else { return Ok(()) };
        // An older journal has the clusters' own names.
        let by_own_name = !recorded.contains_key("");
        let present = if by_own_name { self.session.identities() } else { self.session.named_identities() };
        let Some(present) = present.as_object().filter(|present| !present.is_empty()) else { return Ok(()) };
        for (name, was) in recorded {
            let is_same = match present.get(name) {
                Some(is) => is == was,
                None => present.values().any(|is| is == was),
            };
            if !is_same {
                let named = |(name, is): (&String, &Json)| {
                    let name = if name.is_empty() { self.session.target().name() } else { name.clone() };
                    format!("{name} is {}", is.as_str().unwrap_or("unknown"))
                };
                let here: Vec<String> = present.iter().map(named).collect();
                return Err(elsewhere(name, was.as_str().unwrap_or("unknown"), &here.join(", ")));
            }
        }
        Ok(())
    }

    /// Refuses scripts and values that are not as they were when the run was started.
    fn check_same(&self, start: &RunStart, resume: &Resume) -> Result<()> {
        let session = &self.session;
        let changed = session.journal().differences(start)?;
        if changed.is_empty() {
            return Ok(());
        }
        let listed = changed.join(", ");
        if !resume.accept_changes {
            let text = format!("since the run was started, these have changed: {listed}");
            let hint = "what is done was done with the former ones: --accept-changes goes on with the new ones, a run without --resume starts anew";
            return Err(Error::new(Kind::Conflict, text).hint(hint).details(json!({ "changed": changed })));
        }
        let text = format!("resumed although these have changed: {listed}");
        session.log(None, Level::Warn, &text);
        session.remark(&text);
        Ok(())
    }

    pub(super) fn run_start(&self, left_out: &BTreeMap<String, String>) -> Result<RunStart> {
        let session = &self.session;
        if self.uses_cluster {
            session.cluster(None, session.cancel())?;
            session.ask_identities(session.cancel())?;
        }
        let planned = self.steps.iter().map(|step| PlannedStep {
            key: step.key.clone(),
            title: step.title().to_owned(),
            left_out: left_out.get(&step.key).cloned(),
        });
        Ok(RunStart {
            run: session.id().to_owned(),
            playbook: self.name.clone(),
            target: session.target().name(),
            identities: session.named_identities(),
            steps: planned.collect(),
            scripts: declared_scripts(session, &self.units),
            values: Json::clone(&session.values()),
        })
    }

    fn begin(
        self,
        start: &RunStart,
        left_out: BTreeMap<String, String>,
        done: BTreeMap<String, String>,
    ) -> Result<Run> {
        self.session.journal().run_started(start)?;
        Run::start(self, left_out, done)
    }
}

/// Finds out what became of the changes that were in flight when the run ended, and records it.
fn settle(session: &Session) -> Result<()> {
    let open = |(_, result): &Entry| result.as_ref().is_none_or(ResultRecord::is_unclear);
    for (intent, result) in session.journal().entries()?.into_iter().filter(open) {
        let probed = undo::probe(session, &intent)?;
        let before = result.unwrap_or_else(|| ResultRecord {
            results: vec![ResultWord::Unknown; intent.parts.len()],
            after: vec![None; intent.parts.len()],
        });
        let mut record = before.clone();
        for ((word, probed), part) in record.results.iter_mut().zip(probed).zip(&intent.parts) {
            if *word != ResultWord::Unknown {
                continue;
            }
            let found = match probed {
                Probed::TookEffect => {
                    *word = ResultWord::Changed;
                    "it took effect".to_owned()
                }
                Probed::DidNot => {
                    *word = ResultWord::Failed;
                    "it did not take effect".to_owned()
                }
                Probed::Unclear(why) => format!("whether it took effect cannot be told: {why}"),
            };
            let text = format!("in flight when the run ended: {} of {}: {found}", intent.primitive, part.resource);
            session.log(Some(&intent.step), Level::Info, text);
        }
        if record.results != before.results || before.is_unclear() {
            session.journal().result(&intent.id, &record)?;
        }
    }
    Ok(())
}
