//! `manifest::with_replicas`.

use std::collections::BTreeMap;

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Call, Error, Kind, Result, Value, primitive};

use super::manifests::{Manifests, Only, map_in, name_of};
use super::workload;

/// Sets the number of replicas of Deployments, StatefulSets, ReplicaSets and ReplicationControllers.
///
/// Given a number, all of them get it; given a map, those that it names. Everything else is left alone. To scale on the
/// cluster, without the manifest, there is `cluster::scale`.
///
/// # Errors
/// `usage` for a negative number. `not_found` if there is nothing of a name in the map that could be scaled.
///
/// # Example
/// ```rhai
/// let one_each = manifest::load("manifests").with_replicas(1);
/// let some = manifest::load("manifests").with_replicas(#{ web: 3, worker: 2 });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn with_replicas(_: &Call<'_>, manifests: Manifests, replicas: Replicas, options: Only) -> Result<Manifests> {
    if let Replicas::Named(by_name) = &replicas {
        let scalable = manifests.objects().iter().filter(|o| workload::is_scalable(o) && options.means(o));
        let names: Vec<&str> = scalable.filter_map(name_of).collect();
        if let Some(unknown) = by_name.keys().find(|name| !names.contains(&name.as_str())) {
            let hint = did_you_mean(unknown, names.iter().copied()).unwrap_or_else(|| match names.len() {
                0 => "none of the manifests has replicas".to_owned(),
                _ => format!("there are: {}", names.join(", ")),
            });
            let error = Error::new(Kind::NotFound, format!("none of the manifests named {unknown} has replicas"));
            return Err(error.hint(hint));
        }
    }
    manifests.each(&options, |object| {
        let wanted = match &replicas {
            Replicas::All(number) => Some(*number),
            Replicas::Named(by_name) => name_of(object).and_then(|name| by_name.get(name)).copied(),
        };
        if let (Some(number), true) = (wanted, workload::is_scalable(object)) {
            map_in(object, "spec")?.insert("replicas".to_owned(), Value::Int(number));
        }
        Ok(())
    })
}

/// One number for all, or one for each name.
#[derive(Debug)]
pub enum Replicas {
    /// For all.
    All(i64),
    /// By name.
    Named(BTreeMap<String, i64>),
}

impl FromValue for Replicas {
    fn expects() -> String {
        "a number from 0 up, or a map of names to numbers".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Map(_) => BTreeMap::<String, u32>::from_value(value)
                .map(|map| Self::Named(map.into_iter().map(|(name, number)| (name, number.into())).collect())),
            other => u32::from_value(other).map(|number| Self::All(number.into())),
        }
    }
}
