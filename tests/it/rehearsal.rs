//! `windlass rehearse`: the whole command on a simulated cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;

use crate::support::{Ran, acme, copy, helm, windlass, windlass_without_helm};

/// Two Deployments, one of them in a step of its own, and a StatefulSet with a volume; and what became of them, by name.
const SHOP: &str = r#"
    fn deployment(name) {
        #{
            apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: name },
            spec: #{
                replicas: 2, selector: #{ matchLabels: #{ app: name } },
                template: #{ metadata: #{ labels: #{ app: name } }, spec: #{ containers: [#{ name: "main", image: `reg.example/${name}-image:1` }] } },
            },
        }
    }

    fn database() {
        #{
            apiVersion: "apps/v1", kind: "StatefulSet", metadata: #{ name: "db" },
            spec: #{
                serviceName: "db", replicas: 2, selector: #{ matchLabels: #{ app: "db" } },
                template: #{ metadata: #{ labels: #{ app: "db" } }, spec: #{ containers: [#{ name: "main", image: "db:1", volumeMounts: [#{ name: "data", mountPath: "/data" }] }] } },
                volumeClaimTemplates: [#{ metadata: #{ name: "data" }, spec: #{ accessModes: ["ReadWriteOnce"], storageClassName: "local", resources: #{ requests: #{ storage: "1Gi" } } } }],
            },
        }
    }

    step("class", || {
        cluster::apply(#{ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: #{ name: "local" }, provisioner: "example.com/local", volumeBindingMode: "WaitForFirstConsumer" });
        cluster::namespace("shop");
    });
    step("web", || cluster::apply([deployment("web"), deployment("api")], #{ namespace: "shop" }));
    step("db", || {
        cluster::apply(database(), #{ namespace: "shop" });
        sleep("90s");
    });
    step("ready", #{ on_error: "continue" }, || {
        wait::all([#{ ready: "Deployment/web" }, #{ ready: "Deployment/api" }, #{ ready: "StatefulSet/db" }], #{ namespace: "shop", timeout: "30m" });
    });
    step("objects", || {
        for kind in ["Deployment", "ReplicaSet", "StatefulSet", "Pod", "PersistentVolumeClaim", "Node"] {
            for object in cluster::list(kind, #{ namespace: if kind == "Node" { () } else { "shop" } }) {
                log::info(`object ${object.to_json()}`);
            }
        }
    });
"#;

fn file(script: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.rhai");
    std::fs::write(&file, script).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

/// Rehearses a script at a time of its own, so that no two tests depend on the hour.
fn rehearse(script: &str, more: &[&str]) -> Ran {
    let (_folder, file) = file(script);
    windlass(&[&["rehearse", &file, "--begin", "2026-07-01T08:00:00Z"], more].concat())
}

/// The objects that the last step of [`SHOP`] tells, by kind and name, without what follows from the order of all writes: as
/// in a real cluster, versions count all of them, and pods get the next free address of their node.
fn objects(ran: &Ran) -> BTreeMap<String, Json> {
    let told = ran.out.lines().filter_map(|line| {
        let event: Json = serde_json::from_str(line).unwrap();
        let mut object: Json = serde_json::from_str(event["text"].as_str()?.strip_prefix("object ")?).unwrap();
        for field in ["resourceVersion", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(field);
        }
        for field in ["podIP", "podIPs"] {
            object["status"].as_object_mut().unwrap().remove(field);
        }
        let name = format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        Some((name, object))
    });
    told.collect()
}

/// A report or an event without the machine's own time, and the run's id.
fn simulated(json: &Json) -> Json {
    match json {
        Json::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !["elapsed_s", "run", "place"].contains(&key.as_str()));
            Json::Object(kept.map(|(key, value)| (key.clone(), simulated(value))).collect())
        }
        Json::Array(list) => list.iter().map(simulated).collect(),
        other => other.clone(),
    }
}

fn events(ran: &Ran) -> Vec<Json> {
    ran.out.lines().map(|line| simulated(&serde_json::from_str(line).unwrap())).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn the_example_goes_through_and_a_second_run_changes_nothing() {
    if helm().is_none() {
        return;
    }
    let (_folder, acme) = acme();
    let before = files(&acme);
    let ran = windlass(&["rehearse", acme.to_str().unwrap(), "--twice", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() > 20 && steps.iter().all(|step| step["status"] == "ok"), "{report:#}");
    let deployed = steps.iter().find(|step| step["key"] == "solution/deployments").unwrap();
    assert_eq!(deployed["changed"], 21);
    let found = &report["rehearsal"];
    let count = |kind: &str| {
        found["objects"].as_array().unwrap().iter().find(|o| o["kind"] == kind).map(|o| o["count"].clone())
    };
    for (kind, wanted) in
        [("Deployment", 25), ("StatefulSet", 4), ("Pod", 29), ("PersistentVolume", 7), ("Ingress", 20)]
    {
        assert_eq!(count(kind), Some(wanted.into()), "{kind}");
    }
    assert_eq!(count("Node"), None, "the nodes were there before");
    assert_eq!(found["timeline"].as_array().unwrap().len(), steps.len());
    assert!(!found["longest_waits"].as_array().unwrap().is_empty());
    assert_eq!(found["endless"], serde_json::json!([]));
    assert_eq!((&report["again"]["status"], &report["again"]["changed"]), (&"ok".into(), &0.into()), "{}", ran.err);
    assert_eq!(report["again"]["unchanged"], report["changed"]);
    assert_eq!(files(&acme), before, "generated secrets stay in memory, and nothing else is left");
}

#[test]
fn without_helm_the_example_goes_through_and_says_what_is_missing() {
    let (_folder, acme) = acme();
    let ran = windlass_without_helm(&["rehearse", acme.to_str().unwrap(), "--twice", "--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    assert!(report["steps"].as_array().unwrap().iter().all(|step| step["status"] == "ok"), "{report:#}");
    let not_rendered = report["rehearsal"]["not_rendered"].as_array().unwrap();
    let names: Vec<&str> = not_rendered.iter().map(|one| one["resource"].as_str().unwrap()).collect();
    let releases = ["ef-postgresql", "keycloak", "mongo", "minio", "redis", "grafana", "superset"];
    assert_eq!(names, releases.map(|release| format!("HelmRelease/{release} in ef-external")));
    for one in not_rendered {
        let reason = one["reason"].as_str().unwrap();
        assert!(reason.contains("there is no helm in PATH") && reason.contains("install Helm"), "{reason}");
    }
    assert_eq!(report["again"]["changed"], 0, "{}", ran.err);
    let text = windlass_without_helm(&["rehearse", acme.to_str().unwrap()]);
    assert!(text.out.contains("\nnot rendered  "), "{}", text.out);
    assert!(text.out.contains("\n  HelmRelease/minio in ef-external\n"), "{}", text.out);
    assert!(text.out.contains("\n  there is no helm in PATH: install Helm"), "{}", text.out);
    let said = "these are not verified: [\"minio\", \"mongodb\", \"redis\"";
    assert!(text.err.contains(said), "{}", text.err);
    let long: Vec<&str> = text.out.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn values_reach_the_charts_of_the_external_components() {
    if helm().is_none() {
        return;
    }
    let (_folder, acme) = acme();
    std::fs::write(
        acme.join("redis.yaml"),
        "master: { persistence: { size: 5Gi } }\nauth: { existingSecret: other }\n",
    )
    .unwrap();
    let mine = "
external:
  redis: { values_files: [redis.yaml], values: { auth: { existingSecret: ef-mongodb-credentials } } }
  keycloak: { replicas: 2 }
  superset: { enabled: false }
images: { registry: 'mirror.local:5000' }
";
    std::fs::write(acme.join("mine.yaml"), mine).unwrap();
    // The stock playbook, with one more step that tells what came of it.
    let playbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks");
    let own = acme.with_file_name("playbooks");
    for part in ["single-node", "steps", "blueprint", "schema"] {
        copy(&playbooks.join(part), &own.join(part));
    }
    let playbook = own.join("single-node/playbook.rhai");
    let look = "step(\"look\", #{ needs: [\"report\"] }, || for kind in [\"Deployment\", \"StatefulSet\"] { for object in cluster::list(kind, #{ namespace: \"ef-external\" }) { log::info(`object ${object.to_json()}`) } });\n";
    std::fs::write(&playbook, std::fs::read_to_string(&playbook).unwrap() + look).unwrap();
    let (folder, file) = (acme.to_str().unwrap(), acme.join("mine.yaml"));
    let own = own.join("single-node");
    let more = ["--customer", folder, "-f", file.to_str().unwrap(), "-o", "jsonl"];
    let ran = windlass(&[&["rehearse", own.to_str().unwrap()], &more[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let objects = objects(&ran);
    let of = |name: &str| &objects[name]["spec"];
    assert_eq!(of("Deployment/keycloak")["replicas"], 2);
    assert!(!objects.contains_key("Deployment/superset"));
    let redis = of("StatefulSet/redis");
    let container = &redis["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "mirror.local:5000/external/redis:4.2");
    assert_eq!(
        container["env"][0]["valueFrom"]["secretKeyRef"],
        serde_json::json!({ "name": "ef-mongodb-credentials", "key": "password" })
    );
    assert_eq!(redis["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"], "5Gi");
    assert_eq!(redis["volumeClaimTemplates"][0]["spec"]["storageClassName"], "openebs-hostpath");
    let two =
        windlass(&["rehearse", folder, "--set", "external.redis.replicas=2", "--set", "external.minio.chart=nowhere"]);
    assert_eq!(two.code, 1, "{}", two.err);
    assert!(two.err.contains("external-replicas redis: external.redis.replicas is 2"), "{}", two.err);
    assert!(two.err.contains("external-chart minio: ") && two.err.contains("nowhere is no chart"), "{}", two.err);
}

/// Tells the threads that keep the machine busy to end, also when an assertion fails.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn the_same_seed_gives_the_same_events_also_under_load() {
    let faults = ["--fail", "node/node-2@ready", "--fail", "start/web=3m", "--fail", "crash/api"];
    let run = |seed: &str| rehearse(SHOP, &[&["-o", "jsonl", "--seed", seed], &faults[..]].concat());
    let first = run("7");
    let wanted = events(&first);
    assert!(wanted.len() > 30, "{}", first.err);
    let names = |ran: &Ran| objects(ran).into_keys().collect::<Vec<_>>();
    assert_ne!(names(&first), names(&run("8")), "another seed gives other names");
    let busy = AtomicBool::new(true);
    std::thread::scope(|threads| {
        let _until_the_end = Busy(&busy);
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            threads.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        for round in 1..20 {
            let again = events(&run("7"));
            let differs = wanted.iter().zip(&again).find(|(one, other)| one != other);
            assert!(differs.is_none(), "{round}: {differs:#?}");
            assert_eq!(again.len(), wanted.len());
        }
    });
}

#[test]
fn a_fault_at_one_point_moves_nothing_else() {
    let clean = objects(&rehearse(SHOP, &["-o", "jsonl"]));
    assert!(clean.len() > 12, "{clean:?}");
    for fault in ["start/web=20s", "never-ready/web-image", "image/web-image:1", "crash/shop/web@web", "pvc/data-db-1"]
    {
        let about = |name: &str| if fault.starts_with("pvc") { name.contains("db") } else { name.contains("/web") };
        let ran = rehearse(SHOP, &["-o", "jsonl", "--fail", fault]);
        let broken = objects(&ran);
        let differ = |name: &&String| broken.get(*name) != clean.get(*name);
        let moved: Vec<&String> = clean.keys().chain(broken.keys()).filter(differ).collect();
        assert!(!moved.is_empty() && moved.iter().all(|name| about(name)), "{fault}: {moved:?}\n{}", ran.err);
        // The order of writes is another, uids are not.
        let uids = |all: &BTreeMap<String, Json>| -> BTreeMap<String, Json> {
            all.iter().map(|(name, object)| (name.clone(), object["metadata"]["uid"].clone())).collect()
        };
        if !fault.starts_with("pvc") {
            assert_eq!(uids(&clean), uids(&broken), "{fault}");
        }
    }
}

#[test]
fn a_rehearsal_with_a_fault_ends_with_the_object_and_its_reason() {
    for (fault, wanted) in [
        ("image/web-image:1", "ImagePullBackOff"),
        ("crash/web", "CrashLoopBackOff"),
        ("never-ready/web", "ProgressDeadlineExceeded"),
        ("never-ready/db", "nothing can happen any more"),
        ("pvc/shop/data-db-0", "StatefulSet/db in shop will not become ready"),
    ] {
        let ran = rehearse(SHOP, &["--fail", fault]);
        assert_eq!(ran.code, 1, "{fault}: {}", ran.err);
        assert!(ran.err.contains(wanted), "{fault}: {}", ran.err);
        assert!(ran.out.contains(&format!("\nfaults\n  {fault}\n")), "{}", ran.out);
    }
}

#[test]
fn the_pods_of_a_node_that_goes_down_at_a_step_move_after_five_minutes() {
    let ran = rehearse(SHOP, &["-o", "json", "--fail", "node/node-2@web"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    let took = report["virtual_s"].as_f64().unwrap();
    // Lost after 50 s, tolerated for 300 s.
    assert!((350.0..370.0).contains(&took), "{took}: {}", ran.err);
    assert_eq!(report["rehearsal"]["faults"][0]["met"], true);
    let late = rehearse(SHOP, &["-o", "json", "--fail", "node/node-2@objects"]);
    assert_eq!(late.json()["virtual_s"], 90.0, "nothing is broken before the step: {}", late.err);
}

#[test]
fn a_fault_without_effect_is_told() {
    let ran = rehearse(SHOP, &["--fail", "image/nosuch", "--fail", "start/web=1m", "--only", "class,web"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("image/nosuch  was in the way of nothing: check its name\n"), "{}", ran.out);
    let ran =
        rehearse("step(\"a\", || throw \"no\"); step(\"b\", #{ needs: [\"a\"] }, || ());", &["--fail", "image/x@b"]);
    assert!(ran.out.contains("image/x@b  did not happen: its step was not reached\n"), "{}", ran.out);
}

#[test]
fn a_slow_start_takes_its_time_and_is_among_the_longest_waits() {
    let ran = rehearse(SHOP, &["-o", "json", "--fail", "start/web=9m"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = ran.json();
    assert_eq!(report["virtual_s"], 540.0, "{report:#}");
    let longest = &report["rehearsal"]["longest_waits"][0];
    assert_eq!((&longest["step"], &longest["virtual_s"]), (&"ready".into(), &450.0.into()));
    assert!(longest["last"].as_str().unwrap().starts_with("Deployment/web in shop: "), "{longest}");
}

#[test]
fn forty_minutes_of_waiting_take_no_time() {
    let script = r#"for n in 0..40 { step(`minute/${n}`, || sleep("1m")); }"#;
    let report = rehearse(script, &["-o", "json"]).json();
    assert_eq!(report["virtual_s"], 2400.0);
    assert!(report["elapsed_s"].as_f64().unwrap() < 10.0, "{}", report["elapsed_s"]);
}

#[test]
fn what_can_never_happen_is_said_at_once() {
    let ran = rehearse(
        "step(\"a\", || wait::exists(\"ConfigMap/x\", #{ namespace: \"default\", timeout: \"10h\" }));",
        &["-o", "json"],
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("nothing can happen any more"), "{}", ran.err);
    assert_eq!(ran.json()["virtual_s"], 1.0);
}

#[test]
fn the_machines_are_those_of_the_customer() {
    let nodes = r#"step("a", || for node in cluster::list("Node") { log::info(`${node.metadata.name} ${node.metadata.labels["topology.kubernetes.io/zone"] ?? "-"} ${node.metadata.labels.disk ?? "-"}`) });"#;
    let (folder, script) = file(nodes);
    let three = windlass(&["rehearse", &script]);
    assert!(three.err.contains("node-1 - -\n  node-2 - -\n  node-3 - -\n"), "{}", three.err);
    assert!(three.out.contains("timeline  3 nodes, seed 1,"), "{}", three.out);
    std::fs::write(folder.path().join("customer.yaml"), "name: x\nplaybook: shop.rhai\n").unwrap();
    let hosts = "hosts:\n  zeta: { site: north, labels: { disk: ssd } }\n  alpha: { site: south }\n";
    std::fs::write(folder.path().join("hosts.yaml"), hosts).unwrap();
    let theirs = windlass(&["rehearse", folder.path().to_str().unwrap()]);
    assert!(theirs.err.contains("alpha south -\n  zeta north ssd\n"), "{}", theirs.err);
    let many = windlass(&["rehearse", folder.path().to_str().unwrap(), "--nodes", "12", "-o", "json"]);
    assert_eq!((many.code, &many.json()["rehearsal"]["nodes"]), (0, &12.into()), "{}", many.err);
    assert!(many.err.contains("node-12 - -"), "{}", many.err);
}

#[test]
fn questions_are_answered_with_yes_unless_keys_are_given() {
    let script = r#"
        step("a", || { confirm("wipe", "Wipe the disks?"); log::info("wiped"); });
        step("b", || { let p = secret::prompt("Password of the registry"); log::info(`it is ${p}`); });
    "#;
    let ran = rehearse(script, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("Wipe the disks?  --yes-to wipe\n  Password of the registry\n"), "{}", ran.out);
    assert!(ran.err.contains("wiped") && ran.err.contains("answered with yes"), "{}", ran.err);
    assert!(!ran.err.contains("a-secret-of-the-rehearsal"), "{}", ran.err);
    let ran = rehearse(script, &["--yes-to", "wipe"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = rehearse(script, &["--yes-to", "other"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("if you have decided: --yes-to wipe"), "{}", ran.err);
}

#[test]
fn no_line_of_the_findings_is_long_and_none_has_a_colour_of_its_own() {
    let (_folder, acme) = acme();
    let ran = windlass(&["rehearse", acme.to_str().unwrap(), "--nodes", "1", "--fail", "start/ef-ccm=2m"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let long: Vec<&str> = ran.out.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(long.is_empty(), "{long:?}");
    assert!(!ran.out.contains('\u{1b}') && ran.out.lines().all(|line| line.trim_end() == line), "{}", ran.out);
    for part in [
        "timeline  1 node, seed 1",
        "\nobjects  ",
        "\nlongest waits\n",
        "\nfaults\n  start/ef-ccm=120s\n",
        "\nnot simulated\n",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}
