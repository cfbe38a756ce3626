//! Namespaces: emptied when they are deleted.

use std::collections::BTreeMap;

use serde_json::json;

use super::fields::{items, place_condition, put, stamp};
use super::{Context, Controller, MANAGER, Next, Seen, View, is_gone, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects, Propagation};

const RESOURCE: &str = "namespaces";

/// The controller.
pub(super) struct Namespaces;

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return vec![change.key.clone()];
        }
        // What goes may have been the last.
        if change.key.namespace.is_empty() || !(change.gone() || object::is_deleting(&change.object)) {
            return Vec::new();
        }
        let ends = world.get(RESOURCE, "", &change.key.namespace).is_some_and(|n| object::is_deleting(&n));
        if ends { vec![Key::new(RESOURCE, "", &change.key.namespace)] } else { Vec::new() }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(namespace) = cx.world.get(RESOURCE, "", &key.name) else { return Ok(Next::Wait) };
        if !object::is_deleting(&namespace) || items(&namespace["spec"]["finalizers"]).is_empty() {
            return Ok(Next::Wait);
        }
        let mut content: Vec<Key> = cx.view.index.content(&key.name).cloned().collect();
        for resource in super::driver::UNWATCHED {
            let names = cx.world.list(resource, Some(&key.name));
            content.extend(names.iter().map(|found| Key::new(resource, &key.name, object::name(found))));
        }
        let deletion = Deletion { propagation: Some(Propagation::Background), ..Deletion::default() };
        let mut remaining: BTreeMap<String, usize> = BTreeMap::new();
        let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
        for at in content {
            let Some(found) = cx.world.get(&at.resource, &at.namespace, &at.name) else { continue };
            if !object::is_deleting(&found) {
                unless_gone(cx.world.delete(&writer(MANAGER), &at.resource, &at.namespace, &at.name, &deletion))?;
            }
            let Some(left) = cx.world.get(&at.resource, &at.namespace, &at.name) else { continue };
            *remaining.entry(at.resource.to_string()).or_default() += 1;
            for finalizer in items(&left["metadata"]["finalizers"]) {
                *finalizers.entry(super::fields::text(finalizer).to_owned()).or_default() += 1;
            }
        }
        let status = status(&namespace, &remaining, &finalizers, cx.world.wall());
        match cx.set_status(MANAGER, RESOURCE, &namespace, status) {
            Err(error) if is_gone(&error) => return Ok(Next::Wait),
            other => other?,
        };
        if remaining.is_empty() {
            let Some(now) = cx.world.get(RESOURCE, "", &key.name) else { return Ok(Next::Wait) };
            let mut last = Json::clone(&now);
            let left: Vec<Json> =
                items(&now["spec"]["finalizers"]).iter().filter(|f| *f != "kubernetes").cloned().collect();
            put(&mut last, &["spec", "finalizers"], left);
            unless_gone(cx.world.update(&writer(MANAGER), "namespaces/finalize", last).map(drop))?;
        }
        Ok(Next::Wait)
    }
}

/// What still has to be said about the content, in the real controller's words.
fn status(
    namespace: &Json,
    remaining: &BTreeMap<String, usize>,
    finalizers: &BTreeMap<String, usize>,
    now: jiff::Timestamp,
) -> Json {
    let mut status = namespace["status"].clone();
    put(&mut status, &["phase"], "Terminating");
    let mut set = |kind: &str, bad: Option<(&str, String)>, good: (&str, &str)| {
        let (value, reason, message) = match bad {
            Some((reason, message)) => ("True", reason.to_owned(), message),
            None => ("False", good.0.to_owned(), good.1.to_owned()),
        };
        let new = json!({
            "type": kind, "status": value, "lastTransitionTime": stamp(now), "reason": reason, "message": message,
        });
        place_condition(&mut status, new);
    };
    set("NamespaceDeletionDiscoveryFailure", None, ("ResourcesDiscovered", "All resources successfully discovered"));
    set(
        "NamespaceDeletionGroupVersionParsingFailure",
        None,
        ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    );
    let good = ("ContentDeleted", "All content successfully deleted, may be waiting on finalization");
    set("NamespaceDeletionContentFailure", None, good);
    let list = |counts: &BTreeMap<String, usize>, say: &dyn Fn(&str, usize) -> String| {
        let mut said: Vec<String> = counts.iter().map(|(name, count)| say(name, *count)).collect();
        said.sort();
        said.join(", ")
    };
    let left = (!remaining.is_empty()).then(|| {
        let said = list(remaining, &|resource, count| {
            // A resource of the core group has an empty group's dot.
            let dot = if resource.contains('.') { "" } else { "." };
            format!("{resource}{dot} has {count} resource instances")
        });
        ("SomeResourcesRemain", format!("Some resources are remaining: {said}"))
    });
    set("NamespaceContentRemaining", left, ("ContentRemoved", "All content successfully removed"));
    let held = (!finalizers.is_empty()).then(|| {
        let said = list(finalizers, &|finalizer, count| format!("{finalizer} in {count} resource instances"));
        ("SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {said}"))
    });
    set("NamespaceFinalizersRemaining", held, ("ContentHasNoFinalizers", "All content-preserving finalizers finished"));
    status
}
