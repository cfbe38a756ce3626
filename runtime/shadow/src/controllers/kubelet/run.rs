//! What the containers of one pod do over time.

use std::time::Duration;

use jiff::Timestamp;

use super::super::fields::{items, text};
use super::super::{Context, Next};
use super::container::{Container, FIRST_BACKOFF, PodContext, Role, State};
use super::needs::Missing;
use super::{LOOK_AGAIN, NAME, is_sidecar};
use crate::Json;

/// The containers of a pod.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) init: Vec<Container>,
    pub(super) main: Vec<Container>,
    /// What the virtual clock showed at a certain time of day, to translate the one into the other.
    base: (Duration, Timestamp),
    sandbox: bool,
    stops_at: Option<Duration>,
    mount_told: bool,
}

impl Run {
    /// A pod's containers, as its status tells of them.
    pub(super) fn of(pod: &Json, now: Duration, wall: Timestamp) -> Self {
        let read = |containers: &str, statuses: &str| {
            let statuses = items(&pod["status"][statuses]);
            let found = |name: &Json| statuses.iter().find(|s| s["name"] == *name);
            let all = super::containers(pod, containers).iter();
            all.map(|container| {
                let mut one = Container {
                    name: text(&container["name"]).to_owned(),
                    image: text(&container["image"]).to_owned(),
                    state: State::Idle,
                    restarts: 0,
                    last: None,
                    backoff: FIRST_BACKOFF,
                };
                if let Some(status) = found(&container["name"]) {
                    one.recall(status, now, wall);
                }
                one
            })
            .collect()
        };
        let sandbox = !text(&pod["status"]["podIP"]).is_empty();
        let (init, main) = (read("initContainers", "initContainerStatuses"), read("containers", "containerStatuses"));
        Self { init, main, base: (now, wall), sandbox, stops_at: None, mount_told: false }
    }

    /// The time of day of a moment.
    pub(super) fn wall(&self, at: Duration) -> Timestamp {
        let (now, wall) = self.base;
        let moved = if at >= now { wall.checked_add(at - now) } else { wall.checked_sub(now - at) };
        moved.unwrap_or(wall)
    }

    pub(super) fn has_sandbox(&self) -> bool {
        self.sandbox
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stops_at.is_some()
    }

    pub(super) fn stops_at(&self) -> Option<Duration> {
        self.stops_at
    }

    pub(super) fn stop_at(&mut self, at: Duration) {
        self.stops_at = Some(at);
    }

    /// The names of the containers that run.
    pub(super) fn running(&self) -> Vec<&str> {
        let all = self.main.iter().chain(&self.init);
        all.filter(|c| matches!(c.state, State::Running { .. })).map(|c| c.name.as_str()).collect()
    }

    /// Ends what runs: the pod is being deleted.
    pub(super) fn end_all(&mut self, cx: &Context<'_>) {
        let now = cx.world.now();
        for container in self.main.iter_mut().chain(&mut self.init) {
            if let State::Running { since, .. } = container.state {
                container.state = State::Ended { since, at: now, exit: 0, again: None };
            }
        }
    }

    /// Does what is due; says when more will be.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, pod: &Json, missing: Option<&Missing>) -> Next {
        let now = cx.world.now();
        if let Some(Missing::Mount(message)) = missing
            && !self.sandbox
        {
            if !self.mount_told {
                cx.world.event(NAME, pod, "Warning", "FailedMount", message);
                self.mount_told = true;
            }
            return Next::Weakly(LOOK_AGAIN);
        }
        let unset = |name: &str| match missing {
            Some(Missing::Config { container, message }) if container == name => Some(message.as_str()),
            _ => None,
        };
        let policy = text(&pod["spec"]["restartPolicy"]);
        let mut next = Next::Wait;
        let mut pod_cx = PodContext { cx, pod, policy, now };
        let specs = super::containers(pod, "initContainers");
        let mut blocked = false;
        for (container, spec) in self.init.iter_mut().zip(specs) {
            let role = if is_sidecar(spec) { Role::Sidecar } else { Role::Init };
            next = next.or(container.advance(&mut pod_cx, spec, role, unset(&container.name.clone())));
            if !container.lets_go_on(role) {
                blocked = true;
                break;
            }
        }
        if !blocked {
            let specs = super::containers(pod, "containers");
            for (container, spec) in self.main.iter_mut().zip(specs) {
                next = next.or(container.advance(&mut pod_cx, spec, Role::Main, unset(&container.name.clone())));
            }
        }
        // The pod's network is there once the first image is.
        let started = |c: &Container| !matches!(c.state, State::Idle | State::Pulling { .. });
        self.sandbox |= self.init.iter().chain(&self.main).any(started);
        if self.main.iter().all(|c| matches!(c.state, State::Ended { again: None, .. })) {
            self.end_all(pod_cx.cx);
        }
        next
    }
}
