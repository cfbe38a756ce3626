//! What the API server does with definitions by itself: names, establishing, and the end of their objects.

use std::time::Duration;

use super::status::{self, CLEANUP};
use crate::Json;
use crate::controllers::{Context, Controller, Next, Seen, View};
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects, Writer};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// How often it is looked whether the objects are gone.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The controllers of the API server that look after CustomResourceDefinitions.
#[derive(Debug, Default)]
pub(crate) struct CustomResources;

fn writer() -> Writer {
    Writer { manager: "kube-apiserver".to_owned(), ..Writer::default() }
}

impl Controller for CustomResources {
    fn name(&self) -> &'static str {
        "kube-apiserver"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[DEFINITIONS]
    }

    /// A change can free a name that another of the group waits for.
    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        let group = object::text(&change.object, "/spec/group");
        let all = world.list(DEFINITIONS, None);
        let same_group = all.iter().filter(|other| object::text(other, "/spec/group") == group);
        let mut keys: Vec<Key> = same_group.map(|other| Key::new(DEFINITIONS, "", object::name(other))).collect();
        if !keys.contains(&change.key) {
            keys.push(change.key.clone());
        }
        keys
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let world = &mut *cx.world;
        let Some(definition) = world.get(DEFINITIONS, "", &key.name) else { return Ok(Next::Wait) };
        if object::is_deleting(&definition) && has_finalizer(&definition) {
            return finish(world, &definition);
        }
        let others = world.list(DEFINITIONS, None);
        if let Some(next) = status::next_status(&definition, others.iter().map(AsRef::as_ref), world.wall()) {
            world.update_status(&writer(), DEFINITIONS, next)?;
            return Ok(Next::After(Duration::ZERO));
        }
        Ok(Next::Wait)
    }
}

fn has_finalizer(definition: &Json) -> bool {
    let finalizers = definition.pointer("/metadata/finalizers").and_then(Json::as_array);
    finalizers.is_some_and(|finalizers| finalizers.iter().any(|f| f == CLEANUP))
}

/// Deletes the objects; when none is left, lets go of the definition.
fn finish(world: &mut dyn Objects, definition: &Json) -> Result<Next, ApiError> {
    let text = |path| object::text(definition, path).unwrap_or_default();
    let resource = format!("{}.{}", text("/status/acceptedNames/plural"), text("/spec/group"));
    let now = world.wall();
    let mut next = definition.clone();
    status::terminating(&mut next, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress", now);
    if next != *definition {
        next = Json::clone(&*world.update_status(&writer(), DEFINITIONS, next)?);
    }
    if status::is_true(definition, "Established") {
        let left = world.list(&resource, None);
        for instance in left.iter().filter(|instance| !object::is_deleting(instance)) {
            let (namespace, name) = (object::namespace(instance), object::name(instance));
            world.delete(&writer(), &resource, namespace, name, &Deletion::default())?;
        }
        if !world.list(&resource, None).is_empty() {
            return Ok(Next::After(LOOK_AGAIN));
        }
        status::terminating(&mut next, "False", "InstanceDeletionCompleted", "removed all instances", now);
    } else {
        status::terminating(&mut next, "False", "NeverEstablished", "resource was never established", now);
    }
    status::release(&mut next);
    world.update_status(&writer(), DEFINITIONS, next)?;
    Ok(Next::Wait)
}
