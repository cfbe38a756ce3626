//! The rollout: how the new ReplicaSet grows while the old ones shrink.

use std::sync::Arc;

use super::super::fields::{int, share};
use super::super::view::Phase;
use super::super::{Context, MANAGER, Next, writer};
use super::sets::{Sets, by_age, replicas};
use super::{NAME, One, SETS};
use crate::Json;
use crate::error::ApiError;
use crate::object;

impl One {
    fn rolling(&self) -> &Json {
        &self.object["spec"]["strategy"]["rollingUpdate"]
    }

    fn is_rolling(&self) -> bool {
        self.object["spec"]["strategy"]["type"] != "Recreate"
    }

    /// How many pods there may be above the size.
    pub(super) fn surge(&self) -> i64 {
        if self.is_rolling() { share(&self.rolling()["maxSurge"], self.replicas(), true) } else { 0 }
    }

    /// How many pods may be missing.
    pub(super) fn max_unavailable(&self) -> i64 {
        if !self.is_rolling() || self.replicas() == 0 {
            return 0;
        }
        let most = share(&self.rolling()["maxUnavailable"], self.replicas(), false);
        // With neither, nothing could ever move.
        let most = if most == 0 && self.surge() == 0 { 1 } else { most };
        most.min(self.replicas())
    }

    /// Gives a ReplicaSet another size; says whether it had to.
    fn resize(&self, cx: &mut Context<'_>, set: &mut Json, size: i64, force: bool) -> Result<bool, ApiError> {
        let old = replicas(set);
        if !force && old == size {
            return Ok(false);
        }
        let mut new = set.clone();
        super::super::fields::put(&mut new, &["spec", "replicas"], size);
        self.annotate_size(&mut new);
        if new == *set {
            return Ok(false);
        }
        *set = Json::clone(&*cx.world.update(&writer(MANAGER), SETS, new)?);
        if old == size {
            return Ok(false);
        }
        let way = if old < size { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {old} to {size}", object::name(set));
        cx.world.event(NAME, &self.object, "Normal", "ScalingReplicaSet", &message);
        Ok(true)
    }

    pub(super) fn roll(&mut self, cx: &mut Context<'_>, all: Vec<Arc<Json>>) -> Result<Next, ApiError> {
        let mut sets = self.sets(cx, all, true)?;
        if self.grow(cx, &mut sets)? || self.shrink(cx, &mut sets)? {
            return self.sync_rollout(cx, &sets);
        }
        if self.is_complete(&self.object["status"]) {
            self.clean_up(cx, &sets)?;
        }
        self.sync_rollout(cx, &sets)
    }

    fn grow(&self, cx: &mut Context<'_>, sets: &mut Sets) -> Result<bool, ApiError> {
        let total = sets.wanted();
        let Some(new) = &mut sets.new else { return Ok(false) };
        let now = replicas(new);
        if now >= self.replicas() {
            return self.resize(cx, new, self.replicas(), false);
        }
        let room = (self.replicas() + self.surge() - total).max(0);
        self.resize(cx, new, now + room.min(self.replicas() - now), false)
    }

    fn shrink(&self, cx: &mut Context<'_>, sets: &mut Sets) -> Result<bool, ApiError> {
        let Some(new) = &sets.new else { return Ok(false) };
        if sets.old.iter().map(replicas).sum::<i64>() == 0 {
            return Ok(false);
        }
        let least = self.replicas() - self.max_unavailable();
        let missing = replicas(new) - int(&new["status"]["availableReplicas"]);
        let spare = sets.wanted() - least - missing;
        if spare <= 0 {
            return Ok(false);
        }
        sets.old.sort_by(by_age);
        // What is not available anyway goes first, and costs nothing.
        let mut gone = 0;
        for set in &mut sets.old {
            let dead = replicas(set) - int(&set["status"]["availableReplicas"]);
            let less = dead.min(spare - gone);
            if less > 0 && replicas(set) > 0 {
                self.resize(cx, set, replicas(set) - less, false)?;
                gone += less;
            }
        }
        let available = sets.sum("availableReplicas");
        let mut left = (available - least).max(0);
        let mut down = 0;
        for set in &mut sets.old {
            let less = replicas(set).min(left);
            if less > 0 {
                self.resize(cx, set, replicas(set) - less, false)?;
                left -= less;
                down += less;
            }
        }
        Ok(gone + down > 0)
    }

    pub(super) fn recreate(&mut self, cx: &mut Context<'_>, all: Vec<Arc<Json>>) -> Result<Next, ApiError> {
        let mut sets = self.sets(cx, all.clone(), false)?;
        let mut down = false;
        for set in sets.old.iter_mut().filter(|set| replicas(set) > 0) {
            down |= self.resize(cx, set, 0, false)?;
        }
        if down || self.old_pods_run(cx, &sets) {
            return self.sync_rollout(cx, &sets);
        }
        if sets.new.is_none() {
            sets = self.sets(cx, all, true)?;
        }
        if let Some(new) = &mut sets.new {
            self.resize(cx, new, self.replicas(), false)?;
        }
        if self.is_complete(&self.object["status"]) {
            self.clean_up(cx, &sets)?;
        }
        self.sync_rollout(cx, &sets)
    }

    fn old_pods_run(&self, cx: &Context<'_>, sets: &Sets) -> bool {
        let mut pods = sets.old.iter().flat_map(|set| cx.view.owned(object::uid(set)));
        pods.any(|pod| !matches!(pod.phase, Phase::Failed | Phase::Succeeded))
    }

    /// Sizes the ReplicaSets for another size of the Deployment, each in its proportion.
    pub(super) fn scale(&self, cx: &mut Context<'_>, sets: &mut Sets) -> Result<(), ApiError> {
        let wanted = self.replicas();
        let active = sets.all().filter(|set| replicas(set) > 0).count();
        if active <= 1 {
            let newest = |sets: &mut Sets| -> Option<usize> { (!sets.old.is_empty()).then(|| sets.old.len() - 1) };
            if let Some(old) = sets.old.iter_mut().find(|set| replicas(set) > 0) {
                self.resize(cx, old, wanted, false)?;
            } else if let Some(new) = &mut sets.new {
                self.resize(cx, new, wanted, false)?;
            } else if let Some(place) = newest(sets)
                && let Some(set) = sets.old.get_mut(place)
            {
                self.resize(cx, set, wanted, false)?;
            }
            return Ok(());
        }
        if self.is_saturated(sets) {
            for set in sets.old.iter_mut().filter(|set| replicas(set) > 0) {
                self.resize(cx, set, 0, false)?;
            }
            return Ok(());
        }
        if self.is_rolling() { self.scale_in_proportion(cx, sets) } else { Ok(()) }
    }

    /// Whether the new ReplicaSet alone is what the Deployment asks for.
    fn is_saturated(&self, sets: &Sets) -> bool {
        let Some(new) = &sets.new else { return false };
        let desired = super::sets::annotated(new, super::sets::DESIRED);
        replicas(new) == self.replicas()
            && desired == Some(self.replicas())
            && int(&new["status"]["availableReplicas"]) == self.replicas()
    }

    fn scale_in_proportion(&self, cx: &mut Context<'_>, sets: &mut Sets) -> Result<(), ApiError> {
        let allowed = if self.replicas() > 0 { self.replicas() + self.surge() } else { 0 };
        let change = allowed - sets.wanted();
        let mut active: Vec<&mut Json> = sets.old.iter_mut().chain(&mut sets.new).filter(|s| replicas(s) > 0).collect();
        active.sort_by(|a, b| {
            let age = if change > 0 { by_age(b, a) } else { by_age(a, b) };
            replicas(b).cmp(&replicas(a)).then(age)
        });
        let mut done = 0;
        let mut sizes = Vec::new();
        for set in &active {
            let part = if change == 0 || change == done { 0 } else { self.proportion(set, change, done) };
            done += part;
            sizes.push(replicas(set) + part);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + change - done).max(0);
        }
        for (set, size) in active.into_iter().zip(sizes) {
            self.resize(cx, set, size, true)?;
        }
        Ok(())
    }

    fn proportion(&self, set: &Json, change: i64, done: i64) -> i64 {
        let now = replicas(set);
        let before = self.most_before(set);
        let fraction = if self.replicas() == 0 {
            -now
        } else if before == 0 {
            0
        } else {
            // Rounded half away from zero; all of it is positive.
            (2 * now * (self.replicas() + self.surge()) + before).div_euclid(2 * before) - now
        };
        let left = change - done;
        if change > 0 { fraction.min(left) } else { fraction.max(left) }
    }
}
