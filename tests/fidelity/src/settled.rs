//! What a cluster has come to when it is quiet, made comparable: all objects of a namespace, what controllers say of them,
//! and the Events, without what is left to chance or to the simulated kubelets.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::{Map, json};

use crate::case::Step;
use crate::cluster::{Cluster, Sent};
use crate::mirror::Mirror;
use crate::{Error, Json};

/// How long nothing may have changed for a cluster to be quiet.
const QUIET: Duration = Duration::from_millis(2000);
const PATIENCE: Duration = Duration::from_secs(60);
/// How long changes are collected before they are looked at.
const BREATH: Duration = Duration::from_millis(100);

/// A cluster in the course of one case.
pub struct Side<'a> {
    cluster: &'a Cluster,
    mirror: &'a Mirror,
    namespace: String,
    /// Whether nothing else goes on: only then it is compared how nodes are, and how pods are spread over them.
    alone: bool,
}

impl<'a> Side<'a> {
    /// Makes the namespace, and waits until pods can be made in it.
    ///
    /// # Errors
    /// If the cluster does not answer, or the account does not come.
    pub async fn begin(cluster: &'a Cluster, mirror: &'a Mirror, namespace: &str, alone: bool) -> Result<Self, Error> {
        let side = Self { cluster, mirror, namespace: namespace.to_owned(), alone };
        let body = json!({"metadata": {"name": namespace}}).to_string();
        side.send("POST", "/api/v1/namespaces", "application/json", &body).await?;
        side.expect(&Step { send: "EXPECT ServiceAccount default".into(), ..Step::default() }).await?;
        Ok(side)
    }

    async fn send(&self, method: &str, path: &str, content: &str, body: &str) -> Result<(u16, Json), Error> {
        let fill = |text: &str| text.replace("$ns", &self.namespace);
        let sent = Sent {
            method: method.into(),
            path: fill(path),
            content_type: content.into(),
            accept: "application/json".into(),
            agent: "fidelity/1".into(),
            body: fill(body),
            ..Sent::default()
        };
        let answer = self.cluster.send(&sent).await?;
        Ok((answer.code, answer.body))
    }

    /// Sends a request of a case; it has to be accepted.
    ///
    /// # Errors
    /// If it is not.
    pub async fn take(&self, step: &Step) -> Result<(), Error> {
        let body = step.body_text();
        let content = if body.is_empty() { "" } else { step.content_type() };
        let (code, answer) = self.send(step.method(), step.path(), content, &body).await?;
        if (200..300).contains(&code) {
            return Ok(());
        }
        Err(Error::Request { request: step.send.clone(), what: format!("{code} {}", answer["message"]) })
    }

    /// Waits for `EXPECT KIND NAME`: an object whose name begins so, with the values of `until`. Paths go into lists by what
    /// items are called: `/status/conditions/Ready/status`.
    ///
    /// # Errors
    /// If it does not come.
    pub async fn expect(&self, step: &Step) -> Result<(), Error> {
        let (kind, name) = step.path().split_once(' ').unwrap_or((step.path(), ""));
        let begins = |object: &Json| object["metadata"]["name"].as_str().is_some_and(|own| own.starts_with(name));
        let has_all = |object: &Json| step.until.iter().all(|(path, value)| at(object, path) == Some(value));
        let namespace = if kind == "Node" { "" } else { &self.namespace };
        let start = Instant::now();
        let mut changed = self.mirror.changed();
        loop {
            let objects = self.mirror.objects(namespace);
            let mut named = objects.iter().filter(|(of, object)| *of == kind && begins(object));
            if named.clone().any(|(_, object)| has_all(object)) {
                return Ok(());
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            if tokio::time::timeout(left, changed.changed()).await.is_err() {
                let what = named.next().map_or_else(|| "it does not come".into(), |(_, object)| object.to_string());
                return Err(Error::Request { request: step.send.clone(), what });
            }
        }
    }

    /// Waits until nothing has changed for a while, or for longer where that is asked for; gives what there is then, by
    /// kind and name.
    pub async fn settle(&self, longer: Option<Duration>) -> BTreeMap<String, Json> {
        let quiet = longer.unwrap_or(QUIET);
        let start = Instant::now();
        let mut changed = self.mirror.changed();
        let mut changes = self.changes();
        let (mut last, mut since) = (self.plain(), Instant::now());
        while since.elapsed() < quiet && start.elapsed() < PATIENCE {
            // Whether it was told or not: what counts is whether there is something else.
            let _ = tokio::time::timeout(quiet.saturating_sub(since.elapsed()), changed.changed()).await;
            tokio::time::sleep(BREATH).await;
            if self.changes() == changes {
                continue;
            }
            changes = self.changes();
            let now = self.plain();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    fn changes(&self) -> u64 {
        self.mirror.changes(&self.namespace) + if self.alone { self.mirror.changes("") } else { 0 }
    }

    fn plain(&self) -> BTreeMap<String, Json> {
        let mut all = self.mirror.objects(&self.namespace);
        if self.alone {
            all.extend(self.mirror.objects("").into_iter().filter(|(kind, _)| *kind == "Node"));
        }
        plain(&self.namespace, self.alone, &all)
    }
}

fn at<'a>(object: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('/').skip(1).try_fold(object, |value, part| match value {
        Json::Array(items) => items.iter().find(|item| item["type"] == part || item["key"] == part),
        other => other.get(part),
    })
}

/// What is said by those that are only played: kubelets, and who makes volumes.
const PLAYED: [&str; 6] =
    ["kubelet", "kwok", "kwok_controller", "csi.example.com", "csi-provisioner", "external-resizer"];

/// The objects without what cannot be equal. Those that become alike are numbered.
fn plain(namespace: &str, alone: bool, all: &[(&'static str, Json)]) -> BTreeMap<String, Json> {
    let names = names(all);
    let mut found: BTreeMap<(String, String), Vec<Json>> = BTreeMap::new();
    let mut nodes: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for (kind, object) in all {
        if *kind == "Event" {
            let said = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
            let by = [said("/source/component"), said("/reportingComponent")];
            if by.iter().any(|by| PLAYED.contains(&by.as_str())) {
                continue;
            }
        }
        let mut object = object.clone();
        tidy(kind, &mut object);
        let mut masked = mask(namespace, &names, "", &object);
        forget_names(&mut masked);
        let name = masked.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default().to_owned();
        let name = if *kind == "Event" {
            let part = |key: &str| masked[key].as_str().unwrap_or_default().to_owned();
            let of = |key: &str| masked["involvedObject"][key].as_str().unwrap_or_default().to_owned();
            format!("{}/{} {}: {}", of("kind"), of("name"), part("reason"), part("message"))
        } else {
            name
        };
        if *kind == "Pod" && alone {
            let node = object.pointer("/spec/nodeName").and_then(Json::as_str).unwrap_or_default();
            let owner = masked.pointer("/metadata/ownerReferences/0/name").and_then(Json::as_str).unwrap_or(&name);
            *nodes.entry(owner.to_owned()).or_default().entry(node.to_owned()).or_default() += 1;
        }
        found.entry(((*kind).to_owned(), name)).or_default().push(masked);
    }
    let mut plain = BTreeMap::new();
    for ((kind, name), mut objects) in found {
        objects.sort_by_key(text);
        if kind == "Event" {
            objects.dedup();
        }
        for (number, object) in objects.into_iter().enumerate() {
            let number = if number == 0 { String::new() } else { format!(" ({})", number + 1) };
            plain.insert(format!("{kind} {name}{number}"), object);
        }
    }
    for (owner, nodes) in nodes {
        let mut counts: Vec<usize> = nodes.into_values().collect();
        counts.sort_unstable();
        plain.insert(format!("pods by node of {owner}"), json!(counts));
    }
    plain
}

fn text(value: &Json) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// What names that hold a hash, or were made by the server, are called, the longest first.
fn names(all: &[(&'static str, Json)]) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let at =
        |object: &Json, pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    for (kind, object) in all {
        let (name, owner) = (at(object, "/metadata/name"), at(object, "/metadata/ownerReferences/0/name"));
        let hash = at(object, "/metadata/labels/pod-template-hash");
        if *kind == "ReplicaSet" && !hash.is_empty() {
            let images = object.pointer("/spec/template/spec/containers/0/image").and_then(Json::as_str);
            let base = name.trim_end_matches(&hash).trim_end_matches('-').to_owned();
            names.push((hash, format!("<{base} of {}>", images.unwrap_or_default())));
        }
        if *kind == "ControllerRevision" {
            let revision = object.get("revision").map(Json::to_string).unwrap_or_default();
            let hash = name.rsplit('-').next().unwrap_or_default().to_owned();
            names.push((hash, format!("<revision {revision} of {owner}>")));
        }
    }
    for (kind, object) in all {
        let (name, prefix) = (at(object, "/metadata/name"), at(object, "/metadata/generateName"));
        // A StatefulSet's pods keep a prefix, but have names of their own.
        let own = at(object, "/metadata/labels/apps.kubernetes.io~1pod-index");
        if *kind != "Event" && !prefix.is_empty() && name.len() == prefix.len() + 5 && own.is_empty() {
            names.push((name, format!("{prefix}<generated>")));
        }
    }
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let hashes = names.clone();
    for (_, called) in &mut names {
        for (hash, of) in &hashes {
            if called.contains(hash.as_str()) && !of.ends_with("<generated>") {
                *called = called.replace(hash.as_str(), of);
            }
        }
    }
    names
}

/// Takes away what those write that are only played.
fn tidy(kind: &str, object: &mut Json) {
    let played = |entry: &Json| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        PLAYED.contains(&manager) || (kind == "PersistentVolumeClaim" && entry["subresource"] == "status")
    };
    if let Some(entries) = object.pointer_mut("/metadata/managedFields").and_then(Json::as_array_mut) {
        entries.retain(|entry| !played(entry));
        entries.sort_by_key(|entry| text(&json!([entry["manager"], entry["operation"], entry["subresource"]])));
    }
    let keep = |object: &mut Json, at: &str, keys: &[&str]| {
        if let Some(fields) = object.pointer_mut(at).and_then(Json::as_object_mut) {
            fields.retain(|key, _| keys.contains(&key.as_str()));
        }
    };
    match kind {
        "Pod" => {
            keep(object, "/status", &["phase", "conditions", "qosClass"]);
            if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Json::as_array_mut) {
                conditions.retain(|c| c["type"] == "PodScheduled" || c["type"] == "DisruptionTarget");
            }
        }
        "Node" => {
            keep(object, "", &["metadata", "spec", "status"]);
            keep(object, "/metadata", &["name"]);
            keep(object, "/spec", &["taints", "unschedulable"]);
            keep(object, "/status", &["conditions"]);
            if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Json::as_array_mut) {
                // Told by who makes networks, which only one of them plays.
                conditions.retain(|condition| condition["type"] != "NetworkUnavailable");
                for condition in &mut *conditions {
                    keep(condition, "", &["type", "status", "reason", "message"]);
                }
                conditions.sort_by_key(text);
            }
        }
        "PersistentVolume" => {
            keep(object, "/metadata", &["name", "finalizers"]);
            keep(object, "/spec", &["accessModes", "capacity", "claimRef", "storageClassName"]);
        }
        "Event" => keep(
            object,
            "",
            &[
                "involvedObject",
                "reason",
                "message",
                "type",
                "source",
                "reportingComponent",
                "reportingInstance",
                "action",
                "kind",
                "apiVersion",
            ],
        ),
        _ => {}
    }
}

static UID: LazyLock<Regex> = LazyLock::new(|| regex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| regex(r"\b10\.\d+\.\d+\.\d+\b"));
static ACCESS: LazyLock<Regex> = LazyLock::new(|| regex(r"kube-api-access-\w{5}\b"));
/// A name of an object that is gone: with a hash, with letters of the server's choice, or both.
static MADE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"-([bcdfghjklmnpqrstvwxz2456789]{8,10}\b)?(-?[bcdfghjklmnpqrstvwxz2456789]{5}\b)?"));
static NODE: LazyLock<Regex> = LazyLock::new(|| regex(r"\bnode-\d\b"));
static CERTIFICATE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?s)-----BEGIN CERTIFICATE-----.*"));

#[expect(clippy::unwrap_used, reason = "the expressions stand above, and each test needs them")]
fn regex(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// Masks the names of what is gone, where messages tell of it.
fn forget_names(object: &mut Json) {
    let of_event = object.pointer("/involvedObject/name").is_some();
    if of_event && let Some(name) = object.pointer_mut("/involvedObject/name") {
        forget_name(name);
    }
    if let Some(message) = object.get_mut("message") {
        forget_name(message);
    }
    for condition in object.pointer_mut("/status/conditions").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(message) = condition.get_mut("message") {
            forget_name(message);
        }
    }
}

fn forget_name(text: &mut Json) {
    let Json::String(text) = text else { return };
    *text = MADE
        .replace_all(text, |found: &regex::Captures<'_>| match (found.get(1), found.get(2)) {
            (Some(_), Some(_)) => "-<hash>-<generated>",
            (Some(_), None) => "-<hash>",
            (None, Some(_)) => "-<generated>",
            (None, None) => "-",
        })
        .into_owned();
}

fn mask(namespace: &str, names: &[(String, String)], key: &str, value: &Json) -> Json {
    let said = |text: &str| {
        let mut text = text.to_owned();
        for (name, called) in names {
            text = text.replace(name.as_str(), called);
        }
        let text = text.replace(namespace, "<namespace>");
        let text = UID.replace_all(&text, "<uid>");
        let text = TIME.replace_all(&text, "<time>");
        let text = ADDRESS.replace_all(&text, "<address>");
        let text = NODE.replace_all(&text, "<node>");
        let text = ACCESS.replace_all(&text, "kube-api-access-<generated>");
        CERTIFICATE.replace_all(&text, "<certificate>").into_owned()
    };
    match value {
        Json::String(_) if matches!(key, "resourceVersion") => "<version>".into(),
        Json::String(text) if key == "reportingInstance" && !text.is_empty() => "<instance>".into(),
        Json::String(text) => said(text).into(),
        Json::Number(_) if key == "nodePort" => "<port>".into(),
        Json::Array(list) => {
            let mut list: Vec<Json> = list.iter().map(|item| mask(namespace, names, "", item)).collect();
            // Several write to these at about the same time, in any order.
            if matches!(key, "endpoints" | "addresses" | "finalizers" | "taints") {
                list.sort_by_key(text);
            }
            Json::Array(list)
        }
        Json::Object(fields) => {
            let mut masked = Map::new();
            for (name, value) in fields {
                masked.insert(said(name), mask(namespace, names, name, value));
            }
            Json::Object(masked)
        }
        other => other.clone(),
    }
}
