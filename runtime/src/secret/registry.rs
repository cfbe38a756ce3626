//! The session's secrets.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::grams::Grams;
use super::mask::{self, Matchers};
use super::{Inspection, Origin, Piece, Placeholder, Secret, Template};
use crate::{Error, Result};

/// Shorter values are not masked: the output would become unreadable, and the marks would betray the value.
pub const MIN_MASKED: usize = 4;

/// A session's secrets: gives placeholders for them, finds these in texts, and masks the values.
///
/// It is shared by all threads of a session. What masking needs is made when it is first needed after a change. Without secrets, inspecting and masking cost nothing.
///
/// ```
/// use windlass_runtime::secret::{Inspection, Origin, Registry, Secret};
/// let registry = Registry::new();
/// let placeholder = registry.register(Secret::new(Origin::Env("DB".into()), "hunter2-hunter2"))?;
/// let Inspection::Template(template) = registry.inspect(&format!("user:{placeholder}")) else { panic!() };
/// assert_eq!(template.to_string(), "user:[secret DB]");
/// assert_eq!(*template.resolve(&registry)?, "user:hunter2-hunter2");
/// assert_eq!(registry.mask("tried hunter2-hunter2"), "tried [secret DB]");
/// # Ok::<(), windlass_runtime::Error>(())
/// ```
#[derive(Default)]
pub struct Registry {
    state: RwLock<State>,
    matchers: Mutex<Matchers>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) placeholder: Placeholder,
    /// Whether the script has written its value in clear.
    pub(super) is_in_clear: bool,
    pub(super) secret: Secret,
}

#[derive(Default, Clone)]
struct State {
    entries: Vec<Entry>,
    by_placeholder: HashMap<Placeholder, usize>,
    grams: Grams,
    marks: HashSet<String>,
    in_clear: HashSet<String>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One with the same secrets, behind the same placeholders: what is registered in one later is not known to the other.
    pub(crate) fn copy(&self) -> Self {
        Self { state: RwLock::new(self.state().clone()), matchers: Mutex::default() }
    }

    /// Takes a secret in and gives the placeholder that stands for it. The same value of the same origin gets the same
    /// placeholder again.
    ///
    /// A value of fewer than [`MIN_MASKED`] characters is refused, because it could not be masked. One from a Kubernetes
    /// Secret is taken all the same: such Secrets hold flags, ports and empty texts beside passwords, and reading one key
    /// must not fail because of another. Scripts get a placeholder for it too; only [`Registry::mask`] passes it over.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] for a value that is too short, [`crate::Kind::System`] when there are no random bytes.
    pub fn register(&self, secret: Secret) -> Result<Placeholder> {
        let short = secret.expose().trim().chars().count() < MIN_MASKED;
        if short && !matches!(secret.origin(), Origin::Kubernetes(_)) {
            let what = if secret.expose().trim().is_empty() { "is empty" } else { "is too short for a secret" };
            return Err(Error::usage(format!("{} {what}", secret.origin())).hint(format!(
                "a secret has at least {MIN_MASKED} characters; anything shorter could not be masked in the output"
            )));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.entries.iter().find(|known| known.secret.is_same(&secret)) {
            return Ok(known.placeholder.clone());
        }
        let placeholder = Placeholder::random()?;
        let index = state.entries.len();
        state.by_placeholder.insert(placeholder.clone(), index);
        state.grams.add(index, &placeholder);
        state.marks.insert(secret.origin().mark());
        let is_in_clear =
            matches!(secret.origin(), Origin::Kubernetes(_)) && state.in_clear.contains(secret.expose().trim());
        state.entries.push(Entry { placeholder: placeholder.clone(), is_in_clear, secret });
        Ok(placeholder)
    }

    /// Notes a text that the script itself has written in clear into a Secret, such as a user's name or a port. It is not
    /// masked when it is read from there: it may be a word that stands everywhere else, too.
    pub fn write_in_clear(&self, text: &str) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).in_clear.insert(text.trim().to_owned());
    }

    /// The secret that this placeholder stands for.
    #[must_use]
    pub fn secret(&self, placeholder: &str) -> Option<Secret> {
        let state = self.state();
        state.by_placeholder.get(placeholder).map(|index| state.entries[*index].secret.clone())
    }

    /// The placeholder of the secret of this origin, the latest where its value has changed during the session.
    #[must_use]
    pub fn placeholder_of(&self, origin: &Origin) -> Option<Placeholder> {
        let state = self.state();
        state.entries.iter().rev().find(|e| e.secret.origin() == origin).map(|e| e.placeholder.clone())
    }

    /// Whether there are no secrets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().entries.is_empty()
    }

    /// Says whether placeholders are in a text, whole or in any other form.
    ///
    /// A placeholder counts as damaged when eight or more of its characters in a row are found without the rest; in upper
    /// or mixed case, backwards, or with separators between them (every character but letters and digits is one, so that
    /// the characters of a placeholder in a list are found if the list is given as JSON or YAML); in base64 of any
    /// alignment, in hexadecimal, as codes of characters, or behind `%61`, `\x61` and `\u0061`; and in up to three of these
    /// inside one another. Shorter pieces cannot be told from ordinary text.
    #[must_use]
    pub fn inspect(&self, text: &str) -> Inspection {
        let state = self.state();
        if state.entries.is_empty() || text.len() < super::grams::PIECE {
            return Inspection::Clean;
        }
        let mut traces = state.grams.traces(text);
        if traces.is_empty() {
            return Inspection::Clean;
        }
        let pieces = state.pieces(text);
        if pieces.iter().any(|piece| matches!(piece, Piece::Secret { .. })) {
            traces.clear();
            for piece in &pieces {
                if let Piece::Text(text) = piece {
                    traces.append(&mut state.grams.traces(text));
                }
            }
            if traces.is_empty() {
                return Inspection::Template(Template::new(pieces));
            }
        }
        let mut of: Vec<Origin> = Vec::new();
        for index in traces {
            let origin = state.entries[index].secret.origin();
            if !of.contains(origin) {
                of.push(origin.clone());
            }
        }
        Inspection::Damaged { of }
    }

    /// The text with `[secret NAME]` in the place of every secret's value and of every placeholder.
    ///
    /// Found are the value in clear, as it stands in JSON, Debug output, HTML and shell or YAML quotes, URL-encoded, in
    /// hexadecimal, and in base64 of any alignment and both alphabets, also when wrapped over lines; each line of six or
    /// more characters of a value of several lines; and any longer part of a value of more than a hundred characters. The
    /// time grows linearly with the text. A masked text stays as it is.
    #[must_use]
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let state = self.state();
        if state.entries.is_empty() || text.len() < MIN_MASKED {
            return Cow::Borrowed(text);
        }
        let matchers = self.matchers.lock().unwrap_or_else(PoisonError::into_inner).of(&state.entries);
        mask::mask(text, &matchers, &state.entries, &state.marks)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The text, cut at its whole placeholders.
    fn pieces(&self, text: &str) -> Vec<Piece> {
        let whole = |secret: usize, rest: &[u8]| rest.starts_with(self.entries[secret].placeholder.as_str().as_bytes());
        let mut pieces = Vec::new();
        let mut from = 0;
        for (start, secret) in self.grams.starts(text.as_bytes(), whole) {
            if start < from {
                continue;
            }
            if from < start {
                pieces.push(Piece::Text(text[from..start].to_owned()));
            }
            let Entry { placeholder, secret, .. } = &self.entries[secret];
            pieces.push(Piece::Secret { placeholder: placeholder.clone(), origin: secret.origin().clone() });
            from = start + Placeholder::LENGTH;
        }
        if from < text.len() {
            pieces.push(Piece::Text(text[from..].to_owned()));
        }
        pieces
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.state().entries.iter().map(|entry| entry.secret.origin())).finish()
    }
}
