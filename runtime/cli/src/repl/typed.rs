//! What is typed: a line, or several that belong together.

use windlass_runtime::Runtime;
use windlass_runtime::playbook::Console;

use super::form::Form;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, or several that belong together.
    Text(String),
    /// The same, but typed before it was asked for: nobody has seen it beside the prompt.
    Ahead(String),
    /// What was typed is not to be evaluated.
    Dropped,
    /// There are no more lines.
    End,
}

/// Whether a text is a command, or a whole script for the parser.
pub(super) fn is_whole(runtime: &Runtime, text: &str) -> bool {
    text.trim_start().starts_with(':') || Console::is_whole(runtime, Form::split(text).0)
}
