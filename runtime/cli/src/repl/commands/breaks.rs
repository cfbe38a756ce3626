//! Where it stops.

use windlass_runtime::{Error, Result};

use crate::repl::desk::Desk;
use crate::repl::stops::Stops;

/// Says where it stops, or changes that.
pub(super) fn breaks(desk: &Desk, at: Option<&str>, on: bool) -> Result<()> {
    {
        let mut stops = desk.stops();
        match at {
            None if on => {}
            None => *stops = Stops { says_next: stops.says_next, pace: stops.pace, ..Stops::default() },
            Some("failure" | "failures") => stops.at_failures = on,
            Some("changes" | "change") => stops.at_changes = on,
            Some(at) => match at.rsplit_once(':').map(|(source, line)| (source, line.parse())) {
                Some((source, Ok(line))) => {
                    if let Some(length) =
                        desk.sources().length(source).filter(|length| on && !(1..=*length).contains(&line))
                    {
                        let text =
                            format!("{} has {length} lines, and none of number {line}", crate::clean::line(source));
                        return Err(Error::usage(text).hint(":edit opens it"));
                    }
                    if on && desk.sources().length(source).is_none() {
                        desk.warn(&format!("no script that is named {} was read so far", crate::clean::line(source)));
                    }
                    let place = (source.to_owned(), line);
                    let _ = if on { stops.lines.insert(place) } else { stops.lines.remove(&place) };
                }
                _ if on => {
                    let known = desk.known();
                    let keys = known.steps.iter().map(|(key, _)| key.as_str());
                    if !keys.clone().any(|key| key == at) {
                        return Err(no_step(at, keys));
                    }
                    stops.steps.insert(at.to_owned());
                }
                _ => drop(stops.steps.remove(at)),
            },
        }
    }
    let stops = desk.stops();
    let mut at: Vec<String> = stops.steps.iter().map(|key| format!("before step {key}")).collect();
    at.extend(stops.lines.iter().map(|(source, line)| format!("at {source}:{line}")));
    at.extend(stops.at_failures.then(|| "where a primitive fails".to_owned()));
    at.extend(stops.at_changes.then(|| "before each change".to_owned()));
    let text = if at.is_empty() { "nowhere".to_owned() } else { at.join(", ") };
    desk.say(&format!("stops {text}\n"));
    Ok(())
}

/// The error for a step that is none.
pub(in crate::repl) fn no_step<'a>(key: &str, steps: impl Iterator<Item = &'a str>) -> Error {
    let error = Error::usage(format!("there is no step \"{key}\""));
    match windlass_runtime::suggest::did_you_mean(key, steps) {
        Some(hint) => error.hint(hint),
        None => error.hint(":steps lists them"),
    }
}
