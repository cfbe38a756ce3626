//! Lets the controllers act on the history's changes, until nothing is left to do.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::{Cluster, Context, Controller, Next, Seen, View};
use crate::Json;
use crate::fault::{Fault, Scene};
use crate::store::{Change, ChangeKind, Key};

/// How often one key may be looked at without anything being settled before it is taken for endless.
const MOST_LOOKS: u32 = 20_000;

/// How many looks one run has before others may ask for something again, such as for an end to it all.
const LOOKS_OF_A_RUN: usize = 500;

/// The shortest and the longest time until something that failed is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_secs(1000);

/// After so many failures in a row (some 20 s) the next attempt is nothing that anybody waits for.
const STRONG_RETRIES: u32 = 12;

/// One controller's work: its place in the list, and the object.
type Work = (usize, Key);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    at: Duration,
    weak: bool,
}

/// What is left to do after [`Engine::run`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Idle {
    /// When something will happen by itself.
    pub(crate) strong: Option<Duration>,
    /// When something is repeated that alone leads nowhere: to be done if time passes, but no reason to let it pass.
    pub(crate) weak: Option<Duration>,
    /// What was looked at without end, and has been left alone: a bug. `controller: resource namespace/name`.
    pub(crate) endless: Vec<String>,
}

/// The controllers, their queue and their timers.
pub(crate) struct Engine {
    controllers: Vec<Box<dyn Controller>>,
    /// Whether these are all that a cluster has, rather than those of the API server.
    whole: bool,
    view: View,
    scene: Scene,
    /// The history's entry up to which changes were taken in; nothing before the first run.
    seen: Option<u64>,
    queue: VecDeque<Work>,
    queued: HashSet<Work>,
    timers: BTreeSet<(Timer, Work)>,
    timer_of: HashMap<Work, Timer>,
    failures: HashMap<Work, u32>,
    /// How often each was looked at since all was settled.
    looks: HashMap<Work, u32>,
    /// What controllers were refused, conflicts apart.
    #[cfg(test)]
    pub(crate) refused: Vec<(String, crate::error::ApiError)>,
    watching: BTreeMap<&'static str, Vec<usize>>,
}

/// What is written so often, and owned by nobody, that no controller is told of it.
pub(super) const UNWATCHED: [&str; 2] = ["events", "leases.coordination.k8s.io"];

impl Engine {
    /// The controllers of a cluster in which things take as long, and are as broken, as the scene says.
    pub(crate) fn new(scene: Scene) -> Self {
        Self { whole: true, ..Self::of(super::all(), scene) }
    }

    /// Those that are part of the API server alone.
    pub(crate) fn api_server() -> Self {
        Self::of(super::of_api_server(), Scene::default())
    }

    fn of(controllers: Vec<Box<dyn Controller>>, scene: Scene) -> Self {
        let mut watching: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for (place, controller) in controllers.iter().enumerate() {
            for resource in controller.watches() {
                watching.entry(resource).or_default().push(place);
            }
        }
        Self {
            controllers,
            whole: false,
            view: View::default(),
            scene,
            seen: None,
            queue: VecDeque::new(),
            queued: HashSet::new(),
            timers: BTreeSet::new(),
            timer_of: HashMap::new(),
            failures: HashMap::new(),
            looks: HashMap::new(),
            #[cfg(test)]
            refused: Vec::new(),
            watching,
        }
    }

    /// The same once more, for a copy of the world.
    pub(crate) fn fork(&self) -> Self {
        if self.whole { Self::new(self.scene.clone()) } else { Self::api_server() }
    }

    /// Breaks something from now on; [`Engine::run`] shows what comes of it.
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.scene.inject(fault);
        self.look_at_all();
    }

    /// Mends what [`Engine::inject`] broke.
    pub(crate) fn mend(&mut self, fault: &Fault) {
        self.scene.mend(fault);
        self.look_at_all();
    }

    /// What is broken, each with whether it was in the way of anything yet.
    pub(crate) fn faults(&self) -> Vec<(Fault, bool)> {
        self.scene.faults().map(|(fault, met)| (fault.clone(), met)).collect()
    }

    /// Looks at everything again with the next run.
    fn look_at_all(&mut self) {
        self.seen = None;
    }

    /// Acts until nothing is left to do at this time, or until others should have their turn: then there is something to do
    /// at once.
    pub(crate) fn run(&mut self, world: &mut dyn Cluster) -> Idle {
        let mut endless = BTreeSet::new();
        let mut settled = false;
        self.wake(world.now());
        for _ in 0..LOOKS_OF_A_RUN {
            self.take_in(world);
            if self.queue.is_empty() {
                self.wake(world.now());
            }
            let Some(work) = self.queue.pop_front() else {
                settled = true;
                break;
            };
            self.queued.remove(&work);
            let count = self.looks.entry(work.clone()).or_default();
            *count += 1;
            if *count > MOST_LOOKS {
                endless.insert(self.describe(&work));
                continue;
            }
            self.look(world, work);
        }
        let endless = endless.into_iter().collect();
        if !settled {
            return Idle { strong: Some(world.now()), weak: None, endless };
        }
        self.looks.clear();
        let first = |weak| self.timers.iter().map(|(timer, _)| timer).find(|timer| timer.weak == weak).map(|t| t.at);
        Idle { strong: first(false), weak: first(true), endless }
    }

    fn describe(&self, (place, key): &Work) -> String {
        let name = self.controllers.get(*place).map_or("", |c| c.name());
        format!("{name}: {} {}/{}", key.resource, key.namespace, key.name)
    }

    fn wake(&mut self, now: Duration) {
        while let Some((timer, _)) = self.timers.first()
            && timer.at <= now
            && let Some((_, work)) = self.timers.pop_first()
        {
            self.timer_of.remove(&work);
            self.enqueue(work);
        }
    }

    fn enqueue(&mut self, work: Work) {
        if self.queued.insert(work.clone()) {
            self.queue.push_back(work);
        }
    }

    fn take_in(&mut self, world: &mut dyn Cluster) {
        let Some(seen) = self.seen else {
            return self.take_all_in(world);
        };
        if world.version() == seen {
            return;
        }
        let Some(changes) = world.changes_after(seen) else { return self.take_all_in(world) };
        for change in changes {
            self.seen = Some(change.version);
            if !UNWATCHED.contains(&&*change.key.resource)
                && let Some(read) = read(&change)
            {
                self.distribute(world, read);
            }
        }
    }

    /// Takes all that is there for new, but for what only the base has.
    fn take_all_in(&mut self, world: &mut dyn Cluster) {
        self.seen = Some(world.version());
        self.view = View::default();
        let resources = world.resources();
        let mut changes = Vec::new();
        for resource in resources.iter().filter(|resource| !UNWATCHED.contains(&&***resource)) {
            for object in world.list(resource, None) {
                let key = Key::new(resource, crate::object::namespace(&object), crate::object::name(&object));
                let object = Json::clone(&object);
                let change = Seen { kind: ChangeKind::Added, key, object, pod_before: None };
                self.view.take(&change);
                if !world.is_below(&change.key) {
                    changes.push(change);
                }
            }
        }
        for change in changes {
            self.ask(world, &change);
        }
    }

    fn distribute(&mut self, world: &dyn Cluster, mut change: Seen) {
        change.pod_before = self.view.take(&change);
        self.ask(world, &change);
    }

    fn ask(&mut self, world: &dyn Cluster, change: &Seen) {
        let of = |name: &str| self.watching.get(name).cloned().unwrap_or_default();
        let mut places = of("*");
        places.extend(of(&change.key.resource));
        places.sort_unstable();
        for place in places {
            let Some(controller) = self.controllers.get_mut(place) else { continue };
            for key in controller.keys(world, &self.view, change) {
                self.enqueue((place, key));
            }
        }
    }

    fn look(&mut self, world: &mut dyn Cluster, work: Work) {
        let now = world.now();
        let Some(controller) = self.controllers.get_mut(work.0) else { return };
        if !controller.acts_below() && world.is_below(&work.1) {
            return;
        }
        let mut cx = Context { world, view: &self.view, scene: &self.scene };
        match controller.reconcile(&mut cx, &work.1) {
            Ok(next) => {
                self.failures.remove(&work);
                let timer = match next {
                    Next::Wait => None,
                    Next::After(after) => Some(Timer { at: now + after, weak: false }),
                    Next::Weakly(after) => Some(Timer { at: now + after, weak: true }),
                };
                self.set_timer(work, timer);
            }
            Err(error) if error.code == 409 && error.reason == "Conflict" => self.enqueue(work),
            Err(_error) => {
                #[cfg(test)]
                {
                    let what = self.describe(&work);
                    self.refused.push((what, _error));
                }
                let failures = self.failures.entry(work.clone()).or_default();
                let after = FIRST_RETRY.saturating_mul(1u32.checked_shl(*failures).unwrap_or(u32::MAX)).min(LAST_RETRY);
                *failures += 1;
                let weak = *failures > STRONG_RETRIES;
                self.set_timer(work, Some(Timer { at: now + after, weak }));
            }
        }
    }

    fn set_timer(&mut self, work: Work, timer: Option<Timer>) {
        if let Some(old) = self.timer_of.remove(&work) {
            self.timers.remove(&(old, work.clone()));
        }
        if let Some(timer) = timer {
            self.timer_of.insert(work.clone(), timer);
            self.timers.insert((timer, work));
        }
    }
}

fn read(change: &Change) -> Option<Seen> {
    let object = serde_json::from_slice(&change.object).ok()?;
    Some(Seen { kind: change.kind, key: change.key.clone(), object, pod_before: None })
}
