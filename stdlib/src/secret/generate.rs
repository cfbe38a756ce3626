//! `secret::generate`.

use windlass_runtime::event::Level;
use windlass_runtime::secret::{Alphabet, GenerateOptions as Recipe, Placeholder, generate_in};
use windlass_runtime::{Call, Error, Options, Result, primitive};

/// The options of `secret::generate`.
#[derive(Debug, Clone, Options)]
pub struct GenerateOptions {
    /// How many characters: 12 to 256.
    #[option(default = "32")]
    pub length: i64,
    /// Which characters: `letters_digits`, `lower`, `hex`, `url_safe` or `punctuated`.
    #[option(default = "\"letters_digits\"")]
    pub alphabet: String,
    /// Characters of one's own instead of an alphabet: ten or more different ones.
    pub characters: Option<String>,
}

impl GenerateOptions {
    fn recipe(self) -> Result<Recipe> {
        let alphabet = match self.characters {
            Some(characters) => Alphabet::Of(characters),
            None => Alphabet::named(&self.alphabet)?,
        };
        let length = usize::try_from(self.length).map_err(|_| {
            Error::usage(format!("a secret of {} characters cannot be generated", self.length))
                .hint("length is 12 to 256; the default is 32")
        })?;
        Ok(Recipe { length, alphabet })
    }
}

/// Makes a random secret once and keeps it: under the same name, every later call and run gets the same one.
///
/// A log line says when one is made. It is kept before it is first used: encrypted in the customer folder's `secrets.age`, or else in the user's state
/// folder; in a plan or a rehearsal only in memory. `length` and the alphabet count when it is made; one that is there
/// already stays as it is. What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `usage` for a length or an alphabet that does not do; `system`, `denied` or `malformed` if it cannot be kept. Then
/// nothing was made.
///
/// # Example
/// ```rhai
/// let password = secret::generate("mongodb-root");
/// let token = secret::generate("join-token", #{ length: 48, alphabet: "hex" });
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn generate(call: &Call<'_>, name: String, options: GenerateOptions) -> Result<Placeholder> {
    let session = call.session();
    let kept = generate_in(&**session.vault(), &name, &options.recipe()?)?;
    if kept.is_new {
        // Whoever expected an old one to be there must see it: a lost file of secrets means new passwords.
        call.log(Level::Info, format!("made the secret {name} and kept it in {}", session.vault().place()));
    }
    session.secrets().register(kept.secret)
}
