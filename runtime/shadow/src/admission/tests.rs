//! The real API server as the oracle: the same objects are sent to it (as dry runs) and through this crate, and the answers
//! compared. What it said stands in `tests/objects/answers.json.gz`, so that the comparison needs no test bed; the test with
//! one writes that file anew when `WINDLASS_REWRITE` is set.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::{Map, json};

use super::Request;
use crate::defaults::{self, prepare};
use crate::error::Cause;
use crate::world::{Deletion, Objects, Writer};
use crate::{ApiError, Json, validation};

/// Kinds, their plural names, and whether they are in namespaces.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("", "Pod", "pods", true),
    ("", "PodTemplate", "podtemplates", true),
    ("", "Service", "services", true),
    ("", "ConfigMap", "configmaps", true),
    ("", "Secret", "secrets", true),
    ("", "ServiceAccount", "serviceaccounts", true),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "PersistentVolume", "persistentvolumes", false),
    ("", "Namespace", "namespaces", false),
    ("", "Node", "nodes", false),
    ("", "LimitRange", "limitranges", true),
    ("", "ResourceQuota", "resourcequotas", true),
    ("", "ReplicationController", "replicationcontrollers", true),
    ("", "Endpoints", "endpoints", true),
    ("apps", "Deployment", "deployments", true),
    ("apps", "StatefulSet", "statefulsets", true),
    ("apps", "DaemonSet", "daemonsets", true),
    ("apps", "ReplicaSet", "replicasets", true),
    ("batch", "Job", "jobs", true),
    ("batch", "CronJob", "cronjobs", true),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("networking.k8s.io", "Ingress", "ingresses", true),
    ("networking.k8s.io", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies", true),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
    ("rbac.authorization.k8s.io", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false),
    ("storage.k8s.io", "StorageClass", "storageclasses", false),
    ("storage.k8s.io", "CSIDriver", "csidrivers", false),
    ("scheduling.k8s.io", "PriorityClass", "priorityclasses", false),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses", false),
    ("coordination.k8s.io", "Lease", "leases", true),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
];

const NAMESPACE: &str = "oracle";
const RANGE: [&str; 2] = ["services", "persistentvolumeclaims"];

/// One thing to send: a new object, or changes to one.
#[derive(Debug, Clone)]
struct Case {
    /// The file and the place in it.
    name: String,
    object: Json,
    /// Merge patches, each for itself.
    changes: Vec<Json>,
}

/// What an API server answers.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Answer {
    code: u16,
    body: Json,
}

/// What the real one answered.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Recorded {
    answer: Answer,
    /// To the changes.
    changes: Vec<Answer>,
}

/// The file of recorded answers.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Record {
    /// What there was beforehand, as `resource` and object.
    cluster: Vec<(String, Json)>,
    answers: BTreeMap<String, Recorded>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects")
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(manifests(&path));
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(file).unwrap();
    serde_yaml::from_multiple::<Json>(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// What has to be in the cluster before.
fn setup() -> Vec<Json> {
    read(&folder().join("setup.yaml"))
}

fn cases() -> Vec<Case> {
    let mut cases = vec![];
    let mut files: Vec<_> = manifests(&folder()).into_iter().filter(|f| !f.ends_with("setup.yaml")).collect();
    files.extend(manifests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/solution")));
    for file in files {
        let stem = file.file_name().unwrap().to_string_lossy().into_owned();
        let place = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for (at, mut document) in read(&file).into_iter().enumerate() {
            if !document.is_object() {
                continue;
            }
            let changes = document.as_object_mut().unwrap().shift_remove("changes");
            let changes = changes.map_or(vec![], |changes| changes.as_array().unwrap().clone());
            if kind_of(&document).is_some() {
                let name = format!("{place}/{stem}#{at}");
                cases.push(Case { name, object: document, changes });
            }
        }
    }
    cases
}

fn group_of(object: &Json) -> (&str, &str) {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.split_once('/').unwrap_or(("", version))
}

fn kind_of(object: &Json) -> Option<&'static (&'static str, &'static str, &'static str, bool)> {
    KINDS.iter().find(|(group, kind, ..)| *group == group_of(object).0 && object["kind"] == *kind)
}

fn namespace_of(object: &Json) -> String {
    match object["metadata"]["namespace"].as_str() {
        Some(name) if name.starts_with("oracle") => name.to_owned(),
        _ => NAMESPACE.to_owned(),
    }
}

fn path_of(object: &Json) -> String {
    let (group, version) = group_of(object);
    let (.., plural, namespaced) = kind_of(object).unwrap();
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    if *namespaced {
        format!("{root}/namespaces/{}/{plural}", namespace_of(object))
    } else {
        format!("{root}/{plural}")
    }
}

/// The object as it is sent.
fn placed(mut object: Json) -> Json {
    let namespaced = kind_of(&object).unwrap().3;
    let namespace = namespace_of(&object);
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        if namespaced {
            metadata.insert("namespace".into(), namespace.into());
        } else {
            metadata.shift_remove("namespace");
        }
    }
    object
}

/// The objects of the recorded cluster.
#[derive(Default)]
struct Cluster(BTreeMap<(String, String, String), Arc<Json>>);

impl Cluster {
    fn of(record: &Record) -> Self {
        let entry = |(resource, object): &(String, Json)| {
            let place = (crate::object::namespace(object).to_owned(), crate::object::name(object).to_owned());
            ((resource.clone(), place.0, place.1), Arc::new(object.clone()))
        };
        Self(record.cluster.iter().map(entry).collect())
    }
}

impl Objects for Cluster {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Json>> {
        self.0.get(&(resource.to_owned(), namespace.to_owned(), name.to_owned())).cloned()
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Json>> {
        let wanted = |key: &&(String, String, String)| key.0 == resource && namespace.is_none_or(|n| n == key.1);
        self.0.keys().filter(wanted).filter_map(|key| self.0.get(key).cloned()).collect()
    }

    fn owned_by(&self, _: &str, _: &str, _: &str) -> Vec<Arc<Json>> {
        vec![]
    }

    fn create(&mut self, _: &Writer, _: &str, _: Json) -> Result<Arc<Json>, ApiError> {
        unreachable!("nothing is written here")
    }

    fn update(&mut self, _: &Writer, _: &str, _: Json) -> Result<Arc<Json>, ApiError> {
        unreachable!("nothing is written here")
    }

    fn update_status(&mut self, _: &Writer, _: &str, _: Json) -> Result<Arc<Json>, ApiError> {
        unreachable!("nothing is written here")
    }

    fn delete(&mut self, _: &Writer, _: &str, _: &str, _: &str, _: &Deletion) -> Result<(), ApiError> {
        unreachable!("nothing is written here")
    }

    fn event(&mut self, _: &str, _: &Json, _: &str, _: &str, _: &str) {}

    fn wall(&self) -> jiff::Timestamp {
        "2030-01-01T00:00:00Z".parse().unwrap()
    }

    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn chance(&self, of: &[&str]) -> u64 {
        of.concat().bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
    }
}

fn answered(result: Result<Json, ApiError>, code: u16) -> Answer {
    match result {
        Ok(object) => Answer { code, body: object },
        Err(error) => Answer { code: error.code, body: error.to_status() },
    }
}

fn request<'a>(object: &'a Json, namespace: &'a str) -> Request<'a> {
    let (group, version) = group_of(object);
    let (_, kind, resource, namespaced) = kind_of(object).unwrap();
    Request { group, version, kind, resource, namespace: if *namespaced { namespace } else { "" } }
}

/// As the world does it.
fn create(request: &Request<'_>, object: &mut Json, cluster: &Cluster) -> Result<(), ApiError> {
    let Request { group, version, kind, namespace, .. } = *request;
    defaults::apply(group, version, kind, object);
    super::mutate(request, object, None, cluster)?;
    let now = cluster.wall().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    prepare::create(group, version, kind, object, &now);
    judge(request, object, &validation::create(group, version, kind, object, !namespace.is_empty()))?;
    judge(request, object, &validation::metadata(object))?;
    super::check(request, object, None, cluster)?;
    defaults::tidy_kind(group, version, kind, object);
    Ok(())
}

/// As the world does it.
fn update(request: &Request<'_>, old: &Json, object: &mut Json, cluster: &Cluster) -> Result<(), ApiError> {
    let Request { group, version, kind, .. } = *request;
    defaults::apply(group, version, kind, object);
    super::mutate(request, object, Some(old), cluster)?;
    prepare::update(group, version, kind, old, object);
    let mut causes = validation::metadata_update(object, old);
    causes.extend(validation::update(group, version, kind, object, old));
    judge(request, object, &causes)?;
    super::check(request, object, Some(old), cluster)?;
    defaults::tidy_kind(group, version, kind, object);
    Ok(())
}

fn judge(request: &Request<'_>, object: &Json, causes: &[Cause]) -> Result<(), ApiError> {
    let name = crate::object::name(object);
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid(request.group, request.kind, name, causes)) }
}

/// What this crate makes of a new object.
fn ours(object: &Json, cluster: &Cluster) -> Answer {
    let mut object = placed(object.clone());
    let outline = object.clone();
    let namespace = namespace_of(&outline);
    let request = request(&outline, &namespace);
    let result = defaults::decode(request.group, request.version, request.kind, &mut object).and_then(|_| {
        if let Some(metadata) = object.get_mut("metadata") {
            metadata["uid"] = "UID".into();
            metadata["creationTimestamp"] = "2030-01-01T00:00:00Z".into();
            if let (None, Some(prefix)) = (metadata.get("name"), metadata["generateName"].as_str()) {
                metadata["name"] = format!("{prefix}abcde").into();
            }
        }
        create(&request, &mut object, cluster)?;
        Ok(object)
    });
    answered(result, 201)
}

/// What this crate makes of a change.
fn ours_changed(old: &Json, change: &Json, cluster: &Cluster) -> Answer {
    let namespace = namespace_of(old);
    let request = request(old, &namespace);
    let mut object = old.clone();
    merge(&mut object, change);
    let result = defaults::decode(request.group, request.version, request.kind, &mut object).and_then(|_| {
        update(&request, old, &mut object, cluster)?;
        Ok(object)
    });
    answered(result, 200)
}

fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let map = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

/// An answer without what differs from run to run.
fn normal(answer: &Answer, generated: bool) -> Answer {
    let mut body = answer.body.clone();
    let uid = crate::object::uid(&body).to_owned();
    if let Some(metadata) = body.get_mut("metadata").and_then(Json::as_object_mut) {
        for name in ["creationTimestamp", "managedFields", "resourceVersion"] {
            metadata.shift_remove(name);
        }
        if generated {
            metadata.insert("name".into(), "GENERATED".into());
        }
    }
    let mut body = sorted(body);
    if let Some(spec) = body.get_mut("spec").filter(|_| answer.body["kind"] == "Service") {
        for name in ["clusterIP", "clusterIPs"] {
            let given = spec.get(name).filter(|given| **given != "None" && **given != json!(["None"]));
            if given.is_some() {
                spec[name] = "ALLOCATED".into();
            }
        }
        if spec.get("healthCheckNodePort").is_some() {
            spec["healthCheckNodePort"] = 1.into();
        }
        for port in spec.get_mut("ports").and_then(Json::as_array_mut).into_iter().flatten() {
            if port.get("nodePort").is_some() {
                port["nodePort"] = 1.into();
            }
        }
    }
    if let Some(status) = body.get_mut("status").filter(|status| status.is_object()) {
        let status = status.as_object_mut().unwrap();
        status.shift_remove("lastPhaseTransitionTime");
    }
    let mut text = body.to_string();
    if !uid.is_empty() {
        text = text.replace(&uid, "UID");
    }
    let parts: Vec<&str> = text.split("kube-api-access-").collect();
    let rest = parts.iter().skip(1).map(|part| format!("kube-api-access-{}", part.get(5..).unwrap_or_default()));
    let text = parts[0].to_owned() + &rest.collect::<String>();
    Answer { code: answer.code, body: serde_json::from_str(&text).unwrap() }
}

/// With the keys in order, and the causes, whose order is that of Go's maps where it is any.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        Json::Array(list) => Json::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// How many answers are equal, and what the others are.
#[derive(Default)]
struct Score {
    equal: usize,
    all: usize,
    wrong: String,
}

impl Score {
    fn compare(&mut self, name: &str, ours: &Answer, theirs: &Answer, generated: bool) {
        self.all += 1;
        let (ours, theirs) = (normal(ours, generated), normal(theirs, generated));
        if ours == theirs {
            self.equal += 1;
            return;
        }
        let _ = writeln!(self.wrong, "--- {name}: {} and {}", ours.code, theirs.code);
        let mut found = vec![];
        differences("", &ours.body, &theirs.body, &mut found);
        for (path, ours, theirs) in found.iter().take(6) {
            let _ = writeln!(self.wrong, "  {path}\n    ours:   {ours}\n    theirs: {theirs}");
        }
    }

    fn share(&self) -> f64 {
        self.equal as f64 * 100.0 / self.all.max(1) as f64
    }
}

fn differences(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<(String, Json, Json)>) {
    match (ours, theirs) {
        (Json::Object(a), Json::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of = |map: &Map<String, Json>| map.get(key).cloned().unwrap_or("(absent)".into());
                differences(&format!("{path}/{key}"), &of(a), &of(b), found);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{at}"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push((path.to_owned(), ours.clone(), theirs.clone())),
    }
}

fn score(record: &Record) -> Score {
    let cluster = Cluster::of(record);
    let mut score = Score::default();
    for case in cases() {
        let Some(recorded) = record.answers.get(&case.name) else { continue };
        let generated = case.object["metadata"]["name"].is_null();
        score.compare(&case.name, &ours(&case.object, &cluster), &recorded.answer, generated);
        for (at, (change, theirs)) in case.changes.iter().zip(&recorded.changes).enumerate() {
            let old = &recorded.answer.body;
            let ours = ours_changed(old, change, &cluster);
            score.compare(&format!("{} change {at}", case.name), &ours, theirs, false);
        }
    }
    score
}

fn recorded() -> Record {
    let file = std::fs::File::open(folder().join("answers.json.gz")).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap()
}

/// The least share of equal answers, in percent.
const LEAST: f64 = 50.0;

#[test]
fn answers_are_those_that_the_real_api_server_gave() {
    let record = recorded();
    let missing: Vec<String> =
        cases().into_iter().map(|c| c.name).filter(|n| !record.answers.contains_key(n)).collect();
    assert!(missing.is_empty(), "record anew, for {missing:?}");
    let score = score(&record);
    println!("{} of {} answers are equal: {:.1} %\n{}", score.equal, score.all, score.share(), score.wrong);
    assert!(score.share() >= LEAST, "only {:.1} % of the answers are equal\n{}", score.share(), score.wrong);
}

/// `kubectl proxy`, through which requests go as plain HTTP.
struct Proxy {
    child: Child,
    port: u16,
}

impl Proxy {
    fn start(bed: &windlass_testbed::Testbed) -> Self {
        let mut child = Command::new(bed.kubectl_path())
            .args(["proxy", "--port=0", "--kubeconfig"])
            .arg(bed.kubeconfig())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port }
    }

    fn send(&self, method: &str, path: &str, body: Option<&Json>) -> Answer {
        let body = body.map(Json::to_string).unwrap_or_default();
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { code, body: serde_json::from_str(body).unwrap_or_else(|_| body.into()) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the real API server all there is to ask.
fn ask(proxy: &Proxy) -> Record {
    for object in setup() {
        let object = if kind_of(&object).unwrap().3 { object } else { placed(object) };
        let answer = proxy.send("POST", &path_of(&object), Some(&object));
        assert!(answer.code == 201 || answer.code == 409, "{answer:?}");
    }
    // Until the controllers have seen the namespaces and quotas.
    for _ in 0..100 {
        let account = proxy.send("GET", "/api/v1/namespaces/oracle-limits/serviceaccounts/default", None);
        let quota = proxy.send("GET", "/api/v1/namespaces/oracle-quota/resourcequotas/quota", None);
        if account.code == 200 && quota.body["status"]["used"].is_object() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    proxy.send("DELETE", "/api/v1/namespaces/oracle-ending", None);
    let mut record = Record::default();
    for (group, kind, plural, _) in KINDS {
        let wanted = [
            "Namespace",
            "ServiceAccount",
            "LimitRange",
            "ResourceQuota",
            "PriorityClass",
            "RuntimeClass",
            "StorageClass",
            "IngressClass",
        ];
        if !wanted.contains(kind) && !RANGE.contains(plural) {
            continue;
        }
        let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        let list = proxy.send("GET", &format!("{root}/{plural}"), None);
        for mut item in list.body["items"].as_array().unwrap().clone() {
            let place = namespace_of(&item);
            let foreign = !item["metadata"]["namespace"].is_null() && item["metadata"]["namespace"] != *place;
            if foreign {
                continue;
            }
            item["metadata"].as_object_mut().unwrap().shift_remove("managedFields");
            let name = if group.is_empty() { (*plural).to_owned() } else { format!("{plural}.{group}") };
            record.cluster.push((name, item));
        }
    }
    for case in cases() {
        let object = placed(case.object.clone());
        let path = path_of(&object);
        let dry = case.changes.is_empty();
        let mut answer = proxy.send("POST", &format!("{path}{}", if dry { "?dryRun=All" } else { "" }), Some(&object));
        let mut changes = vec![];
        if !dry {
            assert_eq!(answer.code, 201, "{}: {}", case.name, answer.body);
            let of = format!("{path}/{}", crate::object::name(&object));
            for change in &case.changes {
                // The controllers may have written in between.
                answer.body = proxy.send("GET", &of, None).body;
                changes.push(slim(proxy.send("PATCH", &format!("{of}?dryRun=All"), Some(change))));
            }
        }
        record.answers.insert(case.name, Recorded { answer: slim(answer), changes });
    }
    record
}

/// Without what is not compared.
fn slim(mut answer: Answer) -> Answer {
    if let Some(metadata) = answer.body.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    answer
}

#[test]
fn answers_are_those_of_the_real_api_server() {
    let Some(bed) = windlass_testbed::shared() else { return };
    let record = ask(&Proxy::start(bed));
    if std::env::var_os("WINDLASS_REWRITE").is_some() {
        let file = std::fs::File::create(folder().join("answers.json.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        packed.write_all(serde_json::to_string(&record).unwrap().as_bytes()).unwrap();
        packed.finish().unwrap();
    }
    let score = score(&record);
    println!("{} of {} answers are equal: {:.1} %\n{}", score.equal, score.all, score.share(), score.wrong);
    assert!(score.share() >= LEAST, "only {:.1} % of the answers are equal\n{}", score.share(), score.wrong);
}
