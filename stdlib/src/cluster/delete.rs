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
#[primitive(module = "cluster", effect = Change, also = ["remove"])]
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
    use std::time::Duration;

    use serde_json::json;
    use windlass_runtime::cluster::Patch;
    use windlass_runtime::undo::Undoing;

    use crate::testing::{Bed, Scripting as _, bare, config_map, deployment, merged, on};

    #[on(shadow, live)]
    fn an_object_goes_once_and_comes_back_with_its_owners(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, config_map("c", &json!({"a": "1"})));
        let label = Patch::Merge(json!({"metadata": {"labels": {"app": "web"}}}));
        bed.patch_as("labeller", "cm/c", &namespace, label);
        let before = bed.comparable("cm/c", &namespace);
        let script = format!("cluster::delete(\"cm/c\", #{{ namespace: \"{namespace}\" }})");
        let first = bed.run(&script);
        assert_eq!(first.value()["changed"], true);
        assert_eq!(bed.find("cm/c", &namespace), None);
        let mark = bed.mark();
        let second = bed.run(&script).value();
        assert_eq!((&second["changed"], &second["reason"]), (&json!(false), &json!("it is not there")));
        assert!(bed.writes_since(mark, &namespace).is_empty());
        assert!(bed.undo(&first).unwrap()[0].changed());
        let mut back = bed.comparable("cm/c", &namespace);
        for name in ["uid", "creationTimestamp"] {
            back["metadata"][name] = before["metadata"][name].clone();
        }
        assert_eq!(back, before, "{back:#}\nis not\n{before:#}");
        assert!(matches!(bed.undo(&first), Err(e) if e.message().contains("was made anew")), "not over another one");
    }

    #[on(shadow, live)]
    fn workloads_come_back_too(bed: Bed) {
        let namespace = bed.namespace();
        let pod = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "nginx"}]});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": pod}}});
        let service =
            merged(bare("Service", "s"), &json!({"spec": {"selector": {"app": "s"}, "ports": [{"port": 80}]}}));
        for (what, object) in [("deploy/d", deployment("d", 2)), ("job/j", job), ("svc/s", service)] {
            bed.create(&namespace, object);
            let before = bed.comparable(what, &namespace);
            let ran = bed.run(&format!("cluster::delete(\"{what}\", #{{ namespace: \"{namespace}\" }})"));
            assert_eq!(ran.value()["changed"], true);
            let undone = bed.undo(&ran).unwrap();
            assert!(undone[0].changed(), "{undone:#?}");
            let back = bed.comparable(what, &namespace);
            if what != "job/j" {
                assert_eq!(back["spec"], before["spec"]);
                assert_eq!(back["metadata"]["managedFields"], before["metadata"]["managedFields"]);
            }
        }
    }

    #[on(shadow, live)]
    fn what_holds_an_object_is_named_in_time(bed: Bed) {
        let namespace = bed.namespace();
        let held = merged(bare("ConfigMap", "held"), &json!({"metadata": {"finalizers": ["test.example/held"]}}));
        bed.create(&namespace, held);
        let begun = bed.now();
        let script = format!("cluster::delete(\"cm/held\", #{{ namespace: \"{namespace}\", timeout: \"2s\" }})");
        let error = bed.run(&script).error();
        assert_eq!(error["kind"], "timeout");
        assert!(error["message"].as_str().unwrap().contains("held by the finalizer test.example/held"), "{error}");
        assert!(bed.now() - begun < Duration::from_secs(6));
        let again = bed.run(&script.replace("timeout: \"2s\"", "wait: false")).value();
        assert_eq!(again["reason"], "it is being deleted already");
        let of = namespace.clone();
        let later = bed.meanwhile(|other| async move {
            other.sleep(Duration::from_millis(500)).await;
            other.patch("cm/held", &of, json!({"metadata": {"finalizers": null}})).await;
        });
        assert_eq!(bed.run(&script.replace("2s", "60s")).value()["changed"], false);
        later.done();
        assert_eq!(bed.run(&format!("cluster::exists(\"cm/held\", #{{ namespace: \"{namespace}\" }})")).value(), false);
    }

    #[on(shadow, live)]
    fn what_cannot_come_back_is_said_beforehand(bed: Bed) {
        let namespace = bed.namespace();
        let ran = bed.run(&format!("cluster::delete(\"ns/{namespace}\", #{{ wait: false }})"));
        assert_eq!(ran.value()["changed"], true);
        use windlass_runtime::journal::Journal;
        let entries = ran.journal.entries().unwrap();
        let session = crate::testing::runtime().session(bed.target()).open();
        let plan = windlass_runtime::undo::plan(&session, &entries, &Default::default(), session.cancel()).unwrap();
        assert!(matches!(plan[0].way, windlass_runtime::undo::Way::Cannot(_)), "{plan:?}");
        let undone = bed.undo(&ran).unwrap();
        assert!(matches!(&undone[0].result, Undoing::Cannot(why) if why.contains("went with it")), "{undone:?}");
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn without_the_right_nothing_happens(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        let script = format!("cluster::delete(\"cm/c\", #{{ namespace: \"{namespace}\" }})");
        let error = bed.run_as("viewer", &script).error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["message"].as_str().unwrap().contains("may not delete ConfigMap/c"), "{error}");
        assert!(bed.find("cm/c", &namespace).is_some());
    }

    #[on(shadow, live)]
    fn an_unknown_propagation_is_refused(bed: Bed) {
        let script = "cluster::delete(\"cm/c\", #{ namespace: \"default\" })";
        let error = bed.run(&script.replace("namespace: ", "propagation: \"all\", namespace: ")).error();
        assert!(
            error["message"].as_str().unwrap().contains("one of \"background\", \"foreground\", \"orphan\""),
            "{error}"
        );
    }
}
