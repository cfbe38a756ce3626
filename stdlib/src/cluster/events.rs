//! `cluster::events`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{Cluster, Collection, ListOptions, Selector, Watch};
use windlass_runtime::{Call, Error, Options, Result, primitive, words};

use super::{OnCluster, Target};
use crate::fields::{event_time, int, text};

words! {
    /// The two sorts of events.
    pub enum EventType {
        /// Something that is worth knowing.
        Normal = "Normal",
        /// Something that may be wrong.
        Warning = "Warning",
    }
}

/// The options of `cluster::events`.
#[derive(Debug, Clone, Options)]
pub struct EventsOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace; the context's own if it is not given.
    pub namespace: Option<String>,
    /// The events of all namespaces, and those of nodes and other cluster-wide objects.
    #[option(default = "false")]
    pub all_namespaces: bool,
    /// Only events about this object: `"Pod/web-0"`.
    pub about: Option<Target>,
    /// Only events of this type.
    pub r#type: Option<EventType>,
    /// Only events with this reason, such as `"FailedScheduling"`.
    pub reason: Option<String>,
    /// Only events not older than this.
    pub since: Option<Duration>,
    /// The newest so many.
    pub limit: Option<u32>,
}

/// What has happened in a cluster of late, the newest last: a list of
/// `#{time, type, reason, object, namespace, message, count, source}`.
///
/// `time` is when it happened last, `count` how often it did. Clusters keep events for an hour, mostly.
///
/// # Errors
/// `not_found` for an object of an unknown kind; one that is gone still has its events.
///
/// # Example
/// ```rhai
/// for e in cluster::events(#{ all_namespaces: true, type: "Warning", since: "1h", limit: 20 }) {
///     log::info(`${e.time} ${e.object}: ${e.reason} ${e.message} (${e.count}×)`);
/// }
/// let of_node = cluster::events(#{ about: "Node/node-1" });
/// ```
#[primitive(module = "cluster", effect = Read)]
pub fn events(call: &Call<'_>, options: EventsOptions) -> Result<Vec<Json>> {
    let search = Search::of(call, "cluster::events", &options)?;
    let listed = call.wait(async move {
        let of = search.collection().await?;
        Ok(search.cluster.list(&of, &ListOptions::from(search.selector)).await?.items)
    })?;
    Ok(rows(call, &options, listed.iter().collect()))
}

/// Where events are looked for, and which.
pub(super) struct Search {
    cluster: Cluster,
    /// Everywhere without one.
    namespace: Option<String>,
    selector: Selector,
}

impl Search {
    pub(super) fn of(call: &Call<'_>, function: &str, options: &EventsOptions) -> Result<Self> {
        if options.all_namespaces && options.namespace.is_some() {
            return Err(Error::usage(format!("{function} takes `namespace` or `all_namespaces`, not both")));
        }
        let mut fields: Vec<String> = Vec::new();
        let mut everywhere = options.all_namespaces;
        let mut namespace = options.namespace.clone();
        if let Some(target) = &options.about {
            let on = OnCluster { cluster: options.cluster.clone(), namespace: options.namespace.clone() };
            let (_, id) = on.find(call, target)?;
            fields.push(format!("involvedObject.kind={},involvedObject.name={}", id.kind, id.name));
            // Those of cluster-wide objects are in the namespace `default`, or where their writer is.
            everywhere |= id.namespace.is_none();
            namespace = id.namespace;
        }
        fields.extend(options.r#type.map(|of| format!("type={}", of.as_str())));
        fields.extend(options.reason.as_ref().map(|reason| format!("reason={reason}")));
        let cluster = call.cluster(options.cluster.as_deref())?;
        let own = || cluster.default_namespace().to_owned();
        let namespace = (!everywhere).then(|| namespace.unwrap_or_else(own));
        let fields = (!fields.is_empty()).then(|| fields.join(","));
        Ok(Self { cluster, namespace, selector: Selector { labels: None, fields } })
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("namespace {namespace} of {}", self.cluster.name()),
            None => self.cluster.name().to_owned(),
        }
    }

    async fn collection(&self) -> Result<Collection> {
        let kind = self.cluster.kind_of("v1", "Event").await?;
        Ok(Collection::of(self.cluster.name(), &kind, self.namespace.as_deref()))
    }

    /// Follows them.
    pub(super) async fn watch(self) -> Result<Watch> {
        Ok(self.cluster.watch(&self.collection().await?, self.selector))
    }
}

/// Events as they are shown, the newest last: those that `since` and `limit` choose.
pub(super) fn rows(call: &Call<'_>, options: &EventsOptions, events: Vec<&Json>) -> Vec<Json> {
    let oldest = options.since.and_then(|since| call.clock().wall().checked_sub(since).ok());
    let mut rows: Vec<(Timestamp, Json)> = events.into_iter().map(row).collect();
    rows.retain(|(time, _)| oldest.is_none_or(|oldest| *time >= oldest));
    // What has the same time stays in the API server's order.
    rows.sort_by_key(|(time, _)| *time);
    let newest = options.limit.map_or(rows.len(), |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let from = rows.len().saturating_sub(newest);
    rows.split_off(from).into_iter().map(|(_, row)| row).collect()
}

/// An event as it is shown, with the time at which it happened last. Old writers keep it in other fields than new ones.
fn row(event: &Json) -> (Timestamp, Json) {
    let time = event_time(event).and_then(|time| time.parse::<Timestamp>().ok()).unwrap_or_default();
    let count = int(event, "/series/count").or_else(|| int(event, "/count")).unwrap_or(1);
    let of = |key: &str| text(event, &format!("/involvedObject/{key}")).unwrap_or_default();
    let source = text(event, "/reportingComponent").or_else(|| text(event, "/source/component"));
    let row = json!({
        "time": time.to_string(), "type": event.get("type"), "reason": event.get("reason"),
        "object": format!("{}/{}", of("kind"), of("name")), "namespace": event.pointer("/involvedObject/namespace"),
        "message": text(event, "/message").unwrap_or_default().trim_end(), "count": count, "source": source,
    });
    (time, row)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::row;
    use crate::testing::{Bed, Scripting as _, on};

    fn event(name: &str, of: &str, reason: &str, time: &str, namespace: &str) -> Json {
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": name }, "reason": reason, "message": "said\n",
            "type": if reason == "Started" { "Normal" } else { "Warning" }, "count": 3, "source": { "component": "kubelet" },
            "involvedObject": { "kind": "Pod", "name": of, "namespace": namespace }, "lastTimestamp": time,
        })
    }

    #[on(shadow, live)]
    fn the_newest_are_last_and_each_filter_counts(bed: Bed) {
        let namespace = bed.namespace();
        let wall = bed.target().clock().wall();
        let ago =
            |seconds: i64| (wall - jiff::SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        bed.create(&namespace, event("b", "web-1", "Started", &ago(10), &namespace));
        bed.create(&namespace, event("a", "web-1", "BackOff", &ago(5), &namespace));
        bed.create(&namespace, event("c", "web-2", "BackOff", &ago(7200), &namespace));
        let events = |options: &str| -> Vec<String> {
            let rows = bed.run(&format!("cluster::events(#{{ namespace: \"{namespace}\"{options} }})")).value();
            let row = |row: &Json| format!("{} {}", row["object"].as_str().unwrap(), row["reason"].as_str().unwrap());
            rows.as_array().unwrap().iter().map(row).collect()
        };
        assert_eq!(events(""), ["Pod/web-2 BackOff", "Pod/web-1 Started", "Pod/web-1 BackOff"]);
        assert_eq!(events(", limit: 1"), ["Pod/web-1 BackOff"]);
        assert_eq!(events(", since: \"1h\""), ["Pod/web-1 Started", "Pod/web-1 BackOff"]);
        assert_eq!(events(", type: \"Normal\""), ["Pod/web-1 Started"]);
        assert_eq!(events(", reason: \"BackOff\", about: \"Pod/web-2\""), ["Pod/web-2 BackOff"]);
        assert!(events(", about: \"Pod/nobody\"").is_empty());
        let one = bed.run(&format!("cluster::events(#{{ namespace: \"{namespace}\", limit: 1 }})")).value()[0].clone();
        assert_eq!((&one["message"], &one["count"], &one["source"]), (&json!("said"), &json!(3), &json!("kubelet")));
    }

    #[on(shadow, live)]
    fn wrong_options_say_what_is_wrong(bed: Bed) {
        for (options, said) in [
            ("type: \"Error\"", "one of \"Normal\", \"Warning\""),
            ("namespace: \"x\", all_namespaces: true", "not both"),
            ("about: \"Pod\"", "is no name of an object"),
            ("since: \"-1h\"", "negative"),
        ] {
            let error = bed.run(&format!("cluster::events(#{{ {options} }})")).error();
            assert_eq!(error["kind"], "usage", "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }

    #[test]
    fn new_writers_keep_the_time_in_other_fields() {
        let event = json!({ "eventTime": "2026-01-01T00:00:00.5Z", "series": { "count": 4, "lastObservedTime": "2026-01-01T00:10:00Z" },
            "reportingComponent": "scheduler", "involvedObject": { "kind": "Pod", "name": "p" } });
        let (time, row) = row(&event);
        assert_eq!(time.to_string(), "2026-01-01T00:10:00Z");
        assert_eq!((&row["count"], &row["source"]), (&json!(4), &json!("scheduler")));
    }
}
