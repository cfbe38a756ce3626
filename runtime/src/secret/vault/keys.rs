//! For whom something is sealed.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Identity;
use super::seal::{decrypt_with, encrypt_for};
use crate::state_folder::UserFolders;
use crate::{Error, Kind, Result};

/// The user's own key, and those who may read besides.
#[derive(Debug, Clone)]
pub struct Keys {
    identity: PathBuf,
    recipients: Vec<String>,
}

impl Keys {
    /// The key of the user whose folders these are; `recipients` are the public keys (`age1…`) of others.
    #[must_use]
    pub fn of(folders: &UserFolders, recipients: Vec<String>) -> Self {
        Self { identity: Identity::path(folders), recipients }
    }

    /// Encrypts for all of them. The user's key is made where there is none.
    pub(crate) fn encrypt(&self, text: &[u8]) -> Result<Vec<u8>> {
        let identity = Identity::read_or_create(&self.identity)?;
        Ok(encrypt_for(&identity, &self.recipients, text, false)?)
    }

    /// Decrypts with the user's key.
    pub(crate) fn decrypt(&self, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let identity = Identity::read(&self.identity)?.ok_or_else(|| {
            let error = Error::new(Kind::NotFound, format!("there is no key {}", self.identity.display()));
            error.hint("copy your key there, if you have one elsewhere")
        })?;
        Ok(decrypt_with(&identity, encrypted)?)
    }
}
