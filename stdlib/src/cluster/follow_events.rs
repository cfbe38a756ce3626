//! `cluster::follow_events`.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::closure::Closure;
use windlass_runtime::cluster::WatchEvent;
use windlass_runtime::{Call, Options, Result, Value, primitive};

use super::events::{EventsOptions, Search, rows};
use super::patience::Patience;
use crate::fields::text;

/// The options of `cluster::follow_events`.
#[derive(Debug, Clone, Options)]
pub struct FollowEventsOptions {
    #[option(flatten)]
    of: EventsOptions,
    /// How long at most; as long as the step may take without it.
    timeout: Option<Duration>,
}

/// Calls a closure with each thing that happens in a cluster, as it happens, and returns how many there were.
///
/// It begins with what has happened already, as `cluster::events` lists it, of which `since` and `limit` choose: `limit: 0`
/// leaves it out. What happens again comes again, with its new `count`. It ends when the closure returns `false`.
///
/// # Errors
/// `timeout` when the time is over; whatever the closure throws.
///
/// # Example
/// ```rhai
/// let on = #{ namespace: "kube-system", type: "Warning", limit: 5, timeout: "30s" };
/// try {
///     cluster::follow_events(on, |event| log::warn(`${event.object}: ${event.reason} ${event.message}`));
/// } catch (e) {
///     if e.kind != "timeout" { throw e; }
/// }
/// ```
#[primitive(module = "cluster", effect = Wait, also = ["watch"])]
pub fn follow_events(call: &Call<'_>, options: FollowEventsOptions, closure: Closure) -> Result<i64> {
    let patience = Patience::of(call, options.timeout);
    let search = Search::of(call, "cluster::follow_events", &options.of)?;
    let shown = format!("what happens in {}", search.place());
    let mut watch = call.wait(search.watch())?;
    // What comes later is all told.
    let later = EventsOptions { limit: None, since: None, ..options.of.clone() };
    // What was told of each event last.
    let mut told: Option<HashMap<String, String>> = None;
    let mut count = 0;
    loop {
        let (next, rest) = patience.next(call, &shown, async move { Ok((watch.next().await?, watch)) })?;
        watch = rest;
        let found = match next {
            WatchEvent::Snapshot(found) => {
                let now: HashMap<String, String> = found.iter().map(version).collect();
                let is_new = |event: &&Json| {
                    let (uid, version) = version(event);
                    told.as_ref().is_none_or(|told| told.get(&uid) != Some(&version))
                };
                let new: Vec<&Json> = found.iter().filter(is_new).collect();
                let new = match &told {
                    None => rows(call, &options.of, new),
                    Some(_) => rows(call, &later, new),
                };
                told = Some(now);
                new
            }
            WatchEvent::Applied(event) => {
                told.get_or_insert_default().extend([version(&event)]);
                rows(call, &later, vec![&event])
            }
            WatchEvent::Deleted(event) => {
                told.get_or_insert_default().remove(&version(&event).0);
                continue;
            }
            _ => continue,
        };
        for event in found {
            patience.check(call, &shown)?;
            count += 1;
            if let Value::Bool(false) = call.run(&closure, vec![Value::from(event)])? {
                return Ok(count);
            }
        }
    }
}

/// Which event it is, and how far it has come.
fn version(event: &Json) -> (String, String) {
    let of = |pointer| text(event, pointer).unwrap_or_default().to_owned();
    (of("/metadata/uid"), of("/metadata/resourceVersion"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, on};

    fn event(bed: &Bed, ns: &str, name: &str, reason: &str, seconds_ago: i64) -> Json {
        let at = bed.target().clock().wall() - jiff::SignedDuration::from_secs(seconds_ago);
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": name }, "reason": reason, "message": "said",
            "type": "Warning", "count": 1, "involvedObject": { "kind": "Pod", "name": "web", "namespace": ns },
            "lastTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        })
    }

    #[on(shadow, live)]
    fn what_has_happened_comes_first_and_then_what_happens(bed: Bed) {
        let ns = bed.namespace();
        bed.create(&ns, event(&bed, &ns, "a", "First", 20));
        bed.create(&ns, event(&bed, &ns, "b", "Second", 10));
        // What happens, happens while it is followed: the closure itself lets the next thing happen.
        let follow = |options: &str, enough: &str| {
            bed.run(&format!(
                "cluster::follow_events(#{{ namespace: {ns:?}, {options} }}, |event| {{ log::info(event.reason); \
                 if event.reason == \"Second\" {{ cluster::apply(#{{ apiVersion: \"v1\", kind: \"Event\", reason: \"Third\", \
                 metadata: #{{ name: \"c\" }}, involvedObject: #{{ kind: \"Pod\", name: \"web\", namespace: {ns:?} }} }}, \
                 #{{ namespace: {ns:?} }}); }} event.reason != {enough:?} }})"
            ))
        };
        let followed = follow("timeout: \"20s\"", "Third");
        assert_eq!(followed.logs(), ["First", "Second", "Third"]);
        assert_eq!(followed.value(), json!(3));
        let error = follow("reason: \"Nothing\", timeout: \"2s\"", "x").error();
        assert_eq!(error["kind"], "timeout", "{error}");
        assert!(error["message"].as_str().unwrap().contains(&format!("in namespace {ns} of")), "{error}");
        // What has happened already does not outlast it.
        let slow = bed.run(&format!(
            "cluster::follow_events(#{{ namespace: {ns:?}, timeout: \"1s\" }}, \
             |event| {{ log::info(event.reason); sleep(2) }})"
        ));
        assert_eq!((&slow.error()["kind"], slow.logs()), (&json!("timeout"), vec!["First".to_owned()]));
        assert!(follow("all_namespaces: true", "x").error()["message"].as_str().unwrap().contains("not both"));
    }
}
