//! `cluster::taint`.

use serde_json::{Value as Json, json};
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::FieldPath;
use windlass_runtime::options::{FromValue, Mismatch, OptionReader, Options as _};
use windlass_runtime::{Call, Error, Options, Result, Value, primitive, words};

use super::OnCluster;
use super::edit::{self, Wish};
use super::node_name::NodeName;

words! {
    /// What a taint does to pods that do not tolerate it.
    pub enum Effect {
        /// They are not scheduled there.
        NoSchedule = "NoSchedule",
        /// They are scheduled there only if there is no other place.
        PreferNoSchedule = "PreferNoSchedule",
        /// They are not scheduled there, and those that run there are evicted.
        NoExecute = "NoExecute",
    }
}

/// One taint.
#[derive(Debug, Clone, Options)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    #[option(default = "\"\"")]
    pub value: String,
    /// What it does. Key and effect together tell taints apart; to remove all of a key, it can be left out.
    pub effect: Option<Effect>,
    /// Take it away instead.
    #[option(default = "false")]
    pub remove: bool,
}

impl FromValue for Taint {
    fn expects() -> String {
        "a taint such as #{ key: \"dedicated\", value: \"storage\", effect: \"NoSchedule\" } or \"dedicated=storage:NoSchedule\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        if let Value::Text(written) = &value {
            return Self::of_kubectl(written).map_err(Mismatch::Refused);
        }
        let Value::Map(_) = &value else { return Err(Mismatch::sort(&value)) };
        let mut reader = OptionReader::new("a taint", value).map_err(Mismatch::Refused)?;
        let taint = Self::take(&mut reader).map_err(Mismatch::Refused)?;
        reader.finish(&Self::fields()).map_err(Mismatch::Refused)?;
        if taint.effect.is_none() && !taint.remove {
            let error = Error::usage(format!("the taint {} has no effect", taint.key));
            return Err(Mismatch::Refused(error.hint(format!("add `effect:`, {}", Effect::expects()))));
        }
        Ok(taint)
    }
}

impl Taint {
    /// Reads a taint as kubectl takes it: `dedicated=storage:NoSchedule`, `dedicated:NoSchedule`, or with a `-` behind it to
    /// take it away.
    fn of_kubectl(written: &str) -> Result<Self> {
        let (taint, remove) = written.strip_suffix('-').map_or((written, false), |taint| (taint, true));
        let (key, effect) = key_and_effect(taint)?;
        let (key, value) = key.split_once('=').unwrap_or((key, ""));
        if effect.is_none() && !remove {
            let error = Error::usage(format!("the taint {written:?} has no effect"));
            return Err(error.hint(format!("write \"{taint}:{}\"", Effect::NoSchedule.as_str())));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned(), effect, remove })
    }
}

/// What stands before the effect of a taint, and the effect, if there is one: `dedicated:NoSchedule`.
pub(super) fn key_and_effect(written: &str) -> Result<(&str, Option<Effect>)> {
    let Some((key, word)) = written.split_once(':') else { return Ok((written, None)) };
    let unknown =
        |_| Error::usage(format!("a taint has no effect {word:?}")).hint(format!("write {}", Effect::expects()));
    Ok((key, Some(Effect::from_value(Value::Text(word.to_owned())).map_err(unknown)?)))
}

/// One taint or a list of them.
#[derive(Debug, Clone)]
pub struct Taints(Vec<Taint>);

impl FromValue for Taints {
    fn expects() -> String {
        format!("{}, or a list of taints", Taint::expects())
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let taints = match value {
            Value::List(_) => Vec::<Taint>::from_value(value)?,
            one => vec![Taint::from_value(one)?],
        };
        for (index, taint) in taints.iter().enumerate() {
            if taints[..index].iter().any(|before| before.key == taint.key && before.effect == taint.effect) {
                let error = Error::usage(format!("the taint {} is given twice with the same effect", taint.key));
                return Err(Mismatch::Refused(error.hint("a node has each key and effect once, with one value")));
            }
        }
        Ok(Self(taints))
    }
}

/// Taints a node, or takes taints away from it with `remove: true`. Its other taints stay.
///
/// A taint is known by its key and effect: one that is there with another value is changed. kubectl's way of writing them
/// is understood, too: `"dedicated=storage:NoSchedule"`, and `"dedicated:NoSchedule-"` to take one away.
///
/// # Errors
/// `not_found` if there is no such node, `rejected` with the API server's reason for a key or value that no taint can
/// have, `usage` for anything else than a node.
///
/// # Example
/// ```rhai
/// let node = cluster::list("Node", #{ limit: 1 })[0].metadata.name;
/// cluster::taint(node, #{ key: "example.com/maintenance", effect: "PreferNoSchedule" });
/// cluster::taint(node, #{ key: "example.com/maintenance", remove: true });
/// cluster::taint(node, "example.com/disk=slow:PreferNoSchedule");
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn taint(call: &Call<'_>, node: NodeName, taints: Taints, options: OnCluster) -> Result<Outcome> {
    let (cluster, id) = node.find(call, &options, "tainted")?;
    edit::edit(call, &cluster, &id, |live| wish(live, &taints.0))
}

pub(super) fn wish(live: &Json, taints: &[Taint]) -> Result<Wish> {
    let path = FieldPath::of(["spec", "taints"]);
    let before = path.get(live).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut after = before.clone();
    for taint in taints {
        let effect = taint.effect.map(Effect::as_str);
        let is_it = |t: &Json| t["key"] == taint.key && effect.is_none_or(|effect| t["effect"] == effect);
        if taint.remove {
            after.retain(|t| !is_it(t));
            continue;
        }
        let mut wanted = json!({ "key": taint.key, "effect": effect });
        if !taint.value.is_empty() {
            wanted["value"] = taint.value.as_str().into();
        }
        match after.iter_mut().find(|t| is_it(t)) {
            // When it was added is the server's to say, and stays.
            Some(there) if there.get("value").and_then(Json::as_str).unwrap_or_default() == taint.value => {}
            Some(there) => *there = wanted,
            None => after.push(wanted),
        }
    }
    if after == before {
        return Ok(Wish::Nothing("its taints are so already".to_owned()));
    }
    let mut wanted = live.clone();
    if after.is_empty() {
        path.remove(&mut wanted);
    } else {
        path.set(&mut wanted, Json::Array(after))?;
    }
    Ok(Wish::Become(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, on};

    /// A node that no other test touches.
    fn node(bed: &Bed, name: &str) {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": { "test": "taint" } },
            "spec": { "taints": [{ "key": "own", "effect": "NoSchedule" }] } });
        bed.create("", node);
        // The API server taints a new node, and a controller takes that away: what follows is to be ours alone.
        let (other, what) = (bed.other(), format!("node/{name}"));
        bed.wait(async move {
            let is_own = |node: &Json| {
                let taints = node.pointer("/spec/taints").and_then(Json::as_array);
                taints.is_some_and(|taints| taints.len() == 1 && taints[0]["key"] == "own")
            };
            other.until(&what, "", |node| node.is_some_and(is_own)).await;
        });
    }

    #[on(shadow, live)]
    fn taints_are_set_changed_and_removed_and_come_back(bed: Bed) {
        node(&bed, "taint-1");
        let set = r#"cluster::taint("Node/taint-1", [#{ key: "a", value: "1", effect: "NoSchedule" }, #{ key: "a", effect: "PreferNoSchedule" }])"#;
        let ran = bed.converges_and_is_undone(set, "node/taint-1", "");
        let taints = ran.value()["object"]["spec"]["taints"].clone();
        assert!(taints.as_array().unwrap().contains(&json!({ "key": "own", "effect": "NoSchedule" })), "{taints}");
        assert!(
            taints.as_array().unwrap().contains(&json!({ "key": "a", "value": "1", "effect": "NoSchedule" })),
            "{taints}"
        );
        bed.run(set).value();
        bed.converges_and_is_undone(r#"cluster::taint("Node/taint-1", "a=2:NoSchedule")"#, "node/taint-1", "");
        let ran = bed.converges_and_is_undone(r#"cluster::taint("Node/taint-1", "a-")"#, "node/taint-1", "");
        let taints = ran.value()["object"]["spec"]["taints"].to_string();
        assert!(taints.contains("own") && !taints.contains("\"a\""), "{taints}");
        bed.delete("node/taint-1", "");
    }

    #[on(shadow, live)]
    fn two_at_once_lose_nothing(bed: Bed) {
        node(&bed, "taint-2");
        std::thread::scope(|threads| {
            for number in 0..4 {
                let bed = &bed;
                threads.spawn(move || {
                    let script = format!(
                        r#"cluster::taint("Node/taint-2", #{{ key: "k{number}", effect: "PreferNoSchedule" }})"#
                    );
                    assert_eq!(bed.run(&script).value()["changed"], true);
                });
            }
        });
        let taints = bed.get("node/taint-2", "")["spec"]["taints"].to_string();
        assert!((0..4).all(|n| taints.contains(&format!("k{n}"))) && taints.contains("own"), "{taints}");
        bed.delete("node/taint-2", "");
    }

    #[on(shadow, live)]
    fn wrong_taints_say_what_is_wrong(bed: Bed) {
        node(&bed, "taint-3");
        for (taint, kind, said) in [
            (r#"#{ key: "a" }"#, "usage", "the taint a has no effect"),
            (r#"#{ key: "a", effect: "NoWay" }"#, "usage", "one of \"NoSchedule\""),
            (r#"#{ effect: "NoSchedule" }"#, "usage", "needs the option `key`"),
            (r#"#{ key: "a", efect: "NoSchedule" }"#, "usage", "no option `efect`"),
            (r#""a=b""#, "usage", "the taint \"a=b\" has no effect"),
            (r#""a=b:NoWay""#, "usage", "a taint has no effect \"NoWay\""),
            (
                r#"["a=b:NoSchedule", #{ key: "a", effect: "NoSchedule" }]"#,
                "usage",
                "a is given twice with the same effect",
            ),
            (r#"[1]"#, "usage", "item 0"),
            (r#"#{ key: "a b", effect: "NoSchedule" }"#, "rejected", "taints"),
        ] {
            let error = bed.run(&format!("cluster::taint(\"Node/taint-3\", {taint})")).error();
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
        let error = bed.run(r#"cluster::taint("ns/default", #{ key: "a", remove: true })"#).error();
        assert!(error["message"].as_str().unwrap().contains("only a Node can"), "{error}");
        bed.delete("node/taint-3", "");
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        node(&bed, "taint-4");
        let error =
            bed.run_as("viewer", r#"cluster::taint("Node/taint-4", #{ key: "a", effect: "NoSchedule" })"#).error();
        assert_eq!(error["kind"], "forbidden", "{error}");
        bed.delete("node/taint-4", "");
    }
}
