//! `cluster::secret`.

use std::collections::BTreeMap;

use windlass_runtime::change::Outcome;
use windlass_runtime::options::SecretText;
use windlass_runtime::{Call, Options, Result, Value, primitive};

use super::whole::{Paths, WholeOptions, apply_whole, check_content, encoded};

/// The options of `cluster::secret`.
#[derive(Debug, Clone, Options)]
pub struct SecretOptions {
    #[option(flatten)]
    whole: WholeOptions,
    /// The Secret's type.
    #[option(default = "\"Opaque\"")]
    r#type: String,
    /// Texts or secrets by key; a text may hold secrets: `` `user:${password}` ``.
    #[option(default = "#{}")]
    data: BTreeMap<String, SecretText>,
    /// Files, each under its own name, or by a map from key to path.
    from_file: Option<Paths>,
}

/// Makes a Secret hold exactly this.
///
/// Values are written only here: they show in no output, journal or diff. Windlass does the base64. What the script writes
/// in clear, such as a user's name, is not masked where it stands elsewhere.
///
/// # Errors
/// `secret` for a secret that the script has cut up or changed; `usage` for a key that cannot be one.
///
/// # Example
/// ```rhai
/// let password = secret::generate("database");
/// cluster::secret("database", #{ data: #{ username: "sa", password: password, url: `postgres://sa:${password}@db` } });
/// ```
#[primitive(module = "cluster", effect = Change, also = ["create secret"])]
pub fn secret(call: &Call<'_>, name: String, options: SecretOptions) -> Result<Outcome> {
    let what = format!("Secret/{name}");
    let registry = call.session().secrets();
    let mut data: Vec<(String, String)> = Vec::new();
    for (key, text) in &options.data {
        if let SecretText::Plain(text) = text {
            registry.write_in_clear(text);
        }
        data.push((key.clone(), encoded(text.resolve(registry)?.as_bytes())));
    }
    for (key, bytes) in options.from_file.unwrap_or_default().files(call)? {
        data.push((key, encoded(&bytes)));
    }
    check_content(&what, data.iter().map(|(k, v)| (k.as_str(), v.len() / 4 * 3)))?;
    apply_secret(call, &name, options.whole, &options.r#type, data)
}

/// Applies a Secret whose values are encoded already.
///
/// # Errors
/// As applying any object.
pub(super) fn apply_secret(
    call: &Call<'_>,
    name: &str,
    options: WholeOptions,
    r#type: &str,
    data: Vec<(String, String)>,
) -> Result<Outcome> {
    let data = Value::Map(data.into_iter().map(|(k, v)| (k, Value::Text(v))).collect());
    apply_whole(call, "Secret", name, options, [("type", Value::Text(r#type.to_owned())), ("data", data)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, on, secret};

    const CANARY: &str = "tr0ub4dor-and-3";

    #[on(shadow, live)]
    fn a_secret_arrives_whole_and_shows_nowhere(bed: Bed) {
        let ns = bed.namespace();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CANARY).unwrap();
        let script = format!(
            r#"let p = secret::file("{}");
            let o = cluster::secret("s", #{{ namespace: "{ns}", data: #{{ user: "sa", password: p, url: `db://sa:${{p}}@h` }} }});
            print(o); print(cluster::get("Secret/s", #{{ namespace: "{ns}" }})); o"#,
            file.path().display()
        );
        let ran = bed.run(&script);
        assert_eq!(ran.value()["changed"], true);
        assert!(!ran.logs().join("").contains(CANARY), "{:?}", ran.logs());
        let report = serde_json::to_string(&ran.report).unwrap();
        assert!(!report.contains(CANARY) && !report.contains(&super::encoded(CANARY.as_bytes())), "{report}");
        let object = bed.get("secret/s", &ns);
        assert_eq!(object["data"]["url"], super::encoded(format!("db://sa:{CANARY}@h").as_bytes()));
        let again = bed.run(&script);
        assert_eq!(again.value()["changed"], false);
    }

    #[on(shadow, live)]
    fn what_the_script_writes_in_clear_garbles_nothing(bed: Bed) {
        let ns = bed.namespace();
        let script = format!(
            r#"let p = secret::generate("minio");
            cluster::secret("minio", #{{ namespace: "{ns}", data: #{{ user: "minio", password: p }} }});
            let read = secret::kubernetes("Secret/minio", "user", #{{ namespace: "{ns}" }});
            log::info(`minio ${{read}}`)"#
        );
        let ran = bed.run(&script);
        ran.value();
        assert_eq!(ran.logs().last().unwrap(), &format!("minio [secret {ns}/minio/user]"));
        assert!(
            ran.report.steps[0].outcome[0].resource.starts_with("Secret/minio in "),
            "{:?}",
            ran.report.steps[0].outcome
        );
    }

    #[on(shadow, live)]
    fn a_secret_in_a_config_map_cut_up_or_encoded_is_refused(bed: Bed) {
        let ns = bed.namespace();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CANARY).unwrap();
        let case = |body: &str| {
            let ran =
                bed.run(&format!("let p = secret::file(\"{}\"); let t = `${{p}}`; {body}", file.path().display()));
            assert!(!ran.everything().contains(CANARY));
            ran.error()
        };
        let object = |value: &str| {
            format!(
                "cluster::apply(#{{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{{ name: \"x\" }}, data: #{{ a: {value} }} }}, #{{ namespace: \"{ns}\" }})"
            )
        };
        for (what, body) in [
            ("clear", object("p")),
            ("inside", object("`x ${p} y`")),
            ("cut", object("t.sub_string(0, 20)")),
            ("upper", format!("t.make_upper(); {}", object("t"))),
            ("config_map", format!("cluster::config_map(\"x\", #{{ namespace: \"{ns}\", data: #{{ a: p }} }})")),
            (
                "secret cut",
                format!("cluster::secret(\"x\", #{{ namespace: \"{ns}\", data: #{{ a: t.sub_string(0, 20) }} }})"),
            ),
        ] {
            let error = case(&body);
            assert_eq!(error["kind"], "secret", "{what}: {error}");
        }
        let mut objects = bed.list("cm", &ns).into_iter().chain(bed.list("secret", &ns));
        assert!(objects.all(|o| o["metadata"]["name"] != "x"));
    }

    #[on(shadow, live)]
    fn a_secret_read_from_the_cluster_can_be_passed_on(bed: Bed) {
        let ns = bed.namespace();
        bed.create(&ns, secret("theirs", &json!({"p": CANARY})));
        let ran = bed.run(&format!(
            "let s = cluster::get(\"Secret/theirs\", #{{ namespace: \"{ns}\" }}); print(s.data.p);
             cluster::secret(\"ours\", #{{ namespace: \"{ns}\", data: #{{ p: s.data.p }} }});
             cluster::apply(#{{ apiVersion: \"v1\", kind: \"Secret\", metadata: #{{ name: \"third\" }}, data: s.data }}, #{{ namespace: \"{ns}\" }});"
        ));
        ran.value();
        assert!(ran.logs()[0].contains("[secret"), "{:?}", ran.logs());
        let data = |name: &str| bed.get(&format!("secret/{name}"), &ns)["data"].clone();
        assert_eq!(data("ours"), data("theirs"));
        assert_eq!(data("third"), data("theirs"));
    }
}
