//! The one reader and writer of YAML.
//!
//! A text means here what it means to kubectl: scalars resolve by the rules of `goyaml.v2` (`0644` is 420, `yes` is
//! true), keys become texts, merge keys are merged, and numbers have the form in which `sigs.k8s.io/yaml` hands them to
//! JSON. What kubectl takes in silence and nobody means is refused: a key that stands twice. Every bound on what a
//! hostile text can cost is in [`Limits`].

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Kind, Place, Result};

mod build;
mod fault;
mod indent;
mod scalar;
mod write;

use build::Builder;
use fault::Fault;
use indent::Stop;

pub use write::write;

/// One document of a YAML text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// The line on which it starts, counted from 1.
    pub line: usize,
}

/// How much a text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The length of the text in bytes.
    pub text: usize,
    /// The length of one scalar in bytes.
    pub scalar: usize,
    /// How deep sequences and mappings nest.
    pub depth: usize,
    /// The number of scalars, sequences and mappings, after aliases are expanded.
    pub nodes: usize,
    /// The length of all scalars and keys in bytes, after aliases are expanded.
    pub expanded: usize,
    /// Whether a key may stand twice in a mapping; the last one counts then, as in what a template engine has written.
    pub twice: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text: 16 << 20, scalar: 4 << 20, depth: 100, nodes: 2_000_000, expanded: 64 << 20, twice: false }
    }
}

/// Reads all documents of a text; documents that are empty or null are left out, as kubectl does. `source` is the name
/// under which errors show the text.
///
/// ```
/// let documents = windlass_runtime::yaml::read("mode: 0644\n---\n# nothing\n---\nhostNetwork: yes\n", "x.yaml")?;
/// assert_eq!(documents.len(), 2);
/// assert_eq!(documents[0].value, serde_json::json!({"mode": 420}));
/// assert_eq!(documents[1].value, serde_json::json!({"hostNetwork": true}));
/// assert_eq!(documents[1].line, 5);
/// # Ok::<(), windlass_runtime::Error>(())
/// ```
///
/// # Errors
/// Of [`Kind::Malformed`], with the place, for a text that is no YAML, has a key twice or exceeds [`Limits::default`].
pub fn read(text: &str, source: &str) -> Result<Vec<Document>> {
    read_within(text, source, &Limits::default())
}

/// As [`read`], with limits of one's own.
///
/// # Errors
/// As [`read`].
pub fn read_within(text: &str, source: &str, limits: &Limits) -> Result<Vec<Document>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let place = |line, column| Place { source: source.into(), line, column };
    if text.len() > limits.text {
        return Err(Fault::LongText(limits.text).at(place(0, 0)));
    }
    if let Some((fault, line, column)) = bad_character(text) {
        return Err(fault.at(place(line, column)));
    }
    let mut text = Cow::Borrowed(text);
    // kubectl reads line by line, and ends the last one where it has no end.
    if !text.is_empty() && !text.ends_with('\n') {
        text.to_mut().push('\n');
    }
    // What the repairs may cost together.
    let mut budget = 4 * limits.text;
    loop {
        let shallow = match Builder::new(&text, source, limits).documents() {
            Ok(documents) => return Ok(documents),
            Err(Stop::Fault(error)) => return Err(error),
            Err(Stop::Shallow(shallow)) => shallow,
        };
        budget = budget.saturating_sub(text.len().max(limits.text / 25));
        match shallow.deepen(&text) {
            Some(repaired) if budget > 0 => text = Cow::Owned(repaired),
            _ => return Err(shallow.error),
        }
    }
}

/// Reads a text that holds one document. A text without any is null.
///
/// # Errors
/// As [`read`], and where there is a second document.
pub fn read_one(text: &str, source: &str) -> Result<Value> {
    let mut documents = read(text, source)?.into_iter();
    let Some(first) = documents.next() else { return Ok(Value::Null) };
    let place = |line| Place { source: source.into(), line, column: 0 };
    match documents.next() {
        Some(second) => Err(Fault::SecondDocument(place(first.line)).at(place(second.line))),
        None => Ok(first.value),
    }
}

/// Reads all documents of a file.
///
/// # Errors
/// As [`read`]; [`Kind::NotFound`] or [`Kind::System`] where the file cannot be read.
pub fn read_file(path: &Path) -> Result<Vec<Document>> {
    let source = path.display().to_string();
    let text = read_text(path, &source, Limits::default().text)?;
    read(&text, &source)
}

/// Reads a file that holds one document. A file without any is null.
///
/// # Errors
/// As [`read_file`], and where there is a second document.
pub fn read_one_file(path: &Path) -> Result<Value> {
    let source = path.display().to_string();
    let text = read_text(path, &source, Limits::default().text)?;
    read_one(&text, &source)
}

fn read_text(path: &Path, source: &str, limit: usize) -> Result<String> {
    let failed = |e: std::io::Error| {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::System,
        };
        let hint = match kind {
            Kind::NotFound => "check the path; it is relative to the folder of the script or the current folder",
            _ => "check the file's permissions, and that it is a file",
        };
        Error::new(kind, format!("cannot read {source}: {e}")).hint(hint).source(e)
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let place = |line| Place { source: source.into(), line, column: 0 };
    if bytes.len() > limit {
        return Err(Fault::LongText(limit).at(place(0)));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        Fault::Encoding.at(place(1 + good.iter().filter(|b| **b == b'\n').count()))
    })
}

/// The first character that kubectl refuses, or takes for a line break although YAML 1.2 does not.
fn bad_character(text: &str) -> Option<(Fault, usize, usize)> {
    let (at, fault) = text.char_indices().find_map(|(at, c)| {
        let fault = match c {
            '\t' | '\n' | '\r' | ' '..='~' => return None,
            '\u{85}' | '\u{2028}' | '\u{2029}' => Fault::LineBreak(c.into()),
            '\u{a0}'..='\u{fffd}' | '\u{10000}'.. if c != '\u{feff}' => return None,
            _ => Fault::Character(c.into()),
        };
        Some((at, fault))
    })?;
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Some((fault, 1 + before.matches('\n').count(), 1 + before[start..].chars().count()))
}

#[cfg(test)]
mod tests;
