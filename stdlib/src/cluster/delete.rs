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
            match select(gone, clock.sleep_until(deadline)).await {
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
                    Err(error) if Failure::of(&error).is_some_and(Failure::is_unknown_outcome) => Acted::Unknown,
                    Err(error) => Acted::Failed(error),
                }])
            })
        }),
        probe: recipe,
        inverse,
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
    let conditions = live.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let told: Vec<String> = conditions
        .filter(|c| c["status"] == "True" && (id.kind == "Namespace" || c["type"] == "Terminating"))
        .filter_map(|c| c["message"].as_str().map(str::to_owned))
        .collect();
    let by = match finalizers.as_slice() {
        [] => "its pods or what it owns are still ending".to_owned(),
        some => format!("held by the finalizer {}", some.join(", ")),
    };
    let more = if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) };
    let hint = if finalizers.is_empty() {
        "give it more time with the option `timeout`".to_owned()
    } else {
        "whoever set the finalizer must take it away: is its controller running? It is deleted as soon as that is done"
            .to_owned()
    };
    Error::new(Kind::Timeout, format!("{id} was not gone within {}: {by}{more}", duration::display(timeout)))
        .hint(hint)
        .resource(id)
        .details(json!({ "finalizers": finalizers, "conditions": told }))
}
