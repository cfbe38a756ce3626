//! The one error type that leaves a crate of Windlass.
//!
//! Inside, each module has its own `thiserror` enum; at its edge the enum becomes an [`Error`], which says what went
//! wrong, with which resource, why (its source), and what to do next (its hint).

mod kind;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use kind::Kind;

/// A result whose error is Windlass' own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in which script something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The unit: a path relative to the playbook, or a name such as `<eval>`.
    pub source: String,
    /// The line, counted from 1; 0 where it is not known.
    pub line: usize,
    /// The column, counted from 1; 0 where it is not known.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.source),
            (line, 0) => write!(f, "{}:{line}", self.source),
            (line, column) => write!(f, "{}:{line}:{column}", self.source),
        }
    }
}

struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    resource: Option<String>,
    details: Option<serde_json::Value>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    place: Option<Place>,
    trace: Vec<Place>,
}

/// An error of Windlass: a [`Kind`], a message, and, where they are known, a hint, the resource, details for scripts,
/// the source, and the place in the script.
///
/// ```
/// use windlass_runtime::{Error, Kind};
/// let error = Error::new(Kind::NotFound, "there is no Deployment web in shop").hint("list them: cluster::list(\"Deployment\")");
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.to_string(), "there is no Deployment web in shop");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

impl Error {
    /// A new error of this kind. The message is one sentence without a full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            resource: None,
            details: None,
            source: None,
            place: None,
            trace: Vec::new(),
        }))
    }

    /// Shorthand for a [`Kind::Usage`] error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Shorthand for a [`Kind::Internal`] error: a defect of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message).hint("this is a defect of Windlass: please report it with the run's log")
    }

    fn edit(self, edit: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = match Arc::try_unwrap(self.0) {
            Ok(inner) => inner,
            Err(shared) => Inner {
                kind: shared.kind,
                message: shared.message.clone(),
                hint: shared.hint.clone(),
                resource: shared.resource.clone(),
                details: shared.details.clone(),
                source: shared.source.clone(),
                place: shared.place.clone(),
                trace: shared.trace.clone(),
            },
        };
        edit(&mut inner);
        Self(Arc::new(inner))
    }

    /// Says what to do next. Kept if one is there already.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.edit(|e| {
            e.hint.get_or_insert(hint.into());
        })
    }

    /// Names the resource (`Deployment/web in shop`).
    #[must_use]
    pub fn resource(self, resource: impl fmt::Display) -> Self {
        self.edit(|e| {
            e.resource.get_or_insert(resource.to_string());
        })
    }

    /// Adds what a script can read as `e.details`.
    #[must_use]
    pub fn details(self, details: serde_json::Value) -> Self {
        self.edit(|e| e.details = Some(details))
    }

    /// Keeps the error that caused it.
    #[must_use]
    pub fn source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.edit(|e| e.source = Some(Arc::new(source)))
    }

    /// Puts words before the message: `reading values.yaml: …`.
    #[must_use]
    pub fn context(self, context: impl fmt::Display) -> Self {
        self.edit(|e| e.message = format!("{context}: {}", e.message))
    }

    /// Says where in the script it happened. The innermost place is kept; outer ones join the trace.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        self.edit(|e| match &e.place {
            None => e.place = Some(place),
            Some(first) if *first != place && e.trace.last() != Some(&place) => e.trace.push(place),
            Some(_) => {}
        })
    }

    /// The same error with every text passed through `mask`.
    #[must_use]
    pub fn masked(self, mask: impl Fn(&str) -> String) -> Self {
        self.edit(|e| {
            e.message = mask(&e.message);
            e.hint = e.hint.as_deref().map(&mask);
            e.resource = e.resource.as_deref().map(&mask);
            if let Some(details) = &mut e.details {
                mask_json(details, &mask);
            }
            // A source stays what it is, so that who knows its type can ask it, unless its words must be hidden.
            let hidden = e.source.as_deref().and_then(|source| {
                let texts: Vec<String> = chain(source).collect();
                let masked: Vec<String> = texts.iter().map(|text| mask(text)).collect();
                (masked != texts).then(|| masked.join(": "))
            });
            if let Some(hidden) = hidden {
                e.source = Some(Arc::new(MaskedSource(hidden)));
            }
        })
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What went wrong, in one sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The resource it is about.
    #[must_use]
    pub fn resource_name(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// What a script can read as `e.details`.
    #[must_use]
    pub fn detail_value(&self) -> Option<&serde_json::Value> {
        self.0.details.as_ref()
    }

    /// Where in the script it happened.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The calls on the way out of the place, innermost first.
    #[must_use]
    pub fn trace(&self) -> &[Place] {
        &self.0.trace
    }

    /// The texts of the errors that caused it, outermost first.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        if let Some(source) = &self.0.source {
            for text in chain(source.as_ref()) {
                let known = |earlier: &str| earlier.contains(&text);
                if !known(&self.0.message) && !causes.last().is_some_and(|c| known(c)) {
                    causes.push(text);
                }
            }
        }
        causes
    }

    /// As JSON: `{kind, message, hint, resource, details, place, trace, causes}`, without what is not known.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut map = serde_json::Map::new();
        map.insert("kind".into(), self.0.kind.as_str().into());
        map.insert("message".into(), self.0.message.clone().into());
        let mut put = |key: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                map.insert(key.into(), value);
            }
        };
        put("hint", self.0.hint.clone().map(Into::into));
        put("resource", self.0.resource.clone().map(Into::into));
        put("details", self.0.details.clone());
        put("place", self.0.place.as_ref().map(|p| p.to_string().into()));
        let trace: Vec<String> = self.0.trace.iter().map(ToString::to_string).collect();
        put("trace", (!trace.is_empty()).then(|| trace.into()));
        let causes = self.causes();
        put("causes", (!causes.is_empty()).then(|| causes.into()));
        serde_json::Value::Object(map)
    }
}

fn mask_json(value: &mut serde_json::Value, mask: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = mask(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask_json(item, mask)),
        serde_json::Value::Object(map) => {
            let masked = std::mem::take(map).into_iter().map(|(key, mut value)| {
                mask_json(&mut value, mask);
                (mask(&key), value)
            });
            *map = masked.collect();
        }
        _ => {}
    }
}

fn chain<'a>(first: &'a (dyn StdError + 'static)) -> impl Iterator<Item = String> + 'a {
    std::iter::successors(Some(first), |e| (*e).source()).map(ToString::to_string)
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct MaskedSource(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error: {}", self.0.kind, self.0.message)?;
        for cause in self.causes() {
            write!(f, ": {cause}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, " (hint: {hint})")?;
        }
        if let Some(place) = &self.0.place {
            write!(f, " at {place}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests;
