//! Why an object is not ready.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_runtime::playbook::Console;
use windlass_runtime::{Error, Result};

use super::cluster::call;
use crate::clean::line;
use crate::repl::command::Place;
use crate::repl::desk::Desk;
use crate::repl::show::{self, table};
use crate::style::Style;

/// How long it is waited: it is asked how things are now.
const WAITS: &str = "1ms";
/// How many different events are shown, the newest.
const EVENTS: usize = 6;

/// Says whether an object is ready, and why it is not.
pub(super) fn why(desk: &Desk, console: &mut Console, object: &str, place: &Place) -> Result<()> {
    let mut options = place.options();
    options["timeout"] = json!(WAITS);
    match desk.value_of(console, &call("wait::ready", &[json!(object)], &options)) {
        Ok(_) => show::paged(desk, &format!("{} is ready\n", line(object))),
        Err(error) => match error.detail_value() {
            Some(details) => {
                let now = console.session().clock().wall();
                let text = diagnosis(&error, details, now, desk.ui().out_style);
                show::paged(desk, &console.session().mask(&text))
            }
            None => Err(error),
        },
    }
}

/// What a wait has found out, for people.
fn diagnosis(error: &Error, details: &Json, now: Timestamp, style: Style) -> String {
    let message = error.message().replacen(&format!(" after {WAITS}"), "", 1);
    let mut text = format!("{}\n", style.bold(line(&message)));
    for (key, columns) in [
        ("pods", &["name", "reason", "restarts", "node", "image"][..]),
        ("claims", &["name", "phase", "class", "reason"]),
        ("nodes", &["name", "ready", "cordoned", "why"]),
        ("budgets", &["name", "healthy", "desired"]),
    ] {
        let items = list(details, key);
        let picked = |item: &Json| columns.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect();
        let rows = Json::Array(items.iter().map(picked).map(Json::Object).collect());
        let Some(rows) = table::of(&rows, now, style).filter(|_| !items.is_empty()) else { continue };
        let _ = writeln!(text, "\n{}\n{}", style.blue(key), rows.trim_end());
        let mut messages: Vec<&str> = items.iter().filter_map(|item| item["message"].as_str()).collect();
        messages.retain(|message| !message.is_empty());
        messages.dedup();
        for message in messages {
            let _ = writeln!(text, "{}", style.dim(line(message)));
        }
    }
    text.push_str(&events(list(details, "events"), style));
    if let Some(lines) = details.pointer("/log/lines") {
        let of = |key: &str| line(details["log"][key].as_str().unwrap_or_default());
        let _ = writeln!(
            text,
            "\n{}",
            style.blue(format!("the end of the log of {}, container {}", of("pod"), of("container")))
        );
        for said in lines.as_array().into_iter().flatten().filter_map(Json::as_str) {
            let _ = writeln!(text, "{}", line(said));
        }
    }
    // What a script would do about it is no help here.
    let is_for_scripts = |hint: &str| hint.contains("`timeout`") || hint.contains("e.details has");
    if let Some(hint) = error.hint_text().filter(|hint| !is_for_scripts(hint)) {
        let _ = writeln!(text, "\n{} {}", style.cyan("hint:"), line(&hint.replace(" (e.details)", "")));
    }
    text
}

fn list<'a>(details: &'a Json, key: &str) -> &'a [Json] {
    details[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Events, each that says the same once.
fn events(events: &[Json], style: Style) -> String {
    let mut said: Vec<(String, i64)> = Vec::new();
    for event in events {
        let of = |key: &str| line(event[key].as_str().unwrap_or_default());
        let text = format!("{}  {}", style.yellow(of("reason")), of("message"));
        let count = event["count"].as_i64().unwrap_or(1);
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, known)) => *known += count,
            None => said.push((text, count)),
        }
    }
    let newest = said.split_off(said.len().saturating_sub(EVENTS));
    let rows = newest.into_iter().map(|(text, count)| format!("{:>6} {text}\n", format!("{count}×")));
    let rows: String = rows.collect();
    if rows.is_empty() { rows } else { format!("\n{}\n{rows}", style.blue("events")) }
}

#[cfg(test)]
mod tests {
    use windlass_runtime::Kind;

    use super::*;

    #[test]
    fn what_a_wait_has_found_is_told_in_short() {
        let pod = |name: &str| json!({ "name": name, "reason": "BackOff", "message": "no image", "node": "n\u{1b}[2J", "restarts": 0, "image": "a:1", "container": "c" });
        let event = |object: &str| json!({ "reason": "Failed", "message": "no image", "object": object, "count": 2, "type": "Warning" });
        let details = json!({
            "pods": [pod("web-1"), pod("web-2")], "events": [event("Pod/web-1"), event("Pod/web-2")], "status": "0 of 2",
            "log": { "pod": "web-1", "container": "c", "lines": ["one", "two"] },
        });
        let error = Error::new(Kind::Timeout, "Deployment/web in shop is not ready after 1ms: 0 of 2")
            .hint("the container ends by itself: its log says why (e.details)");
        assert_eq!(
            diagnosis(&error, &details, Timestamp::UNIX_EPOCH, Style::off()),
            "Deployment/web in shop is not ready: 0 of 2\n\npods\nNAME   REASON   RESTARTS  NODE        IMAGE\nweb-1  BackOff  0         n\\u{1b}[2J  a:1\nweb-2  BackOff  0         n\\u{1b}[2J  a:1\nno image\n\nevents\n    4× Failed  no image\n\nthe end of the log of web-1, container c\none\ntwo\n\nhint: the container ends by itself: its log says why\n"
        );
    }
}
