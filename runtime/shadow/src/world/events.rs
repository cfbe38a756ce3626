//! Events: what components have to say about objects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::{Edit, Objects, Target, World, Writer};
use crate::{Json, object};

/// How many Events about one object, alike but for their message, are told apart, and for how long.
const MOST_ALIKE: usize = 10;
const ALIKE_FOR: Duration = Duration::from_secs(600);
/// What a message begins with that stands for many.
const COMBINED: &str = "(combined from similar events): ";
/// How much a component may say about one object at once, and how long it takes until it may say one thing more.
const BURST: u32 = 25;
const REFILL: Duration = Duration::from_secs(300);

/// What components have said, so that they do not say too much (client-go's correlator).
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    alike: BTreeMap<String, Alike>,
    spoken: BTreeMap<String, Spoken>,
    /// By a hash of what is said of which object, the number in the Event's name.
    numbers: BTreeMap<u64, u64>,
    last_number: u64,
}

/// Messages of Events that are alike otherwise.
#[derive(Debug, Clone, Default)]
struct Alike {
    messages: BTreeSet<String>,
    last: Duration,
}

/// How much more may be said, in [`REFILL`]s.
#[derive(Debug, Clone, Copy)]
struct Spoken {
    left: f64,
    last: Duration,
}

impl Said {
    /// A new number: the time, as in a real cluster, so that names stand in the order in which the Events happened.
    fn number(&mut self, said: u64, at: jiff::Timestamp) -> u64 {
        let now = u64::try_from(at.as_nanosecond()).unwrap_or_default();
        self.last_number = now.max(self.last_number.saturating_add(1));
        self.numbers.insert(said, self.last_number);
        self.last_number
    }

    /// Whether this message is lost among so many others.
    fn is_combined(&mut self, key: &str, message: &str, now: Duration) -> bool {
        let alike = self.alike.entry(key.to_owned()).or_default();
        if now.saturating_sub(alike.last) > ALIKE_FOR {
            alike.messages.clear();
        }
        alike.last = now;
        alike.messages.insert(message.to_owned());
        if alike.messages.len() < MOST_ALIKE {
            return false;
        }
        alike.messages.pop_first();
        true
    }

    /// Whether so much was said that this is not said any more.
    fn is_too_much(&mut self, key: &str, now: Duration) -> bool {
        let spoken = self.spoken.entry(key.to_owned()).or_insert(Spoken { left: f64::from(BURST), last: now });
        let gained = now.saturating_sub(spoken.last).as_secs_f64() / REFILL.as_secs_f64();
        *spoken = Spoken { left: (spoken.left + gained).min(f64::from(BURST)), last: now };
        if spoken.left < 1.0 {
            return true;
        }
        spoken.left -= 1.0;
        false
    }
}

/// Who writes the Events of a component.
fn manager(component: &str) -> &str {
    match component {
        SCHEDULER => "kube-scheduler",
        "kubelet" => component,
        other if other.contains('.') || other.starts_with("external-") => other,
        _ => crate::controllers::MANAGER,
    }
}

const SCHEDULER: &str = "default-scheduler";

impl World {
    /// Creates an Event, or counts up the one that says the same of the same object.
    pub(super) fn record_event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str) {
        let Ok(resource) = self.stored_type("events") else { return };
        let namespace = match object::namespace(about) {
            "" => "default",
            namespace => namespace,
        };
        let uid = object::uid(about);
        let one = [component, namespace, object::name(about), uid].join(" ");
        let now = self.now();
        // The scheduler speaks the newer API, whose client combines nothing.
        let newer = component == SCHEDULER;
        let alike = [&one, kind, reason].join(" ");
        let combined = !newer && self.said.is_combined(&alike, message, now);
        let said = if combined { COMBINED } else { message };
        let said = self.chance(&["event", uid, component, kind, reason, said]);
        let message = if combined { format!("{COMBINED}{message}") } else { message.to_owned() };
        if !newer && self.said.is_too_much(&one, now) {
            return;
        }
        let name = |number: u64| format!("{}.{number:x}", object::name(about));
        let earlier = self.said.numbers.get(&said).copied().map(name);
        let earlier = earlier.filter(|name| self.store.find("events", namespace, name).is_some());
        let is_again = earlier.is_some();
        let at = self.wall();
        let name = earlier.unwrap_or_else(|| name(self.said.number(said, at)));
        let target = Target { kind: &resource, namespace, name: &name, subresource: "" };
        let writer = Writer { manager: manager(component).to_owned(), ..Writer::default() };
        let stamp = super::meta::time(at);
        let edit = if is_again {
            Edit::Patch(Box::new(|event: &Json| Ok(again(event, &message, &stamp))))
        } else {
            let mut event = json!({
                "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
                "involvedObject": involved(about), "reason": reason, "message": message, "type": kind,
            });
            let rest = match (newer, combined) {
                (true, _) => newer_fields(reason, at),
                // The one that stands for many does not say who reported them.
                (false, combined) => older_fields(component, if combined { "" } else { component }, &stamp),
            };
            if let (Some(fields), Json::Object(rest)) = (event.as_object_mut(), rest) {
                fields.extend(rest);
            }
            Edit::Create(event)
        };
        // An Event that is refused, in a namespace that ends, is lost, as in a real cluster.
        drop(self.write(&target, &writer, edit));
    }
}

fn older_fields(component: &str, reporter: &str, stamp: &Json) -> Json {
    json!({
        "source": {"component": component}, "firstTimestamp": stamp, "lastTimestamp": stamp, "count": 1,
        "eventTime": null, "reportingComponent": reporter, "reportingInstance": "",
    })
}

fn newer_fields(reason: &str, now: jiff::Timestamp) -> Json {
    let action = if reason == "Scheduled" { "Binding" } else { "Scheduling" };
    json!({
        "source": {}, "firstTimestamp": null, "lastTimestamp": null, "action": action,
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        "reportingComponent": SCHEDULER, "reportingInstance": format!("{SCHEDULER}-control-plane"),
    })
}

fn involved(about: &Json) -> Json {
    let text = |pointer: &str| object::text(about, pointer).unwrap_or_default();
    let mut involved = json!({
        "kind": text("/kind"), "namespace": object::namespace(about), "name": object::name(about),
        "uid": object::uid(about), "apiVersion": text("/apiVersion"),
        "resourceVersion": text("/metadata/resourceVersion"),
    });
    if let Some(fields) = involved.as_object_mut() {
        fields.retain(|_, value| value.as_str() != Some(""));
    }
    involved
}

/// The Event when it is said once more.
fn again(event: &Json, message: &str, now: &Json) -> Json {
    let mut event = event.clone();
    if let Some(fields) = event.as_object_mut() {
        if fields.contains_key("action") {
            let count = fields.get("series").and_then(|series| series["count"].as_i64()).unwrap_or(1) + 1;
            let seen = fields.get("eventTime").cloned().unwrap_or_default();
            fields.insert("series".into(), json!({"count": count, "lastObservedTime": seen}));
        } else {
            let count = fields.get("count").and_then(Json::as_i64).unwrap_or_default() + 1;
            fields.insert("count".into(), count.into());
            fields.insert("lastTimestamp".into(), now.clone());
            fields.insert("message".into(), message.into());
        }
    }
    event
}
