//! Labels and selectors as text.

use std::collections::BTreeMap;

use super::row::{list, text};
use crate::Json;

/// `a=1,b=2`, by name; `<none>` without any.
pub(super) fn labels(labels: Option<&Json>) -> String {
    let pairs: BTreeMap<&str, &str> = pairs(labels).collect();
    let said: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if said.is_empty() { "<none>".to_owned() } else { said.join(",") }
}

/// A `LabelSelector` as text; `<none>` for an absent one and for one that selects all.
pub(super) fn selector(selector: Option<&Json>) -> String {
    match plain(selector) {
        said if said.is_empty() => "<none>".to_owned(),
        said => said,
    }
}

/// The same, but empty where nothing is asked for.
pub(super) fn plain(selector: Option<&Json>) -> String {
    let Some(selector) = selector else { return String::new() };
    let mut said: Vec<(&str, String)> =
        pairs(selector.get("matchLabels")).map(|(key, value)| (key, format!("{key}={value}"))).collect();
    for expression in list(selector, "/matchExpressions") {
        let key = text(expression, "/key");
        let mut values: Vec<&str> = list(expression, "/values").iter().filter_map(Json::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        said.push((
            key,
            match text(expression, "/operator") {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.to_owned(),
            },
        ));
    }
    said.sort_by(|a, b| a.0.cmp(b.0));
    said.into_iter().map(|(_, said)| said).collect::<Vec<_>>().join(",")
}

fn pairs(labels: Option<&Json>) -> impl Iterator<Item = (&str, &str)> {
    let labels = labels.and_then(Json::as_object);
    labels.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}
