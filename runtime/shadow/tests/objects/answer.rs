//! Answers, and what differs between two of them.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

/// What an API server answers.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Answer {
    pub code: u16,
    /// The headers.
    pub warnings: Vec<String>,
    pub body: Value,
}

impl Answer {
    pub fn new(code: u16, warnings: Vec<String>, body: &str) -> Self {
        Self { code, warnings, body: serde_json::from_str(body).unwrap_or_else(|_| body.into()) }
    }
}

/// What differs from run to run within texts.
static PATTERNS: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
    let patterns = [
        (r"20[23][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](\.[0-9]+)?Z", "TIME"),
        ("kube-api-access-[a-z0-9]{5}", "kube-api-access-SOME"),
        (r"ResourceVersion in record \([0-9]+\)", "VERSION"),
    ];
    patterns.map(|(pattern, plain)| (Regex::new(pattern).unwrap(), plain))
});

/// Makes the answers to one case comparable: without what differs from run to run.
#[derive(Default)]
pub struct Normal {
    /// Of the objects in the answers, which show in errors too.
    uids: Vec<String>,
    /// Those that came from a `generateName`.
    names: Vec<String>,
}

impl Normal {
    pub fn of(&mut self, answer: &Answer) -> Value {
        let mut body = answer.body.clone();
        if let Some(uid) = body["metadata"]["uid"].as_str().filter(|uid| uid.len() == 36) {
            self.uids.push(uid.to_owned());
        }
        if let (Some(_), Some(name)) = (body["metadata"]["generateName"].as_str(), body["metadata"]["name"].as_str()) {
            self.names.push(name.to_owned());
        }
        visit(&mut body);
        if body["kind"] == "Service" {
            allocated(&mut body["spec"]);
        }
        body.sort_all_objects();
        let answer = json!({"code": answer.code, "warnings": answer.warnings, "body": body});
        let mut text = answer.to_string();
        for (found, plain) in [(&self.uids, "UID"), (&self.names, "GENERATED")] {
            for found in found {
                text = text.replace(found, plain);
            }
        }
        for (pattern, plain) in PATTERNS.iter() {
            text = pattern.replace_all(&text, *plain).into_owned();
        }
        serde_json::from_str(&text).unwrap()
    }
}

fn visit(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(version) = map.get_mut("resourceVersion").filter(|version| version.is_string()) {
                *version = "SOME".into();
            }
            map.values_mut().for_each(visit);
        }
        Value::Array(list) => list.iter_mut().for_each(visit),
        _ => {}
    }
}

/// Addresses and ports that the server chose.
fn allocated(spec: &mut Value) {
    for name in ["clusterIP", "clusterIPs"] {
        if let Some(given) = spec.get_mut(name).filter(|given| **given != "None" && **given != json!(["None"])) {
            *given = "ALLOCATED".into();
        }
    }
    if let Some(port) = spec.get_mut("healthCheckNodePort") {
        *port = 1.into();
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.get_mut("nodePort") {
            *port = 1.into();
        }
    }
}

/// Where two values differ, and how; no more than a few places.
pub fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut found = vec![];
    walk("", ours, theirs, &mut found);
    found.truncate(8);
    found
}

fn walk(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let absent = json!("(absent)");
            for key in keys {
                let of = |map: &'_ serde_json::Map<String, Value>| map.get(key).unwrap_or(&absent).clone();
                walk(&format!("{path}/{key}"), &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                walk(&format!("{path}/{at}"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("  {path}\n    ours:   {ours}\n    theirs: {theirs}\n")),
    }
}
