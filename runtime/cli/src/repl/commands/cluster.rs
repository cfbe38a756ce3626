//! Looking at the cluster: what one would type anyway, in a word.

use serde_json::{Value as Json, json};
use windlass_runtime::playbook::Console;
use windlass_runtime::{Kind, Result, Value};

use crate::clean::line;
use crate::plain::plain;
use crate::repl::command::{Output, Place, Which};
use crate::repl::desk::Desk;
use crate::repl::form::Form;
use crate::repl::show;

/// How many events are shown that have happened before they are watched.
const EVENTS_BEFORE: u32 = 10;

/// A call of a function, as it would be typed.
pub(super) fn call(function: &str, arguments: &[Json], options: &Json) -> String {
    let mut all: Vec<String> = arguments.iter().map(literal).collect();
    if options.as_object().is_some_and(|options| !options.is_empty()) {
        all.push(literal(options));
    }
    format!("{function}({})", all.join(", "))
}

/// Data as a script writes it.
fn literal(json: &Json) -> String {
    match json {
        Json::Null => "()".to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entry = |(key, value): (&String, &Json)| format!("{}: {}", Json::from(key.as_str()), literal(value));
            format!("#{{ {} }}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn show(desk: &Desk, console: &mut Console, text: &str, form: Form) -> Result<()> {
    let value = desk.value_of(console, text)?;
    show::value(desk, console.session(), value, form)
}

/// Lists the objects of a kind, or shows one.
pub(super) fn get(desk: &Desk, console: &mut Console, what: &str, which: &Which, output: Output) -> Result<()> {
    let Which { place, all_namespaces, selector } = which;
    if what.contains('/') {
        return show(desk, console, &call("cluster::get", &[json!(what)], &place.options()), output.or(Form::Auto));
    }
    let mut options = place.options();
    if *all_namespaces {
        options["all_namespaces"] = json!(true);
    }
    if let Some(labels) = selector {
        options["labels"] = json!(labels);
    }
    let found = desk.value_of(console, &call("cluster::list", &[json!(what)], &options))?;
    let form = output.or(Form::Table);
    if form == Form::Table && matches!(&found, Value::List(found) if found.is_empty()) {
        let namespace = place.namespace.as_deref().or(console.using().namespace.as_deref());
        let of =
            namespace.map_or_else(|| "the context's namespace".to_owned(), |name| format!("namespace {}", line(name)));
        let text = match all_namespaces {
            true => format!("nothing of the kind {}\n", line(what)),
            false => format!("nothing of the kind {} in {of}; -A lists those of all namespaces\n", line(what)),
        };
        desk.say(&text);
        return Ok(());
    }
    show::value(desk, console.session(), found, form)
}

/// Shows an object, and what has happened to it of late.
pub(super) fn describe(desk: &Desk, console: &mut Console, object: &str, place: &Place) -> Result<()> {
    show(desk, console, &call("cluster::get", &[json!(object)], &place.options()), Form::Auto)?;
    let mut options = place.options();
    options["about"] = json!(object);
    let events = desk.value_of(console, &call("cluster::events", &[], &options))?;
    show_events(desk, console, events, Form::Table)
}

fn show_events(desk: &Desk, console: &Console, events: Value, form: Form) -> Result<()> {
    if form == Form::Table && matches!(&events, Value::List(events) if events.is_empty()) {
        desk.say("no events\n");
        return Ok(());
    }
    show::value(desk, console.session(), events, form)
}

/// Lists what has happened of late.
pub(super) fn events(desk: &Desk, console: &mut Console, place: &Place, all: bool, output: Output) -> Result<()> {
    let found = desk.value_of(console, &call("cluster::events", &[], &of_events(place, all)))?;
    show_events(desk, console, found, output.or(Form::Table))
}

/// Tells what has happened of late, and what happens from here on.
pub(super) fn follow_events(desk: &Desk, console: &mut Console, place: &Place, all: bool) -> Result<()> {
    let mut options = of_events(place, all);
    options["limit"] = json!(EVENTS_BEFORE);
    let tell = "|e| print(`${e.time}  ${e.type}  ${e.object}  ${e.reason}: ${e.message}`)";
    followed(desk, console, &call("cluster::follow_events", &[], &options), tell)
}

fn of_events(place: &Place, all: bool) -> Json {
    let mut options = place.options();
    if all {
        options["all_namespaces"] = json!(true);
    }
    options
}

/// Calls a function that follows something, and tells it each time, until Ctrl-C: this is how it ends.
fn followed(desk: &Desk, console: &mut Console, call: &str, tell: &str) -> Result<()> {
    desk.interrupt().is_left_by_it(true);
    desk.follows(true);
    let followed = desk.value_of(console, &format!("{}, {tell})", call.strip_suffix(')').unwrap_or(call)));
    desk.follows(false);
    desk.interrupt().is_left_by_it(false);
    match followed {
        Err(error) if error.kind() == Kind::Cancelled => {
            // Ctrl-C was for this, and not for the lines that come.
            desk.interrupt().was_pressed();
            Ok(())
        }
        followed => followed.map(|_| ()),
    }
}

/// Which log of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// That of the container that runs.
    Current,
    /// The same, as it is written.
    Followed,
    /// That of the one before.
    Previous,
}

/// Shows the log of a container.
pub(super) fn logs(
    desk: &Desk,
    console: &mut Console,
    target: &str,
    place: &Place,
    container: Option<&str>,
    tail: u32,
    which: Log,
) -> Result<()> {
    let mut options = place.options();
    options["tail"] = json!(tail);
    // A name alone is that of a pod.
    let target = &if target.contains('/') { target.to_owned() } else { format!("Pod/{target}") };
    if let Some(container) = container {
        options["container"] = json!(container);
    }
    if which == Log::Previous {
        options["previous"] = json!(true);
    }
    if which == Log::Followed {
        let call = call("cluster::follow_logs", &[json!(target)], &options);
        return followed(desk, console, &call, "|line| print(line)");
    }
    let lines = desk.value_of(console, &call("cluster::logs", &[json!(target)], &options))?;
    let lines = plain(lines)?;
    let text: String = lines
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(|text| format!("{}\n", crate::clean::line(text)))
        .collect();
    show::paged(desk, &console.session().mask(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_for_people_is_what_a_script_says() {
        let options = json!({ "namespace": "a\"b\n", "labels": { "x": [1, true, null] } });
        let said = call("cluster::get", &[json!("Pod/x")], &options);
        assert_eq!(
            said,
            "cluster::get(\"Pod/x\", #{ \"namespace\": \"a\\\"b\\n\", \"labels\": #{ \"x\": [1, true, ()] } })"
        );
        assert_eq!(call("cluster::events", &[], &json!({})), "cluster::events()");
    }
}
