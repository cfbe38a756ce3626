//! The Lease as it stands in a cluster: what is read from it, and what is written to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::holder::Holder;
use crate::cluster::ResourceId;

/// The name of the Lease.
pub const NAME: &str = "windlass";
/// Who holds it, in full.
const HOLDER: &str = "windlass.dev/holder";
/// What the holder announced last.
const IN_FLIGHT: &str = "windlass.dev/in-flight";
/// By whom it was broken, and why. It stays until the next holder gives the lock back, so that the broken one can read it.
const BROKEN: &str = "windlass.dev/broken";
/// So many changes are named.
const MOST_IN_FLIGHT: usize = 8;
/// Where a Lease does not say: as client-go has it.
const UNSAID: Duration = Duration::from_secs(15);

/// A lock that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// Who held it.
    pub holder: String,
    /// Who broke it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What the holder had announced.
    #[serde(default)]
    pub in_flight: Vec<String>,
}

/// A Lease, as it was read or is to be written.
#[derive(Debug, Clone)]
pub(super) struct Record(pub(super) Json);

pub(super) fn id(cluster: &str, namespace: &str) -> ResourceId {
    ResourceId {
        cluster: cluster.to_owned(),
        api_version: "coordination.k8s.io/v1".into(),
        kind: "Lease".into(),
        plural: "leases".into(),
        namespace: Some(namespace.to_owned()),
        name: NAME.into(),
    }
}

impl Record {
    /// One that nobody holds, and that is not there yet.
    pub(super) fn new(id: &ResourceId) -> Self {
        let metadata = json!({ "name": id.name, "namespace": id.namespace });
        Self(json!({ "apiVersion": id.api_version, "kind": id.kind, "metadata": metadata, "spec": {} }))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn annotation<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Option<T> {
        let text = self.0.pointer("/metadata/annotations")?.get(name)?.as_str()?;
        serde_json::from_str(text).ok()
    }

    pub(super) fn holder_id(&self) -> Option<&str> {
        self.text("/spec/holderIdentity")
    }

    pub(super) fn is_held_by(&self, id: &str) -> bool {
        self.holder_id() == Some(id)
    }

    /// Who holds it. Somebody who wrote only the spec is known by that alone.
    pub(super) fn holder(&self) -> Option<Holder> {
        let id = self.holder_id()?;
        let said = self.annotation::<Holder>(HOLDER).filter(|holder| holder.id == id);
        let since = || self.text("/spec/acquireTime").unwrap_or_default().to_owned();
        Some(said.unwrap_or_else(|| Holder { since: since(), ..Holder::of_id(id) }))
    }

    /// How long it lasts from each renewal on.
    pub(super) fn duration(&self) -> Duration {
        let said = self.0.pointer("/spec/leaseDurationSeconds").and_then(Json::as_u64).filter(|seconds| *seconds > 0);
        said.map_or(UNSAID, Duration::from_secs)
    }

    /// What a renewal changes.
    pub(super) fn spec(&self) -> &Json {
        self.0.get("spec").unwrap_or(&Json::Null)
    }

    pub(super) fn renewed(&self) -> Option<&str> {
        self.text("/spec/renewTime")
    }

    pub(super) fn in_flight(&self) -> Vec<String> {
        self.annotation(IN_FLIGHT).unwrap_or_default()
    }

    pub(super) fn broken(&self) -> Option<Broken> {
        self.annotation(BROKEN)
    }

    /// Somebody has it from now on.
    pub(super) fn take(&mut self, holder: &Holder, duration: Duration, now: jiff::Timestamp) {
        let transitions = self.0.pointer("/spec/leaseTransitions").and_then(Json::as_u64);
        let transitions = transitions.map_or(0, |count| (count + 1).min(i32::MAX as u64));
        self.set_spec(&[
            ("holderIdentity", holder.id.clone().into()),
            ("acquireTime", micro_time(now).into()),
            ("renewTime", micro_time(now).into()),
            ("leaseDurationSeconds", duration.as_secs().max(1).into()),
            ("leaseTransitions", transitions.into()),
        ]);
        self.annotate(HOLDER, Some(&json!(holder)));
        self.annotate(IN_FLIGHT, None);
    }

    /// Its holder lives, and has this in flight.
    pub(super) fn renew(&mut self, in_flight: &[String], now: jiff::Timestamp) {
        self.set_spec(&[("renewTime", micro_time(now).into())]);
        let mut named: Vec<String> = in_flight.iter().take(MOST_IN_FLIGHT).cloned().collect();
        if in_flight.len() > MOST_IN_FLIGHT {
            named.push(format!("and {} more", in_flight.len() - MOST_IN_FLIGHT));
        }
        self.annotate(IN_FLIGHT, (!named.is_empty()).then(|| json!(named)).as_ref());
    }

    /// Its holder gives it back: nothing is in flight any more.
    pub(super) fn give_back(&mut self, now: jiff::Timestamp) {
        self.leave(now);
        for name in [HOLDER, IN_FLIGHT, BROKEN] {
            self.annotate(name, None);
        }
    }

    /// It is taken from its holder. What that one announced stays, for the next.
    pub(super) fn take_away(&mut self, broken: &Broken, now: jiff::Timestamp) {
        self.leave(now);
        self.annotate(BROKEN, Some(&json!(broken)));
    }

    /// As client-go leaves it.
    fn leave(&mut self, now: jiff::Timestamp) {
        self.set_spec(&[
            ("holderIdentity", "".into()),
            ("acquireTime", micro_time(now).into()),
            ("renewTime", micro_time(now).into()),
            ("leaseDurationSeconds", 1.into()),
        ]);
    }

    fn set_spec(&mut self, fields: &[(&str, Json)]) {
        for (name, value) in fields {
            self.0["spec"][*name] = value.clone();
        }
    }

    fn annotate(&mut self, name: &str, value: Option<&Json>) {
        match value {
            Some(value) => self.0["metadata"]["annotations"][name] = Json::String(value.to_string()),
            None => {
                let annotations = self.0.pointer_mut("/metadata/annotations").and_then(Json::as_object_mut);
                annotations.map(|annotations| annotations.remove(name));
            }
        }
    }
}

/// A time as Leases have it: with exactly six digits behind the second.
fn micro_time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> jiff::Timestamp {
        "2026-07-01T08:00:00.5Z".parse().unwrap()
    }

    fn taken(holder: &Holder) -> Record {
        let mut record = Record::new(&id("c", "kube-system"));
        record.take(holder, Duration::from_secs(30), now());
        record
    }

    #[test]
    fn what_was_written_is_read() {
        let holder = Holder::here("r1", "t", "acme", now());
        let mut record = taken(&holder);
        assert_eq!(record.holder(), Some(holder.clone()));
        assert_eq!(
            (record.duration(), record.renewed()),
            (Duration::from_secs(30), Some("2026-07-01T08:00:00.500000Z"))
        );
        assert_eq!(record.0["spec"]["leaseTransitions"], 0);
        let all: Vec<String> = (0..20).map(|i| format!("change {i}")).collect();
        record.renew(&all, now());
        assert_eq!((record.in_flight().len(), record.in_flight()[8].as_str()), (9, "and 12 more"));

        let broken = Broken { holder: holder.id, by: "b".into(), reason: "dead".into(), in_flight: all };
        record.take_away(&broken, now());
        assert_eq!((record.holder(), record.broken(), record.in_flight().len()), (None, Some(broken), 9));
        record.take(&Holder::here("r2", "t", "acme", now()), Duration::from_millis(10), now());
        assert_eq!(record.0["spec"]["leaseTransitions"], 1);
        assert_eq!(record.duration(), Duration::from_secs(1), "less than a second is none");
        assert!(record.in_flight().is_empty() && record.broken().is_some(), "the broken one can still read why");
        record.give_back(now());
        assert_eq!(record.0["metadata"]["annotations"], json!({}));
        assert_eq!((record.holder_id(), record.broken()), (None, None));
    }

    #[test]
    fn a_lease_of_somebody_else_s_is_read_too() {
        let mut record = Record::new(&id("c", "kube-system"));
        assert_eq!((record.holder(), record.duration()), (None, UNSAID));
        record.0["spec"] = json!({"holderIdentity": "by-hand", "acquireTime": "2026-07-01T08:00:00.000000Z"});
        let annotations = json!({HOLDER: "no JSON", IN_FLIGHT: "{}", BROKEN: "[]"});
        record.0["metadata"]["annotations"] = annotations;
        let since = "2026-07-01T08:00:00.000000Z".to_owned();
        assert_eq!(record.holder(), Some(Holder { since, ..Holder::of_id("by-hand") }));
        assert_eq!((record.in_flight().len(), record.broken()), (0, None));
        // An annotation that a former holder left says nothing of this one.
        let mut other = taken(&Holder::here("r1", "t", "acme", now()));
        other.0["spec"]["holderIdentity"] = "by-hand".into();
        assert_eq!(other.holder().unwrap().run, "");
    }
}
