//! `windlass rehearse`.

mod answers;
mod faults;
mod findings;
mod notes;

use std::sync::Arc;

use serde_json::json;
use windlass_runtime::clock::next_hour;
use windlass_runtime::hosts::Hosts;
use windlass_runtime::report::{Report, RunStatus};
use windlass_runtime::secret::MemoryVault;
use windlass_runtime::target;
use windlass_runtime::{Error, Result as Run};
use windlass_shadow::recording::Recording;
use windlass_shadow::topology::Topology;

use super::record;
use crate::args::{Rehearse, RunOutput};
use crate::exit;
use crate::failed::Failed;
use crate::io::{Ui, json_escaped};
use crate::launch::{Chosen, Launch, tell_failed};
use crate::workspace::Workspace;

use answers::Answers;
pub(crate) use faults::Faults;
use findings::{Findings, Setting};
use notes::Notes;

pub(crate) fn run(rehearse: &Rehearse, ui: &Ui) -> Result<u8, Failed> {
    attempt(rehearse, ui).inspect_err(|failed| tell_failed(failed, rehearse.telling.output, ui))
}

fn attempt(rehearse: &Rehearse, ui: &Ui) -> Result<u8, Failed> {
    let workspace = Workspace::open(rehearse.what.what.as_deref(), &rehearse.what.values)?;
    let base = rehearse.base.as_deref().map(|file| record::base(file, ui)).transpose()?;
    let topology = topology(rehearse, &workspace)?;
    let mut nodes: Vec<String> = topology.nodes.iter().map(|node| node.name.clone()).collect();
    nodes.extend(base.iter().flat_map(Recording::nodes));
    let faults = Faults::read(&rehearse.fail, &nodes)?;
    let begin = rehearse.begin.unwrap_or_else(next_hour);
    let setting = Setting { seed: rehearse.seed, nodes: nodes.len(), begin };
    let mut builder = target::Shadow::builder().seed(setting.seed).begin_at(begin).topology(topology);
    if let Some(base) = base {
        builder = builder.base(base);
    }
    let names = workspace.customer.iter().flat_map(|customer| customer.clusters.keys());
    for name in names.filter(|name| *name != "default") {
        builder = builder.cluster(name);
    }
    let target = builder.build()?;
    let rehearsal = Rehearsal {
        workspace: &workspace,
        chosen: Chosen::of(&rehearse.steps),
        answers: Arc::new(Answers::new(&rehearse.yes_to)),
        vault: Arc::new(MemoryVault::new()),
        faults,
        launch: Launch::new(ui, workspace.sources.clone(), &rehearse.telling)?,
        target,
    };
    rehearsal.faults.begin(&rehearsal.target);
    let notes = Notes::default();
    let report = rehearsal.once(&notes)?;
    let mut findings = Findings::new(setting, &report, &notes);
    findings.objects = rehearsal.target.made();
    let again = match rehearse.twice && report.status == RunStatus::Ok {
        true => {
            if rehearse.telling.output == RunOutput::Text && !ui.quiet {
                ui.err("\nthe second run, which must change nothing\n");
            }
            Some(rehearsal.once(&Notes::default())?)
        }
        false => None,
    };
    findings.faults = rehearsal.faults.ends(&rehearsal.target);
    findings.questions = rehearsal.answers.asked();
    findings.endless = rehearsal.target.endless();
    match rehearse.telling.output {
        RunOutput::Text => ui.out(&findings.text(again.as_ref(), ui.out_style)),
        RunOutput::Json => ui.out_json(&with_findings(&report, &findings, again.as_ref())),
        RunOutput::Jsonl => {
            let line = json!({ "event": "rehearsal", "rehearsal": findings.json(), "again": again });
            ui.out(&format!("{}\n", json_escaped(&line.to_string())));
        }
    }
    let code = rehearsal.launch.code(report.status);
    Ok(match &again {
        Some(again) if code == exit::OK && again.status != RunStatus::Ok => rehearsal.launch.code(again.status),
        Some(again) if code == exit::OK && again.changed + again.assumed > 0 => exit::FAILED,
        _ => code,
    })
}

/// The report of the (first) run, and what the rehearsal found besides.
fn with_findings(report: &Report, findings: &Findings, again: Option<&Report>) -> serde_json::Value {
    let mut json = serde_json::to_value(report).unwrap_or_default();
    if let Some(map) = json.as_object_mut() {
        map.insert("rehearsal".to_owned(), findings.json());
        if let Some(again) = again {
            map.insert("again".to_owned(), json!(again));
        }
    }
    json
}

/// The machines: as many as asked for, or the base's own, or the customer's, or three.
fn topology(rehearse: &Rehearse, workspace: &Workspace) -> Run<Topology> {
    if let Some(nodes) = rehearse.nodes {
        return Ok(Topology::of(nodes.into()));
    }
    if rehearse.base.is_some() {
        return Ok(Topology::default());
    }
    let hosts = workspace.customer.as_ref().map(|customer| Hosts::of_folder(&customer.folder)).transpose()?.flatten();
    Ok(hosts.map_or_else(|| Topology::of(3), |hosts| hosts.topology()))
}

/// What several runs in one rehearsal share.
struct Rehearsal<'a> {
    workspace: &'a Workspace,
    chosen: Chosen,
    launch: Launch<'a>,
    target: target::Shadow,
    faults: Faults,
    answers: Arc<Answers>,
    /// Keeps generated secrets for as long as the rehearsal lasts: the second run finds those of the first.
    vault: Arc<MemoryVault>,
}

impl Rehearsal<'_> {
    fn once(&self, notes: &Notes) -> Result<Report, Failed> {
        self.launch.run(
            self.workspace,
            &self.chosen,
            self.target.clone(),
            |builder, progress| {
                self.answers.say_to(progress.screen());
                let builder = builder.vault(self.vault.clone()).prompter(self.answers.clone()).sink(notes.sink());
                let builder = self.answers.given().fold(builder, windlass_runtime::SessionBuilder::yes_to);
                builder.sink(self.faults.sink(&self.target, progress.screen()))
            },
            |prepared| self.faults.check(prepared.steps()).map_err(|error: Error| vec![error]),
        )
    }
}
