//! Making a change: intent, act, result, and telling what came of it.

use super::Call;
use crate::change::{Acted, Change, Outcome, OutcomeItem, Part, PartImage, Plan, ResultWord};
use crate::cluster::Failure;
use crate::journal::{EntryId, Intent, ResultRecord};
use crate::sync::lock;
use crate::{Error, Kind, Result, bridge};

/// How often a change is looked at anew because somebody else was faster.
const FRESH_LOOKS: u32 = 10;

impl Call<'_> {
    /// Makes a change: checks access, records the intent, acts, records the result, and tells what came of it.
    ///
    /// # Errors
    /// [`Kind::Denied`] without access, the journal's error if the intent cannot be recorded (nothing is then done), and
    /// what the change itself meets.
    pub fn change(&self, change: Change) -> Result<Outcome> {
        self.attempt(change)?.told(self)
    }

    /// As [`Call::change`], for a change that holds only for the state that was read: `look` reads it and says what to
    /// do. If somebody else was faster, so that the change was refused for being out of date, it looks again, a few times.
    /// Each attempt stands in the journal, with the state that it was meant for; only the last one is told.
    ///
    /// # Errors
    /// As [`Call::change`], and what `look` meets.
    pub fn change_fresh(&self, mut look: impl FnMut() -> Result<Change>) -> Result<Outcome> {
        let mut looks = 1;
        loop {
            let last = looks == FRESH_LOOKS;
            looks += 1;
            // What is tried without being kept while looking can be out of date as well.
            let change = match look() {
                Err(error) if !last && is_stale(&error) => continue,
                looked => looked?,
            };
            let attempted = self.attempt(change)?;
            if last || !attempted.is_stale() {
                return attempted.told(self);
            }
        }
    }

    fn attempt(&self, change: Change) -> Result<Attempted> {
        let session = self.session();
        for part in &change.parts {
            if part.acts() {
                session.access().check_change(&part.resource)?;
            }
        }
        if !change.parts.iter().any(Part::acts) {
            return Ok(Attempted { parts: change.parts, acted: Vec::new(), stopped: None });
        }
        if let Some(gate) = session.change_gate() {
            gate.before_change(&change)?;
        }
        session.ask_identities(&self.scope.cancel)?;
        // What is stopped already is not begun, and leaves no intent.
        if let Some(reason) =
            self.scope.cancel.reason().or_else(|| self.scope.cancel.check_deadline(&**session.clock()))
        {
            return Err(reason);
        }
        let id = self.scope.next_id();
        session.journal().intent(&self.intent(&id, &change))?;
        let Change { parts, act, .. } = change;
        let acting = parts.iter().filter(|p| p.acts()).count();
        let answer =
            session.bridge().wait_with_grace(&self.scope.cancel, session.clock(), bridge::CHANGE_GRACE, (act)());
        let (acted, stopped) = match answer {
            Ok(acted) if acted.len() == acting => (acted, None),
            Ok(acted) => {
                let error =
                    Error::internal(format!("{} answered for {} of {acting} resources", self.primitive, acted.len()));
                (vec![Acted::Unknown; acting], Some(error))
            }
            Err(error) if error.kind().is_final() => (vec![Acted::Unknown; acting], Some(error)),
            Err(error) => (vec![Acted::Failed(error.clone()); acting], Some(error)),
        };
        let record = ResultRecord {
            results: acted.iter().map(word).collect(),
            after: acted.iter().map(|a| if let Acted::Done(after) = a { after.clone() } else { None }).collect(),
        };
        session.journal().result(&id, &record).inspect_err(|error| {
            // Something is done of which no record says so: nothing may go on from here.
            session.cancel().stop(error.clone());
        })?;
        Ok(Attempted { parts, acted, stopped })
    }

    fn intent(&self, id: &EntryId, change: &Change) -> Intent {
        let parts = change.parts.iter().filter_map(|p| match &p.plan {
            Plan::Act { op, .. } => {
                Some(PartImage { resource: p.resource.clone(), op: *op, before: p.before.clone(), after: None })
            }
            Plan::Unchanged(_) => None,
        });
        Intent {
            id: id.clone(),
            step: self.step().to_owned(),
            primitive: self.primitive.clone(),
            identity: self.session().identities(),
            parts: parts.collect(),
            probe: change.probe.clone(),
            inverse: change.inverse.clone(),
            permits: lock(&self.permits).clone(),
        }
    }

    fn tell(&self, parts: &[Part], acted: &[Acted]) -> Outcome {
        let mut outcome = Outcome { items: Vec::new(), objects: Vec::new() };
        let mut acted = acted.iter();
        for part in parts {
            let mut item = OutcomeItem {
                op: None,
                resource: part.resource.to_string(),
                cluster: part.resource.at.clone(),
                result: ResultWord::Unchanged,
                reason: None,
                diff: Vec::new(),
            };
            let mut object = part.before.clone();
            match &part.plan {
                Plan::Unchanged(reason) => item.reason = Some(reason.clone()),
                Plan::Act { op, diff, note } => {
                    let result = acted.next().unwrap_or(&Acted::NotTried);
                    item.op = Some(*op);
                    item.diff = diff.clone();
                    item.reason = note.clone();
                    item.result = word(result);
                    match result {
                        Acted::Done(after) => object = after.clone(),
                        Acted::Failed(error) => item.reason = Some(error.to_string()),
                        Acted::NotTried => item.reason = Some("not tried".into()),
                        Acted::Unknown => item.reason = Some("its answer was not seen".into()),
                    }
                }
            }
            self.scope.session.outcome(&self.scope, &item);
            outcome.items.push(item);
            outcome.objects.push(object);
        }
        outcome
    }
}

/// What came of one attempt at a change.
struct Attempted {
    parts: Vec<Part>,
    acted: Vec<Acted>,
    stopped: Option<Error>,
}

impl Attempted {
    /// Whether it was refused because what it was meant for is not there any more.
    fn is_stale(&self) -> bool {
        match self.acted.as_slice() {
            [Acted::Failed(error)] => is_stale(error),
            _ => false,
        }
    }

    fn told(self, call: &Call<'_>) -> Result<Outcome> {
        let outcome = call.tell(&self.parts, &self.acted);
        if let Some(error) = self.stopped {
            return Err(error);
        }
        match first_failure(&self.parts, &self.acted) {
            Some(error) => Err(error),
            None => Ok(outcome),
        }
    }
}

/// Whether a request was refused only because the object has changed since it was read.
fn is_stale(error: &Error) -> bool {
    match error.kind() {
        Kind::AlreadyExists => true,
        Kind::Conflict => Failure::of(error).is_some_and(|failure| failure.field_conflicts().is_empty()),
        _ => false,
    }
}

fn word(acted: &Acted) -> ResultWord {
    match acted {
        Acted::Done(_) => ResultWord::Changed,
        // The answer was lost, and with it the knowledge of what was done.
        Acted::Failed(error) if Failure::of(error).is_some_and(Failure::is_unknown_outcome) => ResultWord::Unknown,
        Acted::Failed(_) | Acted::NotTried => ResultWord::Failed,
        Acted::Unknown => ResultWord::Unknown,
    }
}

fn first_failure(parts: &[Part], acted: &[Acted]) -> Option<Error> {
    let failures: Vec<&Error> =
        acted.iter().filter_map(|a| if let Acted::Failed(e) = a { Some(e) } else { None }).collect();
    let first = (*failures.first()?).clone();
    let (done, of) = (acted.iter().filter(|a| matches!(a, Acted::Done(_))).count(), acted.len());
    if of == 1 {
        return Some(first);
    }
    let names: Vec<String> = parts
        .iter()
        .filter(|p| p.acts())
        .zip(acted)
        .filter(|(_, a)| matches!(a, Acted::Failed(_)))
        .map(|(p, _)| p.resource.to_string())
        .collect();
    let summary = format!("{} of {of} objects failed ({done} done): {}", names.len(), names.join(", "));
    Some(first.context(summary))
}
