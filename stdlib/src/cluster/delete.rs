//! `cluster::delete`.

use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value as Json, json};
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::{Cluster, DeleteOptions, Deleted, Failure, Propagation, ResourceId, WatchEvent};
use windlass_runtime::{Call, Error, Kind, Options, Result, duration, primitive, words};

use super::edit::{self, text};
use super::{OnCluster, Target, objects};

words! {
    /// What happens to the objects that a deleted one owns.
    pub enum Owned {
        /// They are deleted afterwards.
        Background = "background",
        /// They are deleted first.
        Foreground = "foreground",
        /// They stay.
        Orphan = "orphan",
    }
}

/// The options of `cluster::delete`.
#[derive(Debug, Clone, Options)]
pub struct DeleteArguments {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// What happens to the objects that it owns, such as the pods of a Deployment: they are deleted afterwards
    /// (`"background"`), first (`"foreground"`), or stay (`"orphan"`).
    #[option(default = "\"background\"")]
    pub propagation: Owned,
    /// How many seconds its pods have to end; their own grace period if it is not given.
    pub grace_period: Option<u32>,
    /// Wait until it is gone.
    #[option(default = "true")]
    pub wait: bool,
    /// How long to wait.
    #[option(default = "\"5m\"")]
    pub timeout: Duration,
}

/// Deletes an object, and waits until it is gone.
///
/// What is not there, or is being deleted already, is left as it is. Only the very object that was found is deleted, not
/// another one that has taken its name since.
///
/// # Errors
/// `timeout` if it is not gone in time, with the finalizers that hold it, and for a namespace with what is still in it.
///
/// # Example
/// ```rhai
/// cluster::delete("ConfigMap/left-over", #{ namespace: "default" });
/// cluster::delete("Deployment/old", #{ namespace: "default", propagation: "foreground", timeout: "2m" });
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn delete(call: &Call<'_>, target: Target, options: DeleteArguments) -> Result<Outcome> {
    let (cluster, id) = options.on.find(call, &target)?;
    let mut going = None;
    let outcome = call.change_fresh(|| match edit::read(call, &cluster, &id)? {
        None => Ok(edit::unchanged(&id, None, "it is not there")),
        Some(live) => {
            going = Some(text(&live, "/metadata/uid"));
            match live.pointer("/metadata/deletionTimestamp") {
                Some(_) => Ok(edit::unchanged(&id, Some(live), "it is being deleted already")),
                None => Ok(deletion(&cluster, &id, live, &options)),
            }
        }
    })?;
    if let Some(uid) = going
        && options.wait
    {
        let (clock, timeout) = (call.clock(), options.timeout);
        call.progress(id.to_string(), "waiting until it is gone");
        call.wait(async move {
            let deadline = clock.now() + timeout;
            let gone = std::pin::pin!(gone(&cluster, &id, &uid));
            match select(gone, clock.give_up_at(deadline)).await {
                Either::Left((gone, _)) => gone,
                Either::Right(_) => Err(held(&cluster, &id, timeout).await),
            }
        })?;
    }
    edit::shown(call, outcome)
}

fn deletion(cluster: &Cluster, id: &ResourceId, live: Json, options: &DeleteArguments) -> Change {
    let request = DeleteOptions {
        uid: Some(text(&live, "/metadata/uid")),
        resource_version: None,
        propagation: match options.propagation {
            Owned::Background => Propagation::Background,
            Owned::Foreground => Propagation::Foreground,
            Owned::Orphan => Propagation::Orphan,
        },
        grace_period_seconds: options.grace_period,
        dry_run: false,
    };
    let recipe = objects::recipe(&[objects::Intent::removing(edit::resource(id))]);
    let inverse = match objects::lost_with(id) {
        Some(reason) => Inverse::Cannot(reason),
        None => Inverse::By(recipe.clone()),
    };
    let part = Part {
        resource: edit::resource(id),
        before: Some(live),
        plan: Plan::Act { op: Op::Delete, diff: vec!["deleted".to_owned()], note: None },
    };
    let (cluster, id) = (cluster.clone(), id.clone());
    Change {
        parts: vec![part],
        act: Box::new(move || {
            Box::pin(async move {
                Ok(vec![match cluster.delete(&id, &request).await {
                    Ok(Deleted::Gone | Deleted::Absent) => Acted::Done(None),
                    Ok(Deleted::Going(object)) => Acted::Done(Some(object)),
                    Err(error) if Failure::of(&error).is_some_and(Failure::is_unknown_outcome) => {
                        after_silence(&cluster, &id, &request, error).await
                    }
                    Err(error) => Acted::Failed(error),
                }])
            })
        }),
        probe: recipe,
        inverse,
    }
}

/// What became of a deletion whose answer was lost: it is looked up.
async fn after_silence(cluster: &Cluster, id: &ResourceId, request: &DeleteOptions, error: Error) -> Acted {
    match cluster.get(id).await {
        Ok(None) => Acted::Done(None),
        Ok(Some(live)) if Some(text(&live, "/metadata/uid")) != request.uid => Acted::Done(None),
        Ok(Some(live)) if live.pointer("/metadata/deletionTimestamp").is_some() => Acted::Done(Some(live)),
        _ => Acted::Failed(error),
    }
}

/// Ends when the object of this uid is gone.
async fn gone(cluster: &Cluster, id: &ResourceId, uid: &str) -> Result<()> {
    let mut watch = cluster.watch_object(id);
    let is_it = |object: &Json| text(object, "/metadata/uid") == uid;
    loop {
        match watch.next().await? {
            WatchEvent::Snapshot(objects) if !objects.iter().any(is_it) => return Ok(()),
            WatchEvent::Deleted(object) if is_it(&object) => return Ok(()),
            WatchEvent::Applied(object) if !is_it(&object) => return Ok(()),
            _ => {}
        }
    }
}

/// The error for an object that is not gone in time: what holds it.
async fn held(cluster: &Cluster, id: &ResourceId, timeout: Duration) -> Error {
    let live = match cluster.get(id).await {
        Ok(live) => live.unwrap_or_default(),
        Err(error) => return error.context(format!("{id} was not gone within {}", duration::display(timeout))),
    };
    let list = |pointer: &str| -> Vec<String> {
        let texts = live.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        texts.filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let mut finalizers = list("/metadata/finalizers");
    finalizers.extend(list("/spec/finalizers").into_iter().filter(|_| id.kind == "Namespace"));
    let by = match finalizers.as_slice() {
        [] => "its pods or what it owns are still ending".to_owned(),
        some => format!("held by the finalizer {}", some.join(", ")),
    };
    // Where that cannot be looked up, the rest of the message still helps.
    let inside = objects::contents::held_in(cluster, id, &live).await.unwrap_or_default();
    let mut more = inside.clone();
    more.truncate(5);
    let more = if more.is_empty() { String::new() } else { format!("; in it: {}", more.join(", ")) };
    let hint = match (finalizers.as_slice(), inside.as_slice()) {
        ([], _) => "give it more time with the option `timeout`".to_owned(),
        (_, []) if id.kind == "Namespace" => {
            "what is in it is still being deleted: give it more time with the option `timeout`".to_owned()
        }
        _ => "whoever set the finalizer must take it away: does its controller still run?".to_owned(),
    };
    Error::new(Kind::Timeout, format!("{id} was not gone within {}: {by}{more}", duration::display(timeout)))
        .hint(hint)
        .resource(id)
        .details(json!({ "finalizers": finalizers, "inside": inside }))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;
    use windlass_runtime::undo::Undoing;

    use crate::testing::live;

    #[test]
    fn an_object_goes_once_and_comes_back_with_its_owners() {
        let Some(live) = live() else { return };
        let namespace = live.namespace();
        live.testbed.kubectl_ok(&["create", "cm", "c", "-n", &namespace, "--from-literal=a=1"], "").unwrap();
        live.testbed
            .kubectl_ok(&["label", "cm", "c", "-n", &namespace, "--field-manager=labeller", "app=web"], "")
            .unwrap();
        let what = ["cm", "c", "-n", &namespace];
        let before = live.comparable(&what);
        let script = format!("cluster::delete(\"cm/c\", #{{ namespace: \"{namespace}\" }})");
        let first = live.run(&script);
        assert_eq!(first.value()["changed"], true);
        assert!(live.testbed.kubectl_ok(&["get", "cm", "c", "-n", &namespace], "").is_err());
        let mark = live.testbed.audit_mark().unwrap();
        let second = live.run(&script).value();
        assert_eq!((&second["changed"], &second["reason"]), (&json!(false), &json!("it is not there")));
        assert!(live.writes_since(mark, &namespace).is_empty());
        assert!(live.undo(&first).unwrap()[0].changed());
        let mut back = live.comparable(&what);
        for name in ["uid", "creationTimestamp"] {
            back["metadata"][name] = before["metadata"][name].clone();
        }
        assert_eq!(back, before, "{back:#}\nis not\n{before:#}");
        assert!(matches!(live.undo(&first), Err(e) if e.message().contains("was made anew")), "not over another one");
    }

    #[test]
    fn workloads_come_back_too() {
        let Some(live) = live() else { return };
        let namespace = live.namespace();
        for (kind, name, arguments) in [
            ("deploy", "d", vec!["create", "deployment", "d", "--image=nginx", "--replicas=2"]),
            ("job", "j", vec!["create", "job", "j", "--image=nginx"]),
            ("svc", "s", vec!["create", "service", "clusterip", "s", "--tcp=80"]),
        ] {
            live.testbed.kubectl_ok(&[arguments, vec!["-n", &namespace]].concat(), "").unwrap();
            let before = live.comparable(&[kind, name, "-n", &namespace]);
            let ran = live.run(&format!("cluster::delete(\"{kind}/{name}\", #{{ namespace: \"{namespace}\" }})"));
            assert_eq!(ran.value()["changed"], true);
            let undone = live.undo(&ran).unwrap();
            assert!(undone[0].changed(), "{undone:#?}");
            let back = live.comparable(&[kind, name, "-n", &namespace]);
            if kind != "job" {
                assert_eq!(back["spec"], before["spec"]);
                assert_eq!(back["metadata"]["managedFields"], before["metadata"]["managedFields"]);
            }
        }
    }

    #[test]
    fn what_holds_an_object_is_named_in_time() {
        let Some(live) = live() else { return };
        let namespace = live.namespace();
        let held =
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held","finalizers":["test.example/held"]}}"#;
        live.testbed.kubectl_ok(&["create", "-n", &namespace, "-f", "-"], held).unwrap();
        let begun = Instant::now();
        let script = format!("cluster::delete(\"cm/held\", #{{ namespace: \"{namespace}\", timeout: \"2s\" }})");
        let error = live.run(&script).error();
        assert_eq!(error["kind"], "timeout");
        assert!(error["message"].as_str().unwrap().contains("held by the finalizer test.example/held"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(6));
        let again = live.run(&script.replace("timeout: \"2s\"", "wait: false")).value();
        assert_eq!(again["reason"], "it is being deleted already");
        let patch =
            ["patch", "cm", "held", "-n", &namespace, "--type=merge", "-p", "{\"metadata\":{\"finalizers\":null}}"];
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| live.run(&script.replace("2s", "60s")).value());
            live.testbed.kubectl_ok(&patch, "").unwrap();
            assert_eq!(waiting.join().unwrap()["changed"], false);
        });
        assert_eq!(
            live.run(&format!("cluster::exists(\"cm/held\", #{{ namespace: \"{namespace}\" }})")).value(),
            false
        );
    }

    #[test]
    fn what_cannot_come_back_is_said_beforehand() {
        let Some(live) = live() else { return };
        let namespace = live.namespace();
        let ran = live.run(&format!("cluster::delete(\"ns/{namespace}\", #{{ wait: false }})"));
        assert_eq!(ran.value()["changed"], true);
        use windlass_runtime::journal::Journal;
        let entries = ran.journal.entries().unwrap();
        assert_eq!(windlass_runtime::undo::impossible(&entries).len(), 1);
        let undone = live.undo(&ran).unwrap();
        assert!(matches!(&undone[0].result, Undoing::Cannot(why) if why.contains("went with it")), "{undone:?}");
    }

    #[test]
    fn without_the_right_nothing_happens() {
        let Some(live) = live() else { return };
        let namespace = live.namespace();
        live.testbed.kubectl_ok(&["create", "cm", "c", "-n", &namespace], "").unwrap();
        let script = format!("cluster::delete(\"cm/c\", #{{ namespace: \"{namespace}\" }})");
        let error = live.run_as("viewer", &script).error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["message"].as_str().unwrap().contains("may not delete ConfigMap/c"), "{error}");
        let error = live.run(&script.replace("namespace: ", "propagation: \"all\", namespace: ")).error();
        assert!(
            error["message"].as_str().unwrap().contains("one of \"background\", \"foreground\", \"orphan\""),
            "{error}"
        );
    }
}
