//! `secret::from`.

use serde::Deserialize;
use serde_json::Value as Json;
use windlass_runtime::secret::Placeholder;
use windlass_runtime::{Call, Error, Result, primitive};

use super::{age, command, env, file, generate, kubernetes, prompt};
use crate::cluster::{OnCluster, Target};

/// Where a secret comes from, as values say it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reference {
    Env(String),
    File(String),
    Prompt(String),
    Command(Vec<String>),
    Kubernetes(Key),
    Age(String),
    Generate(String),
}

/// A key of a Secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    key: String,
    namespace: Option<String>,
    cluster: Option<String>,
}

/// Takes a secret from where a reference says that it is: what stands in `values.yaml` in the place of a password.
///
/// A reference is a map with one of these keys: `env: NAME`, `file: PATH`, `prompt: TEXT`, `command: [PROGRAM, …]`,
/// `kubernetes: #{ name, key, namespace, cluster }`, `age: NAME`, `generate: NAME`. Each does what the function of that name
/// does. What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `usage` for what is no reference; otherwise those of the function.
///
/// # Example
/// ```rhai
/// let password = secret::from(values.password ?? #{ generate: "database" });
/// log::info(`the password is ${password}`);
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn from(call: &Call<'_>, reference: Json) -> Result<Placeholder> {
    // What was given is not repeated: it may be the secret itself.
    let reference = serde_json::from_value(reference).map_err(|_| {
        Error::usage("this is no reference to a secret").hint(
            "a reference is one of: #{ env: NAME }, #{ file: PATH }, #{ prompt: TEXT }, #{ command: [PROGRAM, …] }, \
             #{ kubernetes: #{ name: NAME, key: KEY } }, #{ age: NAME }, #{ generate: NAME }",
        )
    })?;
    match reference {
        Reference::Env(name) => env::env(call, name),
        Reference::File(path) => file::file(call, path),
        Reference::Prompt(text) => prompt::prompt(call, text),
        Reference::Command(words) => command::command(call, words, command::CommandOptions { name: None, stdin: None }),
        Reference::Kubernetes(Key { name, key, namespace, cluster }) => {
            kubernetes::kubernetes(call, Target::of_kind("Secret", &name)?, key, OnCluster { cluster, namespace })
        }
        Reference::Age(name) => age::age(call, name, age::AgeOptions { file: None }),
        Reference::Generate(name) => {
            let options = generate::GenerateOptions { length: 32, alphabet: "letters_digits".into(), characters: None };
            generate::generate(call, name, options)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value as Json, json};
    use windlass_runtime::secret::{MemoryVault, Origin, Prompter as SecretPrompter, Secret, Vault as _};
    use windlass_runtime::session::{AfterFailure, Prompter};
    use windlass_runtime::target::NoTarget;
    use windlass_runtime::{Error, Result};

    use crate::testing::{Bed, Ran, Scripting as _, on, run, run_on, secret};

    struct Person;

    impl SecretPrompter for Person {
        fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
            Ok("canary-typed".to_owned().into())
        }
    }

    impl Prompter for Person {
        fn confirm(&self, _: &str, _: &str) -> Result<bool> {
            Ok(true)
        }
        fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
            Ok(AfterFailure::Stop)
        }
    }

    fn with(reference: Json) -> Ran {
        let vault = Arc::new(MemoryVault::new());
        vault.keep("db", &Secret::new(Origin::Age("db".into()), "canary-age")).unwrap();
        run_on(NoTarget::new(), "log::info(`it is ${secret::from(values.password)}`)", |b| {
            b.vault(vault).prompter(Arc::new(Person)).values(json!({ "password": reference }))
        })
    }

    #[test]
    fn every_source_can_stand_in_the_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "canary-file\n").unwrap();
        let file = path.display().to_string();
        for (reference, mark) in [
            (json!({ "env": "PATH" }), "[secret PATH]".to_owned()),
            (json!({ "file": file }), format!("[secret {file}]")),
            (json!({ "prompt": "Password" }), "[secret Password]".to_owned()),
            (json!({ "command": ["printf", "canary-command"] }), "[secret printf]".to_owned()),
            (json!({ "age": "db" }), "[secret db]".to_owned()),
            (json!({ "generate": "new" }), "[secret new]".to_owned()),
        ] {
            let ran = with(reference.clone());
            assert_eq!(ran.logs().last().cloned(), Some(format!("it is {mark}")), "{reference}");
            assert!(!ran.everything().contains("canary-"), "{reference}");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_without_being_shown() {
        for reference in [
            json!("canary-plain"),
            json!({ "env": ["canary"] }),
            json!({ "env": "A", "file": "canary" }),
            json!({ "enf": "canary" }),
            json!({ "kubernetes": { "name": "canary", "keys": "k" } }),
            json!({}),
            json!(5),
        ] {
            let ran = with(reference.clone());
            assert_eq!(ran.error()["kind"], "usage", "{reference}: {}", ran.error());
            assert!(ran.error()["hint"].as_str().unwrap().contains("env: NAME"), "{reference}");
            assert!(!ran.everything().contains("canary"), "{reference}");
        }
        assert_eq!(run("secret::from(#{ age: \"no-such\" })").error()["kind"], "not_found");
    }

    #[on(shadow, live)]
    fn a_key_of_a_secret_can_stand_in_the_values(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("db", &json!({ "password": "hunter2-in-a-cluster" })));
        let script = format!(
            "let s = secret::from(#{{ kubernetes: #{{ name: \"db\", key: \"password\", namespace: \"{namespace}\" }} }}); log::info(`it is ${{s}}`)"
        );
        let ran = bed.run(&script);
        assert_eq!(ran.logs(), [format!("it is [secret {namespace}/db/password]")]);
        assert!(!ran.everything().contains("hunter2-in"));
    }
}
