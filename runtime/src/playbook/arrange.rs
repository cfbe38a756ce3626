//! The steps of a playbook as hooks arrange them.

use std::collections::HashSet;

use super::body::Body;
use super::declare::Step;
use super::hooks::{DeclaredHook, Does, Hook, HookSort};
use super::order::sorted;
use crate::suggest::did_you_mean;
use crate::{Error, Place};

/// A hook that names a step which does not exist.
#[derive(Debug, Clone)]
pub struct Unmatched {
    /// What it does.
    pub sort: HookSort,
    /// The step that it names.
    pub key: String,
    /// Where it is written.
    pub place: Place,
    /// Whether it is one of the customer's, and not of the playbook's own.
    pub customer: bool,
    /// What is to be said of it, with the nearest key.
    pub error: Error,
}

/// Lets hooks change steps that are in order; gives them in their new order, and the hooks that found no step.
///
/// # Errors
/// What is wrong with the hooks besides, or with the order that comes of them.
pub(super) fn arranged(
    mut steps: Vec<Step>,
    hooks: Vec<DeclaredHook>,
) -> std::result::Result<(Vec<Step>, Vec<Unmatched>), Vec<Error>> {
    let mut unmatched = Vec::new();
    let (inserts, others): (Vec<_>, Vec<_>) =
        hooks.into_iter().enumerate().partition(|(_, hook)| matches!(hook.does, Does::Insert { .. }));
    if inserts.is_empty() && others.is_empty() {
        return Ok((steps, Vec::new()));
    }
    let mut known: HashSet<String> = steps.iter().map(|step| step.key.clone()).collect();
    let own = |(_, hook): &(usize, DeclaredHook)| match &hook.does {
        Does::Insert { step, .. } => Some(step.key.clone()),
        _ => None,
    };
    known.extend(inserts.iter().filter_map(own));
    for (written, DeclaredHook { key, hook, does }) in inserts {
        let Does::Insert { step, before } = does else { continue };
        let missing = step.options.needs.iter().find(|need| !known.contains(*need));
        match steps.iter().position(|s| s.key == key) {
            Some(at) if missing.is_none() => put(&mut steps, *step, before, at),
            _ => unmatched.push((written, lost(&hook, missing.unwrap_or(&key), &steps))),
        }
    }
    let mut problems = Vec::new();
    for (written, DeclaredHook { key, hook, does }) in others {
        match steps.iter_mut().find(|step| step.key == key) {
            Some(step) => problems.extend(change(step, hook, does).err()),
            None => unmatched.push((written, lost(&hook, &key, &steps))),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    unmatched.sort_by_key(|(written, _)| *written);
    Ok((sorted(steps)?, unmatched.into_iter().map(|(_, hook)| hook).collect()))
}

/// Puts a new step right before the one at this index, or right after it and what has been put there already.
fn put(steps: &mut Vec<Step>, mut new: Step, before: bool, at: usize) {
    let Some(anchor) = steps.get_mut(at) else { return };
    if before {
        anchor.options.needs.push(new.key.clone());
        return steps.insert(at, new);
    }
    let anchor = anchor.key.clone();
    let follows = |step: &&Step| step.is_inserted() && step.options.needs.contains(&anchor);
    let behind = at + 1 + steps.iter().skip(at + 1).take_while(follows).count();
    if !new.options.needs.contains(&anchor) {
        new.options.needs.push(anchor);
    }
    steps.insert(behind, new);
}

/// Puts a hook on the step that it names.
fn change(step: &mut Step, hook: Hook, does: Does) -> Result<(), Error> {
    if let Does::Replace(options) = does {
        if let Some(first) = step.hooks.iter().find(|hook| hook.sort == HookSort::Replace) {
            let error = Error::usage(format!("step \"{}\" is replaced twice (first at {})", step.key, first.place));
            return Err(error.hint("one of the two would never run: put into one what both do").at(hook.place));
        }
        if let Some(code) = &hook.code {
            step.body = Body::Closure(code.clone());
        }
        options.put_into(&mut step.options);
    }
    step.hooks.push(hook);
    Ok(())
}

fn lost(hook: &Hook, key: &str, steps: &[Step]) -> Unmatched {
    let error = Error::usage(format!("{} names step \"{key}\", which does not exist", hook.sort.as_str()));
    let hint = did_you_mean(key, steps.iter().map(|step| step.key.as_str()))
        .unwrap_or_else(|| "windlass list shows the keys of all steps".to_owned());
    let error = error.hint(hint).at(hook.place.clone());
    Unmatched { sort: hook.sort, key: key.to_owned(), place: hook.place.clone(), customer: hook.customer, error }
}

impl Step {
    /// Whether a hook has put it there.
    #[must_use]
    pub fn is_inserted(&self) -> bool {
        self.hooks.iter().any(|hook| hook.sort == HookSort::Insert)
    }
}
