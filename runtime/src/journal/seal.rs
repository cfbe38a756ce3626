//! What only the user and the recipients can read: each run has a key of its own, which is kept encrypted for them.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::records::EntryId;
use crate::{Error, Result};

const NONCE: usize = 24;

/// The key of one run.
#[derive(Clone)]
pub(super) struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new one.
    pub(super) fn new() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        random(&mut bytes[..])?;
        Ok(Self(bytes))
    }

    /// One that was kept.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0[..]
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes().into())
    }

    /// Seals something; it opens only as what it is `about`.
    pub(super) fn seal(&self, about: &str, content: &impl Serialize) -> Result<Vec<u8>> {
        let text = serde_json::to_vec(content).map(Zeroizing::new);
        let text = text.map_err(|e| Error::internal("what a journal keeps is no JSON").source(e))?;
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let payload = Payload { msg: &text, aad: about.as_bytes() };
        let encrypted = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        let encrypted = encrypted.map_err(|_| Error::internal("what a journal keeps is too long to be sealed"))?;
        Ok([&nonce[..], &encrypted].concat())
    }

    /// Opens what was sealed as `about`.
    pub(super) fn open<T: DeserializeOwned>(&self, about: &str, sealed: &[u8]) -> Result<T> {
        let broken = || Error::from(Fault::Broken { about: about.to_owned() });
        let (nonce, encrypted) = sealed.split_at_checked(NONCE).ok_or_else(broken)?;
        let payload = Payload { msg: encrypted, aad: about.as_bytes() };
        let text = self.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| broken())?;
        serde_json::from_slice(&Zeroizing::new(text)).map_err(|_| broken())
    }

    /// A hash that says nothing without the key.
    pub(super) fn hash(&self, text: &[u8]) -> String {
        // A key of any length is accepted.
        let Ok(mut mac) = <Hmac<Sha256> as hmac::Mac>::new_from_slice(self.bytes()) else { return String::new() };
        mac.update(b"windlass journal\0");
        mac.update(text);
        let bytes = mac.finalize().into_bytes();
        bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a value that a step gets back is sealed as.
pub(super) fn about_once(run: &str, step: &str, name: &str) -> String {
    format!("{run} once {step} {name}")
}

/// What a branch's result is sealed as.
pub(super) fn about_branch(run: &str, step: &str, path: &str) -> String {
    format!("{run} branch {step} {path}")
}

/// What a column of a step is sealed as.
pub(super) fn about_step(run: &str, step: &str, column: &str) -> String {
    format!("{run} step {step} {column}")
}

/// What a column of a change is sealed as.
pub(super) fn about_change(run: &str, id: &EntryId, column: &str) -> String {
    format!("{run} change {id} {column}")
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| {
        Error::new(crate::Kind::System, "the system gives no random numbers")
            .hint("nothing is done without a journal, and a journal needs a key")
            .source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_as_what_it_is() {
        let (key, other) = (DataKey::new().unwrap(), DataKey::new().unwrap());
        let sealed = key.seal("a", &"pa55word").unwrap();
        assert!(!sealed.windows(8).any(|w| w == b"pa55word"));
        assert_eq!(key.open::<String>("a", &sealed).unwrap(), "pa55word");
        let kept = DataKey::from_bytes(key.bytes()).unwrap();
        assert_eq!(kept.open::<String>("a", &sealed).unwrap(), "pa55word");
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        for error in [
            key.open::<String>("b", &sealed).unwrap_err(),
            other.open::<String>("a", &sealed).unwrap_err(),
            key.open::<String>("a", &changed).unwrap_err(),
            key.open::<String>("a", &sealed[..5]).unwrap_err(),
        ] {
            assert_eq!(error.kind(), crate::Kind::Malformed);
        }
    }

    #[test]
    fn hashes_are_equal_only_under_the_same_key() {
        let (key, other) = (DataKey::new().unwrap(), DataKey::new().unwrap());
        assert_eq!(key.hash(b"x"), key.hash(b"x"));
        assert_ne!(key.hash(b"x"), key.hash(b"y"));
        assert_ne!(key.hash(b"x"), other.hash(b"x"));
    }
}
