//! Looking around.

use std::fmt::Write as _;

use serde_json::Value as Json;
use windlass_runtime::change::{Op, OutcomeItem};
use windlass_runtime::playbook::{Console, Using};
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::values::Path;
use windlass_runtime::{Error, Kind, Result, Session, Value};

use crate::clean::line;
use crate::repl::command::{Changes, Chosen};
use crate::repl::desk::Desk;
use crate::repl::form::Form;
use crate::repl::prompt::Mode;
use crate::repl::show;
use crate::style::Style;

/// Lists the variables.
pub(super) fn variables(desk: &Desk, console: &Console) -> Result<()> {
    let style = desk.ui().out_style;
    let mut text = String::new();
    for variable in console.variables() {
        let word = if variable.constant { "const" } else { "let" };
        let shown = show::in_line(console.session(), &variable.value, 100);
        let _ = writeln!(text, "{} {} = {shown}", style.dim(word), style.bold(line(&variable.name)));
    }
    if text.is_empty() {
        text.push_str("no variables yet; `values` has the values\n");
    }
    show::paged(desk, &text)
}

/// Shows the values, or one of them, but those that are not to be seen.
pub(super) fn values(desk: &Desk, session: &Session, path: Option<&str>, form: Form) -> Result<()> {
    let values = &desk.known().values;
    let found = match path {
        None => values.clone(),
        Some(path) => {
            let path = Path::parse(path)?;
            path.find(values).cloned().ok_or_else(|| Error::usage(format!("there is no value {path}")))?
        }
    };
    show::value(desk, session, Value::from(found), form)
}

/// Shows what steps left.
pub(super) fn state(desk: &Desk, session: &Session, form: Form) -> Result<()> {
    show::value(desk, session, Value::from(session.shown_state()), form)
}

/// Shows what was changed.
pub(super) fn diff(desk: &Desk) -> Result<()> {
    match differences(&desk.outcomes(), desk.ui().out_style) {
        Some(text) => show::paged(desk, &text),
        None => show::paged(desk, "nothing was changed\n"),
    }
}

/// What was changed, with the differences; nothing where nothing was.
pub(super) fn differences(outcomes: &[OutcomeItem], style: Style) -> Option<String> {
    let mut text = String::new();
    for item in outcomes.iter().filter(|item| item.result.took_effect()) {
        let (mark, done) = match item.op {
            Some(Op::Create) => (style.green("+"), "created"),
            Some(Op::Delete) => (style.red("-"), "deleted"),
            Some(Op::Run) => (style.yellow("~"), "run"),
            _ => (style.yellow("~"), "changed"),
        };
        let _ = writeln!(text, "{mark} {} {done}", style.bold(line(&item.resource)));
        for change in item.diff.iter().flat_map(|text| text.lines()).filter(|text| !show::says_no_more(text)) {
            let _ = writeln!(text, "    {}", show::difference(change, style));
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Lists what was typed.
pub(super) fn history(desk: &Desk, last: usize) -> Result<()> {
    let inputs = desk.inputs();
    let style = desk.ui().out_style;
    let first = inputs.len().saturating_sub(last);
    let mut text = String::new();
    for (index, input) in inputs.iter().enumerate().skip(first) {
        let mark = if input.ok { " " } else { "!" };
        let _ = writeln!(text, "{} {}", style.dim(format!("{mark}{:4}", index + 1)), line(&input.text));
    }
    show::paged(desk, &text)
}

/// Says what may be changed, or what may be from here on.
pub(super) fn mode(desk: &Desk, session: &Session, mode: Option<Changes>) -> Result<()> {
    if let Some(mode) = mode {
        session.access().set_read_only(mode == Changes::ReadOnly);
    }
    let word = match Mode::of(session) {
        Mode::Live => "live: what is changed is changed",
        Mode::ReadOnly => "read-only: nothing may be changed",
        Mode::Rehearsal => "rehearsal: nothing is for real",
        Mode::RehearsalReadOnly => "rehearsal, read-only: nothing is for real, and nothing may be changed",
    };
    desk.say(&format!("{word}\n"));
    Ok(())
}

/// A simulation has any cluster that is asked for: what nobody has named may be a mistake.
fn warn_of_unknown(desk: &Desk, session: &Session, name: &str) {
    let known = session.target().cluster_names();
    if session.target().is_live() || session.target().knows(name) || known.iter().any(|known| known == name) {
        return;
    }
    let hint = did_you_mean(name, known.iter().map(String::as_str)).map(|hint| format!(": {hint}")).unwrap_or_default();
    let text = format!("customer.yaml names no cluster {}; it is empty{hint}", line(name));
    desk.warn(&text);
}

/// Says what is meant where a line names nothing, or chooses something else.
pub(super) fn choose(desk: &Desk, console: &mut Console, what: Option<Chosen>, name: Option<&str>) -> Result<()> {
    match (what, name) {
        (Some(Chosen::Cluster), Some(name)) => warn_of_unknown(desk, console.session(), name),
        (Some(Chosen::Namespace), Some(name)) => {
            let there = format!("cluster::exists({})", Json::from(format!("Namespace/{name}")));
            match desk.value_of(console, &there) {
                Ok(Value::Bool(false)) => {
                    let text = format!("there is no namespace {} (yet)", line(name));
                    desk.warn(&text);
                }
                // It can be the name of none.
                Err(error) if error.kind() == Kind::Usage => return Err(error),
                // A cluster that does not answer says so with the next line.
                _ => {}
            }
        }
        _ => {}
    }
    let name = name.map(str::to_owned);
    match what {
        None => {}
        Some(Chosen::Cluster) => console.use_from_here(Using { cluster: name, ..console.using().clone() })?,
        Some(Chosen::Namespace) => console.use_from_here(Using { namespace: name, ..console.using().clone() })?,
    }
    desk.looks_after(console.session(), console.using().cluster.as_deref());
    let using = console.using();
    let cluster = using.cluster.clone().unwrap_or_else(|| console.session().target().name());
    let namespace = using.namespace.as_deref().unwrap_or("that of the context");
    desk.say(&format!("cluster {}, namespace {}\n", line(&cluster), line(namespace)));
    Ok(())
}
