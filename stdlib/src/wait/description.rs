//! What `wait::all` and `wait::any` wait for, as maps.

use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::options::{FromValue, Mismatch, Options as _};
use windlass_runtime::{Call, Error, Options, Result, Value};

use super::aim::{Aim, Wanted};
use super::lookup::{Whereabouts, look_up};
use super::terms::PATIENCE;
use super::vigil::{Goal, Times};
use crate::cluster::{OnCluster, Target};
use crate::path::Path;

/// What a description may say. One of the first six says what is waited for.
#[derive(Debug, Clone, Options)]
struct Said {
    /// The object that must be ready, as for `wait::ready`.
    ready: Option<Target>,
    /// The object whose revision must be rolled out, as for `wait::rollout`.
    rollout: Option<Target>,
    /// The object that must have the condition `type`, as for `wait::condition`.
    condition: Option<Target>,
    /// The object whose field at `path` must be `value`, as for `wait::field`.
    field: Option<Target>,
    /// The object that must exist, as for `wait::exists`.
    exists: Option<Target>,
    /// The object that must be gone, as for `wait::deleted`.
    deleted: Option<Target>,
    /// The condition's type, or type and status: `"Ready=False"`.
    r#type: Option<Wanted>,
    /// The condition's status.
    status: Option<String>,
    /// The field's path.
    path: Option<Path>,
    /// The field's value.
    value: Option<Json>,
    /// The cluster and the namespace of the object.
    #[option(flatten)]
    on: OnCluster,
    /// How long to wait for it.
    timeout: Option<Duration>,
    /// How long it must stay so.
    stable_for: Option<Duration>,
    /// How long blocked pods are given without progress.
    patience: Option<Duration>,
}

/// One of several things to wait for.
#[derive(Debug, Clone)]
pub struct Description {
    target: Target,
    aim: Aim,
    on: OnCluster,
    timeout: Option<Duration>,
    stable_for: Option<Duration>,
    patience: Option<Duration>,
}

/// The options of `wait::all` and `wait::any`.
#[derive(Debug, Clone, Options)]
pub struct Together {
    /// The cluster and the namespace of descriptions that name none.
    #[option(flatten)]
    pub on: OnCluster,
    /// How long to wait for descriptions that have no `timeout` of their own.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
}

impl Description {
    /// The goal that it describes.
    ///
    /// # Errors
    /// Where the cluster cannot be reached or does not know the kind.
    pub(crate) fn goal(&self, call: &Call<'_>, together: &Together) -> Result<(Cluster, Goal)> {
        let begun = call.clock().now();
        let times = Times {
            timeout: self.timeout.unwrap_or(together.timeout),
            stable_for: self.stable_for.unwrap_or_default(),
            patience: self.patience.unwrap_or(PATIENCE),
        };
        let at = Whereabouts {
            cluster: self.on.cluster.as_deref().or(together.on.cluster.as_deref()),
            namespace: self.on.namespace.as_deref(),
            shared: together.on.namespace.as_deref(),
        };
        let (cluster, id) = look_up(call, &at, &self.target, times.timeout)?;
        let goal = Goal { id, aim: self.aim.clone(), begun, times };
        if matches!(goal.aim, Aim::Rollout) {
            super::rollout::check_kind(&goal)?;
        }
        Ok((cluster, goal))
    }

    fn read(value: Value) -> Result<Self> {
        // A value of () is a value: the field must not be there.
        let has_value = matches!(&value, Value::Map(map) if map.contains_key("value"));
        let said = Said::read("a description", value)?;
        let Said { ready, rollout, condition, field, exists, deleted, r#type, status, path, value, .. } = said;
        let mut verbs: Vec<(&str, Target)> = [
            ("ready", ready),
            ("rollout", rollout),
            ("condition", condition),
            ("field", field),
            ("exists", exists),
            ("deleted", deleted),
        ]
        .into_iter()
        .filter_map(|(verb, target)| Some((verb, target?)))
        .collect();
        if let [(first, _), (second, _), ..] = verbs.as_slice() {
            return Err(Error::usage(format!("it says both `{first}` and `{second}`"))
                .hint("make two descriptions of it: one map for each thing to wait for"));
        }
        let Some((verb, target)) = verbs.pop() else {
            return Err(Error::usage("it does not say what to wait for")
                .hint("give it one of ready, rollout, condition, field, exists, deleted, with an object's name"));
        };
        let misplaced = [
            ("type", r#type.is_some() && verb != "condition"),
            ("status", status.is_some() && verb != "condition"),
            ("path", path.is_some() && verb != "field"),
            ("value", has_value && verb != "field"),
            ("stable_for", said.stable_for.is_some() && matches!(verb, "exists" | "deleted")),
            ("patience", said.patience.is_some() && matches!(verb, "exists" | "deleted")),
        ];
        if let Some((key, _)) = misplaced.iter().find(|(_, misplaced)| *misplaced) {
            return Err(Error::usage(format!("`{key}` does not go with `{verb}`")));
        }
        let missing = |key: &str, example: &str| {
            Error::usage(format!("`{verb}` needs `{key}`")).hint(format!("add `{key}: {example}`"))
        };
        let aim = match verb {
            "ready" => Aim::Ready,
            "rollout" => Aim::Rollout,
            "exists" => Aim::Exists,
            "deleted" => Aim::Deleted,
            "condition" => {
                let wanted = r#type.ok_or_else(|| missing("type", "\"Available\""))?;
                Aim::Condition(match status {
                    Some(status) => wanted.with_status(&status)?,
                    None => wanted,
                })
            }
            _ => {
                let path = path.ok_or_else(|| missing("path", "\"status.phase\""))?;
                if !has_value {
                    return Err(missing("value", "…, or () if the field must not be there"));
                }
                Aim::Field { path, value: value.unwrap_or_default() }
            }
        };
        let Said { on, timeout, stable_for, patience, .. } = said;
        Ok(Self { target, aim, on, timeout, stable_for, patience })
    }
}

impl FromValue for Description {
    fn expects() -> String {
        "a map such as #{ ready: \"Deployment/web\", namespace: \"shop\", timeout: \"5m\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Map(_) => Description::read(value).map_err(Mismatch::Refused),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}
