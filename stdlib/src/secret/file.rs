//! `secret::file`.

use windlass_runtime::secret::{Placeholder, from_file};
use windlass_runtime::{Call, Result, primitive};

/// Takes a secret from a file: its whole content, without the line break at its end.
///
/// A relative path starts at the script's own folder. What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `not_found` if there is no such file; `malformed` if it is a folder, a device, no text in UTF-8 or larger than 1 MiB;
/// `usage` if it is empty or has fewer than four characters; `denied` outside the folders that the session may read.
///
/// # Example
/// ```rhai
/// let password = secret::file("secrets/db-password");
/// log::info(`the password is ${password}`);
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn file(call: &Call<'_>, path: String) -> Result<Placeholder> {
    let path = call.locate_on_disk(&path).map_err(|e| e.hint("give the absolute path of a file on disk"))?;
    call.session().secrets().register(from_file(&path)?)
}
