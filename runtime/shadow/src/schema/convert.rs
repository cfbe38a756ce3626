//! Between the versions of built-in resources that have several.

mod autoscaler;
mod event;

use super::{builtin, check_fields};
use crate::Json;

/// The same object in another version, as the API server converts it: `from` and `to` are like `autoscaling/v1`. Where the
/// versions do not differ but in their name, only `apiVersion` changes.
pub(crate) fn convert(object: &Json, from: &str, to: &str) -> Json {
    let mut converted = object.clone();
    let plural = match (from, to) {
        ("autoscaling/v1", "autoscaling/v2") => {
            autoscaler::to_v2(&mut converted);
            "horizontalpodautoscalers"
        }
        ("autoscaling/v2", "autoscaling/v1") => {
            autoscaler::to_v1(&mut converted);
            "horizontalpodautoscalers"
        }
        ("v1", "events.k8s.io/v1") => {
            event::to_events(&mut converted);
            "events"
        }
        ("events.k8s.io/v1", "v1") => {
            event::to_core(&mut converted);
            "events"
        }
        _ => "",
    };
    if let Json::Object(map) = &mut converted {
        map.insert("apiVersion".into(), to.into());
    }
    let (group, version) = to.split_once('/').unwrap_or(("", to));
    if let Some((schemas, id)) =
        builtin().catalog.get(group, version, plural).and_then(|resource| resource.schema.as_ref())
    {
        // Brings fields into the other version's order, and adds what it always writes. What was read once cannot fail here.
        let mut ordered = converted.clone();
        if check_fields(schemas, *id, &mut ordered).is_ok() {
            return ordered;
        }
    }
    converted
}

#[cfg(test)]
mod tests;
