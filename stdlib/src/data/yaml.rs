//! `data::yaml`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive, yaml as reader};

/// Reads a YAML or JSON file that holds one document. A relative path starts at the script's own folder.
///
/// It is read as kubectl reads YAML: `0644` is 420, `yes` is true; a key that stands twice is an error. An empty file is
/// `()`. For manifests there is `manifest::load`.
///
/// # Errors
/// `not_found` if there is no such file; `malformed`, with file and line, if it is no YAML or holds several documents.
///
/// # Example
/// ```rhai
/// let settings = data::yaml("settings.yaml");
/// log::info(settings.region);
/// ```
#[primitive(module = "data", effect = Pure)]
pub fn yaml(call: &Call<'_>, path: String) -> Result<Json> {
    let located = call.locate(&path)?;
    reader::read_one(&located.read_text()?, &located.shown())
}

#[cfg(test)]
mod tests {
    use crate::testing::run;
    use serde_json::json;

    #[test]
    fn yaml_and_json_are_read_and_errors_say_where() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            run(&format!("data::yaml(\"{}/{name}\")", folder.path().display()))
        };
        assert_eq!(read("a.yaml", "mode: 0644\non: [yes, ~]\n").value(), json!({"mode": 420, "true": [true, null]}));
        assert_eq!(read("a.json", "{\"a\": [1, 2.5]}").value(), json!({"a": [1, 2.5]}));
        assert_eq!(read("empty.yaml", "# nothing\n").value(), json!(null));
        for (text, line) in [("a: 1\na: 2\n", 2), ("a: 1\n---\nb: 2\n", 3), ("a: [1\n", 2)] {
            let error = read("bad.yaml", text).error();
            assert_eq!(error["kind"], "malformed");
            let place = error["place"].as_str().unwrap();
            assert!(place.contains(&format!("bad.yaml:{line}")), "{error}");
        }
        let error = run(&format!("data::yaml(\"{}/no.yaml\")", folder.path().display())).error();
        assert_eq!(error["kind"], "not_found");
        assert!(error["hint"].as_str().unwrap().contains("folder of the script"), "{error}");
    }
}
