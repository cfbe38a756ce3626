//! `cluster::config_map`.

use std::collections::BTreeMap;

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Error, Options, Result, Value, primitive};

use super::whole::{Paths, WholeOptions, apply_whole, check_content, encoded};

/// The options of `cluster::config_map`.
#[derive(Debug, Clone, Options)]
pub struct ConfigMapOptions {
    #[option(flatten)]
    whole: WholeOptions,
    /// Texts by key.
    #[option(default = "#{}")]
    data: BTreeMap<String, String>,
    /// Bytes by key: blobs, or files read as bytes.
    #[option(default = "#{}")]
    binary: BTreeMap<String, Value>,
    /// Files, each under its own name, or by a map from key to path.
    from_file: Option<Paths>,
    /// Folders: each file directly in them, under its own name.
    from_dir: Option<Paths>,
}

/// Makes a ConfigMap hold exactly this: texts, files, folders.
///
/// A file that is not UTF-8 text goes into `binaryData`, as kubectl does it. What an earlier call put there and this one
/// does not name is removed.
///
/// # Errors
/// `not_found` for a file or folder that is not there, `usage` for a key that cannot be one or more than 1 MiB, `secret`
/// for a secret (use `cluster::secret`).
///
/// # Example
/// ```rhai
/// cluster::config_map("ef-settings", #{ data: #{ colour: "blue" }, from_dir: "manifests" });
/// ```
#[primitive(module = "cluster", effect = Change, also = ["configmap", "create configmap"])]
pub fn config_map(call: &Call<'_>, name: String, options: ConfigMapOptions) -> Result<Outcome> {
    let what = format!("ConfigMap/{name}");
    let mut texts: Vec<(String, String)> = options.data.into_iter().collect();
    let mut bytes: Vec<(String, Vec<u8>)> = Vec::new();
    for (key, value) in options.binary {
        match value {
            Value::Bytes(blob) => bytes.push((key, blob)),
            other => return Err(Error::usage(format!("{what}: binary.{key} must be bytes, not {}", other.sort()))),
        }
    }
    let mut files = options.from_file.unwrap_or_default().files(call)?;
    files.extend(options.from_dir.unwrap_or_default().files_in(call)?);
    for (key, content) in files {
        match String::from_utf8(content) {
            Ok(text) => texts.push((key, text)),
            Err(binary) => bytes.push((key, binary.into_bytes())),
        }
    }
    let sizes = texts.iter().map(|(k, v)| (k.as_str(), v.len()));
    check_content(&what, sizes.chain(bytes.iter().map(|(k, v)| (k.as_str(), v.len()))))?;
    let mut content = Vec::new();
    if !texts.is_empty() {
        content.push(("data", Value::Map(texts.into_iter().map(|(k, v)| (k, Value::Text(v))).collect())));
    }
    if !bytes.is_empty() {
        content
            .push(("binaryData", Value::Map(bytes.into_iter().map(|(k, v)| (k, Value::Text(encoded(&v)))).collect())));
    }
    apply_whole(call, "ConfigMap", &name, options.whole, content)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn texts_files_folders_and_bytes_arrive_as_kubectl_makes_them(bed: Bed) {
        let ns = bed.namespace();
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("d");
        std::fs::create_dir_all(folder.join("below")).unwrap();
        std::fs::write(folder.join("a.py"), "print(1)\n").unwrap();
        std::fs::write(folder.join("a.pyc"), [0_u8, 255, 254]).unwrap();
        std::fs::write(dir.path().join("one.sql"), "select 1;").unwrap();
        let (folder, file) = (folder.display(), dir.path().join("one.sql"));
        let script = format!(
            "cluster::config_map(\"ours\", #{{ namespace: \"{ns}\", from_dir: \"{folder}\", from_file: \"{}\", data: #{{ k: \"v\" }}, binary: #{{ b: blob(2, 7) }} }}).changed",
            file.display()
        );
        assert_eq!(bed.run(&script).value(), true);
        assert_eq!(bed.run(&script).value(), false);
        let from = |path: &dyn std::fmt::Display| format!("--from-file={path}");
        let (mut ours, b64) =
            (bed.get("cm/ours", &ns), |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes));
        assert_eq!(ours["binaryData"].as_object_mut().unwrap().remove("b").unwrap(), "Bwc=");
        assert_eq!(ours["data"], json!({"a.py": "print(1)\n", "one.sql": "select 1;", "k": "v"}));
        assert_eq!(ours["binaryData"], json!({"a.pyc": b64(&[0, 255, 254])}));
        let Some(testbed) = bed.testbed() else { return };
        testbed
            .kubectl_ok(
                &[
                    "create",
                    "configmap",
                    "theirs",
                    "-n",
                    &ns,
                    &from(&folder),
                    &from(&file.display()),
                    "--from-literal=k=v",
                ],
                "",
            )
            .unwrap();
        let theirs = bed.get("cm/theirs", &ns);
        assert_eq!((&ours["data"], &ours["binaryData"]), (&theirs["data"], &theirs["binaryData"]));
    }

    #[test]
    fn mistakes_are_found_before_a_request() {
        let case = |options: &str| {
            crate::testing::run(&format!("cluster::config_map(\"c\", #{{ {options} }})")).error().to_string()
        };
        assert!(case("data: #{ \"a b\": \"x\" }").contains("cannot be a key"));
        assert!(case("from_dir: \"/nowhere\"").contains("does not exist"));
        assert!(case("data: #{ a: 1 }").contains("`a` must be a text, not the number 1"));
        assert!(case("binary: #{ a: \"x\" }").contains("must be bytes"));
        let large = "let x = \"x\"; x.pad(1100000, \"x\"); cluster::config_map(\"c\", #{ data: #{ a: x } })";
        assert!(crate::testing::run(large).error().to_string().contains("1048576 is the most"));
    }
}
