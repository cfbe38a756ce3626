//! How objects are named: `Deployment/web`, `Certificate.cert-manager.io/web`, with the namespace beside it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::discovery::ApiKind;
use super::exchange::uri;
use super::failure::Subject;
use super::{Cluster, Json};
use crate::error::{Error, Kind, Result};

/// A name as scripts write it: `"Kind/name"`, `"Kind.group/name"`; plural and short names of the kind do too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourceRef {
    /// The kind, in any of its names, with a group where one was given: `Deployment`, `deploy`, `deployments.apps`.
    pub kind: String,
    /// The object's name.
    pub name: String,
}

impl ResourceRef {
    /// Reads `"Kind/name"`.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not of that form, with what is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let hint = "write \"Kind/name\" or \"Kind.group/name\"; the namespace is an option of its own";
        let wrong = |why: &str| Error::usage(format!("{} is no name of an object: {why}", quoted(text))).hint(hint);
        let mut parts = text.split('/');
        let (Some(kind), Some(name)) = (parts.next(), parts.next()) else {
            return Err(wrong("it has no \"/\" between kind and name"));
        };
        if parts.next().is_some() {
            return Err(wrong("it has more than one \"/\""));
        }
        check_kind(kind).map_err(|why| wrong(&why))?;
        check_segment(name).map_err(|why| wrong(&why))?;
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }

    /// Reads the kind alone, as lists take it: `"Pod"`, `"certificates.cert-manager.io"`.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not of that form, with what is wrong.
    pub fn parse_kind(text: &str) -> Result<String> {
        let wrong = |why: &str| Error::usage(format!("{} is no kind: {why}", quoted(text)));
        if text.contains('/') {
            return Err(wrong("it has a \"/\"").hint("here all objects of a kind are meant: write \"Kind\" alone"));
        }
        check_kind(text).map_err(|why| wrong(&why).hint("write \"Kind\" or \"Kind.group\""))?;
        Ok(text.to_owned())
    }
}

impl FromStr for ResourceRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// One object of one cluster, exactly. Shown as `Deployment/web in shop`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceId {
    /// The cluster's name.
    pub cluster: String,
    /// Group and version: `v1`, `apps/v1`.
    pub api_version: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// The plural, as it stands in paths: `deployments`.
    pub plural: String,
    /// The namespace; none for what is cluster-wide.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ResourceId {
    /// The `Namespace` object of this name; known without asking the cluster.
    #[must_use]
    pub fn namespace_object(cluster: &str, name: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            api_version: "v1".into(),
            kind: "Namespace".into(),
            plural: "namespaces".into(),
            namespace: None,
            name: name.to_owned(),
        }
    }

    /// The group; empty for the core one.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The collection it is in.
    #[must_use]
    pub fn collection(&self) -> Collection {
        Collection {
            cluster: self.cluster.clone(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
            namespace: self.namespace.clone(),
        }
    }

    /// Its path on the API server.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", collection_path(&self.api_version, self.namespace.as_deref(), &self.plural), self.name)
    }

    pub(crate) fn subject(&self, verb: &'static str) -> Subject {
        Subject {
            verb,
            resource: self.to_string(),
            group_resource: group_resource(&self.plural, self.group()),
            namespace: self.namespace.clone(),
            single: true,
            cluster: self.cluster.clone(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// All objects of one kind, in one namespace or everywhere. Shown as `deployments in shop`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Collection {
    /// The cluster's name.
    pub cluster: String,
    /// Group and version: `v1`, `apps/v1`.
    pub api_version: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// The plural, as it stands in paths: `deployments`.
    pub plural: String,
    /// The namespace; none for all of them, and for what is cluster-wide.
    pub namespace: Option<String>,
}

impl Collection {
    /// All objects of `kind`, in one namespace or everywhere.
    #[must_use]
    pub fn of(cluster: &str, kind: &ApiKind, namespace: Option<&str>) -> Self {
        Self {
            cluster: cluster.to_owned(),
            api_version: kind.api_version(),
            kind: kind.kind.clone(),
            plural: kind.plural.clone(),
            namespace: namespace.map(str::to_owned),
        }
    }

    /// The object of this name in it. Meaningful where it is of one namespace, or of a cluster-wide kind.
    #[must_use]
    pub fn member(&self, name: &str) -> ResourceId {
        ResourceId {
            cluster: self.cluster.clone(),
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
            namespace: self.namespace.clone(),
            name: name.to_owned(),
        }
    }

    /// Its path on the API server.
    #[must_use]
    pub fn path(&self) -> String {
        collection_path(&self.api_version, self.namespace.as_deref(), &self.plural)
    }

    pub(crate) fn uri(&self, query: &[(&str, &str)]) -> String {
        uri(&self.path(), query)
    }

    pub(crate) fn subject(&self, verb: &'static str) -> Subject {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        Subject {
            verb,
            resource: self.to_string(),
            group_resource: group_resource(&self.plural, group),
            namespace: self.namespace.clone(),
            single: false,
            cluster: self.cluster.clone(),
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} in {namespace}", self.plural),
            None => f.write_str(&self.plural),
        }
    }
}

impl Cluster {
    /// One object, from its name as a script writes it and the option `namespace`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a namespace with a cluster-wide kind or a name that no object can have, and whatever
    /// [`Cluster::kind`] says.
    pub async fn resource(&self, reference: &ResourceRef, namespace: Option<&str>) -> Result<ResourceId> {
        let kind = self.kind(&reference.kind).await?;
        self.identify(&kind, &reference.name, namespace)
    }

    /// One object of a kind that is known.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a namespace with a cluster-wide kind, or a name that no object can have.
    pub fn identify(&self, kind: &ApiKind, name: &str, namespace: Option<&str>) -> Result<ResourceId> {
        check_name(name, kind)?;
        let namespace = self.place(kind, namespace)?;
        Ok(Collection::of(self.name(), kind, namespace).member(name))
    }

    /// The object that a manifest describes: its own namespace, else `namespace`, else the default one.
    ///
    /// # Errors
    /// [`Kind::Malformed`] if apiVersion, kind or name is missing, [`Kind::Usage`] if the manifest's namespace is not
    /// the one that is asked for, and whatever [`Cluster::kind_of`] says.
    pub async fn identify_object(&self, object: &Json, namespace: Option<&str>) -> Result<ResourceId> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).filter(|t| !t.is_empty());
        let name = text("/metadata/name").ok_or_else(|| {
            let kind = text("/kind").unwrap_or("object");
            Error::new(Kind::Malformed, format!("the manifest of this {kind} has no metadata.name"))
        })?;
        let missing = |what: &str| Error::new(Kind::Malformed, format!("the manifest of {name} has no {what}"));
        let api_version = text("/apiVersion").ok_or_else(|| missing("apiVersion"))?;
        let kind = self.kind_of(api_version, text("/kind").ok_or_else(|| missing("kind"))?).await?;
        if !kind.namespaced {
            // A namespace in the options of a whole folder is for those of its objects that take one.
            return self.identify(&kind, name, None);
        }
        let own = text("/metadata/namespace");
        if let (Some(own), Some(asked)) = (own, namespace)
            && own != asked
        {
            let message = format!("{}/{name} says namespace {own}, and {asked} was asked for", kind.kind);
            return Err(Error::usage(message).hint("leave out one of them, or make them equal"));
        }
        self.identify(&kind, name, own.or(namespace))
    }

    /// All objects of a kind: in `namespace`, else in the default one, or with `everywhere` in all.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a namespace with a cluster-wide kind, and whatever [`Cluster::kind`] says.
    pub async fn collection(&self, kind: &str, namespace: Option<&str>, everywhere: bool) -> Result<Collection> {
        let kind = self.kind(&ResourceRef::parse_kind(kind)?).await?;
        if everywhere && let Some(namespace) = namespace {
            return Err(Error::usage(format!("either namespace {namespace} or all namespaces, not both")));
        }
        let namespace = if everywhere { None } else { self.place(&kind, namespace)? };
        Ok(Collection::of(self.name(), &kind, namespace))
    }

    fn place<'a>(&'a self, kind: &ApiKind, namespace: Option<&'a str>) -> Result<Option<&'a str>> {
        match (kind.namespaced, namespace) {
            (false, None) => Ok(None),
            (false, Some(namespace)) => Err(Error::usage(format!(
                "{} is cluster-wide: it has no namespace, and {namespace} was given",
                kind.kind
            ))
            .hint("leave out the option namespace")),
            (true, given) => {
                let namespace = given.unwrap_or_else(|| self.default_namespace());
                let why = label_fault(namespace);
                why.map_or(Ok(Some(namespace)), |why| {
                    Err(Error::usage(format!("{} is no name of a namespace: {why}", quoted(namespace))))
                })
            }
        }
    }
}

pub(crate) fn collection_path(api_version: &str, namespace: Option<&str>, plural: &str) -> String {
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    match namespace {
        Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("{root}/{api_version}/{plural}"),
    }
}

fn group_resource(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// A text that a person gave, made fit to be shown: control characters escaped, long ones cut.
fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(80).collect();
    if cut.len() < text.len() { format!("{cut:?}…") } else { format!("{cut:?}") }
}

fn check_kind(kind: &str) -> Result<(), String> {
    if kind.is_empty() {
        return Err("the kind is empty".into());
    }
    let odd = kind.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'));
    match odd {
        Some(c) => Err(format!("a kind has no {c:?}")),
        None if kind.starts_with(['.', '-']) || kind.ends_with(['.', '-']) || kind.contains("..") => {
            Err("the kind has an empty part".into())
        }
        None => Ok(()),
    }
}

/// What every name must be, of whatever kind: one segment of a path.
fn check_segment(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the name is empty".into());
    }
    if name == "." || name == ".." || name.len() > 253 {
        return Err("no object can have that name".into());
    }
    match name.chars().find(|c| {
        c.is_control() || c.is_whitespace() || matches!(c, '/' | '%' | '?' | '#' | '\\' | '"') || !c.is_ascii()
    }) {
        Some(c) => Err(format!("a name has no {c:?}")),
        None => Ok(()),
    }
}

fn check_name(name: &str, kind: &ApiKind) -> Result<()> {
    let wrong = |why: String| Error::usage(format!("{} is no name for a {}: {why}", quoted(name), kind.kind));
    check_segment(name).map_err(wrong)?;
    // Roles and bindings may have names such as `system:node`.
    if kind.group == "rbac.authorization.k8s.io" {
        return Ok(());
    }
    for part in name.split('.') {
        if part.is_empty() || part.starts_with('-') || part.ends_with('-') {
            return Err(wrong("each part between dots starts and ends with a letter or digit".into()));
        }
        if let Some(c) = part.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-') {
            return Err(wrong(format!("it may have lower-case letters, digits, \"-\" and \".\", not {c:?}")));
        }
    }
    Ok(())
}

fn label_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 63 {
        Some("it has more than 63 characters")
    } else if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        Some("it may have lower-case letters, digits and \"-\" only")
    } else if name.starts_with('-') || name.ends_with('-') {
        Some("it starts and ends with a letter or digit")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
