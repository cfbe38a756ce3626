//! What is encrypted in a vault: a map of names to texts, as YAML or JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The map, and the text that it was read from, so that comments and order stay when an entry is added.
#[derive(Default)]
pub(super) struct Content {
    text: Zeroizing<String>,
    entries: BTreeMap<String, Value>,
}

#[derive(PartialEq, Eq)]
struct Value(Zeroizing<String>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Value(Zeroizing::new(text)))
    }
}

/// Where the text is no such map. (The parser's own message would show a part of the text.)
pub(super) struct NoMap {
    pub(super) place: Option<(u64, u64)>,
}

impl Content {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NoMap> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoMap { place: None })?;
        Ok(Self { entries: entries(text)?, text: Zeroizing::new(text.to_owned()) })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|value| value.0.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Adds an entry. A line is appended where the text is a YAML map in lines; anything else is written anew.
    pub(super) fn insert(&mut self, name: &str, value: &str) {
        self.entries.insert(name.to_owned(), Value(Zeroizing::new(value.to_owned())));
        let line = entry(name, value);
        let mut appended = Zeroizing::new(String::with_capacity(self.text.len() + line.len() + 1));
        appended.push_str(&self.text);
        if !appended.is_empty() && !appended.ends_with('\n') {
            appended.push('\n');
        }
        appended.push_str(&line);
        self.text = if entries(&appended).is_ok_and(|entries| entries == self.entries) {
            appended
        } else {
            let lines = self.entries.iter().map(|(name, value)| entry(name, &value.0));
            lines.fold(Zeroizing::new(String::new()), |mut text, line| {
                text.push_str(&line);
                text
            })
        };
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

fn entry(name: &str, value: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{}: {}\n", *quoted(name), *quoted(value)))
}

/// The text in double quotes, as JSON and YAML both read it: escaped is also what YAML takes for a line break or not at all.
fn quoted(text: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(String::with_capacity(text.len() * 6 + 2));
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            _ if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn entries(text: &str) -> Result<BTreeMap<String, Value>, NoMap> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let entries: Option<BTreeMap<String, Value>> = serde_yaml::from_str(text)
        .map_err(|error| NoMap { place: error.location().map(|place| (place.line(), place.column())) })?;
    Ok(entries.unwrap_or_default())
}
