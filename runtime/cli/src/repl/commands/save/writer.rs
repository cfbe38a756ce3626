//! The script that is saved.

use windlass_runtime::Runtime;

use super::judge::{Fate, Reason, judge};
use super::part::Part;
use super::typed::{Typed, typed};
use crate::repl::desk::Input;

/// A script, and how much of what was typed is left out of it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: String,
    pub(super) left_out: usize,
}

/// Writes lines as a script.
pub(super) struct Writer<'a> {
    pub(super) runtime: &'a Runtime,
    /// Whether there will be what steps have made.
    pub(super) has_steps: bool,
}

/// Lines that were typed at one place, one after the other.
struct Run<'a> {
    place: usize,
    step: Option<&'a str>,
    text: String,
    /// Whether some of it is no comment.
    acts: bool,
    /// Why the last line was left out, where it was.
    left_out: Option<Reason>,
}

const INDENT: &str = "    ";

impl Writer<'_> {
    pub(super) fn script(&self, inputs: &[Input], step: Option<&str>) -> Script {
        let typed = typed(self.runtime, inputs);
        // Functions and imports stand at the top level of a script.
        let mut outside = String::new();
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut left_out = 0;
        for (typed, fate) in typed.iter().zip(judge(self.runtime, &typed, self.has_steps)) {
            let reason = match fate {
                Fate::Forgotten => continue,
                Fate::Kept if typed.part.key().is_some() => {
                    outside.push_str(&format!("{}\n", typed.part.ended(self.runtime)));
                    continue;
                }
                Fate::Kept => None,
                Fate::LeftOut(reason) => Some(reason),
            };
            left_out += usize::from(reason.is_some());
            if runs.last().is_none_or(|run| run.place != typed.place) {
                runs.push(Run::of(typed));
            }
            if let Some(run) = runs.last_mut() {
                run.add(typed, reason, self.runtime);
            }
        }
        let mut inside = String::new();
        let mut within = None;
        for run in &runs {
            if run.step.is_some() || within.is_some() {
                let gone = if self.has_steps { "" } else { ", whose objects were simulated" };
                let said = run.step.map(|step| format!("// In the middle of step {step}{gone}:\n"));
                inside.push_str(said.as_deref().unwrap_or("// After that:\n"));
            }
            within = run.step;
            match run.step.is_some() && run.acts {
                // What it makes is not there after it, and hides nothing.
                true => inside.push_str(&format!("{{\n{}}}\n", Part::indented(self.runtime, &run.text, INDENT))),
                false => inside.push_str(&run.text),
            }
        }
        let text = match step {
            None => format!("{outside}{inside}"),
            Some(key) => {
                let body = Part::indented(self.runtime, &inside, INDENT);
                format!("{outside}step({key:?}, |ctx| {{\n{body}}});\n")
            }
        };
        Script { text, left_out }
    }
}

impl<'a> Run<'a> {
    fn of(typed: &Typed<'a>) -> Self {
        let step = typed.input.step.as_deref();
        Self { place: typed.place, step, text: String::new(), acts: false, left_out: None }
    }

    fn add(&mut self, typed: &Typed<'_>, reason: Option<Reason>, runtime: &Runtime) {
        match &reason {
            None => {
                self.acts = true;
                self.text.push_str(&format!("{}\n", typed.part.ended(runtime)));
            }
            Some(Reason::Secret) => self
                .text
                .push_str("// A line is left out that holds a secret: take it by reference, secret::env(\"NAME\").\n"),
            Some(why) => {
                // Of lines that are left out for one reason, the first says it.
                if self.left_out.as_ref() != Some(why) {
                    self.text.push_str(&why.said().map(|said| format!("// {said}\n")).unwrap_or_default());
                }
                self.text.extend(typed.part.text.lines().map(|line| format!("// {line}\n")));
            }
        }
        self.left_out = reason;
    }
}

impl Reason {
    /// What the script says of it; nothing where it is said for all lines.
    fn said(&self) -> Option<String> {
        Some(match self {
            Self::Secret | Self::Simulated => return None,
            Self::OfStep => "It needs what only that step has:".to_owned(),
            Self::Chosen(chosen) => format!("It meant {chosen} without saying so: in a script each call must name it."),
            Self::Ends => "The script would end here:".to_owned(),
            Self::Alone => "It cannot stand between other lines:".to_owned(),
            Self::Lost(name) => format!("It uses `{name}`, which comes from what is left out:"),
            Self::Former(name) => format!("It uses `{name}` as it was before it was typed anew:"),
        })
    }
}
