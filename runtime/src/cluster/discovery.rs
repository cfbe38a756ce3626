//! What the cluster serves: kinds, their names, groups, versions and verbs. Asked for when first needed, in two requests.

mod parse;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join;
use tokio::sync::Mutex;

use super::exchange::Exchange;
use super::failure::{Failure, Subject};
use super::{Cluster, Json};
use crate::error::{Error, Kind, Result};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                          application/json";

/// The groups that come with Kubernetes: their kinds are meant where others have the same names (Calico has a
/// NetworkPolicy of its own, Volcano a Job).
const BUILT_IN: [&str; 22] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// A kind of object that the cluster serves, in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKind {
    /// The group; empty for the core one.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind: `Deployment`.
    pub kind: String,
    /// The plural, as it stands in paths: `deployments`.
    pub plural: String,
    /// The singular: `deployment`.
    pub singular: String,
    /// Abbreviations: `deploy`.
    pub short_names: Vec<String>,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// What can be done with it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …
    pub verbs: Vec<String>,
    /// `status`, `scale`, `log`, …
    pub subresources: Vec<String>,
}

impl ApiKind {
    /// Group and version, as manifests have them: `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether it has this subresource.
    #[must_use]
    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.iter().any(|s| s == name)
    }

    /// Whether it has this verb.
    #[must_use]
    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    fn is_called(&self, word: &str) -> bool {
        let mut names = [&self.kind, &self.plural, &self.singular].into_iter().chain(&self.short_names);
        names.any(|name| name.eq_ignore_ascii_case(word))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            short_names: Vec::new(),
            namespaced,
            verbs: Vec::new(),
            subresources: Vec::new(),
        }
    }
}

/// `Deployment.apps`, or the kind alone in the core group.
impl fmt::Display for ApiKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// Everything a cluster serves, as of one moment.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Each group's versions stand in its order of preference, so the first match is the preferred one.
    kinds: Vec<Arc<ApiKind>>,
    /// Groups whose server did not answer.
    silent: Vec<String>,
}

enum Found {
    One(Arc<ApiKind>),
    None,
    Several(Vec<Arc<ApiKind>>),
}

impl Discovery {
    /// All kinds, each version by itself, the preferred one of a group first.
    #[must_use]
    pub fn kinds(&self) -> &[Arc<ApiKind>] {
        &self.kinds
    }

    /// The groups that were known but did not answer.
    #[must_use]
    pub fn silent_groups(&self) -> &[String] {
        &self.silent
    }

    /// The kind of a manifest's `apiVersion` and `kind`, exactly.
    #[must_use]
    pub fn by_api_version(&self, api_version: &str, kind: &str) -> Option<&Arc<ApiKind>> {
        self.kinds.iter().find(|k| k.kind == kind && k.api_version() == api_version)
    }

    fn find(&self, word: &str) -> Found {
        let (name, rest) = word.split_once('.').map_or((word, None), |(name, rest)| (name, Some(rest)));
        let named: Vec<_> = self.kinds.iter().filter(|k| k.is_called(name)).cloned().collect();
        let Some(rest) = rest else { return Self::choose(named) };
        // `deployments.v1.apps` before `deployments.apps`: a group never looks like a version.
        let (version, group) = match rest.split_once('.') {
            Some((version, group)) if is_version(version) => (Some(version), group),
            None if is_version(rest) => (Some(rest), ""),
            _ => (None, rest),
        };
        let fits = |k: &Arc<ApiKind>| k.group.eq_ignore_ascii_case(group) && version.is_none_or(|v| k.version == v);
        Self::choose(named.into_iter().filter(fits).collect())
    }

    /// Of kinds with the same name: the core group's, else the only built-in group's, else the only one there is.
    fn choose(named: Vec<Arc<ApiKind>>) -> Found {
        let mut groups: Vec<Arc<ApiKind>> = Vec::new();
        for kind in named {
            if !groups.iter().any(|g| g.group == kind.group && g.plural == kind.plural) {
                groups.push(kind);
            }
        }
        let built_in: Vec<_> = groups.iter().filter(|k| BUILT_IN.contains(&k.group.as_str())).cloned().collect();
        if let Some(core) = groups.iter().find(|k| k.group.is_empty()) {
            return Found::One(Arc::clone(core));
        }
        match (groups.as_slice(), built_in.as_slice()) {
            ([], _) => Found::None,
            ([one], _) | (_, [one]) => Found::One(Arc::clone(one)),
            _ => Found::Several(groups),
        }
    }

    fn nearest(&self, word: &str) -> Vec<String> {
        let name = word.split('.').next().unwrap_or(word).to_lowercase();
        let mut scored: Vec<(f64, String)> = Vec::new();
        for kind in &self.kinds {
            let names = [&kind.kind, &kind.plural].into_iter().chain(&kind.short_names);
            let score = names.map(|n| strsim::jaro_winkler(&n.to_lowercase(), &name)).fold(0.0, f64::max);
            if score > 0.8 && !scored.iter().any(|(_, shown)| *shown == kind.kind) {
                scored.push((score, kind.kind.clone()));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.into_iter().take(3).map(|(_, shown)| shown).collect()
    }
}

/// `v1`, `v2beta1`.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
}

/// The last answer, and a lock that makes one of several that ask at once the one that fetches.
#[derive(Debug, Default)]
pub(crate) struct DiscoveryCache(Mutex<Option<Arc<Discovery>>>);

impl Cluster {
    /// What the cluster serves; fetched once, then kept.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn discovery(&self) -> Result<Arc<Discovery>> {
        let mut kept = self.shared.discovery.0.lock().await;
        if let Some(known) = kept.as_ref() {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::clone(kept.insert(self.fetch_discovery().await?)))
    }

    /// Fetches anew what the cluster serves: to be called after CustomResourceDefinitions were established.
    ///
    /// # Errors
    /// If the API server does not answer.
    pub async fn refresh_discovery(&self) -> Result<Arc<Discovery>> {
        let mut kept = self.shared.discovery.0.lock().await;
        Ok(Arc::clone(kept.insert(self.fetch_discovery().await?)))
    }

    /// The kind that `word` means: a kind, plural, singular or short name, upper or lower case, alone, with a group
    /// (`Certificate.cert-manager.io`) or with version and group (`deployments.v1.apps`).
    ///
    /// An unknown one is looked for once more, in case its CustomResourceDefinition is new.
    ///
    /// # Errors
    /// [`Kind::NotFound`] with the nearest kinds, [`Kind::Usage`] if several groups have one of that name.
    pub async fn kind(&self, word: &str) -> Result<Arc<ApiKind>> {
        let mut discovery = self.discovery().await?;
        let mut found = discovery.find(word);
        if matches!(found, Found::None) {
            discovery = self.refresh_discovery().await?;
            found = discovery.find(word);
        }
        match found {
            Found::One(kind) => Ok(kind),
            Found::Several(kinds) => {
                let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                let message = format!("{word} is the name of several kinds: {}", names.join(", "));
                Err(Error::usage(message).hint(format!("say which one: \"{}\"", names[0])))
            }
            Found::None => Err(self.unknown_kind(word, &discovery)),
        }
    }

    /// The kind of a manifest's `apiVersion` and `kind`, looked for once more if unknown.
    ///
    /// # Errors
    /// [`Kind::NotFound`], with the versions that are served or the nearest kinds.
    pub async fn kind_of(&self, api_version: &str, kind: &str) -> Result<Arc<ApiKind>> {
        if let Some(known) = self.discovery().await?.by_api_version(api_version, kind) {
            return Ok(Arc::clone(known));
        }
        let discovery = self.refresh_discovery().await?;
        if let Some(known) = discovery.by_api_version(api_version, kind) {
            return Ok(Arc::clone(known));
        }
        let mut others: Vec<String> =
            discovery.kinds.iter().filter(|k| k.kind == kind).map(|k| k.api_version()).collect();
        others.dedup();
        if others.is_empty() {
            return Err(self.unknown_kind(&format!("{kind} ({api_version})"), &discovery));
        }
        let message = format!("cluster {} does not serve {kind} in {api_version}", self.name());
        Err(Error::new(Kind::NotFound, message).hint(format!("it serves {kind} in {}", others.join(", "))))
    }

    /// The kind of a manifest's `apiVersion` and `kind`, waited for: it is served a moment after its definition says
    /// that it is established.
    ///
    /// # Errors
    /// What [`Cluster::kind_of`] says when the time is over.
    pub async fn kind_of_within(&self, api_version: &str, kind: &str, within: Duration) -> Result<Arc<ApiKind>> {
        let clock = Arc::clone(self.clock());
        let end = clock.now() + within;
        loop {
            match self.kind_of(api_version, kind).await {
                Err(error) if error.kind() == Kind::NotFound && clock.now() < end => {
                    clock.sleep(Duration::from_millis(200)).await;
                }
                other => return other,
            }
        }
    }

    fn unknown_kind(&self, word: &str, discovery: &Discovery) -> Error {
        let error = Error::new(Kind::NotFound, format!("cluster {} knows no kind {word}", self.name()));
        let nearest = discovery.nearest(word.split(' ').next().unwrap_or(word));
        match (nearest.as_slice(), discovery.silent.as_slice()) {
            ([], []) => error.hint("is the CustomResourceDefinition that it comes from installed?"),
            ([], silent) => error.hint(format!("these API groups do not answer at the moment: {}", silent.join(", "))),
            (nearest, _) => error.hint(format!("did you mean {}?", nearest.join(" or "))),
        }
    }

    async fn fetch_discovery(&self) -> Result<Arc<Discovery>> {
        let subject = self.discovery_subject();
        let (core, groups) = try_join(self.discover("/api"), self.discover("/apis"))
            .await
            .map_err(|failure| failure.into_error(&subject))?;
        let mut discovery = Discovery::default();
        for answer in [core, groups] {
            if parse::is_aggregated(&answer) {
                parse::aggregated(&answer, &mut discovery);
            } else {
                self.discover_plainly(&answer, &mut discovery).await.map_err(|f| f.into_error(&subject))?;
            }
        }
        Ok(Arc::new(discovery))
    }

    /// One request a version, as servers before 1.27 and simple ones need it.
    async fn discover_plainly(&self, answer: &Json, into: &mut Discovery) -> Result<(), Failure> {
        for (group, version) in parse::group_versions(answer) {
            let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
            match self.discover(&path).await {
                Ok(resources) => parse::resources(&resources, &group, &version, into),
                // An aggregated API whose server is down must not hide all others.
                Err(Failure::Status(_)) if !group.is_empty() => into.silent.push(group),
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn discover(&self, path: &str) -> Result<Json, Failure> {
        let mut exchange = Exchange::get(path.to_owned(), self.discovery_subject());
        exchange.accept = AGGREGATED;
        self.exchange_json(&exchange).await
    }

    fn discovery_subject(&self) -> Subject {
        Subject {
            verb: "read",
            resource: "the list of served kinds".into(),
            group_resource: "its list of served kinds".into(),
            namespace: None,
            single: false,
            cluster: self.name().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
