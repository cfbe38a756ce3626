//! What one container does over time.

use std::time::Duration;

use jiff::Timestamp;

use super::super::fields::{between, int, text, time};
use super::super::{Context, Next, pods};
use super::image::{invalid, why_not};
use super::{LOOK_AGAIN, NAME};
use crate::Json;
use crate::fault::Place;
use crate::object;

pub(super) const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// How long a container lives that crashes.
const CRASH: Duration = Duration::from_secs(1);

/// Where a container is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// Not its turn yet, or waiting for its volumes.
    Idle,
    /// Its image is on the way.
    Pulling {
        until: Duration,
    },
    /// Its image cannot be had; `since` is when it was last tried.
    NoImage {
        since: Duration,
        backoff: Duration,
        told: bool,
    },
    /// Its image's name is none.
    NoName {
        message: String,
    },
    /// Its environment cannot be made.
    NoConfig {
        message: String,
    },
    Running {
        since: Duration,
        ready_at: Option<Duration>,
        ends_at: Option<Duration>,
        exit: i64,
    },
    /// It ended; it starts again at a time, or never.
    Ended {
        since: Duration,
        at: Duration,
        exit: i64,
        again: Option<Duration>,
    },
}

/// A container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) state: State,
    pub(super) restarts: i64,
    /// From when to when it ran before, and its exit code.
    pub(super) last: Option<(Duration, Duration, i64)>,
    pub(super) backoff: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Init,
    Sidecar,
    Main,
}

/// What a container has to know of its pod.
pub(super) struct PodContext<'a, 'b> {
    pub(super) cx: &'a mut Context<'b>,
    pub(super) pod: &'a Json,
    pub(super) policy: &'a str,
    pub(super) now: Duration,
}

/// What a Job runs comes to an end, and so does what Helm waits for as a hook or a test; whether anything else would, nobody
/// can tell.
fn comes_to_an_end(pod: &Json) -> bool {
    object::controller_of(pod).is_some_and(|owner| owner["kind"] == "Job")
        || pod["metadata"]["annotations"]["helm.sh/hook"].is_string()
}

impl PodContext<'_, '_> {
    pub(super) fn event(&mut self, kind: &str, reason: &str, message: &str) {
        self.cx.world.event(NAME, self.pod, kind, reason, message);
    }

    fn place<'c>(&'c self, image: &'c str) -> Place<'c> {
        let (namespace, pod) = (object::namespace(self.pod), object::name(self.pod));
        Place { namespace, pod, workload: pods::workload(self.pod), image }
    }
}

impl Container {
    /// Takes up what a status says.
    pub(super) fn recall(&mut self, status: &Json, now: Duration, wall: Timestamp) {
        let at = |value: &Json| time(value).map_or(now, |time| now.saturating_sub(between(time, wall)));
        self.restarts = int(&status["restartCount"]);
        let (state, last) = (&status["state"], &status["lastState"]["terminated"]);
        if last.is_object() {
            self.last = Some((at(&last["startedAt"]), at(&last["finishedAt"]), int(&last["exitCode"])));
        }
        for _ in 1..self.restarts.min(6) {
            self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
        }
        if state["running"].is_object() {
            let since = at(&state["running"]["startedAt"]);
            let ready_at = (status["ready"] == true).then_some(since);
            self.state = State::Running { since, ready_at, ends_at: None, exit: 0 };
        } else if state["terminated"].is_object() {
            let ended = &state["terminated"];
            let (since, end) = (at(&ended["startedAt"]), at(&ended["finishedAt"]));
            self.state = State::Ended { since, at: end, exit: int(&ended["exitCode"]), again: None };
        } else if state["waiting"]["reason"] == "CrashLoopBackOff"
            && let Some((since, end, exit)) = self.last
        {
            self.state = State::Ended { since, at: end, exit, again: Some(end + self.backoff) };
        }
    }

    /// Whether the containers after it may start.
    pub(super) fn lets_go_on(&self, role: Role) -> bool {
        match (&self.state, role) {
            (State::Running { .. }, Role::Sidecar) => true,
            (State::Ended { exit: 0, again: None, .. }, Role::Init) => true,
            // A sidecar that crashes holds up nobody who has started.
            (State::Ended { .. }, Role::Sidecar) => true,
            _ => false,
        }
    }

    pub(super) fn advance(
        &mut self,
        pod: &mut PodContext<'_, '_>,
        spec: &Json,
        role: Role,
        unset: Option<&str>,
    ) -> Next {
        loop {
            let next = self.step(pod, spec, role, unset);
            match next {
                Some(next) => return next,
                None => continue,
            }
        }
    }

    /// One transition; nothing if another may follow at once.
    fn step(&mut self, pod: &mut PodContext<'_, '_>, spec: &Json, role: Role, unset: Option<&str>) -> Option<Next> {
        let now = pod.now;
        match self.state.clone() {
            State::Idle => {
                self.image = text(&spec["image"]).to_owned();
                self.begin(pod, spec, now);
                None
            }
            State::Pulling { until } if until > now => Some(Next::After(until - now)),
            State::Pulling { until } => {
                if let Some(message) = unset {
                    pod.event("Warning", "Failed", &format!("Error: {message}"));
                    self.state = State::NoConfig { message: message.to_owned() };
                    return None;
                }
                let takes = pod.cx.scene.start_of(&pod.place(&self.image));
                self.say_pulled(pod, spec, takes);
                self.start(pod, spec, role, until);
                None
            }
            State::NoImage { since, backoff, told } => self.want_image(pod, spec, since, backoff, told),
            // Another name may be given to it.
            State::NoName { .. } if self.image == text(&spec["image"]) => Some(Next::Weakly(LOOK_AGAIN)),
            State::NoName { .. } => {
                self.image = text(&spec["image"]).to_owned();
                self.begin(pod, spec, now);
                None
            }
            State::NoConfig { .. } => {
                if unset.is_some() {
                    return Some(Next::Weakly(LOOK_AGAIN));
                }
                self.start(pod, spec, role, now);
                None
            }
            State::Running { since, ready_at, ends_at, exit } => {
                // A fault may have come, or been mended, meanwhile.
                let crashes = pod.cx.scene.crashes(&pod.place(&self.image));
                let ends_at = if crashes && exit == 0 { Some(now.max(since + CRASH)) } else { ends_at };
                let exit = if crashes { 1 } else { exit };
                self.state = State::Running { since, ready_at, ends_at, exit };
                if let Some(end) = ends_at.filter(|end| *end <= now) {
                    self.end(pod, role, since, end, exit);
                    return None;
                }
                let changed = [ends_at, ready_at].into_iter().flatten().filter(|at| *at > now).min();
                let weak = exit != 0 && self.backoff >= LONGEST_BACKOFF;
                Some(match changed {
                    Some(at) if weak => Next::Weakly(at - now),
                    Some(at) => Next::After(at - now),
                    None => Next::Wait,
                })
            }
            State::Ended { again: None, .. } => Some(Next::Wait),
            State::Ended { again: Some(again), .. } if again > now => {
                let hopeless = self.backoff >= LONGEST_BACKOFF;
                Some(if hopeless { Next::Weakly(again - now) } else { Next::After(again - now) })
            }
            State::Ended { since, at, exit, again: Some(again) } => {
                self.last = Some((since, at, exit));
                self.restarts += 1;
                self.start(pod, spec, role, again);
                None
            }
        }
    }

    fn want_image(
        &mut self,
        pod: &mut PodContext<'_, '_>,
        spec: &Json,
        since: Duration,
        backoff: Duration,
        told: bool,
    ) -> Option<Next> {
        let now = pod.now;
        self.image = text(&spec["image"]).to_owned();
        if !pod.cx.scene.cannot_pull(&pod.place(&self.image)) {
            self.begin(pod, spec, now);
            return None;
        }
        let again = since + backoff;
        if now >= again {
            self.say_no_image(pod);
            self.state = State::NoImage { since: now, backoff: (backoff * 2).min(LONGEST_BACKOFF), told: false };
            return Some(Next::After(Duration::from_secs(1)));
        }
        if !told && now > since {
            let message = format!("Back-off pulling image \"{}\"", self.image);
            pod.event("Normal", "BackOff", &message);
            pod.event("Warning", "Failed", "Error: ImagePullBackOff");
            self.state = State::NoImage { since, backoff, told: true };
        }
        if !told && now == since {
            return Some(Next::After(Duration::from_secs(1)));
        }
        let hopeless = backoff >= LONGEST_BACKOFF;
        Some(if hopeless { Next::Weakly(again - now) } else { Next::After(again - now) })
    }

    /// Goes for the image.
    fn begin(&mut self, pod: &mut PodContext<'_, '_>, spec: &Json, now: Duration) {
        if let Some(message) = invalid(&self.image) {
            pod.event("Warning", "InspectFailed", &message);
            pod.event("Warning", "Failed", "Error: InvalidImageName");
            self.state = State::NoName { message };
            return;
        }
        if pod.cx.scene.cannot_pull(&pod.place(&self.image)) {
            self.say_no_image(pod);
            self.state = State::NoImage { since: now, backoff: FIRST_BACKOFF, told: false };
            return;
        }
        if spec["imagePullPolicy"] != "Never" {
            pod.event("Normal", "Pulling", &format!("Pulling image \"{}\"", self.image));
        }
        self.state = State::Pulling { until: now + pod.cx.scene.start_of(&pod.place(&self.image)) };
    }

    fn say_no_image(&self, pod: &mut PodContext<'_, '_>) {
        let image = &self.image;
        pod.event("Normal", "Pulling", &format!("Pulling image \"{image}\""));
        pod.event("Warning", "Failed", &format!("Failed to pull image \"{image}\": {}", why_not(image)));
        pod.event("Warning", "Failed", "Error: ErrImagePull");
    }

    fn say_pulled(&self, pod: &mut PodContext<'_, '_>, spec: &Json, takes: Duration) {
        let image = &self.image;
        let message = if spec["imagePullPolicy"] == "Never" {
            format!("Container image \"{image}\" already present on machine and can be accessed by the pod")
        } else {
            let took = format!("{}ms", takes.as_millis());
            format!("Successfully pulled image \"{image}\" in {took} ({took} including waiting). Image size: 0 bytes.")
        };
        pod.event("Normal", "Pulled", &message);
    }

    fn start(&mut self, pod: &mut PodContext<'_, '_>, spec: &Json, role: Role, at: Duration) {
        pod.event("Normal", "Created", "Container created");
        pod.event("Normal", "Started", "Container started");
        let place = pod.place(&self.image);
        let crashes = pod.cx.scene.crashes(&place);
        let never = pod.cx.scene.never_ready(&place);
        let delay = |probe: &Json| Duration::from_secs(u64::try_from(int(&probe["initialDelaySeconds"])).unwrap_or(0));
        let started = at + delay(&spec["startupProbe"]);
        let ready_at = (!never).then(|| started.max(at + delay(&spec["readinessProbe"])));
        let ends_at = match role {
            _ if crashes => Some(at + CRASH),
            Role::Init => Some(at),
            Role::Main if pod.policy != "Always" && comes_to_an_end(pod.pod) => Some(at + pod.cx.scene.run),
            _ => None,
        };
        // What crashes before its probe succeeds is never ready.
        let ready_at = ready_at.filter(|ready| !crashes || spec["readinessProbe"].is_null() && *ready <= at + CRASH);
        if never && let Some(refused) = refused(&spec["readinessProbe"], text(&pod.pod["status"]["podIP"])) {
            pod.event("Warning", "Unhealthy", &format!("Readiness probe failed: {refused}"));
        }
        self.state = State::Running { since: at, ready_at, ends_at, exit: i64::from(crashes) };
    }

    pub(super) fn end(&mut self, pod: &mut PodContext<'_, '_>, role: Role, since: Duration, end: Duration, exit: i64) {
        let again = match (role, pod.policy) {
            (Role::Sidecar, _) => true,
            (Role::Init, "Never") => false,
            (Role::Init, _) => exit != 0,
            (Role::Main, "Always") => true,
            (Role::Main, "OnFailure") => exit != 0,
            (Role::Main, _) => false,
        };
        // The first restart is at once; from the second on, it waits.
        let again = again.then(|| match self.restarts {
            0 => end,
            _ => end + self.backoff,
        });
        if again.is_some() && self.restarts > 0 {
            let pod_name =
                format!("{}_{}({})", object::name(pod.pod), object::namespace(pod.pod), object::uid(pod.pod));
            let message = format!("Back-off restarting failed container {} in pod {pod_name}", self.name);
            pod.event("Warning", "BackOff", &message);
            if self.restarts > 1 {
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
            }
        }
        let again = again.map(|at| if self.restarts > 1 { end + self.backoff } else { at });
        self.state = State::Ended { since, at: end, exit, again };
    }
}

/// What a kubelet says of a probe on a port where nobody listens; of a program it could tell only what that prints.
fn refused(probe: &Json, ip: &str) -> Option<String> {
    let port = |action: &str| Some(&probe[action]["port"]).filter(|port| !port.is_null()).map(scalar);
    let dial = |port: &str| format!("dial tcp {ip}:{port}: connect: connection refused");
    if let Some(port) = port("httpGet") {
        let http = &probe["httpGet"];
        let scheme = text(&http["scheme"]).to_ascii_lowercase();
        let url = format!("{scheme}://{ip}:{port}{}", text(&http["path"]));
        return Some(format!("Get \"{url}\": {}", dial(&port)));
    }
    port("tcpSocket").map(|port| dial(&port))
}

fn scalar(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
