//! Deletion: preconditions, grace, finalizers, propagation.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Deletion, Propagation, Target, World, Writer, meta, parts, strategy};
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::store::{Key, Stored};
use crate::{Json, object};

/// What a deletion has come to.
#[derive(Debug, Clone)]
pub(crate) enum Deleted {
    /// It is gone; this is how it was last.
    Gone(Arc<Stored>),
    /// It is being deleted.
    Pending(Arc<Stored>),
}

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

impl World {
    /// Deletes an object, or begins to.
    pub(crate) fn remove(
        &mut self,
        target: &Target<'_>,
        writer: &Writer,
        deletion: &Deletion,
    ) -> Result<Deleted, ApiError> {
        let key = target.key();
        if &*key.resource == "namespaces" && matches!(&*key.name, "default" | "kube-system" | "kube-public") {
            return Err(ApiError::forbidden("", "namespaces", &key.name, "this namespace may not be deleted"));
        }
        let kind = self.stored_type(&target.kind.name)?;
        let live = self.store.get(&key).ok_or_else(|| target.not_found())?;
        let old = live.json();
        preconditions(&old, deletion, &kind)?;

        let mut object = old.clone();
        if &*key.resource == parts::DEFINITIONS && !object::is_deleting(&old) {
            crate::crd::deleting(&mut object, self.clock().wall());
            return Ok(Deleted::Pending(self.commit(&key, &kind, object, writer.dry_run)));
        }
        let grace = match self.grace(&key, &mut object, deletion) {
            Grace::AlreadyPending => return Ok(Deleted::Pending(live)),
            Grace::None => None,
            Grace::Seconds(seconds) => Some(seconds),
        };
        let finalizers = finalizers(&key.resource, &object, deletion.propagation);
        if finalizers != meta::finalizers(&object) {
            meta::put(&mut object, "finalizers", (!finalizers.is_empty()).then(|| json!(finalizers)));
        }
        let held = !finalizers.is_empty() || !strategy::ends_by_update(&key.resource, &object);
        if held && grace.is_none() {
            self.mark(&mut object);
            if &*key.resource == "namespaces" {
                meta::remove(&mut object, "deletionGracePeriodSeconds");
                set_terminating(&mut object);
            }
        }
        if held || grace.is_some_and(|seconds| seconds > 0) {
            if object == old {
                return Ok(Deleted::Pending(live));
            }
            return Ok(Deleted::Pending(self.commit(&key, &kind, object, writer.dry_run)));
        }
        if grace.is_some() {
            // The real one says that it is being deleted, and then deletes it.
            let marked = self.commit(&key, &kind, object.clone(), writer.dry_run);
            if writer.dry_run {
                return Ok(Deleted::Gone(marked));
            }
        }
        if writer.dry_run {
            return Ok(Deleted::Gone(live));
        }
        Ok(Deleted::Gone(self.bury(&key, &kind, object)))
    }

    /// Takes an object out of the store.
    pub(super) fn bury(&mut self, key: &Key, kind: &Arc<ResourceType>, mut object: Json) -> Arc<Stored> {
        meta::set(&mut object, "resourceVersion", self.store.next_version().to_string().into());
        let last = Arc::new(Stored::encode(&key.resource, &object));
        self.store.remove(key, &object);
        self.unvalidated.remove(key);
        // Events come and go under names of their own: nobody asks whether one is the same as an earlier one.
        if &*key.resource != "events" {
            *self.graves.entry(key.clone()).or_default() += 1;
        }
        parts::committed(self, kind, Some(&object), None);
        last
    }

    /// Sets what says that an object is being deleted, at once.
    fn mark(&self, object: &mut Json) {
        let now = self.clock().wall();
        let later = object::text(object, "/metadata/deletionTimestamp")
            .is_none_or(|time| time.parse::<jiff::Timestamp>().is_ok_and(|time| time > now));
        let generation = object.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or_default();
        if !object::is_deleting(object) && generation > 0 {
            meta::set(object, "generation", (generation + 1).into());
        }
        if later {
            meta::set(object, "deletionTimestamp", meta::time(now));
        }
        meta::set(object, "deletionGracePeriodSeconds", 0.into());
    }

    /// How long a pod has to end; sets what says so. Other kinds have no grace.
    fn grace(&self, key: &Key, object: &mut Json, deletion: &Deletion) -> Grace {
        if &*key.resource != "pods" {
            return Grace::None;
        }
        let asked = deletion.grace_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
        let now = self.clock().wall();
        let pending = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Json::as_i64).unwrap_or_default();
        if let Some(due) = object::text(object, "/metadata/deletionTimestamp") {
            let due = due.parse::<jiff::Timestamp>().unwrap_or(now);
            if pending == 0 {
                return Grace::None;
            }
            let Some(mut seconds) = asked.filter(|seconds| *seconds < pending) else { return Grace::AlreadyPending };
            let shift = jiff::SignedDuration::from_secs(seconds - pending);
            let mut due = due.checked_add(shift).unwrap_or(now);
            if due < now {
                due = now;
                seconds = seconds.min(1);
            }
            meta::set(object, "deletionTimestamp", meta::time(due));
            meta::set(object, "deletionGracePeriodSeconds", seconds.into());
            return Grace::Seconds(seconds);
        }
        let of_spec = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Json::as_i64);
        let mut seconds = asked.or(of_spec).unwrap_or(30);
        // Where no kubelet could be told, there is nothing to wait for.
        let phase = object::text(object, "/status/phase").unwrap_or_default();
        let unscheduled = object::text(object, "/spec/nodeName").unwrap_or_default().is_empty();
        if unscheduled || matches!(phase, "Succeeded" | "Failed") {
            seconds = 0;
        }
        let seconds = if seconds < 0 { 1 } else { seconds };
        let due = now.checked_add(Duration::from_secs(seconds.unsigned_abs())).unwrap_or(now);
        let generation = object.pointer("/metadata/generation").and_then(Json::as_i64).unwrap_or_default();
        if generation > 0 {
            meta::set(object, "generation", (generation + 1).into());
        }
        meta::set(object, "deletionTimestamp", meta::time(due));
        meta::set(object, "deletionGracePeriodSeconds", seconds.into());
        Grace::Seconds(seconds)
    }
}

enum Grace {
    None,
    Seconds(i64),
    AlreadyPending,
}

fn preconditions(object: &Json, deletion: &Deletion, kind: &ResourceType) -> Result<(), ApiError> {
    let conflict = |why: String| Err(ApiError::conflict(&kind.group, &kind.kind, object::name(object), &why));
    if let Some(uid) = deletion.uid.as_deref().filter(|uid| *uid != object::uid(object)) {
        return conflict(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). \
             The object might have been deleted and then recreated",
            object::uid(object)
        ));
    }
    let version = object::text(object, "/metadata/resourceVersion").unwrap_or_default();
    if let Some(wanted) = deletion.resource_version.as_deref().filter(|wanted| *wanted != version) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
             ({version}). The object might have been modified"
        ));
    }
    Ok(())
}

/// The object's finalizers, with the garbage collector's as the propagation asks for.
fn finalizers(resource: &str, object: &Json, propagation: Option<Propagation>) -> Vec<String> {
    let there = meta::finalizers(object);
    if strategy::is_never_collected(resource) {
        return there;
    }
    let propagation = propagation.unwrap_or_else(|| {
        let own = there.iter().find(|name| matches!(name.as_str(), ORPHAN | FOREGROUND));
        match own.map(String::as_str) {
            Some(ORPHAN) => Propagation::Orphan,
            Some(_) => Propagation::Foreground,
            None => Propagation::Background,
        }
    });
    let mut wanted: Vec<String> =
        there.iter().filter(|name| !matches!(name.as_str(), ORPHAN | FOREGROUND)).cloned().collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => wanted.push(FOREGROUND.into()),
        Propagation::Orphan => wanted.push(ORPHAN.into()),
    }
    // The order is only a new one where there is something new.
    let same = wanted.len() == there.len() && wanted.iter().all(|name| there.contains(name));
    if same { there } else { wanted }
}

fn set_terminating(namespace: &mut Json) {
    if let Some(fields) = namespace.as_object_mut()
        && let Some(status) = fields.entry("status").or_insert_with(|| json!({})).as_object_mut()
    {
        status.insert("phase".into(), "Terminating".into());
    }
}
