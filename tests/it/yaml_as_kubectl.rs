//! YAML is read as kubectl reads it: the same files by both, compared.

use std::path::Path;

use serde_json::Value as Json;
use windlass_support::{Bed, on};

#[on(live, because = "kubectl is what it is compared with")]
fn manifests_read_as_kubectl_reads_them(bed: Bed) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/yaml");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let arguments = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", name.as_str()];
        let theirs = bed.testbed().unwrap().kubectl_ok(&arguments, "").unwrap_or_else(|e| panic!("{name}: {e}"));
        let theirs: Vec<Json> =
            serde_json::Deserializer::from_str(&theirs).into_iter().collect::<Result<_, _>>().unwrap();
        let theirs: Vec<Json> = theirs
            .into_iter()
            .flat_map(|o| match o.get("items") {
                Some(Json::Array(items)) if o["kind"] == "List" => items.clone(),
                _ => vec![o],
            })
            .map(placed)
            .collect();
        let ours = windlass_runtime::yaml::read_file(&file).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let ours: Vec<Json> = ours.into_iter().map(|d| placed(d.value)).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

/// kubectl writes the namespace in.
fn placed(mut object: Json) -> Json {
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.remove("namespace");
    }
    object
}

#[on(live, because = "kubectl is what it is compared with")]
fn what_is_written_reads_back_equal_in_kubectl(bed: Bed) {
    let texts = [
        "yes",
        "0644",
        "1e3",
        "null",
        "~",
        "",
        " x",
        "x ",
        "a: b",
        "#c",
        "- d",
        "é\u{2028}",
        "line\nline\n",
        "\ttab",
        "'",
        "\"",
        "1_000",
        "0x1f",
        "2024-01-01",
        "12:30",
        "{}",
        "[]",
        "*a",
        "&a",
        "!t",
        "%d",
        "@e",
        "`f",
        "|",
        ">",
        "?",
        ":",
        ",",
        ".inf",
        "<<",
        "=",
        "\u{0}",
        "\u{7f}",
        "\u{feff}x",
    ];
    let data: serde_json::Map<String, Json> =
        texts.iter().enumerate().map(|(i, t)| (format!("k{i}"), Json::from(*t))).collect();
    let object =
        serde_json::json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "x" }, "data": data });
    let text = windlass_runtime::yaml::write(&object).unwrap();
    let read = bed
        .testbed()
        .unwrap()
        .kubectl_ok(&["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"], &text)
        .unwrap();
    let read: Json = serde_json::from_str(&read).unwrap();
    assert_eq!(read["data"], object["data"], "{text}");
}
