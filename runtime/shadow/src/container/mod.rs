//! What runs in the pods of a simulated cluster: nothing but what is said of it.
//!
//! What a real container would have written, or would answer to a command, cannot be known. It is said by annotations of
//! its pod, so that a test, a rehearsal's manifests and `kubectl annotate` all say it in one way:
//!
//! - [`LOGS`]: the lines of its log; without it the log is empty, but for a line that says how a container has ended.
//! - [`EXEC`]: what it answers to commands. Each container has files of its own besides: those that were put there, by
//!   `tar` as `kubectl cp` does it, `mkdir` or `touch`. On them `tar`, `cat`, `test`, `sha256sum` and `rm` work as they do
//!   everywhere.
//!
//! Any other command is refused, because its answer cannot be known: 501, with a cause whose reason is [`UNKNOWABLE`].

mod command;
mod files;
mod logs;
mod session;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Json;
use crate::error::ApiError;
use crate::object::{name, text, uid};
use crate::store::Key;
use crate::world::World;

pub(crate) use command::task;
use files::Files;
pub(crate) use logs::{Wanted, follow, log};
pub(crate) use session::{Session, Streams, What};

/// The annotation of a pod that says what its containers answer to commands: a YAML list, of which the first entry counts
/// whose `command` fits.
///
/// ```yaml
/// shadow.windlass.dev/exec: |
///   - command: [psql, -c, "select 1"]   # word by word
///     stdout: "1"
///   - command: redis-cli *              # all words in a row; * stands for anything
///     container: cache
///     stderr: "Could not connect"
///     code: 1
/// ```
///
/// `stdout_base64` is for what is no text; `takes` is how many seconds it takes.
pub const EXEC: &str = "shadow.windlass.dev/exec";

/// The reason of the cause in a refusal of a command whose answer cannot be known.
pub const UNKNOWABLE: &str = "SimulatedContainer";

/// The annotation of a pod that has the lines of its containers' logs. `shadow.windlass.dev/logs.NAME` has those of the
/// container NAME alone. Lines that are added to it are what a container writes while its log is followed.
pub const LOGS: &str = "shadow.windlass.dev/logs";

/// The container that a request means, in the words of the real API server where that is not clear.
///
/// # Errors
/// 400.
pub(crate) fn chosen(pod: &Json, wanted: &str) -> Result<String, ApiError> {
    let names = |list: &str| -> Vec<String> {
        let list = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array).into_iter().flatten();
        list.map(|container| text(container, "/name").unwrap_or_default().to_owned()).collect()
    };
    let containers = names("containers");
    let all = [names("initContainers"), containers.clone(), names("ephemeralContainers")].concat();
    match (wanted, containers.as_slice()) {
        ("", [only]) => Ok(only.clone()),
        ("", _) => Err(ApiError::bad_request(format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            name(pod),
            all.join(" ")
        ))),
        (given, _) if all.iter().any(|known| known == given) => Ok(given.to_owned()),
        (given, _) => Err(ApiError::bad_request(format!("container {given} is not valid for pod {}", name(pod)))),
    }
}

/// The status of a container.
pub(crate) fn status<'a>(pod: &'a Json, container: &str) -> Option<&'a Json> {
    ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
        .iter()
        .filter_map(|list| pod.pointer(&format!("/status/{list}"))?.as_array())
        .flatten()
        .find(|status| text(status, "/name") == Some(container))
}

/// A run of a container: it has files of its own, which end with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whose {
    uid: String,
    key: Key,
    container: String,
    restarts: i64,
}

/// What is in one run of a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inside {
    files: Files,
}

/// What is in all containers in which something is.
pub(crate) type Insides = BTreeMap<Whose, Inside>;

impl Inside {
    fn of<'a>(world: &'a mut World, whose: &Whose) -> &'a mut Self {
        // What was in runs that are over is gone.
        let World { store, insides, .. } = world;
        insides.retain(|one, _| {
            let pod = store.get(&one.key).map(|stored| stored.json());
            pod.is_some_and(|pod| {
                uid(&pod) == one.uid && status(&pod, &one.container).is_some_and(|s| restarts(s) == one.restarts)
            })
        });
        insides.entry(whose.clone()).or_default()
    }
}

fn restarts(status: &Json) -> i64 {
    status["restartCount"].as_i64().unwrap_or_default()
}

/// What a command in a container of this pod comes to.
///
/// # Errors
/// 400, 500 in the words of API server and kubelet; 501 where that cannot be known.
pub(crate) fn exec(
    world: &mut World,
    key: &Key,
    pod: &Json,
    wanted: &str,
    command: &[String],
) -> Result<(Whose, command::Task), ApiError> {
    let container = chosen(pod, wanted)?;
    if text(pod, "/spec/nodeName").unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request(format!("pod {} does not have a host assigned", name(pod))));
    }
    let status = status(pod, &container).filter(|status| status["state"]["running"].is_object());
    let Some(status) = status else {
        let said = format!("unable to upgrade connection: container not found ({container:?})");
        return Err(ApiError::new(500, "InternalError", said));
    };
    let whose =
        Whose { uid: uid(pod).to_owned(), key: key.clone(), container: container.clone(), restarts: restarts(status) };
    let files = &Inside::of(world, &whose).files;
    let found = task(pod, &container, command, files).map_err(ApiError::bad_request)?;
    let task = found.ok_or_else(|| {
        let line = command.join(" ");
        let said = format!(
            "the simulated cluster has no program that runs: what `{line}` answers in container {container} of pod {} \
             cannot be known; the pod's annotation {EXEC} can say it",
            name(pod)
        );
        let cause = json!({"reason": UNKNOWABLE, "message": line, "field": ""});
        let details = json!({"name": name(pod), "kind": "pods", "causes": [cause]});
        ApiError { details: Some(Box::new(details)), ..ApiError::new(501, "NotImplemented", said) }
    })?;
    Ok((whose, task))
}
