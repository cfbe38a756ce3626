//! What the commands do that need no steps.

pub(super) mod breaks;
mod cluster;
mod help;
mod journal;
mod look;
pub(super) mod plan;
mod save;
mod why;

use windlass_runtime::Result;
use windlass_runtime::playbook::Console;

use super::command::Command;
use super::desk::Desk;
use super::form::Form;

impl Command {
    /// Does what needs no steps: whether it was such a command.
    pub(super) fn look(&self, desk: &Desk, console: &mut Console) -> Option<Result<()>> {
        Some(match self {
            Self::Help { about } => help::help(desk, about),
            Self::Vars => look::variables(desk, console),
            Self::Values { path, output } => {
                look::values(desk, console.session(), path.as_deref(), output.or(Form::Auto))
            }
            Self::State { output } => look::state(desk, console.session(), output.or(Form::Auto)),
            Self::Diff => look::diff(desk),
            Self::Plan { expression, .. } if !expression.is_empty() => {
                plan::expression(desk, console, &expression.join(" "))
            }
            Self::Plan { on, off, .. } if *on || *off => {
                desk.stops().says_next = *on;
                Ok(())
            }
            Self::Journal => journal::list(desk, console.session()),
            Self::Get { kind, name, which, output } => {
                cluster::get(desk, console, &named(kind, name.as_deref()), which, *output)
            }
            Self::Pods { which, output } => cluster::get(desk, console, "Pod", which, *output),
            Self::Logs { target, place, container, tail, follow } => {
                cluster::logs(desk, console, target, place, container.as_deref(), *tail, *follow)
            }
            Self::Describe { object, name, place } => {
                cluster::describe(desk, console, &named(object, name.as_deref()), place)
            }
            Self::Why { object, name, place } => why::why(desk, console, &named(object, name.as_deref()), place),
            Self::Events { place, all_namespaces, watch, output } => match watch {
                true => cluster::follow_events(desk, console, place, *all_namespaces),
                false => cluster::events(desk, console, place, *all_namespaces, *output),
            },
            Self::Save { file, step, force } => save::save(desk, console, file, step.as_deref(), *force),
            Self::History { last } => look::history(desk, *last),
            Self::Break { at, off } => breaks::breaks(desk, at.as_deref(), !off),
            Self::Use { what, name } => look::choose(desk, console, *what, name.as_deref()),
            Self::Mode { mode } => look::mode(desk, console.session(), *mode),
            Self::Timing => {
                let word = if desk.toggle_timing() { "on" } else { "off" };
                desk.say(&format!("timing is {word}\n"));
                Ok(())
            }
            _ => return None,
        })
    }
}

/// An object as functions take it: `Deployment/web`, of one or two words.
fn named(object: &str, name: Option<&str>) -> String {
    name.map_or_else(|| object.to_owned(), |name| format!("{object}/{name}"))
}
