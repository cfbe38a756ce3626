//! `windlass run`.

use std::sync::Arc;

use windlass_runtime::SessionBuilder;
use windlass_runtime::access::Access;
use windlass_runtime::journal::{Journal, MemoryJournal, RunLine};
use windlass_runtime::playbook::Resume;
use windlass_runtime::values::Path;
use windlass_runtime::{Error, Kind, Result as Tried};

use crate::args::{LAST, Resuming, Run, RunOutput};
use crate::clean::line;
use crate::failed::Failed;
use crate::io::Ui;
use crate::launch::{Chosen, Launch, tell_failed};
use crate::progress::Progress;
use crate::prompt::Terminal;
use crate::workspace::Workspace;
use crate::{exit, go_on, journals, vault, workspace};

pub(crate) fn run(run: &Run, ui: &Ui) -> Result<u8, Failed> {
    attempt(run, ui).inspect_err(|failed| tell_failed(failed, run.telling.output, ui))
}

fn attempt(run: &Run, ui: &Ui) -> Result<u8, Failed> {
    if run.step && !someone_is_there(ui) {
        let error = Error::usage("--step asks a person before each step, and there is no terminal to ask on");
        return Err(error.hint("run it at a terminal, or leave --step out; --only STEP runs one step").into());
    }
    let workspace = Workspace::open(run.what.what.as_deref(), &run.what.values)?;
    let target = workspace::target(&run.cluster, workspace.customer.as_ref())?;
    let Some(journal) = journal(run, &workspace, ui)? else { return Ok(exit::OK) };
    let mut launch = Launch::new(ui, workspace.sources.clone(), &run.telling)?;
    launch.finds_out = (!run.read_only).then(|| go_on::resume(run));
    let chosen = Chosen { resume: resume(&run.resuming), ..Chosen::of(&run.steps) };
    let customer = workspace.customer.as_ref();
    let report = launch.run(
        &workspace,
        &chosen,
        target,
        |mut builder, progress| {
            builder = builder.vault(vault::of(&ui.machine, customer)).journal(journal);
            if run.read_only {
                builder = builder.access(Access::read_only());
            }
            for key in &run.yes_to {
                builder = builder.yes_to(key);
            }
            if run.step {
                builder = builder.step_by_step();
            }
            asking(builder, &launch, progress, workspace.shown_values(), ui)
        },
        |_| Ok(()),
    )?;
    if run.telling.output == RunOutput::Json {
        ui.out_json(&report);
    }
    go_on::after_run(run, &report, ui);
    Ok(launch.code(report.status))
}

/// Asks the person at the terminal, where there is one. The values are those that may be shown.
pub(super) fn asking(
    builder: SessionBuilder,
    launch: &Launch<'_>,
    progress: &Progress,
    values: Vec<(Path, String)>,
    ui: &Ui,
) -> SessionBuilder {
    if !someone_is_there(ui) {
        return builder;
    }
    let (cancel, progress) = (launch.cancel.clone(), progress.clone());
    builder.prompter(Arc::new(Terminal {
        stopped: Box::new(move || cancel.reason()),
        progress,
        style: ui.err_style,
        values,
    }))
}

fn someone_is_there(ui: &Ui) -> bool {
    ui.io.process && Terminal::is_there()
}

fn resume(resuming: &Resuming) -> Option<Resume> {
    resuming.resume.as_ref().map(|_| Resume {
        redo: resuming.redo.clone(),
        failed_only: resuming.failed_only,
        accept_changes: resuming.accept_changes,
    })
}

/// The journal of the run; nothing where the run that was to go on is done already, which is told.
fn journal(run: &Run, workspace: &Workspace, ui: &Ui) -> Tried<Option<Arc<dyn Journal>>> {
    if run.read_only {
        return Ok(Some(Arc::new(MemoryJournal::new())));
    }
    let customer = workspace.customer.as_ref();
    let Some(named) = &run.resuming.resume else {
        let begun = journals::open(&ui.machine, customer)?.begin(journals::about(workspace))?;
        return Ok(Some(ui.machine.watched(begun)));
    };
    let store = journals::known(&ui.machine, customer)?;
    let id = if named == LAST { journals::last(&store, workspace)?.run } else { store.find(named)? };
    let undos = store.undos_of(&id)?;
    if let Some(begun) = undos.iter().find(|undo| undo.status.as_deref() != Some("ok")) {
        let text = format!("the undo {} of the run {id} was begun, and has not ended", begun.run);
        let to = begun.what.strip_prefix("to ").map(|step| format!(" --to {step}")).unwrap_or_default();
        let hint = format!("end it first: windlass undo {id}{to}");
        return Err(Error::new(Kind::Conflict, text).hint(hint));
    }
    if let Some(undo) = undos.iter().find(|undo| undo.what == "all") {
        let text = format!("the run {id} was taken back, by {}", undo.run);
        return Err(Error::new(Kind::Conflict, text).hint("start a new run: the same without --resume"));
    }
    let runs = store.runs()?;
    let is_done = |line: &&RunLine| line.run == id && line.status.as_deref() == Some("ok");
    if run.resuming.redo.is_empty()
        && let Some(done) = runs.iter().find(is_done)
        && (undos.is_empty() || store.resume(&id)?.past().taken_back.is_empty())
    {
        ui.err(&format!("the run {} of {} is done: there is nothing to resume\n", line(&id), line(&done.playbook)));
        return Ok(None);
    }
    Ok(Some(ui.machine.watched(store.resume(&id)?)))
}
