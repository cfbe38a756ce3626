//! The API's own schemas, as far as they say how lists and maps are merged. Fetched group by group when first needed.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::diff::{ListType, ListTypes};
use super::exchange::Exchange;
use super::failure::{Failure, Subject};
use super::fields::{FieldPath, Segment};
use super::{Cluster, Json};
use crate::error::Result;

/// The schema of one kind in one version.
#[derive(Debug, Clone)]
pub struct Schema {
    document: Arc<Document>,
    root: String,
}

/// One group and version, reduced to what is asked here: prose and validation are not kept.
#[derive(Debug, Default)]
struct Document {
    nodes: HashMap<String, Node>,
    /// From `group/version/kind` to the name of its node.
    kinds: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "allOf")]
    all_of: Vec<Node>,
    properties: HashMap<String, Node>,
    items: Option<Box<Node>>,
    #[serde(rename = "additionalProperties")]
    additional: Option<Additional>,
    default: Option<Json>,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    map_type: Option<String>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    open: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    kinds: Vec<KindName>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Additional {
    Node(Box<Node>),
    Flag(#[allow(dead_code, reason = "it only has to be read")] bool),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KindName {
    group: String,
    version: String,
    kind: String,
}

#[derive(Deserialize)]
struct RawDocument {
    #[serde(default)]
    components: RawComponents,
}

#[derive(Default, Deserialize)]
struct RawComponents {
    #[serde(default)]
    schemas: HashMap<String, Node>,
}

impl Document {
    fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let raw: RawDocument = serde_json::from_slice(bytes)
            .map_err(|e| Failure::Unreadable(format!("it is no OpenAPI document ({e})")))?;
        let nodes = raw.components.schemas;
        let mut kinds = HashMap::new();
        for (name, node) in &nodes {
            for kind in &node.kinds {
                kinds.insert(format!("{}/{}/{}", kind.group, kind.version, kind.kind), name.clone());
            }
        }
        Ok(Self { nodes, kinds })
    }

    /// Follows references; an `allOf` of one is how the API attaches a description to a reference.
    fn target<'a>(&'a self, node: &'a Node) -> &'a Node {
        let mut node = node;
        for _ in 0..8 {
            let reference = node.reference.as_deref().or_else(|| node.all_of.first()?.reference.as_deref());
            let name = reference.and_then(|r| r.strip_prefix("#/components/schemas/"));
            match name.and_then(|n| self.nodes.get(n)) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }
}

impl Schema {
    /// The node at a path, itself and what it refers to: an extension may stand at either.
    fn at(&self, path: &FieldPath) -> Option<(&Node, &Node)> {
        let mut own = self.document.nodes.get(&self.root)?;
        let mut target = self.document.target(own);
        for segment in path.segments() {
            own = match segment {
                Segment::Field(name) => match (target.properties.get(name), &target.additional) {
                    (Some(node), _) => node,
                    (None, Some(Additional::Node(node))) => node,
                    _ => return None,
                },
                _ => target.items.as_deref()?,
            };
            target = self.document.target(own);
        }
        Some((own, target))
    }

    /// Whether the map at this path is owned as one.
    #[must_use]
    pub fn is_atomic_map(&self, path: &FieldPath) -> bool {
        self.at(path).is_some_and(|(own, target)| {
            [own, target].into_iter().any(|node| node.map_type.as_deref() == Some("atomic"))
        })
    }

    /// Whether the kind has this field; none where anything goes.
    #[must_use]
    pub fn has_field(&self, path: &FieldPath) -> Option<bool> {
        if self.at(path).is_some() {
            return Some(true);
        }
        let segments = path.segments();
        let closed = (0..segments.len()).rev().find_map(|end| {
            let above = segments[..end].iter().cloned().fold(FieldPath::root(), |p, s| p.child(s));
            self.at(&above).map(|(own, target)| !own.open && !target.open && !target.properties.is_empty())
        });
        closed.unwrap_or(false).then_some(false)
    }

    /// The field that was probably meant by one that the kind does not have.
    #[must_use]
    pub fn nearest(&self, path: &FieldPath) -> Option<FieldPath> {
        let (Segment::Field(wrong), above) = path.segments().split_last()? else { return None };
        let parent = above.iter().cloned().fold(FieldPath::root(), |p, s| p.child(s));
        let (_, target) = self.at(&parent)?;
        let score = |name: &String| strsim::jaro_winkler(name, wrong);
        let best = target.properties.keys().max_by(|a, b| score(a).total_cmp(&score(b)).then(b.cmp(a)))?;
        (score(best) > 0.8).then(|| parent.field(best))
    }

    /// What the server fills in for a field that is left out, where the schema says it.
    #[must_use]
    pub fn default_at(&self, path: &FieldPath) -> Option<&Json> {
        self.at(path).and_then(|(own, target)| own.default.as_ref().or(target.default.as_ref()))
    }
}

impl ListTypes for Schema {
    fn list_type(&self, path: &FieldPath) -> ListType {
        let Some((own, target)) = self.at(path) else { return ListType::Unknown };
        let node = if own.list_type.is_some() { own } else { target };
        match node.list_type.as_deref() {
            Some("map") => ListType::Keyed(node.list_keys.clone()),
            Some("set") => ListType::Set,
            Some(_) => ListType::Atomic,
            // A list that says nothing is atomic; what is no list at all is unknown.
            None if node.items.is_some() => ListType::Atomic,
            None => ListType::Unknown,
        }
    }
}

/// The index, and each document behind a cell of its own, so that two groups are fetched side by side.
#[derive(Debug, Default)]
pub(crate) struct SchemaCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    index: Option<HashMap<String, String>>,
    documents: HashMap<String, Arc<OnceCell<Arc<Document>>>>,
}

impl Cluster {
    /// The schema of a kind; none if the cluster publishes none for it.
    ///
    /// # Errors
    /// If the API server does not answer, or not as it should.
    pub async fn schema(&self, api_version: &str, kind: &str) -> Result<Option<Schema>> {
        self.try_schema(api_version, kind).await.map_err(|failure| failure.into_error(&self.schema_subject()))
    }

    /// Forgets all schemas: to be called after CustomResourceDefinitions have changed.
    pub async fn forget_schemas(&self) {
        *self.shared.schemas.0.lock().await = Kept::default();
    }

    async fn try_schema(&self, api_version: &str, kind: &str) -> Result<Option<Schema>, Failure> {
        let group_version =
            if api_version.contains('/') { format!("apis/{api_version}") } else { format!("api/{api_version}") };
        let Some((address, cell)) = self.schema_address(&group_version).await? else { return Ok(None) };
        let fetch = || async {
            let exchange = Exchange::get(address, self.schema_subject());
            Document::read(&self.exchange(&exchange).await?).map(Arc::new)
        };
        let document = Arc::clone(cell.get_or_try_init(fetch).await?);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let root = document.kinds.get(&format!("{group}/{version}/{kind}")).cloned();
        Ok(root.map(|root| Schema { document, root }))
    }

    /// Where a group's document is; the index is fetched anew if it does not know the group.
    async fn schema_address(
        &self,
        group_version: &str,
    ) -> Result<Option<(String, Arc<OnceCell<Arc<Document>>>)>, Failure> {
        let mut kept = self.shared.schemas.0.lock().await;
        let known = kept.index.as_ref().is_some_and(|index| index.contains_key(group_version));
        if !known {
            kept.index = Some(self.schema_index().await?);
        }
        let Some(address) = kept.index.as_ref().and_then(|index| index.get(group_version)).cloned() else {
            return Ok(None);
        };
        let cell = Arc::clone(kept.documents.entry(group_version.to_owned()).or_default());
        Ok(Some((address, cell)))
    }

    async fn schema_index(&self) -> Result<HashMap<String, String>, Failure> {
        let answer = match self.exchange_json(&Exchange::get("/openapi/v3".into(), self.schema_subject())).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_not_found() => return Ok(HashMap::new()),
            Err(failure) => return Err(failure),
        };
        let paths = answer.get("paths").and_then(Json::as_object);
        let address = |(name, entry): (&String, &Json)| {
            let url = entry.get("serverRelativeURL").and_then(Json::as_str)?;
            // Only a path on this server: nothing else is asked with its credentials.
            url.starts_with("/openapi/v3/").then(|| (name.clone(), url.to_owned()))
        };
        Ok(paths.map(|p| p.iter().filter_map(address).collect()).unwrap_or_default())
    }

    fn schema_subject(&self) -> Subject {
        Subject {
            verb: "read",
            resource: "the API's schemas".into(),
            group_resource: "/openapi/v3".into(),
            namespace: None,
            single: false,
            cluster: self.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
