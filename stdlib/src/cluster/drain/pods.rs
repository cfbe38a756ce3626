//! What becomes of a pod when its node is drained.

use serde_json::Value as Json;

/// What the caller has allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub ignore_daemonsets: bool,
    pub delete_emptydir_data: bool,
    pub force: bool,
}

/// What becomes of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is evicted.
    Leaves,
    /// It stays, being this sort of pod.
    Stays(&'static str),
    /// It stands against the drain, for these reasons; the options that allow it.
    Refused { why: String, options: Vec<&'static str> },
}

impl Fate {
    /// Judges in the order in which kubectl does: a pod that stays needs no permission.
    pub fn of(pod: &Json, terms: Terms) -> Self {
        if pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some() {
            return Fate::Stays("the node's own");
        }
        let over = matches!(pod.pointer("/status/phase").and_then(Json::as_str), Some("Succeeded" | "Failed"));
        let controller = controller(pod);
        if !over && controller.is_some_and(|owner| owner["kind"] == "DaemonSet") {
            return match terms.ignore_daemonsets {
                true => Fate::Stays("of a DaemonSet"),
                false => {
                    Fate::Refused { why: "is of a DaemonSet".to_owned(), options: vec!["ignore_daemonsets: true"] }
                }
            };
        }
        let mut refusals = Vec::new();
        if !over && !terms.force && controller.is_none() {
            refusals.push(("would be lost: no controller makes it anew".to_owned(), "force: true"));
        }
        if !over
            && !terms.delete_emptydir_data
            && let Some(volume) = local_volume(pod)
        {
            refusals.push((format!("would lose the data of its emptyDir {volume}"), "delete_emptydir_data: true"));
        }
        if !refusals.is_empty() {
            let (why, options): (Vec<_>, _) = refusals.into_iter().unzip();
            return Fate::Refused { why: why.join(", and "), options };
        }
        Fate::Leaves
    }
}

fn controller(pod: &Json) -> Option<&Json> {
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().find(|owner| owner["controller"] == true)
}

fn local_volume(pod: &Json) -> Option<&str> {
    let volumes = pod.pointer("/spec/volumes").and_then(Json::as_array);
    volumes.into_iter().flatten().find(|volume| volume.get("emptyDir").is_some())?.get("name")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_sort_of_pod_has_its_fate() {
        let none = Terms { ignore_daemonsets: true, delete_emptydir_data: false, force: false };
        let owned = |kind: &str| json!({ "metadata": { "ownerReferences": [{ "kind": kind, "controller": true }] } });
        let with_data = |pod: Json| {
            let mut pod = pod;
            pod["spec"] = json!({ "volumes": [{ "name": "cache", "emptyDir": {} }] });
            pod
        };
        let mirror = json!({ "metadata": { "annotations": { "kubernetes.io/config.mirror": "x" } } });
        assert_eq!(Fate::of(&mirror, none), Fate::Stays("the node's own"));
        assert_eq!(Fate::of(&owned("ReplicaSet"), none), Fate::Leaves);
        assert_eq!(Fate::of(&owned("DaemonSet"), none), Fate::Stays("of a DaemonSet"));
        assert_eq!(Fate::of(&with_data(owned("DaemonSet")), none), Fate::Stays("of a DaemonSet"));
        let option =
            |fate: Fate| if let Fate::Refused { options, .. } = fate { options.join(", ") } else { String::new() };
        assert_eq!(option(Fate::of(&json!({}), none)), "force: true");
        assert_eq!(option(Fate::of(&with_data(owned("ReplicaSet")), none)), "delete_emptydir_data: true");
        let both = Fate::of(&with_data(json!({})), none);
        assert_eq!(option(both), "force: true, delete_emptydir_data: true");
        let strict = Terms { ignore_daemonsets: false, ..none };
        assert_eq!(option(Fate::of(&owned("DaemonSet"), strict)), "ignore_daemonsets: true");
        let all = Terms { ignore_daemonsets: true, delete_emptydir_data: true, force: true };
        assert_eq!(Fate::of(&with_data(json!({})), all), Fate::Leaves);
        let mut over = with_data(json!({}));
        over["status"] = json!({ "phase": "Succeeded" });
        assert_eq!(Fate::of(&over, none), Fate::Leaves);
    }
}
