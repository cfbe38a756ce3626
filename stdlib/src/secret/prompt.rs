//! `secret::prompt`.

use windlass_runtime::secret::{Origin, Placeholder};
use windlass_runtime::{Call, Result, primitive};

/// Asks a person for a secret. What is entered is not shown.
///
/// It is asked once a session: the same text again gives the same secret. The step's deadline rests while the question is
/// open. What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `system` where nobody can be asked (no terminal); `cancelled` if it is not answered; `usage` for an answer of fewer than
/// four characters.
///
/// # Example
/// ```rhai
/// let password = secret::prompt("Password of the registry:");
/// log::info(`the password is ${password}`);
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn prompt(call: &Call<'_>, text: String) -> Result<Placeholder> {
    let secrets = call.session().secrets();
    match secrets.placeholder_of(&Origin::Prompt(text.clone())) {
        Some(known) => Ok(known),
        None => secrets.register(call.ask_secret(&text)?),
    }
}
