//! `windlass run`.

use std::sync::Arc;

use serde_json::json;
use windlass_runtime::access::Access;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::event::Event;
use windlass_runtime::playbook::Selection;
use windlass_runtime::report::{Report, RunStatus};
use windlass_runtime::{Error, Session};

use crate::args::{Run, RunOutput};
use crate::exit;
use crate::failed::Failed;
use crate::io::{Output, Ui, json_escaped};
use crate::progress::{LogFailure, LogFile, Progress};
use crate::prompt::Terminal;
use crate::render::Sources;
use crate::workspace::Workspace;
use crate::{signals, vault, workspace};

pub(crate) fn run(run: &Run, ui: &Ui) -> Result<u8, Failed> {
    match attempt(run, ui) {
        Ok((report, log)) => {
            if run.output == RunOutput::Json {
                ui.out_json(&report);
            }
            let lost = log.and_then(|log| log.error());
            let told = lost.map(|error| Failed::while_running(error, Sources::default()).report(ui));
            Ok(match report.status {
                RunStatus::Ok => told.unwrap_or(exit::OK),
                RunStatus::Failed => exit::FAILED,
                RunStatus::Cancelled => exit::CANCELLED,
            })
        }
        Err(failed) => {
            if run.output != RunOutput::Text {
                let errors: Vec<_> = failed.errors.iter().map(Error::to_json).collect();
                let status = if failed.code == exit::CANCELLED { "cancelled" } else { "failed" };
                let report = json!({ "status": status, "changed": 0, "unchanged": 0, "steps": [], "error": errors.first(), "errors": errors });
                match run.output {
                    RunOutput::Json => ui.out_json(&report),
                    _ => ui.out(&format!("{}\n", json_escaped(&report.to_string()))),
                }
            }
            Err(failed)
        }
    }
}

fn attempt(run: &Run, ui: &Ui) -> Result<(Report, Option<LogFailure>), Failed> {
    let workspace = Workspace::open(&run.what)?;
    let runtime = workspace::runtime()?;
    let target = workspace::target(&run.cluster, workspace.customer.as_ref())?;
    let progress = Progress::new(ui, workspace.sources.clone(), run.output == RunOutput::Text);
    let screen = progress.screen();
    let cancel = Cancel::root();
    let mut builder = runtime
        .session(target)
        .values(workspace.values_json())
        .vault(vault::of(workspace.customer.as_ref()))
        .conflicts(workspace.customer.as_ref().map(|c| c.conflicts).unwrap_or_default())
        .cancel(cancel.clone())
        .sink(progress.sink());
    if run.read_only {
        builder = builder.access(Access::read_only());
    }
    for key in &run.yes_to {
        builder = builder.yes_to(key);
    }
    if run.output == RunOutput::Jsonl {
        builder = builder.sink(json_lines(ui.io.out.clone()));
    }
    let mut log = None;
    if let Some(path) = &run.log {
        let file = LogFile::create(path)?;
        log = Some(file.failure());
        builder = builder.sink(file);
    }
    let listening = if ui.io.process {
        if Terminal::is_there() {
            let prompter = Terminal { cancel: cancel.clone(), progress: progress.clone(), style: ui.err_style };
            builder = builder.prompter(Arc::new(prompter));
        }
        Some(signals::listen(runtime.bridge(), &cancel, screen)?)
    } else {
        None
    };
    let session = builder.open();
    let result = prepared(run, &workspace, &session);
    drop(listening);
    progress.finish();
    result.map(|report| (report, log))
}

fn prepared(run: &Run, workspace: &Workspace, session: &Session) -> Result<Report, Failed> {
    let before = |errors: Vec<Error>| Failed::before(errors, workspace.sources.clone());
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
    let selection = Selection { from: run.from.clone(), only: run.only.clone(), skip: run.skip.clone() };
    prepared.check_selection(&selection).and_then(|()| prepared.open_cluster()).map_err(|e| before(vec![e]))?;
    let run = prepared.start(&selection).map_err(|e| before(vec![e]))?;
    run.wait().map_err(|e| Failed::while_running(e, workspace.sources.clone()))
}

fn json_lines(output: Output) -> impl Fn(&Event) + Send + Sync + 'static {
    move |event: &Event| {
        if let Ok(text) = serde_json::to_string(event) {
            output.write(&format!("{}\n", json_escaped(&text)));
        }
    }
}
