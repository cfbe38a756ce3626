//! `wait::count`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{Cluster, Collection, Selector, WatchEvent};
use windlass_runtime::{Call, Clock, Error, Kind, Options, Result, duration, primitive, words};

use super::readiness::{self, Related};
use crate::cluster::{Labels, secret_data};
use crate::fields::{name, text};

words! {
    /// How many there are to be.
    pub enum Compare {
        /// As many.
        Exactly = "exactly",
        /// As many or more.
        AtLeast = "at_least",
        /// As many or fewer.
        AtMost = "at_most",
    }
}

/// The options of `wait::count`.
#[derive(Debug, Clone, Options)]
pub struct CountOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace; the context's own if it is not given. Cluster-wide kinds take none.
    pub namespace: Option<String>,
    /// The objects of all namespaces.
    #[option(default = "false")]
    pub all_namespaces: bool,
    /// Only objects with these labels: a selector as kubectl takes it (`"app=web,tier!=test"`), or a map.
    pub labels: Option<Labels>,
    /// Only objects with these fields: `"status.phase=Running"`, or a map.
    pub fields: Option<Labels>,
    /// Only objects that are ready, as `wait::ready` means it of pods, nodes and other objects that say so by themselves.
    #[option(default = "false")]
    pub ready: bool,
    /// Whether there are to be exactly as many, at least, or at most.
    #[option(default = "\"exactly\"")]
    pub compare: Compare,
    /// How long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long it must stay so before the wait ends; without it, the first moment is enough.
    pub stable_for: Option<Duration>,
}

/// Waits until there are so many objects of a kind, and returns them, by namespace and name.
///
/// They are watched, not asked for again and again.
///
/// # Errors
/// `timeout` when the time is over, with how many there are; `not_found` for an unknown kind; `rejected` for a selector that
/// the API server does not understand.
///
/// # Example
/// ```rhai
/// wait::count("Node", 3, #{ ready: true, compare: "at_least", timeout: "15m" });
/// wait::count("Pod", 0, #{ labels: "app=old-release" });
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn count(call: &Call<'_>, kind: String, number: u32, options: CountOptions) -> Result<Vec<Json>> {
    if options.all_namespaces && options.namespace.is_some() {
        return Err(Error::usage("wait::count takes `namespace` or `all_namespaces`, not both"));
    }
    let cluster = call.cluster(options.cluster.as_deref())?;
    let (asked, namespace, everywhere) = (cluster.clone(), options.namespace.clone(), options.all_namespaces);
    let of = call.wait(async move { asked.collection(&kind, namespace.as_deref(), everywhere).await })?;
    let (clock, tell) = (call.clock(), call.teller());
    let wanted = usize::try_from(number).unwrap_or(usize::MAX);
    let mut found = call.wait(async move { counted(&cluster, &of, wanted, &options, &clock, &*tell).await })?;
    for object in &mut found {
        secret_data::hide(call, object)?;
    }
    Ok(found)
}

async fn counted(
    cluster: &Cluster,
    of: &Collection,
    wanted: usize,
    options: &CountOptions,
    clock: &Arc<dyn Clock>,
    tell: &(dyn Fn(&str, &str) + Send + Sync),
) -> Result<Vec<Json>> {
    let deadline = clock.now() + options.timeout;
    let selector = Selector {
        labels: options.labels.clone().map(Labels::into_selector),
        fields: options.fields.clone().map(Labels::into_selector),
    };
    let mut watch = cluster.watch(of, selector);
    let mut all: BTreeMap<(String, String), Json> = BTreeMap::new();
    let mut known = false;
    let mut since = None;
    let mut status = "they have not been counted yet".to_owned();
    loop {
        if known {
            let here: Vec<&Json> = all.values().filter(|object| !options.ready || is_ready(object)).collect();
            let so = match options.compare {
                Compare::Exactly => here.len() == wanted,
                Compare::AtLeast => here.len() >= wanted,
                Compare::AtMost => here.len() <= wanted,
            };
            let stable = options.stable_for.unwrap_or_default();
            if !so {
                since = None;
            } else if clock.now().since(*since.get_or_insert(clock.now())) >= stable {
                return Ok(here.into_iter().cloned().collect());
            }
            let now = in_words(here.len(), all.len(), options);
            if now != status {
                tell(&of.to_string(), &format!("{now}, {} wanted", wish(wanted, options)));
                status = now;
            }
        }
        let stable = since.map(|since| since + options.stable_for.unwrap_or_default());
        let stable = stable.map_or_else(
            || -> windlass_runtime::BoxFuture<()> { Box::pin(futures::future::pending()) },
            |at| clock.sleep_until(at),
        );
        let over = std::pin::pin!(select(clock.give_up_at(deadline), clock.nothing_left()));
        let event = match select(std::pin::pin!(watch.next()), select(stable, over)).await {
            Either::Left((event, _)) => event?,
            Either::Right((Either::Left(_), _)) => continue,
            Either::Right((Either::Right(_), _)) => return Err(over_time(of, wanted, &status, &all, options)),
        };
        let key = |object: &Json| {
            (text(object, "/metadata/namespace").unwrap_or_default().to_owned(), name(object).to_owned())
        };
        match event {
            WatchEvent::Snapshot(objects) => {
                all = objects.into_iter().map(|object| (key(&object), object)).collect();
                known = true;
            }
            WatchEvent::Applied(object) => drop(all.insert(key(&object), object)),
            WatchEvent::Deleted(object) => drop(all.remove(&key(&object))),
            WatchEvent::Disconnected(why) => {
                // What is not seen is not counted.
                (known, since) = (false, None);
                status = format!("the API server does not answer: {why}");
                tell(&of.to_string(), &status);
            }
            _ => known = true,
        }
    }
}

fn is_ready(object: &Json) -> bool {
    matches!(readiness::of(object, &Related::default()), readiness::Readiness::Ready(_))
}

fn in_words(here: usize, all: usize, options: &CountOptions) -> String {
    let verb = if here == 1 { "is" } else { "are" };
    match options.ready {
        true => format!("{here} of {all} {verb} ready"),
        false => format!("there {verb} {here}"),
    }
}

fn wish(wanted: usize, options: &CountOptions) -> String {
    match options.compare {
        Compare::Exactly => wanted.to_string(),
        Compare::AtLeast => format!("at least {wanted}"),
        Compare::AtMost => format!("at most {wanted}"),
    }
}

fn over_time(
    of: &Collection,
    wanted: usize,
    status: &str,
    all: &BTreeMap<(String, String), Json>,
    options: &CountOptions,
) -> Error {
    let names: Vec<&str> = all.keys().map(|(_, name)| name.as_str()).take(20).collect();
    let message =
        format!("{of}: not {} within {}: {status}", wish(wanted, options), duration::display(options.timeout));
    Error::new(Kind::Timeout, message)
        .hint("is it only slow? Then give it more time with `timeout`")
        .resource(of)
        .details(json!({ "object": of.to_string(), "status": status, "objects": names }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, deployment, on, secret};

    #[on(shadow, live)]
    fn objects_are_counted_as_they_come_and_go(bed: Bed) {
        let namespace = bed.namespace();
        let count = |kind: &str, number: u32, options: &str| {
            bed.run(&format!("wait::count(\"{kind}\", {number}, #{{ namespace: \"{namespace}\", timeout: \"60s\" {options} }}).map(|o| o.metadata.name)"))
        };
        assert_eq!(count("Deployment", 0, "").value(), json!([]));
        let of = namespace.clone();
        let later = bed.meanwhile(|other| async move {
            for name in ["b", "a"] {
                other.sleep(Duration::from_millis(300)).await;
                other.create(&of, deployment(name, 1)).await;
            }
        });
        assert_eq!(count("deploy", 2, "").value(), json!(["a", "b"]));
        later.done();
        assert_eq!(count("Pod", 2, ", ready: true, stable_for: \"1s\"").value().as_array().unwrap().len(), 2);
        assert_eq!(count("deploy", 1, ", compare: \"at_least\"").value().as_array().unwrap().len(), 2);
        assert_eq!(count("deploy", 1, ", labels: \"app=a\"").value(), json!(["a"]));
        assert_eq!(count("deploy", 5, ", compare: \"at_most\"").value().as_array().unwrap().len(), 2);
    }

    #[on(shadow, live)]
    fn its_time_ends_it_with_how_many_there_are(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "one"));
        let error = bed.run(&format!("wait::count(\"ConfigMap\", 7, #{{ namespace: \"{namespace}\", timeout: \"1s\", fields: \"metadata.name=one\" }})")).error();
        assert_eq!(error["kind"], "timeout");
        let message = error["message"].as_str().unwrap();
        assert_eq!(message, format!("configmaps in {namespace}: not 7 within 1s: there is 1"));
        assert_eq!(error["details"]["objects"], json!(["one"]));
    }

    #[on(shadow, live)]
    fn mistakes_are_told_at_once(bed: Bed) {
        for (call, kind, said) in [
            ("\"Podd\", 1", "not_found", "knows no kind Podd"),
            ("\"Pod\", -1", "usage", "whole number from 0 up"),
            ("\"Pod\", 1, #{ compare: \"more\" }", "usage", "one of \"exactly\""),
            ("\"Pod\", 1, #{ labels: \"a b\" }", "rejected", "unable to parse"),
            ("\"Pod\", 1, #{ namespace: \"x\", all_namespaces: true }", "usage", "not both"),
        ] {
            let error = bed.run(&format!("wait::count({call})")).error();
            assert_eq!(error["kind"], kind, "{call}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{call}: {error}");
        }
    }

    #[on(shadow, live)]
    fn the_values_of_secrets_are_stand_ins(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("s", &json!({"p": "hunter2-count"})));
        let ran = bed.run(&format!("wait::count(\"Secret\", 1, #{{ namespace: \"{namespace}\" }})"));
        assert_eq!(ran.value().as_array().unwrap().len(), 1);
        assert!(!ran.everything().contains("hunter2-count") && !ran.everything().contains("aHVudGVyMi1jb3VudA"));
    }
}
