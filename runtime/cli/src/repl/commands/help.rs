//! What the commands are.

use std::fmt::Write as _;

use clap::{Arg, Command};
use windlass_runtime::Result;
use windlass_runtime::docs::wrapped;

use crate::commands::docs;
use crate::repl::command::{self, shape, unknown, usage};
use crate::repl::desk::Desk;
use crate::repl::show;
use crate::style::Style;

/// Where the groups of the list begin.
const GROUPS: [(&str, &str); 5] = [
    ("load", "What is open"),
    ("next", "Going through the steps"),
    ("retry", "Where a step is held up"),
    ("vars", "Looking around"),
    ("save", "This session"),
];

/// Lists the commands, or says what one of them or a function is.
pub(super) fn help(desk: &Desk, about: &[String]) -> Result<()> {
    let (style, width) = (desk.ui().out_style, docs::width(desk.ui()));
    let commands = command::all();
    let [first, ..] = about else { return show::paged(desk, &list(&commands, width, style)) };
    let name = first.trim_start_matches(':');
    if let Some(command) = commands.find_subcommand(name) {
        return show::paged(desk, &page(command, width, style));
    }
    match docs::about(&desk.runtime().reference(), about, desk.ui()) {
        Some(text) if !first.starts_with(':') => show::paged(desk, &text),
        _ => Err(unknown(name)),
    }
}

fn list(commands: &Command, width: usize, style: Style) -> String {
    let mut text = String::new();
    for command in commands.get_subcommands() {
        if let Some((_, group)) = GROUPS.iter().find(|(first, _)| *first == command.get_name()) {
            let _ = writeln!(text, "\n{}", style.bold(group));
        }
        row(&mut text, &format!(":{}", command.get_name()), &about(command), 12, width, style);
    }
    text.push('\n');
    for line in wrapped(
        "Everything else is Rhai. A trailing | json, | yaml or | table chooses how it is shown. :help NAME says more of a \
         command, or of a function such as cluster::apply; a command may be cut short, and :n, :s, :i and :c stand for \
         :next, :step, :into and :continue.",
        width,
    ) {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn page(command: &Command, width: usize, style: Style) -> String {
    let mut text = format!("{}\n", style.bold(usage(command)));
    for line in wrapped(&about(command), width) {
        let _ = writeln!(text, "{line}");
    }
    let rows: Vec<(String, String)> = command.get_arguments().map(|arg| (shape(arg, ", "), meaning(arg))).collect();
    let longest = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    if !rows.is_empty() {
        text.push('\n');
    }
    for (name, meaning) in &rows {
        row(&mut text, name, meaning, longest + 1, width, style);
    }
    let short: Vec<String> = command.get_visible_aliases().map(|alias| format!(":{alias}")).collect();
    if !short.is_empty() {
        let _ = writeln!(text, "\n{}", style.dim(format!("also {}", short.join(" and "))));
    }
    text
}

/// A name, and beside it what it means.
fn row(text: &mut String, name: &str, meaning: &str, names: usize, width: usize, style: Style) {
    let indent = names + 2;
    for (number, line) in wrapped(meaning, width.saturating_sub(indent)).iter().enumerate() {
        let gap = " ".repeat(names.saturating_sub(name.len()).max(1));
        let _ = match number {
            0 => writeln!(text, "  {}{gap}{line}", style.cyan(name)),
            _ => writeln!(text, "{}{line}", " ".repeat(indent)),
        };
    }
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if arg.get_action().takes_values() && !values.is_empty() {
        let _ = write!(text, ": {}", values.join(" or "));
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| arg.get_action().takes_values()) {
        let _ = write!(text, " (default {})", default.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_terminal_of_80_columns() {
        let commands = command::all();
        let pages = commands.get_subcommands().map(|command| page(command, 80, Style::off()));
        for text in pages.chain([list(&commands, 80, Style::off())]) {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(!text.contains("Usage") && !text.contains("--help"), "{text}");
        }
        let pods = page(commands.find_subcommand("pods").unwrap(), 80, Style::off());
        assert_eq!(
            pods,
            ":pods [-n NAMESPACE] [-A] [-l SELECTOR] [-o FORM]\nList pods\n\n  -n, --namespace NAMESPACE The namespace\n  -A, --all-namespaces      Those of all namespaces\n  -l, --selector SELECTOR   Those with these labels\n  -o, --output FORM         How it is shown, as | FORM at the end chooses it:\n                            json or yaml or table\n"
        );
    }
}
