//! What steps have applied, so that two of them do not undo each other.

use std::collections::{BTreeMap, HashMap};

use super::Session;
use crate::playbook::TYPED;
use crate::sync::lock;
use crate::{Error, Kind, Place, Result};

/// What objects are to look like: by the object and the key of what applied it, with the place where it did.
#[derive(Default, Clone)]
pub(super) struct Claims(HashMap<String, BTreeMap<String, (String, Place)>>);

impl Session {
    /// Takes note that a step applies an object with this content, or a line that was typed, under the key [`TYPED`]. Between
    /// steps and lines nothing is refused: a person has decided what comes next, and what was applied last counts.
    ///
    /// # Errors
    /// [`Kind::Conflict`] where a step, or the same line, has applied it with another one.
    pub(crate) fn claim(&self, key: &str, object: &str, intent: &str, place: &Place) -> Result<()> {
        let mut claims = lock(&self.0.gathered.claims);
        let known = claims.0.entry(object.to_owned()).or_default();
        let is_typed = |key: &str| key == TYPED;
        let alike = |of: &str| is_typed(of) == is_typed(key);
        if let Some((_, (_, at))) = known.iter().find(|(of, (other, _))| alike(of) && other != intent) {
            return Err(Error::new(Kind::Conflict, format!("{object} is applied twice in this run, with different contents (first at {at})"))
                .hint("the second would undo the first: apply it once, or change a part of it with cluster::patch, label, annotate or scale")
                .resource(object));
        }
        known.retain(|_, (other, _)| other == intent);
        known.entry(key.to_owned()).or_insert_with(|| (intent.to_owned(), place.clone()));
        Ok(())
    }

    /// Lets what one step or line has applied be applied again with other contents: it begins anew, or was taken back.
    pub(crate) fn forget_claims_of(&self, key: &str) {
        lock(&self.0.gathered.claims).0.values_mut().for_each(|known| drop(known.remove(key)));
    }
}
