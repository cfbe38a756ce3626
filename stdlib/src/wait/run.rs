//! Drives a [`Vigil`]: opens its watches, wakes it at its times, tells progress, and turns its end into a value or an error.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, FutureExt as _, select};
use futures::stream::{BoxStream, SelectAll, StreamExt as _, unfold};
use serde_json::Value as Json;
use windlass_runtime::cluster::{Cluster, WatchEvent};
use windlass_runtime::{Call, Clock, Error, Moment, Result};

use super::ask::{Answer, ask};
use super::board::SourceId;
use super::contact::Question;
use super::vigil::{End, Goal, Vigil};
use super::{diagnosis, discovery};
use crate::cluster::secret_data;

/// How often a wait says that it still waits.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// And while there is no contact with the API server.
const SLOW_HEARTBEAT: Duration = Duration::from_secs(10);

/// Which of several goals must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    All,
    Any,
}

type Tell = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// What comes in.
enum Told {
    Event(SourceId, Result<WatchEvent>),
    Answer(Question, Answer),
}

/// Waits for one goal; gives its object.
pub(crate) fn wait_for_one(call: &Call<'_>, goal: (Cluster, Goal)) -> Result<Json> {
    Ok(wait_for(call, vec![goal], Mode::All)?.pop().unwrap_or_default())
}

/// Waits for all goals, or for the first of them; gives the objects of those that were reached.
pub(crate) fn wait_for(call: &Call<'_>, goals: Vec<(Cluster, Goal)>, mode: Mode) -> Result<Vec<Json>> {
    let (clock, tell) = (call.clock(), call.teller());
    let mut found = call.wait(async move { keep(goals, mode, clock, tell).await })?;
    for object in &mut found {
        secret_data::hide(call, object)?;
    }
    Ok(found)
}

/// Waits for all goals, or for the first of them, where it is waited already.
pub(crate) async fn keep(
    goals: Vec<(Cluster, Goal)>,
    mode: Mode,
    clock: Arc<dyn Clock>,
    tell: Tell,
) -> Result<Vec<Json>> {
    let named = |(cluster, goal): &(Cluster, Goal)| (goal.id.cluster.clone(), cluster.clone());
    let clusters: HashMap<String, Cluster> = goals.iter().map(named).collect();
    let mut vigil = Vigil::new(goals.into_iter().map(|(_, goal)| goal).collect(), clock.now());
    let mut watches: SelectAll<BoxStream<'static, Told>> = SelectAll::new();
    let mut heartbeat = clock.now() + HEARTBEAT;
    let mut period = HEARTBEAT;
    let mut at_rest = false;
    loop {
        let now = clock.now();
        vigil.look(now);
        for (subject, status) in vigil.changes() {
            tell(&subject, &status);
        }
        if let Some(result) = outcome(&vigil, mode) {
            // The watches stay until the diagnosis is done: it may ask for what they know.
            return match result {
                Ok(objects) => {
                    discovery::catch_up(&vigil, &clusters, &clock).await;
                    Ok(objects)
                }
                Err(failed) => Err(failure(&mut vigil, &clusters, &failed, mode, &clock).await),
            };
        }
        for source in vigil.board.take_fresh() {
            watches.push(follow(&vigil, &clusters, source));
        }
        for question in vigil.questions(now) {
            let asking = ask(&vigil, &question, clusters.get(&question.cluster), &clock);
            watches.push(asking.map(|answer| Told::Answer(question, answer)).into_stream().boxed());
        }
        let before = period;
        period = if vigil.is_out_of_contact() { SLOW_HEARTBEAT } else { HEARTBEAT };
        if period != before {
            // That has just been told.
            heartbeat = now + period;
        }
        if now >= heartbeat {
            heartbeat = now + period;
            let (subject, status) = summary(&vigil);
            tell(&subject, &status);
        }
        let guards = Some(vigil.guards_at()).filter(|at| now < *at);
        let never = || futures::future::pending().boxed();
        let due = [vigil.verdict_at(), guards.filter(|_| at_rest)].into_iter().flatten().min();
        let due = due.map_or_else(never, |moment| clock.sleep_until(moment));
        let over = vigil.over_at().map_or_else(never, |moment| clock.give_up_at(moment));
        let weakly = [guards, vigil.contact_moment()].into_iter().flatten().fold(heartbeat, Moment::min);
        let weakly = clock.sleep_weakly_until(weakly);
        let next = async {
            // A set without watches ends at once; the clock decides then.
            match watches.next().await {
                Some(told) => told,
                None => futures::future::pending().await,
            }
        };
        let told = {
            let timers = select(select(due, over), weakly);
            match select(Box::pin(next), select(timers, clock.nothing_left())).await {
                Either::Left((told, _)) => Some(told),
                Either::Right((Either::Left(_), _)) => None,
                Either::Right((Either::Right(_), _)) => {
                    // The pods are looked at before it is believed.
                    at_rest = guards.is_some();
                    if !at_rest {
                        vigil.nothing_left();
                    }
                    None
                }
            }
        };
        if let Some(told) = told {
            // What stands around the objects comes in crowds, and only the last state counts. Of the objects themselves
            // each state is looked at: one that does not last counts too.
            let mut around = take(&mut vigil, told, clock.now());
            while around && let Some(Some(told)) = watches.next().now_or_never() {
                around = take(&mut vigil, told, clock.now());
            }
        }
    }
}

/// Takes in what is told; whether it is only of what stands around the objects.
fn take(vigil: &mut Vigil, told: Told, now: Moment) -> bool {
    match told {
        Told::Event(source, event) => {
            vigil.observe(source, event, now);
            !vigil.is_waited_for(source)
        }
        Told::Answer(question, answer) => {
            for (source, listing) in answer.listings {
                vigil.board.refresh(source, listing);
            }
            vigil.replied(&question, answer.reply, now);
            false
        }
    }
}

async fn failure(
    vigil: &mut Vigil,
    clusters: &HashMap<String, Cluster>,
    failed: &[usize],
    mode: Mode,
    clock: &Arc<dyn Clock>,
) -> Error {
    let count = vigil.watched.len();
    let error =
        match failed.first().and_then(|first| Some((*first, clusters.get(&vigil.watched[*first].goal.id.cluster)?))) {
            Some((first, cluster)) => diagnosis::explain(vigil, first, cluster, clock).await,
            None => Error::internal("a wait failed without a goal that did"),
        };
    if mode == Mode::Any && count > 1 { error.context(format!("none of {count} has come about")) } else { error }
}

fn follow(vigil: &Vigil, clusters: &HashMap<String, Cluster>, id: SourceId) -> BoxStream<'static, Told> {
    let source = vigil.board.get(id);
    let Some(cluster) = clusters.get(&source.of.cluster) else {
        let error = Error::internal(format!("cluster {} is not open", source.of.cluster));
        return futures::stream::once(async move { Told::Event(id, Err(error)) }).boxed();
    };
    let watch = cluster.watch(&source.of, source.selector.clone());
    let events = unfold(Some(watch), move |watch| async move {
        let mut watch = watch?;
        let told = watch.next().await;
        let watch = if told.is_ok() { Some(watch) } else { None };
        Some((Told::Event(id, told), watch))
    });
    events.boxed()
}

/// What has come of it, once that is decided: the objects, or which goals failed.
fn outcome(vigil: &Vigil, mode: Mode) -> Option<Result<Vec<Json>, Vec<usize>>> {
    let reached = |end: &Option<End>| if let Some(End::Reached(object)) = end { Some(object.clone()) } else { None };
    let objects = || vigil.watched.iter().filter_map(|w| reached(&w.end));
    let failed = || {
        let failed = |(index, w): (usize, &super::vigil::Watched)| {
            (w.end.is_some() && reached(&w.end).is_none()).then_some(index)
        };
        vigil.watched.iter().enumerate().filter_map(failed).collect::<Vec<usize>>()
    };
    let count = vigil.watched.len();
    match mode {
        Mode::All if !failed().is_empty() => Some(Err(failed())),
        Mode::All => (objects().count() == count).then(|| Ok(objects().collect())),
        Mode::Any if objects().next().is_some() => Some(Ok(objects().take(1).collect())),
        Mode::Any => (failed().len() == count).then(|| Err(failed())),
    }
}

fn summary(vigil: &Vigil) -> (String, String) {
    let open = vigil.watched.iter().find(|w| w.end.is_none());
    let words = open.map(|w| (w.goal.id.to_string(), w.status.clone())).unwrap_or_default();
    let count = vigil.watched.len();
    if count == 1 {
        return words;
    }
    let done = vigil.watched.iter().filter(|w| matches!(w.end, Some(End::Reached(_)))).count();
    (format!("{count} objects"), format!("{done} of {count} done; {}: {}", words.0, words.1))
}

#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
