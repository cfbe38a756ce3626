//! What was typed, in its order: each part with what it was typed in.

use windlass_runtime::Runtime;
use windlass_runtime::playbook::parse_error;

use super::part::{Part, Sort};
use crate::repl::command::Command;
use crate::repl::desk::Input;
use crate::repl::form::Form;

/// A part of what was typed.
#[derive(Debug)]
pub(super) struct Typed<'a> {
    pub(super) input: &'a Input,
    pub(super) part: Part<'a>,
    /// Where: outside, or in the middle of a step. What one place has made, another does not have.
    pub(super) place: usize,
}

impl Typed<'_> {
    /// Whether what it defines is there: functions are before anything is evaluated.
    pub(super) fn is_defined(&self) -> bool {
        self.input.ok || matches!(self.part.sort, Sort::Function { .. })
    }
}

/// The parts of what parses. One that has failed is there too: what it has defined there is.
pub(super) fn typed<'a>(runtime: &Runtime, inputs: &'a [Input]) -> Vec<Typed<'a>> {
    let mut typed = Vec::new();
    let (mut outside, mut within, mut places) = (0, None, 0);
    let mut another = || {
        places += 1;
        places
    };
    for input in inputs {
        if let Some(command) = input.text.strip_prefix(':') {
            let command = Command::read(command).ok();
            if command.as_ref().is_some_and(|command| !command.only_looks()) {
                within = None;
            }
            if input.ok && matches!(command, Some(Command::Load { .. })) {
                outside = another();
            }
            continue;
        }
        let place = match &input.step {
            None => outside,
            Some(_) => *within.get_or_insert_with(&mut another),
        };
        let text = Form::split(&input.text).0.trim_end();
        if parse_error(runtime, text).is_none() {
            typed.extend(Part::split(runtime, text).into_iter().map(|part| Typed { input, part, place }));
        }
    }
    typed
}
