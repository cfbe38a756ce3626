//! Making secrets.

use zeroize::Zeroizing;

use super::placeholder::LETTERS_AND_DIGITS;
use super::vault::{Vault, checked_name};
use super::{Origin, Secret, random};
use crate::{Error, Result};

/// What a generated secret is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Alphabet {
    /// `A` to `Z`, `a` to `z`, `0` to `9`: safe in URLs, shells, connection lines.
    #[default]
    LettersDigits,
    /// `a` to `z` and `0` to `9`.
    Lower,
    /// `0` to `9` and `a` to `f`.
    Hex,
    /// Letters, digits, hyphen and underscore.
    UrlSafe,
    /// Letters, digits and `!#%+,-./:=?@_~`, for rules that ask for punctuation. Nothing that a shell, YAML or a quoted
    /// string would change, but not safe in URLs.
    Punctuated,
    /// The characters of this text: ten or more, all different, printable ASCII without the space.
    Of(String),
}

impl Alphabet {
    const WORDS: [(&'static str, Alphabet); 5] = [
        ("letters_digits", Alphabet::LettersDigits),
        ("lower", Alphabet::Lower),
        ("hex", Alphabet::Hex),
        ("url_safe", Alphabet::UrlSafe),
        ("punctuated", Alphabet::Punctuated),
    ];

    /// The alphabet that a script names by a word. (One of its own is made with [`Alphabet::Of`].)
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] with the nearest word.
    pub fn named(word: &str) -> Result<Self> {
        if let Some((_, alphabet)) = Self::WORDS.iter().find(|(name, _)| *name == word) {
            return Ok(alphabet.clone());
        }
        let distance = |name: &str| strsim::damerau_levenshtein(name, word);
        let nearest = Self::WORDS.iter().map(|(name, _)| *name).min_by_key(|name| distance(name)).unwrap_or_default();
        let all: Vec<&str> = Self::WORDS.iter().map(|(name, _)| *name).collect();
        Err(Error::usage(format!("there is no alphabet {word:?}"))
            .hint(format!("did you mean {nearest:?}? There are: {}", all.join(", "))))
    }

    fn characters(&self) -> Result<Vec<u8>> {
        const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let letters_digits = || [UPPER, LETTERS_AND_DIGITS].concat();
        Ok(match self {
            Alphabet::LettersDigits => letters_digits(),
            Alphabet::Lower => LETTERS_AND_DIGITS.to_vec(),
            Alphabet::Hex => b"0123456789abcdef".to_vec(),
            Alphabet::UrlSafe => [&letters_digits()[..], b"-_"].concat(),
            Alphabet::Punctuated => [&letters_digits()[..], b"!#%+,-./:=?@_~"].concat(),
            Alphabet::Of(characters) => {
                let mut sorted = characters.as_bytes().to_vec();
                sorted.sort_unstable();
                sorted.dedup();
                if sorted.len() != characters.len() || sorted.len() < 10 || !sorted.iter().all(u8::is_ascii_graphic) {
                    return Err(Error::usage("this alphabet is not one that a secret can be made of").hint(
                        "give ten or more different characters: letters, digits and punctuation of ASCII, no space",
                    ));
                }
                sorted
            }
        })
    }
}

/// How a secret is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateOptions {
    /// How many characters: 12 to 256, by default 32.
    pub length: usize,
    /// Which characters.
    pub alphabet: Alphabet,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self { length: 32, alphabet: Alphabet::default() }
    }
}

/// Makes a secret, each character drawn uniformly with the operating system's random numbers. It is kept nowhere: see
/// [`generate_in`].
///
/// # Errors
/// [`crate::Kind::Usage`] for a length or an alphabet out of range, [`crate::Kind::System`] without random numbers.
pub fn generate(name: &str, options: &GenerateOptions) -> Result<Secret> {
    checked_name(name)?;
    if !(12..=256).contains(&options.length) {
        return Err(Error::usage(format!("a secret of {} characters cannot be generated", options.length))
            .hint("length is 12 to 256; the default is 32"));
    }
    let mut text: Zeroizing<String> = random::text(options.length, &options.alphabet.characters()?)?;
    Ok(Secret::new(Origin::Generated(name.to_owned()), std::mem::take(&mut *text)))
}

/// A secret out of a vault.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The secret.
    pub secret: Secret,
    /// Whether there was none of this name before.
    pub is_new: bool,
}

/// The secret of this name in the vault; where there is none, makes one and keeps it there before giving it out. What is
/// given out is always what the vault holds: of two processes that make the same secret at the same time, both get the one
/// that was kept first.
///
/// # Errors
/// As [`generate`], and what the vault's reading and writing give. Then nothing was made.
pub fn generate_in(vault: &dyn Vault, name: &str, options: &GenerateOptions) -> Result<Kept> {
    let origin = || Origin::Generated(name.to_owned());
    if let Some(kept) = vault.read(name)? {
        return Ok(Kept { secret: kept.with_origin(origin()), is_new: false });
    }
    vault.keep(name, &generate(name, options)?)?;
    let kept = vault.read(name)?;
    kept.map(|kept| Kept { secret: kept.with_origin(origin()), is_new: true }).ok_or_else(|| {
        Error::new(
            crate::Kind::Conflict,
            format!("the secret {name} is gone from {} right after it was kept", vault.place()),
        )
        .hint("another program writes this file too: let one of them do it, then run again")
    })
}
