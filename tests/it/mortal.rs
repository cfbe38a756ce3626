//! Runs of stock playbooks that are killed and go on: what comes of them is what comes of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use windlass_support::{Bed, on};

use crate::support::{Cluster, User, acme, said};

/// A customer with a run of `single-node`.
pub struct Customer {
    _folder: tempfile::TempDir,
    pub acme: PathBuf,
    pub user: User,
}

impl Customer {
    pub fn new(kubeconfig: &Path) -> Option<Self> {
        let user = User::with_helm(kubeconfig)?;
        let (folder, acme) = acme();
        Some(Self { _folder: folder, acme, user })
    }

    /// The command that runs it, or goes on with it.
    fn command(&self, resume: bool) -> Command {
        let mut process = self.user.command(&["run", self.acme.to_str().unwrap()]);
        if resume {
            process.arg("--resume");
        }
        process
    }

    /// Runs it, or goes on with it; it dies where that says.
    pub fn run(&self, resume: bool, dies: Option<&str>) -> Output {
        let mut process = self.command(resume);
        if let Some(dies) = dies {
            process.env("DIES", dies);
        }
        process.output().unwrap()
    }

    /// What the journal has of the last run.
    fn record(&self) -> Json {
        self.user.json(&["runs", "show", "--customer", self.acme.to_str().unwrap(), "-o", "json"])
    }

    /// What is on the cluster, as far as it does not depend on chance: objects by their names, without what the server counts.
    fn objects(&self) -> BTreeMap<String, Json> {
        let objects = self.user.objects().into_iter();
        objects.filter_map(|object| Some((named(&object)?, comparable(&object)))).collect()
    }
}

/// Kinds that controllers make, under names of their own.
const MADE: [&str; 9] = [
    "Pod",
    "ReplicaSet",
    "Event",
    "EndpointSlice",
    "Endpoints",
    "ControllerRevision",
    "PersistentVolume",
    "IPAddress",
    "Lease",
];

fn named(object: &Json) -> Option<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    // A release has one more revision where its upgrade was killed, and a CronJob a Job for each time that it was due.
    let counts = name.starts_with("sh.helm.release.") || text("/metadata/ownerReferences/0/kind") == "CronJob";
    // What is the server's own says where it listens, and by whose authority.
    let owners = object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    let managers: BTreeSet<&str> = owners.filter_map(|owner| owner["manager"].as_str()).collect();
    let of_the_server = managers == BTreeSet::from(["kube-apiserver"]);
    (!MADE.contains(&kind) && !counts && !of_the_server)
        .then(|| format!("{kind}/{name} in {}", text("/metadata/namespace")))
}

/// An object without what differs from cluster to cluster, and from key to key.
fn comparable(object: &Json) -> Json {
    let mut object = object.clone();
    let map = object.as_object_mut().unwrap();
    map.remove("status");
    if let Some(Json::Object(metadata)) = map.get_mut("metadata") {
        let of_managers = metadata.remove("managedFields");
        let managers: BTreeSet<String> = of_managers
            .iter()
            .flat_map(|fields| fields.as_array().into_iter().flatten())
            .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
            .collect();
        metadata.retain(|name, _| ["name", "namespace", "labels", "ownerReferences"].contains(&name.as_str()));
        metadata.insert("managers".to_owned(), managers.into_iter().collect());
        if let Some(Json::Array(owners)) = metadata.get_mut("ownerReferences") {
            owners.iter_mut().for_each(|owner| owner["uid"] = Json::Null);
        }
    }
    if map["kind"] == "Secret" || is_of_the_cluster(map) {
        map.remove("data");
    }
    forget(&mut object);
    object
}

/// The certificate of the cluster's own authority.
fn is_of_the_cluster(object: &serde_json::Map<String, Json>) -> bool {
    object["metadata"]["name"] == "kube-root-ca.crt"
}

/// What is generated, or given by the server: addresses, volumes, certificates.
fn forget(value: &mut Json) {
    const GIVEN: [&str; 6] = ["clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort", "volumeName", "uid"];
    match value {
        Json::Object(map) => {
            for (name, value) in map.iter_mut() {
                if GIVEN.contains(&name.as_str()) || name.starts_with("checksum/") {
                    *value = Json::Null;
                } else {
                    forget(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

fn assert_equal(undisturbed: &BTreeMap<String, Json>, killed: &BTreeMap<String, Json>) {
    let missing: Vec<&String> = undisturbed.keys().filter(|name| !killed.contains_key(*name)).collect();
    let more: Vec<&String> = killed.keys().filter(|name| !undisturbed.contains_key(*name)).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing: {missing:?}, more: {more:?}");
    for (name, object) in undisturbed {
        assert_eq!(object, &killed[name], "{name}");
    }
    assert!(undisturbed.len() > 150, "{}", undisturbed.len());
}

/// No step was begun again after it was done.
fn assert_nothing_twice(record: &Json) {
    let mut done = BTreeSet::new();
    for attempt in record["steps"].as_array().unwrap() {
        let key = attempt["key"].as_str().unwrap();
        assert!(!done.contains(key), "{key} was done and begun again");
        if attempt["report"]["status"] == "ok" {
            done.insert(key);
        }
    }
    assert_eq!(record["status"], "ok");
}

#[test]
fn single_node_that_is_killed_at_each_point_of_its_journal_ends_as_if_it_was_not() {
    let plain = Cluster::start();
    let Some(undisturbed) = Customer::new(&plain.kubeconfig()) else { return };
    let whole = undisturbed.run(false, None);
    assert!(whole.status.success(), "{}", said(&whole));
    let (steps, changes) = {
        let record = undisturbed.record();
        (record["planned"].as_array().unwrap().len(), record["changed"].as_array().unwrap().len())
    };

    let cluster = Cluster::start();
    let customer = Customer::new(&cluster.kubeconfig()).unwrap();
    assert!(said(&customer.run(false, Some("run_start before"))).contains("dies before RunStart"));
    assert!(said(&customer.run(false, Some("run_start after"))).contains("dies after RunStart"));
    let mut deaths: BTreeMap<String, usize> = BTreeMap::new();
    let mut die = |dies: &str| {
        let output = customer.run(true, Some(dies));
        let text = said(&output);
        let death = text.lines().rev().find_map(|line| line.strip_prefix("dies "));
        let Some(death) = death else {
            assert!(output.status.success(), "{text}");
            return None;
        };
        *deaths.entry(death.to_owned()).or_default() += 1;
        Some(death.to_owned())
    };
    // Each round is about what comes next: a change (intended, acted, recorded) or the end of a step, with the beginning of
    // the next one.
    for round in 0.. {
        let Some(next) = die("intent,step_end before") else { break };
        match next.as_str() {
            "before Intent" => {
                assert_eq!(die("intent after").as_deref(), Some("after Intent"));
                let side = if round % 2 == 0 { "before" } else { "after" };
                assert_eq!(die(&format!("result {side}")).as_deref(), Some(format!("{side} Result").as_str()));
            }
            "before StepEnd" => {
                assert_eq!(die("step_end after").as_deref(), Some("after StepEnd"));
                for side in ["before", "after"] {
                    if die(&format!("step_start,run_end {side}")).is_none() {
                        break;
                    }
                }
            }
            other => panic!("died {other}"),
        }
    }
    assert!(deaths["after StepEnd"] == steps && deaths["after Intent"] >= changes, "{deaths:?}");
    assert!(deaths.len() >= 9, "{deaths:?}");
    assert_nothing_twice(&customer.record());
    assert_equal(&undisturbed.objects(), &customer.objects());
}

#[on(live, because = "it is about the real control plane; the simulated one is killed at each point")]
fn single_node_that_is_killed_at_random_times_ends_as_if_it_was_not(bed: Bed) {
    let (plain, bed) = (bed.clone().alone(), bed.alone());
    let Some(undisturbed) = Customer::new(&plain.kubeconfig()) else { return };
    let whole = undisturbed.run(false, None);
    assert!(whole.status.success(), "{}", said(&whole));

    let customer = Customer::new(&bed.kubeconfig()).unwrap();
    let seed = std::process::id();
    for kill in 0..20_u32 {
        let mut process = customer.command(kill > 0);
        let mut process = process.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        // A sequence that looks like chance, the same for the same seed.
        let number = u64::from(seed + kill).wrapping_add(1).wrapping_mul(6_364_136_223_846_793_005);
        let wait = std::time::Duration::from_millis(300 + (number >> 33) % 2700);
        #[expect(clippy::disallowed_methods, reason = "a time that nothing else tells")]
        std::thread::sleep(wait);
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let last = customer.run(true, None);
    assert!(last.status.success(), "seed {seed}: {}", said(&last));
    assert_nothing_twice(&customer.record());
    assert_equal(&undisturbed.objects(), &customer.objects());
}
