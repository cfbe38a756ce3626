//! The live target: real clusters by kubeconfig and context.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use crate::clock::{BoxFuture, Clock, RealClock};
use crate::cluster::{Cluster, ContextInfo, OpenOptions};
use crate::target::{Network, RealNetwork, Target};
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

    /// How the cluster of this name is opened.
    fn connect(&self, name: Option<&str>) -> Result<OpenOptions> {
        let context = match name {
            None => self.context.clone(),
            Some(name) => match self.clusters.get(name) {
                Some(context) => context.clone().or_else(|| self.context.clone()),
                None if self.clusters.is_empty() => Some(name.to_owned()),
                None => {
                    let known: Vec<&str> = self.clusters.keys().map(String::as_str).collect();
                    return Err(Error::new(Kind::NotFound, format!("there is no cluster named {name}"))
                        .hint(format!("customer.yaml names: {}", known.join(", "))));
                }
            },
        };
        Ok(OpenOptions {
            kubeconfig: self.kubeconfig.clone().into_iter().collect(),
            context,
            allow_programs: self.exec_plugins.clone(),
            allow_insecure_tls: self.insecure,
            ..OpenOptions::default()
        })
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
        let connect = self.options.connect(name);
        Box::pin(async move { Cluster::open(connect?, clock).await })
    }

    fn kubeconfig(&self, cluster: Option<&str>) -> BoxFuture<Result<Zeroizing<String>>> {
        let connect = self.options.connect(cluster);
        Box::pin(async move { Cluster::kubeconfig(connect?).await })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn network(&self) -> Arc<dyn Network> {
        Arc::new(RealNetwork)
    }
}
