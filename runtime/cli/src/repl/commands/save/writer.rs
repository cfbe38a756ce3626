//! The script that is saved.

use std::collections::BTreeMap;

use windlass_runtime::{Error, Runtime};

use super::judge::{Fate, Reason, judge};
use super::part::Part;
use super::typed::{Typed, typed};
use crate::clean::line;
use crate::repl::desk::Input;

/// A script, and how much of what was typed is left out of it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: String,
    pub(super) left_out: usize,
    /// Which part each line is of.
    parts: Vec<Option<usize>>,
}

/// Lines of a script, and which part each is of.
#[derive(Default)]
struct Lines {
    text: String,
    parts: Vec<Option<usize>>,
}

impl Lines {
    fn push(&mut self, text: &str, part: Option<usize>) {
        self.text.push_str(text);
        self.parts.resize(self.parts.len() + text.lines().count(), part);
    }

    fn append(&mut self, lines: &Self) {
        self.text.push_str(&lines.text);
        self.parts.extend(&lines.parts);
    }

    fn indented(&self, runtime: &Runtime) -> Self {
        Self { text: Part::indented(runtime, &self.text, INDENT), parts: self.parts.clone() }
    }
}

/// Writes lines as a script.
pub(super) struct Writer<'a> {
    pub(super) runtime: &'a Runtime,
    /// Whether there will be what steps have made.
    pub(super) has_steps: bool,
    /// Finds what is wrong with a script.
    pub(super) check: &'a dyn Fn(&str) -> Vec<Error>,
}

/// Lines that were typed in one console, one after the other.
struct Run<'a> {
    console: u64,
    step: Option<&'a str>,
    lines: Lines,
    /// Whether some of it is no comment.
    acts: bool,
    /// Why the last line was left out, where it was.
    left_out: Option<Reason>,
}

const INDENT: &str = "    ";

impl Writer<'_> {
    pub(super) fn script(&self, inputs: &[Input], step: Option<&str>) -> Script {
        let typed = typed(self.runtime, inputs);
        // What is a constant in a block or a closure is none of the whole script.
        let is_inner = |typed: &Typed<'_>| step.is_some() || typed.input.step.is_some();
        let names_global = typed.iter().enumerate().filter(|(_, typed)| typed.part.constants().next().is_some());
        let mut wrong: BTreeMap<usize, String> = names_global
            .filter(|(_, typed)| is_inner(typed))
            .map(|(index, _)| (index, "there are no constants of the whole script".to_owned()))
            .collect();
        loop {
            let script = self.without(&typed, &wrong, step);
            let known = wrong.len();
            for error in (self.check)(&script.text) {
                let line = error.place().and_then(|place| script.parts.get(place.line.checked_sub(1)?).copied()?);
                wrong.extend(line.map(|part| (part, error.message().to_owned())));
            }
            if wrong.len() == known {
                return script;
            }
        }
    }

    /// The script without what is wrong.
    fn without(&self, typed: &[Typed<'_>], wrong: &BTreeMap<usize, String>, step: Option<&str>) -> Script {
        // Functions and imports stand at the top level of a script.
        let mut outside = Lines::default();
        let mut runs: Vec<Run<'_>> = Vec::new();
        let mut left_out = 0;
        for (index, fate) in judge(self.runtime, typed, self.has_steps, wrong).into_iter().enumerate() {
            let typed = &typed[index];
            let reason = match fate {
                Fate::Forgotten => continue,
                Fate::Kept if typed.part.key().is_some() => {
                    outside.push(&format!("{}\n", typed.part.ended(self.runtime)), Some(index));
                    continue;
                }
                Fate::Kept => None,
                Fate::LeftOut(reason) => Some(reason),
            };
            left_out += usize::from(reason.is_some());
            if runs.last().is_none_or(|run| run.console != typed.input.console) {
                runs.push(Run::of(typed));
            }
            if let Some(run) = runs.last_mut() {
                run.add(index, typed, reason, self.runtime);
            }
        }
        let inside = self.inside(&runs);
        let mut script = outside;
        match step {
            None => script.append(&inside),
            Some(key) => {
                script.push(&format!("step({key:?}, |ctx| {{\n"), None);
                script.append(&inside.indented(self.runtime));
                script.push("});\n", None);
            }
        }
        Script { text: script.text, left_out, parts: script.parts }
    }

    fn inside(&self, runs: &[Run<'_>]) -> Lines {
        let mut inside = Lines::default();
        let mut within = None;
        for run in runs {
            if run.step.is_some() || within.is_some() {
                let gone = if self.has_steps { "" } else { ", whose objects were simulated" };
                let said = run.step.map(|step| format!("// In the middle of step {}{gone}:\n", line(step)));
                inside.push(said.as_deref().unwrap_or("// After that:\n"), None);
            }
            within = run.step;
            if run.step.is_some() && run.acts {
                // What it makes is not there after it, and hides nothing.
                inside.push("{\n", None);
                inside.append(&run.lines.indented(self.runtime));
                inside.push("}\n", None);
            } else {
                inside.append(&run.lines);
            }
        }
        inside
    }
}

impl<'a> Run<'a> {
    fn of(typed: &Typed<'a>) -> Self {
        let step = typed.input.step.as_deref();
        Self { console: typed.input.console, step, lines: Lines::default(), acts: false, left_out: None }
    }

    fn add(&mut self, index: usize, typed: &Typed<'_>, reason: Option<Reason>, runtime: &Runtime) {
        match &reason {
            None => {
                self.acts = true;
                self.lines.push(&format!("{}\n", typed.part.ended(runtime)), Some(index));
            }
            Some(Reason::Secret) => self.lines.push(
                "// A line is left out that holds a secret: take it by reference, secret::env(\"NAME\").\n",
                None,
            ),
            Some(why) => {
                // Of lines that are left out for one reason, the first says it.
                if self.left_out.as_ref() != Some(why) {
                    self.lines.push(&why.said().map(|said| format!("// {}\n", line(&said))).unwrap_or_default(), None);
                }
                let text: String = typed.part.text.lines().map(|line| format!("// {line}\n")).collect();
                self.lines.push(&text, None);
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
            Self::Wrong(why) => format!("It would not run, since {why}:"),
            Self::Former(name) => format!("It uses `{name}` as it was before it was typed anew:"),
        })
    }
}
