//! What the value `images` does to charts: their common value for a registry, and the check that nothing is pulled from
//! elsewhere.
//!
//! Manifests are rewritten. What Helm renders is not: the release would no longer be what the chart says, and Helm 4 takes no
//! program that would do it. So a chart's own values have to say it, and the check names those that do.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_runtime::options::{FromValue, Mismatch, Options as _};
use windlass_runtime::values::{Path, Segment};
use windlass_runtime::{Call, Error, Kind, Options, Result, Value};

use super::objects;
use super::release::At;

/// Where a chart's images are to come from: the playbook's `values.images`.
#[derive(Debug, Clone, Options)]
pub struct Images {
    /// The registry that takes the place of the one in each image's name.
    pub registry: Option<String>,
    /// The beginning of an image's name, and what takes its place.
    #[option(default = "#{}")]
    pub rewrite: BTreeMap<String, String>,
    /// Credentials are no matter of charts: they are in the pods' pull secrets.
    #[expect(dead_code, reason = "it comes with the rest of `values.images`")]
    pub auth: Option<Value>,
}

impl FromValue for Images {
    fn expects() -> String {
        "a map such as #{ registry: \"registry.example.com\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            map @ Value::Map(_) => Images::read("images", map).map_err(Mismatch::Refused),
            other => Err(Mismatch::sort(&other)),
        }
    }
}

/// An image that does not come from where it should, and the name by which it would.
#[derive(Debug, PartialEq, Eq)]
struct Elsewhere {
    image: String,
    wanted: String,
}

impl Images {
    /// Those of the session's values.
    pub fn of_session(call: &Call<'_>) -> Self {
        let values = call.session().values();
        let images = values.get("images");
        let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let rewrite = images.and_then(|images| images.get("rewrite")?.as_object());
        Self {
            registry: images.and_then(|images| text(images.get("registry")?)),
            rewrite: rewrite.into_iter().flatten().filter_map(|(from, to)| Some((from.clone(), text(to)?))).collect(),
            auth: None,
        }
    }

    /// The values that charts have in common for it; those of the script come before them.
    pub fn values(&self) -> Json {
        match &self.registry {
            Some(registry) => json!({ "global": {
                "imageRegistry": registry.trim_end_matches('/'),
                // Bitnami's charts refuse other registries than their own without it.
                "security": { "allowInsecureImages": true },
            } }),
            None => json!({}),
        }
    }

    /// What tells one from another; nothing if it says nothing.
    pub fn intent(&self) -> Option<Json> {
        let says = self.registry.is_some() || !self.rewrite.is_empty();
        says.then(|| json!({ "registry": self.registry, "rewrite": self.rewrite }))
    }

    /// Refuses what was rendered if a pod of it, or of one of its hooks, would get an image from elsewhere.
    ///
    /// # Errors
    /// `values`, with the images and the chart's values that name them; `malformed` for what is no YAML.
    pub fn check(&self, at: &At, rendered: &Json) -> Result<()> {
        if self.intent().is_none() {
            return Ok(());
        }
        let mut pods = objects::of(rendered, &at.name)?;
        for hook in rendered.get("hooks").and_then(Json::as_array).into_iter().flatten() {
            let events: Vec<&str> =
                hook.get("events").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
            // Tests are not run by an upgrade.
            if events.iter().any(|event| !event.starts_with("test")) {
                let manifest = hook.get("manifest").and_then(Json::as_str).unwrap_or_default();
                pods.extend(objects::read(manifest, &format!("a hook of {}", at.resource()))?);
            }
        }
        let elsewhere = self.elsewhere(&pods);
        let Some(first) = elsewhere.first() else { return Ok(()) };
        let named = |elsewhere: &Elsewhere| {
            let values = ["/config", "/chart/values"].into_iter().filter_map(|pointer| rendered.pointer(pointer));
            let mut paths: Vec<String> = values.flat_map(|values| naming(values, &elsewhere.image)).collect();
            paths.sort();
            paths.dedup();
            let by = if paths.is_empty() { String::new() } else { format!(" by {}", paths.join(", ")) };
            format!("{} should be {}{by}", elsewhere.image, elsewhere.wanted)
        };
        let all: Vec<String> = elsewhere.iter().map(named).collect();
        Err(Error::new(
            Kind::Values,
            format!("{} takes images from elsewhere than `images` says: {}", at.resource(), all.join("; ")),
        )
        .hint(format!(
            "give the chart's own values for them (`helm show values` lists all), or let one be: images: #{{ rewrite: #{{ \"{0}\": \"{0}\" }} }}",
            first.image
        ))
        .resource(at.resource()))
    }

    /// The images of these objects that do not come from where they should.
    fn elsewhere(&self, objects: &[Json]) -> Vec<Elsewhere> {
        let mut found: Vec<String> = objects.iter().flat_map(images_of).collect();
        found.sort();
        found.dedup();
        found.into_iter().filter_map(|image| Some(Elsewhere { wanted: self.wanted(&image)?, image })).collect()
    }

    /// The name that an image should have; none if it has it.
    fn wanted(&self, image: &str) -> Option<String> {
        if self.rewrite.values().any(|to| image.starts_with(to.as_str())) {
            return None;
        }
        let longest = self.rewrite.iter().filter(|(from, _)| image.starts_with(from.as_str()));
        let wanted = match longest.max_by_key(|(from, _)| from.len()) {
            Some((from, to)) => format!("{to}{}", image.strip_prefix(from.as_str())?),
            None => {
                let registry = self.registry.as_deref()?.trim_end_matches('/');
                if image.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/')) {
                    return None;
                }
                let rest = match image.split_once('/') {
                    Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
                    _ => image,
                };
                format!("{registry}/{rest}")
            }
        };
        (wanted != image).then_some(wanted)
    }
}

/// The paths of the values that an image's name is made of: the whole of it, or its repository where the key says so.
fn naming(values: &Json, image: &str) -> Vec<String> {
    let plain = image.split('@').next().unwrap_or_default();
    // The last colon is a port's if a slash follows.
    let repository = match plain.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => plain,
    };
    let mut found = Vec::new();
    walk(values, &Path::default(), &mut |path, text| {
        let says_so = match path.segments().last() {
            Some(Segment::Key(key)) => {
                let key = key.to_lowercase();
                key.ends_with("image") || key.ends_with("repository")
            }
            _ => false,
        };
        let is_repository =
            repository == text || repository.strip_suffix(text).is_some_and(|before| before.ends_with('/'));
        if !text.is_empty() && (text == image || (says_so && is_repository)) {
            found.push(path.to_string());
        }
    });
    found
}

fn walk(value: &Json, path: &Path, tell: &mut impl FnMut(&Path, &str)) {
    match value {
        Json::Object(map) => {
            map.iter().for_each(|(key, value)| walk(value, &path.join(Segment::Key(key.clone())), tell));
        }
        Json::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| walk(value, &path.join(Segment::Index(index)), tell));
        }
        Json::String(text) => tell(path, text),
        _ => {}
    }
}

/// The images of an object's pods, wherever they stand in it.
fn images_of(object: &Json) -> Vec<String> {
    fn walk(value: &Json, found: &mut Vec<String>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    let lists_containers =
                        matches!(key.as_str(), "containers" | "initContainers" | "ephemeralContainers");
                    if let (true, Some(containers)) = (lists_containers, value.as_array()) {
                        found.extend(containers.iter().filter_map(|c| c.get("image")?.as_str().map(str::to_owned)));
                    } else {
                        walk(value, found);
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(object, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_from_elsewhere_are_found_in_any_pod() {
        let images = Images {
            registry: Some("mirror.local:5000/".into()),
            rewrite: [("docker.io/bitnami/", "legacy.local/"), ("busybox:", "busybox:")]
                .map(|(from, to)| (from.to_owned(), to.to_owned()))
                .into(),
            auth: None,
        };
        assert_eq!(images.values()["global"]["imageRegistry"], "mirror.local:5000");
        let pod = |image: &str| json!({ "spec": { "template": { "spec": { "containers": [{ "image": image }] } } } });
        let objects = [
            "mirror.local:5000/a:1",
            "mirror.local:50001/a:1",
            "legacy.local/redis:7",
            "busybox:1.36",
            "nginx:1",
            "docker.io/bitnami/redis:7",
        ]
        .map(pod);
        let found: Vec<_> = images.elsewhere(&objects).into_iter().map(|e| (e.image, e.wanted)).collect();
        let expected = [
            ("docker.io/bitnami/redis:7", "legacy.local/redis:7"),
            ("mirror.local:50001/a:1", "mirror.local:5000/a:1"),
            ("nginx:1", "mirror.local:5000/nginx:1"),
        ];
        assert_eq!(found, expected.map(|(image, wanted)| (image.to_owned(), wanted.to_owned())));
        assert!(Images { registry: None, rewrite: BTreeMap::new(), auth: None }.elsewhere(&objects).is_empty());
    }

    #[test]
    fn the_values_that_name_an_image_are_found() {
        let values = json!({
            "name": "redis", "image": { "registry": "docker.io", "repository": "bitnami/redis", "tag": "7" },
            "sidecars": [{ "from": "docker.io/bitnami/redis:7" }], "other": { "image": "nginx:1" },
        });
        assert_eq!(naming(&values, "docker.io/bitnami/redis:7"), ["image.repository", "sidecars[0].from"]);
        assert_eq!(naming(&values, "docker.io/bitnami/redis@sha256:00"), ["image.repository"]);
        assert_eq!(naming(&values, "nginx:1"), ["other.image"]);
        assert!(naming(&values, "localhost:5000/x").is_empty());
    }
}
