//! Pod.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::{condition, list, text};

pub(super) fn readiness(object: &Json) -> Readiness {
    match text(object, "/status/phase").unwrap_or("Pending") {
        "Succeeded" => return Readiness::ready("it has completed"),
        "Failed" => {
            let why = [text(object, "/status/reason"), text(object, "/status/message")];
            let why: Vec<&str> = why.into_iter().flatten().collect();
            let why = if why.is_empty() { exit_of(object).unwrap_or_default() } else { why.join(": ") };
            return Readiness::hopeless(format!("it has failed{}{why}", if why.is_empty() { "" } else { ": " }));
        }
        _ => {}
    }
    match condition(object, "Ready") {
        Some(ready) if ready.is_true() => Readiness::ready("it is ready"),
        Some(ready) => Readiness::not_yet(format!("it is not ready: {}", ready.words())),
        None => match condition(object, "PodScheduled") {
            Some(scheduled) if scheduled.is_false() => Readiness::not_yet(scheduled.words()),
            _ => Readiness::not_yet("it is starting"),
        },
    }
}

fn exit_of(object: &Json) -> Option<String> {
    list(object, "/status/containerStatuses").iter().find_map(|status| {
        let ended = status.pointer("/state/terminated")?;
        let code = ended.get("exitCode")?.as_i64().filter(|code| *code != 0)?;
        Some(format!("container {} ended with exit code {code}", text(status, "/name").unwrap_or_default()))
    })
}
