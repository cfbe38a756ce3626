//! Volumes: free, or given up by their claims, and then kept or deleted.

use serde_json::json;

use super::super::fields::{put, stamp, text};
use super::super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use super::{CLAIMS, NAME, VOLUMES};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

/// The controller of volumes.
pub(in super::super) struct Volumes;

impl Controller for Volumes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[CLAIMS, VOLUMES]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(VOLUMES) {
            return if change.gone() { Vec::new() } else { vec![change.key.clone()] };
        }
        let volume = text(&change.object["spec"]["volumeName"]);
        if change.gone() && !volume.is_empty() { vec![Key::new(VOLUMES, "", volume)] } else { Vec::new() }
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(volume) = cx.world.get(VOLUMES, "", &key.name) else { return Ok(Next::Wait) };
        let reference = &volume["spec"]["claimRef"];
        let uid = text(&reference["uid"]);
        if uid.is_empty() {
            set_phase(cx, &volume, "Available")?;
            return Ok(Next::Wait);
        }
        let claim = cx.world.get(CLAIMS, text(&reference["namespace"]), text(&reference["name"]));
        if claim.is_some_and(|claim| object::uid(&claim) == uid) {
            return Ok(Next::Wait);
        }
        set_phase(cx, &volume, "Released")?;
        if volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" && !object::is_deleting(&volume) {
            let deletion = Deletion { uid: Some(object::uid(&volume).to_owned()), ..Deletion::default() };
            unless_gone(cx.world.delete(&writer(MANAGER), VOLUMES, "", &key.name, &deletion))?;
        }
        Ok(Next::Wait)
    }
}

fn set_phase(cx: &mut Context<'_>, volume: &Json, phase: &str) -> Result<(), ApiError> {
    let mut status = if volume["status"].is_object() { volume["status"].clone() } else { json!({}) };
    if status["phase"] != phase {
        put(&mut status, &["phase"], phase);
        put(&mut status, &["lastPhaseTransitionTime"], stamp(cx.world.wall()));
    }
    cx.set_status(MANAGER, VOLUMES, volume, status).map(drop)
}
