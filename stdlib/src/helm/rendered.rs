//! What Helm makes of a chart, without installing it.

use std::path::Path;

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Result};

use super::objects;
use super::program::Helm;
use super::release::At;

/// A chart that is to be rendered for a release, with the values that lie in Helm's folder.
pub(super) struct Rendering<'a> {
    pub at: &'a At,
    pub helm: &'a Helm,
    pub chart: &'a Path,
    pub hooks: bool,
    pub crds: bool,
    /// Take objects into the release that do not belong to it: Helm refuses them here already.
    pub take_ownership: bool,
}

impl Rendering<'_> {
    fn arguments<'a>(&self, words: &[&'a str], chart: &'a str, values: &'a str, name: &'a str) -> Vec<&'a str> {
        [words, &[name, chart, "--values", values], if self.crds { &[] } else { &["--skip-crds"] }].concat()
    }

    /// As the cluster would have it: templates may look things up there. What is a release in Helm's own words.
    ///
    /// # Errors
    /// What Helm says.
    pub fn on_the_cluster(&self, call: &Call<'_>) -> Result<Json> {
        let (chart, values) = (self.chart.to_string_lossy(), self.helm.private().join("values.json"));
        let (values, name) = (values.to_string_lossy(), self.at.name.as_str());
        let words = ["upgrade", "--install", "--reset-values", "--dry-run=server", "--output", "json"];
        let mut child = self.helm.child(self.arguments(&words, &chart, &values, name));
        child = child.argument("--namespace").argument(self.at.namespace.as_str());
        if !self.hooks {
            child = child.argument("--no-hooks");
        }
        if self.take_ownership {
            child = child.argument("--take-ownership");
        }
        let doing = format!("{} cannot be rendered", self.at.resource());
        match self.helm.json(call, child, &doing) {
            // Definitions that the chart itself brings are not there yet.
            Err(error) if needs_definitions(error.message()) => {
                let child = self.helm.child(self.arguments(&["template", "--no-hooks"], &chart, &values, name));
                let child = child.argument("--namespace").argument(self.at.namespace.as_str());
                let manifest = self.helm.output(call, child, &doing)?;
                Ok(json!({ "manifest": String::from_utf8_lossy(&manifest) }))
            }
            rendered => rendered,
        }
    }
}

fn needs_definitions(message: &str) -> bool {
    message.contains("no matches for kind") || message.contains("ensure CRDs are installed first")
}

/// Whether a release is what was rendered: by chart, values, objects and hooks.
pub(super) fn is_same(release: &Json, rendered: &Json) -> bool {
    let values = |of: &Json| match of.get("config") {
        None | Some(Json::Null) => json!({}),
        Some(values) => values.clone(),
    };
    let hooks = |of: &Json| -> Vec<Json> {
        let hooks = of.get("hooks").and_then(Json::as_array).into_iter().flatten();
        hooks.map(|hook| hook.get("manifest").cloned().unwrap_or_default()).collect()
    };
    let same = |pointer: &str| release.pointer(pointer) == rendered.pointer(pointer);
    same("/chart/metadata")
        && same("/manifest")
        && values(release) == values(rendered)
        && hooks(release) == hooks(rendered)
}

/// What differs between a release and what was rendered, a line a field.
///
/// # Errors
/// `malformed` for a manifest that is no YAML.
pub(super) fn diff(release: Option<&Json>, rendered: &Json, name: &str) -> Result<Vec<String>> {
    let before = release.map(|release| objects::of(release, name)).transpose()?.unwrap_or_default();
    let mut lines = Vec::new();
    let chart = |of: &Json| {
        let text = |pointer: &str| of.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        Some(format!("{} {}", text("/chart/metadata/name")?, text("/chart/metadata/version")?))
    };
    if let (Some(old), Some(new)) = (release.and_then(chart), chart(rendered))
        && old != new
    {
        lines.push(format!("chart: {old} → {new}"));
    }
    lines.extend(objects::differences(&before, &objects::of(rendered, name)?));
    if lines.is_empty() {
        lines.push("only what does not show in its objects: values, hooks or notes".to_owned());
    }
    Ok(lines)
}
