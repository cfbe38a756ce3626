//! One event as lines that stay.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use windlass_runtime::change::{Op, OutcomeItem, ResultWord};
use windlass_runtime::duration::display;
use windlass_runtime::event::{Event, Level, What};
use windlass_runtime::report::{StepReport, StepStatus};

use crate::clean::{clean, line};
use crate::style::Style;

/// How many lines of a difference are shown without `-v`.
const DIFF_LINES: usize = 6;
/// How often a wait says how far it is, where nothing moves on the screen.
const WAIT_EVERY: Duration = Duration::from_secs(10);

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// Warnings and failures.
    Quiet,
    /// Steps, changes, log lines.
    Usual,
    /// What was unchanged too, and whole differences.
    More,
    /// Debug lines too.
    All,
}

/// Makes lines.
pub(super) struct Lines {
    wanted: Wanted,
    style: Style,
    /// Whether a live picture shows which step runs, and how far its waits are.
    moving: bool,
    order: HashMap<String, usize>,
    /// The step whose heading was shown last.
    heading: Option<(String, u32)>,
    current: Option<(String, String, u32)>,
    waits: HashMap<String, (Instant, String)>,
}

impl Lines {
    pub(super) fn new(wanted: Wanted, style: Style, moving: bool) -> Self {
        let (order, waits) = (HashMap::new(), HashMap::new());
        Self { wanted, style, moving, order, heading: None, current: None, waits }
    }

    /// The lines of an event; empty where it shows nothing.
    pub(super) fn of(&mut self, event: &Event) -> String {
        let style = self.style;
        match &event.what {
            What::RunStarted { playbook, target, steps, .. } => {
                self.order = steps.iter().enumerate().map(|(i, (key, _))| (key.clone(), i + 1)).collect();
                let count = if steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", steps.len()) };
                let (playbook, target) = (line(playbook), line(target));
                self.if_usual(format!("{} on {target}, {count}\n", style.bold(playbook)))
            }
            What::StepStarted { step, title, attempt } => {
                self.current = Some((step.clone(), title.clone(), *attempt));
                self.waits.clear();
                if self.moving { String::new() } else { self.headed(String::new()) }
            }
            What::StepEnded { report } => self.ended(report),
            What::Outcome { outcome } => {
                let text = self.outcome(outcome);
                if text.is_empty() { text } else { self.headed(text) }
            }
            What::Progress { subject, text } => self.wait(subject, text),
            What::Connection { peer, text } => {
                let text = format!("  {} {}: {}\n", style.yellow("connection"), line(peer), line(text));
                self.headed(text)
            }
            What::Log { level, text } => self.log(*level, text),
            _ => String::new(),
        }
    }

    /// The heading of the step that runs, unless it was shown.
    pub(super) fn heading(&mut self) -> String {
        if self.current.is_some() { self.headed(String::new()) } else { String::new() }
    }

    fn if_usual(&self, text: String) -> String {
        if self.wanted >= Wanted::Usual { text } else { String::new() }
    }

    /// A text of the current step below its heading.
    fn headed(&mut self, text: String) -> String {
        let Some((step, title, attempt)) = &self.current else { return text };
        if self.wanted == Wanted::Quiet && text.is_empty() {
            return text;
        }
        let mark = (step.clone(), *attempt);
        if self.heading.as_ref() == Some(&mark) {
            return text;
        }
        self.heading = Some(mark);
        let number = self.order.get(step).map(|n| format!("[{n}/{}] ", self.order.len())).unwrap_or_default();
        let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
        let (step, title) = (line(step), titled(step, title));
        format!("{}{}{title}{again}\n{text}", self.style.dim(number), self.style.bold(step))
    }

    fn ended(&mut self, report: &StepReport) -> String {
        let style = self.style;
        let (key, title) = (line(&report.key), titled(&report.key, &report.title));
        let reason = report.reason.as_deref().map(|r| format!(": {}", line(r))).unwrap_or_default();
        let shown_before = self.heading.as_ref().is_some_and(|(step, _)| *step == report.key);
        let (mark, tail) = match report.status {
            StepStatus::Ok => (style.green("ok"), counts(report)),
            StepStatus::Failed => {
                let message = report.error.as_ref().and_then(|e| e.get("message")).and_then(|m| m.as_str());
                // What follows is shown with the error at the end.
                let first =
                    message.unwrap_or_default().lines().next().unwrap_or_default().trim_end_matches(':').to_owned();
                (style.bold_red("failed"), format!("{}: {}", counts(report), line(&first)))
            }
            StepStatus::Skipped => (style.dim("skipped"), reason),
            StepStatus::Blocked => (style.yellow("blocked"), reason),
            StepStatus::Cancelled => (style.bold_yellow("cancelled"), counts(report)),
            StepStatus::Undecided => (style.yellow("undecided"), reason),
            StepStatus::Pending => return String::new(),
        };
        self.current = None;
        self.heading = None;
        // Of what was left out as asked, the last line gives the number.
        let least = match report.status {
            StepStatus::Skipped => Wanted::More,
            StepStatus::Ok => Wanted::Usual,
            _ => Wanted::Quiet,
        };
        if self.wanted < least {
            return String::new();
        }
        if shown_before {
            return format!("  {mark}{tail}\n");
        }
        let number = self.order.get(&report.key).map(|n| format!("[{n}/{}] ", self.order.len())).unwrap_or_default();
        format!("{}{}{title}  {mark}{tail}\n", style.dim(number), style.bold(key))
    }

    fn outcome(&self, item: &OutcomeItem) -> String {
        let style = self.style;
        let done = match (item.result, item.op) {
            (ResultWord::Unchanged, _) => "unchanged",
            (ResultWord::NotRendered, _) => "not rendered",
            (ResultWord::Assumed, _) => "assumed",
            (ResultWord::Failed, _) => "not changed: failed",
            (ResultWord::Unknown, _) => "not known whether it changed",
            (_, Some(Op::Create)) => "created",
            (_, Some(Op::Delete)) => "deleted",
            (_, Some(Op::Run)) => "run",
            _ => "changed",
        };
        let mark = match (item.result, item.op) {
            (ResultWord::Unchanged, _) if self.wanted < Wanted::More => return String::new(),
            (ResultWord::Unchanged, _) => style.dim("="),
            (ResultWord::Changed, Some(Op::Create)) => style.green("+"),
            (ResultWord::Changed, Some(Op::Delete)) => style.red("-"),
            (ResultWord::Changed, _) => style.yellow("~"),
            (ResultWord::Failed | ResultWord::Unknown, _) => style.bold_red("!"),
            _ => style.yellow("?"),
        };
        if self.wanted == Wanted::Quiet && !matches!(item.result, ResultWord::Failed | ResultWord::Unknown) {
            return String::new();
        }
        let reason = item.reason.as_deref().map(|r| format!(" ({})", line(r))).unwrap_or_default();
        let doubt = if item.result == ResultWord::Unvalidated { ", not validated" } else { "" };
        let mut text = format!("  {mark} {} {done}{doubt}{}\n", line(&item.resource), style.dim(reason));
        // What was made has no former state to differ from, and what was deleted no later one.
        let short = self.wanted < Wanted::More;
        let limit = match item.op {
            Some(Op::Create | Op::Delete) if short => 0,
            _ if short => DIFF_LINES,
            _ => usize::MAX,
        };
        let lines: Vec<String> = item.diff.iter().flat_map(|d| d.lines()).map(line).collect();
        for diff in lines.iter().take(limit) {
            let diff = if short { shortened(diff, 160) } else { diff.clone() };
            let painted = match diff.trim_start().chars().next() {
                Some('+') => style.green(&diff),
                Some('-') => style.red(&diff),
                _ => style.dim(&diff),
            };
            let _ = writeln!(text, "      {painted}");
        }
        if limit > 0 && lines.len() > limit {
            let _ = writeln!(
                text,
                "      {}",
                style.dim(format!("and {} more lines (-v shows them)", lines.len() - limit))
            );
        }
        text
    }

    fn wait(&mut self, subject: &str, text: &str) -> String {
        if self.moving || self.wanted < Wanted::Usual {
            return String::new();
        }
        let now = Instant::now();
        let due = self.waits.get(subject).is_none_or(|(at, _)| now - *at >= WAIT_EVERY);
        if !due {
            return String::new();
        }
        self.waits.insert(subject.to_owned(), (now, text.to_owned()));
        let text = format!("  {} {}: {}\n", self.style.dim("waiting for"), line(subject), line(text));
        self.headed(text)
    }

    fn log(&mut self, level: Level, text: &str) -> String {
        let style = self.style;
        let least = match level {
            Level::Debug => Wanted::All,
            Level::Info => Wanted::Usual,
            _ => Wanted::Quiet,
        };
        if self.wanted < least {
            return String::new();
        }
        let text = clean(text).replace('\n', "\n  | ");
        let text = match level {
            Level::Debug => format!("  {}\n", style.dim(format!("debug: {text}"))),
            Level::Info => format!("  {text}\n"),
            Level::Warn => format!("  {} {text}\n", style.bold_yellow("warning:")),
            Level::Error => format!("  {} {text}\n", style.bold_red("error:")),
        };
        self.headed(text)
    }
}

/// The title behind a key, where it says more than the key.
pub(super) fn titled(key: &str, title: &str) -> String {
    if title == key { String::new() } else { format!("  {}", line(title)) }
}

fn counts(report: &StepReport) -> String {
    // Of a rehearsal, the time that a run would take is what counts.
    let mut parts = vec![match report.virtual_s {
        Some(time) => display(Duration::from_secs_f64(time)),
        None => display(Duration::from_secs_f64(report.elapsed_s.max(0.001))),
    }];
    if report.changed > 0 {
        parts.push(format!("{} changed", report.changed));
    }
    if report.unchanged > 0 {
        parts.push(format!("{} unchanged", report.unchanged));
    }
    if report.assumed > 0 {
        parts.push(format!("{} assumed", report.assumed));
    }
    if report.attempts > 1 {
        parts.push(format!("{} attempts", report.attempts));
    }
    format!(" ({})", parts.join(", "))
}

/// So many characters of a text at most.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
