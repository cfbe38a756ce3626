//! What is said to a line that is no command.

use std::fmt::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use windlass_runtime::Error;
use windlass_runtime::suggest::nearest;

use super::{all, has_output};
use crate::clean::line;

/// An argument as it is typed; an option's names are parted by this.
pub(in crate::repl) fn shape(arg: &Arg, between: &str) -> String {
    let names = arg.get_short().map(|short| format!("-{short}")).into_iter();
    let names: Vec<String> = names.chain(arg.get_long().map(|long| format!("--{long}"))).collect();
    let names = if between == "|" { names.first().cloned().unwrap_or_default() } else { names.join(between) };
    let value = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
    let value = value.filter(|_| arg.get_action().takes_values());
    [names, value.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// How a command is typed.
pub(in crate::repl) fn usage(command: &Command) -> String {
    let mut text = format!(":{}", command.get_name());
    for arg in command.get_arguments() {
        let shape = shape(arg, "|");
        let _ = if arg.is_required_set() { write!(text, " {shape}") } else { write!(text, " [{shape}]") };
    }
    text
}

/// What clap says against a line, in the words of the REPL.
pub(in crate::repl) fn refused(error: &clap::Error, name: &str) -> Error {
    let commands = all();
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let Some(command) = meant(&commands, name) else { return unknown(name) };
    let about = text(ContextKind::InvalidArg);
    let said = match error.kind() {
        ErrorKind::MissingRequiredArgument => format!(":{} needs {}", command.get_name(), bare(&about)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if !text(ContextKind::InvalidValue).is_empty() => {
            let known = text(ContextKind::ValidValue).replace(", ", " or ");
            let known = if known.is_empty() { known } else { format!(", but {known}") };
            format!(":{}: {} cannot be {:?}{known}", command.get_name(), bare(&about), text(ContextKind::InvalidValue))
        }
        ErrorKind::InvalidValue => format!(":{}: {} needs a value", command.get_name(), bare(&about)),
        _ => format!(":{} does not take {about}", command.get_name()),
    };
    Error::usage(line(&said)).hint(format!("it is typed so: {}", usage(command)))
}

/// What is said where a form is chosen for a command that shows nothing in it.
pub(in crate::repl) fn without_output(commands: &Command, name: &str) -> Error {
    let Some(command) = meant(commands, name) else { return unknown(name) };
    let others: Vec<String> = commands
        .get_subcommands()
        .filter(|command| has_output(command))
        .map(|c| format!(":{}", c.get_name()))
        .collect();
    Error::usage(format!(":{} is shown in one way only", command.get_name()))
        .hint(format!("what a line of Rhai gives, and {}, can be shown as json, yaml or a table", others.join(", ")))
}

/// The command of this name, of this other name, or the only one that begins so.
pub(in crate::repl) fn meant<'a>(commands: &'a Command, name: &str) -> Option<&'a Command> {
    let is = |command: &&Command| command.get_name() == name || command.get_all_aliases().any(|alias| alias == name);
    let mut begun = commands.get_subcommands().filter(|command| command.get_name().starts_with(name));
    let only = begun.next().filter(|_| begun.next().is_none());
    commands.get_subcommands().find(is).or(only)
}

/// An argument's name, without what clap puts around it.
fn bare(name: &str) -> String {
    name.replace(['<', '>', '[', ']'], "").replace("...", "")
}

/// What people type whose hands know other tools, and how it is said here.
const HABITS: [(&str, &str); 17] = [
    ("?", ":help lists the commands"),
    ("apply", "cluster::apply(manifest::load(\"FILE\")) applies manifests"),
    ("cluster", ":use cluster NAME"),
    ("context", ":use cluster NAME"),
    ("ctx", ":use cluster NAME"),
    ("delete", "cluster::delete(\"KIND/NAME\")"),
    ("exec", "cluster::exec(\"Pod/NAME\", [\"PROGRAM\", \"ARGUMENT\"])"),
    ("namespace", ":use namespace NAME"),
    ("ns", ":use namespace NAME"),
    ("scale", "cluster::scale(\"Deployment/NAME\", 3)"),
    ("clear", "Ctrl-L clears the screen"),
    ("check", "`windlass check` checks a playbook; :plan says what a step would do"),
    ("ls", ":steps lists the steps, :get KIND objects of the cluster, :vars the variables"),
    ("status", ":steps says what became of the steps, :why OBJECT how an object is"),
    ("top", "what pods use is not measured here; :why OBJECT says how one is"),
    ("undo", ":back takes back what a step has changed"),
    ("list", ":steps lists the steps, :get KIND objects of the cluster"),
];

/// How that is said here which people type whose hands know other tools.
pub(in crate::repl) fn habit(name: &str) -> Option<&'static str> {
    HABITS.iter().find(|(habit, _)| *habit == name).map(|(_, hint)| *hint)
}

/// A command that is none, or that could be several.
pub(in crate::repl) fn unknown(name: &str) -> Error {
    let commands = all();
    let names: Vec<&str> = commands.get_subcommands().map(Command::get_name).collect();
    let begun: Vec<String> =
        names.iter().filter(|known| known.starts_with(name)).map(|known| format!(":{known}")).collect();
    let error = Error::usage(format!("there is no command :{}", line(name)));
    if let Some(hint) = habit(name) {
        return error.hint(hint);
    }
    match (begun.as_slice(), nearest(name, names.iter().copied())) {
        ([], Some(near)) => error.hint(format!("did you mean :{near}?")),
        ([], None) => error.hint(":help lists the commands"),
        (several, _) => error.hint(format!("it could be {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    fn refusal(words: &str) -> String {
        let error = super::super::Command::read(words).unwrap_err();
        format!("{}; {}", error.message(), error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_line_that_is_no_command_is_refused_in_plain_words() {
        assert_eq!(refusal("nxet"), "there is no command :nxet; did you mean :next?");
        assert!(refusal("re").starts_with("there is no command :re; it could be :reload, "));
        assert_eq!(
            refusal("steps | json"),
            ":steps is shown in one way only; what a line of Rhai gives, and :values, :state, :get, :pods, :events, can be \
             shown as json, yaml or a table"
        );
        assert!(
            refusal("pods -o wide").starts_with(":pods: --output FORM cannot be \"wide\", but json or yaml or table")
        );
        assert_eq!(refusal("qwertz"), "there is no command :qwertz; :help lists the commands");
        assert_eq!(refusal("run-to"), ":run-to needs STEP; it is typed so: :run-to STEP");
        assert_eq!(refusal("next now"), ":next does not take now; it is typed so: :next");
        assert_eq!(
            refusal("mode lve"),
            ":mode: MODE cannot be \"lve\", but live or read-only; it is typed so: :mode [MODE]"
        );
        assert!(
            refusal("logs x --tail z").starts_with(":logs: --tail TAIL cannot be \"z\"; it is typed so: :logs TARGET")
        );
    }
}
