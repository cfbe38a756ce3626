//! The cluster's client, on the simulated API server and on a real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "a server that goes away does so in real time")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use windlass_runtime::cluster::diff::{Diff, ListType, ListTypes};
use windlass_runtime::cluster::ownership::{
    APPLY_MANAGER, Difference, EDIT_MANAGER, EDITED_ANNOTATION, Edits, Standing, apply_body, intent_of, owners_of,
    standing,
};
use windlass_runtime::cluster::{
    ApplyOptions, Cluster, DeleteOptions, Deleted, Failure, FieldPath, Json, ListOptions, Note, OpenOptions, Patch,
    PatchOptions, ResourceId, ResourceRef, Selector, Watch, WatchEvent, WriteOptions,
};
use windlass_runtime::target::Target as _;
use windlass_runtime::{Kind, RealClock};
use windlass_support::{Bed, on};

/// Opens a cluster by its kubeconfig, as people do.
async fn open(path: PathBuf) -> Cluster {
    let options = OpenOptions { kubeconfig: vec![path], ..OpenOptions::default() };
    Cluster::open(options, Arc::new(RealClock::new())).await.unwrap()
}

/// The cluster of a test, as a session has it.
async fn cluster_of(bed: &Bed) -> Cluster {
    bed.target().cluster(None).await.unwrap()
}

/// A namespace of its own for each test, deleted when the test begins anew.
struct Room {
    cluster: Cluster,
    namespace: String,
    salt: String,
}

impl Room {
    async fn open(bed: &Bed, name: &str) -> Self {
        Self::of(cluster_of(bed).await, name).await
    }

    async fn of(cluster: Cluster, name: &str) -> Self {
        let namespace = format!("cluster-{name}-{}", std::process::id());
        let id = ResourceId::namespace_object(cluster.name(), &namespace);
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        cluster.create(&id, &object, &WriteOptions::default()).await.unwrap();
        let salt = cluster.identity().await.unwrap().to_owned();
        Self { cluster, namespace, salt }
    }

    async fn id(&self, reference: &str) -> ResourceId {
        self.cluster.resource(&ResourceRef::parse(reference).unwrap(), Some(&self.namespace)).await.unwrap()
    }

    /// As `cluster::apply` will do it, without its dry run.
    async fn apply(&self, id: &ResourceId, intent: &Json) -> Json {
        let live = self.cluster.get(id).await.unwrap();
        let left_out = live.map(|l| Edits::of(&l).left_out(intent, &self.salt)).unwrap_or_default();
        let body = apply_body(intent, &left_out, &self.salt);
        self.cluster.apply(id, &body, &apply_options()).await.unwrap()
    }

    async fn standing(&self, id: &ResourceId, intent: &Json) -> Standing {
        standing(&self.cluster.get(id).await.unwrap().unwrap(), intent, &self.salt)
    }

    async fn patch(&self, id: &ResourceId, patch: Json, manager: &str) {
        let options = PatchOptions { manager: manager.into(), ..PatchOptions::default() };
        self.cluster.patch(id, &Patch::Merge(patch), &options).await.unwrap();
    }

    async fn close(self) {
        let id = ResourceId::namespace_object(self.cluster.name(), &self.namespace);
        self.cluster.delete(&id, &DeleteOptions::default()).await.unwrap();
    }
}

fn apply_options() -> ApplyOptions {
    ApplyOptions { manager: APPLY_MANAGER.into(), ..ApplyOptions::default() }
}

fn deployment(namespace: &str) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web", "app.kubernetes.io/part-of": "shop"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "initContainers": [],
                    "containers": [{
                        "name": "c", "image": "web:1", "args": ["--a", "--b"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
                        "resources": {"limits": {"cpu": 1, "memory": "128Mi"}},
                        "volumeMounts": [{"name": "v", "mountPath": "/data"}],
                    }],
                    "tolerations": [{"key": "x", "operator": "Exists"}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                },
            },
        },
    })
}

#[on(shadow, live)]
fn a_cluster_is_opened_and_known(bed: Bed) {
    let path = bed.kubeconfig();
    bed.outside(async move {
        let cluster = open(path.clone()).await;
        assert!(cluster.check().await.unwrap().starts_with("v1."));
        assert_eq!(cluster.identity().await.unwrap().len(), 36);
        let wrong = OpenOptions { kubeconfig: vec![path], context: Some("nowhere".into()), ..OpenOptions::default() };
        let error = Cluster::open(wrong, Arc::new(RealClock::new())).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.hint_text().is_some());
    });
}

#[on(shadow, live)]
async fn kinds_are_found(bed: Bed) {
    let cluster = cluster_of(&bed).await;
    for (word, kind, api_version, namespaced) in [
        ("deploy", "Deployment", "apps/v1", true),
        ("ns", "Namespace", "v1", false),
        ("hpa", "HorizontalPodAutoscaler", "autoscaling/v2", true),
        ("events", "Event", "v1", true),
        ("Ingress", "Ingress", "networking.k8s.io/v1", true),
        ("sc", "StorageClass", "storage.k8s.io/v1", false),
        ("crd", "CustomResourceDefinition", "apiextensions.k8s.io/v1", false),
        ("Lease.coordination.k8s.io", "Lease", "coordination.k8s.io/v1", true),
    ] {
        let found = cluster.kind(word).await.unwrap();
        assert_eq!(
            (found.kind.as_str(), found.api_version().as_str(), found.namespaced),
            (kind, api_version, namespaced)
        );
    }
    let deployment = cluster.kind("Deployment").await.unwrap();
    assert!(
        deployment.has_subresource("scale") && deployment.has_subresource("status") && deployment.has_verb("patch")
    );
    let error = cluster.kind("Deploymnt").await.unwrap_err();
    assert_eq!(error.hint_text(), Some("did you mean Deployment?"));
}

#[on(shadow, live)]
async fn a_new_kind_is_found_after_its_definition(bed: Bed) {
    let cluster = cluster_of(&bed).await;
    let plural = format!("widgets{}", std::process::id());
    let group = "testing.windlass.dev";
    assert_eq!(cluster.kind(&plural).await.unwrap_err().kind(), Kind::NotFound);
    let name = format!("{plural}.{group}");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
        "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": format!("Widget{}", std::process::id())},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"rules": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}}}}}}]}});
    let id = cluster.resource(&ResourceRef::parse(&format!("crd/{name}")).unwrap(), None).await.unwrap();
    cluster.create(&id, &definition, &WriteOptions::default()).await.unwrap();
    let mut watch = cluster.watch_object(&id);
    until(&mut watch, |o| {
        let conditions = o.pointer("/status/conditions").and_then(Json::as_array);
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
    })
    .await;
    let mut found = cluster.kind(&plural).await;
    // Established comes a moment before discovery says so.
    for _ in 0..50 {
        if found.is_ok() {
            break;
        }
        cluster.clock().sleep(Duration::from_millis(100)).await;
        found = cluster.kind(&plural).await;
    }
    assert_eq!(found.unwrap().group, group);
    cluster.delete(&id, &DeleteOptions::default()).await.unwrap();
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn until(watch: &mut Watch, done: impl Fn(&Json) -> bool) -> Json {
    loop {
        match watch.next().await.unwrap() {
            WatchEvent::Snapshot(all) => {
                if let Some(object) = all.into_iter().find(&done) {
                    return object;
                }
            }
            WatchEvent::Applied(object) if done(&object) => return object,
            _ => {}
        }
    }
}

/// facts: "Unchanged without a write, tried in 14 cases".
#[on(shadow, live)]
async fn whether_an_object_is_unchanged_is_known_from_the_object(bed: Bed) {
    let room = Room::open(&bed, "owner").await;
    let intent = intent_of(&deployment(&room.namespace), true);
    let id = room.id("Deployment/web").await;
    let taken = |paths: &[&str]| {
        Standing::Different(Difference::Taken(paths.iter().map(|p| FieldPath::parse(p).unwrap()).collect()))
    };
    let unchanged = Standing::Unchanged { kept: vec![] };

    room.apply(&id, &intent).await;
    assert_eq!(room.standing(&id, &intent).await, unchanged, "just applied");

    let options =
        PatchOptions { manager: "kubectl".into(), subresource: Some("scale".into()), ..PatchOptions::default() };
    room.cluster.patch(&id, &Patch::Merge(json!({"spec": {"replicas": 3}})), &options).await.unwrap();
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.replicas"]), "scaled");

    let force = ApplyOptions { force: true, ..apply_options() };
    let annotated = apply_body(&intent, &[], &room.salt);
    let again = || async { room.cluster.apply(&id, &annotated, &force).await.unwrap() };
    again().await;
    assert_eq!(room.standing(&id, &intent).await, unchanged, "taken back");

    let container = |part: Json| json!({"spec": {"template": {"spec": {"containers": [part]}}}});
    let strategic = |patch: Json| {
        let (room, id) = (&room, &id);
        async move {
            let options = PatchOptions { manager: "kubectl".into(), ..PatchOptions::default() };
            room.cluster.patch(id, &Patch::Strategic(patch), &options).await.unwrap();
        }
    };
    strategic(container(json!({"name": "c", "image": "web:2"}))).await;
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.template.spec.containers[name=\"c\"].image"]));
    again().await;
    strategic(container(json!({"name": "c", "args": ["--z"]}))).await;
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.template.spec.containers[name=\"c\"].args"]));
    again().await;
    strategic(json!({"spec": {"template": {"spec": {"tolerations": [{"key": "y", "operator": "Exists"}]}}}})).await;
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.template.spec.tolerations"]));
    again().await;
    room.patch(&id, json!({"metadata": {"labels": {"app.kubernetes.io/part-of": null}}}), "kubectl").await;
    assert_eq!(room.standing(&id, &intent).await, taken(&[".metadata.labels[\"app.kubernetes.io/part-of\"]"]));
    again().await;
    strategic(container(json!({"name": "c", "env": [{"name": "B", "$patch": "delete"}]}))).await;
    assert_eq!(
        room.standing(&id, &intent).await,
        taken(&[".spec.template.spec.containers[name=\"c\"].env[name=\"B\"]"])
    );
    again().await;

    let co_owner =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}});
    let argo = ApplyOptions { manager: "argocd".into(), ..ApplyOptions::default() };
    room.cluster.apply(&id, &co_owner, &argo).await.unwrap();
    assert_eq!(room.standing(&id, &intent).await, unchanged, "a co-owner with the same value");
    let mut other = co_owner.clone();
    other["spec"]["replicas"] = json!(2);
    let refused = room.cluster.apply(&id, &other, &argo).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    let conflicts = Failure::of(&refused).unwrap().field_conflicts();
    assert_eq!((conflicts[0].manager.as_str(), conflicts[0].field.as_str()), (APPLY_MANAGER, ".spec.replicas"));
    room.cluster.apply(&id, &other, &ApplyOptions { force: true, ..argo }).await.unwrap();
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.replicas"]), "forced by another");
    let live = room.cluster.get(&id).await.unwrap().unwrap();
    let owners = owners_of(&FieldPath::parse(".spec.replicas").unwrap(), &live);
    assert_eq!(owners.iter().map(|o| o.manager.as_str()).collect::<Vec<_>>(), ["argocd"]);
    again().await;

    room.patch(&id, json!({"spec": {"replicas": 4}}), APPLY_MANAGER).await;
    assert_eq!(room.standing(&id, &intent).await, taken(&[".spec.replicas"]), "the same manager by a plain patch");
    again().await;

    let mut less = intent.clone();
    less["metadata"]["labels"].as_object_mut().unwrap().remove("app.kubernetes.io/part-of");
    assert_eq!(room.standing(&id, &less).await, Standing::Different(Difference::OtherIntent));

    strategic(json!({"spec": {"template": {"spec": {"initContainers": [{"name": "i", "image": "x"}]}}}})).await;
    assert_eq!(
        room.standing(&id, &intent).await,
        taken(&[".spec.template.spec.initContainers"]),
        "an empty list was filled"
    );

    room.patch(&id, json!({"metadata": {"managedFields": [{}]}}), "kubectl").await;
    assert_eq!(room.standing(&id, &intent).await, Standing::Different(Difference::NotApplied), "managedFields wiped");
    room.close().await;
}

#[on(shadow, live)]
async fn an_edit_after_apply_is_kept_and_a_new_value_is_a_conflict(bed: Bed) {
    let room = Room::open(&bed, "edit").await;
    let intent = intent_of(&deployment(&room.namespace), true);
    let id = room.id("Deployment/web").await;
    let applied = room.apply(&id, &intent).await;

    let mut edits = Edits::of(&applied);
    let path = FieldPath::parse(".spec.replicas").unwrap();
    edits.note(&path, &applied, &room.salt);
    let note = edits.to_annotation().unwrap();
    room.patch(
        &id,
        json!({"metadata": {"annotations": {EDITED_ANNOTATION: note}}, "spec": {"replicas": 3}}),
        EDIT_MANAGER,
    )
    .await;
    assert_eq!(room.standing(&id, &intent).await, Standing::Unchanged { kept: vec![path.clone()] });

    let mut new_image = intent.clone();
    new_image["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    let live = room.apply(&id, &new_image).await;
    assert_eq!(live["spec"]["replicas"], 3, "what was scaled stays");
    assert_eq!(room.standing(&id, &new_image).await, Standing::Unchanged { kept: vec![path] });

    let mut scaled = new_image.clone();
    scaled["spec"]["replicas"] = json!(5);
    let error = room.cluster.apply(&id, &scaled, &apply_options()).await.unwrap_err();
    let conflict = &Failure::of(&error).unwrap().field_conflicts()[0];
    assert_eq!((conflict.manager.as_str(), conflict.field.as_str()), (EDIT_MANAGER, ".spec.replicas"));
    room.close().await;
}

#[on(shadow, live)]
async fn a_secrets_stand_is_known_without_a_hash_of_it(bed: Bed) {
    let room = Room::open(&bed, "secret").await;
    let manifest = |password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": room.namespace},
            "stringData": {"password": password}, "type": "Opaque"})
    };
    let (one, two) = (intent_of(&manifest("one"), false), intent_of(&manifest("two"), false));
    let id = room.id("Secret/s").await;
    let live = room.apply(&id, &one).await;
    assert_eq!(room.standing(&id, &one).await, Standing::Unchanged { kept: vec![] });
    assert_eq!(room.standing(&id, &two).await, Standing::Different(Difference::OtherData));
    let after = room.apply(&id, &two).await;
    let diff = Diff::between(Some(&live), Some(&after), &room.cluster.schema("v1", "Secret").await.unwrap().unwrap());
    assert_eq!(diff.short(), "data.password: changed (hidden)");
    room.close().await;
}

#[on(shadow, live)]
async fn the_verbs_do_what_they_say(bed: Bed) {
    let room = Room::open(&bed, "verbs").await;
    let cluster = &room.cluster;
    let id = room.id("ConfigMap/a").await;
    assert_eq!(cluster.get(&id).await.unwrap(), None);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}});
    let tried = cluster.create(&id, &object, &WriteOptions { manager: "m".into(), dry_run: true }).await.unwrap();
    assert_eq!(tried["data"]["k"], "1");
    assert_eq!(cluster.get(&id).await.unwrap(), None, "a dry run keeps nothing");
    let live = cluster.create(&id, &object, &WriteOptions::default()).await.unwrap();
    assert_eq!(cluster.create(&id, &object, &WriteOptions::default()).await.unwrap_err().kind(), Kind::AlreadyExists);

    let mut next = live.clone();
    next["data"]["k"] = json!("2");
    cluster.update(&id, &next, &WriteOptions::default()).await.unwrap();
    let stale = cluster.update(&id, &next, &WriteOptions::default()).await.unwrap_err();
    assert_eq!((stale.kind(), Failure::of(&stale).unwrap().field_conflicts().len()), (Kind::Conflict, 0));
    assert!(stale.message().contains("has been changed since it was read"), "{stale:?}");
    let version = live.pointer("/metadata/resourceVersion").unwrap().as_str().unwrap().to_owned();
    let late = ApplyOptions { resource_version: Some(version), force: true, ..apply_options() };
    let error = cluster.apply(&id, &object, &late).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error:?}");

    let operations =
        json!([{"op": "test", "path": "/data/k", "value": "2"}, {"op": "replace", "path": "/data/k", "value": "3"}]);
    let options = PatchOptions { manager: "m".into(), ..PatchOptions::default() };
    let patched = cluster.patch(&id, &Patch::Json(operations.clone()), &options).await.unwrap();
    assert_eq!(patched["data"]["k"], "3");
    let failed = cluster.patch(&id, &Patch::Json(operations), &options).await.unwrap_err();
    assert_eq!(failed.kind(), Kind::Rejected, "{failed:?}");

    let wrong_uid =
        DeleteOptions { uid: Some("00000000-0000-0000-0000-000000000000".into()), ..DeleteOptions::default() };
    assert_eq!(cluster.delete(&id, &wrong_uid).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(cluster.delete(&id, &DeleteOptions::default()).await.unwrap(), Deleted::Gone);
    assert_eq!(cluster.delete(&id, &DeleteOptions::default()).await.unwrap(), Deleted::Absent);

    let homeless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let nowhere = cluster.resource(&ResourceRef::parse("cm/a").unwrap(), Some("nowhere")).await.unwrap();
    let error = cluster.apply(&nowhere, &homeless, &apply_options()).await.unwrap_err();
    assert!(error.message().contains("there is no namespace nowhere"), "{error:?}");
    let error = cluster.patch(&room.id("cm/none").await, &Patch::Merge(json!({})), &options).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NotFound, format!("there is no ConfigMap/none in {}", room.namespace).as_str())
    );
    room.close().await;
}

#[on(shadow, live)]
async fn what_the_server_rejects_is_said_field_by_field(bed: Bed) {
    let room = Room::open(&bed, "reject").await;
    let id = room.id("Deployment/web").await;
    let mut unknown = deployment(&room.namespace);
    unknown["spec"]["replcas"] = json!(1);
    let error = room.cluster.apply(&id, &unknown, &apply_options()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    assert!(error.message().contains(".spec.replcas: field not declared in schema"), "{error:?}");
    assert_eq!(error.hint_text(), Some("did you mean .spec.replicas?"));
    let error = room.cluster.create(&id, &unknown, &WriteOptions::default()).await.unwrap_err();
    assert!(error.message().contains("unknown field \"spec.replcas\""), "{error:?}");
    let mut invalid = deployment(&room.namespace);
    invalid["spec"]["replicas"] = json!(-1);
    invalid["spec"]["template"]["spec"]["containers"][0]["image"] = json!("");
    let error = room.cluster.apply(&id, &invalid, &apply_options()).await.unwrap_err();
    assert!(
        error.message().contains("\n  - spec.replicas: ")
            && error.message().contains("containers[0].image: Required value"),
        "{error}"
    );
    let error = room.cluster.list(&id.collection(), &Selector::labels("a=b=c").into()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error:?}");
    let mut watch = room.cluster.watch(&id.collection(), Selector::labels("a=b=c"));
    assert_eq!(watch.next().await.unwrap_err().kind(), Kind::Rejected);
    room.close().await;
}

#[on(live, because = "the shadow lets everybody do everything")]
fn a_right_that_is_missing_is_named(bed: Bed) {
    let path = bed.kubeconfig();
    bed.outside(async move {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut config: Json = kube_yaml(&text);
        for user in config["users"].as_array_mut().unwrap() {
            user["user"]["as"] = json!("jane");
        }
        let copy = folder.path().join("config");
        std::fs::write(&copy, config.to_string()).unwrap();
        let cluster = open(copy).await;
        let pods = cluster.collection("Pod", Some("kube-system"), false).await.unwrap();
        let error = cluster.list(&pods, &ListOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Forbidden);
        assert!(error.message().starts_with("user jane may not list pods in kube-system"), "{error}");
        let mut watch = cluster.watch(&pods, Selector::default());
        assert_eq!(watch.next().await.unwrap_err().kind(), Kind::Forbidden);
    });
}

/// Paths in the file become absolute, since the copy stands elsewhere.
fn kube_yaml(text: &str) -> Json {
    let config = kube::config::Kubeconfig::from_yaml(text).unwrap();
    serde_json::to_value(config).unwrap()
}

#[on(shadow, live)]
async fn long_lists_come_in_pages_and_a_watch_misses_nothing(bed: Bed) {
    let room = Room::open(&bed, "pages").await;
    let all = room.id("ConfigMap/x").await.collection();
    let create = |range: std::ops::Range<usize>| {
        let (cluster, all) = (room.cluster.clone(), all.clone());
        async move {
            for n in range {
                let name = format!("c{n:03}");
                let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"n": n.to_string()}}});
                cluster.create(&all.member(&name), &object, &WriteOptions::default()).await.unwrap();
            }
        }
    };
    create(0..60).await;
    // Creation goes on while the watch lists and begins.
    let more = tokio::spawn(create(60..200));
    let mut watch = room.cluster.watch(&all, Selector { labels: Some("n".into()), fields: None });
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        let name = |o: &Json| o.pointer("/metadata/name").unwrap().as_str().unwrap().to_owned();
        match watch.next().await.unwrap() {
            WatchEvent::Snapshot(items) => seen.extend(items.iter().map(name)),
            WatchEvent::Applied(object) => assert!(seen.insert(name(&object)), "told twice: {}", name(&object)),
            other => panic!("{other:?}"),
        }
    }
    more.await.unwrap();
    let options = ListOptions { page: 30, ..Selector::labels("n").into() };
    let listing = room.cluster.list(&all, &options).await.unwrap();
    assert_eq!((listing.items.len(), listing.more), (200, false));
    assert_eq!(listing.items[0]["kind"], "ConfigMap");
    let few = room.cluster.list(&all, &ListOptions { limit: Some(45), ..options }).await.unwrap();
    assert_eq!((few.items.len(), few.more), (45, true));
    room.cluster.delete(&all.member("c000"), &DeleteOptions::default()).await.unwrap();
    assert!(matches!(watch.next().await.unwrap(), WatchEvent::Deleted(_)));
    room.close().await;
}

#[on(shadow, live)]
async fn the_schema_knows_lists(bed: Bed) {
    let cluster = cluster_of(&bed).await;
    let schema = cluster.schema("apps/v1", "Deployment").await.unwrap().unwrap();
    let at = |text: &str| FieldPath::parse(text).unwrap();
    let pod = ".spec.template.spec";
    let list = |path: &str| schema.list_type(&at(&format!("{pod}{path}")));
    assert_eq!(list(".containers"), ListType::Keyed(vec!["name".into()]));
    assert_eq!(list(".containers[name=\"a\"].ports"), ListType::Keyed(vec!["containerPort".into(), "protocol".into()]));
    assert_eq!(list(".containers[name=\"a\"].args"), ListType::Atomic);
    assert_eq!(list(".tolerations"), ListType::Atomic);
    assert_eq!(schema.list_type(&at(".metadata.finalizers")), ListType::Set);
    assert!(schema.is_atomic_map(&at(".spec.selector")));
    let protocol = schema.default_at(&at(&format!("{pod}.containers[0].ports[0].protocol")));
    assert_eq!(protocol, Some(&json!("TCP")));
    assert_eq!(schema.has_field(&at(".spec.replcas")), Some(false));
    assert!(cluster.schema("v1", "Pod").await.unwrap().is_some());
}

/// Fields and owners, without what the server and the controllers keep for themselves.
fn fields_and_owners(object: &Json) -> Json {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for name in ["resourceVersion", "generation", "uid", "creationTimestamp"] {
        metadata.remove(name);
    }
    // The deployment controller counts on.
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    if let Some(owners) = metadata.get_mut("managedFields").and_then(Json::as_array_mut) {
        owners.retain(|o| o.get("subresource").and_then(Json::as_str) != Some("status"));
        // kube-controller-manager's entry grows with the annotation of the revision, when it comes.
        owners.retain(|o| o["manager"] != "kube-controller-manager");
    }
    object
}

#[on(shadow, live)]
async fn undoing_gives_back_fields_and_owners_exactly(bed: Bed) {
    let room = Room::open(&bed, "undo").await;
    let id = room.id("Deployment/web").await;
    let foreign = PatchOptions { manager: "kubectl".into(), ..PatchOptions::default() };
    let by_hand = WriteOptions { manager: "kubectl-create".into(), dry_run: false };
    room.cluster.create(&id, &deployment(&room.namespace), &by_hand).await.unwrap();
    room.cluster
        .patch(&id, &Patch::Merge(json!({"metadata": {"labels": {"team": "a"}}, "spec": {"replicas": 2}})), &foreign)
        .await
        .unwrap();
    // The deployment controller notes its revision.
    let mut watch = room.cluster.watch_object(&id);
    until(&mut watch, |o| {
        o.pointer("/metadata/annotations/deployment.kubernetes.io~1revision").is_some()
            && o.pointer("/status/observedGeneration") == o.pointer("/metadata/generation")
    })
    .await;
    let before = room.cluster.get(&id).await.unwrap().unwrap();

    let mut intent = intent_of(&deployment(&room.namespace), true);
    intent["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:9");
    intent["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap().remove(0);
    let force = ApplyOptions { force: true, ..apply_options() };
    let after = room.cluster.apply(&id, &intent, &force).await.unwrap();
    assert_ne!(fields_and_owners(&before), fields_and_owners(&after));
    let restored = room.cluster.restore(&id, &before, &after).await.unwrap();
    assert_eq!(fields_and_owners(&restored), fields_and_owners(&before));
    let again = room.cluster.restore(&id, &before, &after).await.unwrap();
    assert_eq!(fields_and_owners(&again), fields_and_owners(&before), "done already");

    let before = room.cluster.get(&id).await.unwrap().unwrap();
    let edit = PatchOptions { manager: EDIT_MANAGER.into(), ..PatchOptions::default() };
    let after = room
        .cluster
        .patch(
            &id,
            &Patch::Merge(json!({"spec": {"replicas": 5}, "metadata": {"labels": {"x": "y", "team": null}}})),
            &edit,
        )
        .await
        .unwrap();
    room.cluster
        .patch(&id, &Patch::Merge(json!({"metadata": {"annotations": {"note": "theirs"}}})), &foreign)
        .await
        .unwrap();
    let restored = room.cluster.restore(&id, &before, &after).await.unwrap();
    assert_eq!(
        (&restored["spec"]["replicas"], &restored["metadata"]["annotations"]["note"]),
        (&json!(2), &json!("theirs"))
    );
    let owner = |path: &str, of: &Json| {
        owners_of(&FieldPath::parse(path).unwrap(), of).into_iter().map(|o| o.manager).collect::<Vec<_>>()
    };
    assert_eq!(owner(".spec.replicas", &restored), ["kubectl"]);
    assert_eq!(owner(".metadata.labels.team", &restored), ["kubectl"]);
    assert!(!restored["metadata"]["managedFields"].to_string().contains(EDIT_MANAGER));

    let before = room.cluster.get(&id).await.unwrap().unwrap();
    let after = room.cluster.patch(&id, &Patch::Merge(json!({"spec": {"replicas": 5}})), &edit).await.unwrap();
    room.cluster.patch(&id, &Patch::Merge(json!({"spec": {"replicas": 6}})), &foreign).await.unwrap();
    let error = room.cluster.restore(&id, &before, &after).await.unwrap_err();
    assert_eq!((error.kind(), error.detail_value()), (Kind::Conflict, Some(&json!({"paths": [".spec.replicas"]}))));
    room.close().await;
}

#[on(shadow, live)]
async fn a_deleted_object_comes_back_with_its_owners(bed: Bed) {
    let room = Room::open(&bed, "redo").await;
    let id = room.id("ConfigMap/a").await;
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"l": "1"}}, "data": {"k": "1"}});
    room.cluster.create(&id, &object, &WriteOptions { manager: "helm".into(), dry_run: false }).await.unwrap();
    room.patch(&id, json!({"data": {"k": "2"}}), "kubectl").await;
    let before = room.cluster.get(&id).await.unwrap().unwrap();
    room.cluster.delete(&id, &DeleteOptions::default()).await.unwrap();
    let back = room.cluster.recreate(&id, &before).await.unwrap();
    assert_eq!(fields_and_owners(&back), fields_and_owners(&before));
    assert_eq!(room.cluster.recreate(&id, &before).await.unwrap_err().kind(), Kind::AlreadyExists);
    assert_eq!(room.cluster.restore(&id, &before, &before).await.unwrap_err().kind(), Kind::Conflict, "another uid");
    room.close().await;
}

/// Stands between a client and the API server, and can be cut.
struct Proxy {
    port: u16,
    server: String,
    running: Vec<tokio::task::JoinHandle<()>>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let mut proxy = Self { port: 0, server, running: Vec::new() };
        proxy.listen().await;
        proxy
    }

    async fn listen(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], self.port).into()).unwrap();
        let listener = socket.listen(64).unwrap();
        self.port = listener.local_addr().unwrap().port();
        let server = self.server.clone();
        self.running.push(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                connections.spawn(async move {
                    if let Ok(mut far) = tokio::net::TcpStream::connect(server).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        }));
    }

    async fn cut(&mut self) {
        for task in self.running.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}

#[on(shadow, live)]
fn reads_and_watches_outlast_a_server_that_goes_away(bed: Bed) {
    let path = bed.kubeconfig();
    bed.outside(async move {
        let room = Room::of(open(path.clone()).await, "away").await;
        let mut config = kube_yaml(&std::fs::read_to_string(&path).unwrap());
        let server =
            config["clusters"][0]["cluster"]["server"].as_str().unwrap().trim_start_matches("https://").to_owned();
        let mut proxy = Proxy::start(server).await;
        config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{}", proxy.port).into();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("config");
        std::fs::write(&copy, config.to_string()).unwrap();
        let notes = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&notes);
        let shaky = open(copy).await.observed(Arc::new(move |note| told.lock().unwrap().push(note)));

        let all = room.id("ConfigMap/x").await.collection();
        let make = |name: &'static str| {
            let object =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"away": "yes"}}});
            let (cluster, id) = (room.cluster.clone(), all.member(name));
            async move { cluster.create(&id, &object, &WriteOptions::default()).await.unwrap() }
        };
        let mut watch = shaky.watch(&all, Selector::labels("away"));
        assert!(matches!(watch.next().await.unwrap(), WatchEvent::Snapshot(none) if none.is_empty()));
        make("one").await;
        assert!(matches!(watch.next().await.unwrap(), WatchEvent::Applied(_)));
        proxy.cut().await;
        assert!(matches!(watch.next().await.unwrap(), WatchEvent::Disconnected(_)));
        make("two").await;

        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}});
        let (writer, id) = (shaky.clone(), all.member("three"));
        let write = tokio::spawn(async move { writer.create(&id, &object, &WriteOptions::default()).await });
        let (reader, id) = (shaky.clone(), all.member("one"));
        let read = tokio::spawn(async move { reader.get(&id).await });
        pause(1500).await;
        proxy.listen().await;
        assert!(matches!(watch.next().await.unwrap(), WatchEvent::Reconnected));
        let back = watch.next().await.unwrap();
        assert!(matches!(&back, WatchEvent::Applied(o) if o["metadata"]["name"] == "two"), "{back:?}");
        assert!(read.await.unwrap().unwrap().is_some());
        write.await.unwrap().expect("a refused connection was never a request: it is repeated");
        let told = notes.lock().unwrap().clone();
        assert!(
            told.iter().any(|n| matches!(n, Note::Retry(retry) if retry.request.starts_with("create ConfigMap/three"))),
            "{told:?}"
        );
        room.close().await;
    });
}

#[on(shadow, live)]
fn the_steps_of_an_unchanged_apply_take_no_time(bed: Bed) {
    let path = bed.kubeconfig();
    bed.outside(async move {
        let clock = std::time::Instant::now();
        let cluster = open(path).await;
        let opened = clock.elapsed();
        cluster.discovery().await.unwrap();
        let discovered = clock.elapsed() - opened;
        let all = cluster.collection("ConfigMap", None, true).await.unwrap();
        cluster.list(&all, &ListOptions::default()).await.unwrap();
        eprintln!(
            "opened in {opened:?}, discovered in {discovered:?}, listed in {:?}",
            clock.elapsed() - opened - discovered
        );
        assert!(clock.elapsed() < Duration::from_secs(5));
    });
}
