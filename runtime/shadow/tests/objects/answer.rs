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
    /// The answer without the five letters that the server has made up for a name.
    #[must_use]
    pub fn with_plain_name(self, prefix: &str) -> Self {
        let names = [&self.body["metadata"]["name"], &self.body["details"]["name"]];
        let name = names.into_iter().filter_map(Value::as_str).find(|name| !name.is_empty()).unwrap_or_default();
        let made_up = name.char_indices().rev().nth(4).map(|(at, _)| name.split_at(at).1);
        // Where no name was made up, its end is that of the prefix.
        let Some(made_up) = made_up.filter(|end| !prefix.is_empty() && !prefix.ends_with(end)) else { return self };
        let body = self.body.to_string().replace(made_up, "SOME");
        Self { body: serde_json::from_str(&body).unwrap(), ..self }
    }

    pub fn new(code: u16, warnings: Vec<String>, body: &str) -> Self {
        Self { code, warnings, body: serde_json::from_str(body).unwrap_or_else(|_| body.into()) }
    }
}

/// What differs from run to run within texts.
static PATTERNS: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    let patterns = [
        (r"20[23][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](\.[0-9]+)?Z", "TIME"),
        ("kube-api-access-[a-z0-9]{5}", "kube-api-access-SOME"),
        (r"ResourceVersion in record \([0-9]+\)", "VERSION"),
        ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        // Within the text of an object in an error.
        (r#"resourceVersion\\+":\\+"[0-9]+"#, "VERSION"),
    ];
    patterns.map(|(pattern, plain)| (Regex::new(pattern).unwrap(), plain))
});

/// Makes the answers to one case comparable: without what differs from run to run.
#[derive(Default)]
pub struct Normal {
    /// Uids and addresses of the objects in the answers, which show in errors too, and what stands for them.
    own: Vec<(String, &'static str)>,
}

impl Normal {
    pub fn of(&mut self, answer: &Answer) -> Value {
        let mut body = answer.body.clone();
        if let Some(uid) = body["metadata"]["uid"].as_str().filter(|uid| uid.len() == 36) {
            self.own.push((uid.to_owned(), "UID"));
        }
        if let Some(address) = body["spec"]["clusterIP"].as_str().filter(|address| address.starts_with("10.96.")) {
            self.own.push((address.to_owned(), "ALLOCATED"));
        }
        visit(&mut body);
        if body["kind"] == "Service" {
            allocated(&mut body["spec"]);
        }
        without_order(&mut body);
        body.sort_all_objects();
        let answer = json!({"code": answer.code, "warnings": answer.warnings, "body": body});
        let mut text = answer.to_string();
        for (own, plain) in &self.own {
            text = text.replace(own, plain);
        }
        for (pattern, plain) in PATTERNS.iter() {
            text = pattern.replace_all(&text, *plain).into_owned();
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// An error with its causes in a fixed order: the real one takes them from Go's maps, whose order is by chance.
fn without_order(body: &mut Value) {
    let Some(causes) = body.pointer_mut("/details/causes").and_then(Value::as_array_mut) else { return };
    causes.sort_by_key(Value::to_string);
    let text = |cause: &Value, key| cause[key].as_str().unwrap_or_default().to_owned();
    let mut said: Vec<String> =
        causes.iter().map(|cause| text(cause, "field") + ": " + &text(cause, "message")).collect();
    // The longest first: one may be the beginning of another.
    said.sort_by_key(|said| std::cmp::Reverse(said.len()));
    if let Some(Value::String(message)) = body.get_mut("message").filter(|_| said.len() > 1) {
        for said in said {
            *message = message.replace(&said, "CAUSE");
        }
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
        Value::String(text) if text.contains("\n@@ ") => *text = without_difference(text),
        _ => {}
    }
}

/// An error without what differs between two values of Go, which the API server shows by the names of its own types.
fn without_difference(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut said = lines.next().unwrap_or_default().to_owned();
    said.extend(lines.filter(|line| !line.starts_with(['@', ' ', '+', '-'])));
    said
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
