//! A world with one of each kind, through its whole life: no controller is ever refused anything.

use serde_json::json;

use crate::Json;
use crate::controllers::testing::{Test, deployment, pod, stateful_set, template};
use crate::fault::Scene;
use crate::topology::{Taint, Topology};
use crate::world::Propagation;

const NAMESPACE: &str = "team";

fn in_team(mut object: Json) -> Json {
    object["metadata"]["namespace"] = json!(NAMESPACE);
    object
}

fn class(name: &str, mode: &str) -> Json {
    json!({"metadata": {"name": name}, "provisioner": "csi.example.com", "volumeBindingMode": mode})
}

fn claim(name: &str, class: &str) -> Json {
    in_team(json!({
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class, "resources": {"requests": {"storage": "1Gi"}}},
    }))
}

fn mounting(name: &str, claim: &str) -> Json {
    let mut object = in_team(pod(name, "x"));
    object["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    object["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    object
}

fn job(name: &str, restart: &str) -> Json {
    let mut job = in_team(json!({"metadata": {"name": name}, "spec": {"template": template(name, "x")}}));
    job["spec"]["template"]["spec"]["restartPolicy"] = json!(restart);
    job
}

fn populate(test: &mut Test) {
    test.create("namespaces", json!({"metadata": {"name": NAMESPACE}}));
    for mode in ["Immediate", "WaitForFirstConsumer"] {
        test.create("storageclasses.storage.k8s.io", class(&mode.to_lowercase(), mode));
    }
    test.create("persistentvolumeclaims", claim("now", "immediate"));
    test.create("persistentvolumeclaims", claim("later", "waitforfirstconsumer"));
    for name in ["now", "later"] {
        test.create("pods", mounting(&format!("with-{name}"), name));
    }

    test.create("deployments.apps", in_team(deployment("web", 3, "web:1")));
    let mut recreate = in_team(deployment("single", 2, "single:1"));
    recreate["spec"]["strategy"] = json!({"type": "Recreate"});
    test.create("deployments.apps", recreate);
    let set = json!({
        "metadata": {"name": "plain"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "plain"}}, "template": template("plain", "x")},
    });
    test.create("replicasets.apps", in_team(set));
    let controller = json!({"metadata": {"name": "old"}, "spec": {"replicas": 1, "template": template("old", "x")}});
    test.create("replicationcontrollers", in_team(controller));
    for (name, policy) in [("one-by-one", "OrderedReady"), ("at-once", "Parallel")] {
        let mut set = in_team(stateful_set(name, 3, "db:1"));
        set["spec"]["podManagementPolicy"] = json!(policy);
        let claim = claim("", "waitforfirstconsumer")["spec"].clone();
        set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": claim}]);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete", "whenScaled": "Delete"});
        test.create("statefulsets.apps", set);
    }
    let daemon = json!({
        "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", "agent:1")},
    });
    test.create("daemonsets.apps", in_team(daemon));
    test.create("jobs.batch", job("once", "Never"));
    let mut many = job("many", "OnFailure");
    many["spec"]["completionMode"] = json!("Indexed");
    many["spec"]["completions"] = json!(5);
    many["spec"]["parallelism"] = json!(2);
    many["spec"]["ttlSecondsAfterFinished"] = json!(60);
    test.create("jobs.batch", many);
    let hourly = json!({
        "metadata": {"name": "minutely"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job("x", "Never")["spec"]}},
    });
    test.create("cronjobs.batch", in_team(hourly));

    for (name, spec) in [
        ("web", json!({"selector": {"app": "web"}, "ports": [{"port": 80}]})),
        ("one-by-one", json!({"selector": {"app": "one-by-one"}, "clusterIP": "None", "ports": [{"port": 5432}]})),
        ("edge", json!({"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]})),
        ("balanced", json!({"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]})),
        ("elsewhere", json!({"type": "ExternalName", "externalName": "example.com"})),
    ] {
        test.create("services", in_team(json!({"metadata": {"name": name}, "spec": spec})));
    }
    let scaler = json!({
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    });
    test.create("horizontalpodautoscalers.autoscaling", in_team(scaler));
    let budget = json!({
        "metadata": {"name": "web"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    });
    test.create("poddisruptionbudgets.policy", in_team(budget));
    let quota =
        json!({"metadata": {"name": "much"}, "spec": {"hard": {"pods": "200", "count/deployments.apps": "10"}}});
    test.create("resourcequotas", in_team(quota));
}

fn set(test: &mut Test, resource: &str, name: &str, path: &[&str], value: Json) {
    test.set_in(NAMESPACE, resource, name, path, value);
}

/// Lets a while pass: a CronJob never ends.
fn pass(test: &mut Test, seconds: u64) {
    test.seconds(seconds);
    assert_eq!(test.refused(), Vec::<String>::new());
}

#[test]
fn no_controller_is_refused_anything() {
    let mut test = Test::of(Topology::of(3), Scene::default());
    populate(&mut test);
    pass(&mut test, 130);
    let unready: Vec<_> = test.pods().into_iter().filter(|(_, phase, ready)| phase != "Succeeded" && !ready).collect();
    assert_eq!(unready, []);

    // Rollouts, one of them with an image that is not there.
    test.inject("image/web:2");
    for (resource, name) in [
        ("deployments.apps", "web"),
        ("deployments.apps", "single"),
        ("statefulsets.apps", "one-by-one"),
        ("statefulsets.apps", "at-once"),
        ("daemonsets.apps", "agent"),
    ] {
        let path = ["spec", "template", "spec", "containers"];
        let image = if name == "web" { "web:2" } else { "other:2" };
        set(&mut test, resource, name, &path, json!([{"name": "main", "image": image}]));
    }
    pass(&mut test, 700);
    let web = test.get_in(NAMESPACE, "deployments.apps", "web");
    assert_eq!(web["status"]["conditions"][1]["reason"], "ProgressDeadlineExceeded");
    set(
        &mut test,
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "web:1"}]),
    );

    // Sizes.
    set(&mut test, "deployments.apps", "web", &["spec", "replicas"], json!(6));
    set(&mut test, "statefulsets.apps", "one-by-one", &["spec", "replicas"], json!(1));
    set(&mut test, "statefulsets.apps", "at-once", &["spec", "replicas"], json!(1));
    set(&mut test, "persistentvolumeclaims", "now", &["metadata", "labels"], json!({"a": "b"}));
    pass(&mut test, 60);

    // A node that is lost and comes back, one that is tainted, one that is removed.
    test.inject("node/node-1");
    pass(&mut test, 500);
    test.mend("node/node-1");
    pass(&mut test, 60);
    test.set("nodes", "node-2", &["spec", "taints"], json!([{"key": "out", "effect": "NoExecute"}]));
    pass(&mut test, 60);
    test.delete("nodes", "node-3");
    pass(&mut test, 120);
    test.set("nodes", "node-2", &["spec", "taints"], json!([]));

    // Owners that go, in each of the ways.
    for (resource, name, how) in [
        ("deployments.apps", "single", Propagation::Foreground),
        ("replicasets.apps", "plain", Propagation::Orphan),
        ("replicationcontrollers", "old", Propagation::Background),
        ("statefulsets.apps", "at-once", Propagation::Foreground),
        ("jobs.batch", "once", Propagation::Background),
    ] {
        test.delete_in(NAMESPACE, resource, name, Some(how));
        pass(&mut test, 60);
        assert!(test.find_in(NAMESPACE, resource, name).is_none(), "{resource} {name}");
    }
    // Its pod went with a node, and nobody made it again.
    assert!(test.find_in(NAMESPACE, "pods", "with-now").is_none_or(|pod| pod["spec"]["nodeName"] == "node-1"));
    if test.find_in(NAMESPACE, "pods", "with-now").is_some() {
        test.delete_in(NAMESPACE, "pods", "with-now", None);
    }
    test.delete_in(NAMESPACE, "persistentvolumeclaims", "now", None);
    pass(&mut test, 60);
    assert!(test.find_in(NAMESPACE, "persistentvolumeclaims", "now").is_none());

    // All the rest at once.
    test.delete("namespaces", NAMESPACE);
    pass(&mut test, 120);
    assert!(test.find("namespaces", NAMESPACE).is_none());
    let left = test.world.store.resources();
    let left = left.iter().flat_map(|resource| test.list(resource)).filter(|o| o["metadata"]["namespace"] == NAMESPACE);
    assert_eq!(left.map(|object| object["metadata"]["name"].clone()).collect::<Vec<_>>(), Vec::<Json>::new());
    assert_eq!(test.list("persistentvolumes"), Vec::<Json>::new());
}

#[test]
fn a_pod_that_no_node_takes_is_no_error() {
    let mut topology = Topology::of(1);
    topology.nodes[0].taints = vec![Taint { key: "k".into(), value: String::new(), effect: "NoSchedule".into() }];
    let mut test = Test::of(topology, Scene::default());
    test.create("pods", pod("web", "x"));
    test.finish();
    assert_eq!(test.refused(), Vec::<String>::new());
}
