//! What there is when a line is begun.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use windlass_runtime::Session;
use windlass_runtime::playbook::{Console, Shape, Using};
use windlass_runtime::values::Schema;

/// What there is in what is open, beside the session.
#[derive(Default)]
pub(in crate::repl) struct Known {
    /// The steps' keys and titles.
    pub(in crate::repl) steps: Vec<(String, String)>,
    /// The hosts' names, and what they are.
    pub(in crate::repl) hosts: Vec<(String, String)>,
    /// The clusters' names.
    pub(in crate::repl) clusters: Vec<String>,
    /// What the values are.
    pub(in crate::repl) schema: Option<Arc<Schema>>,
    /// The values, but those that are not to be seen.
    pub(in crate::repl) values: Json,
}

/// What there is when a line is begun.
pub(in crate::repl) struct Picture {
    /// Whose cluster has names.
    pub(super) session: Option<Session>,
    pub(super) using: Using,
    pub(super) variables: Vec<(String, Shape)>,
    /// The functions of scripts, by their signatures.
    pub(super) functions: Vec<String>,
    pub(super) values: Shape,
    pub(super) state: Shape,
    pub(super) known: Arc<Known>,
}

impl Picture {
    pub(in crate::repl) fn of(console: &Console, known: Arc<Known>) -> Self {
        let session = console.session();
        Self {
            using: console.using().clone(),
            variables: console.shapes(),
            functions: console.signatures(),
            values: Shape::of(&session.values()),
            state: Shape::of(&session.shown_state()),
            known,
            session: Some(session.clone()),
        }
    }

    /// Nothing at all.
    pub(super) fn nothing() -> Self {
        let nothing = || Shape::Map(Vec::new());
        let (known, using) = (Arc::default(), Using::default());
        let (variables, functions) = (Vec::new(), Vec::new());
        Self { session: None, using, variables, functions, values: nothing(), state: nothing(), known }
    }

    /// A text without secrets.
    pub(super) fn mask(&self, text: &str) -> String {
        self.session.as_ref().map_or_else(|| text.to_owned(), |session| session.mask(text))
    }
}

/// What the completer sees: the picture, which is made anew for each line. Clones are the same.
#[derive(Clone)]
pub(in crate::repl) struct Seen(pub(super) Arc<Mutex<Picture>>);

impl Seen {
    pub(in crate::repl) fn nothing() -> Self {
        Self(Arc::new(Mutex::new(Picture::nothing())))
    }

    pub(in crate::repl) fn set(&self, picture: Picture) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = picture;
    }
}
