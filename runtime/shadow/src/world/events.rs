//! Events: what components have to say about objects.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Edit, Objects, Target, World, Writer, meta};
use crate::{Json, object};

/// The component whose Events are of the newer form, with `eventTime` and `series`.
const SCHEDULER: &str = "default-scheduler";

/// What has been said: Events that say the same again are counted up.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// By a hash of what is said, the number in the Event's name.
    numbers: BTreeMap<u64, u64>,
    last: u64,
}

impl Said {
    /// A new number: the time, as in a real cluster, so that names stand in the order in which the Events happened.
    fn next(&mut self, at: jiff::Timestamp) -> u64 {
        let now = u64::try_from(at.as_nanosecond()).unwrap_or_default();
        self.last = now.max(self.last.saturating_add(1));
        self.last
    }
}

impl World {
    /// Creates an Event, or counts up the one that says the same of the same object.
    pub(super) fn record_event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str) {
        let Ok(resource) = self.stored_type("events") else { return };
        let namespace = match object::namespace(about) {
            "" => "default",
            namespace => namespace,
        };
        let at = self.wall();
        let said = self.chance(&["event", object::uid(about), component, kind, reason, message]);
        let name = |number: u64| format!("{}.{number:x}", object::name(about));
        let writer = Writer { manager: component.to_owned(), ..Writer::default() };
        if let Some(number) = self.events.numbers.get(&said) {
            let name = name(*number);
            let target = Target { kind: &resource, namespace, name: &name, subresource: "" };
            if self.store.get(&target.key()).is_some() {
                // An Event that is refused, in a namespace that ends, is lost, as in a real cluster.
                drop(self.write(&target, &writer, Edit::Patch(Box::new(|event| Ok(again(event, at))))));
                return;
            }
        }
        let number = self.events.next(at);
        self.events.numbers.insert(said, number);
        let name = name(number);
        let text = |pointer: &str| object::text(about, pointer).unwrap_or_default();
        let mut involved = json!({
            "kind": text("/kind"), "namespace": object::namespace(about), "name": object::name(about),
            "uid": object::uid(about), "apiVersion": text("/apiVersion"),
            "resourceVersion": text("/metadata/resourceVersion"),
        });
        if let Some(fields) = involved.as_object_mut() {
            fields.retain(|_, value| value.as_str() != Some(""));
        }
        let mut event = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved, "reason": reason, "message": message, "type": kind,
            "reportingComponent": component,
        });
        if let Some(fields) = event.as_object_mut() {
            fields.extend(first(component, reason, at));
        }
        let target = Target { kind: &resource, namespace, name: &name, subresource: "" };
        drop(self.write(&target, &writer, Edit::Create(event)));
    }
}

/// What an Event says about when and by whom, the first time.
fn first(component: &str, reason: &str, at: jiff::Timestamp) -> serde_json::Map<String, Json> {
    let now = meta::time(at);
    let fields = if component == SCHEDULER {
        let action = if reason == "Scheduled" { "Binding" } else { "Scheduling" };
        json!({"eventTime": meta::micro_time(at), "action": action, "reportingInstance": SCHEDULER})
    } else {
        json!({"source": {"component": component}, "firstTimestamp": now, "lastTimestamp": now, "count": 1})
    };
    fields.as_object().cloned().unwrap_or_default()
}

/// An Event that happens once more.
fn again(event: &Json, at: jiff::Timestamp) -> Json {
    let mut event = event.clone();
    let newer = event.get("eventTime").is_some_and(|time| !time.is_null());
    let count = event.pointer(if newer { "/series/count" } else { "/count" }).and_then(Json::as_i64);
    let count = count.unwrap_or(1) + 1;
    if let Some(fields) = event.as_object_mut() {
        if newer {
            fields.insert("series".into(), json!({"count": count, "lastObservedTime": meta::micro_time(at)}));
        } else {
            fields.insert("count".into(), count.into());
            fields.insert("lastTimestamp".into(), meta::time(at));
        }
    }
    event
}
