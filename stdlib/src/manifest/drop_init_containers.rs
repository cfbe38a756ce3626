//! `manifest::drop_init_containers`.

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Result, Value, primitive};

use super::manifests::{Manifests, Only, put_list, take_list, text};
use super::workload;

/// Removes init containers from the pods of every kind of workload.
///
/// They are meant by name; a star at the end takes all that begin so: `"wait-for*"`. Where there is none, nothing changes.
/// What they waited for is then waited for by the playbook: `wait::ready`.
///
/// # Errors
/// `usage` for a star elsewhere than at the end, or for `"*"` alone (that is `remove("spec.template.spec.initContainers")`).
/// `malformed` for a workload that does not describe its pods.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests").drop_init_containers("wait-for");
/// let others = manifest::load("manifests").drop_init_containers(["wait-for*", "init-db"], #{ kind: "Deployment" });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn drop_init_containers(_: &Call<'_>, manifests: Manifests, names: Names, options: Only) -> Result<Manifests> {
    manifests.each(&options, |object| {
        let Some(spec) = workload::pod_spec(object)? else { return Ok(()) };
        let Some(Value::List(containers)) = spec.get("initContainers") else { return Ok(()) };
        if containers.iter().any(|c| names.mean(c)) {
            let mut containers = take_list(spec, "initContainers")?;
            containers.retain(|c| !names.mean(c));
            put_list(spec, "initContainers", containers);
        }
        Ok(())
    })
}

/// Names of containers.
#[derive(Debug)]
pub struct Names(Vec<String>);

impl Names {
    fn mean(&self, container: &Value) -> bool {
        let Value::Map(container) = container else { return false };
        let Some(own) = text(container.get("name")) else { return false };
        self.0.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => own.starts_with(beginning),
            None => own == name,
        })
    }
}

impl FromValue for Names {
    fn expects() -> String {
        "a container's name, one with a star at its end, or a list of them".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let names = match value {
            Value::List(_) => Vec::<String>::from_value(value)?,
            other => vec![String::from_value(other)?],
        };
        match names.iter().find(|n| {
            n.is_empty()
                || *n == "*"
                || n.trim_end_matches('*').len() + 1 < n.len()
                || n.trim_end_matches('*').contains('*')
        }) {
            Some(bad) => Err(Mismatch::Refused(
                Error::usage(format!("{bad:?} does not name a container"))
                    .hint("a star may stand at the end: \"wait-for*\""),
            )),
            None => Ok(Self(names)),
        }
    }
}
