//! Commands, and what they are given.

use clap::{Arg, ArgAction, Command};

use super::Item;
use super::beside::Beside;
use crate::repl::command::{has_output, meant};

/// Where the cursor is in the line of a command.
#[derive(Debug)]
pub(super) struct Typed<'a> {
    /// Where what is being typed begins, from the colon on.
    pub(super) start: usize,
    pub(super) word: &'a str,
    pub(super) sort: Sort<'a>,
    /// What was named before.
    pub(super) beside: Beside,
}

/// What is being typed.
#[derive(Debug)]
pub(super) enum Sort<'a> {
    /// The command.
    Command,
    /// A flag of it.
    Flag(&'a Command),
    /// The argument of this name.
    Argument { arg: &'a Arg, before: Option<&'a str> },
    /// An expression.
    Expression,
    /// The form in which what it finds is shown.
    Form,
}

impl<'a> Typed<'a> {
    /// The place at the end of a line, which begins after the colon.
    pub(super) fn at_end(all: &'a Command, line: &'a str) -> Option<Self> {
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = line.get(start..)?;
        let mut words = line.get(..start)?.split_whitespace();
        let Some(name) = words.next() else {
            return Some(Self { start, word, sort: Sort::Command, beside: Beside::default() });
        };
        let command = meant(all, name)?;
        // The last one may be given several times.
        let last = command.get_positionals().last().filter(|arg| matches!(arg.get_action(), ArgAction::Append));
        let mut positionals = command.get_positionals().chain(last.into_iter().cycle());
        let (mut pending, mut before, mut beside) = (None::<&Arg>, None, Beside::default());
        for given in words {
            match pending.take() {
                None if given == "|" && has_output(command) => {
                    return Some(Self { start, word, sort: Sort::Form, beside });
                }
                Some(flag) if flag.get_id() == "namespace" => beside.namespace = Some(given.to_owned()),
                Some(_) => {}
                None if given.starts_with('-') => pending = flag(command, given).filter(|arg| takes_value(arg)),
                None => {
                    if positionals.next().is_some_and(is_expression) {
                        return expression(line, name);
                    }
                    before = Some(given);
                }
            }
        }
        let sort = match pending {
            Some(arg) => Sort::Argument { arg, before },
            None if word.starts_with('-') => Sort::Flag(command),
            None => {
                let arg = positionals.next()?;
                if is_expression(arg) {
                    return expression(line, name);
                }
                Sort::Argument { arg, before }
            }
        };
        beside.object = before.map(str::to_owned);
        Some(Self { start, word, sort, beside })
    }
}

fn expression<'a>(line: &'a str, name: &str) -> Option<Typed<'a>> {
    let start = line.find(name)? + name.len() + 1;
    Some(Typed { start, word: line.get(start..)?, sort: Sort::Expression, beside: Beside::default() })
}

fn is_expression(arg: &Arg) -> bool {
    arg.get_id() == "expression"
}

fn flag<'a>(command: &'a Command, given: &str) -> Option<&'a Arg> {
    let long = given.strip_prefix("--");
    let short = given.strip_prefix('-').and_then(|rest| rest.chars().next());
    command.get_arguments().find(|arg| match long {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some() && arg.get_short() == short,
    })
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// The commands.
pub(super) fn names(all: &Command) -> Vec<Item> {
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    all.get_subcommands().map(|command| Item::new(command.get_name().to_owned(), about(command))).collect()
}

/// The flags of a command.
pub(super) fn flags(command: &Command) -> Vec<Item> {
    let item = |arg: &Arg| {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let name = long.or_else(|| arg.get_short().map(|short| format!("-{short}")))?;
        Some(Item::new(name, help(arg)))
    };
    command.get_arguments().filter_map(item).collect()
}

/// The words that an argument can be.
pub(super) fn words(arg: &Arg) -> Vec<Item> {
    let words = arg.get_possible_values();
    let about = |help: Option<&clap::builder::StyledStr>| help.map(ToString::to_string).unwrap_or_default();
    words.iter().map(|word| Item::new(word.get_name().to_owned(), about(word.get_help()))).collect()
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::command::all;
    use crate::repl::complete::testing::values;

    fn said(line: &str) -> String {
        let all = all();
        let Some(typed) = Typed::at_end(&all, line) else { return "nothing".to_owned() };
        let sort = match typed.sort {
            Sort::Command => "command".to_owned(),
            Sort::Flag(command) => format!("flag of {}", command.get_name()),
            Sort::Argument { arg, before } => format!("{} after {before:?}", arg.get_id()),
            Sort::Expression => "expression".to_owned(),
            Sort::Form => "form".to_owned(),
        };
        assert_eq!(&line[typed.start..], typed.word);
        format!("{:?} {sort} {}", typed.word, typed.beside.namespace.unwrap_or_default()).trim_end().to_owned()
    }

    #[test]
    fn what_is_typed_is_a_command_a_flag_or_an_argument() {
        assert_eq!(said("ru"), "\"ru\" command");
        assert_eq!(said("run-to st"), "\"st\" step after None");
        assert_eq!(said("logs -n shop Pod/w"), "\"Pod/w\" target after None shop");
        assert_eq!(said("logs Pod/web -"), "\"-\" flag of logs");
        assert_eq!(said("logs --namespace s"), "\"s\" namespace after None");
        assert_eq!(said("pods -A -l "), "\"\" selector after None");
        assert_eq!(said("use cluster d"), "\"d\" name after Some(\"cluster\")");
        assert_eq!(said("desc Pod/"), "\"Pod/\" object after None");
        assert_eq!(said("take cluster::list(\"Pod\").le"), "\"cluster::list(\\\"Pod\\\").le\" expression");
        assert_eq!(said("take a + b"), "\"a + b\" expression");
        assert_eq!(said("get deploy -A | j"), "\"j\" form");
        assert_eq!((said("nothing x"), said("vars x")), ("nothing".to_owned(), "nothing".to_owned()));
    }

    #[test]
    fn commands_flags_and_words_have_their_help() {
        let all = all();
        let help = names(&all).into_iter().find(|item| item.value == "run-to").unwrap();
        assert!(help.about.contains("up to this one"), "{help:?}");
        let Some(Typed { sort: Sort::Flag(logs), .. }) = Typed::at_end(&all, "logs -") else { panic!("no flag") };
        assert_eq!(values(&flags(logs)), ["--namespace", "--container", "--tail", "--follow", "--previous"]);
        let Some(Typed { sort: Sort::Argument { arg, .. }, .. }) = Typed::at_end(&all, "mode ") else { panic!() };
        assert_eq!(values(&words(arg)), ["live", "read-only"]);
    }
}
