//! One run of a playbook: checked, started, followed to its end, and told.

use std::sync::Arc;

use serde_json::json;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::event::{Event, Sink as _};
use windlass_runtime::lock::{LockOptions, Patience};
use windlass_runtime::playbook::{Prepared, Selection};
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

/// What runs of one command share.
pub(crate) struct Launch<'a> {
    ui: &'a Ui,
    pub(crate) workspace: &'a Workspace,
    runtime: Runtime,
    selection: Selection,
    output: RunOutput,
    log: Option<Arc<LogFile>>,
    /// Stops the run.
    pub(crate) cancel: Cancel,
}

impl<'a> Launch<'a> {
    pub(crate) fn new(ui: &'a Ui, workspace: &'a Workspace, steps: &Steps, telling: &Telling) -> Run<Self> {
        let log = telling.log.as_deref().map(LogFile::create).transpose()?.map(Arc::new);
        Ok(Self {
            ui,
            workspace,
            runtime: crate::workspace::runtime()?,
            selection: Selection { from: steps.from.clone(), only: steps.only.clone(), skip: steps.skip.clone() },
            output: telling.output,
            log,
            cancel: Cancel::root(),
        })
    }

    /// Runs the playbook once. `set_up` adds to the session what is particular, `look` sees the steps before they run.
    pub(crate) fn run(
        &self,
        target: impl Target,
        set_up: impl FnOnce(SessionBuilder, &Progress) -> SessionBuilder,
        look: impl FnOnce(&Prepared) -> Result<(), Vec<Error>>,
    ) -> Result<Report, Failed> {
        let progress = Progress::new(self.ui, self.workspace.sources.clone(), self.output == RunOutput::Text);
        let mut builder = self
            .runtime
            .session(target)
            .values(self.workspace.values_json())
            .conflicts(self.workspace.customer.as_ref().map(|c| c.conflicts).unwrap_or_default())
            .lock(LockOptions::of(&self.workspace.playbook, self.workspace.customer.as_ref()))
            .cancel(self.cancel.clone())
            .sink(progress.sink());
        if self.output == RunOutput::Jsonl {
            builder = builder.sink(json_lines(self.ui.io.out.clone()));
        }
        if let Some(log) = self.log.clone() {
            builder = builder.sink(move |event: &Event| log.event(event));
        }
        builder = set_up(self.ui.machine.given_to(builder), &progress);
        let listening = match self.ui.io.process {
            true => Some(signals::listen(self.runtime.bridge(), &self.cancel, progress.screen())?),
            false => None,
        };
        let result = self.prepared(&builder.open(), look);
        drop(listening);
        progress.finish();
        result
    }

    fn prepared(
        &self,
        session: &Session,
        look: impl FnOnce(&Prepared) -> Result<(), Vec<Error>>,
    ) -> Result<Report, Failed> {
        let sources = &self.workspace.sources;
        let before = |errors: Vec<Error>| Failed::before(errors, sources.clone());
        let mut problems = self.workspace.value_problems();
        let checked = session.prepare_checked(&self.workspace.playbook, self.workspace.schema.as_deref());
        let prepared = match checked {
            Ok(prepared) if problems.is_empty() => prepared,
            Ok(_) => return Err(before(problems)),
            Err(found) => {
                problems.extend(found);
                return Err(before(problems));
            }
        };
        look(&prepared).map_err(before)?;
        let checked = prepared.check_selection(&self.selection).and_then(|()| prepared.open_cluster());
        checked.map_err(|e| before(vec![e]))?;
        // Given back when the run has ended, however it did.
        let _locked = prepared.take_lock(Patience::None).map_err(|e| Failed::while_running(e, sources.clone()))?;
        let run = prepared.start(&self.selection).map_err(|e| before(vec![e]))?;
        run.wait().map_err(|e| Failed::while_running(e, sources.clone()))
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
