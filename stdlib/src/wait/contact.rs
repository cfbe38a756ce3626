//! Whether the API servers still answer. A connection that says nothing may be a quiet one or a dead one: after a
//! silence, and before a verdict, it is asked. Pure, as [`super::vigil`] is.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_runtime::{Moment, duration};

use super::board::SourceId;
use super::vigil::{Vigil, Watched};

/// After so long a silence the API server is asked whether it is still there, and no more often than that.
pub(super) const SILENCE: Duration = Duration::from_secs(15);
/// What is not answered within this time means that there is no contact. The question stays open.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A question is given up for a new one after this long.
pub(super) const GIVEN_UP_AFTER: Duration = SILENCE;
/// The pause after an answer that is of no use.
const PAUSE: Duration = Duration::from_secs(5);

/// How the contact with one API server stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    /// When something was heard last.
    heard: Moment,
    /// When the question was asked that is open.
    asked: Option<Moment>,
    /// Nothing is asked before.
    rests_until: Moment,
    is_lost: bool,
}

/// The contact with all clusters of a wait, by name.
#[derive(Debug, Default)]
pub(crate) struct Contacts(BTreeMap<String, Contact>);

/// What an API server is to be asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub cluster: String,
    /// The goals that a verdict is due for.
    pub goals: Vec<usize>,
    /// What must be read for it; without any, an answer is all that counts.
    pub sources: Vec<SourceId>,
}

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    /// All that was asked for was read.
    Read,
    /// There was an answer, though not the one that was asked for.
    Refused,
    /// There was none.
    Nothing,
}

/// A verdict that waits until what it rests on has been read anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    since: Moment,
    confirmed: bool,
}

impl Contacts {
    pub fn new<'a>(clusters: impl Iterator<Item = &'a str>, now: Moment) -> Self {
        let contact = Contact { heard: now, asked: None, rests_until: now, is_lost: false };
        Self(clusters.map(|name| (name.to_owned(), contact)).collect())
    }

    /// Something came from this API server.
    pub fn heard(&mut self, cluster: &str, now: Moment) {
        if let Some(contact) = self.0.get_mut(cluster) {
            (contact.heard, contact.is_lost) = (now, false);
        }
    }

    /// Since when nothing has been heard, if there is no contact.
    pub fn lost_since(&self, cluster: &str) -> Option<Moment> {
        self.0.get(cluster).filter(|contact| contact.is_lost).map(|contact| contact.heard)
    }

    /// Notes what is not answered by now.
    pub(super) fn look(&mut self, now: Moment) {
        for contact in self.0.values_mut() {
            contact.is_lost |= contact.silent_at().is_some_and(|at| at <= now);
        }
    }

    /// For how long nothing has been heard.
    pub fn silence(&self, cluster: &str, now: Moment) -> Duration {
        let silence = self.0.get(cluster).map(|contact| now.since(contact.heard)).unwrap_or_default();
        Duration::from_secs(silence.as_secs())
    }

    fn replied(&mut self, cluster: &str, reply: Reply, now: Moment) {
        let Some(contact) = self.0.get_mut(cluster) else { return };
        let asked = contact.asked.take();
        match reply {
            Reply::Read => {
                contact.rests_until = now;
                self.heard(cluster, now);
            }
            Reply::Refused => {
                contact.rests_until = now + PAUSE;
                self.heard(cluster, now);
            }
            Reply::Nothing => {
                contact.rests_until = asked.unwrap_or(now) + SILENCE;
                contact.is_lost = true;
            }
        }
    }
}

impl Contact {
    /// When it counts as silent, if the open question is not answered and nothing else is heard.
    fn silent_at(&self) -> Option<Moment> {
        self.asked.map(|asked| asked.max(self.heard) + ANSWER_WITHIN)
    }

    /// When it is to be asked.
    fn due(&self, in_doubt: bool) -> Option<Moment> {
        if self.asked.is_some() {
            return None;
        }
        let after = if in_doubt || self.is_lost { self.heard } else { self.heard + SILENCE };
        Some(after.max(self.rests_until))
    }
}

impl Watched {
    /// Whether a verdict may be given: only if what it rests on has been read since it was due.
    pub(super) fn is_confirmed(&mut self, now: Moment) -> bool {
        self.doubt.get_or_insert(Doubt { since: now, confirmed: false }).confirmed
    }

    /// How long the time of the wait is held for a verdict that is being confirmed.
    pub(super) fn held_until(&self) -> Option<Moment> {
        self.doubt.map(|doubt| doubt.since + ANSWER_WITHIN)
    }

    /// Says that there is no contact, and how it stood when there was.
    pub(super) fn out_of_contact(&mut self, since: Moment, now: Moment) {
        let time = Duration::from_secs(now.since(since).as_secs());
        self.is_out_of_contact = true;
        self.status = format!(
            "no contact with the API server for {} (status as of then: {})",
            duration::display(time),
            self.standing
        );
    }
}

impl Vigil {
    /// Whether nothing can be known of any open goal for want of contact.
    pub fn is_out_of_contact(&self) -> bool {
        let mut open = self.watched.iter().filter(|w| w.end.is_none()).peekable();
        open.peek().is_some() && open.all(|w| w.is_out_of_contact)
    }

    /// What is to be asked now. Each question counts as asked, and is to be [replied](Self::replied).
    pub fn questions(&mut self, now: Moment) -> Vec<Question> {
        let due: Vec<String> = self.askable().filter(|(_, at)| *at <= now).map(|(name, _)| name.to_owned()).collect();
        let mut questions = Vec::new();
        for cluster in due {
            let doubted = |(index, w): (usize, &Watched)| {
                let doubted = w.end.is_none() && w.doubt.is_some_and(|d| !d.confirmed);
                (doubted && w.goal.id.cluster == cluster).then_some(index)
            };
            let goals: Vec<usize> = self.watched.iter().enumerate().filter_map(doubted).collect();
            let mut sources: Vec<SourceId> = goals.iter().flat_map(|index| self.rests_on(*index)).collect();
            sources.sort_unstable();
            sources.dedup();
            if let Some(contact) = self.contacts.0.get_mut(&cluster) {
                contact.asked = Some(now);
            }
            questions.push(Question { cluster, goals, sources });
        }
        questions
    }

    /// Takes in what came of a question; what was read stands on the board before.
    pub fn replied(&mut self, question: &Question, reply: Reply, now: Moment) {
        let was_lost = self.contacts.lost_since(&question.cluster).is_some();
        self.contacts.replied(&question.cluster, reply, now);
        if reply == Reply::Read && !was_lost {
            for index in &question.goals {
                if let Some(doubt) = &mut self.watched[*index].doubt {
                    doubt.confirmed = true;
                }
            }
        }
    }

    /// When something is to be asked, or a question has been open for too long.
    pub fn contact_moment(&self) -> Option<Moment> {
        let unanswered = self.contacts.0.values().filter(|c| !c.is_lost).filter_map(Contact::silent_at);
        unanswered.chain(self.askable().map(|(_, at)| at)).min()
    }

    /// The clusters that may be asked, and when. One whose connections are known to be lost is being asked already.
    fn askable(&self) -> impl Iterator<Item = (&str, Moment)> {
        self.contacts.0.iter().filter_map(|(name, contact)| {
            let mut open = self.watched.iter().filter(|w| w.end.is_none() && w.goal.id.cluster == *name).peekable();
            open.peek()?;
            let in_doubt = open.any(|w| w.doubt.is_some_and(|d| !d.confirmed));
            let at = contact.due(in_doubt)?;
            (!self.board.is_cut_off_from(name)).then_some((name.as_str(), at))
        })
    }

    /// The sources that a verdict on a goal rests on, its own first.
    fn rests_on(&mut self, index: usize) -> Vec<SourceId> {
        let own = self.watched[index].source;
        let object = self.board.get(own).find(&self.watched[index].goal.id.name).cloned();
        let guards =
            object.filter(|_| self.watched[index].goal.aim.needs_pods()).map(|object| self.guards(index, &object));
        let around = guards.into_iter().flatten().flatten();
        std::iter::once(own).chain(around).filter(|source| self.board.get(*source).all().is_some()).collect()
    }
}

#[cfg(test)]
mod tests;
