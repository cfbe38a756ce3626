//! What cannot be equal on two clusters, made equal: uids, versions, times, generated names, allocated addresses.
//!
//! What can be told from them stays: whether two uids are the same, whether a write gave an object a new version. The causes
//! of a refusal are sorted: the real server finds many of them by going through maps, which Go does in any order.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use serde_json::Map;

use crate::Json;
use crate::cluster::Answer;

/// An answer as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Masked {
    /// The HTTP code.
    pub code: u16,
    /// The headers that clients look at.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub body: Json,
}

/// The headers that clients look at.
const HEADERS: [&str; 3] = ["content-type", "retry-after", "warning"];

/// What one cluster has told in one case.
#[derive(Debug, Default)]
pub struct Mask {
    /// What each uid is of.
    uids: BTreeMap<String, String>,
    /// How many objects there were of each name.
    lives: BTreeMap<String, usize>,
    /// The versions of each object, in the order in which they were seen.
    versions: BTreeMap<String, Vec<String>>,
    /// Generated names, and what they are called here.
    names: Vec<(String, String)>,
    /// What names begin with that are generated, and told of in refusals only.
    prefixes: Vec<Regex>,
}

static UID: LazyLock<Regex> = LazyLock::new(|| regex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| regex(r"\b10\.96\.\d+\.\d+\b"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"((?i:resource ?version)(s?:? | in record \(|\\*"?[=:] ?\\*"?)|current: )\d+( \(\d+\))?"#)
});
/// Ports of nodes, in a table.
static PORT: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(\d+):3[0-2]\d{3}/"));
/// Where a server listens.
static HOST: LazyLock<Regex> = LazyLock::new(|| regex(r"^127\.0\.0\.1:\d+$"));
/// The volume with the token of a pod's ServiceAccount.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| regex("kube-api-access-[a-z0-9]{5}"));
static AGE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(\d+[smhdy])+$"));

#[expect(clippy::unwrap_used, reason = "the expressions stand above, and each test needs them")]
fn regex(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

impl Mask {
    /// An answer without what cannot be equal.
    pub fn answer(&mut self, answer: &Answer) -> Masked {
        self.learn(&answer.body);
        let header = |name: &str| {
            let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.map(|value| self.text(value)).collect::<Vec<_>>()
        };
        let headers = HEADERS.iter().map(|name| ((*name).to_owned(), header(name)));
        let headers = headers.filter(|(_, values)| !values.is_empty()).collect();
        Masked { code: answer.code, headers, body: self.value("", &answer.body) }
    }

    /// Remembers that the name of the object in this request is generated.
    pub fn generates(&mut self, body: &str) {
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        if let Some(prefix) = body.pointer("/metadata/generateName").and_then(Json::as_str) {
            self.prefixes.push(regex(&format!("{}[bcdfghjklmnpqrstvwxz2-9]{{5}}\\b", regex::escape(prefix))));
        }
    }

    /// Remembers the objects in this.
    fn learn(&mut self, value: &Json) {
        match value {
            Json::Array(list) => list.iter().for_each(|item| self.learn(item)),
            Json::Object(fields) => {
                if let Some(Json::Object(metadata)) = fields.get("metadata") {
                    self.learn_object(metadata);
                }
                fields.values().for_each(|value| self.learn(value));
            }
            _ => {}
        }
    }

    fn learn_object(&mut self, metadata: &Map<String, Json>) {
        let text = |key: &str| metadata.get(key).and_then(Json::as_str).unwrap_or_default();
        let (name, uid) = (text("name"), text("uid"));
        let prefix = text("generateName");
        if !prefix.is_empty() && name.starts_with(prefix) && !self.names.iter().any(|(known, _)| known == name) {
            let like = self.names.iter().filter(|(known, _)| known.starts_with(prefix)).count();
            self.names.push((name.to_owned(), format!("{prefix}<generated {}>", like + 1)));
        }
        if uid.is_empty() {
            return;
        }
        if !self.uids.contains_key(uid) {
            let name = self.text(name);
            let lives = self.lives.entry(name.clone()).or_default();
            *lives += 1;
            self.uids.insert(uid.to_owned(), format!("<uid {lives} of {name}>"));
        }
        let version = text("resourceVersion");
        let seen = self.versions.entry(uid.to_owned()).or_default();
        if !version.is_empty() && !seen.iter().any(|known| known == version) {
            seen.push(version.to_owned());
        }
    }

    fn value(&self, key: &str, value: &Json) -> Json {
        match value {
            Json::String(text) if key == "uid" && UID.is_match(text) => {
                self.uids.get(text).map_or_else(|| "<uid>".into(), |name| name.as_str().into())
            }
            Json::String(text) if key == "continue" && !text.is_empty() => "<continue>".into(),
            Json::String(text) => self.text(text).into(),
            Json::Number(port) if matches!(key, "nodePort" | "healthCheckNodePort") && port.as_i64() >= Some(30000) => {
                "<port>".into()
            }
            Json::Array(list) => {
                let mut list: Vec<Json> = list.iter().map(|item| self.value("", item)).collect();
                if key == "managedFields" {
                    // Their order goes by their times.
                    list.sort_by_key(entry);
                }
                Json::Array(list)
            }
            Json::Object(fields) => self.object(key, fields),
            other => other.clone(),
        }
    }

    fn object(&self, key: &str, fields: &Map<String, Json>) -> Json {
        let mut masked = Map::new();
        for (name, value) in fields {
            let value = match value {
                Json::String(version) if name == "resourceVersion" && key == "metadata" => {
                    self.version(fields, version)
                }
                other => self.value(name, other),
            };
            masked.insert(name.clone(), value);
        }
        mask_ages(&mut masked);
        sort_causes(&mut masked);
        sort_errors(&mut masked);
        Json::Object(masked)
    }

    /// A version, as the how manieth of its object it is.
    fn version(&self, metadata: &Map<String, Json>, version: &str) -> Json {
        if matches!(version, "" | "0") {
            return version.into();
        }
        let uid = metadata.get("uid").and_then(Json::as_str).unwrap_or_default();
        let place = self.versions.get(uid).and_then(|seen| seen.iter().position(|known| known == version));
        place.map_or_else(|| "<version>".into(), |place| format!("<version {}>", place + 1).into())
    }

    fn text(&self, text: &str) -> String {
        let mut text = sort_quoted(text);
        for (name, called) in &self.names {
            text = text.replace(name.as_str(), called);
        }
        let text = UID.replace_all(&text, |found: &Captures<'_>| {
            self.uids.get(&found[0]).cloned().unwrap_or_else(|| "<uid>".into())
        });
        let text = TIME.replace_all(&text, |found: &Captures<'_>| time(&found[0]));
        let text = self
            .prefixes
            .iter()
            .fold(text, |text, prefix| prefix.replace_all(&text, "<generated>").into_owned().into());
        let text = HOST.replace_all(&text, "<host>");
        let text = TOKEN.replace_all(&text, "kube-api-access-<generated>");
        let text = PORT.replace_all(&text, "$1:<port>/");
        let text = ADDRESS.replace_all(&text, "<address>");
        VERSION.replace_all(&text, "${1}<version>").into_owned()
    }
}

/// Times around now are masked, but for their form; others are part of a case.
fn time(text: &str) -> String {
    let recent = text.parse::<Timestamp>().is_ok_and(|time| {
        let distance = Timestamp::now().duration_since(time);
        distance.abs() < SignedDuration::from_hours(30)
    });
    if !recent {
        return text.to_owned();
    }
    match text.split_once('.') {
        Some((_, fraction)) => format!("<time with {} digits>", fraction.chars().filter(char::is_ascii_digit).count()),
        None => "<time>".into(),
    }
}

/// Puts the managedFields of an object that a refusal quotes in order, as those of an answer are.
fn sort_quoted(text: &str) -> String {
    let quotes = text.match_indices("\"{").filter_map(|(start, _)| {
        let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<String>();
        let quoted = stream.next()?.ok().filter(|quoted| quoted.contains("managedFields"))?;
        Some((start..start + stream.byte_offset(), serde_json::from_str::<Json>(&quoted).ok()?))
    });
    let (mut sorted, mut rest) = (String::new(), 0);
    for (place, mut object) in quotes {
        if let Some(Json::Array(list)) = object.pointer_mut("/metadata/managedFields") {
            list.sort_by_key(entry);
        }
        sorted += &text[rest..place.start];
        sorted += &Json::from(object.to_string()).to_string();
        rest = place.end;
    }
    sorted + &text[rest..]
}

/// What an entry of managedFields goes by, times apart.
fn entry(entry: &Json) -> String {
    let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default();
    [text("operation"), text("manager"), text("subresource"), text("apiVersion")].join(" ")
}

/// In a table, how long ago something was. Tables in a watch do not name their columns again.
fn mask_ages(table: &mut Map<String, Json>) {
    let columns = table.get("columnDefinitions").and_then(Json::as_array).cloned().unwrap_or_default();
    let Some(rows) = table.get_mut("rows").and_then(Json::as_array_mut) else { return };
    for row in rows {
        let cells = row.get_mut("cells").and_then(Json::as_array_mut).into_iter().flatten();
        for (cell, column) in cells.zip(columns.iter().chain(std::iter::repeat(&Json::Null))) {
            let named = column.get("name").and_then(Json::as_str).unwrap_or_default();
            let ages = ["", "Age", "Last Schedule", "Last Seen", "First Seen", "Duration"].contains(&named);
            if ages && cell.as_str().is_some_and(|text| AGE.is_match(text)) {
                *cell = "<age>".into();
            }
        }
    }
}

/// Puts the causes of a refusal, and what the message says of them, in order.
fn sort_causes(status: &mut Map<String, Json>) {
    let causes = status.get_mut("details").and_then(|details| details.get_mut("causes")).and_then(Json::as_array_mut);
    let Some(causes) = causes.filter(|causes| causes.len() > 1) else { return };
    let text = |cause: &Json, key: &str| cause.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    causes.sort_by_key(|cause| (text(cause, "field"), text(cause, "message")));
    let message = status.get("message").and_then(Json::as_str).unwrap_or_default();
    if let Some((before, said)) = message.split_once(" is invalid: [") {
        let mut said: Vec<&str> = said.trim_end_matches(']').split(", ").collect();
        said.sort_unstable();
        let message = format!("{before} is invalid: [{}]", said.join(", "));
        status.insert("message".into(), message.into());
    }
}

/// Puts what is wrong with an applied configuration in order, one fault a line. The real server goes through maps, and no
/// further in one of them after a field that is not declared: what else is told with such a one is left to chance.
fn sort_errors(status: &mut Map<String, Json>) {
    const UNKNOWN: &str = ": field not declared in schema";
    let message = status.get("message").and_then(Json::as_str).unwrap_or_default();
    let Some((before, said)) =
        message.split_once("errors:\n").or_else(|| message.strip_suffix(UNKNOWN)?.rsplit_once("): "))
    else {
        return;
    };
    let message = if message.contains(UNKNOWN) {
        format!("{}): <a field not declared in schema, and others>", before.trim_end_matches("): "))
    } else {
        let mut said: Vec<&str> = said.split('\n').collect();
        said.sort_unstable();
        format!("{before}errors:\n{}", said.join("\n"))
    };
    status.insert("message".into(), message.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(mask: &mut Mask, body: Json) -> Json {
        mask.answer(&Answer { code: 200, headers: http::HeaderMap::new(), body }).body
    }

    fn object(name: &str, uid: char, version: &str) -> Json {
        let uid = format!("{0}-{1}-{1}-{1}-{2}", uid.to_string().repeat(8), "0000", "0".repeat(12));
        json!({"metadata": {"name": name, "uid": uid, "resourceVersion": version}})
    }

    #[test]
    fn versions_and_uids_keep_what_they_tell() {
        let mut mask = Mask::default();
        let first = masked(&mut mask, object("a", '1', "101"));
        assert_eq!(first, json!({"metadata": {"name": "a", "uid": "<uid 1 of a>", "resourceVersion": "<version 1>"}}));
        assert_eq!(masked(&mut mask, object("a", '1', "101")), first);
        assert_eq!(masked(&mut mask, object("a", '1', "109"))["metadata"]["resourceVersion"], "<version 2>");
        assert_eq!(masked(&mut mask, object("a", '2', "120"))["metadata"]["uid"], "<uid 2 of a>");
    }

    #[test]
    fn only_times_around_now_are_masked() {
        let mut mask = Mask::default();
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let old = "2001-02-03T04:05:06Z";
        assert_eq!(masked(&mut mask, json!([now, old])), json!(["<time>", old]));
    }

    #[test]
    fn an_object_that_is_quoted_has_its_managed_fields_in_order() {
        let mut mask = Mask::default();
        let said = |managers: [&str; 2]| {
            let fields = managers.map(|manager| json!({"manager": manager, "operation": "Update"}));
            let quoted = json!(json!({"a \"b\"": 1, "metadata": {"name": "web", "managedFields": fields}}).to_string());
            json!({"message": format!(" \"\" is invalid: patch: Invalid value: {quoted}: no kind \"Pod\" {{")})
        };
        let (one, other) = (said(["a", "b"]), said(["b", "a"]));
        assert_eq!(masked(&mut mask, one.clone()), one);
        assert_eq!(masked(&mut mask, other), one);
    }

    #[test]
    fn faults_are_in_order() {
        let mut mask = Mask::default();
        let status = |said: &str| json!({"message": format!("failed to create typed patch object: errors:\n{said}")});
        assert_eq!(masked(&mut mask, status("  .b: y\n  .a: x")), status("  .a: x\n  .b: y"));
        let (some, one) = ("errors:\n  .a: x\n  .b: field not declared in schema", ".b: field not declared in schema");
        let status = |said: &str| json!({"message": format!("no patch object (/a; v1, Kind=Pod): {said}")});
        assert_eq!(masked(&mut mask, status(some)), masked(&mut mask, status(one)));
    }

    #[test]
    fn generated_names_are_numbered() {
        let mut mask = Mask::default();
        let body = json!({"metadata": {"name": "web-x1y2z", "generateName": "web-"}, "said": "web-x1y2z is there"});
        assert_eq!(masked(&mut mask, body)["said"], "web-<generated 1> is there");
    }
}
