//! Which steps of a playbook run: `--from`, `--only`, `--skip`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::declare::Step;
use crate::analysis::{StateUse, StateUses, calls_and_imports};
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

/// Why each step does not run that a hook skips, by key.
pub(super) fn skipped(steps: &[Step]) -> BTreeMap<String, String> {
    steps.iter().filter_map(|step| Some((step.key.clone(), step.skipped()?.to_owned()))).collect()
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
                let folders = |key: &'_ str| key.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
                let words = |step: &'_ Step| -> Vec<String> {
                    let folders = folders(&step.key).into_iter().map(|at| step.key[..at].to_owned());
                    folders.chain([step.key.clone()]).chain(step.options.tags.iter().cloned()).collect()
                };
                let words: BTreeSet<String> = steps.iter().flat_map(words).collect();
                let names: BTreeSet<&str> = words.iter().map(String::as_str).collect();
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
            let reason = if let Some(reason) = step.skipped() {
                Some(reason.to_owned())
            } else if first.is_some_and(|f| index < f) {
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
        if !steps.is_empty() && left_out.len() == steps.len() {
            return Err(Error::usage("nothing is left to run")
                .hint("--from, --only and --skip together leave out every step: windlass list shows them"));
        }
        Ok(left_out)
    }

    /// What is wrong with a selection that runs a step which reads state that no step of it leaves before.
    ///
    /// Each is of [`crate::Kind::Usage`], and names the step, what it reads, and who leaves it.
    /// `known` is the state that is there before.
    pub(crate) fn check_state(
        &self,
        steps: &[Step],
        left_out: &BTreeMap<String, String>,
        known: &BTreeSet<String>,
    ) -> Vec<Error> {
        let mut uses = StateUses::default();
        let used: Vec<StateUse> = steps.iter().map(|step| uses.of(step)).collect();
        // A module's functions, and keys that are computed, may write what cannot be seen from here.
        let mut units: Vec<_> = steps.iter().flat_map(Step::units).collect();
        units.dedup_by_key(|unit| Arc::as_ptr(unit));
        let opaque = used.iter().any(|own| own.opaque)
            || units.iter().any(|unit| !calls_and_imports(&unit.ast).imports.is_empty());
        let only_hooks = steps.iter().all(|step| step.skipped().is_some() || !left_out.contains_key(&step.key));
        let mut problems = Vec::new();
        let mut left: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        for (step, own) in steps.iter().zip(&used).filter(|(step, _)| !left_out.contains_key(&step.key)) {
            left.extend(own.writes.iter().map(String::as_str));
            for missing in own.reads.iter().filter(|key| !left.contains(key.as_str())) {
                let writer = steps.iter().zip(&used).find(|(_, other)| other.writes.contains(missing));
                let hint = match writer {
                    Some((writer, _)) if writer.skipped().is_some() => {
                        format!("step \"{}\" leaves it, and a hook skips that step", writer.key)
                    }
                    Some((writer, _)) if left_out.contains_key(&writer.key) => {
                        format!("step \"{}\" leaves it: run that one too", writer.key)
                    }
                    _ if opaque => continue,
                    Some((writer, _)) => format!("step \"{}\" leaves it, and runs later", writer.key),
                    None => did_you_mean(missing, used.iter().flat_map(|own| &own.writes).map(String::as_str))
                        .unwrap_or_else(|| format!("a step before it leaves it: ctx.state.{missing} = …")),
                };
                let recorded = if only_hooks { "" } else { ", and no earlier run is recorded" };
                let text = format!(
                    "step \"{}\" reads ctx.state.{missing}, which no step of this run leaves{recorded}",
                    step.key
                );
                problems.push(Error::usage(text).at(step.place.clone()).hint(hint));
            }
        }
        problems
    }
}
