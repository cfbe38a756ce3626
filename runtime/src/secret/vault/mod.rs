//! Where secrets are kept.

mod age_file;
mod content;
mod fault;
mod file;
mod identity;
mod keys;
mod memory;
pub(crate) mod seal;

pub use age_file::{AgeVault, Opened};
pub use identity::Identity;
pub use keys::Keys;
pub use memory::MemoryVault;

use super::Secret;
use crate::{Error, Result};

/// A place where secrets are kept under names. Names are any text without control characters; they are not secret.
pub trait Vault: Send + Sync {
    /// The secret of this name, where there is one.
    ///
    /// # Errors
    /// What hinders reading: [`crate::Kind::System`], [`crate::Kind::Malformed`], [`crate::Kind::Denied`] and the like.
    fn read(&self, name: &str) -> Result<Option<Secret>>;

    /// Keeps the secret for good under this name, unless there is one already: the first stays. Whoever wants to use the
    /// secret reads it afterwards.
    ///
    /// # Errors
    /// What hinders reading or writing. Then nothing has changed.
    fn keep(&self, name: &str, value: &Secret) -> Result<()>;

    /// Where it is, in words for a person.
    fn place(&self) -> String;
}

pub(super) fn checked_name(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::usage(format!("{name:?} cannot be the name of a secret"))
            .hint("a name is any text without control characters and line breaks"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
