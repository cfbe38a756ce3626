//! What the index of a repository has, for the error of a chart that is not in it.

use std::cmp::Reverse;

use serde_json::Value as Json;
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Error, Kind};

/// How many charts or versions are named.
const NAMED: usize = 5;

/// The error of a chart, or of a version of it, that a repository does not have; none where its index has it.
pub(super) fn lacks(index: &Json, repository: &str, chart: &str, version: Option<&str>) -> Option<Error> {
    let charts = index.get("entries")?.as_object()?;
    let Some(entries) = charts.get(chart) else {
        let hint = did_you_mean(chart, charts.keys().map(String::as_str)).unwrap_or_else(|| match charts.len() {
            0 => "its index is empty".to_owned(),
            _ => format!("it has: {}", some(charts.keys().map(String::as_str))),
        });
        return Some(Error::new(Kind::NotFound, format!("{repository} has no chart {chart}")).hint(hint));
    };
    let entries = entries.as_array().into_iter().flatten();
    let mut versions: Vec<&str> = entries.filter_map(|entry| entry.get("version")?.as_str()).collect();
    if version.is_some_and(|version| versions.contains(&version)) {
        return None;
    }
    versions.sort_by_key(|version| Reverse(rank(version)));
    let newest = format!("the newest that are there: {}", some(versions.into_iter()));
    let (lacking, hint) = match version {
        Some(version) => (format!("the chart {chart} in no version {version}"), newest),
        None => (format!("no released version of the chart {chart}"), format!("{newest}: name one with `version`")),
    };
    Some(Error::new(Kind::NotFound, format!("{repository} has {lacking}")).hint(hint))
}

/// The first few of them, and that there are more.
fn some<'a>(mut all: impl Iterator<Item = &'a str>) -> String {
    let named: Vec<&str> = all.by_ref().take(NAMED).collect();
    format!("{}{}", named.join(", "), if all.next().is_some() { ", …" } else { "" })
}

/// By what versions are put in order; what comes before a release is older than that.
fn rank(version: &str) -> (Vec<u64>, bool, &str) {
    let plain = version.trim_start_matches('v').split('+').next().unwrap_or_default();
    let (numbers, before) = plain.split_once('-').unwrap_or((plain, ""));
    (numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect(), before.is_empty(), before)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_instead_is_named() {
        let of = |versions: &[&str]| versions.iter().map(|version| json!({ "version": version })).collect::<Vec<_>>();
        let index = json!({ "entries": {
            "podinfo": of(&["6.9.0", "6.10.0", "6.10.0-rc.1", "5.0.0", "4.0.0", "3.0.0"]), "web": of(&["1.0.0-rc.1"]),
        } });
        let error = |chart: &str, version: Option<&str>| {
            let error = lacks(&index, "the repository loc (https://x.example)", chart, version).unwrap();
            assert_eq!(error.kind(), Kind::NotFound);
            (error.message().to_owned(), error.hint_text().unwrap().to_owned())
        };
        let (message, hint) = error("podnifo", None);
        assert_eq!(message, "the repository loc (https://x.example) has no chart podnifo");
        assert_eq!(hint, "did you mean \"podinfo\"?");
        assert_eq!(error("redis", None).1, "it has: podinfo, web");
        let (message, hint) = error("podinfo", Some("9.9.9"));
        assert_eq!(message, "the repository loc (https://x.example) has the chart podinfo in no version 9.9.9");
        assert_eq!(hint, "the newest that are there: 6.10.0, 6.10.0-rc.1, 6.9.0, 5.0.0, 4.0.0, …");
        assert!(error("web", None).1.contains("1.0.0-rc.1: name one with `version`"));
        assert!(lacks(&index, "", "web", Some("1.0.0-rc.1")).is_none(), "it is something else");
        assert!(lacks(&json!("nonsense"), "", "web", None).is_none());
    }
}
