//! What steps leave for later ones: `ctx.state` and their results.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Session;
use crate::journal::BranchKey;
use crate::playbook::{journaled, restored};
use crate::scope::{Scope, Writer};
use crate::sync::lock;
use crate::value::Value;
use crate::{Error, Result};

/// What steps left.
#[derive(Default, Clone)]
pub(super) struct Left {
    /// What each step has set that has set this key of the state, the last one at the end: what a step has left is there again
    /// when those after it are taken back.
    state: BTreeMap<String, Vec<(Writer, Value)>>,
    results: BTreeMap<String, Value>,
    /// The keys of the state that were set since a step ended.
    written: BTreeSet<String>,
    earlier: Earlier,
    /// The values that a step gets back which starts over, by step and name.
    once: BTreeMap<(String, String), Json>,
    /// Whether branches that are done are not run again.
    failed_only: bool,
}

/// What steps left in an earlier session, as the journal keeps it: it becomes values when it is read, so that a secret which
/// cannot be had again hinders only who asks for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Earlier {
    pub(crate) state: BTreeMap<String, Json>,
    pub(crate) results: BTreeMap<String, Json>,
}

impl Left {
    /// What was set last of the state under this key.
    fn newest(&self, key: &str) -> Option<&Value> {
        self.state.get(key)?.last().map(|(_, value)| value)
    }
}

impl Session {
    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        lock(&self.0.gathered.left)
    }

    /// What was left in an earlier session.
    pub(crate) fn add_earlier(&self, earlier: Earlier) {
        let mut left = self.left();
        left.earlier.state.extend(earlier.state);
        left.earlier.results.extend(earlier.results);
    }

    /// Of branches that stood in a step which did not end well, runs only those again that are not done.
    pub(crate) fn run_failed_branches_only(&self) {
        self.left().failed_only = true;
    }

    /// What a branch returned that is done and not to be run again.
    pub(crate) fn branch_done(&self, step: &str, branch: &BranchKey) -> Option<Json> {
        let wanted = self.left().failed_only;
        if wanted { self.journal().past().branches.get(step)?.get(branch).cloned() } else { None }
    }

    /// The value of this step and name that is there from when the step was begun before.
    pub(crate) fn once(&self, key: &(String, String)) -> Option<Json> {
        let known = self.left().once.get(key).cloned();
        known.or_else(|| self.journal().past().once.get(key).cloned())
    }

    pub(crate) fn keep_once(&self, key: (String, String), value: Json) {
        self.left().once.insert(key, value);
    }

    /// A piece of state, if there is one.
    pub(crate) fn state_of(&self, key: &str) -> Result<Option<Value>> {
        self.value_of(|left| left.newest(key), |earlier| earlier.state.get(key))
    }

    /// What a step returned, if it is done.
    pub(crate) fn result_of(&self, step: &str) -> Result<Option<Value>> {
        self.value_of(|left| left.results.get(step), |earlier| earlier.results.get(step))
    }

    fn value_of(
        &self,
        known: impl Fn(&Left) -> Option<&Value>,
        earlier: impl Fn(&Earlier) -> Option<&Json>,
    ) -> Result<Option<Value>> {
        let kept = {
            let left = self.left();
            if let Some(value) = known(&left) {
                return Ok(Some(value.clone()));
            }
            earlier(&left.earlier).cloned()
        };
        kept.map(|kept| restored(self, kept)).transpose()
    }

    pub(crate) fn has_state(&self, key: &str) -> bool {
        let left = self.left();
        left.state.contains_key(key) || left.earlier.state.contains_key(key)
    }

    /// All of the state, as far as it can be had.
    pub(crate) fn whole_state(&self) -> BTreeMap<String, Value> {
        let keys: BTreeSet<String> = {
            let left = self.left();
            left.state.keys().chain(left.earlier.state.keys()).cloned().collect()
        };
        keys.into_iter().filter_map(|key| Some((key.clone(), self.state_of(&key).ok()??))).collect()
    }

    /// All of the state, as far as it can be had, without secrets.
    #[must_use]
    pub fn shown_state(&self) -> Json {
        let hide = |_: &str, _| Ok(Json::from("(secret)"));
        let shown = |value: Value| value.json_with(&mut { hide }).unwrap_or_default();
        Json::Object(self.whole_state().into_iter().map(|(key, value)| (key, self.masked_data(shown(value)))).collect())
    }

    fn masked_data(&self, value: Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.mask(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.masked_data(item)).collect(),
            Json::Object(map) => map.into_iter().map(|(key, item)| (self.mask(&key), self.masked_data(item))).collect(),
            other => other,
        }
    }

    /// Sets a piece of state. What two branches write that run side by side would depend on chance.
    pub(crate) fn write_state(&self, scope: &Scope, key: &str, value: Value) -> Result<()> {
        let writer = scope.writer();
        let mut left = self.left();
        let set = left.state.entry(key.to_owned()).or_default();
        if let Some((_, kept)) = set.last().filter(|(before, _)| before.beside(&writer)) {
            // A script that calls a method of a piece of state, such as `len`, sets it to what it is.
            if journaled(kept) == journaled(&value) {
                return Ok(());
            }
            return Err(Error::usage(format!("ctx.state.{key} is written by two branches that run side by side"))
                .hint("give each branch a key of its own, ctx.state[name] = …, or return the value from the closure"));
        }
        set.retain(|(before, _)| before.step != writer.step);
        set.push((writer, value));
        left.written.insert(key.to_owned());
        Ok(())
    }

    /// What was set of the state since this was last asked.
    pub(crate) fn take_written(&self) -> BTreeMap<String, Value> {
        let mut left = self.left();
        let written = std::mem::take(&mut left.written);
        written.into_iter().filter_map(|key| left.newest(&key).cloned().map(|value| (key, value))).collect()
    }

    /// A step counts as one that has not run: what it has left is not there any more.
    pub(crate) fn forget_step(&self, step: &str) {
        let mut left = self.left();
        let Left { state, results, earlier, once, .. } = &mut *left;
        state.retain(|_, set| {
            set.retain(|(writer, _)| writer.step != step);
            !set.is_empty()
        });
        once.retain(|(of, _), _| of != step);
        results.remove(step);
        earlier.results.remove(step);
    }

    /// A step is done, and this is what it returned.
    pub(crate) fn keep_result(&self, step: &str, value: Value) {
        let mut left = self.left();
        left.results.insert(step.to_owned(), value);
        left.once.retain(|(of, _), _| of != step);
    }
}
