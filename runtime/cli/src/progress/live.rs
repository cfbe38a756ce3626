//! The picture at the bottom of a terminal: the step that runs, how long, what it waits for, what is still to come.

use std::time::{Duration, Instant};

use windlass_runtime::duration::display;
use windlass_runtime::event::{Event, What};

use super::lines::titled;
use crate::clean::line;
use crate::style::Style;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How many waits are shown at once.
const WAITS: usize = 6;
/// A wait that says each second how far it is, and has not for so long, is over.
const SILENT: Duration = Duration::from_secs(4);
/// One that spoke only once is shown for so long, or until something else is said of it.
const STALE: Duration = Duration::from_secs(60);

struct Wait {
    subject: String,
    text: String,
    since: Instant,
    heard: Instant,
    spoke: u32,
}

impl Wait {
    fn is_over(&self, now: Instant) -> bool {
        now - self.heard > if self.spoke > 1 { SILENT } else { STALE }
    }
}

/// What is going on.
pub(super) struct Live {
    style: Style,
    begun: Instant,
    pending: Vec<String>,
    total: usize,
    step: Option<(String, String, Instant)>,
    waits: Vec<Wait>,
}

impl Live {
    pub(super) fn new(style: Style) -> Self {
        Self { style, begun: Instant::now(), pending: Vec::new(), total: 0, step: None, waits: Vec::new() }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let now = Instant::now();
        match &event.what {
            What::RunStarted { steps, .. } => {
                self.pending = steps.iter().map(|(key, _)| key.clone()).collect();
                self.total = steps.len();
                self.begun = now;
            }
            What::StepStarted { step, title, .. } => {
                self.pending.retain(|key| key != step);
                self.step = Some((step.clone(), title.clone(), now));
                self.waits.clear();
            }
            What::StepEnded { report } => {
                self.pending.retain(|key| *key != report.key);
                self.step = None;
                self.waits.clear();
            }
            What::Progress { subject, text } => match self.waits.iter_mut().find(|w| w.subject == *subject) {
                Some(wait) => {
                    wait.text.clone_from(text);
                    wait.heard = now;
                    wait.spoke += 1;
                }
                None => {
                    let (subject, text) = (subject.clone(), text.clone());
                    self.waits.push(Wait { subject, text, since: now, heard: now, spoke: 1 });
                }
            },
            What::Outcome { outcome } => self.waits.retain(|w| w.subject != outcome.resource),
            What::RunEnded { .. } => {
                self.step = None;
                self.waits.clear();
                self.pending.clear();
            }
            _ => {}
        }
    }

    /// Forgets the waits.
    pub(super) fn settled(&mut self) {
        self.waits.clear();
    }

    /// The lines, for now.
    pub(super) fn picture(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.waits.retain(|w| !w.is_over(now));
        let style = self.style;
        let mut lines = Vec::new();
        if let Some((step, title, since)) = &self.step {
            let frame = usize::try_from((now - self.begun).as_millis() / 100).unwrap_or(0) % SPINNER.len();
            let spinner = SPINNER.get(frame).copied().unwrap_or(" ");
            let time = style.dim(display(whole(now - *since)));
            lines.push(format!("{} {}{}  {time}", style.cyan(spinner), style.bold(line(step)), titled(step, title)));
        }
        for wait in self.waits.iter().rev().take(WAITS).rev() {
            let time = style.dim(display(whole(now - wait.since)));
            lines.push(format!("    {}: {}  {time}", line(&wait.subject), line(&wait.text)));
        }
        if self.waits.len() > WAITS {
            lines.push(style.dim(format!("    and {} more", self.waits.len() - WAITS)));
        }
        if let Some(next) = self.pending.first().filter(|_| self.step.is_some()) {
            let done = self.total - self.pending.len() - 1;
            let rest = format!("{done} of {} steps done, next: {}", self.total, line(next));
            lines.push(style.dim(format!("  {rest}, {} since the start", display(whole(now - self.begun)))));
        }
        lines
    }
}

/// Whole seconds, so that the picture does not flicker.
fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
