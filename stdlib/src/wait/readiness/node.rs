//! Node.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::condition;

pub(super) fn readiness(object: &Json) -> Readiness {
    match condition(object, "Ready") {
        Some(ready) if ready.is_true() => match condition(object, "NetworkUnavailable").filter(|c| c.is_true()) {
            Some(network) => Readiness::not_yet(format!("its network is not there: {}", network.words())),
            None => Readiness::ready("it is ready"),
        },
        Some(ready) if ready.status == "Unknown" => {
            Readiness::not_yet(format!("its kubelet does not answer: {}", ready.words()))
        }
        Some(ready) => Readiness::not_yet(format!("it is not ready: {}", ready.words())),
        None => Readiness::not_yet("its kubelet has not reported yet"),
    }
}
