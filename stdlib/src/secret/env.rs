//! `secret::env`.

use windlass_runtime::secret::{Placeholder, from_env};
use windlass_runtime::{Call, Result, primitive};

/// Takes a secret from an environment variable.
///
/// The script gets a stand-in, never the value: it can be put into a text and passed on, and becomes the value only where
/// secrets belong (the data of a Secret, Helm values, a child's environment or standard input). Everywhere else it is
/// refused or masked.
///
/// # Errors
/// `not_found` if the variable is not set; `usage` if it is empty or has fewer than four characters, which could not be
/// masked in the output.
///
/// # Example
/// ```rhai
/// let password = secret::env("DB_PASSWORD");
/// log::info(`the password is ${password}`);     // the line says: the password is [secret DB_PASSWORD]
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn env(call: &Call<'_>, name: String) -> Result<Placeholder> {
    call.session().secrets().register(from_env(&name)?)
}
