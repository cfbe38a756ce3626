//! The same cases on the real API server: its answers against those of this crate. With `WINDLASS_RECORD=1`, they are
//! written down for the tests that run without it.

use std::collections::BTreeMap;

use serde_json::json;
use windlass_testbed::Testbed;

use super::tests::{Answers, Case, accepted, cases, complete, complete_object, differences};
use crate::{Json, object};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

#[test]
fn answers_are_the_same() {
    let Some(bed) = windlass_testbed::shared() else { return };
    let mut answers = Answers::new();
    let mut differ = Vec::new();
    for (file, cases) in cases() {
        for case in &cases {
            let said = ask(bed, case);
            differ.extend(differences(case, &said));
            answers.insert(format!("{file}/{}", case.name), said);
        }
    }
    if std::env::var_os("WINDLASS_RECORD").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/crd/tests/cases/answers.json");
        std::fs::write(path, serde_json::to_string_pretty(&answers).unwrap() + "\n").unwrap();
    }
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ.join("\n"));
}

fn ask(bed: &Testbed, case: &Case) -> BTreeMap<String, Json> {
    let definition = complete(case);
    let mut said = BTreeMap::new();
    let (code, created, warnings) = request(bed, "POST", DEFINITIONS, &definition);
    if code != 201 {
        said.insert(String::new(), refusal(&created));
        return said;
    }
    let path = format!("{DEFINITIONS}/{}", object::name(&created));
    let established = established(bed, &path);
    said.insert(String::new(), accepted(&established, warnings));
    let text = |path| object::text(&definition, path).unwrap();
    let plural = text("/spec/names/plural");
    let objects = format!("/apis/{}/{}/{plural}", text("/spec/group"), text("/spec/versions/0/name"));
    while !case.objects.is_empty() && request(bed, "GET", &objects, &Json::Null).0 != 200 {}
    for tried in &case.objects {
        said.insert(tried.name.clone(), write(bed, &definition, &objects, tried));
    }
    request(bed, "DELETE", &path, &Json::Null);
    while request(bed, "GET", &path, &Json::Null).0 != 404 {}
    said
}

fn write(bed: &Testbed, definition: &Json, objects: &str, tried: &super::tests::Tried) -> Json {
    let mut new = complete_object(definition, &tried.object);
    let Some(old) = &tried.old else {
        let (_, created, warnings) = request(bed, "POST", &format!("{objects}?dryRun=All"), &new);
        return answer(&created, warnings);
    };
    let old = complete_object(definition, old);
    let (code, created, _) = request(bed, "POST", objects, &old);
    assert_eq!(code, 201, "{created}");
    let version = created.pointer("/metadata/resourceVersion").cloned().unwrap();
    new.pointer_mut("/metadata").unwrap().as_object_mut().unwrap().insert("resourceVersion".into(), version);
    let slash = if tried.subresource.is_empty() { String::new() } else { format!("/{}", tried.subresource) };
    let (_, updated, warnings) = request(bed, "PUT", &format!("{objects}/it{slash}?dryRun=All"), &new);
    request(bed, "DELETE", &format!("{objects}/it"), &Json::Null);
    answer(&updated, warnings)
}

fn answer(body: &Json, warnings: Vec<String>) -> Json {
    if body["kind"] == "Status" { refusal(body) } else { accepted(body, warnings) }
}

fn refusal(status: &Json) -> Json {
    let causes = status.pointer("/details/causes").and_then(Json::as_array).cloned().unwrap_or_default();
    if causes.is_empty() {
        return json!({"message": status["message"]});
    }
    let mut said: Vec<Json> = causes.iter().map(|c| json!([c["field"], c["reason"], c["message"]])).collect();
    said.sort_by_key(Json::to_string);
    json!({"causes": said})
}

fn established(bed: &Testbed, path: &str) -> Json {
    loop {
        let (_, definition, _) = request(bed, "GET", path, &Json::Null);
        if super::status::is_true(&definition, "Established") || super::status::names_refused(&definition) {
            return definition;
        }
    }
}

fn request(bed: &Testbed, method: &str, path: &str, body: &Json) -> (u16, Json, Vec<String>) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("Accept", "application/json"), ("Content-Type", "application/json")];
    let answer = bed.ask(method, path, &headers, &body).unwrap();
    let warnings = answer.head.lines().filter_map(|line| line.strip_prefix("Warning: 299 - "));
    let warnings = warnings.filter_map(|text| serde_json::from_str(text).ok()).collect();
    (answer.code, serde_json::from_str(&answer.body).unwrap_or_default(), warnings)
}
