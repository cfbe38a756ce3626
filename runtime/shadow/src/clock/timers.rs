//! Timers by time and sequence.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

/// What a timer is to the virtual clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Something happens in the cluster then: a pod starts. A reason to jump.
    Event,
    /// A client goes on then: it has slept, or looks again. A reason to jump, but not while somebody outside is at work.
    Work,
    /// A client gives up then. No reason to jump: where nothing else can happen, that is told at once.
    Limit,
    /// Something is repeated then: a heartbeat, a list. No reason to jump.
    Weak,
}

/// When, and which of those at the same time first.
type At = (Duration, u64);

#[derive(Debug, Default)]
pub(super) struct Timers {
    by_reason: [BTreeMap<At, Waker>; 4],
    sequence: u64,
}

impl Timers {
    pub(super) fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn of(&mut self, reason: Reason) -> &mut BTreeMap<At, Waker> {
        let [event, work, limit, weak] = &mut self.by_reason;
        match reason {
            Reason::Event => event,
            Reason::Work => work,
            Reason::Limit => limit,
            Reason::Weak => weak,
        }
    }

    pub(super) fn set(&mut self, reason: Reason, at: At, waker: &Waker) {
        self.of(reason).insert(at, waker.clone());
    }

    pub(super) fn remove(&mut self, reason: Reason, at: At) {
        self.of(reason).remove(&at);
    }

    /// The first one of this reason.
    pub(super) fn first(&mut self, reason: Reason) -> Option<Duration> {
        self.of(reason).first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes those out that are the first of all up to `until`: their time, and whom to wake, in order.
    pub(super) fn take_first(&mut self, until: Duration) -> Option<(Duration, Vec<Waker>)> {
        let firsts = self.by_reason.iter().filter_map(|map| map.first_key_value().map(|((at, _), _)| *at));
        let at = firsts.min().filter(|at| *at <= until)?;
        let mut due: Vec<(u64, Waker)> = Vec::new();
        for map in &mut self.by_reason {
            while let Some(entry) = map.first_entry()
                && entry.key().0 == at
            {
                let ((_, number), waker) = entry.remove_entry();
                due.push((number, waker));
            }
        }
        due.sort_by_key(|(number, _)| *number);
        Some((at, due.into_iter().map(|(_, waker)| waker).collect()))
    }
}
