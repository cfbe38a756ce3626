//! Random text from the operating system.

use zeroize::{Zeroize, Zeroizing};

use crate::{Error, Kind, Result};

/// A text of `length` characters, each drawn uniformly from `alphabet` (2 to 256 different ASCII characters).
pub(super) fn text(length: usize, alphabet: &[u8]) -> Result<Zeroizing<String>> {
    debug_assert!((2..=256).contains(&alphabet.len()) && alphabet.is_ascii());
    // Bytes above the last full multiple of the alphabet's size are thrown away: otherwise the first characters would
    // come more often than the last.
    let bound = 256 / alphabet.len() * alphabet.len();
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).map_err(|source| {
            Error::new(Kind::System, "the operating system gives no random bytes")
                .hint("getrandom(2) failed: see whether a sandbox or a seccomp profile forbids it")
                .source(source)
        })?;
        for byte in bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < bound) {
            if text.len() < length {
                text.push(char::from(alphabet[byte % alphabet.len()]));
            }
        }
    }
    bytes.zeroize();
    Ok(text)
}
