//! A text with secrets in it, by reference.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Origin, Placeholder, Registry};
use crate::{Error, Kind, Result};

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Plain text.
    Text(String),
    /// A secret.
    Secret {
        /// What stands for it in the script.
        placeholder: Placeholder,
        /// Where it comes from.
        origin: Origin,
    },
}

/// A text with secrets in it, by reference: what a string with placeholders becomes at the boundary.
///
/// It shows as `user:[secret db-password]`. Only [`Template::resolve`] gives the values.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// Its parts in order. No text part is empty.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The placeholders in it, in order.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Secret { placeholder, .. } => Some(placeholder),
            Piece::Text(_) => None,
        })
    }

    /// Where its secrets come from, each once, in order.
    #[must_use]
    pub fn origins(&self) -> Vec<&Origin> {
        let mut origins = Vec::new();
        for piece in &self.pieces {
            if let Piece::Secret { origin, .. } = piece
                && !origins.contains(&origin)
            {
                origins.push(origin);
            }
        }
        origins
    }

    /// What its secrets are called, each once, in order: for error texts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.origins().into_iter().map(|origin| origin.name().into_owned()).collect()
    }

    /// The text as the script had it, with placeholders.
    #[must_use]
    pub fn script_text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Secret { placeholder, .. } => placeholder.as_str(),
            })
            .collect()
    }

    /// The text with the values in it, for a sink that is made for secrets. It is wiped when it is dropped.
    ///
    /// # Errors
    /// [`Kind::Internal`] when the registry is another session's and does not know a placeholder.
    pub fn resolve(&self, registry: &Registry) -> Result<Zeroizing<String>> {
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            parts.push(match piece {
                Piece::Text(text) => Part::Text(text),
                Piece::Secret { placeholder, origin } => {
                    Part::Secret(registry.secret(placeholder.as_str()).ok_or_else(|| {
                        Error::internal(format!("this session has no secret for the placeholder of {}", origin.mark()))
                    })?)
                }
            });
        }
        // One allocation of the full size: a growing string would leave copies of its beginning in freed memory.
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.text().len()).sum()));
        for part in &parts {
            text.push_str(part.text());
        }
        Ok(text)
    }

    /// The error of a sink that takes no secrets.
    #[must_use]
    pub fn refused(&self, sink: &str) -> Error {
        Error::new(Kind::Secret, format!("{sink} takes no secrets, and was given {}", listed(self.origins().into_iter())))
            .hint("put it into a Secret's data, Helm values, a child's environment or standard input, an HTTP header, or a 0600 file")
    }

    /// What may be kept in a run's state: the texts, and where the secrets come from.
    #[must_use]
    pub fn stored(&self) -> StoredTemplate {
        let stored = |piece: &Piece| match piece {
            Piece::Text(text) => StoredPiece::Text(text.clone()),
            Piece::Secret { origin, .. } => StoredPiece::Secret(origin.clone()),
        };
        StoredTemplate(self.pieces.iter().map(stored).collect())
    }
}

enum Part<'a> {
    Text(&'a str),
    Secret(super::Secret),
}

impl Part<'_> {
    fn text(&self) -> &str {
        match self {
            Part::Text(text) => text,
            Part::Secret(secret) => secret.expose(),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Secret { origin, .. } => f.write_str(&origin.mark()),
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.to_string())
    }
}

/// A [`Template`] as it is kept in a run's state: it says where the secrets come from, not what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredTemplate(pub Vec<StoredPiece>);

/// A part of a [`StoredTemplate`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredPiece {
    /// Plain text.
    Text(String),
    /// A secret, by its origin.
    Secret(Origin),
}

impl StoredTemplate {
    /// Where its secrets come from: what has to be registered again before [`StoredTemplate::restore`].
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter().filter_map(|piece| match piece {
            StoredPiece::Secret(origin) => Some(origin),
            StoredPiece::Text(_) => None,
        })
    }

    /// The template again, with this session's placeholders.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when the session has not read one of the secrets.
    pub fn restore(&self, registry: &Registry) -> Result<Template> {
        let restore = |piece: &StoredPiece| match piece {
            StoredPiece::Text(text) => Ok(Piece::Text(text.clone())),
            StoredPiece::Secret(origin) => match registry.placeholder_of(origin) {
                Some(placeholder) => Ok(Piece::Secret { placeholder, origin: origin.clone() }),
                None => Err(Error::new(Kind::NotFound, format!("the run's state needs {origin}, which was not read"))
                    .hint("a run's state keeps no values: give the secret again, or redo the step that reads it")),
            },
        };
        self.0.iter().map(restore).collect::<Result<_>>().map(Template::new)
    }
}

/// "the secret a", "the secrets a and b".
pub(super) fn listed<'a>(origins: impl Iterator<Item = &'a Origin>) -> String {
    let mut names: Vec<String> = origins.map(|origin| origin.name().into_owned()).collect();
    match names.pop() {
        None => "a secret".into(),
        Some(last) if names.is_empty() => format!("the secret {last}"),
        Some(last) => format!("the secrets {} and {last}", names.join(", ")),
    }
}
