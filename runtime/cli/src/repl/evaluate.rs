//! A line that is evaluated.

use std::time::Instant;

use windlass_runtime::playbook::Console;
use windlass_runtime::{Error, Kind};

use super::command;
use super::desk::Desk;
use super::form::Form;
use super::show;
use crate::failed::Failed;

/// Evaluates a line and shows what it gives.
pub(super) fn evaluate(desk: &Desk, console: &mut Console, line: &str) -> std::result::Result<(), Failed> {
    let (text, form) = Form::split(line);
    let begun = Instant::now();
    let result = desk.value_of(console, text).and_then(|value| show::value(desk, console.session(), value, form));
    desk.done(console, line, result.is_ok());
    desk.timed(begun);
    result.map_err(|error| {
        let error = meant(error, text.trim());
        desk.without_lock(console.session(), error.kind());
        Failed::while_running(error, desk.sources())
    })
}

/// The error of a line that is not Rhai, but of another tool, or a command without its colon, says what to type.
fn meant(error: Error, text: &str) -> Error {
    let mut words = text.split_whitespace();
    let (first, more) = (words.next().unwrap_or_default(), words.next());
    if let Some(name) = error.message().strip_prefix("there is no variable `").and_then(|rest| rest.split('`').next()) {
        if name == text && command::has(text) {
            return Error::usage(format!("did you mean `:{text}`?"));
        }
        if let Some(habit) = command::habit(text) {
            return Error::usage(format!("this is Rhai, and there is no variable `{name}`")).hint(habit);
        }
        if text.contains("fn ") || !error.trace().is_empty() {
            return error;
        }
        // What there is at a prompt is not what a function sees.
        let fresh = Error::new(error.kind(), error.message()).hint(":vars lists the variables, :help says more");
        return match error.place() {
            Some(place) => fresh.at(place.clone()),
            None => fresh,
        };
    }
    match (first, more) {
        (_, Some(_)) if command::has(first) && error.kind() == Kind::Script => {
            error.hint(format!("did you mean `:{text}`?"))
        }
        ("kubectl" | "helm" | "oc" | "k", Some(_)) if error.kind() == Kind::Script => {
            error.hint("this is Rhai: :help lists the commands, such as :get deploy -n NAMESPACE, and functions")
        }
        _ => error,
    }
}
