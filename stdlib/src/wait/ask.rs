//! Asks an API server whether it is still there, and reads anew what a verdict rests on.

use std::sync::Arc;

use futures::future::{BoxFuture, Either, FutureExt as _, join_all, select};
use windlass_runtime::cluster::{Cluster, Failure, ListOptions, Listing};
use windlass_runtime::{Clock, Error};

use super::board::SourceId;
use super::contact::{GIVEN_UP_AFTER, Question, Reply};
use super::vigil::Vigil;

/// What an API server has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub reply: Reply,
    pub listings: Vec<(SourceId, Listing)>,
}

/// Asks. Without sources, the first open goal's object is asked for: it may be read by whoever may wait for it.
pub(crate) fn ask(
    vigil: &Vigil,
    question: &Question,
    cluster: Option<&Cluster>,
    clock: &Arc<dyn Clock>,
) -> BoxFuture<'static, Answer> {
    let nothing = || Answer { reply: Reply::Nothing, listings: Vec::new() };
    let Some(cluster) = cluster.cloned() else { return futures::future::ready(nothing()).boxed() };
    let object = vigil.watched.iter().find(|w| w.end.is_none() && w.goal.id.cluster == question.cluster);
    let object = object.map(|w| w.goal.id.clone());
    let sources: Vec<_> = question.sources.iter().map(|id| (*id, vigil.board.get(*id))).collect();
    let sources: Vec<_> = sources.into_iter().map(|(id, s)| (id, s.of.clone(), s.selector.clone())).collect();
    let asking = async move {
        let lists = sources.into_iter().map(|(id, of, selector)| {
            let cluster = cluster.clone();
            async move { (id, cluster.list(&of, &ListOptions::from(selector)).await) }
        });
        let mut answer = Answer { reply: Reply::Read, listings: Vec::new() };
        for (id, listed) in join_all(lists).await {
            match listed {
                Ok(listing) => answer.listings.push((id, listing)),
                Err(error) => answer.reply = answer.reply.max(reply(&error)),
            }
        }
        if let (true, Some(object)) = (answer.listings.is_empty() && answer.reply == Reply::Read, object)
            && let Err(error) = cluster.get(&object).await
        {
            // No sources: that there is an answer is all that counts.
            answer.reply = if reply(&error) == Reply::Nothing { Reply::Nothing } else { Reply::Read };
        }
        answer
    };
    let limit = clock.sleep_weakly_until(clock.now() + GIVEN_UP_AFTER);
    async move {
        match select(Box::pin(asking), limit).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Answer { reply: Reply::Nothing, listings: Vec::new() },
        }
    }
    .boxed()
}

fn reply(error: &Error) -> Reply {
    match Failure::of(error) {
        Some(Failure::Transport { .. } | Failure::Silent(_)) => Reply::Nothing,
        _ => Reply::Refused,
    }
}
