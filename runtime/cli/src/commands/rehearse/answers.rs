//! Who answers the questions of a run in a rehearsal.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use windlass_runtime::secret::Prompter as SecretPrompter;
use windlass_runtime::session::{AfterFailure, Prompter};
use windlass_runtime::{Error, Kind, Result};
use zeroize::Zeroizing;

use crate::clean::line;
use crate::progress::Screen;

/// What stands for a secret that a person would be asked for.
const SECRET: &str = "a-secret-of-the-rehearsal";

/// A question, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    /// The key of an approval; none for a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) text: String,
}

/// Answers with yes, or, where keys were given, as a run with those keys and without a terminal does.
pub(super) struct Answers {
    keys: Vec<String>,
    asked: Mutex<Vec<Asked>>,
    screen: Mutex<Option<Arc<Screen>>>,
}

impl Answers {
    pub(super) fn new(keys: &[String]) -> Self {
        Self { keys: keys.to_vec(), asked: Mutex::default(), screen: Mutex::default() }
    }

    /// The keys that are answered beforehand.
    pub(super) fn given(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// Says there what is asked from here on.
    pub(super) fn say_to(&self, screen: Arc<Screen>) {
        *self.screen.lock().unwrap_or_else(PoisonError::into_inner) = Some(screen);
    }

    /// What was asked, each question once.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, asked: Asked, said: &str) {
        if let Some(screen) = &*self.screen.lock().unwrap_or_else(PoisonError::into_inner) {
            screen.raw(&format!("  {}: {said}\n", line(&asked.text)));
        }
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&asked) {
            all.push(asked);
        }
    }
}

impl Prompter for Answers {
    fn confirm(&self, key: &str, text: &str) -> Result<bool> {
        if !self.keys.is_empty() {
            let message = format!("`{key}` needs an approval, and is not among those of --yes-to: {text}");
            return Err(Error::new(Kind::Cancelled, message)
                .hint(format!("if you have decided: --yes-to {key}; without --yes-to, a rehearsal answers yes")));
        }
        let asked = Asked { key: Some(key.to_owned()), text: text.to_owned() };
        self.note(asked, &format!("answered with yes, since this is a rehearsal [{}]", line(key)));
        Ok(true)
    }

    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Ok(AfterFailure::Stop)
    }
}

impl SecretPrompter for Answers {
    fn secret(&self, text: &str) -> Result<Zeroizing<String>> {
        self.note(
            Asked { key: None, text: text.to_owned() },
            "answered with a made-up secret, since this is a rehearsal",
        );
        Ok(Zeroizing::new(SECRET.to_owned()))
    }
}
