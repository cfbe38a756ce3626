//! How two answers differ.

use crate::Json;
use crate::mask::Masked;

/// One place at which two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// `code`, `header/NAME`, or `body/…` with the field's path.
    pub at: String,
    /// What the real server says; nothing where it says nothing.
    pub real: Option<Json>,
    /// What the shadow says.
    pub shadow: Option<Json>,
}

/// All differences between two answers.
#[must_use]
pub fn differences(real: &Masked, shadow: &Masked) -> Vec<Difference> {
    let mut found = Vec::new();
    if real.code != shadow.code {
        // Bodies of different codes have nothing in common; what the refusal says tells the reason.
        let said = |answer: &Masked| {
            let message = answer.body.get("message").and_then(Json::as_str).unwrap_or_default();
            Some(format!("{} {message}", answer.code).trim().into())
        };
        return vec![Difference { at: "code".into(), real: said(real), shadow: said(shadow) }];
    }
    for name in real.headers.keys().chain(shadow.headers.keys().filter(|name| !real.headers.contains_key(*name))) {
        let values = |answer: &Masked| answer.headers.get(name).map(|values| Json::from(values.clone()));
        walk(&mut found, &format!("header/{name}"), values(real).as_ref(), values(shadow).as_ref());
    }
    walk(&mut found, "body", Some(&real.body), Some(&shadow.body));
    found
}

fn walk(found: &mut Vec<Difference>, at: &str, real: Option<&Json>, shadow: Option<&Json>) {
    match (real, shadow) {
        (Some(Json::Object(real)), Some(Json::Object(shadow))) => {
            let added = shadow.keys().filter(|key| !real.contains_key(*key));
            for key in real.keys().chain(added) {
                walk(found, &format!("{at}/{}", key.replace('/', "~1")), real.get(key), shadow.get(key));
            }
        }
        (Some(Json::Array(real)), Some(Json::Array(shadow))) => {
            for place in 0..real.len().max(shadow.len()) {
                walk(found, &format!("{at}/{place}"), real.get(place), shadow.get(place));
            }
        }
        (real, shadow) if real == shadow => {}
        (real, shadow) => {
            found.push(Difference { at: at.to_owned(), real: real.cloned(), shadow: shadow.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_named() {
        let answer = |body| Masked { code: 200, headers: Default::default(), body };
        let found = differences(&answer(json!({"a": [1, 2], "b": 1})), &answer(json!({"b": 1, "a": [1, 3], "c/d": 4})));
        let places: Vec<_> = found.iter().map(|difference| difference.at.as_str()).collect();
        assert_eq!(places, ["body/a/1", "body/c~1d"]);
        assert_eq!((&found[1].real, &found[1].shadow), (&None, &Some(json!(4))));
    }

    #[test]
    fn the_order_of_fields_does_not_matter() {
        let answer = |body| Masked { code: 200, headers: Default::default(), body };
        assert_eq!(differences(&answer(json!({"a": 1, "b": 2})), &answer(json!({"b": 2, "a": 1}))), []);
    }
}
