//! The order of steps: as declared, but never before what they need.

use std::collections::{BTreeSet, HashMap};

use super::declare::Step;
use crate::Error;
use crate::suggest::did_you_mean;

/// Sorts steps by their needs; among those that could come next, the first declared comes first.
///
/// # Errors
/// One of [`crate::Kind::Usage`] for each need that is no step, or one for needs in a circle.
pub(crate) fn sorted(steps: Vec<Step>) -> std::result::Result<Vec<Step>, Vec<Error>> {
    let mut unknown = Vec::new();
    let index: HashMap<&str, usize> = steps.iter().enumerate().map(|(i, s)| (s.key.as_str(), i)).collect();
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
    for step in &steps {
        let mut own = Vec::new();
        for need in &step.options.needs {
            let Some(&found) = index.get(need.as_str()) else {
                let error = Error::usage(format!("step \"{}\" needs \"{need}\", which is no step", step.key))
                    .at(step.place.clone());
                unknown.push(match did_you_mean(need, index.keys().copied()) {
                    Some(hint) => error.hint(hint),
                    None => error.hint("windlass list shows the keys of all steps"),
                });
                continue;
            };
            own.push(found);
        }
        needs.push(own);
    }
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut done = vec![false; steps.len()];
    let mut order = Vec::with_capacity(steps.len());
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); steps.len()];
    for (step, own) in needs.iter().enumerate() {
        own.iter().for_each(|&need| needed_by[need].push(step));
    }
    let mut ready: BTreeSet<usize> = (0..steps.len()).filter(|&i| waiting[i] == 0).collect();
    while let Some(next) = ready.pop_first() {
        done[next] = true;
        order.push(next);
        for &step in &needed_by[next] {
            waiting[step] -= 1;
            if waiting[step] == 0 {
                ready.insert(step);
            }
        }
    }
    if order.len() < steps.len() {
        return Err(vec![circle(&steps, &needs, &done)]);
    }
    let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|i| slots[i].take()).collect())
}

fn circle(steps: &[Step], needs: &[Vec<usize>], done: &[bool]) -> Error {
    let mut path = Vec::new();
    let mut at = (0..steps.len()).find(|&i| !done[i]).unwrap_or(0);
    while !path.contains(&at) {
        path.push(at);
        match needs[at].iter().find(|&&n| !done[n]) {
            Some(&next) => at = next,
            None => break,
        }
    }
    let start = path.iter().position(|&p| p == at).unwrap_or(0);
    let names: Vec<&str> = path[start..].iter().chain([&at]).map(|&i| steps[i].key.as_str()).collect();
    Error::usage(format!("steps need each other in a circle: {}", names.join(" needs ")))
        .hint("remove one of these needs")
        .at(steps[at].place.clone())
}
