//! `cluster::logs`.

use std::time::Duration;

use windlass_runtime::cluster::LogOptions;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::pods::{self, Purpose};
use super::{OnCluster, Target};

/// The most of a log that is read: more would not fit into a script.
const MOST: u32 = 64 << 20;

/// The options of `cluster::logs`.
#[derive(Debug, Clone, Options)]
pub struct LogsOptions {
    #[option(flatten)]
    on: OnCluster,
    /// The container; without it the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or
    /// else its first.
    container: Option<String>,
    /// The last lines only.
    tail: Option<u32>,
    /// Only what was written within this time before now: `"10m"`.
    since: Option<Duration>,
    /// The log of the container's run before the present one: what it wrote before it crashed.
    #[option(default = "false")]
    previous: bool,
    /// Begins each line with the time when it was written.
    #[option(default = "false")]
    timestamps: bool,
}

/// Reads the log of a container, and returns its lines, the oldest first.
///
/// The target is a pod, or what has pods: a Deployment, a StatefulSet, a Service and so on. Of several pods the one is
/// taken that `kubectl logs` would choose: one that runs, is ready, and has restarted most.
///
/// In a simulated cluster, a container has written what the annotation `shadow.windlass.dev/logs` of its pod says.
///
/// # Errors
/// `not_found` if there is no such object, container or pod; `rejected` while there is no log, because the container has
/// not started or, with `previous`, has not run before; `usage` for a log of more than 64 MiB.
///
/// # Example
/// ```rhai
/// for pod in cluster::list("Pod", #{ namespace: "kube-system" }) {
///     let lines = cluster::logs(`Pod/${pod.metadata.name}`, #{ namespace: "kube-system", tail: 20, since: "1h" });
///     for line in lines.filter(|line| line.contains("ERROR")) { log::warn(line); }
/// }
/// ```
#[primitive(module = "cluster", effect = Read, also = ["log"])]
pub fn logs(call: &Call<'_>, target: Target, options: LogsOptions) -> Result<Vec<String>> {
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Read)?;
    let shown = place.pod.to_string();
    let wanted = LogOptions {
        container: Some(place.container),
        previous: options.previous,
        tail_lines: options.tail,
        // Of a part of a second nothing could be said: the whole one counts.
        since_seconds: options.since.map(|since| since.as_secs() + u64::from(since.subsec_nanos() > 0)),
        timestamps: options.timestamps,
        limit_bytes: Some(MOST),
    };
    let (cluster, pod) = (place.cluster, place.pod);
    let log = call.wait(async move { cluster.pod_log(&pod, &wanted).await })?;
    if log.len() >= MOST as usize {
        return Err(Error::usage(format!("the log of {shown} has more than {} MiB", MOST >> 20))
            .hint("read a part of it, with `tail` or `since`")
            .resource(shown));
    }
    Ok(log.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on};

    /// What every container of the real test bed has written, simulated or not.
    const LINES: &str = "started\nready";

    fn talking(name: &str) -> Json {
        let annotations = json!({"shadow.windlass.dev/logs": LINES});
        let template = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        merged(deployment(name, 2), &template)
    }

    #[on(shadow, live, node)]
    fn the_log_of_a_pod_or_a_workload_is_read_by_lines(bed: Bed) {
        let ns = bed.namespace();
        bed.apply_as("kubectl", &ns, talking("web"));
        bed.apply_as(
            "kubectl",
            &ns,
            merged(bare("Service", "web"), &json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})),
        );
        bed.until_rolled_out("deployment/web", &ns);
        let logs = |target: &str, options: &str| {
            bed.run(&format!("cluster::logs({target:?}, #{{ namespace: {ns:?}, {options} }})")).value()
        };
        let pod = format!("Pod/{}", bed.list("Pod", &ns)[0]["metadata"]["name"].as_str().unwrap());
        for target in ["Deployment/web", "svc/web", &pod] {
            assert_eq!(logs(target, ""), json!(["started", "ready"]), "{target}");
        }
        assert_eq!(logs(&pod, "tail: 1"), json!(["ready"]));
        assert_eq!(logs(&pod, "tail: 0, container: \"main\""), json!([]));
        let stamped = logs(&pod, "timestamps: true");
        let (time, line) = stamped[1].as_str().unwrap().split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && line == "ready", "{stamped}");
        let later = format!("sleep(3); cluster::logs({pod:?}, #{{ namespace: {ns:?}, since: \"1s\" }})");
        assert_eq!(bed.run(&later).value(), json!([]));
    }

    #[on(shadow, live, node)]
    fn the_run_before_a_crash_has_a_log_of_its_own(bed: Bed) {
        let ns = bed.namespace();
        let faulty = bed.faulty(&ns, talking("web"), "crash-loop");
        bed.apply_as("kubectl", &ns, merged(faulty, &json!({"spec": {"replicas": 1}})));
        let (other, at) = (bed.other(), ns.clone());
        bed.wait(async move {
            let crashed = |web: &Json| web.pointer("/status/unavailableReplicas") == Some(&json!(1));
            other.until("deployment/web", &at, |web| web.is_some_and(crashed)).await;
            loop {
                let pods = other.list("Pod", &at).await;
                if pods.iter().any(|pod| pod["status"]["containerStatuses"][0]["lastState"]["terminated"].is_object()) {
                    return;
                }
                other.sleep(std::time::Duration::from_millis(200)).await;
            }
        });
        let script = format!("cluster::logs(\"deploy/web\", #{{ namespace: {ns:?}, previous: true }})");
        let lines = bed.run(&script).value();
        assert_eq!((&lines[0], &lines[1]), (&json!("started"), &json!("ready")), "{lines}");
    }

    #[on(shadow, live, node)]
    fn what_cannot_be_read_says_why(bed: Bed) {
        let ns = bed.namespace();
        bed.create(
            &ns,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late"}, "spec": {
            "nodeSelector": {"no": "node"}, "containers": [{"name": "main", "image": "example.invalid/a:1"}]}}),
        );
        bed.create(&ns, bare("ConfigMap", "c"));
        bed.apply_as("kubectl", &ns, deployment("none", 0));
        for (target, options, kind, said) in [
            ("Pod/none", "", "not_found", "there is no Pod/none in "),
            ("Pod/late", "container: \"other\"", "not_found", " has no container other"),
            ("cm/c", "", "usage", "ConfigMap/c in "),
            ("deploy/none", "", "not_found", " has no pod"),
            ("Pod/late", "tail: -1", "usage", "option `tail`"),
        ] {
            let error = bed.run(&format!("cluster::logs({target:?}, #{{ namespace: {ns:?}, {options} }})")).error();
            assert_eq!(error["kind"], kind, "{target}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{target}: {error}");
        }
        // Nobody has started it: there is nothing to read yet.
        let script = format!("cluster::logs(\"Pod/late\", #{{ namespace: {ns:?} }})");
        assert_eq!(bed.run(&script).value(), json!([]));
        bed.apply_as("kubectl", &ns, talking("web"));
        bed.until_rolled_out("deployment/web", &ns);
        let script = format!("cluster::logs(\"deploy/web\", #{{ namespace: {ns:?}, previous: true }})");
        // The logs of simulated nodes know nothing of runs.
        if bed.runs_containers() || bed.testbed().is_none() {
            let error = bed.run(&script).error();
            assert_eq!(error["kind"], "rejected", "{error}");
            assert!(error["message"].as_str().unwrap().contains("previous terminated container"), "{error}");
        }
    }
}
