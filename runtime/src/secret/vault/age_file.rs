//! Secrets in an age-encrypted file.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::content::{Content, NoMap};
use super::fault::Fault;
use super::file::{self, Lock};
use super::seal::{self, SealFault};
use super::{Identity, Vault, checked_name};
use crate::Result;
use crate::secret::{MIN_MASKED, Origin, Secret};
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

/// The text of a vault, as it was when it was opened.
pub struct Opened {
    /// The map of names to values, in clear.
    pub text: Zeroizing<String>,
    armoured: bool,
    encrypted: Option<Zeroizing<Vec<u8>>>,
}

fn parsed(text: &str, called: &str) -> Result<Content> {
    let fault = |no_map: NoMap| Fault::Plain { called: called.to_owned(), place: no_map.place };
    let content = Content::parse(text.as_bytes()).map_err(fault)?;
    content.names().try_for_each(checked_name)?;
    Ok(content)
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

    /// The whole text, to be edited. It is empty where there is no file.
    ///
    /// # Errors
    /// As [`Vault::read`].
    pub fn open(&self) -> Result<Opened> {
        let encrypted = self.encrypted()?;
        let (content, armoured) = match &encrypted {
            Some(encrypted) => self.decrypted(encrypted)?,
            None => Default::default(),
        };
        Ok(Opened { text: Zeroizing::new(content.text().to_owned()), armoured, encrypted })
    }

    /// Puts this text in the place of the one that was opened.
    ///
    /// # Errors
    /// As [`Vault::keep`]; [`crate::Kind::Malformed`] for a text that is no map of names to texts, and
    /// [`crate::Kind::Conflict`] where the file is not what it was when it was opened. Then nothing has changed.
    pub fn put(&self, opened: &Opened, text: &str) -> Result<()> {
        Self::names_in(text, "the text")?;
        let _lock = Lock::take(&self.lock)?;
        if self.encrypted()? != opened.encrypted {
            return Err(Fault::Changed { path: self.path.clone() }.into());
        }
        self.encrypt(text, opened.armoured)
    }

    /// Takes in all names of these texts, each a map of names to texts, and says which are new or other than before. The
    /// comments of a text stay where there is no file yet. With `replace`, a name that is there gets the new value.
    ///
    /// # Errors
    /// As [`AgeVault::put`]; [`crate::Kind::Conflict`] for a name that is there with another value, and is not to be replaced.
    pub fn take_in(&self, texts: &[(String, &str)], replace: bool) -> Result<Vec<String>> {
        let parsed = texts.iter().map(|(called, text)| parsed(text, called)).collect::<Result<Vec<_>>>()?;
        let _lock = Lock::take(&self.lock)?;
        let (mut content, armoured) = self.load()?.unwrap_or_default();
        let mut taken: Vec<String> = Vec::new();
        let mut others: Vec<String> = Vec::new();
        let empty = content.text().is_empty();
        for (index, new) in parsed.into_iter().enumerate() {
            for name in new.names() {
                match (content.get(name), new.get(name)) {
                    (Some(known), Some(value)) if known == value => {}
                    (Some(_), _) if !replace => others.push(name.to_owned()),
                    (_, Some(value)) => {
                        // The first text stays as it is written.
                        if !(empty && index == 0) {
                            content.insert(name, value);
                        }
                        taken.push(name.to_owned());
                    }
                    (_, None) => {}
                }
            }
            if empty && index == 0 {
                content = new;
            }
        }
        if !others.is_empty() {
            return Err(Fault::Taken { path: self.path.clone(), names: others.join(", ") }.into());
        }
        if !taken.is_empty() {
            self.encrypt(content.text(), armoured)?;
        }
        taken.sort_unstable();
        taken.dedup();
        Ok(taken)
    }

    /// Encrypts the file anew, for the user's own key and the recipients as they are now. Whether there is a file.
    ///
    /// # Errors
    /// As [`Vault::keep`].
    pub fn encrypt_anew(&self) -> Result<bool> {
        let _lock = Lock::take(&self.lock)?;
        let Some((content, armoured)) = self.load()? else { return Ok(false) };
        self.encrypt(content.text(), armoured)?;
        Ok(true)
    }

    /// The names in a text that is to be encrypted, sorted, each with whether its value is long enough to be masked.
    ///
    /// # Errors
    /// [`crate::Kind::Malformed`] for a text that is no map of names to texts. `called` says which text it is.
    pub fn names_in(text: &str, called: &str) -> Result<Vec<(String, bool)>> {
        let content = parsed(text, called)?;
        let long = |name: &str| content.get(name).is_some_and(|value| value.chars().count() >= MIN_MASKED);
        Ok(content.names().map(|name| (name.to_owned(), long(name))).collect())
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
        self.encrypt(content.text(), armoured)
    }

    /// Writes the file with this text.
    fn encrypt(&self, text: &str, armoured: bool) -> Result<()> {
        let identity = Identity::read_or_create(&self.identity)?;
        let encrypted = seal::encrypt_for(&identity, &self.recipients, text.as_bytes(), armoured)
            .map_err(|fault| self.fault(fault))?;
        if let Some(folder) = self.path.parent() {
            create_private(folder)?;
        }
        file::replace(&self.path, &encrypted)
    }

    fn encrypted(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(file::read(&self.path, LIMIT, |_| Ok(()))?)
    }

    /// What is in the file, and whether it is armoured; `None` where there is no file.
    fn load(&self) -> Result<Option<(Content, bool)>> {
        self.encrypted()?.map(|encrypted| self.decrypted(&encrypted)).transpose()
    }

    fn decrypted(&self, encrypted: &[u8]) -> Result<(Content, bool)> {
        let identity =
            Identity::read(&self.identity)?.ok_or_else(|| Fault::NoIdentity { path: self.identity.clone() })?;
        let text = seal::decrypt_with(&identity, encrypted).map_err(|fault| self.fault(fault))?;
        let content =
            Content::parse(&text).map_err(|no_map| Fault::Content { path: self.path.clone(), place: no_map.place })?;
        Ok((content, encrypted.starts_with(ARMOR)))
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
