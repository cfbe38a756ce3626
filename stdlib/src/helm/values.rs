//! `helm::values`.

use serde_json::{Map, Value as Json};
use windlass_runtime::secret::{Origin, Secret};
use windlass_runtime::values::{Path, Segment};
use windlass_runtime::{Call, Options, Result, primitive};

use super::release::At;
use crate::cluster::OnCluster;

/// The options of `helm::values`.
#[derive(Debug, Clone, Options)]
pub struct ValuesOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Which revision; the one that is deployed if it is not given, or else the last one.
    pub revision: Option<u32>,
    /// The chart's defaults too.
    #[option(default = "false")]
    pub all: bool,
}

/// Reads the values that a release was given.
///
/// Helm keeps them in clear. What stands at a key that is called like a secret (`password`, `token`, …) is given as a secret:
/// it can be passed on, and does not show.
///
/// # Errors
/// `not_found` if there is no such release or revision.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web", #{ values: #{ replicas: 2 } });
/// let replicas = helm::values("portal").replicas;
/// log::info(`${replicas} of them, ${helm::values("portal", #{ all: true }).colour}`);
/// ```
#[primitive(module = "helm", effect = Read, also = ["get values"])]
pub fn values(call: &Call<'_>, release: String, options: ValuesOptions) -> Result<Json> {
    let at = At::new(call, &release, &options.on)?;
    let body = at.revision(call, options.revision)?.body()?;
    let given = body.get("config").filter(|config| config.is_object()).cloned();
    let given = given.unwrap_or_else(|| Json::Object(Map::new()));
    let mut values = match (options.all, body.pointer("/chart/values")) {
        (true, Some(defaults @ Json::Object(_))) => coalesced(defaults, &given),
        _ => given,
    };
    hide(call, &at, &mut values, &Path::default())?;
    Ok(values)
}

/// The chart's defaults under what was given; what was given as null takes a default away.
fn coalesced(defaults: &Json, given: &Json) -> Json {
    let (Json::Object(defaults), Json::Object(own)) = (defaults, given) else { return given.clone() };
    let mut all = defaults.clone();
    for (key, value) in own {
        match (all.get(key), value) {
            (_, Json::Null) => drop(all.shift_remove(key)),
            (Some(default), value) => {
                let value = coalesced(default, value);
                all.insert(key.clone(), value);
            }
            (None, value) => drop(all.insert(key.clone(), value.clone())),
        }
    }
    Json::Object(all)
}

fn hide(call: &Call<'_>, at: &At, value: &mut Json, path: &Path) -> Result<()> {
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                hide(call, at, value, &path.join(Segment::Key(key.clone())))?;
            }
        }
        Json::Array(list) => {
            for (index, value) in list.iter_mut().enumerate() {
                hide(call, at, value, &path.join(Segment::Index(index)))?;
            }
        }
        Json::String(text) if !text.is_empty() && path.looks_secret() => {
            let origin = Origin::Kubernetes(format!("{}/{}/{path}", at.namespace, at.name));
            *value = call.session().secrets().register(Secret::new(origin, text.clone()))?.to_string().into();
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_stand_where_nothing_was_given() {
        let all = coalesced(
            &json!({ "a": { "b": 1, "c": 2 }, "d": 3, "e": 4 }),
            &json!({ "a": { "b": 9 }, "d": null, "f": 5 }),
        );
        assert_eq!(all, json!({ "a": { "b": 9, "c": 2 }, "e": 4, "f": 5 }));
    }
}
