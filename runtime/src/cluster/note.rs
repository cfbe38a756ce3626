//! What a cluster tells beside its answers: repetitions, and the API server's warnings.

use std::sync::Arc;

use http::HeaderMap;

use super::retry::RetryNote;

/// Something to be told while a request is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A request is repeated.
    Retry(RetryNote),
    /// A change was accepted, with a warning.
    Warning(WarningNote),
}

/// What an API server says of a change that it accepted, such as that its API version is deprecated (the `Warning` header
/// of RFC 7234, code 299, as Kubernetes sends it).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarningNote {
    /// The cluster's name.
    pub cluster: String,
    /// What was written: `Deployment/web in shop`.
    pub resource: String,
    /// What it says.
    pub text: String,
}

/// Whoever is told of notes.
pub type Observer = Arc<dyn Fn(Note) + Send + Sync>;

/// The texts of an answer's warnings.
pub(super) fn warnings(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers.get_all(http::header::WARNING).iter().filter_map(|value| text(value.to_str().ok()?))
}

/// The text in `299 - "text"`, with or without a date behind it.
fn text(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 ")?.split_once(" \"")?.1;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(text),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn warnings_are_read_as_kubernetes_writes_them() {
        let mut headers = HeaderMap::new();
        for value in [
            r#"299 - "v1 \"Old\" is deprecated""#,
            r#"299 kube "back\\slash" "Sat, 21 Nov 2026 10:00:00 GMT""#,
            "299 - no quotes",
            "214 - \"transformed\"",
            "299 - \"never ends",
        ] {
            headers.append("warning", HeaderValue::from_static(value));
        }
        assert_eq!(warnings(&headers).collect::<Vec<_>>(), [r#"v1 "Old" is deprecated"#, r"back\slash"]);
    }
}
