//! A path into an object: `spec.template.spec.containers[name=web].image`. One grammar for all that scripts write.

use std::fmt;

use serde_json::Value as Json;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Error, Kind, Result, Value};

type Object = std::collections::BTreeMap<String, Value>;

/// More than any object is deep.
const MAX_STEPS: usize = 64;

/// A path into an object.
///
/// Keys are joined by dots; one with dots of its own stands in quotes (`metadata.annotations."a.b/c"`). An entry of a list
/// is named by its number, from 0 (`containers[0]`), or by one of its fields (`containers[name=web]`). What kubectl's
/// JSONPath has for the same is read too: a dot or braces around it, `\.` in a key, `["a.b/c"]`, `[?(@.type=="Ready")]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Entry { field: String, value: String },
}

impl FromValue for Path {
    fn expects() -> String {
        "a path such as \"spec.template.spec.containers[0].image\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Text(text) => Path::parse(text).map_err(Mismatch::Refused),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// [`Kind::Usage`], showing where it stops being one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader { text, at: text.len() - text.trim_start().len(), end: text.trim_end().len() };
        if reader.peek() == Some('{') && text.trim_end().ends_with('}') {
            (reader.at, reader.end) = (reader.at + 1, reader.end - 1);
        }
        if reader.peek() == Some('$') {
            reader.at += 1;
        }
        if reader.peek() == Some('.') {
            reader.at += 1;
        }
        let mut steps = vec![if reader.peek() == Some('[') { reader.bracket()? } else { Step::Key(reader.key()?) }];
        while let Some(next) = reader.peek() {
            let step = match next {
                '.' => {
                    reader.at += 1;
                    Step::Key(reader.key()?)
                }
                '[' => reader.bracket()?,
                _ => return Err(reader.stops("a dot, a bracket or the end")),
            };
            steps.push(step);
            if steps.len() > MAX_STEPS {
                return Err(reader.stops(&format!("the end, after {MAX_STEPS} steps")));
            }
        }
        Ok(Self(steps))
    }

    /// What is there, if it is.
    #[must_use]
    pub fn find<'a>(&self, object: &'a Json) -> Option<&'a Json> {
        self.0.iter().try_fold(object, |at, step| match step {
            Step::Key(key) => at.get(key),
            Step::Index(index) => at.get(index),
            Step::Entry { field, value } => at.as_array()?.iter().find(|item| match item.get(field) {
                Some(Json::String(text)) => text == value,
                Some(Json::Null) | None => false,
                Some(other) => {
                    let shown = other.to_string();
                    shown == *value
                }
            }),
        })
    }

    /// Puts a value there. Maps on the way are made; lists are not.
    ///
    /// # Errors
    /// [`Kind::NotFound`] where the path stops matching.
    pub fn set(&self, object: &mut Object, value: Value) -> Result<()> {
        let Some((Step::Key(first), rest)) = self.0.split_first() else { return Ok(()) };
        let mut at = object.entry(first.clone()).or_insert(Value::Null);
        for (done, step) in rest.iter().enumerate() {
            at = self.enter(at, step, done + 1)?;
        }
        *at = value;
        Ok(())
    }

    /// Takes away what is there; says whether there was something.
    pub fn remove(&self, object: &mut Object) -> bool {
        let Some((last, way)) = self.0.split_last() else { return false };
        let Some((Step::Key(first), way)) = way.split_first() else {
            return matches!(last, Step::Key(key) if object.remove(key).is_some());
        };
        let Some(mut at) = object.get_mut(first) else { return false };
        for step in way {
            let Some(next) = find(at, step) else { return false };
            at = next;
        }
        match (at, last) {
            (Value::Map(map), Step::Key(key)) => map.remove(key).is_some(),
            (Value::List(items), step) => {
                // By number one entry goes, by a field each that has it.
                let before = items.len();
                while let Some(index) = position(items, step) {
                    items.remove(index);
                    if matches!(step, Step::Index(_)) {
                        break;
                    }
                }
                items.len() < before
            }
            _ => false,
        }
    }

    /// One step further down, for [`Path::set`]. `done` steps have been gone.
    fn enter<'v>(&self, at: &'v mut Value, step: &Step, done: usize) -> Result<&'v mut Value> {
        let here = Shown(&self.0[..done]);
        if let (Value::Null, Step::Key(_)) = (&*at, step) {
            *at = Value::Map(Object::new());
        }
        let stops = |why: String, hint: String| {
            let error = Error::new(Kind::NotFound, format!("the path {self} stops matching: {why}"));
            Err(error.hint(hint))
        };
        match (at, step) {
            (Value::Map(map), Step::Key(key)) => Ok(map.entry(key.clone()).or_insert(Value::Null)),
            (Value::List(items), Step::Index(_) | Step::Entry { .. }) => match position(items, step) {
                Some(index) => Ok(&mut items[index]),
                None => {
                    let (why, hint) = match step {
                        Step::Entry { field, value } => {
                            (format!("no entry of `{here}` has the {field} {value:?}"), entries(items, field))
                        }
                        _ => (format!("`{here}` has {} entries", items.len()), "the first one is [0]".to_owned()),
                    };
                    stops(why, hint)
                }
            },
            (Value::List(_), Step::Key(_)) => {
                let hint = format!("name an entry of it: {here}[0] or {here}[name=…]");
                stops(format!("`{here}` is a list"), hint)
            }
            (Value::Null, _) => stops(
                format!("`{here}` is not there"),
                "maps on the way are made, lists are not: set the whole list".to_owned(),
            ),
            (other, _) => {
                let wanted = if matches!(step, Step::Key(_)) { "a map" } else { "a list" };
                stops(format!("`{here}` is {}, not {wanted}", other.sort()), "look at the object with log::info".into())
            }
        }
    }
}

fn find<'v>(at: &'v mut Value, step: &Step) -> Option<&'v mut Value> {
    match (at, step) {
        (Value::Map(map), Step::Key(key)) => map.get_mut(key),
        (Value::List(items), step) => position(items, step).map(|index| &mut items[index]),
        _ => None,
    }
}

fn position(items: &[Value], step: &Step) -> Option<usize> {
    match step {
        Step::Key(_) => None,
        Step::Index(index) => (*index < items.len()).then_some(*index),
        Step::Entry { field, value } => items.iter().position(|item| match item {
            Value::Map(map) => map.get(field).and_then(plain).is_some_and(|own| own == *value),
            _ => false,
        }),
    }
}

/// A scalar as a path would name it.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(i) => Some(i.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

fn entries(items: &[Value], field: &str) -> String {
    let of = |item: &Value| match item {
        Value::Map(map) => map.get(field).and_then(plain),
        _ => None,
    };
    let found: Vec<String> = items.iter().filter_map(of).take(20).collect();
    if found.is_empty() {
        format!("none of its entries has a {field}")
    } else {
        format!("there are: {}", found.join(", "))
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// What stands there up to one of these characters; a backslash takes the next one as it is.
    fn until(&mut self, ends: &[char]) -> String {
        let mut found = String::new();
        while let Some(c) = self.peek().filter(|c| !ends.contains(c)) {
            self.at += c.len_utf8();
            match (c, self.peek()) {
                ('\\', Some(escaped)) => {
                    self.at += escaped.len_utf8();
                    found.push(escaped);
                }
                _ => found.push(c),
            }
        }
        found
    }

    /// What stands in quotes; a quote or backslash inside has a backslash before it.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let begin = self.at;
        self.at += 1;
        let found = self.until(&[quote]);
        if self.peek().is_none() {
            self.at = begin;
            return Err(self.stops("a closing quote"));
        }
        self.at += 1;
        Ok(found)
    }

    fn key(&mut self) -> Result<String> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote);
        }
        let key = self.until(&['.', '[', ']', '"']);
        if key.is_empty() { Err(self.stops("a key")) } else { Ok(key) }
    }

    fn bracket(&mut self) -> Result<Step> {
        self.at += 1;
        let filter = self.skip("?(");
        if filter {
            self.skip("@");
            self.skip(".");
        }
        let step = if let (Some(quote @ ('"' | '\'')), false) = (self.peek(), filter) {
            Step::Key(self.quoted(quote)?)
        } else {
            let begin = self.at;
            let word = self.until(&['=', ']', '[', '"']).trim().to_owned();
            if self.peek() == Some('=') && !word.is_empty() {
                self.at += 1;
                self.skip("=");
                while self.skip(" ") {}
                let value = match self.peek() {
                    Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
                    Some(']' | ')') | None => return Err(self.stops("a value after =")),
                    _ => self.until(&[']', '[', '"', ')']).trim().to_owned(),
                };
                Step::Entry { field: word, value }
            } else {
                let Ok(index) = word.parse() else {
                    self.at = begin;
                    return Err(self.stops("a number from 0 up, or field=value"));
                };
                Step::Index(index)
            }
        };
        if filter && !self.skip(")") || !self.skip("]") {
            return Err(self.stops("]"));
        }
        Ok(step)
    }

    fn stops(&self, expected: &str) -> Error {
        let (good, rest) = self.text.split_at(self.at.min(self.text.len()));
        let found = if rest.is_empty() { "it ends".to_owned() } else { format!("{rest:?} stands there") };
        Error::usage(format!("the path {:?} is wrong after {good:?}: expected {expected}, but {found}", self.text))
            .hint("a path looks like spec.containers[0].image, containers[name=web] or metadata.annotations.\"a.b/c\"")
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(&self.0).fmt(f)
    }
}

struct Shown<'p>(&'p [Step]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if index == 0 { "" } else { "." };
                    let plain = !key.is_empty()
                        && !key.contains(['.', '[', ']', '"', '\'', '\\', '{', '}', '$'])
                        && key.trim() == key;
                    write!(f, "{dot}{}", if plain { key.clone() } else { quoted(key) })?;
                }
                Step::Index(number) => write!(f, "[{number}]")?,
                Step::Entry { field, value }
                    if value.is_empty()
                        || value.trim() != value
                        || value.contains(['[', ']', '"', '\'', ')', '\\', ' ', '=']) =>
                {
                    write!(f, "[{field}={}]", quoted(value))?;
                }
                Step::Entry { field, value } => write!(f, "[{field}={value}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
