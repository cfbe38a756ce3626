//! Secrets in an age-encrypted file.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, Recipient, x25519};
use zeroize::Zeroizing;

use super::content::Content;
use super::fault::Fault;
use super::file::{self, Lock};
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
        let encrypted = self.encrypt(content.text().as_bytes(), &identity, armoured)?;
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
        let text = self.decrypt(&encrypted, &identity)?;
        let content =
            Content::parse(&text).map_err(|no_map| Fault::Content { path: self.path.clone(), place: no_map.place })?;
        Ok(Some((content, encrypted.starts_with(ARMOR))))
    }

    fn decrypt(&self, encrypted: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let path = || self.path.clone();
        let fault = |error| match error {
            DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => {
                Fault::WrongKey { path: path(), identity: self.identity.clone() }
            }
            error => Fault::Damaged { path: path(), source: Some(error) },
        };
        let decryptor = Decryptor::new(ArmoredReader::new(encrypted)).map_err(fault)?;
        if decryptor.is_scrypt() {
            return Err(Fault::Passphrase { path: path() });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(encrypted.len()));
        decryptor
            .decrypt(identity.keys())
            .map_err(fault)?
            .read_to_end(&mut text)
            .map_err(|error| Fault::Damaged { path: path(), source: Some(DecryptError::Io(error)) })?;
        Ok(text)
    }

    fn encrypt(&self, text: &[u8], identity: &Identity, armoured: bool) -> Result<Vec<u8>, Fault> {
        let mut keys = vec![identity.public_key()];
        for recipient in self.recipients.iter().map(|recipient| recipient.trim()) {
            if !keys.iter().any(|known| known == recipient) {
                keys.push(recipient.to_owned());
            }
        }
        let parse = |text: &String| -> Result<x25519::Recipient, Fault> {
            text.parse().map_err(|_| match text.get(..14) {
                Some(prefix) if prefix.eq_ignore_ascii_case("AGE-SECRET-KEY") => Fault::SecretRecipient,
                _ => Fault::BadRecipient { text: text.clone() },
            })
        };
        let keys = keys.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let encryptor = Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient))
            .map_err(|error| Fault::Encrypt { path: self.path.clone(), source: Box::new(error) })?;
        let format = if armoured { Format::AsciiArmor } else { Format::Binary };
        let encrypt = || {
            let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format)?)?;
            writer.write_all(text)?;
            writer.finish()?.finish()
        };
        encrypt().map_err(|source| Fault::Write { path: self.path.clone(), source })
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
