//! What a rehearsal found, as it is told at its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::change::ResultWord;
use windlass_runtime::duration::display;
use windlass_runtime::report::{Report, StepStatus};
use windlass_runtime::target::Shadow;
use windlass_shadow::Counted;

use super::answers::Asked;
use super::notes::{Notes, Wait};
use crate::clean::line;
use crate::style::Style;

/// How many waits are worth a line.
const WAITS: usize = 5;
/// How many resources of a second run are named that it changed.
const CHANGED: usize = 20;

/// A step in the timeline.
#[derive(Debug, Clone)]
struct Moment {
    step: String,
    status: StepStatus,
    at: f64,
    took: f64,
}

/// What a rehearsal found besides the report.
pub(super) struct Findings {
    seed: u64,
    nodes: usize,
    virtual_s: f64,
    timeline: Vec<Moment>,
    waits: Vec<Wait>,
    pub(super) objects: Vec<Counted>,
    pub(super) questions: Vec<Asked>,
    /// What controllers of the simulation could not finish: its own mistakes.
    pub(super) endless: Vec<String>,
}

/// All objects of all clusters.
pub(super) fn counted(target: &Shadow) -> Vec<Counted> {
    let mut all: BTreeMap<(String, String), Counted> = BTreeMap::new();
    for counted in target.clusters().values().flat_map(windlass_shadow::Shadow::census) {
        let key = (counted.kind.clone(), counted.group.clone());
        match all.get_mut(&key) {
            Some(before) => before.count += counted.count,
            None => drop(all.insert(key, counted)),
        }
    }
    all.into_values().collect()
}

/// What there is now and was not before, without Events.
pub(super) fn made(before: &[Counted], now: &[Counted]) -> Vec<Counted> {
    let more = |counted: &Counted| {
        let same = |other: &&Counted| other.kind == counted.kind && other.group == counted.group;
        let count = counted.count.saturating_sub(before.iter().find(same).map_or(0, |b| b.count));
        (count > 0 && counted.kind != "Event").then(|| Counted { count, ..counted.clone() })
    };
    now.iter().filter_map(more).collect()
}

impl Findings {
    pub(super) fn new(seed: u64, nodes: usize, report: &Report, notes: &Notes) -> Self {
        let moment = |(step, at): &(String, f64)| {
            let of = report.steps.iter().find(|s| s.key == *step)?;
            Some(Moment { step: step.clone(), status: of.status, at: *at, took: of.virtual_s.unwrap_or_default() })
        };
        let (timeline, mut waits) =
            notes.with(|noted| (noted.steps.iter().filter_map(moment).collect(), noted.waits.clone()));
        waits.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        waits.truncate(WAITS);
        let virtual_s = report.virtual_s.unwrap_or_default();
        let (objects, questions, endless) = (Vec::new(), Vec::new(), Vec::new());
        Self { seed, nodes, virtual_s, timeline, waits, objects, questions, endless }
    }

    fn not_simulated(&self) -> Vec<String> {
        let mut all = vec![
            "what containers do: each starts in its time and is ready then, unless a fault says otherwise".to_owned(),
            "what is outside of the cluster: machines, registries, names, certificates of others".to_owned(),
        ];
        let custom: Vec<String> = self.objects.iter().filter(|c| c.is_custom).map(|c| c.kind.clone()).collect();
        if !custom.is_empty() {
            all.push(format!("operators: nobody acts on {}", custom.join(", ")));
        }
        all
    }

    pub(super) fn json(&self) -> Json {
        let timeline = self.timeline.iter();
        let timeline =
            timeline.map(|m| json!({ "step": m.step, "status": m.status, "at_s": m.at, "virtual_s": m.took }));
        let objects = self.objects.iter();
        let objects = objects.map(|c| json!({ "kind": c.kind, "group": c.group, "count": c.count }));
        let waits = self.waits.iter().map(|w| json!({ "step": w.step, "what": w.what, "virtual_s": w.seconds }));
        json!({
            "seed": self.seed, "nodes": self.nodes, "virtual_s": self.virtual_s,
            "timeline": timeline.collect::<Vec<_>>(), "objects": objects.collect::<Vec<_>>(),
            "longest_waits": waits.collect::<Vec<_>>(), "questions": self.questions,
            "not_simulated": self.not_simulated(), "endless": self.endless,
        })
    }

    pub(super) fn text(&self, again: Option<&Report>, style: Style) -> String {
        let mut text = String::new();
        let head = |text: &mut String, words: &str, more: &str| {
            let _ = writeln!(text, "\n{}{}", style.bold(words), style.dim(more));
        };
        let nodes = if self.nodes == 1 { "1 node".to_owned() } else { format!("{} nodes", self.nodes) };
        head(&mut text, "timeline", &format!("  (simulated time, {nodes}, seed {})", self.seed));
        let width = self.timeline.iter().map(|m| line(&m.step).width()).max().unwrap_or_default();
        for moment in &self.timeline {
            let key = line(&moment.step);
            let gap = " ".repeat(width - key.width());
            let word = match moment.status {
                StepStatus::Ok => String::new(),
                StepStatus::Failed => style.bold_red("  failed"),
                StepStatus::Cancelled => style.bold_yellow("  cancelled"),
                _ => style.yellow("  not done"),
            };
            let _ = writeln!(text, "  {:>8}  {key}{gap}  {:>8}{word}", seconds(moment.at), seconds(moment.took));
        }
        let _ = writeln!(text, "  {:>8}  {}", seconds(self.virtual_s), style.dim("end"));
        if !self.objects.is_empty() {
            head(&mut text, "objects", "  (made by it, and by the cluster for it)");
            let all: Vec<String> =
                self.objects.iter().map(|c| format!("{} {}", c.count, plural(&c.kind, c.count))).collect();
            for row in all.chunks(6) {
                let _ = writeln!(text, "  {}", row.join(", "));
            }
        }
        if !self.waits.is_empty() {
            head(&mut text, "longest waits", "");
            for wait in &self.waits {
                let step = style.dim(format!("({})", line(&wait.step)));
                let _ = writeln!(text, "  {:>8}  {} {step}", seconds(wait.seconds), line(&wait.what));
            }
        }
        if !self.questions.is_empty() {
            head(&mut text, "questions", "  (that a run asks a person)");
            for asked in &self.questions {
                let key = asked.key.as_deref().map(|key| format!(" {}", style.dim(format!("--yes-to {}", line(key)))));
                let _ = writeln!(text, "  {}{}", line(&asked.text), key.unwrap_or_default());
            }
        }
        head(&mut text, "not simulated", "");
        for one in self.not_simulated() {
            let _ = writeln!(text, "  {}", line(&one));
        }
        for one in &self.endless {
            let _ =
                writeln!(text, "  {} {}", style.bold_yellow("a controller of the simulation does not end:"), line(one));
        }
        if let Some(again) = again {
            text.push_str(&self::again(again, style));
        }
        text
    }
}

/// What came of the second run.
fn again(report: &Report, style: Style) -> String {
    let outcomes = report.steps.iter().flat_map(|step| step.outcome.iter().map(move |item| (step, item)));
    let changed: Vec<_> = outcomes.filter(|(_, item)| item.result == ResultWord::Changed).collect();
    let counts = format!("{} changed, {} unchanged", report.changed, report.unchanged);
    let mut text = match changed.is_empty() {
        true => format!("\n{} {counts}\n", style.bold_green("second run:")),
        false => format!("\n{} {counts}\n", style.bold_red("second run:")),
    };
    for (step, item) in changed.iter().take(CHANGED) {
        let _ = writeln!(text, "  {} {}", line(&item.resource), style.dim(format!("({})", line(&step.key))));
    }
    if changed.len() > CHANGED {
        let _ = writeln!(text, "  and {} more", changed.len() - CHANGED);
    }
    text
}

fn seconds(seconds: f64) -> String {
    display(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn plural(kind: &str, count: usize) -> String {
    match (count, kind) {
        (1, kind) => kind.to_owned(),
        (_, kind) if kind.ends_with("ss") => format!("{kind}es"),
        (_, kind) if kind.ends_with('s') => kind.to_owned(),
        (_, kind) => match kind.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{kind}s"),
        },
    }
}
