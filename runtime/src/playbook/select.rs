//! Which steps of a playbook run: `--from`, `--only`, `--skip`.

use std::collections::{BTreeMap, BTreeSet};

use super::declare::Step;
use crate::analysis::{StateUse, StateUses};
use crate::suggest::did_you_mean;
use crate::{Error, Result};

/// What was asked to run. Words are keys, tags, or the folders of keys.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only from this step on.
    pub from: Option<String>,
    /// Only these.
    pub only: Vec<String>,
    /// All but these.
    pub skip: Vec<String>,
}

impl Selection {
    /// Why each step that does not run is left out, by key.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`] for a word that chooses nothing, with the nearest key.
    pub fn left_out(&self, steps: &[Step]) -> Result<BTreeMap<String, String>> {
        let words = self.from.iter().chain(&self.only).chain(&self.skip);
        for word in words {
            if !steps.iter().any(|s| s.answers_to(word)) {
                let names: BTreeSet<&str> = steps
                    .iter()
                    .flat_map(|s| std::iter::once(s.key.as_str()).chain(s.options.tags.iter().map(String::as_str)))
                    .collect();
                let error = Error::usage(format!("there is no step or tag \"{word}\""));
                return Err(match did_you_mean(word, names.iter().copied()) {
                    Some(hint) => error.hint(hint),
                    None => error.hint(format!("there are: {}", names.into_iter().collect::<Vec<_>>().join(", "))),
                });
            }
        }
        let first = self.from.as_ref().map(|word| steps.iter().position(|s| s.answers_to(word)).unwrap_or(0));
        let mut left_out = BTreeMap::new();
        for (index, step) in steps.iter().enumerate() {
            let chosen = |words: &[String]| words.iter().any(|w| step.answers_to(w));
            let reason = if first.is_some_and(|f| index < f) {
                Some(format!("before --from {}", self.from.as_deref().unwrap_or_default()))
            } else if !self.only.is_empty() && !chosen(&self.only) {
                Some("not among --only".to_owned())
            } else if chosen(&self.skip) {
                Some("--skip".to_owned())
            } else {
                None
            };
            if let Some(reason) = reason {
                left_out.insert(step.key.clone(), reason);
            }
        }
        Ok(left_out)
    }

    /// Refuses a selection that runs a step which reads state that only steps leave which do not run.
    ///
    /// # Errors
    /// [`crate::Kind::Usage`], naming the step, what it reads, and who leaves it.
    pub(crate) fn check_state(&self, steps: &[Step], left_out: &BTreeMap<String, String>) -> Result<()> {
        if left_out.is_empty() {
            return Ok(());
        }
        let mut uses = StateUses::default();
        let used: Vec<StateUse> = steps.iter().map(|step| uses.of(step)).collect();
        let mut left: BTreeSet<&str> = BTreeSet::new();
        for (step, own) in steps.iter().zip(&used).filter(|(step, _)| !left_out.contains_key(&step.key)) {
            left.extend(own.writes.iter().map(String::as_str));
            for missing in own.reads.iter().filter(|key| !left.contains(key.as_str())) {
                let writer = steps.iter().zip(&used).find(|(_, other)| other.writes.contains(missing));
                // Without one, it may be left in a way that cannot be seen from here: the step itself will say.
                if let Some((writer, _)) = writer {
                    return Err(Error::usage(format!(
                        "step \"{}\" reads ctx.state.{missing}, which no step of this run leaves, and no earlier run is recorded",
                        step.key
                    ))
                    .at(step.place.clone())
                    .hint(format!("step \"{}\" leaves it: run that one too", writer.key)));
                }
            }
        }
        Ok(())
    }
}
