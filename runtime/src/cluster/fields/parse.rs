//! Paths, read.

use super::{FieldPath, Segment, is_plain};
use crate::cluster::Json;
use crate::error::{Error, Result};

/// What is left of a path's text, and what has been read.
pub(super) struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    segments: Vec<Segment>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, rest: text.trim(), segments: Vec::new() }
    }

    pub(super) fn run(mut self) -> Result<FieldPath> {
        if self.rest == "." {
            return Ok(FieldPath::root());
        }
        let mut first = true;
        while !self.rest.is_empty() {
            if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                self.bracket()?;
            } else {
                match self.rest.strip_prefix('.') {
                    Some(rest) => self.rest = rest,
                    None if first => {}
                    None => return Err(self.wrong("a step begins with \".\" or \"[\"")),
                }
                self.name()?;
            }
            first = false;
        }
        if self.segments.is_empty() {
            return Err(self.wrong("it is empty"));
        }
        Ok(FieldPath(self.segments))
    }

    fn wrong(&self, why: &str) -> Error {
        Error::usage(format!("{:?} is no path of a field: {why}", self.text))
            .hint("write it like .spec.template.spec.containers[name=\"web\"].image")
    }

    fn name(&mut self) -> Result<()> {
        let end = if self.takes_whole_keys() {
            self.rest.len()
        } else {
            self.rest.find(['.', '[']).unwrap_or(self.rest.len())
        };
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.wrong("a step is empty"));
        }
        if name.chars().any(|c| c.is_control() || matches!(c, ']' | '"')) {
            return Err(self.wrong("a step that is no plain word is quoted: [\"a.b/c\"]"));
        }
        self.segments.push(Segment::Field(name.to_owned()));
        self.rest = rest;
        Ok(())
    }

    /// Whether the parent is a map from free words to plain values, so that what remains is one key.
    fn takes_whole_keys(&self) -> bool {
        let Some(Segment::Field(parent)) = self.segments.last() else { return false };
        match parent.as_str() {
            "labels" | "annotations" | "matchLabels" | "nodeSelector" | "limits" | "requests" => true,
            "data" | "binaryData" | "stringData" => self.segments.len() == 1,
            _ => false,
        }
    }

    fn bracket(&mut self) -> Result<()> {
        let segment = if self.rest.starts_with('"') {
            match self.value()? {
                Json::String(name) => Segment::Field(name),
                _ => return Err(self.wrong("a quoted key was expected")),
            }
        } else if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            Segment::Value(self.value()?)
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let end = self.rest.find(']').unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest;
            Segment::Index(digits.parse().map_err(|_| self.wrong("that is no position"))?)
        } else {
            Segment::Key(self.keys()?)
        };
        self.rest = self.rest.strip_prefix(']').ok_or_else(|| self.wrong("a \"]\" is missing"))?;
        self.segments.push(segment);
        Ok(())
    }

    fn keys(&mut self) -> Result<Vec<(String, Json)>> {
        let mut keys = Vec::new();
        loop {
            let (name, rest) = self.rest.split_once('=').ok_or_else(|| self.wrong("a \"=\" is missing"))?;
            let name = name.trim();
            if !is_plain(name) {
                return Err(self.wrong("a key of a list element is a plain word"));
            }
            self.rest = rest;
            keys.push((name.to_owned(), self.value()?));
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(keys)
    }

    /// One JSON value at the front.
    fn value(&mut self) -> Result<Json> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Json>();
        match values.next() {
            Some(Ok(value)) => {
                self.rest = &self.rest[values.byte_offset()..];
                Ok(value)
            }
            _ => Err(self.wrong("a value in it is no JSON")),
        }
    }
}
