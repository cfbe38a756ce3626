//! The differences that are known: `known.yaml`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::Error;
use crate::compare::Difference;

/// Those of one part of the file.
#[derive(Debug)]
pub struct Known(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    written: Written,
    case: Regex,
    at: Regex,
    used: Cell<usize>,
}

/// A known difference, as the file has it. In patterns, `*` stands for anything.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The cases it shows in: a pattern of their names; all, without.
    #[serde(default = "anything")]
    case: String,
    /// The place: a pattern of [`Difference::at`].
    at: String,
    /// A text that has to be in what the real server says, if given.
    #[serde(default)]
    real: String,
    /// The same for the shadow.
    #[serde(default)]
    shadow: String,
    /// Why it is so, and may stay.
    reason: String,
}

fn anything() -> String {
    "*".into()
}

impl Known {
    /// Reads a part of the file: `requests` or `settled`.
    ///
    /// # Errors
    /// If it cannot be read, does not have the part, or an entry gives no reason.
    pub fn read(path: &Path, part: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::File { path: path.display().to_string(), what };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&text, part).map_err(wrong)
    }

    fn parse(text: &str, part: &str) -> Result<Self, String> {
        let mut parts: BTreeMap<String, serde_json::Value> =
            serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let written = parts.remove(part).ok_or_else(|| format!("there is no {part}"))?;
        let written: Vec<Written> = serde_json::from_value(written).map_err(|error| error.to_string())?;
        let entries = written.into_iter().map(|written| {
            if written.reason.trim().is_empty() {
                return Err(format!("{}: no reason", written.at));
            }
            let pattern = |text: &str| {
                let parts: Vec<String> = text.split('*').map(regex::escape).collect();
                Regex::new(&format!("^{}$", parts.join(".*"))).map_err(|error| error.to_string())
            };
            Ok(Entry { case: pattern(&written.case)?, at: pattern(&written.at)?, used: Cell::new(0), written })
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a difference in this case is known.
    #[must_use]
    pub fn covers(&self, case: &str, difference: &Difference) -> bool {
        let says = |value: &Option<crate::Json>, text: &str| {
            text.is_empty() || value.as_ref().is_some_and(|value| value.to_string().contains(text))
        };
        let fits = |entry: &&Entry| {
            entry.case.is_match(case)
                && entry.at.is_match(&difference.at)
                && says(&difference.real, &entry.written.real)
                && says(&difference.shadow, &entry.written.shadow)
        };
        let entry = self.0.iter().find(fits);
        if let Some(entry) = entry {
            entry.used.set(entry.used.get() + 1);
        }
        entry.is_some()
    }

    /// The entries that nothing has needed since the start, though a case of theirs was there, in words.
    #[must_use]
    pub fn unused<'a>(&self, cases: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let unused = self.0.iter().filter(|entry| entry.used.get() == 0);
        let unused = unused.filter(|entry| cases.clone().any(|case| entry.case.is_match(case)));
        unused
            .map(|entry| format!("{} in {}: {}", entry.written.at, entry.written.case, entry.written.reason))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_cover_what_they_say_and_are_counted() {
        let entries = "a: [{case: 'table/*', at: 'body/*/x', shadow: zero, reason: so}, {at: code, reason: so}]";
        let known = Known::parse(entries, "a");
        let known = known.unwrap();
        let difference = |shadow: &str| Difference { at: "body/1/x".into(), real: None, shadow: Some(json!(shadow)) };
        assert!(!known.covers("other: a", &difference("zero")));
        assert!(!known.covers("table/a: b", &difference("one")));
        let unused = |case: &'static str| known.unused([case].into_iter());
        assert_eq!((unused("table/a: b").len(), unused("other: a").len()), (2, 1));
        assert!(known.covers("table/a: b", &difference("zero")));
        assert_eq!(unused("table/a: b"), ["code in *: so"]);
    }

    #[test]
    fn a_reason_is_needed() {
        assert!(Known::parse("a: [{at: code, reason: ''}]", "a").is_err());
        assert!(Known::parse("a: []", "b").is_err());
    }
}
