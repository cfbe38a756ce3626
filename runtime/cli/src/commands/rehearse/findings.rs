//! What a rehearsal found, as it is told at its end.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::change::{OutcomeItem, ResultWord};
use windlass_runtime::duration::display;
use windlass_runtime::report::{Report, StepStatus};
use windlass_shadow::Counted;

use super::answers::Asked;
use super::faults::End;
use super::notes::{Notes, Wait};
use crate::clean::line;
use crate::progress::{changes, shortened};
use crate::style::Style;

/// How many waits are worth a line.
const WAITS: usize = 5;
/// How many kinds stand side by side.
const COLUMNS: usize = 3;
/// How many columns a line may take.
const WIDTH: usize = 100;
/// How many resources are named that were not validated.
const UNVALIDATED: usize = 5;
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

/// What a rehearsal depends on besides the playbook and its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) seed: u64,
    pub(super) nodes: usize,
    /// When simulated time began.
    pub(super) begin: Timestamp,
}

/// What a rehearsal found besides the report.
pub(super) struct Findings {
    setting: Setting,
    virtual_s: f64,
    timeline: Vec<Moment>,
    waits: Vec<Wait>,
    pub(super) objects: Vec<Counted>,
    pub(super) questions: Vec<Asked>,
    pub(super) faults: Vec<End>,
    /// What controllers of the simulation could not finish: its own mistakes.
    pub(super) endless: Vec<String>,
    /// What was written though not every rule about it could be judged.
    unvalidated: Vec<String>,
    /// Releases whose objects are not known, and why.
    not_rendered: Vec<(String, String)>,
}

impl Findings {
    pub(super) fn new(setting: Setting, report: &Report, notes: &Notes) -> Self {
        let moment = |(step, at): &(String, f64)| {
            let of = report.steps.iter().find(|s| s.key == *step)?;
            Some(Moment { step: step.clone(), status: of.status, at: *at, took: of.virtual_s.unwrap_or_default() })
        };
        let (timeline, mut waits) =
            notes.with(|noted| (noted.steps.iter().filter_map(moment).collect(), noted.waits.clone()));
        waits.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        waits.truncate(WAITS);
        let virtual_s = report.virtual_s.unwrap_or_default();
        let (objects, questions, faults, endless) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let with = |word| {
            let outcomes = report.steps.iter().flat_map(|step| &step.outcome);
            outcomes.filter(move |item| item.result == word)
        };
        let unvalidated = with(ResultWord::Unvalidated).map(|item| item.resource.clone()).collect();
        let not_rendered = with(ResultWord::NotRendered);
        let not_rendered = not_rendered.map(|i| (i.resource.clone(), i.reason.clone().unwrap_or_default())).collect();
        Self { setting, virtual_s, timeline, waits, objects, questions, faults, endless, unvalidated, not_rendered }
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
        if !self.unvalidated.is_empty() {
            let named = self.unvalidated.iter().take(UNVALIDATED).cloned().collect::<Vec<_>>().join(", ");
            let more = match self.unvalidated.len().saturating_sub(UNVALIDATED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            all.push(format!("rules that only a real API server can judge, about {named}{more}"));
        }
        all
    }

    pub(super) fn json(&self) -> Json {
        let timeline = self.timeline.iter();
        let timeline =
            timeline.map(|m| json!({ "step": m.step, "status": m.status, "at_s": m.at, "virtual_s": m.took }));
        let objects = self.objects.iter();
        let objects = objects.map(|c| json!({ "kind": c.kind, "group": c.group, "count": c.count }));
        let waits = self
            .waits
            .iter()
            .map(|w| json!({ "step": w.step, "what": w.what, "last": w.last, "virtual_s": w.seconds }));
        let Setting { seed, nodes, begin } = self.setting;
        json!({
            "seed": seed, "nodes": nodes, "begin": begin, "virtual_s": self.virtual_s,
            "timeline": timeline.collect::<Vec<_>>(), "objects": objects.collect::<Vec<_>>(),
            "longest_waits": waits.collect::<Vec<_>>(), "questions": self.questions,
            "faults": self.faults.iter().map(End::json).collect::<Vec<_>>(),
            "not_rendered": self.not_rendered.iter().map(|(resource, reason)| json!({ "resource": resource, "reason": reason })).collect::<Vec<_>>(),
            "not_simulated": self.not_simulated(), "endless": self.endless,
        })
    }

    pub(super) fn text(&self, again: Option<&Report>, style: Style) -> String {
        let mut text = String::new();
        self.timeline_text(&mut text, style);
        self.objects_text(&mut text, style);
        self.waits_text(&mut text, style);
        if !self.questions.is_empty() {
            head(&mut text, style, "questions", "that a run asks a person");
            for asked in &self.questions {
                let key = asked.key.as_deref().map(|key| format!("  {}", style.dim(format!("--yes-to {}", line(key)))));
                let _ = writeln!(text, "  {}{}", line(&asked.text), key.unwrap_or_default());
            }
        }
        if !self.faults.is_empty() {
            head(&mut text, style, "faults", "");
            for fault in &self.faults {
                let effect = fault.without_effect().map(|why| style.bold_yellow(format!("  {why}")));
                let _ = writeln!(text, "  {}{}", line(&fault.said()), effect.unwrap_or_default());
            }
        }
        self.not_rendered_text(&mut text, style);
        head(&mut text, style, "not simulated", "");
        for one in self.not_simulated() {
            let _ = writeln!(text, "  {}", line(&one));
        }
        for one in &self.endless {
            let what = style.bold_yellow("a controller of the simulation does not end:");
            let _ = writeln!(text, "  {what} {}", line(one));
        }
        if let Some(again) = again {
            text.push_str(&self::again(again, style));
        }
        text
    }

    fn not_rendered_text(&self, text: &mut String, style: Style) {
        if self.not_rendered.is_empty() {
            return;
        }
        head(
            text,
            style,
            "not rendered",
            "whose charts' objects, and the waits for them, are not part of this rehearsal",
        );
        let mut reasons: Vec<&str> = self.not_rendered.iter().map(|(_, reason)| reason.as_str()).collect();
        reasons.dedup();
        for (resource, _) in &self.not_rendered {
            let _ = writeln!(text, "  {}", line(resource));
        }
        for reason in reasons {
            let _ = writeln!(text, "  {}", style.bold_yellow(line(reason)));
        }
    }

    fn timeline_text(&self, text: &mut String, style: Style) {
        let Setting { seed, nodes, begin } = self.setting;
        let nodes = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        let begin = begin.strftime("%Y-%m-%d %H:%M:%S UTC");
        head(text, style, "timeline", &format!("{nodes}, seed {seed}, simulated time since {begin}"));
        let _ = writeln!(text, "  {}", style.dim(format!("{:>8}  {:>8}  step", "at", "took")));
        for moment in &self.timeline {
            let word = match moment.status {
                StepStatus::Ok => String::new(),
                StepStatus::Failed => style.bold_red("  failed"),
                StepStatus::Cancelled => style.bold_yellow("  cancelled"),
                _ => style.yellow("  not done"),
            };
            let took = format!("{:>8}", seconds(moment.took));
            let took = if moment.took == 0.0 { style.dim(took) } else { took };
            let _ = writeln!(text, "  {:>8}  {took}  {}{word}", seconds(moment.at), line(&moment.step));
        }
        let _ = writeln!(text, "  {:>8}  {:>8}  {}", seconds(self.virtual_s), "", style.dim("end"));
    }

    fn objects_text(&self, text: &mut String, style: Style) {
        if self.objects.is_empty() {
            return;
        }
        let all: usize = self.objects.iter().map(|counted| counted.count).sum();
        head(text, style, "objects", &format!("{all} made, by the playbook and by the cluster for it"));
        let cell = |counted: &Counted| format!("{:>5}  {}", counted.count, line(&counted.kind));
        let cells: Vec<String> = self.objects.iter().map(cell).collect();
        let rows = cells.len().div_ceil(COLUMNS);
        let width = cells.iter().map(|cell| cell.width()).max().unwrap_or_default();
        for row in 0..rows {
            let mut shown = String::new();
            for cell in cells.iter().skip(row).step_by(rows) {
                let _ = write!(shown, "  {cell}{}", " ".repeat(width - cell.width()));
            }
            let _ = writeln!(text, "{}", shown.trim_end());
        }
    }

    fn waits_text(&self, text: &mut String, style: Style) {
        if self.waits.is_empty() {
            return;
        }
        head(text, style, "longest waits", "");
        let width = self.waits.iter().map(|wait| line(&wait.step).width()).max().unwrap_or_default();
        for wait in &self.waits {
            let step = line(&wait.step);
            let gap = " ".repeat(width - step.width());
            let last = wait.last.as_deref().map(|last| format!(", at last {}", line(last))).unwrap_or_default();
            let room = WIDTH.saturating_sub(width + 15);
            let what = shortened(&format!("{}{last}", line(&wait.what)), room);
            let _ = writeln!(text, "  {:>8}  {step}{gap}  {what}", seconds(wait.seconds));
        }
    }
}

/// The heading of a part.
fn head(text: &mut String, style: Style, words: &str, more: &str) {
    let more = if more.is_empty() { String::new() } else { style.dim(format!("  {more}")) };
    let _ = writeln!(text, "\n{}{more}", style.bold(words));
}

/// Whether a run would change something by this: what is only assumed here (a command in a container) is done there.
fn would_change(item: &OutcomeItem) -> bool {
    item.result.took_effect() || item.result == ResultWord::Assumed
}

/// What came of the second run.
fn again(report: &Report, style: Style) -> String {
    let outcomes = report.steps.iter().flat_map(|step| step.outcome.iter().map(move |item| (step, item)));
    let changed: Vec<_> = outcomes.filter(|(_, item)| would_change(item)).collect();
    let counts = changes(report);
    let mut text = match changed.is_empty() {
        true => format!("\n{} {counts}\n", style.bold_green("second run:")),
        false => format!("\n{} {counts}\n", style.bold_red("second run:")),
    };
    for (step, item) in changed.iter().take(CHANGED) {
        let assumed = if item.result == ResultWord::Assumed { ", assumed" } else { "" };
        let _ = writeln!(text, "  {} {}", line(&item.resource), style.dim(format!("({}{assumed})", line(&step.key))));
    }
    if changed.len() > CHANGED {
        let _ = writeln!(text, "  and {} more", changed.len() - CHANGED);
    }
    text
}

fn seconds(seconds: f64) -> String {
    display(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
