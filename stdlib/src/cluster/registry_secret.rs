//! `cluster::registry_secret`.

use serde_json::json;
use windlass_runtime::change::Outcome;
use windlass_runtime::options::SecretText;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::secret::apply_secret;
use super::whole::{WholeOptions, encoded};

/// The options of `cluster::registry_secret`.
#[derive(Debug, Clone, Options)]
pub struct RegistrySecretOptions {
    #[option(flatten)]
    whole: WholeOptions,
    /// The registry: `registry.example.com` or `https://index.docker.io/v1/`.
    server: String,
    /// The user.
    username: String,
    /// The password or token.
    password: SecretText,
    /// The e-mail address, for registries that still ask for one.
    email: Option<String>,
}

/// Makes a Secret with which images are pulled (`kubernetes.io/dockerconfigjson`), as `kubectl create secret
/// docker-registry` does.
///
/// # Errors
/// `secret` for a password that the script has changed; `usage` for an empty server or user.
///
/// # Example
/// ```rhai
/// cluster::registry_secret("pull", #{
///     server: "registry.example.com",
///     username: "reader",
///     password: secret::generate("registry"),
/// });
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn registry_secret(call: &Call<'_>, name: String, options: RegistrySecretOptions) -> Result<Outcome> {
    for (what, text) in [("server", &options.server), ("username", &options.username)] {
        if text.trim().is_empty() {
            return Err(Error::usage(format!("option `{what}` of cluster::registry_secret is empty")));
        }
    }
    let password = options.password.resolve(call.session().secrets())?;
    let auth = encoded(format!("{}:{}", options.username, *password).as_bytes());
    let mut entry = json!({ "username": options.username, "password": *password, "auth": auth });
    if let Some(email) = options.email {
        entry["email"] = email.into();
    }
    let config = json!({ "auths": { options.server: entry } }).to_string();
    let data = vec![(".dockerconfigjson".to_owned(), encoded(config.as_bytes()))];
    apply_secret(call, &name, options.whole, "kubernetes.io/dockerconfigjson", data)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, on};
    use base64::Engine as _;

    #[on(shadow, live)]
    fn it_is_what_kubectl_makes(bed: Bed) {
        let ns = bed.namespace();
        let script = format!(
            "cluster::registry_secret(\"ours\", #{{ namespace: \"{ns}\", server: \"r.example.com\", username: \"u\", password: secret::generate(\"r\") }}).changed"
        );
        assert_eq!(bed.run(&script).value(), true);
        let decode = |name: &str| {
            let object = bed.get(&format!("secret/{name}"), &ns);
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(object["data"][".dockerconfigjson"].as_str().unwrap())
                .unwrap();
            (object["type"].clone(), serde_json::from_slice::<serde_json::Value>(&bytes).unwrap())
        };
        let (kind, ours) = decode("ours");
        let password = ours["auths"]["r.example.com"]["password"].as_str().unwrap();
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("u:{password}"));
        let expected =
            serde_json::json!({"auths": {"r.example.com": {"username": "u", "password": password, "auth": auth}}});
        assert_eq!((&kind, &ours), (&"kubernetes.io/dockerconfigjson".into(), &expected));
        let Some(testbed) = bed.testbed() else { return };
        testbed
            .kubectl_ok(
                &[
                    "create",
                    "secret",
                    "docker-registry",
                    "theirs",
                    "-n",
                    &ns,
                    "--docker-server=r.example.com",
                    "--docker-username=u",
                    &format!("--docker-password={password}"),
                ],
                "",
            )
            .unwrap();
        assert_eq!((kind, ours), decode("theirs"));
    }
}
