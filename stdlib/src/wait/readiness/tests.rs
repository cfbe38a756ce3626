use serde_json::{Value as Json, json};

use super::{Readiness, Related, of, rollout, wants};

fn judge(object: &Json) -> Readiness {
    of(object, &Related::default())
}

#[track_caller]
fn ready(object: &Json, words: &str) {
    assert_eq!(judge(object), Readiness::ready(words));
}

#[track_caller]
fn not_yet(object: &Json, words: &str) {
    assert_eq!(judge(object), Readiness::not_yet(words));
}

#[track_caller]
fn hopeless(object: &Json, words: &str) {
    assert_eq!(judge(object), Readiness::hopeless(words));
}

/// The object with a field of it replaced.
fn with(object: &Json, pointer: &str, value: Json) -> Json {
    let mut object = object.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[key] = value;
    object
}

fn deployment() -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 4, "uid": "u1"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}},
        "status": {
            "observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
            ]
        }
    })
}

#[test]
fn a_deployment_is_ready_when_all_new_replicas_are_available_and_no_old_one_is_left() {
    let d = deployment();
    ready(&d, "3 of 3 replicas available");
    not_yet(&with(&d, "/metadata/generation", json!(5)), "its controller has not seen its latest change yet");
    not_yet(&with(&d, "/status", json!({})), "its controller has not seen its latest change yet");
    not_yet(&with(&d, "/status/updatedReplicas", json!(1)), "1 of 3 replicas updated");
    not_yet(&with(&d, "/status/replicas", json!(4)), "1 replicas of the old revision still run");
    not_yet(&with(&d, "/status/availableReplicas", json!(2)), "2 of 3 replicas available");
    not_yet(&with(&d, "/status", json!({"observedGeneration": 4})), "0 of 3 replicas updated");
    ready(&with(&with(&d, "/spec/replicas", json!(0)), "/status", json!({"observedGeneration": 4})), "scaled to 0");
    not_yet(&with(&d, "/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")), "it is being deleted");
    let paused = with(&with(&d, "/spec/paused", json!(true)), "/status/updatedReplicas", json!(0));
    not_yet(&paused, "0 of 3 replicas updated, and its rollout is paused");
}

#[test]
fn a_rollout_ends_at_the_progress_deadline_and_a_wait_for_readiness_does_not() {
    let stuck = with(
        &with(&deployment(), "/status/updatedReplicas", json!(1)),
        "/status/conditions",
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-1\" has timed out progressing."}]),
    );
    let none = Related::default();
    let Some(Readiness::Hopeless(words)) = rollout(&stuck, &none) else { panic!() };
    assert!(words.contains("has timed out progressing"));
    not_yet(&stuck, "1 of 3 replicas updated");
    let newer = with(&stuck, "/metadata/generation", json!(5));
    assert!(matches!(rollout(&newer, &none), Some(Readiness::NotYet(_))), "the deadline was an earlier revision's");
    assert_eq!(rollout(&json!({"apiVersion": "v1", "kind": "Pod"}), &none), None);
}

#[test]
fn a_stateful_set_looks_at_revisions_and_partition() {
    let s = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "generation": 2},
        "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
        "status": {
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "db-2", "updateRevision": "db-2"
        }
    });
    ready(&s, "3 of 3 replicas ready");
    not_yet(&with(&s, "/status/readyReplicas", json!(2)), "2 of 3 replicas ready");
    not_yet(&with(&s, "/status/availableReplicas", json!(1)), "1 of 3 replicas ready");
    let updating = with(&with(&s, "/status/currentRevision", json!("db-1")), "/status/updatedReplicas", json!(1));
    not_yet(&updating, "1 of 3 replicas updated");
    let kept = with(&updating, "/spec/updateStrategy/rollingUpdate/partition", json!(2));
    ready(&kept, "3 of 3 replicas ready");
    let late = with(&s, "/status/currentRevision", json!("db-1"));
    not_yet(&late, "all replicas are updated; the new revision is being made the current one");
    not_yet(&with(&s, "/status/replicas", json!(4)), "4 replicas are more than the 3 asked for");
    let on_delete = with(&updating, "/spec/updateStrategy", json!({"type": "OnDelete"}));
    ready(&on_delete, "3 of 3 replicas ready");
    assert!(
        matches!(rollout(&on_delete, &Related::default()), Some(Readiness::Hopeless(words)) if words.contains("OnDelete"))
    );
    let zero = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 0},
        "status": {"observedGeneration": 1, "replicas": 0, "updateRevision": "db-1"}
    });
    ready(&zero, "scaled to 0");
}

#[test]
fn a_daemon_set_of_none_is_not_ready_while_a_node_matches() {
    let d = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "generation": 1},
        "spec": {"template": {"spec": {"nodeSelector": {"role": "edge"}}}},
        "status": {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}
    });
    ready(&d, "2 of 2 pods available");
    assert!(wants(&d).is_empty());
    not_yet(&with(&d, "/status/numberAvailable", json!(1)), "1 of 2 pods available");
    not_yet(&with(&d, "/status/updatedNumberScheduled", json!(1)), "1 of 2 pods updated");
    let none = with(&d, "/status", json!({"observedGeneration": 1, "desiredNumberScheduled": 0}));
    assert_eq!(wants(&none), [super::Want::Nodes]);
    let node =
        |labels: Json, taints: Json| json!({"metadata": {"name": "n1", "labels": labels}, "spec": {"taints": taints}});
    let on = |template: Json, node: &Json| {
        let set = with(&none, "/spec/template/spec", template);
        of(&set, &Related { nodes: Some(vec![node]), ..Related::default() })
    };
    let edge = node(json!({"role": "edge", "cores": "8"}), json!([]));
    let matching = Readiness::not_yet("no pod is planned yet, though node n1 matches");
    let nowhere = Readiness::ready("no node matches it");
    let selector = json!({"nodeSelector": {"role": "edge"}});
    assert_eq!(on(selector.clone(), &edge), matching);
    assert_eq!(on(selector.clone(), &node(json!({"role": "core"}), json!([]))), nowhere);
    assert_eq!(on(json!({}), &edge), matching);
    assert_eq!(on(json!({"nodeName": "n2"}), &edge), nowhere);
    let tainted = node(json!({"role": "edge"}), json!([{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]));
    assert_eq!(on(selector.clone(), &tainted), nowhere);
    for tolerations in [json!([{"operator": "Exists"}]), json!([{"key": "dedicated", "value": "db"}])] {
        let template = json!({"nodeSelector": {"role": "edge"}, "tolerations": tolerations});
        assert_eq!(on(template, &tainted), matching);
    }
    let cordoned =
        node(json!({"role": "edge"}), json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]));
    assert_eq!(on(selector, &cordoned), matching, "the controller tolerates it for its pods");
    let affinity = |expressions: Json| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}}});
    for (operator, values, matches) in [
        ("In", json!(["edge", "x"]), true),
        ("NotIn", json!(["edge"]), false),
        ("Exists", json!([]), true),
        ("DoesNotExist", json!([]), false),
    ] {
        let template = affinity(json!([{"key": "role", "operator": operator, "values": values}]));
        assert_eq!(on(template, &edge), if matches { matching.clone() } else { nowhere.clone() }, "{operator}");
    }
    assert_eq!(on(affinity(json!([{"key": "cores", "operator": "Gt", "values": ["4"]}])), &edge), matching);
    assert_eq!(on(affinity(json!([{"key": "cores", "operator": "Lt", "values": ["4"]}])), &edge), nowhere);
}

#[test]
fn replica_sets_and_pods() {
    let r = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"generation": 1}, "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "availableReplicas": 2}});
    ready(&r, "2 of 2 replicas available");
    let refused = with(
        &r,
        "/status",
        json!({"observedGeneration": 1, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]}),
    );
    not_yet(&refused, "0 of 2 replicas available: FailedCreate: exceeded quota");

    let p = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1"}, "status": {"phase": "Running", "conditions": [
        {"type": "Ready", "status": "True"}]}});
    ready(&p, "it is ready");
    let starting = json!([{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "containers with unready status: [main]"}]);
    not_yet(
        &with(&p, "/status/conditions", starting),
        "it is not ready: ContainersNotReady: containers with unready status: [main]",
    );
    let unscheduled = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]);
    not_yet(&with(&p, "/status/conditions", unscheduled), "Unschedulable: 0/3 nodes are available");
    ready(&with(&p, "/status/phase", json!("Succeeded")), "it has completed");
    let failed = with(
        &p,
        "/status",
        json!({"phase": "Failed", "containerStatuses": [
        {"name": "main", "state": {"terminated": {"exitCode": 3}}}]}),
    );
    hopeless(&failed, "it has failed: container main ended with exit code 3");
    let evicted = with(&p, "/status", json!({"phase": "Failed", "reason": "Evicted", "message": "disk pressure"}));
    hopeless(&evicted, "it has failed: Evicted: disk pressure");
    not_yet(&with(&p, "/status", json!({})), "it is starting");
}

#[test]
fn a_job_is_over_when_complete_or_failed() {
    let j = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"completions": 2}, "status": {"succeeded": 1, "active": 1, "failed": 1}});
    not_yet(&j, "1 of 2 succeeded, 1 running, 1 failed");
    let over = |kind: &str| json!([{"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]);
    ready(&with(&j, "/status/conditions", over("Complete")), "complete, 1 succeeded");
    hopeless(&with(&j, "/status/conditions", over("Failed")), "it has failed: BackoffLimitExceeded: too often");
    not_yet(&with(&j, "/spec/suspend", json!(true)), "it is suspended");
}

#[test]
fn a_service_is_ready_when_something_answers_behind_it() {
    let s = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "selector": {"app": "web"}}});
    let slice = |ready: &[Option<bool>]| {
        let endpoint = |r: &Option<bool>| json!({"addresses": ["10.1.0.1"], "conditions": r.map(|r| json!({"ready": r})).unwrap_or(json!({}))});
        json!({"endpoints": ready.iter().map(endpoint).collect::<Vec<_>>()})
    };
    let behind = |service: &Json, slices: &[Json]| {
        of(service, &Related { endpoint_slices: Some(slices.iter().collect()), ..Related::default() })
    };
    assert_eq!(wants(&s), [super::Want::EndpointSlices]);
    assert_eq!(
        behind(&s, &[slice(&[Some(true), Some(false)]), slice(&[None])]),
        Readiness::ready("2 of 3 endpoints ready")
    );
    assert_eq!(behind(&s, &[slice(&[Some(false)])]), Readiness::not_yet("none of its 1 endpoints is ready"));
    assert_eq!(behind(&s, &[json!({"endpoints": null})]), Readiness::not_yet("no pod that it selects has an address"));
    let headless = with(&s, "/spec/clusterIP", json!("None"));
    assert_eq!(behind(&headless, &[slice(&[Some(true)])]), Readiness::ready("1 of 1 endpoints ready"));
    let bare = with(&s, "/spec/selector", json!(null));
    assert_eq!(behind(&bare, &[]), Readiness::not_yet("it has no selector, and nobody has given it endpoints"));
    hopeless(&s, "its EndpointSlices may not be read");
    let outside = with(&s, "/spec", json!({"type": "ExternalName", "externalName": "db.example.invalid"}));
    assert!(wants(&outside).is_empty());
    ready(&outside, "it is a name for db.example.invalid");
}

#[test]
fn a_claim_is_bound_or_waits_for_a_consumer_that_is_not_there() {
    let c = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"storageClassName": "local"}, "status": {"phase": "Pending"}});
    let class = |mode: &str| json!({"metadata": {"name": "local"}, "volumeBindingMode": mode});
    let pod =
        json!({"metadata": {"name": "db-0"}, "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}});
    let around = |claim: &Json, class: Option<&Json>, pods: &[&Json]| {
        of(
            claim,
            &Related {
                storage_classes: Some(class.into_iter().collect()),
                pods: Some(pods.to_vec()),
                ..Related::default()
            },
        )
    };
    let (late, early) = (class("WaitForFirstConsumer"), class("Immediate"));
    assert_eq!(
        around(&c, Some(&late), &[]),
        Readiness::ready("it is bound when the first pod uses it (WaitForFirstConsumer)")
    );
    assert_eq!(
        around(&c, Some(&late), &[&pod]),
        Readiness::not_yet("it is not bound: its first pod, db-0, is not scheduled yet")
    );
    assert_eq!(around(&c, Some(&early), &[]), Readiness::not_yet("its volume is being made by StorageClass local"));
    assert_eq!(around(&c, None, &[]), Readiness::not_yet("it is not bound: there is no StorageClass local"));
    let planned = with(&c, "/metadata/annotations", json!({"volume.kubernetes.io/selected-node": "node-1"}));
    assert_eq!(around(&planned, Some(&late), &[&pod]), Readiness::not_yet("its volume is being made for node node-1"));
    not_yet(&c, "it is not bound");
    let bound = with(&with(&c, "/status/phase", json!("Bound")), "/spec/volumeName", json!("pv-1"));
    assert!(wants(&bound).is_empty());
    ready(&bound, "it is bound to pv-1");
    hopeless(&with(&c, "/status/phase", json!("Lost")), "its volume is lost");
}

#[test]
fn what_belongs_to_the_cluster() {
    let condition =
        |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "Why", "message": "so"});
    let object = |version: &str, kind: &str, conditions: Json| json!({"apiVersion": version, "kind": kind, "status": {"conditions": conditions}});
    let node = |conditions| object("v1", "Node", conditions);
    ready(&node(json!([condition("Ready", "True")])), "it is ready");
    not_yet(&node(json!([condition("Ready", "False")])), "it is not ready: Why: so");
    not_yet(&node(json!([condition("Ready", "Unknown")])), "its kubelet does not answer: Why: so");
    not_yet(
        &node(json!([condition("Ready", "True"), condition("NetworkUnavailable", "True")])),
        "its network is not there: Why: so",
    );
    not_yet(&node(json!([])), "its kubelet has not reported yet");
    let namespace = |phase: &str| json!({"apiVersion": "v1", "kind": "Namespace", "status": {"phase": phase}});
    ready(&namespace("Active"), "it is active");
    not_yet(&namespace("Terminating"), "its phase is Terminating");
    let crd = |conditions| object("apiextensions.k8s.io/v1", "CustomResourceDefinition", conditions);
    ready(&crd(json!([condition("NamesAccepted", "True"), condition("Established", "True")])), "it is established");
    not_yet(
        &crd(json!([condition("NamesAccepted", "True"), condition("Established", "False")])),
        "it is not established: Why: so",
    );
    hopeless(&crd(json!([condition("NamesAccepted", "False")])), "its names are taken: Why: so");
    not_yet(&crd(json!([])), "its names are not accepted yet");
    let api = |conditions| object("apiregistration.k8s.io/v1", "APIService", conditions);
    ready(&api(json!([condition("Available", "True")])), "it is available");
    not_yet(&api(json!([condition("Available", "False")])), "it is not available: Why: so");
    let hpa = |conditions| object("autoscaling/v2", "HorizontalPodAutoscaler", conditions);
    ready(
        &hpa(json!([condition("AbleToScale", "True"), condition("ScalingActive", "True")])),
        "it is active, at 0 replicas",
    );
    not_yet(
        &hpa(json!([condition("AbleToScale", "True"), condition("ScalingActive", "False")])),
        "it is not active: Why: so",
    );
    not_yet(&hpa(json!([condition("AbleToScale", "False")])), "it cannot scale: Why: so");
    not_yet(&hpa(json!([])), "its controller has not looked at it yet");
    for (version, kind) in [
        ("batch/v1", "CronJob"),
        ("networking.k8s.io/v1", "Ingress"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
    ] {
        ready(&json!({"apiVersion": version, "kind": kind}), "it exists");
    }
    ready(&json!({"apiVersion": "v1", "kind": "PersistentVolume", "status": {"phase": "Bound"}}), "its phase is Bound");
    not_yet(
        &json!({"apiVersion": "v1", "kind": "PersistentVolume", "status": {"phase": "Pending"}}),
        "its phase is Pending",
    );
}

#[test]
fn custom_resources_by_conditions_phase_or_presence() {
    let certificate = |conditions: Json| {
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"generation": 2},
            "status": {"observedGeneration": 2, "conditions": conditions}})
    };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "DoesNotExist", "message": "no Secret yet"});
    ready(&certificate(json!([condition("Ready", "True")])), "Ready is True");
    not_yet(&certificate(json!([condition("Ready", "False")])), "Ready is False: DoesNotExist: no Secret yet");
    not_yet(
        &certificate(json!([condition("Ready", "True"), condition("Reconciling", "True")])),
        "Reconciling: DoesNotExist: no Secret yet",
    );
    not_yet(&certificate(json!([condition("Progressing", "True")])), "Progressing: DoesNotExist: no Secret yet");
    ready(&certificate(json!([condition("Ready", "True"), condition("Progressing", "True")])), "Ready is True");
    hopeless(
        &certificate(json!([condition("Ready", "True"), condition("Stalled", "True")])),
        "Stalled: DoesNotExist: no Secret yet",
    );
    ready(&certificate(json!([condition("Available", "True"), condition("Stalled", "False")])), "Available is True");
    not_yet(
        &with(&certificate(json!([condition("Ready", "True")])), "/metadata/generation", json!(3)),
        "its controller has not seen its latest change yet",
    );
    let mut old = condition("Ready", "True");
    old["observedGeneration"] = json!(1);
    let old = with(&certificate(json!([old])), "/status/observedGeneration", json!(null));
    not_yet(&old, "its condition Ready speaks of an earlier generation");
    let pool = |phase: &str| json!({"apiVersion": "cstor.openebs.io/v1", "kind": "CStorPoolInstance", "status": {"phase": phase}});
    ready(&pool("ONLINE"), "its phase is ONLINE");
    not_yet(&pool("Offline"), "its phase is Offline");
    ready(&json!({"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware"}), "it exists");
}
