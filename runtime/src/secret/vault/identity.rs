//! The user's key.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::file::{self, Lock};
use crate::Result;
use crate::state_folder::UserFolders;

const LIMIT: u64 = 64 * 1024;

/// The user's key: an identity file of age with X25519 keys, readable by the user alone.
///
/// The first key of the file is the user's own, for which new files are encrypted; the others can read only.
#[derive(Clone)]
pub struct Identity {
    keys: Vec<x25519::Identity>,
}

impl Identity {
    /// Where the user's key is: `identity.txt` in the user's configuration folder.
    #[must_use]
    pub fn path(folders: &UserFolders) -> PathBuf {
        folders.config.join("identity.txt")
    }

    /// The key at this path, or `None` where there is no file.
    ///
    /// # Errors
    /// [`crate::Kind::System`] when it cannot be read or others can read it too, [`crate::Kind::Malformed`] when it is no
    /// key.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let check = |metadata: &std::fs::Metadata| {
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & 0o077 == 0 { Ok(()) } else { Err(Fault::TooOpen { path: path.to_owned(), mode }) }
        };
        let Some(bytes) = file::read(path, LIMIT, check)? else { return Ok(None) };
        let mut keys = Vec::new();
        for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let bad = || Fault::BadIdentity { path: path.to_owned(), line: number + 1 };
            let line = std::str::from_utf8(line).map_err(|_| bad())?.trim();
            if !line.is_empty() && !line.starts_with('#') {
                keys.push(line.parse::<x25519::Identity>().map_err(|_| bad())?);
            }
        }
        if keys.is_empty() {
            return Err(Fault::EmptyIdentity { path: path.to_owned() }.into());
        }
        Ok(Some(Self { keys }))
    }

    /// The key at this path; a new one where there is none. Of two processes that make it at the same time, both get the
    /// same.
    ///
    /// # Errors
    /// As [`Identity::read`], and when the file cannot be written.
    pub fn read_or_create(path: &Path) -> Result<Self> {
        if let Some(identity) = Self::read(path)? {
            return Ok(identity);
        }
        let _lock = Lock::take(&file::beside(path, ".identity.lock"))?;
        if let Some(identity) = Self::read(path)? {
            return Ok(identity);
        }
        let key = x25519::Identity::generate();
        let text = Zeroizing::new(format!("# public key: {}\n{}\n", key.to_public(), key.to_string().expose_secret()));
        file::replace(path, text.as_bytes())?;
        Ok(Self { keys: vec![key] })
    }

    /// The public key, `age1…`: what colleagues put among the recipients.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.keys.first().map(|key| key.to_public().to_string()).unwrap_or_default()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| key as &dyn age::Identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("public_key", &self.public_key()).finish_non_exhaustive()
    }
}
