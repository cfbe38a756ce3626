//! What steps have applied, so that two of them do not undo each other.

use std::collections::{BTreeMap, HashMap};

use super::Session;
use crate::sync::lock;
use crate::{Error, Kind, Place, Result};

/// What objects are to look like: by the object and the key of the step that applied it, with the place where it did.
#[derive(Default, Clone)]
pub(super) struct Claims(HashMap<String, BTreeMap<String, (String, Place)>>);

impl Session {
    /// Takes note that a step applies an object with this content.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where it was applied with another one.
    pub(crate) fn claim(&self, step: &str, object: &str, intent: &str, place: &Place) -> Result<()> {
        let mut claims = lock(&self.0.gathered.claims);
        let known = claims.0.entry(object.to_owned()).or_default();
        if let Some((_, at)) = known.values().find(|(other, _)| other != intent) {
            return Err(Error::new(Kind::Conflict, format!("{object} is applied twice in this run, with different contents (first at {at})"))
                .hint("the second would undo the first: apply it once, or change a part of it with cluster::patch, label, annotate or scale")
                .resource(object));
        }
        known.entry(step.to_owned()).or_insert_with(|| (intent.to_owned(), place.clone()));
        Ok(())
    }

    /// Lets objects be applied again with other contents: a person decides what comes next.
    pub(crate) fn forget_claims(&self) {
        lock(&self.0.gathered.claims).0.clear();
    }

    /// As [`Session::forget_claims`], for what one step has applied: it begins anew.
    pub(crate) fn forget_claims_of(&self, step: &str) {
        lock(&self.0.gathered.claims).0.values_mut().for_each(|known| drop(known.remove(step)));
    }
}
