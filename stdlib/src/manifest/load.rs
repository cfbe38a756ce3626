//! `manifest::load`.

use serde_json::Value as Json;
use windlass_runtime::files::Located;
use windlass_runtime::{Call, Error, Kind, Place, Result, primitive, yaml};

/// The endings of files with manifests.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Reads manifests from a file, or from the files `*.yaml`, `*.yml` and `*.json` of a folder, in the order of their names.
///
/// A relative path starts at the script's own folder; folders inside a folder are not looked into. A file may hold several
/// documents, and a `List` gives its items. The result is a plain list of maps. YAML means what it means to kubectl, but a
/// key that stands twice is an error.
///
/// # Errors
/// `not_found` if the path does not exist, or the folder has no such file. `malformed`, with file and line, for what is no
/// YAML or no object with `apiVersion`, `kind` and `metadata.name`. An object with `generateName` is refused, because each
/// run would make another one.
///
/// # Example
/// ```rhai
/// let all = manifest::load("manifests");
/// let web = manifest::load("manifests/web.yaml")
///     .replace_text("devops[0-9]*[.]ef[.]com", "cx.example.com")
///     .node_affinity(#{ site: "primary" }, #{ weight: 50 });
/// ```
#[primitive(module = "manifest", effect = Pure)]
pub fn load(call: &Call<'_>, path: String) -> Result<Vec<Json>> {
    read(&call.locate(&path)?)
}

/// Reads the manifests of a file or folder.
///
/// # Errors
/// As [`load`].
pub fn read(located: &Located) -> Result<Vec<Json>> {
    let mut objects = Vec::new();
    if located.is_folder() {
        let is_manifest = |file: &Located| ENDINGS.iter().any(|e| file.name().ends_with(e)) && !file.is_folder();
        let files: Vec<Located> = located.list()?.into_iter().filter(is_manifest).collect();
        if files.is_empty() {
            return Err(Error::new(Kind::NotFound, format!("{} has no manifests", located.shown()))
                .hint("manifests are files that end in .yaml, .yml or .json; folders inside it are not looked into")
                .resource(located.shown()));
        }
        for file in files {
            read_file(&file, &mut objects)?;
        }
    } else {
        read_file(located, &mut objects)?;
    }
    if objects.is_empty() {
        return Err(Error::new(Kind::Malformed, format!("{} holds no object", located.shown()))
            .hint("all of it is empty or commented out"));
    }
    Ok(objects)
}

fn read_file(file: &Located, objects: &mut Vec<Json>) -> Result<()> {
    let source = file.shown();
    for document in yaml::read(&file.read_text()?, &source)? {
        let place = Place { source: source.clone(), line: document.line, column: 0 };
        take(document.value, objects).map_err(|e| e.at(place))?;
    }
    Ok(())
}

/// Takes an object, or the items of a list.
fn take(value: Json, objects: &mut Vec<Json>) -> Result<()> {
    let Json::Object(mut object) = value else {
        return Err(malformed("a document is no map", "a manifest is a map with apiVersion, kind and metadata"));
    };
    let text = |key: &str| match object.get(key) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Json::Null) | None => {
            Err(malformed(&format!("`{key}` is missing"), "a manifest has apiVersion, kind and metadata.name"))
        }
        Some(_) => Err(malformed(&format!("`{key}` is no text"), "put quotes around it")),
    };
    let (_, kind) = (text("apiVersion")?, text("kind")?);
    if kind.ends_with("List") && object.get("items").is_some_and(Json::is_array) {
        let Some(Json::Array(items)) = object.remove("items") else { return Ok(()) };
        for (index, item) in items.into_iter().enumerate() {
            take(item, objects).map_err(|e| e.context(format!("item {index} of the {kind}")))?;
        }
        return Ok(());
    }
    check_name(object.get("metadata"), &kind)?;
    objects.push(Json::Object(object));
    Ok(())
}

fn check_name(metadata: Option<&Json>, kind: &str) -> Result<()> {
    let field = |key: &str| metadata.and_then(|m| m.get(key)).filter(|v| !v.is_null());
    match field("name") {
        Some(Json::String(name)) if !name.is_empty() => Ok(()),
        Some(Json::String(_)) | None if field("generateName").is_some() => Err(malformed(
            &format!("a {kind} with generateName"),
            "give it a metadata.name: each run would make another one",
        )),
        Some(Json::String(_)) | None => Err(malformed(
            &format!("a {kind} without metadata.name"),
            "see that `metadata:` is there and that `name:` is indented below it",
        )),
        Some(_) => Err(malformed(&format!("the metadata.name of a {kind} is no text"), "put quotes around it")),
    }
}

fn malformed(what: &str, hint: &str) -> Error {
    Error::new(Kind::Malformed, what).hint(hint)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Ran, run};

    fn load(files: &[(&str, &str)], path: &str) -> Ran {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        run(&format!(
            "manifest::load(\"{}/{path}\").map(|m| `${{m.kind}}/${{m.metadata.name}}`)",
            folder.path().display()
        ))
    }

    fn object(kind: &str, name: &str) -> String {
        format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {name}\n")
    }

    #[test]
    fn a_folder_gives_its_files_by_name_and_nothing_below() {
        let files = [
            ("b.yml", object("Service", "b")),
            ("a.yaml", format!("# head\n---\n{}---\n---\n{}", object("ConfigMap", "a1"), object("ConfigMap", "a2"))),
            ("c.json", json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c"}}).to_string()),
            ("d.yaml", "# nothing but a comment\n".to_owned()),
            ("README.md", "no manifest".to_owned()),
            (".hidden.yaml", "no: manifest".to_owned()),
            ("below/e.yaml", object("Pod", "e")),
            ("z.yaml/f.txt", "a folder that looks like a file".to_owned()),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        assert_eq!(load(&files, "").value(), json!(["ConfigMap/a1", "ConfigMap/a2", "Service/b", "Secret/c"]));
        assert_eq!(load(&files, "below/e.yaml").value(), json!(["Pod/e"]));
    }

    #[test]
    fn lists_are_opened_also_inside_lists() {
        let inner = json!({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}}]});
        let pods = json!({"apiVersion": "v1", "kind": "PodList", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, inner]});
        assert_eq!(load(&[("x.json", &pods.to_string())], "x.json").value(), json!(["Pod/a", "Pod/b"]));
    }

    #[test]
    fn what_is_no_manifest_is_named_with_file_and_line() {
        let good = object("ConfigMap", "good");
        for (text, message, line) in [
            ("- a\n", "a document is no map", 1),
            ("kind: Pod\nmetadata: {name: a}\n", "`apiVersion` is missing", 1),
            ("apiVersion: 1\nkind: Pod\nmetadata: {name: a}\n", "`apiVersion` is no text", 1),
            ("apiVersion: v1\nmetadata: {name: a}\n", "`kind` is missing", 1),
            ("apiVersion: v1\nkind: Pod\n", "a Pod without metadata.name", 1),
            ("apiVersion: v1\nkind: Pod\nmetadata:\nname: a\n", "a Pod without metadata.name", 1),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: 12}\n", "the metadata.name of a Pod is no text", 1),
            ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "a Pod with generateName", 1),
            ("apiVersion: v1\nkind: List\nitems: [{}]\n", "item 0 of the List: `apiVersion` is missing", 1),
            ("a: b\na: c\n", "the key \"a\" stands twice", 2),
        ] {
            let error = load(&[("x.yaml", &format!("{good}---\n{text}"))], "").error();
            assert_eq!(error["kind"], "malformed", "{text}");
            assert!(error["message"].as_str().unwrap().contains(message), "{text}: {error}");
            assert!(error["place"].as_str().unwrap().contains(&format!("x.yaml:{}", 5 + line)), "{text}: {error}");
            assert!(error["hint"].is_string());
        }
    }

    #[test]
    fn nothing_to_load_is_an_error() {
        for (files, path, kind, message) in [
            (&[("a.txt", "")][..], "", "not_found", "has no manifests"),
            (&[][..], "", "not_found", "has no manifests"),
            (&[("a.yaml", "# no\n")][..], "", "malformed", "holds no object"),
            (&[("a.yaml", "")][..], "a.yaml", "malformed", "holds no object"),
            (&[][..], "nowhere", "not_found", "does not exist"),
        ] {
            let error = load(files, path).error();
            assert_eq!(error["kind"], kind);
            assert!(error["message"].as_str().unwrap().contains(message), "{error}");
            assert!(error["hint"].is_string(), "{error}");
        }
    }
}
