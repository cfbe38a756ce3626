//! Events: what components have to say about objects.

use serde_json::json;

use super::{Edit, Objects, Target, World, Writer};
use crate::{Json, object};

impl World {
    /// Creates an Event, or counts up the one that says the same of the same object.
    pub(super) fn record_event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str) {
        let Ok(resource) = self.stored_type("events") else { return };
        let namespace = match object::namespace(about) {
            "" => "default",
            namespace => namespace,
        };
        let said = self.chance(&["event", object::uid(about), component, kind, reason, message]);
        let name = format!("{}.{said:016x}", object::name(about));
        let now = super::meta::time(self.wall());
        let target = Target { kind: &resource, namespace, name: &name, subresource: "" };
        let writer = Writer { manager: component.to_owned(), ..Writer::default() };
        let edit = if self.store.get(&target.key()).is_some() {
            Edit::Patch(Box::new(move |event: &Json| {
                let mut event = event.clone();
                let count = event.get("count").and_then(Json::as_i64).unwrap_or_default() + 1;
                if let Some(fields) = event.as_object_mut() {
                    fields.insert("count".into(), count.into());
                    fields.insert("lastTimestamp".into(), now);
                }
                Ok(event)
            }))
        } else {
            let text = |pointer: &str| object::text(about, pointer).unwrap_or_default();
            let mut involved = json!({
                "kind": text("/kind"), "namespace": object::namespace(about), "name": object::name(about),
                "uid": object::uid(about), "apiVersion": text("/apiVersion"),
                "resourceVersion": text("/metadata/resourceVersion"),
            });
            if let Some(fields) = involved.as_object_mut() {
                fields.retain(|_, value| value.as_str() != Some(""));
            }
            Edit::Create(json!({
                "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
                "involvedObject": involved, "reason": reason, "message": message, "source": {"component": component},
                "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": kind, "eventTime": null,
                "reportingComponent": component, "reportingInstance": "",
            }))
        };
        // An Event that is refused, in a namespace that ends, is lost, as in a real cluster.
        drop(self.write(&target, &writer, edit));
    }
}
