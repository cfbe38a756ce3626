//! What a script holds in a secret's place.

use std::fmt;
use std::sync::Arc;

use super::random;
use crate::Result;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
pub(super) const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// An unguessable word of [`Placeholder::LENGTH`] characters in `[a-z0-9]`, which stands for a secret in a script.
///
/// It says nothing about the value, not even its length, and begins with a letter, so that no reader of YAML takes it for
/// a number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placeholder(Arc<str>);

impl Placeholder {
    /// The length of every placeholder.
    pub const LENGTH: usize = 40;

    pub(super) fn random() -> Result<Self> {
        let first = random::text(1, LETTERS)?;
        let rest = random::text(Self::LENGTH - 1, LETTERS_AND_DIGITS)?;
        Ok(Self(format!("{}{}", *first, *rest).into()))
    }

    /// The word itself: what a script sees.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Placeholder {
    fn borrow(&self) -> &str {
        &self.0
    }
}
