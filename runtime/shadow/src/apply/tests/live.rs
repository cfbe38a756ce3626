//! The same writes to the real API server and to this crate's functions, and what comes of them.
//!
//! Every request is first sent with `dryRun=All`, between two reads that show the object unchanged, so that no controller
//! comes between: its answer is compared. Then it is sent again, to go on from there.

use serde_json::json;
use windlass_testbed::{Answer, Testbed, shared};

use crate::Json;
use crate::apply::element::{Element, same};
use crate::apply::managed::Managed;
use crate::apply::*;
use crate::error::ApiError;
use crate::patch;
use crate::schema::{self, Id, Schemas};

const SEQUENCES: u64 = 14;
const STEPS: u64 = 9;

/// One kind, and how to write objects of it.
struct Sort {
    kind: &'static str,
    api_version: &'static str,
    resource: &'static str,
    /// The path to the namespace.
    root: &'static str,
    schema: &'static str,
    make: fn(&mut Chance) -> Json,
    /// What the server puts in before a create is stored, and nobody owns.
    allocated: &'static [&'static str],
}

const SORTS: [Sort; 3] = [
    Sort {
        kind: "ConfigMap",
        api_version: "v1",
        resource: "configmaps",
        root: "/api/v1",
        schema: "io.k8s.api.core.v1.ConfigMap",
        make: config_map,
        allocated: &[],
    },
    Sort {
        kind: "Service",
        api_version: "v1",
        resource: "services",
        root: "/api/v1",
        schema: "io.k8s.api.core.v1.Service",
        make: service,
        allocated: &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"],
    },
    Sort {
        kind: "Deployment",
        api_version: "apps/v1",
        resource: "deployments.apps",
        root: "/apis/apps/v1",
        schema: "io.k8s.api.apps.v1.Deployment",
        make: deployment,
        allocated: &[],
    },
];

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % most
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn texts(&mut self, keys: &[&str]) -> Json {
        let keys = keys.iter().filter(|_| self.one_in(2)).map(|key| (*key).to_owned()).collect::<Vec<_>>();
        keys.into_iter().map(|key| (key, Json::from(self.of(&["1", "2"])))).collect()
    }

    fn shuffled(&mut self, mut items: Vec<Json>) -> Json {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
        Json::Array(items)
    }
}

fn metadata(chance: &mut Chance) -> Json {
    let mut metadata = json!({});
    if chance.one_in(2) {
        metadata["labels"] = chance.texts(&["app", "tier", "example.com/x"]);
    }
    if chance.one_in(3) {
        metadata["annotations"] = chance.texts(&["note", "other"]);
    }
    metadata
}

fn config_map(chance: &mut Chance) -> Json {
    let mut object = json!({"metadata": metadata(chance)});
    if !chance.one_in(4) {
        object["data"] = chance.texts(&["a", "b", "c"]);
    }
    if chance.one_in(6) {
        object["foo"] = "bar".into();
    }
    object
}

fn service(chance: &mut Chance) -> Json {
    let mut ports = Vec::new();
    for (port, name) in [(80, "http"), (443, "https"), (53, "dns")] {
        if port == 80 || chance.one_in(2) {
            let mut item = json!({"port": port, "name": name});
            if chance.one_in(3) {
                item["targetPort"] = chance.of(&["web", "api"]).into();
            }
            if chance.one_in(4) {
                item["protocol"] = "TCP".into();
            }
            ports.push(item);
        }
    }
    let mut spec = json!({"ports": chance.shuffled(ports)});
    if chance.one_in(2) {
        spec["selector"] = chance.texts(&["app", "tier"]);
    }
    if chance.one_in(3) {
        spec["publishNotReadyAddresses"] = chance.one_in(2).into();
    }
    json!({"metadata": metadata(chance), "spec": spec})
}

fn deployment(chance: &mut Chance) -> Json {
    let mut containers = Vec::new();
    for name in ["a", "b", "c"] {
        if name == "a" || chance.one_in(2) {
            let mut container = json!({"name": name, "image": chance.of(&["x:1", "x:2"])});
            if chance.one_in(2) {
                container["env"] =
                    json!([{"name": "E", "value": chance.of(&["1", "2"])}, {"name": chance.of(&["F", "G"])}]);
            }
            if chance.one_in(3) {
                container["ports"] = json!([{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]);
            }
            if chance.one_in(3) {
                container["args"] = json!([chance.of(&["x", "y"])]);
            }
            if chance.one_in(3) {
                container["resources"] = json!({"requests": {"cpu": chance.of(&["100m", "0.1", "1"])}});
            }
            containers.push(container);
        }
    }
    let mut pod = json!({"containers": chance.shuffled(containers)});
    if chance.one_in(3) {
        pod["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
    }
    if chance.one_in(4) {
        pod["tolerations"] = json!([{"key": chance.of(&["k", "l"]), "operator": "Exists"}]);
    }
    let mut spec = json!({
        "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod},
    });
    if chance.one_in(2) {
        spec["replicas"] = chance.below(3).into();
    }
    if chance.one_in(4) {
        spec["strategy"] = json!({"type": "Recreate"});
    }
    let mut object = json!({"metadata": metadata(chance), "spec": spec});
    if chance.one_in(5) {
        object["status"] = json!({"replicas": 7});
    }
    object
}

/// A request, as both get it.
struct Request {
    method: &'static str,
    manager: &'static str,
    content: &'static str,
    subresource: &'static str,
    force: bool,
    body: Json,
}

const APPLY: &str = "application/apply-patch+yaml";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

struct Bench<'a> {
    bed: &'a Testbed,
    sort: &'a Sort,
    namespace: String,
    name: String,
    schemas: &'a Schemas,
    id: Id,
}

impl Bench<'_> {
    fn path(&self, of_one: bool) -> String {
        let plural = self.sort.resource.split('.').next().unwrap();
        let name = if of_one { format!("/{}", self.name) } else { String::new() };
        format!("{}/namespaces/{}/{plural}{name}", self.sort.root, self.namespace)
    }

    fn get(&self) -> Option<Json> {
        let answer = self.bed.ask("GET", &self.path(true), &[], "").unwrap();
        (answer.code == 200).then(|| serde_json::from_str(&answer.body).unwrap())
    }

    fn send(&self, request: &Request, dry: bool) -> Answer {
        let mut path = self.path(request.method != "POST");
        if !request.subresource.is_empty() {
            path = format!("{path}/{}", request.subresource);
        }
        path = format!("{path}?fieldManager={}&fieldValidation=Ignore", request.manager);
        if request.force {
            path.push_str("&force=true");
        }
        if dry {
            path.push_str("&dryRun=All");
        }
        let headers = [("Content-Type", request.content), ("Accept", "application/json")];
        self.bed.ask(request.method, &path, &headers, &request.body.to_string()).unwrap()
    }

    fn ours(&self, request: &Request, before: Option<&Json>, real: &Json) -> Result<(Json, bool), ApiError> {
        let reset = Reset::built_in(self.sort.resource, request.subresource);
        let who = Manager {
            name: request.manager,
            api_version: self.sort.api_version,
            kind: self.sort.kind,
            subresource: request.subresource,
            reset: &reset,
        };
        let types = Types::built_in(self.schemas, self.id);
        let versions = OneVersion { api_version: self.sort.api_version, types };
        let now = "2099-01-01T00:00:00Z".parse().unwrap();
        let object = before.cloned().unwrap_or_default();
        let patched = match request.content {
            APPLY => {
                return apply(&versions, before, &request.body, &who, request.force, now).map(|object| (object, true));
            }
            STRATEGIC => patch::strategic(&object, &request.body, self.schemas, self.id)?,
            MERGE => patch::merge(&object, &request.body)?,
            JSON_PATCH => patch::json(&object, &request.body)?,
            _ => request.body.clone(),
        };
        // Defaults and normal forms are the real server's here; so is what it keeps from the former object.
        let mut after = real.clone();
        after["metadata"]["managedFields"] = patched["metadata"]["managedFields"].clone();
        if let Some(status) = patched.get("status").filter(|_| request.subresource.is_empty()) {
            after["status"] = status.clone();
        }
        if before.is_none() {
            for field in self.sort.allocated {
                after["spec"].as_object_mut().unwrap().remove(*field);
            }
        }
        let tracked = track(&versions, before, after, &who, now);
        // Of a write to a subresource, only owners can be compared.
        let mut object = if request.subresource.is_empty() { patched } else { real.clone() };
        object["metadata"]["managedFields"] = tracked["metadata"]["managedFields"].clone();
        Ok((object, false))
    }
}

/// The entries without times. Where two differ in nothing but times, their order is the real server's to choose.
fn owners(object: &Json) -> Vec<String> {
    let mut entries = object["metadata"]["managedFields"].clone();
    for entry in entries.as_array_mut().into_iter().flatten() {
        entry.as_object_mut().unwrap().remove("time");
    }
    let mut entries: Vec<String> =
        entries.as_array().into_iter().flatten().map(sorted).map(|e| e.to_string()).collect();
    entries.sort();
    entries
}

fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// What ours has and the real one has not, or has otherwise. Quantities have their normal form there.
fn missing(ours: &Json, real: &Json, path: &str, found: &mut Vec<String>) {
    const NOT_COMPARED: [&str; 5] =
        [".metadata.managedFields", ".metadata.resourceVersion", ".metadata.generation", ".status", ".foo"];
    if NOT_COMPARED.contains(&path) || path.contains(".requests.cpu") {
        return;
    }
    match (ours, real) {
        (Json::Object(a), Json::Object(b)) => {
            for (name, value) in a.iter().filter(|(_, value)| !is_empty(value)) {
                missing(value, b.get(name).unwrap_or(&Json::Null), &format!("{path}.{name}"), found);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                missing(a, b, &format!("{path}[{index}]"), found);
            }
        }
        (a, b) if same(a, b) => {}
        (a, b) => found.push(format!("{path}: {a}, not {b}")),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Object(map) => map.values().all(is_empty),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether somebody owns a field that ours has removed: then it should have stayed.
fn wrongly_gone(ours: &Json, real: &Json) -> Vec<String> {
    let mut gone = Vec::new();
    for owned in Managed::of(real).unwrap().owners.values() {
        for path in owned.fields.paths() {
            let names: Option<Vec<&str>> = path
                .iter()
                .map(|step| if let Element::Field(name) = step { Some(name.as_str()) } else { None })
                .collect();
            let Some(names) = names else { continue };
            let at = |object: &Json| names.iter().try_fold(object.clone(), |at, name| at.get(*name).cloned());
            if at(real).is_some_and(|v| !is_empty(&v)) && at(ours).is_none_or(|v| is_empty(&v)) && names[0] != "status"
            {
                gone.push(names.join("."));
            }
        }
    }
    gone
}

fn requests(chance: &mut Chance, sort: &Sort, name: &str, before: Option<&Json>) -> Request {
    let manager = chance.of(&["one", "two", "three", "kubectl"]);
    let mut body = (sort.make)(chance);
    body["apiVersion"] = sort.api_version.into();
    body["kind"] = sort.kind.into();
    body["metadata"]["name"] = name.into();
    let request = |method, content, body| Request { method, manager, content, subresource: "", force: false, body };
    let Some(before) = before else {
        return if chance.one_in(2) {
            request("POST", "application/json", body)
        } else {
            request("PATCH", APPLY, body)
        };
    };
    // A part of what is intended: what applying is for.
    if chance.one_in(3) && sort.kind == "Deployment" {
        let replicas = chance.below(3);
        body = json!({"apiVersion": sort.api_version, "kind": sort.kind, "metadata": body["metadata"],
            "spec": {"replicas": replicas}});
    }
    match chance.below(12) {
        0..=3 => request("PATCH", APPLY, body),
        4..=6 => Request { force: true, ..request("PATCH", APPLY, body) },
        7 => {
            let mut whole = before.clone();
            for name in ["data", "spec", "status"] {
                if let (Some(part), true) = (body.get(name), body["spec"].get("selector").is_some() || name == "data") {
                    let fields = part.as_object().unwrap().iter();
                    for (field, value) in fields {
                        whole[name][field] = value.clone();
                    }
                }
            }
            whole["metadata"]["labels"] = body["metadata"]["labels"].clone();
            if chance.one_in(6) {
                whole["metadata"]["managedFields"] = json!([]);
            }
            whole["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            request("PUT", "application/json", whole)
        }
        8 => {
            body.as_object_mut().unwrap().remove("status");
            if let Some(items) = body.pointer_mut("/spec/template/spec/containers").and_then(Json::as_array_mut)
                && chance.one_in(2)
            {
                items.push(json!({"name": chance.of(&["b", "c"]), "$patch": "delete"}));
                items.dedup_by(|a, b| a["name"] == b["name"]);
            }
            request("PATCH", STRATEGIC, body)
        }
        9 => {
            let labels = chance.texts(&["app", "tier", "new"]);
            let removed = json!({"metadata": {"labels": labels, "annotations": {"note": null}}});
            request("PATCH", MERGE, removed)
        }
        10 => {
            let operations = json!([
                {"op": chance.of(&["add", "replace"]), "path": "/metadata/labels", "value": {"patched": "yes"}},
                {"op": chance.of(&["add", "remove", "test"]), "path": chance.of(&["/metadata/annotations", "/data", "/spec/replicas"]), "value": null},
            ]);
            request("PATCH", JSON_PATCH, operations)
        }
        _ if sort.kind == "ConfigMap" => {
            request("PATCH", STRATEGIC, json!({"data": {"$patch": chance.of(&["replace", "oops"]), "z": "1"}}))
        }
        _ => {
            let status = match sort.kind {
                "Deployment" => json!({"observedGeneration": chance.below(3), "conditions": [
                    {"type": chance.of(&["A", "B"]), "status": "True"}]}),
                _ => json!({"loadBalancer": {"ingress": [{"ip": chance.of(&["10.0.0.1", "10.0.0.2"])}]}}),
            };
            let body = json!({"metadata": {"labels": {"status": "1"}}, "status": status});
            Request { subresource: "status", ..request("PATCH", MERGE, body) }
        }
    }
}

fn compare(ours: &Result<(Json, bool), ApiError>, answer: &Answer, real: &Json) -> Result<(), String> {
    match ours {
        Ok(_) if answer.code >= 400 => {
            // What validation says is not for us to say.
            if answer.code == 422 && real["reason"] == "Invalid" && real["details"].get("causes").is_some() {
                return Ok(());
            }
            Err(format!("the real server refused it: {}", real["message"]))
        }
        Ok((object, applied)) => {
            let mut found = Vec::new();
            missing(object, real, "", &mut found);
            if *applied {
                found.extend(wrongly_gone(object, real).iter().map(|path| format!("{path} is gone")));
            }
            if owners(object) != owners(real) {
                found.push(format!("owners:\n  ours {:#?}\n  real {:#?}", owners(object), owners(real)));
            }
            if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
        }
        Err(error) => {
            let causes = |details: Option<&Json>| {
                let causes = details.and_then(|details| details["causes"].as_array().cloned()).unwrap_or_default();
                let mut causes: Vec<String> = causes.iter().map(|cause| sorted(cause).to_string()).collect();
                causes.sort();
                causes
            };
            let same = answer.code == error.code
                && real["message"] == error.message.as_str()
                && real["reason"].as_str().unwrap_or_default() == error.reason
                && causes(real.get("details")) == causes(error.details.as_deref());
            if same { Ok(()) } else { Err(format!("we refuse it: {error:?}\nthe real server: {real}")) }
        }
    }
}

#[test]
fn as_the_real_api_server() {
    let Some(bed) = shared() else { return };
    let schemas = &*schema::builtin().schemas;
    let namespace = bed.fresh_namespace("apply").unwrap();
    let (mut compared, mut refused, mut wrong) = (0, 0, Vec::new());
    for sort in &SORTS {
        for sequence in 0..SEQUENCES {
            let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ ((sequence + 1) << 20));
            for _ in 0..5 {
                chance.below(2);
            }
            let name = format!("o{sequence}");
            let id = schemas.named(sort.schema).unwrap();
            let bench = Bench { bed, sort, namespace: namespace.clone(), name: name.clone(), schemas, id };
            for step in 0..STEPS {
                // Until no controller comes between.
                for attempt in 0.. {
                    let before = bench.get();
                    let mut again = Chance(chance.0);
                    let request = requests(&mut again, sort, &name, before.as_ref());
                    let answer = bench.send(&request, true);
                    let real: Json = serde_json::from_str(&answer.body).unwrap();
                    let version =
                        |object: &Option<Json>| object.as_ref().map(|o| o["metadata"]["resourceVersion"].clone());
                    if version(&before) != version(&bench.get()) && attempt < 20 {
                        continue;
                    }
                    let ours = bench.ours(&request, before.as_ref(), &real);
                    compared += 1;
                    refused += usize::from(ours.is_err());
                    if let Err(difference) = compare(&ours, &answer, &real) {
                        wrong.push(format!(
                            "{} {sequence}.{step} {} {} by {}: {}\nbefore {}\n{difference}",
                            sort.kind,
                            request.method,
                            request.content,
                            request.manager,
                            request.body,
                            sorted(&before.unwrap_or_default()),
                        ));
                    }
                    bench.send(&request, false);
                    chance = again;
                    break;
                }
            }
        }
    }
    println!("{compared} requests compared, {refused} of them refused");
    assert!(
        wrong.is_empty(),
        "{} differ; the first:\n{}",
        wrong.len(),
        wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n\n")
    );
    assert!(compared > 300 && refused > 10);
}
