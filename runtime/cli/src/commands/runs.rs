//! `windlass runs`.

pub(crate) mod grouped;
mod markdown;
mod shown;

use serde_json::json;
use windlass_runtime::journal::{RunLine, Store};

use crate::args::{
    Format, LAST, ReportFormat, Runs, RunsCommand, RunsExport, RunsImport, RunsList, RunsShow, WhoseRuns,
};
use crate::clean::line;
use crate::failed::Failed;
use crate::io::Ui;
use crate::{exit, journals, workspace};

pub(crate) fn run(runs: &Runs, ui: &Ui) -> Result<u8, Failed> {
    match &runs.command {
        None => list(&runs.list, ui),
        Some(RunsCommand::List(options)) => list(options, ui),
        Some(RunsCommand::Show(options)) => show(options, ui),
        Some(RunsCommand::Export(options)) => export(options, ui),
        Some(RunsCommand::Import(options)) => import(options, ui),
    }
}

/// So many runs are listed where not all are asked for.
const SHOWN: usize = 20;

fn store(whose: &WhoseRuns, ui: &Ui) -> Result<Store, Failed> {
    Ok(journals::known(&ui.machine, workspace::customer(whose.customer.as_deref())?.as_ref())?)
}

fn list(options: &RunsList, ui: &Ui) -> Result<u8, Failed> {
    let customer = workspace::customer(options.whose.customer.as_deref())?;
    let mut runs = match journals::existing(&ui.machine, customer.as_ref())? {
        Some(store) => store.runs()?,
        None => Vec::new(),
    };
    journals::mark_running(&ui.machine, customer.as_ref(), &mut runs)?;
    match options.output {
        Format::Json => ui.out_json(&json!({ "runs": runs })),
        Format::Text if runs.is_empty() => ui.err("no run is recorded here yet\n"),
        Format::Text => {
            let last = if options.all { runs.as_slice() } else { runs.get(..SHOWN).unwrap_or(&runs) };
            ui.out(&shown::table(last, ui.out_style));
            if last.len() < runs.len() {
                ui.err(&format!("{} earlier ones: windlass runs --all\n", runs.len() - last.len()));
            }
        }
    }
    Ok(exit::OK)
}

/// The whole id of the run that is meant.
pub(crate) fn id(store: &Store, run: &str) -> Result<String, Failed> {
    let last = |runs: Vec<RunLine>| runs.into_iter().next().map(|line| line.run);
    match run {
        LAST => match last(store.runs()?) {
            Some(id) => Ok(id),
            None => Ok(store.find(run)?),
        },
        run => Ok(store.find(run)?),
    }
}

fn show(options: &RunsShow, ui: &Ui) -> Result<u8, Failed> {
    let customer = workspace::customer(options.whose.customer.as_deref())?;
    let store = journals::known(&ui.machine, customer.as_ref())?;
    let mut record = store.record(&id(&store, &options.run)?)?;
    journals::mark_running(&ui.machine, customer.as_ref(), [&mut record.line])?;
    match options.output {
        ReportFormat::Json => ui.out_json(&record),
        ReportFormat::Text => ui.out(&shown::record(&record, ui.verbose > 0, ui.out_style)),
        ReportFormat::Markdown => ui.out(&markdown::report(&record)),
    }
    Ok(exit::OK)
}

fn export(options: &RunsExport, ui: &Ui) -> Result<u8, Failed> {
    let store = store(&options.whose, ui)?;
    let id = id(&store, &options.run)?;
    store.export(&id, &options.file)?;
    ui.err(&format!("the run {} is in {}\n", line(&id), line(&options.file.display().to_string())));
    Ok(exit::OK)
}

fn import(options: &RunsImport, ui: &Ui) -> Result<u8, Failed> {
    let customer = workspace::customer(options.whose.customer.as_deref())?;
    let store = journals::open(&ui.machine, customer.as_ref())?;
    let id = store.import(&options.file)?;
    ui.err(&format!("the run {} is taken: windlass runs show {}\n", line(&id), line(&id)));
    Ok(exit::OK)
}
