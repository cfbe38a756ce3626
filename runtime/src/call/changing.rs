//! Making a change: intent, act, result, and telling what came of it.

use super::Call;
use crate::change::{Acted, Change, Inverse, Op, Outcome, OutcomeItem, Part, PartImage, Plan, ResultWord};
use crate::cluster::Failure;
use crate::journal::{EntryId, Intent, ResultRecord, Standing};
use crate::sync::lock;
use crate::{Error, Kind, Result};

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
        let granted = || {
            let mut acting = change.parts.iter().filter(|part| part.acts());
            acting.try_for_each(|part| session.access().check_change(&part.resource))
        };
        granted()?;
        if !change.parts.iter().any(Part::acts) {
            return Ok(Attempted { parts: change.parts, became: Vec::new(), stopped: None });
        }
        if let Some(gate) = session.change_gate().filter(|_| self.scope.is_followed()) {
            session.resting(&self.scope.cancel, || gate.before_change(&change))?;
            // Who was asked may have taken away what was granted.
            granted()?;
        }
        session.ask_identities(&self.scope.cancel)?;
        // An intent is written only by who has the lock, and has said what it is about to do.
        let _announced = session.announce(&self.primitive, &change, &self.scope)?;
        // What is stopped already is not begun, and leaves no intent.
        if let Some(reason) =
            self.scope.cancel.reason().or_else(|| self.scope.cancel.check_deadline(&**session.clock()))
        {
            return Err(reason);
        }
        self.scope.begin_recording()?;
        let id = self.scope.next_id();
        session.journal().intent(&self.intent(&id, &change))?;
        let Change { parts, act, .. } = change;
        let acting = parts.iter().filter(|p| p.acts()).count();
        let answer = session.bridge().wait_with_grace(&self.scope.cancel, session.clock(), self.grace(), (act)());
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
        let become_of =
            |(acted, part): (Acted, &Part)| Became { acted, doubt: session.take_unvalidated(&part.resource) };
        let became: Vec<Became> = acted.into_iter().zip(parts.iter().filter(|p| p.acts())).map(become_of).collect();
        let after = |became: &Became| if let Acted::Done(after) = &became.acted { after.clone() } else { None };
        let record = ResultRecord {
            results: became.iter().map(Became::word).collect(),
            after: became.iter().map(after).collect(),
        };
        session.journal().result(&id, &record).inspect_err(|error| {
            // Something is done of which no record says so: nothing may go on from here.
            session.cancel().stop(error.clone());
        })?;
        Ok(Attempted { parts, became, stopped })
    }

    fn intent(&self, id: &EntryId, change: &Change) -> Intent {
        let session = self.session();
        let parts = change.parts.iter().filter_map(|p| match &p.plan {
            Plan::Act { op, diff, .. } => {
                let image = PartImage { resource: p.resource.clone(), op: *op, before: p.before.clone(), after: None };
                Some((image, diff.iter().map(|line| session.mask(line)).collect()))
            }
            Plan::Unchanged(_) | Plan::NotRendered(_) => None,
        });
        let (parts, diffs) = parts.unzip();
        Intent {
            id: id.clone(),
            step: self.step().to_owned(),
            primitive: self.primitive.clone(),
            at: session.clock().wall(),
            identity: session.identities(),
            parts,
            diffs,
            probe: change.probe.clone(),
            inverse: match &change.inverse {
                Inverse::Cannot(reason) => Inverse::Cannot(session.mask(reason)),
                by => by.clone(),
            },
            permits: lock(&self.permits).iter().map(|permit| session.mask(permit)).collect(),
            undoes: lock(&self.undoes).clone(),
        }
    }

    fn tell(&self, parts: &[Part], became: &[Became]) -> Outcome {
        let mut outcome = Outcome { items: Vec::new(), objects: Vec::new() };
        let mut became = became.iter();
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
                Plan::NotRendered(reason) => {
                    item.result = ResultWord::NotRendered;
                    item.reason = Some(reason.clone());
                }
                Plan::Act { op, diff, note } => {
                    let not_tried = Became { acted: Acted::NotTried, doubt: None };
                    let became = became.next().unwrap_or(&not_tried);
                    item.op = Some(*op);
                    item.diff = diff.clone();
                    item.reason = became.doubt.clone().or_else(|| note.clone());
                    item.result = became.word();
                    match &became.acted {
                        Acted::Done(after) => object = after.clone(),
                        Acted::Failed(error) | Acted::Broken(error) => item.reason = Some(error.to_string()),
                        Acted::NotTried => item.reason = Some("not tried".into()),
                        Acted::Unknown => item.reason = Some("its answer was not seen".into()),
                        Acted::Assumed(why) => item.reason = Some(why.clone()),
                    }
                }
            }
            if item.op != Some(Op::Delete) && item.op != Some(Op::Run) && item.result.stands() {
                let standing = Standing { resource: part.resource.clone(), primitive: self.primitive.clone() };
                self.scope.session.stands_for(standing);
            }
            self.scope.session.outcome(&self.scope, &item);
            outcome.items.push(item);
            outcome.objects.push(object);
        }
        outcome
    }
}

/// What became of a part that acts.
struct Became {
    acted: Acted,
    /// Why it is not sure that a real cluster accepts it, if it is not.
    doubt: Option<String>,
}

impl Became {
    fn word(&self) -> ResultWord {
        match &self.acted {
            Acted::Done(_) if self.doubt.is_some() => ResultWord::Unvalidated,
            Acted::Done(_) => ResultWord::Changed,
            // The answer was lost, and with it the knowledge of what was done.
            Acted::Failed(error) if Failure::of(error).is_some_and(Failure::is_unknown_outcome) => ResultWord::Unknown,
            Acted::Failed(_) | Acted::NotTried => ResultWord::Failed,
            Acted::Unknown | Acted::Broken(_) => ResultWord::Unknown,
            Acted::Assumed(_) => ResultWord::Assumed,
        }
    }

    fn failure(&self) -> Option<&Error> {
        if let Acted::Failed(error) | Acted::Broken(error) = &self.acted { Some(error) } else { None }
    }
}

/// What came of one attempt at a change.
struct Attempted {
    parts: Vec<Part>,
    became: Vec<Became>,
    stopped: Option<Error>,
}

impl Attempted {
    /// Whether it was refused because what it was meant for is not there any more.
    fn is_stale(&self) -> bool {
        match self.became.as_slice() {
            [one] => one.failure().is_some_and(is_stale),
            _ => false,
        }
    }

    fn told(self, call: &Call<'_>) -> Result<Outcome> {
        let outcome = call.tell(&self.parts, &self.became);
        if let Some(error) = self.stopped {
            return Err(error);
        }
        match first_failure(&self.parts, &self.became) {
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

fn first_failure(parts: &[Part], became: &[Became]) -> Option<Error> {
    let first = became.iter().find_map(Became::failure)?.clone();
    let (done, of) = (became.iter().filter(|one| one.word().took_effect()).count(), became.len());
    if of == 1 {
        return Some(first);
    }
    let names: Vec<String> = parts
        .iter()
        .filter(|p| p.acts())
        .zip(became)
        .filter(|(_, became)| became.failure().is_some())
        .map(|(p, _)| p.resource.to_string())
        .collect();
    let summary = format!("{} of {of} objects failed ({done} done): {}", names.len(), names.join(", "));
    Some(first.context(summary))
}
