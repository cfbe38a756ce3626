//! What is sent: the documents of the YAML files in this folder, and those of the example solution.
//!
//! A document is an object that is created as a dry run. With `changes` (merge patches) or `requests`, it is really created,
//! and each of those is sent to it, as a dry run. A request is a map:
//! `{verb: PATCH, at: status, as: merge, query: fieldValidation=Strict, body: …}`, of which all but the body has a default; a
//! body that is a text is sent as it is. A document `{values: […], objects: […]}` is as many objects as there are pairs: each
//! value takes the place of each `$`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::answer::Answer;
use super::{Answers, folder};

const NAMESPACE: &str = "oracle";

/// Sends a request: method, path, headers, body.
pub type Send<'a> = &'a dyn Fn(&str, &str, &[(&str, &str)], &str) -> Answer;

/// An API server and what it has said about its kinds.
pub struct Session<'a> {
    send: Send<'a>,
    /// The resources of `v1`, `apps/v1`, …
    resources: RefCell<BTreeMap<String, Value>>,
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    // What is in a chart is no YAML before Helm has rendered it.
    if folder.join("Chart.yaml").exists() {
        return found;
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(manifests(&path));
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    serde_yaml::from_multiple::<Value>(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// All documents, by file and place in it.
fn cases() -> Vec<(String, Value)> {
    let mut files = manifests(&folder());
    files.retain(|file| !file.ends_with("setup.yaml"));
    files.extend(manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/solution")));
    let mut cases = vec![];
    for file in files {
        let stem = file.file_stem().unwrap().to_string_lossy();
        let place = file.parent().unwrap().file_name().unwrap().to_string_lossy();
        for (at, document) in read(&file).into_iter().enumerate() {
            let name = format!("{place}/{stem}#{at}");
            match (document["values"].as_array(), document["objects"].as_array()) {
                (Some(values), Some(objects)) => {
                    let pairs = objects.iter().enumerate().flat_map(|o| values.iter().enumerate().map(move |v| (o, v)));
                    let pair = |((o, object), (v, value))| (format!("{name}.{o}.{v}"), filled(object, value));
                    cases.extend(pairs.map(pair));
                }
                _ if document["kind"].is_string() => cases.push((name, document)),
                _ => {}
            }
        }
    }
    cases
}

fn filled(part: &Value, value: &Value) -> Value {
    match part {
        Value::String(text) if text == "$" => value.clone(),
        Value::Array(items) => items.iter().map(|item| filled(item, value)).collect(),
        Value::Object(map) => {
            let key = |key: &String| value.as_str().filter(|_| key == "$").unwrap_or(key).to_owned();
            map.iter().map(|(name, part)| (key(name), filled(part, value))).collect()
        }
        other => other.clone(),
    }
}

impl<'a> Session<'a> {
    pub fn new(send: Send<'a>) -> Self {
        Self { send, resources: RefCell::default() }
    }

    /// Sets up what has to be there, and sends all cases.
    pub fn run(&self) -> Answers {
        for mut object in read(&folder().join("setup.yaml")) {
            let path = self.path(&object).unwrap();
            let status = object.as_object_mut().unwrap().shift_remove("status");
            let mut made = self.send("POST", &path, "application/json", &object.to_string());
            assert_eq!(made.code, 201, "{object}: {}", made.body);
            if let Some(status) = status {
                made.body["status"] = status;
                let path = format!("{path}/{}/status", made.body["metadata"]["name"].as_str().unwrap());
                let set = self.send("PUT", &path, "application/json", &made.body.to_string());
                assert_eq!(set.code, 200, "{}", set.body);
            }
        }
        self.send("DELETE", "/api/v1/namespaces/oracle-ending", "application/json", "");
        cases().into_iter().filter_map(|(name, case)| Some((name, self.case(case)?))).collect()
    }

    /// The answers to a case; nothing for a kind that is not known.
    fn case(&self, mut case: Value) -> Option<Vec<Answer>> {
        let mut take = |key| case.as_object_mut()?.shift_remove(key);
        let changes = take("changes").unwrap_or(json!([]));
        let requests = take("requests").unwrap_or(json!([]));
        let path = self.path(&case)?;
        let namespaced = path.contains("/namespaces/");
        if let Some(namespace) = case.pointer_mut("/metadata/namespace").filter(|_| namespaced) {
            *namespace = path.split('/').rev().nth(1).unwrap().into();
        }
        let changes = changes.as_array().unwrap().iter().map(|body| json!({ "body": body }));
        let requests: Vec<Value> = changes.chain(requests.as_array().unwrap().iter().cloned()).collect();
        let real = !requests.is_empty();
        let query = if real { "" } else { "?dryRun=All" };
        let created = self.send("POST", &format!("{path}{query}"), "application/json", &case.to_string());
        let name = created.body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        assert!(!real || created.code == 201, "{case}: {}", created.body);
        let prefix = case["metadata"]["generateName"].as_str().unwrap_or_default();
        let mut answers = vec![created.with_plain_name(prefix)];
        answers.extend(requests.iter().map(|request| self.request(&format!("{path}/{name}"), request)));
        Some(answers)
    }

    fn request(&self, object: &str, request: &Value) -> Answer {
        let text = |key: &str, default: &str| request[key].as_str().unwrap_or(default).to_owned();
        let (verb, at) = (text("verb", "PATCH"), text("at", ""));
        let content_type = match &*text("as", if verb == "PATCH" { "merge" } else { "json" }) {
            "merge" => "application/merge-patch+json",
            "strategic" => "application/strategic-merge-patch+json",
            "operations" => "application/json-patch+json",
            "apply" => "application/apply-patch+yaml",
            _ => "application/json",
        };
        let mut path = if at.is_empty() { object.to_owned() } else { format!("{object}/{at}") };
        let mut query = vec![text("query", "")];
        query.push("dryRun=All".to_owned());
        query.retain(|part| !part.is_empty());
        if !query.is_empty() && verb != "GET" {
            path += &format!("?{}", query.join("&"));
        }
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(raw) => raw.clone(),
            body => body.to_string(),
        };
        self.send(&verb, &path, content_type, &body)
    }

    fn send(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        let headers = [("Content-Type", content_type), ("Accept", "application/json"), ("User-Agent", "oracle/1")];
        (self.send)(method, path, &headers, body)
    }

    /// The path of an object's collection, in a namespace of ours; nothing if the kind is not known.
    fn path(&self, object: &Value) -> Option<String> {
        let version = object["apiVersion"].as_str()?;
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let mut known = self.resources.borrow_mut();
        let list = known
            .entry(version.to_owned())
            .or_insert_with(|| self.send("GET", &root, "", "").body["resources"].clone());
        let of_kind = |resource: &&Value| {
            resource["kind"] == object["kind"] && !resource["name"].as_str().is_some_and(|name| name.contains('/'))
        };
        let resource = list.as_array()?.iter().find(of_kind)?;
        let plural = resource["name"].as_str()?;
        if resource["namespaced"] != true {
            return Some(format!("{root}/{plural}"));
        }
        let own = object["metadata"]["namespace"].as_str().filter(|name| name.starts_with(NAMESPACE));
        Some(format!("{root}/namespaces/{}/{plural}", own.unwrap_or(NAMESPACE)))
    }
}
