//! `secret::kubernetes`.

use base64::Engine as _;
use serde_json::Value as Json;
use windlass_runtime::secret::{Origin, Placeholder, Secret};
use windlass_runtime::{Call, Error, Kind, Result, primitive};

use crate::cluster::{OnCluster, Target, edit};

/// Takes a secret from a key of a Secret in a cluster.
///
/// What the script gets is a stand-in, as with `secret::env`.
///
/// # Errors
/// `not_found` if there is no such Secret, or it has no such key, with the keys that it has; `malformed` for a value that is
/// no text; `usage` for another kind, and for a value that is empty or has fewer than four characters.
///
/// # Example
/// ```rhai
/// cluster::secret("db", #{ data: #{ password: secret::generate("db") } });
/// let password = secret::kubernetes("Secret/db", "password");
/// log::info(`the password is ${password}`);
/// ```
#[primitive(module = "secret", effect = Read)]
pub fn kubernetes(call: &Call<'_>, target: Target, key: String, options: OnCluster) -> Result<Placeholder> {
    let (cluster, id) = options.find(call, &target)?;
    if id.kind != "Secret" || !id.group().is_empty() {
        return Err(Error::usage(format!("{id} holds no secrets")).hint("name a Secret: \"Secret/db\"").resource(id));
    }
    let (named, asked) = (cluster.name().to_owned(), id.clone());
    let object = call.wait(async move { cluster.get(&asked).await })?.ok_or_else(|| edit::absent(&id))?;
    let data = object.get("data").and_then(Json::as_object);
    let Some(value) = data.and_then(|data| data.get(&key)).and_then(Json::as_str) else {
        let keys: Vec<&str> = data.into_iter().flat_map(|data| data.keys().map(String::as_str)).collect();
        let hint = if keys.is_empty() { "it is empty".to_owned() } else { format!("it has: {}", keys.join(", ")) };
        return Err(Error::new(Kind::NotFound, format!("{id} has no key {key}")).hint(hint).resource(&id));
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(value).unwrap_or_default();
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::new(Kind::Malformed, format!("the key {key} of {id} is no text in UTF-8"))
            .hint("a secret is text; what is binary stays in the cluster")
            .resource(&id)
    })?;
    let namespace = id.namespace.as_deref().unwrap_or_default();
    // Two clusters may have a Secret of the same name.
    let place = match &options.cluster {
        Some(_) => format!("{named}/{namespace}/{}/{key}", id.name),
        None => format!("{namespace}/{}/{key}", id.name),
    };
    call.session().secrets().register(Secret::new(Origin::Kubernetes(place), text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, on, secret};

    #[on(shadow, live)]
    fn a_key_of_a_secret_is_passed_on_and_shows_nowhere(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("db", &json!({ "password": "hunter2-in-a-cluster" })));
        let script = format!(
            "let s = secret::kubernetes(\"Secret/db\", \"password\", #{{ namespace: \"{namespace}\" }}); log::info(`it is ${{s}}`); \
             cluster::secret(\"copy\", #{{ data: #{{ url: `postgres://sa:${{s}}@db` }}, namespace: \"{namespace}\" }}); true"
        );
        let ran = bed.run(&script);
        assert_eq!(ran.value(), true);
        assert_eq!(ran.logs()[0], format!("it is [secret {namespace}/db/password]"));
        assert!(!ran.report.steps.iter().any(|step| format!("{step:?}").contains("hunter2-in")));
        use base64::Engine as _;
        let copied = bed.get("secret/copy", &namespace)["data"]["url"].as_str().unwrap().to_owned();
        let copied = base64::engine::general_purpose::STANDARD.decode(copied).unwrap();
        assert_eq!(copied, b"postgres://sa:hunter2-in-a-cluster@db");
    }

    #[on(shadow, live)]
    fn what_is_not_there_is_told(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("db", &json!({ "password": "hunter2-in-a-cluster" })));
        bed.create(&namespace, bare("ConfigMap", "c"));
        for (what, kind, said) in [
            ("\"Secret/db\", \"user\"", "not_found", "has no key user"),
            ("\"Secret/nobody\", \"user\"", "not_found", "there is no Secret/nobody"),
            ("\"cm/c\", \"user\"", "usage", "ConfigMap/c in"),
        ] {
            let error = bed.run(&format!("secret::kubernetes({what}, #{{ namespace: \"{namespace}\" }})")).error();
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
            assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
        }
        let error =
            bed.run(&format!("secret::kubernetes(\"Secret/db\", \"user\", #{{ namespace: \"{namespace}\" }})")).error();
        assert_eq!(error["hint"], "it has: password");
    }
}
