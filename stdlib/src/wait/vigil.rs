//! The waiting itself, without any input or output: what is waited for, what the watches have told, what to look at next.
//!
//! [`super::run`] drives it; tests drive it with made-up objects and times.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::cluster::{Collection, ResourceId, Selector, WatchEvent};
use windlass_runtime::{Error, Moment, duration};

use super::aim::{Aim, Sight};
use super::around;
use super::board::{Board, SourceId};
use super::contact::{Contacts, Doubt};
use super::readiness::{Readiness, Related, Want};
use super::trouble::{self, Patience, Trouble};

/// The first look is under way.
const UNSEEN: &str = "it has not been looked at yet";
/// So long the first look may take.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How soon the pods of what is not ready are looked at: what is ready by then costs nothing more.
const GUARD_AFTER: Duration = Duration::from_secs(1);

/// One object, and what is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub id: ResourceId,
    pub aim: Aim,
    /// When the call began.
    pub begun: Moment,
    pub times: Times,
}

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub timeout: Duration,
    /// How long it must stay so.
    pub stable_for: Duration,
    /// How long something blocked is given without progress.
    pub patience: Duration,
}

/// How a goal ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It came about; the object, or its last state where it is gone.
    Reached(Json),
    /// Its time was over.
    TimedOut,
    /// It cannot come about any more.
    Hopeless(Vec<Trouble>),
    /// Nothing can happen any more that would bring it about.
    NothingLeft,
    /// It cannot be followed.
    Failed(Error),
}

/// A goal and what is known of it.
#[derive(Debug)]
pub(crate) struct Watched {
    pub goal: Goal,
    /// The first state of the object that was seen.
    pub first: Option<Arc<Json>>,
    /// The last one.
    pub last: Option<Arc<Json>>,
    /// How it stands, in words.
    pub status: String,
    /// How it stood when there was contact with the API server.
    pub(super) standing: String,
    pub(super) is_out_of_contact: bool,
    pub end: Option<End>,
    pub(super) source: SourceId,
    deadline: Moment,
    is_judged: bool,
    reached_at: Option<Moment>,
    patience: Patience,
    hopeless_at: Option<Moment>,
    /// A verdict that is due, and not yet confirmed.
    pub(super) doubt: Option<Doubt>,
    /// Since when its connection is known to be lost.
    lost_at: Option<Moment>,
    told: Option<(bool, String)>,
}

impl Watched {
    /// When its time is over. However short that is, it is looked at once, and a verdict that is due is confirmed.
    fn over_at(&self, begun: Moment) -> Moment {
        let deadline = if self.is_judged { self.deadline } else { self.deadline.max(begun + FIRST_LOOK) };
        self.held_until().map_or(deadline, |held| deadline.max(held))
    }

    /// What was seen before a gap says nothing after it.
    fn forget(&mut self) {
        self.patience.forget();
        self.reached_at = None;
        self.hopeless_at = None;
        self.doubt = None;
    }
}

/// Everything that one call waits for.
#[derive(Debug)]
pub(crate) struct Vigil {
    pub watched: Vec<Watched>,
    pub board: Board,
    pub(super) contacts: Contacts,
    begun: Moment,
    /// How many goals look at each namespace: where there are several, its objects are followed together.
    pub(super) crowds: HashMap<(String, Option<String>), usize>,
    cut_off: bool,
    /// When one of the goals made progress last.
    advanced: Option<Moment>,
}

impl Vigil {
    pub fn new(goals: Vec<Goal>, now: Moment) -> Self {
        let mut board = Board::default();
        let contacts = Contacts::new(goals.iter().map(|goal| goal.id.cluster.as_str()), now);
        let mut together: HashMap<Collection, usize> = HashMap::new();
        let mut crowds = HashMap::new();
        for goal in &goals {
            *together.entry(goal.id.collection()).or_default() += 1;
            *crowds.entry((goal.id.cluster.clone(), goal.id.namespace.clone())).or_default() += 1;
        }
        let watched = goals.into_iter().map(|goal| {
            let of = goal.id.collection();
            let alone = together.get(&of) == Some(&1);
            let selector = if alone { Selector::name(&goal.id.name) } else { Selector::default() };
            Watched {
                source: board.source(&of, &selector),
                deadline: goal.begun + goal.times.timeout,
                goal,
                first: None,
                last: None,
                status: UNSEEN.into(),
                standing: UNSEEN.into(),
                is_out_of_contact: false,
                end: None,
                is_judged: false,
                reached_at: None,
                patience: Patience::default(),
                hopeless_at: None,
                doubt: None,
                lost_at: None,
                told: None,
            }
        });
        let watched = watched.collect();
        Self { watched, board, contacts, begun: now, crowds, cut_off: false, advanced: None }
    }

    /// Takes in what a watch tells.
    pub fn observe(&mut self, source: SourceId, told: Result<WatchEvent, Error>, now: Moment) {
        if !matches!(told, Ok(WatchEvent::Disconnected(_))) {
            let cluster = &self.board.get(source).of.cluster;
            self.contacts.heard(cluster, now);
        }
        self.board.observe(source, told);
    }

    /// Whether a source tells of an object that is waited for, and not only of what stands around it.
    pub fn is_waited_for(&self, source: SourceId) -> bool {
        self.watched.iter().any(|w| w.source == source)
    }

    /// Looks at every goal that has not ended.
    pub fn look(&mut self, now: Moment) {
        self.contacts.look(now);
        let cut_off = self.board.is_cut_off();
        for watched in &mut self.watched {
            let silent = watched.is_out_of_contact || self.contacts.lost_since(&watched.goal.id.cluster).is_some();
            if cut_off || self.cut_off || silent {
                watched.forget();
            }
        }
        self.cut_off = cut_off;
        for index in 0..self.watched.len() {
            if self.watched[index].end.is_none() {
                self.look_at(index, now);
            }
        }
    }

    /// When a verdict is due by the clock alone: at the end of a time of grace.
    pub fn verdict_at(&self) -> Option<Moment> {
        // A verdict in doubt waits for an answer, not for the clock.
        let open = self.watched.iter().filter(|w| w.end.is_none() && w.doubt.is_none());
        let due = |w: &Watched| [w.reached_at.map(|at| at + w.goal.times.stable_for), w.hopeless_at];
        open.flat_map(due).flatten().min()
    }

    /// When the next goal's time is over.
    pub fn over_at(&self) -> Option<Moment> {
        self.watched.iter().filter(|w| w.end.is_none()).map(|w| w.over_at(self.begun)).min()
    }

    /// Ends what is open: the cluster is simulated, and nothing can happen in it any more.
    pub fn nothing_left(&mut self) {
        for watched in self.watched.iter_mut().filter(|w| w.end.is_none()) {
            watched.end = Some(End::NothingLeft);
        }
    }

    /// When more is looked at, if nothing has happened until then.
    pub fn guards_at(&self) -> Moment {
        self.begun + GUARD_AFTER
    }

    /// What has changed since the last time that this was asked: subject and status.
    pub fn changes(&mut self) -> Vec<(String, String)> {
        let mut changes = Vec::new();
        for watched in &mut self.watched {
            let open = watched.end.is_none();
            // What is reached at once is not worth a word.
            // That time passes without contact is no news.
            let now = (watched.is_out_of_contact, watched.standing.clone());
            let news = watched.told.as_ref() != Some(&now) && (open || watched.told.is_some());
            if news && watched.status != UNSEEN {
                watched.told = Some(now);
                changes.push((watched.goal.id.to_string(), watched.status.clone()));
            }
        }
        changes
    }

    fn look_at(&mut self, index: usize, now: Moment) {
        self.judge_at(index, now);
        let watched = &mut self.watched[index];
        if !watched.is_out_of_contact {
            watched.standing.clone_from(&watched.status);
        }
        if watched.end.is_none() && watched.over_at(self.begun) <= now {
            if let (Some(since), false) = (watched.lost_at, watched.is_out_of_contact) {
                let time = Duration::from_secs(now.since(since).as_secs());
                watched.status = format!("{}; so it has been for {}", watched.status, duration::display(time));
            }
            self.end(index, End::TimedOut);
        }
    }

    fn judge_at(&mut self, index: usize, now: Moment) {
        let Watched { goal, source, .. } = &self.watched[index];
        let source = self.board.get(*source);
        if let Some(error) = &source.error {
            let error = error.clone();
            self.end(index, End::Failed(error));
            return;
        }
        if let Some(since) = self.contacts.lost_since(&goal.id.cluster) {
            self.watched[index].out_of_contact(since, now);
            return;
        }
        let known = source.is_known();
        let lost = source.lost.clone();
        let object = source.find(&goal.id.name).cloned();
        let readiness = if !known {
            let why = lost.as_ref().map(|why| format!("the API server does not answer: {why}"));
            Readiness::NotYet(why.unwrap_or_else(|| UNSEEN.into()))
        } else {
            self.note(index, object.as_ref());
            self.judge(index, object.as_deref())
        };
        let troubles = match (&readiness, &lost) {
            (Readiness::NotYet(_), None) if known => self.troubles(index, object.as_deref(), now),
            _ => Vec::new(),
        };
        let watched = &mut self.watched[index];
        watched.is_out_of_contact = false;
        watched.lost_at = lost.as_ref().map(|_| watched.lost_at.unwrap_or(now));
        watched.status = readiness.words().to_owned();
        if let Some(trouble) = troubles.first().filter(|t| t.pod.is_some() || object.is_some()) {
            watched.status = format!("{}; {}", watched.status, trouble.words());
        }
        if let (true, Some(why)) = (known, &lost) {
            watched.status = format!("{} (the connection is lost: {why})", watched.status);
        }
        match readiness {
            Readiness::Ready(_) if lost.is_some() => {}
            Readiness::Ready(_) => {
                let since = *watched.reached_at.get_or_insert(now);
                let stable = watched.goal.times.stable_for;
                // What is reached at once is fresh: a watch has just told it.
                let over = now.since(since) >= stable;
                if over && (stable.is_zero() || watched.is_confirmed(now)) {
                    self.advanced = Some(now);
                    let object = match watched.goal.aim {
                        Aim::Deleted => watched.first.take(),
                        _ => object,
                    };
                    let object = object.map(Arc::unwrap_or_clone).unwrap_or_default();
                    self.end(index, End::Reached(object));
                    return;
                }
                if !over {
                    watched.doubt = None;
                }
                watched.status = format!("{}, and must stay so for {}", watched.status, duration::display(stable));
            }
            Readiness::Hopeless(_) if lost.is_none() => {
                if watched.is_confirmed(now) {
                    self.end(index, End::Hopeless(Vec::new()));
                }
            }
            Readiness::NotYet(_) | Readiness::Hopeless(_) => {
                watched.reached_at = None;
                if watched.hopeless_at.is_none_or(|at| at > now) {
                    watched.doubt = None;
                } else if watched.is_confirmed(now) {
                    self.end(index, End::Hopeless(troubles));
                }
            }
        }
    }

    fn end(&mut self, index: usize, end: End) {
        self.watched[index].end = Some(end);
    }

    fn note(&mut self, index: usize, object: Option<&Arc<Json>>) {
        let watched = &mut self.watched[index];
        if let Some(object) = object {
            watched.first.get_or_insert_with(|| object.clone());
            watched.last = Some(object.clone());
        }
    }

    fn judge(&mut self, index: usize, object: Option<&Json>) -> Readiness {
        let wants = self.watched[index].goal.aim.wants(object);
        let sources: Vec<(Want, SourceId)> = wants.iter().map(|want| (*want, self.want(index, *want))).collect();
        if sources.iter().any(|(_, source)| !self.board.get(*source).is_settled()) {
            return Readiness::not_yet("what it depends on has not been looked at yet");
        }
        self.watched[index].is_judged = true;
        let mut related = Related::default();
        let Watched { goal, first, .. } = &self.watched[index];
        for (want, source) in sources {
            let Some(all) = self.board.get(source).all() else { continue };
            match want {
                Want::EndpointSlices => {
                    let own = |slice: &&Json| super::aim::label(slice, around::SERVICE) == Some(&goal.id.name);
                    related.endpoint_slices = Some(all.filter(own).collect());
                }
                Want::Nodes => related.nodes = Some(all.collect()),
                Want::Pods => related.pods = Some(all.collect()),
                Want::StorageClasses => related.storage_classes = Some(all.collect()),
            }
        }
        goal.aim.judge(&Sight { object, first: first.as_deref(), related })
    }

    /// What blocks the object; notes when that becomes hopeless.
    fn troubles(&mut self, index: usize, object: Option<&Json>, now: Moment) -> Vec<Trouble> {
        let waits = !matches!(self.watched[index].goal.aim, Aim::Deleted);
        let (troubles, progress) = match object {
            Some(object) if self.watched[index].goal.aim.needs_pods() && now >= self.guards_at() => {
                let guards = self.guards(index, object);
                let all = |source: Option<SourceId>| -> Vec<&Json> {
                    source.and_then(|s| self.board.get(s).all()).map(Iterator::collect).unwrap_or_default()
                };
                let [pods, sets, refusals] = guards.map(all);
                let own = trouble::pods_of(object, &pods, &sets);
                // Until the pods are known, that there are none says nothing.
                let settled = guards.into_iter().flatten().all(|s| self.board.get(s).is_settled());
                let readable = guards[0].is_some_and(|s| self.board.get(s).is_known());
                let troubles = match (settled, readable) {
                    (true, true) if !crate::fields::is_stale(object) => {
                        trouble::troubles(object, &own, &sets, &refusals)
                    }
                    _ => Vec::new(),
                };
                (troubles, trouble::progress(object, &own))
            }
            None if waits && self.watched[index].first.is_some() => {
                (vec![Trouble::deleted()], trouble::Progress::default())
            }
            _ => (Vec::new(), trouble::Progress::default()),
        };
        let watched = &mut self.watched[index];
        let mut since = watched.patience.look(now, !troubles.is_empty(), &progress);
        self.advanced = self.advanced.max(watched.patience.advanced());
        if troubles.iter().all(Trouble::may_depend_on_others) {
            since = since.map(|since| since.max(self.advanced.unwrap_or(since)));
        }
        watched.hopeless_at = since.map(|since| since + watched.goal.times.patience);
        troubles
    }
}

#[cfg(test)]
mod tests;
