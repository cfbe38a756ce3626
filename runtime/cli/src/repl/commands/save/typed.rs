//! What was typed, in its order: each part with what it was typed in.

use windlass_runtime::Runtime;
use windlass_runtime::playbook::parse_error;

use super::part::{Part, Sort};
use crate::repl::desk::Input;
use crate::repl::form::Form;

/// A part of what was typed.
#[derive(Debug)]
pub(super) struct Typed<'a> {
    pub(super) input: &'a Input,
    pub(super) part: Part<'a>,
}

impl Typed<'_> {
    /// Whether what it defines is there: functions are before anything is evaluated.
    pub(super) fn is_defined(&self) -> bool {
        self.input.ok || matches!(self.part.sort, Sort::Function { .. })
    }
}

/// The parts of what parses. One that has failed is there too: what it has defined there is.
pub(super) fn typed<'a>(runtime: &Runtime, inputs: &'a [Input]) -> Vec<Typed<'a>> {
    let lines = inputs.iter().filter(|input| !input.text.starts_with(':'));
    let lines = lines.map(|input| (input, Form::split(&input.text).0.trim_end()));
    let whole = lines.filter(|(_, text)| parse_error(runtime, text).is_none());
    whole
        .flat_map(|(input, text)| Part::split(runtime, text).into_iter().map(move |part| Typed { input, part }))
        .collect()
}
