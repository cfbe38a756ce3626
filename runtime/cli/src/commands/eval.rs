//! `windlass eval`.

use std::sync::Arc;

use serde_json::Value as Json;
use windlass_runtime::access::Access;
use windlass_runtime::lock::{LockOptions, Patience};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::yaml;

use crate::args::{Eval, EvalOutput};
use crate::clean::clean;
use crate::exit;
use crate::failed::Failed;
use crate::io::{Ui, json_escaped};
use crate::plain::plain;
use crate::progress::Progress;
use crate::prompt::Terminal;
use crate::render::Sources;
use crate::{journals, signals, vault, workspace};

const SOURCE: &str = "<eval>";

pub(crate) fn run(eval: &Eval, ui: &Ui) -> Result<u8, Failed> {
    let mut sources = Sources::new(windlass_playbooks::tree());
    sources.add(SOURCE, &eval.expression);
    let runtime = workspace::runtime()?;
    let target = workspace::target(&eval.cluster, None)?;
    let progress = Progress::new(ui, sources.clone(), false);
    let screen = progress.screen();
    let options = LockOptions { playbook: "windlass eval".to_owned(), ..LockOptions::default() };
    let builder = ui
        .machine
        .given_to(runtime.session(target))
        .vault(vault::of(&ui.machine, None))
        .lock(options)
        .journal(journals::on_demand(&ui.machine, "eval"));
    let mut builder = builder.sink(progress.sink());
    if eval.read_only {
        builder = builder.access(Access::read_only());
    }
    let cancel = windlass_runtime::cancel::Cancel::root();
    builder = builder.cancel(cancel.clone());
    let asked = cancel.clone();
    let listening = if ui.io.process {
        if Terminal::is_there() {
            builder = builder.prompter(Arc::new(Terminal {
                stopped: Box::new(move || asked.reason()),
                progress: progress.clone(),
                style: ui.err_style,
                values: Vec::new(),
            }));
        }
        Some(signals::listen(runtime.bridge(), &cancel, screen, None)?)
    } else {
        None
    };
    let session = builder.open();
    // A cluster is locked before the first change on it.
    let locked = session.take_lock(false, Patience::None)?;
    let result = session.evaluate(&Playbook::text(SOURCE, &eval.expression));
    drop(locked);
    drop(listening);
    progress.finish();
    let value = result.map_err(|error| match error.detail_value() {
        // It does not parse: known before anything ran.
        Some(details) if details.get("parse").is_some() => Failed::before(vec![error], sources.clone()),
        _ => Failed::while_running(error, sources.clone()),
    })?;
    let json = match plain(value) {
        Ok(json) => json,
        Err(error) => return Err(Failed::while_running(error, sources)),
    };
    let text = match (eval.output, &json) {
        (EvalOutput::Yaml, json) => yaml::write(json)?,
        (EvalOutput::Text, Json::Null) => String::new(),
        (EvalOutput::Text, Json::String(text)) => format!("{text}\n"),
        (EvalOutput::Text | EvalOutput::Json, json) => pretty(json),
    };
    let text = session.mask(&text);
    ui.out(&if ui.io.out.is_terminal() { clean(&text) } else { text });
    Ok(exit::OK)
}

fn pretty(json: &Json) -> String {
    format!("{}\n", json_escaped(&format!("{json:#}")))
}
