//! Where in an object a field stands: `status.phase`, `spec.ports[0].port`, `status.conditions[type=Ready].status`.

use serde_json::Value as Json;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Error, Value};

use super::fields::reads;

/// A path into an object, as scripts write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    written: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Entry { key: String, value: String },
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// Of kind `usage`, saying what is wrong with it.
    pub fn parse(written: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Error::usage(format!("{written:?} is no path of a field: {why}"))
                .hint("write it as \"status.phase\", \"spec.ports[0].port\", \"status.conditions[type=Ready].status\" or \"metadata.labels[\\\"a.b/c\\\"]\"")
        };
        let mut steps = Vec::new();
        let mut rest = written.trim();
        rest = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')).unwrap_or(rest);
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut first = true;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let end = closing(inside).ok_or_else(|| refuse("a [ is not closed"))?;
                steps.push(bracket(&inside[..end]).map_err(refuse)?);
                rest = &inside[end + 1..];
            } else {
                let key = match rest.strip_prefix('.') {
                    Some(after) => after,
                    None if first => rest,
                    None => return Err(refuse("a . is missing after ]")),
                };
                let (name, after) = plain(key);
                if name.is_empty() {
                    return Err(refuse("a name is missing after ."));
                }
                steps.push(Step::Key(name));
                rest = after;
            }
            first = false;
        }
        if steps.is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok(Self { written: written.to_owned(), steps })
    }

    /// The field, if it is there.
    pub fn find<'a>(&self, object: &'a Json) -> Option<&'a Json> {
        self.steps.iter().try_fold(object, |at, step| match step {
            Step::Key(key) => at.get(key),
            Step::Index(index) => at.get(index),
            Step::Entry { key, value } => at.as_array()?.iter().find(|item| match item.get(key) {
                Some(Json::String(text)) => text == value,
                Some(other) => reads(other, value),
                None => false,
            }),
        })
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromValue for Path {
    fn expects() -> String {
        "the path of a field such as \"status.phase\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Text(text) => Path::parse(text).map_err(Mismatch::Refused),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}

/// The position of the `]` that ends what stands in brackets; quotes hide it.
fn closing(inside: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (None, ']') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn unquoted(text: &str) -> Option<&str> {
    let text = text.trim();
    ['"', '\''].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn bracket(inside: &str) -> Result<Step, &'static str> {
    let inside = inside.trim();
    if let Some(key) = unquoted(inside) {
        return Ok(Step::Key(key.to_owned()));
    }
    // kubectl's filter, [?(@.type=="Ready")], says the same as [type=Ready].
    let filter = inside.strip_prefix("?(").and_then(|f| f.strip_suffix(')'));
    let inside = filter.map_or(inside, |f| f.trim().trim_start_matches('@').trim_start_matches('.'));
    if let Some((key, value)) = inside.split_once("==").or_else(|| inside.split_once('=')) {
        let value = unquoted(value).unwrap_or(value.trim());
        let key = key.trim();
        if key.is_empty() || value.is_empty() {
            return Err("[name=value] needs both a name and a value");
        }
        return Ok(Step::Entry { key: key.to_owned(), value: value.to_owned() });
    }
    inside.parse().map(Step::Index).map_err(|_| "in [ ] stands a number from 0 up, name=value, or a name in quotes")
}

/// A name up to the next `.` or `[`; a backslash takes the next character as it is.
fn plain(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '.' | '[' => return (name, &text[at..]),
            '\\' => name.extend(characters.next().map(|(_, next)| next)),
            c => name.push(c),
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_find_fields() {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}], "odd]": 1},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}
        });
        for (path, value) in [
            ("spec.ports[1].port", json!(443)),
            (".spec.ports[name=http].port", json!(80)),
            ("spec.ports[port=443].name", json!("https")),
            ("{.status.conditions[?(@.type==\"Ready\")].status}", json!("True")),
            ("status.conditions[type=Ready].status", json!("True")),
            ("metadata.labels[\"app.kubernetes.io/name\"]", json!("web")),
            ("metadata.labels.app\\.kubernetes\\.io/name", json!("web")),
            ("spec['odd]']", json!(1)),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(&object), Some(&value), "{path}");
        }
        for absent in ["spec.ports[2].port", "spec.ports[name=x].port", "status.phase", "spec.ports.port", "status[0]"]
        {
            assert_eq!(Path::parse(absent).unwrap().find(&object), None, "{absent}");
        }
    }

    #[test]
    fn paths_that_cannot_be_are_refused_with_the_reason() {
        for (path, why) in [
            ("", "it is empty"),
            ("a..b", "a name is missing"),
            ("a.", "a name is missing"),
            ("a[0", "not closed"),
            ("a[-1]", "a number from 0 up"),
            ("a[x=]", "both a name and a value"),
            ("a[0]b", "a . is missing"),
        ] {
            let error = Path::parse(path).unwrap_err();
            assert!(error.message().contains(why), "{path}: {error}");
            assert!(error.hint_text().is_some());
        }
    }
}
