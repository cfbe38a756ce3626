//! One run of a playbook: checked, started, followed to its end, and told.

use std::sync::Arc;

use serde_json::json;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::event::{Event, Sink as _};
use windlass_runtime::lock::{LockOptions, Patience};
use windlass_runtime::playbook::{Prepared, Resume, Run as Started, Selection};
use windlass_runtime::report::{Report, RunStatus};
use windlass_runtime::target::Target;
use windlass_runtime::{Error, Result as Run, Runtime, Session, SessionBuilder};

use crate::args::{RunOutput, Steps, Telling};
use crate::exit;
use crate::failed::Failed;
use crate::io::{Output, Ui, json_escaped};
use crate::progress::{LogFile, Progress};
use crate::render::Sources;
use crate::signals;
use crate::workspace::Workspace;

/// What sessions of one command share.
pub(crate) struct Launch<'a> {
    ui: &'a Ui,
    sources: Sources,
    runtime: Runtime,
    output: RunOutput,
    log: Option<Arc<LogFile>>,
    /// Stops the run.
    pub(crate) cancel: Cancel,
    /// The command that finds out what was under way when it was killed, where it is recorded.
    pub(crate) finds_out: Option<String>,
}

/// Which steps of a playbook run.
pub(crate) struct Chosen {
    pub(crate) selection: Selection,
    /// How a run goes on that was started before, if it does.
    pub(crate) resume: Option<Resume>,
}

impl Chosen {
    pub(crate) fn of(steps: &Steps) -> Self {
        let Steps { from, only, skip } = steps;
        Self { selection: Selection { from: from.clone(), only: only.clone(), skip: skip.clone() }, resume: None }
    }
}

impl<'a> Launch<'a> {
    pub(crate) fn new(ui: &'a Ui, sources: Sources, telling: &Telling) -> Run<Self> {
        let log = telling.log.as_deref().map(LogFile::create).transpose()?.map(Arc::new);
        let (runtime, cancel) = (crate::workspace::runtime()?, Cancel::root());
        Ok(Self { ui, sources, runtime, output: telling.output, log, cancel, finds_out: None })
    }

    /// Opens a session and does something in it. `set_up` adds to the session what is particular.
    pub(crate) fn session<T>(
        &self,
        target: impl Target,
        set_up: impl FnOnce(SessionBuilder, &Progress) -> SessionBuilder,
        work: impl FnOnce(&Session) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let progress = Progress::new(self.ui, self.sources.clone(), self.output == RunOutput::Text);
        let mut builder = self.runtime.session(target).cancel(self.cancel.clone()).sink(progress.sink());
        if self.output == RunOutput::Jsonl {
            builder = builder.sink(json_lines(self.ui.io.out.clone()));
        }
        if let Some(log) = self.log.clone() {
            builder = builder.sink(move |event: &Event| log.event(event));
        }
        builder = set_up(self.ui.machine.given_to(builder), &progress);
        let listening = match self.ui.io.process {
            true => Some(signals::listen(
                self.runtime.bridge(),
                &self.cancel,
                progress.screen(),
                self.finds_out.as_deref(),
            )?),
            false => None,
        };
        let result = work(&builder.open());
        drop(listening);
        progress.finish();
        result
    }

    /// Runs a playbook once. `look` sees the steps before they run.
    pub(crate) fn run(
        &self,
        workspace: &Workspace,
        chosen: &Chosen,
        target: impl Target,
        set_up: impl FnOnce(SessionBuilder, &Progress) -> SessionBuilder,
        look: impl FnOnce(&Prepared) -> Result<(), Vec<Error>>,
    ) -> Result<Report, Failed> {
        let conflicts = workspace.customer.as_ref().map(|c| c.conflicts).unwrap_or_default();
        let set_up = |builder: SessionBuilder, progress: &Progress| {
            let lock = LockOptions::of(&workspace.playbook, workspace.customer.as_ref());
            set_up(builder.values(workspace.values_json()).conflicts(conflicts).lock(lock), progress)
        };
        self.session(target, set_up, |session| play(workspace, chosen, session, look))
    }

    /// The exit code of a run that has a report. What the log file lacks is said.
    pub(crate) fn code(&self, status: RunStatus) -> u8 {
        let lost = self.log.as_ref().and_then(|log| log.failure().error());
        let told = lost.map(|error| Failed::while_running(error, Sources::default()).report(self.ui));
        match status {
            RunStatus::Ok => told.unwrap_or(exit::OK),
            RunStatus::Failed => exit::FAILED,
            RunStatus::Cancelled => exit::CANCELLED,
        }
    }
}

/// Checks a playbook and runs it in a session.
fn play(
    workspace: &Workspace,
    chosen: &Chosen,
    session: &Session,
    look: impl FnOnce(&Prepared) -> Result<(), Vec<Error>>,
) -> Result<Report, Failed> {
    let sources = &workspace.sources;
    let before = |errors: Vec<Error>| Failed::before(errors, sources.clone());
    let mut problems = workspace.value_problems();
    let checked = session.prepare_checked(&workspace.playbook, workspace.schema.as_deref());
    let prepared = match checked {
        Ok(prepared) if problems.is_empty() => prepared,
        Ok(_) => return Err(before(problems)),
        Err(found) => {
            problems.extend(found);
            return Err(before(problems));
        }
    };
    look(&prepared).map_err(before)?;
    prepared.open_cluster().map_err(|e| before(vec![e]))?;
    // A run that died on another machine is gone on with when its lease has run out.
    let patience = if chosen.resume.is_some() { Patience::UntilExpired } else { Patience::None };
    let _held = prepared.take_lock(patience).map_err(|e| before(vec![e]))?;
    let run = match &chosen.resume {
        Some(resume) => prepared.resume(&chosen.selection, resume),
        None => prepared.start(&chosen.selection),
    };
    finished(run, sources)
}

/// What came of a run that was to be started.
pub(crate) fn finished(run: Run<Started>, sources: &Sources) -> Result<Report, Failed> {
    let run = run.map_err(|e| Failed::before(vec![e], sources.clone()))?;
    run.wait().map_err(|e| Failed::while_running(e, sources.clone()))
}

/// Tells machines of a run that has no report.
pub(crate) fn tell_failed(failed: &Failed, output: RunOutput, ui: &Ui) {
    let errors: Vec<_> = failed.errors.iter().map(Error::to_json).collect();
    let status = if failed.code == exit::CANCELLED { "cancelled" } else { "failed" };
    let report = json!({ "status": status, "changed": 0, "unchanged": 0, "steps": [], "error": errors.first(), "errors": errors });
    match output {
        RunOutput::Text => {}
        RunOutput::Json => ui.out_json(&report),
        RunOutput::Jsonl => ui.out(&format!("{}\n", json_escaped(&report.to_string()))),
    }
}

fn json_lines(output: Output) -> impl Fn(&Event) + Send + Sync + 'static {
    move |event: &Event| {
        if let Ok(text) = serde_json::to_string(event) {
            output.write(&format!("{}\n", json_escaped(&text)));
        }
    }
}
