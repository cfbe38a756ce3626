//! A pod's status, as a kubelet writes it.

use serde_json::json;

use super::super::Context;
use super::super::fields::{condition, hex, items, place_condition, put, stamp, text};
use super::container::{Container, State};
use super::image::{full_name, why_not};
use super::run::Run;
use super::{containers, is_sidecar, waiting};
use crate::Json;
use crate::object;
use crate::world::Objects;

/// The node's own address.
pub(super) fn host_address(world: &dyn Objects, node: &str) -> Option<String> {
    let node = world.get("nodes", "", node)?;
    let found = items(&node["status"]["addresses"]).iter().find(|address| address["type"] == "InternalIP");
    found.map(|address| text(&address["address"]).to_owned())
}

/// The whole status.
pub(super) fn status(cx: &Context<'_>, pod: &Json, run: &Run, address: Option<&str>, node: &str) -> Json {
    let mut status = if pod["status"].is_object() { pod["status"].clone() } else { json!({}) };
    let now = cx.world.wall();
    put(&mut status, &["observedGeneration"], pod["metadata"]["generation"].clone());
    if pod["metadata"]["generation"].is_null() {
        super::super::fields::take(&mut status, &["observedGeneration"]);
    }
    let phase = phase(pod, run);
    put(&mut status, &["phase"], phase);
    if let Some(host) = host_address(&*cx.world, node) {
        put(&mut status, &["hostIPs"], json!([{"ip": host}]));
        put(&mut status, &["hostIP"], host);
    }
    if let Some(address) = address {
        put(&mut status, &["podIP"], address);
        put(&mut status, &["podIPs"], json!([{"ip": address}]));
    }
    if status["startTime"].is_null() {
        put(&mut status, &["startTime"], stamp(now));
    }
    if status["qosClass"].is_null() {
        put(&mut status, &["qosClass"], quality(pod));
    }
    let write = Write { world: &*cx.world, pod, run, ended: matches!(phase, "Succeeded" | "Failed") };
    let init: Vec<Json> = containers(pod, "initContainers")
        .iter()
        .zip(&run.init)
        .map(|(spec, container)| write.container(spec, container, true))
        .collect();
    let main: Vec<Json> =
        containers(pod, "containers").iter().zip(&run.main).map(|(spec, c)| write.container(spec, c, false)).collect();
    if !init.is_empty() {
        put(&mut status, &["initContainerStatuses"], init);
    }
    put(&mut status, &["containerStatuses"], main);
    conditions(pod, run, phase, &mut status, now);
    status
}

fn phase(pod: &Json, run: &Run) -> &'static str {
    let policy = text(&pod["spec"]["restartPolicy"]);
    let over = |c: &Container| matches!(c.state, State::Ended { again: None, .. });
    let failed = |c: &Container| matches!(c.state, State::Ended { exit, again: None, .. } if exit != 0);
    let init_specs = containers(pod, "initContainers");
    if run.init.iter().zip(init_specs).any(|(c, spec)| !is_sidecar(spec) && failed(c)) {
        return "Failed";
    }
    let begun = |c: &Container| matches!(c.state, State::Running { .. } | State::Ended { .. });
    if !run.main.is_empty() && run.main.iter().all(over) {
        if run.main.iter().any(failed) {
            return "Failed";
        }
        return if policy == "Always" && !object::is_deleting(pod) { "Running" } else { "Succeeded" };
    }
    // One container that waits for its first start keeps the pod pending.
    if !run.main.is_empty() && run.main.iter().all(begun) { "Running" } else { "Pending" }
}

/// The quality of service: what is guaranteed, what is not.
fn quality(pod: &Json) -> &'static str {
    use crate::quantity::milli;
    let all: Vec<&Json> = containers(pod, "initContainers").iter().chain(containers(pod, "containers")).collect();
    let has = |field: &str| {
        all.iter().any(|c| ["cpu", "memory"].iter().any(|r| milli(&c["resources"][field][*r]).is_some_and(|m| m > 0)))
    };
    if !has("requests") && !has("limits") {
        return "BestEffort";
    }
    let guaranteed = all.iter().all(|c| {
        ["cpu", "memory"].iter().all(|resource| {
            let limit = milli(&c["resources"]["limits"][*resource]);
            let request = milli(&c["resources"]["requests"][*resource]).or(limit);
            limit.is_some_and(|limit| limit > 0) && request == limit
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

struct Write<'a> {
    world: &'a dyn Objects,
    pod: &'a Json,
    run: &'a Run,
    ended: bool,
}

impl Write<'_> {
    fn id(&self, container: &Container, restarts: i64) -> String {
        let restarts = restarts.to_string();
        let parts = ["0", "1", "2", "3"];
        let digits = parts
            .map(|part| self.world.chance(&["container", object::uid(self.pod), &container.name, &restarts, part]));
        format!("containerd://{}", hex(&digits))
    }

    fn image_id(&self, image: &str) -> String {
        let full = full_name(image);
        if full.contains('@') {
            return full;
        }
        let digits = ["0", "1", "2", "3"].map(|part| self.world.chance(&["image", &full, part]));
        let bare = full.rsplit_once(':').map_or(full.as_str(), |(name, _)| name);
        format!("{bare}@sha256:{}", hex(&digits))
    }

    fn terminated(
        &self,
        container: &Container,
        from: std::time::Duration,
        to: std::time::Duration,
        exit: i64,
        n: i64,
    ) -> Json {
        json!({"terminated": {
            "containerID": self.id(container, n),
            "exitCode": exit,
            "finishedAt": stamp(self.run.wall(to)),
            "reason": if exit == 0 { "Completed" } else { "Error" },
            "startedAt": stamp(self.run.wall(from)),
        }})
    }

    fn container(&self, spec: &Json, container: &Container, init: bool) -> Json {
        let now = self.world.now();
        let first = if init || !self.run.init.is_empty() && !self.init_done() {
            "PodInitializing"
        } else {
            "ContainerCreating"
        };
        let mut last = match container.last {
            Some((from, to, exit)) => self.terminated(container, from, to, exit, container.restarts - 1),
            None => json!({}),
        };
        let mut ready = false;
        let mut started = false;
        let state = match &container.state {
            State::Idle | State::Pulling { .. } => waiting(first, ""),
            State::NoImage { told: false, .. } => waiting("ErrImagePull", &why_not(&container.image)),
            State::NoImage { .. } => {
                let image = &container.image;
                let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {}", why_not(image));
                waiting("ImagePullBackOff", &message)
            }
            State::NoName { message } => waiting("InvalidImageName", message),
            State::NoConfig { message } => waiting("CreateContainerConfigError", message),
            State::Running { since, ready_at, .. } => {
                ready = ready_at.is_some_and(|at| at <= now);
                let probe = &spec["startupProbe"];
                started = probe.is_null() || ready;
                json!({"running": {"startedAt": stamp(self.run.wall(*since))}})
            }
            State::Ended { since, at, exit, again: Some(again) } if *again > *at && !self.ended => {
                last = self.terminated(container, *since, *at, *exit, container.restarts);
                let pod =
                    format!("{}_{}({})", object::name(self.pod), object::namespace(self.pod), object::uid(self.pod));
                let wait = spelled(container.backoff);
                let message = format!("back-off {wait} restarting failed container={} pod={pod}", container.name);
                waiting("CrashLoopBackOff", &message)
            }
            State::Ended { since, at, exit, .. } => {
                ready = init && !is_sidecar(spec) && *exit == 0;
                self.terminated(container, *since, *at, *exit, container.restarts)
            }
        };
        let known = !matches!(
            container.state,
            State::Idle | State::Pulling { .. } | State::NoImage { .. } | State::NoName { .. } | State::NoConfig { .. }
        );
        let image = if known { full_name(&container.image) } else { container.image.clone() };
        let mut status = json!({
            "image": image,
            "imageID": if known { self.image_id(&container.image) } else { String::new() },
            "lastState": last,
            "name": container.name,
            "ready": ready,
            "restartCount": container.restarts,
            "started": started,
            "state": state,
        });
        if known {
            put(&mut status, &["containerID"], self.id(container, container.restarts));
        }
        let resources = &spec["resources"];
        if known && resources["requests"].is_object() {
            put(&mut status, &["allocatedResources"], resources["requests"].clone());
        }
        if known && resources.is_object() {
            put(&mut status, &["resources"], resources.clone());
        }
        if let Some(mounts) = spec["volumeMounts"].as_array() {
            let mounts = mounts.iter().map(|mount| {
                let mut kept = json!({"mountPath": mount["mountPath"], "name": mount["name"]});
                if mount["readOnly"] == true {
                    put(&mut kept, &["readOnly"], true);
                    put(&mut kept, &["recursiveReadOnly"], "Disabled");
                }
                kept
            });
            put(&mut status, &["volumeMounts"], mounts.collect::<Vec<_>>());
        }
        status
    }

    fn init_done(&self) -> bool {
        let specs = containers(self.pod, "initContainers");
        initialized(&self.run.init, specs).is_empty()
    }
}

/// A duration as Go writes it.
fn spelled(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s}s"),
        (m, s) => format!("{m}m{s}s"),
    }
}

/// The init containers that are not through yet.
fn initialized<'a>(init: &'a [Container], specs: &[Json]) -> Vec<&'a str> {
    let through = |container: &Container, spec: &Json| {
        if is_sidecar(spec) {
            matches!(container.state, State::Running { .. }) || container.restarts > 0
        } else {
            matches!(container.state, State::Ended { exit: 0, again: None, .. })
        }
    };
    init.iter().zip(specs).filter(|(c, spec)| !through(c, spec)).map(|(c, _)| c.name.as_str()).collect()
}

fn conditions(pod: &Json, run: &Run, phase: &str, status: &mut Json, now: jiff::Timestamp) {
    let generation = pod["metadata"]["generation"].clone();
    let set = |status: &mut Json, kind: &str, value: bool, reason: &str, message: &str| {
        let mut new = json!({
            "type": kind, "status": if value { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": stamp(now),
        });
        if !generation.is_null() {
            put(&mut new, &["observedGeneration"], generation.clone());
        }
        if !reason.is_empty() {
            put(&mut new, &["reason"], reason);
        }
        if !message.is_empty() {
            put(&mut new, &["message"], message);
        }
        place_condition(status, new);
    };
    let over = phase == "Succeeded";
    let failed = phase == "Failed";
    set(status, "PodReadyToStartContainers", run.has_sandbox() && !over && !failed, "", "");
    let waiting = initialized(&run.init, containers(pod, "initContainers"));
    let main_started = run.main.iter().any(|c| matches!(c.state, State::Running { .. } | State::Ended { .. }));
    if over {
        set(status, "Initialized", true, "PodCompleted", "");
    } else if waiting.is_empty() || main_started {
        set(status, "Initialized", true, "", "");
    } else {
        let message = format!("containers with incomplete status: [{}]", waiting.join(" "));
        set(status, "Initialized", false, "ContainersNotInitialized", &message);
    }
    let sidecars = containers(pod, "initContainers").iter().filter(|spec| is_sidecar(spec));
    let is_ready =
        |list: &str, name: &Json| items(&status[list]).iter().any(|s| s["name"] == *name && s["ready"] == true);
    let mut unready: Vec<String> = sidecars
        .filter(|spec| !is_ready("initContainerStatuses", &spec["name"]))
        .map(|spec| text(&spec["name"]).to_owned())
        .collect();
    let main = containers(pod, "containers").iter();
    unready.extend(main.filter(|s| !is_ready("containerStatuses", &s["name"])).map(|s| text(&s["name"]).to_owned()));
    let (all, reason, message) = if over {
        (false, "PodCompleted", String::new())
    } else if failed {
        (false, "PodFailed", String::new())
    } else if unready.is_empty() {
        (true, "", String::new())
    } else {
        (false, "ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))
    };
    let gates = if all { gates(pod, status) } else { String::new() };
    if all && !gates.is_empty() {
        set(status, "Ready", false, "ReadinessGatesNotReady", &gates);
    } else {
        set(status, "Ready", all, reason, &message);
    }
    set(status, "ContainersReady", all, reason, &message);
    if condition(status, "PodScheduled").is_none() {
        set(status, "PodScheduled", true, "", "");
    }
}

/// What the pod's readiness gates say against it.
fn gates(pod: &Json, status: &Json) -> String {
    let said = items(&pod["spec"]["readinessGates"]).iter().filter_map(|gate| {
        let kind = text(&gate["conditionType"]);
        match condition(status, kind) {
            None => Some(format!("corresponding condition of pod readiness gate \"{kind}\" does not exist.")),
            Some(c) if c["status"] != "True" => {
                Some(format!("the status of pod readiness gate \"{kind}\" is not \"True\", but {}", text(&c["status"])))
            }
            Some(_) => None,
        }
    });
    said.collect::<Vec<_>>().join(", ")
}
