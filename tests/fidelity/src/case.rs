//! Requests as files say them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Error, Json};

/// Requests that belong together: each case has a namespace of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows; with the file's place before it when it was read from a file.
    #[serde(rename = "case")]
    pub name: String,
    /// Nothing else goes on meanwhile: it changes nodes, or counts on their being empty.
    #[serde(default)]
    pub alone: bool,
    /// In their order.
    pub steps: Vec<Step>,
}

/// One request. In its path, headers and body `$ns` stands for the case's namespace, and `$NAME` for what an earlier step
/// has kept under that name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `METHOD /path?query`.
    pub send: String,
    /// The content type of the body: `json` (the default), `yaml`, `merge`, `strategic`, `json-patch`, `apply`, or any other
    /// in full.
    #[serde(rename = "as", default)]
    pub content: String,
    /// What is accepted: `json` (the default), `yaml`, `table`, `metadata`, `metadata-list`, `discovery`, or any other in
    /// full.
    #[serde(default)]
    pub accept: String,
    /// The name of the client.
    #[serde(default)]
    pub agent: String,
    /// The body.
    #[serde(default)]
    pub body: Option<Json>,
    /// The body as it is, where it is no JSON.
    #[serde(default)]
    pub text: Option<String>,
    /// The code with which the real server refuses it, so that a case says what it means: without, it does as it is told.
    #[serde(default)]
    pub code: Option<u16>,
    /// Whatever the real server answers is right: what is generated does not know.
    #[serde(skip)]
    pub any: bool,
    /// Values of the answer that later steps use: JSON pointers, by name.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
    /// The request is repeated until its answer has these values: by JSON pointer.
    #[serde(default)]
    pub until: BTreeMap<String, Json>,
    /// For a watch: how many events to wait for.
    #[serde(default)]
    pub events: Option<usize>,
}

impl Step {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.send.split(' ').next().unwrap_or_default()
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.send.split_once(' ').map_or("", |(_, path)| path.trim())
    }

    /// The content type in full.
    #[must_use]
    pub fn content_type(&self) -> &str {
        match &*self.content {
            "" | "json" => "application/json",
            "yaml" => "application/yaml",
            "merge" => "application/merge-patch+json",
            "strategic" => "application/strategic-merge-patch+json",
            "json-patch" => "application/json-patch+json",
            "apply" => "application/apply-patch+yaml",
            other => other,
        }
    }

    /// What is accepted, in full.
    #[must_use]
    pub fn accepted(&self) -> &str {
        match &*self.accept {
            "" | "json" => "application/json",
            "yaml" => "application/yaml",
            "table" => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            "metadata" => "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
            "metadata-list" => "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
            "discovery" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
            other => other,
        }
    }

    /// Whether the real server's code is the one that the case means.
    #[must_use]
    pub fn expects(&self, code: u16) -> bool {
        self.any || self.code.map_or((200..300).contains(&code), |expected| expected == code)
    }

    /// The verb, as Kubernetes calls it; `apply` for a server-side apply, `discovery` for what is no resource.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        let (path, query) = self.path().split_once('?').unwrap_or((self.path(), ""));
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let resource = match parts.first() {
            Some(&"api") => parts.get(2..),
            Some(&"apis") => parts.get(3..),
            _ => None,
        };
        let Some(resource @ [_, ..]) = resource else { return "discovery" };
        let one = match resource {
            ["namespaces", _, rest @ ..] if !rest.is_empty() && !matches!(rest, ["status" | "finalize"]) => {
                rest.len() > 1
            }
            rest => rest.len() > 1,
        };
        let watches = query.split('&').any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1"));
        match self.method() {
            "GET" if watches => "watch",
            "GET" if one => "get",
            "GET" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" if self.content_type().starts_with("application/apply-patch") => "apply",
            "PATCH" => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            _ => "other",
        }
    }
}

impl Case {
    /// Whether the case needs a namespace of its own.
    #[must_use]
    pub fn has_namespace(&self) -> bool {
        self.steps.iter().any(|step| step.send.contains("$ns") || step.body_text().contains("$ns"))
    }

    /// All cases of all files below a folder (`*.yaml`, each document one case), in the order of their names.
    ///
    /// # Errors
    /// If a file cannot be read, or is not made of cases.
    pub fn all_in(folder: &Path) -> Result<Vec<Self>, Error> {
        let mut cases = Vec::new();
        for path in files(folder)? {
            let place = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
            for mut case in Self::read(&path)? {
                case.name = format!("{}: {}", place.display(), case.name);
                cases.push(case);
            }
        }
        Ok(cases)
    }

    fn read(path: &Path) -> Result<Vec<Self>, Error> {
        let wrong = |what: String| Error::File { path: path.display().to_string(), what };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_yaml::from_multiple(&text).map_err(|error| wrong(error.to_string()))
    }
}

impl Step {
    /// The body as it is sent, before names are replaced.
    #[must_use]
    pub fn body_text(&self) -> String {
        match (&self.text, &self.body) {
            (Some(text), _) => text.clone(),
            (None, Some(body)) => body.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// All YAML files below a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let wrong = |error: std::io::Error| Error::File { path: folder.display().to_string(), what: error.to_string() };
    let mut found = Vec::new();
    // What is in a chart is no YAML before Helm has rendered it.
    if folder.join("Chart.yaml").exists() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
