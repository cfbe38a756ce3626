//! Secrets in an age-encrypted file.

use std::fmt;
use std::path::{Path, PathBuf};

use super::content::Content;
use super::fault::Fault;
use super::file::{self, Lock};
use super::seal::{self, SealFault};
use super::{Identity, Vault, checked_name};
use crate::Result;
use crate::secret::{Origin, Secret};
use crate::state_folder::{UserFolders, create_private};

const LIMIT: u64 = 16 * 1024 * 1024;
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// A file encrypted with age that holds a map of names to values, in YAML or JSON.
///
/// It is read with the user's key, and written for the user's own key and for the recipients. The key is made when a vault
/// is first written. Writing replaces the file whole and durably, under a lock between processes; comments in the map and
/// the file's armour stay.
#[derive(Clone)]
pub struct AgeVault {
    path: PathBuf,
    lock: PathBuf,
    identity: PathBuf,
    recipients: Vec<String>,
}

impl AgeVault {
    /// The vault of a customer folder: its `secrets.age`. `recipients` are the public keys (`age1…`) of those who are to
    /// read it besides the user.
    #[must_use]
    pub fn of_customer(folder: &Path, folders: &UserFolders, recipients: Vec<String>) -> Self {
        Self {
            path: folder.join("secrets.age"),
            // In the folder's own state, which version control leaves out.
            lock: folder.join(".windlass/secrets.lock"),
            identity: Identity::path(folders),
            recipients,
        }
    }

    /// The user's own vault, for runs without a customer folder: `secrets.age` in the user's state folder.
    #[must_use]
    pub fn of_user(folders: &UserFolders) -> Self {
        Self {
            path: folders.state.join("secrets.age"),
            lock: folders.state.join("secrets.lock"),
            identity: Identity::path(folders),
            recipients: Vec::new(),
        }
    }

    /// Any file, read with the user's key and written for it.
    #[must_use]
    pub fn of_file(path: &Path, folders: &UserFolders) -> Self {
        Self {
            path: path.to_owned(),
            lock: folders.state.join("secrets.lock"),
            identity: Identity::path(folders),
            recipients: Vec::new(),
        }
    }

    /// The names in it, sorted.
    ///
    /// # Errors
    /// As [`Vault::read`].
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.load()?.map(|(content, _)| content.names().map(str::to_owned).collect()).unwrap_or_default())
    }

    /// Keeps the secret under this name in the place of the one that is there.
    ///
    /// # Errors
    /// As [`Vault::keep`].
    pub fn replace(&self, name: &str, value: &Secret) -> Result<()> {
        self.write(name, value, true)
    }

    fn write(&self, name: &str, value: &Secret, replace: bool) -> Result<()> {
        checked_name(name)?;
        // Read under the lock: another process may have kept this name in the meantime.
        let _lock = Lock::take(&self.lock)?;
        let (mut content, armoured) = self.load()?.unwrap_or_default();
        let unchanged = match content.get(name) {
            Some(known) => !replace || known == value.expose(),
            None => false,
        };
        if unchanged {
            return Ok(());
        }
        content.insert(name, value.expose());
        let identity = Identity::read_or_create(&self.identity)?;
        let encrypted = seal::encrypt_for(&identity, &self.recipients, content.text().as_bytes(), armoured)
            .map_err(|fault| self.fault(fault))?;
        if let Some(folder) = self.path.parent() {
            create_private(folder)?;
        }
        file::replace(&self.path, &encrypted)
    }

    /// What is in the file, and whether it is armoured; `None` where there is no file.
    fn load(&self) -> Result<Option<(Content, bool)>> {
        let Some(encrypted) = file::read(&self.path, LIMIT, |_| Ok(()))? else { return Ok(None) };
        let identity =
            Identity::read(&self.identity)?.ok_or_else(|| Fault::NoIdentity { path: self.identity.clone() })?;
        let text = seal::decrypt_with(&identity, &encrypted).map_err(|fault| self.fault(fault))?;
        let content =
            Content::parse(&text).map_err(|no_map| Fault::Content { path: self.path.clone(), place: no_map.place })?;
        Ok(Some((content, encrypted.starts_with(ARMOR))))
    }

    fn fault(&self, fault: SealFault) -> Fault {
        Fault::Seal { path: self.path.clone(), identity: self.identity.clone(), fault: Box::new(fault) }
    }
}

impl Vault for AgeVault {
    fn read(&self, name: &str) -> Result<Option<Secret>> {
        let content = self.load()?;
        let value = content.as_ref().and_then(|(content, _)| content.get(name));
        Ok(value.map(|value| Secret::new(Origin::Age(name.to_owned()), value)))
    }

    fn keep(&self, name: &str, value: &Secret) -> Result<()> {
        self.write(name, value, false)
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

impl fmt::Debug for AgeVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeVault")
            .field("path", &self.path)
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}
