//! Encrypting for people, and decrypting with the user's key.

use std::io::{self, Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, EncryptError, Encryptor, Recipient, x25519};
use zeroize::Zeroizing;

use super::Identity;
use crate::{Error, Kind};

/// Why something was not encrypted or decrypted. None of these holds a piece of the text. Most say what it (the file, the
/// key) is or cannot be: the subject is the caller's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealFault {
    #[error("{text:?} is no X25519 recipient of age")]
    BadRecipient { text: String },
    #[error("one of the recipients is a secret key")]
    SecretRecipient,
    #[error("cannot be encrypted")]
    Encrypt(#[source] EncryptError),
    #[error("cannot be written")]
    Write(#[source] io::Error),
    #[error("is not encrypted for the key")]
    WrongKey,
    #[error("is encrypted with a passphrase")]
    Passphrase,
    #[error("is damaged or no age file")]
    Damaged(#[source] DecryptError),
}

impl SealFault {
    /// The sentence, with what was to be encrypted or decrypted, and whose key it was.
    pub(super) fn said_of(&self, what: &str, key: &str) -> String {
        match self {
            SealFault::BadRecipient { .. } | SealFault::SecretRecipient => self.to_string(),
            SealFault::WrongKey => format!("{what} {self} {key}"),
            _ => format!("{what} {self}"),
        }
    }

    /// Whether a recipient is wrong, and not the text or its file.
    pub(super) fn is_of_a_recipient(&self) -> bool {
        matches!(self, SealFault::BadRecipient { .. } | SealFault::SecretRecipient)
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            SealFault::BadRecipient { .. } | SealFault::SecretRecipient => Kind::Usage,
            SealFault::Encrypt(_) | SealFault::Write(_) | SealFault::WrongKey => Kind::System,
            SealFault::Passphrase | SealFault::Damaged(_) => Kind::Malformed,
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            SealFault::BadRecipient { .. } => "a recipient is a public key as age-keygen -y prints it: age1…",
            SealFault::SecretRecipient => {
                "put the public key there, as age-keygen -y prints it; the secret one is known to others now: make a new one"
            }
            SealFault::Encrypt(_) | SealFault::Write(_) => "what was kept before is untouched",
            SealFault::WrongKey => {
                "let a colleague who can read it add your public key to the recipients and write it again"
            }
            SealFault::Passphrase => "encrypt it for public keys instead: age -r age1… -o secrets.age",
            SealFault::Damaged(_) => "restore it from version control or a backup",
        }
    }
}

impl From<SealFault> for Error {
    fn from(fault: SealFault) -> Self {
        Error::new(fault.kind(), fault.said_of("what is sealed", "of the user")).hint(fault.hint()).source(fault)
    }
}

/// Encrypts a text for the user's own key and for the recipients (`age1…`), each once.
pub(crate) fn encrypt_for(
    identity: &Identity,
    recipients: &[String],
    text: &[u8],
    armoured: bool,
) -> Result<Vec<u8>, SealFault> {
    let mut keys = vec![identity.public_key()];
    for recipient in recipients.iter().map(|recipient| recipient.trim()) {
        if !keys.iter().any(|known| known == recipient) {
            keys.push(recipient.to_owned());
        }
    }
    let keys = keys.iter().map(|text| recipient(text)).collect::<Result<Vec<_>, _>>()?;
    let encryptor =
        Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient)).map_err(SealFault::Encrypt)?;
    let format = if armoured { Format::AsciiArmor } else { Format::Binary };
    let encrypt = || {
        let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format)?)?;
        writer.write_all(text)?;
        writer.finish()?.finish()
    };
    encrypt().map_err(SealFault::Write)
}

/// Decrypts what was encrypted for one of the user's keys, armoured or not.
pub(crate) fn decrypt_with(identity: &Identity, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
    let fault = |error| match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => SealFault::WrongKey,
        error => SealFault::Damaged(error),
    };
    let decryptor = Decryptor::new(ArmoredReader::new(encrypted)).map_err(fault)?;
    if decryptor.is_scrypt() {
        return Err(SealFault::Passphrase);
    }
    let mut text = Zeroizing::new(Vec::with_capacity(encrypted.len()));
    let mut reader = decryptor.decrypt(identity.keys()).map_err(fault)?;
    reader.read_to_end(&mut text).map_err(|error| SealFault::Damaged(DecryptError::Io(error)))?;
    Ok(text)
}

fn recipient(text: &str) -> Result<x25519::Recipient, SealFault> {
    text.parse().map_err(|_| match text.get(..14) {
        Some(prefix) if prefix.eq_ignore_ascii_case("AGE-SECRET-KEY") => SealFault::SecretRecipient,
        _ => SealFault::BadRecipient { text: text.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(folder: &std::path::Path) -> Identity {
        Identity::read_or_create(&folder.join("identity.txt")).unwrap()
    }

    #[test]
    fn the_user_and_the_recipients_read_it_and_nobody_else() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [own, colleague, stranger] = folders.each_ref().map(|folder| identity(folder.path()));
        for armoured in [false, true] {
            let sealed = encrypt_for(&own, &[colleague.public_key()], b"canary", armoured).unwrap();
            assert_eq!(sealed.starts_with(b"-----BEGIN"), armoured);
            assert!(!sealed.windows(6).any(|window| window == b"canary"));
            assert_eq!(*decrypt_with(&own, &sealed).unwrap(), b"canary");
            assert_eq!(*decrypt_with(&colleague, &sealed).unwrap(), b"canary");
            let error = Error::from(decrypt_with(&stranger, &sealed).unwrap_err());
            assert_eq!(error.kind(), Kind::System);
            assert!(error.message().contains("not encrypted for the key of the user"), "{error:?}");
            assert!(error.hint_text().unwrap().contains("colleague"), "{error:?}");
            let cut = Error::from(decrypt_with(&own, &sealed[..sealed.len() - 5]).unwrap_err());
            assert_eq!(cut.kind(), Kind::Malformed, "{cut:?}");
        }
        let bad = Error::from(encrypt_for(&own, &["age1nonsense".into()], b"canary", false).unwrap_err());
        assert!(bad.kind() == Kind::Usage && bad.message().contains("age1nonsense"), "{bad:?}");
    }
}
