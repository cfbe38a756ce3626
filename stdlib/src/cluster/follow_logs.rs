//! `cluster::follow_logs`.

use std::time::Duration;

use windlass_runtime::closure::Closure;
use windlass_runtime::cluster::LogOptions;
use windlass_runtime::{Call, Options, Result, Value, primitive};

use super::patience::Patience;
use super::pods::{self, Purpose};
use super::{OnCluster, Target};

/// The options of `cluster::follow_logs`.
#[derive(Debug, Clone, Options)]
pub struct FollowLogsOptions {
    #[option(flatten)]
    on: OnCluster,
    /// The container; without it as `cluster::logs` chooses it.
    container: Option<String>,
    /// Begin with the last lines that were written already; with all of them without it.
    tail: Option<u32>,
    /// How long at most; as long as the step may take without it.
    timeout: Option<Duration>,
}

/// Reads the log of a container while it is written, calls a closure with each line, and returns how many there were.
///
/// It ends when the closure returns `false`, or the container has ended. The target is a pod, or what has pods, as for
/// `cluster::logs`.
///
/// # Errors
/// `timeout` when the time is over; `not_found` if there is no such object, container or pod; whatever the closure throws.
///
/// # Example
/// ```rhai
/// for pod in cluster::list("Pod", #{ namespace: "kube-system", limit: 1 }) {
///     let on = #{ namespace: "kube-system", tail: 5, timeout: "1m" };
///     cluster::follow_logs(`Pod/${pod.metadata.name}`, on, |line| { log::info(line); !line.contains("ready") });
/// }
/// ```
#[primitive(module = "cluster", effect = Wait, also = ["tail"])]
pub fn follow_logs(call: &Call<'_>, target: Target, options: FollowLogsOptions, closure: Closure) -> Result<i64> {
    let patience = Patience::of(call, options.timeout);
    let place = pods::find(call, &options.on, &target, options.container.as_deref(), Purpose::Read)?;
    let shown = format!("the log of {}", place.pod);
    let wanted = LogOptions { container: Some(place.container), tail_lines: options.tail, ..LogOptions::default() };
    let (cluster, pod) = (place.cluster, place.pod);
    let mut log = call.wait(async move { cluster.follow_pod_log(&pod, &wanted).await })?;
    let mut count = 0;
    loop {
        let (lines, rest) = patience.next(call, &shown, async move { Ok((log.next().await?, log)) })?;
        log = rest;
        let Some(lines) = lines else { return Ok(count) };
        for line in lines {
            patience.check(call, &shown)?;
            count += 1;
            if let Value::Bool(false) = call.run(&closure, vec![Value::Text(line)])? {
                return Ok(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, deployment, merged, on};

    fn talking(name: &str) -> Json {
        let annotations = json!({"shadow.windlass.dev/logs": "started\nready"});
        merged(deployment(name, 1), &json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}))
    }

    #[on(shadow, live, node)]
    fn lines_come_until_the_closure_has_enough_or_the_time_is_over(bed: Bed) {
        let ns = bed.namespace();
        bed.apply_as("kubectl", &ns, talking("web"));
        bed.until_rolled_out("deployment/web", &ns);
        let follow = |options: &str, body: &str| {
            bed.run(&format!(
                "cluster::follow_logs(\"deploy/web\", #{{ namespace: {ns:?}, {options} }}, |line| {body})"
            ))
        };
        let enough = follow("timeout: \"20s\"", "{ log::info(line); line != \"ready\" }");
        assert_eq!((enough.value(), enough.logs()), (json!(2), vec!["started".to_owned(), "ready".to_owned()]));
        assert_eq!(follow("tail: 1, timeout: \"20s\"", "false").value(), 1);
        let error = follow("timeout: \"2s\"", "()").error();
        assert_eq!(error["kind"], "timeout", "{error}");
        assert!(error["message"].as_str().unwrap().contains("was followed for 2s"), "{error}");
        // Lines that are there already do not outlast it.
        let slow = follow("timeout: \"1s\"", "{ log::info(line); sleep(2) }");
        assert_eq!((&slow.error()["kind"], slow.logs()), (&json!("timeout"), vec!["started".to_owned()]));
        assert_eq!(follow("timeout: \"20s\"", "throw \"enough\"").error()["message"], "enough");
    }
}
