//! The live target: real clusters by kubeconfig and context.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use crate::clock::{BoxFuture, Clock, RealClock};
use crate::cluster::{Cluster, ContextInfo, OpenOptions};
use crate::target::{ClusterSource, Network, RealNetwork, Target};
use crate::{Error, Kind, Result};

/// Sets up a [`Live`] target.
#[derive(Debug, Clone, Default)]
pub struct LiveBuilder {
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    clusters: std::collections::BTreeMap<String, Option<String>>,
    exec_plugins: Vec<String>,
    insecure: bool,
}

impl LiveBuilder {
    /// Reads this file instead of `KUBECONFIG` or `~/.kube/config`.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(path.into());
        self
    }

    /// Uses this context instead of the current one.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Gives a cluster a name of its own in scripts; without a context it is the current one.
    #[must_use]
    pub fn cluster(mut self, name: impl Into<String>, context: Option<String>) -> Self {
        self.clusters.insert(name.into(), context);
        self
    }

    /// Lets a kubeconfig run this program for credentials.
    #[must_use]
    pub fn allow_exec(mut self, program: impl Into<String>) -> Self {
        self.exec_plugins.push(program.into());
        self
    }

    /// Accepts a kubeconfig that does not verify the server's certificate.
    #[must_use]
    pub fn allow_insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// The target. Nothing is opened before it is used.
    #[must_use]
    pub fn build(self) -> Live {
        Live { options: Arc::new(self), clock: Arc::new(RealClock::new()), name: Arc::default() }
    }

    /// The context of the cluster of this name; none for the current one.
    fn context_of(&self, name: Option<&str>) -> Result<Option<String>> {
        let Some(name) = name else { return Ok(self.context.clone()) };
        match self.clusters.get(name) {
            Some(context) => Ok(context.clone().or_else(|| self.context.clone())),
            None if self.clusters.is_empty() => Ok(Some(name.to_owned())),
            None => {
                let known: Vec<&str> = self.clusters.keys().map(String::as_str).collect();
                Err(Error::new(Kind::NotFound, format!("there is no cluster named {name}"))
                    .hint(format!("customer.yaml names: {}", known.join(", "))))
            }
        }
    }

    /// How the cluster of this name is opened, or the one that a script has found by itself.
    fn opening(&self, name: Option<&str>, by: Option<&ClusterSource>) -> Result<OpenOptions> {
        Ok(match by {
            Some(by) => self.to_open(by.kubeconfig.clone().or_else(|| self.kubeconfig.clone()), by.context.clone()),
            None => self.to_open(self.kubeconfig.clone(), self.context_of(name)?),
        })
    }

    fn to_open(&self, kubeconfig: Option<PathBuf>, context: Option<String>) -> OpenOptions {
        OpenOptions {
            kubeconfig: kubeconfig.into_iter().collect(),
            context,
            allow_programs: self.exec_plugins.clone(),
            allow_insecure_tls: self.insecure,
            ..OpenOptions::default()
        }
    }

    /// The context that is meant; what people say of it where that cannot be told.
    fn context_name(&self) -> String {
        let current = || {
            let all = ContextInfo::all(self.kubeconfig.as_slice()).ok()?;
            all.into_iter().find(|context| context.current).map(|context| context.name)
        };
        self.context.clone().or_else(current).unwrap_or_else(|| {
            let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
            if in_pod { "in-cluster".to_owned() } else { "no cluster".to_owned() }
        })
    }
}

/// Real clusters.
#[derive(Clone)]
pub struct Live {
    options: Arc<LiveBuilder>,
    clock: Arc<RealClock>,
    name: Arc<OnceLock<String>>,
}

impl Live {
    /// The cluster of this context, from `KUBECONFIG` or `~/.kube/config`. Nothing is opened before it is used.
    #[must_use]
    pub fn context(name: impl Into<String>) -> Self {
        Self::builder().context(name).build()
    }

    /// Starts to set one up.
    #[must_use]
    pub fn builder() -> LiveBuilder {
        LiveBuilder::default()
    }
}

impl Target for Live {
    fn name(&self) -> String {
        self.name.get_or_init(|| self.options.context_name()).clone()
    }

    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let opening = self.options.opening(name, None);
        Box::pin(async move { Cluster::open(opening?, clock).await })
    }

    /// By the names that were given, and by the contexts behind them: those are what journals call the clusters.
    fn knows(&self, name: &str) -> bool {
        let LiveBuilder { context, clusters, .. } = &*self.options;
        let contexts = clusters.values().flatten().chain(context).any(|context| context == name);
        contexts || clusters.contains_key(name)
    }

    fn cluster_names(&self) -> Vec<String> {
        self.options.clusters.keys().cloned().collect()
    }

    fn kubeconfig(&self, cluster: Option<&str>, by: Option<&ClusterSource>) -> BoxFuture<Result<Zeroizing<String>>> {
        let opening = self.options.opening(cluster, by);
        Box::pin(async move { Cluster::kubeconfig(opening?).await })
    }

    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        let (name, clock) = (Some(name.to_owned()), self.clock.clone());
        let opening = self.options.opening(None, Some(by));
        Box::pin(async move { Cluster::open(OpenOptions { name, ..opening? }, clock).await })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn network(&self) -> Arc<dyn Network> {
        Arc::new(RealNetwork)
    }
}
