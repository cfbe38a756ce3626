//! `secret::age`.

use windlass_runtime::secret::{AgeVault, Placeholder, Vault as _};
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

/// The options of `secret::age`.
#[derive(Debug, Clone, Options)]
pub struct AgeOptions {
    /// Another file encrypted with age, which holds a map of names to values in YAML or JSON.
    pub file: Option<String>,
}

/// Takes a secret from an entry of the customer folder's `secrets.age`, or of another file encrypted with age.
///
/// Without a customer folder it is the user's own file that is read, in which `secret::generate` keeps secrets too. It is
/// decrypted with the user's key. What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `not_found` if there is no such entry or file; `denied` if the user's key does not fit; `malformed` for a file that is
/// damaged or no such map.
///
/// # Example
/// ```rhai
/// secret::generate("database");
/// let password = secret::age("database");
/// log::info(`the password is ${password}`);
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn age(call: &Call<'_>, name: String, options: AgeOptions) -> Result<Placeholder> {
    let (kept, place) = match &options.file {
        None => {
            let vault = call.session().vault();
            (vault.read(&name)?, vault.place())
        }
        Some(path) => {
            let path = call.locate_on_disk(path)?;
            if !path.exists() {
                let error = Error::new(Kind::NotFound, format!("there is no file {}", path.display()));
                return Err(error.hint("a relative path starts at the script's own folder"));
            }
            let vault = AgeVault::of_file(&path, &UserFolders::find()?);
            (vault.read(&name)?, vault.place())
        }
    };
    let missing = || {
        Error::new(Kind::NotFound, format!("there is no secret {name} in {place}"))
            .hint("is it written as it stands there? secret::generate makes one that is missing")
    };
    call.session().secrets().register(kept.ok_or_else(missing)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use windlass_runtime::secret::{MemoryVault, Origin, Secret, Vault as _};
    use windlass_runtime::target::NoTarget;

    use crate::testing::{run, run_on};

    #[test]
    fn an_entry_of_the_vault_is_taken_or_told_to_be_missing() {
        let vault = Arc::new(MemoryVault::new());
        vault.keep("db", &Secret::new(Origin::Age("db".into()), "hunter2-age")).unwrap();
        let ran = run_on(NoTarget::new(), "log::info(`${secret::age(\"db\")}`)", |b| b.vault(vault.clone()));
        assert_eq!(ran.logs(), ["[secret db]"]);
        assert!(!ran.everything().contains("hunter2-age"));
        let error = run_on(NoTarget::new(), "secret::age(\"dbs\")", |b| b.vault(vault)).error();
        assert_eq!(error["kind"], "not_found");
        assert!(error["message"].as_str().unwrap().starts_with("there is no secret dbs in "), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_or_not_encrypted_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain.yaml");
        std::fs::write(&path, "db: x\n").unwrap();
        let error =
            run(&format!("secret::age(\"db\", #{{ file: \"{}\" }})", folder.path().join("gone").display())).error();
        assert_eq!(error["kind"], "not_found");
        let error = run(&format!("secret::age(\"db\", #{{ file: \"{}\" }})", path.display())).error();
        assert!(["malformed", "not_found"].contains(&error["kind"].as_str().unwrap()), "{error}");
    }
}
