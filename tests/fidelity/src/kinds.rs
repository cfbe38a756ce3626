//! Which kinds there are, where their objects are found, and of what types they are: as the server itself says.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::cluster::{Cluster, Sent};
use crate::{Error, Json};

/// A resource, and the type of its objects.
#[derive(Debug, Clone)]
pub struct Kind {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
    /// Its subresources, such as `status`.
    pub subresources: Vec<String>,
}

impl Kind {
    /// The path of the collection, in the namespace `$ns`.
    #[must_use]
    pub fn path(&self) -> String {
        let root = if self.api_version.contains('/') { "apis" } else { "api" };
        let namespace = if self.namespaced { "/namespaces/$ns" } else { "" };
        format!("/{root}/{}{namespace}/{}", self.api_version, self.plural)
    }
}

/// All that is served.
#[derive(Debug, Default)]
pub struct Kinds {
    kinds: BTreeMap<(String, String), Kind>,
    documents: BTreeMap<String, Json>,
}

impl Kinds {
    /// As the cluster says.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn of(cluster: &Cluster) -> Result<Self, Error> {
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let mut found = Self::default();
        for root in ["/api", "/apis"] {
            let groups = get(cluster, root, accept).await?;
            for group in list(&groups, "/items") {
                found.add_group(group);
            }
        }
        let versions: Vec<String> = found.kinds.keys().map(|(api_version, _)| api_version.clone()).collect();
        for api_version in versions {
            if let Entry::Vacant(place) = found.documents.entry(api_version) {
                let root = if place.key().contains('/') { "apis" } else { "api" };
                let path = format!("/openapi/v3/{root}/{}", place.key());
                place.insert(get(cluster, &path, "application/json").await?);
            }
        }
        Ok(found)
    }

    fn add_group(&mut self, group: &Json) {
        let name = text(group, "/metadata/name");
        for version in list(group, "/versions") {
            let api_version = if name.is_empty() {
                text(version, "/version")
            } else {
                format!("{name}/{}", text(version, "/version"))
            };
            for resource in list(version, "/resources") {
                let kind = Kind {
                    api_version: api_version.clone(),
                    kind: text(resource, "/responseKind/kind"),
                    plural: text(resource, "/resource"),
                    namespaced: text(resource, "/scope") == "Namespaced",
                    subresources: list(resource, "/subresources").iter().map(|s| text(s, "/subresource")).collect(),
                };
                self.kinds.insert((api_version.clone(), kind.kind.clone()), kind);
            }
        }
    }

    /// The kind of an object.
    #[must_use]
    pub fn of_object(&self, object: &Json) -> Option<&Kind> {
        self.kinds.get(&(text(object, "/apiVersion"), text(object, "/kind")))
    }

    /// The type of a kind's objects, as its document describes it.
    #[must_use]
    pub fn schema(&self, kind: &Kind) -> Option<&Json> {
        let schemas = self.documents.get(&kind.api_version)?.pointer("/components/schemas")?.as_object()?;
        let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
        schemas.values().find(|schema| {
            list(schema, "/x-kubernetes-group-version-kind").iter().any(|it| {
                (text(it, "/group"), text(it, "/version"), text(it, "/kind"))
                    == (group.to_owned(), version.to_owned(), kind.kind.clone())
            })
        })
    }

    /// What a part of a schema refers to, in the document of a kind.
    #[must_use]
    pub fn resolve<'a>(&'a self, kind: &Kind, schema: &'a Json) -> &'a Json {
        let referred = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Json::as_str);
        let place = referred.and_then(|place| place.strip_prefix('#'));
        let document = self.documents.get(&kind.api_version);
        place.zip(document).and_then(|(place, document)| document.pointer(place)).unwrap_or(schema)
    }
}

async fn get(cluster: &Cluster, path: &str, accept: &str) -> Result<Json, Error> {
    let sent = Sent { method: "GET".into(), path: path.into(), accept: accept.into(), ..Sent::default() };
    Ok(cluster.send(&sent).await?.body)
}

fn text(of: &Json, pointer: &str) -> String {
    of.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(of: &'a Json, pointer: &str) -> &'a [Json] {
    of.pointer(pointer).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}
