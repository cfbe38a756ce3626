//! What a session acts on: clusters, a network, a clock. Opening it is one place.

pub mod http;
mod live;
mod network;
mod outside;
mod shadow;

use std::sync::Arc;

use windlass_shadow::clock::Simulation;
use zeroize::Zeroizing;

use crate::clock::{BoxFuture, Clock};
use crate::cluster::Cluster;
use crate::{Error, Kind, Result};

pub use live::{Live, LiveBuilder};
pub(crate) use network::is_inside;
pub use network::{Connect, Connection, Dialed, Forward, Network, RealNetwork, Tell};
pub use outside::Proxy;
pub use shadow::{Shadow, ShadowBuilder};

/// Whether a simulated cluster can be used by other programs, such as Helm: with the feature `listen`.
pub const LISTENS: bool = cfg!(feature = "listen");

/// What a session acts on.
pub trait Target: Send + Sync + 'static {
    /// What people call it: the context's name.
    fn name(&self) -> String;

    /// Whether what is done here stays: false for a simulated cluster.
    fn is_live(&self) -> bool {
        true
    }

    /// Whether what is done here may write files on this machine: a rehearsal may not.
    fn writes_files(&self) -> bool {
        self.is_live()
    }

    /// Opens a cluster: the one that is meant without a name, or the one of that name. Called once for each name.
    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>>;

    /// Whether one of the target's clusters is known by this name, be it open yet or not.
    fn knows(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// The names that clusters were given, beside the one that is meant without a name.
    fn cluster_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Opens a cluster that a script has found by itself, under this name.
    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>>;

    /// The clock that everything on this target goes by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Where the target is simulated, if it is: futures that go by its clock must run there, and the bridge sees to that.
    fn simulation(&self) -> Option<Simulation> {
        None
    }

    /// Another target that is now as this one is, to find out on it what something would change: nothing of what is done there
    /// is done here.
    ///
    /// # Errors
    /// [`Kind::Usage`] where this is not to be had of such a target.
    fn forked(&self) -> Result<Arc<dyn Target>> {
        Err(Error::usage(format!("what would change on {} cannot be planned: it is no simulated cluster", self.name()))
            .hint("plans over live clusters come in a later version; until then `windlass rehearse`, or `windlass repl --rehearse` and :plan there, show it on a simulated one"))
    }

    /// Told when a session is stopped: work of the target's own that nobody will wait for any more is left.
    fn interrupt(&self) {}

    /// The network as the target sees it.
    fn network(&self) -> Arc<dyn Network>;

    /// A kubeconfig by which other programs, such as Helm, work on a cluster: the one that is meant without a name, or the one
    /// of that name, which a script may have found by itself. It holds credentials. To be waited for where sockets are.
    fn kubeconfig(&self, cluster: Option<&str>, _by: Option<&ClusterSource>) -> BoxFuture<Result<Zeroizing<String>>> {
        let name = cluster.map_or_else(|| self.name(), str::to_owned);
        Box::pin(async move {
            Err(Error::new(Kind::System, format!("there is no kubeconfig of {name} for other programs"))
                .hint("only a live cluster can be used by other programs such as Helm, or a simulated one that listens: build windlass-runtime with the feature `listen`"))
        })
    }
}

/// How a script finds a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSource {
    /// The kubeconfig; the session's own without it.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// The context in it; the current one without it.
    pub context: Option<String>,
}

/// A target that is chosen at run time.
impl<T: Target + ?Sized> Target for Arc<T> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn is_live(&self) -> bool {
        (**self).is_live()
    }

    fn writes_files(&self) -> bool {
        (**self).writes_files()
    }

    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        (**self).cluster(name)
    }

    fn knows(&self, name: &str) -> bool {
        (**self).knows(name)
    }

    fn cluster_names(&self) -> Vec<String> {
        (**self).cluster_names()
    }

    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        (**self).connect(name, by)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        (**self).clock()
    }

    fn simulation(&self) -> Option<Simulation> {
        (**self).simulation()
    }

    fn forked(&self) -> Result<Arc<dyn Target>> {
        (**self).forked()
    }

    fn interrupt(&self) {
        (**self).interrupt();
    }

    fn network(&self) -> Arc<dyn Network> {
        (**self).network()
    }

    fn kubeconfig(&self, cluster: Option<&str>, by: Option<&ClusterSource>) -> BoxFuture<Result<Zeroizing<String>>> {
        (**self).kubeconfig(cluster, by)
    }
}

/// A target without any cluster: for scripts that only compute, and for `windlass eval`.
pub struct NoTarget {
    clock: Arc<dyn Clock>,
}

impl NoTarget {
    /// A target on the machine's own clock.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: Arc::new(crate::RealClock::new()) }
    }
}

impl Default for NoTarget {
    fn default() -> Self {
        Self::new()
    }
}

impl Target for NoTarget {
    fn name(&self) -> String {
        "none".to_owned()
    }

    fn cluster(&self, _: Option<&str>) -> BoxFuture<Result<Cluster>> {
        Box::pin(async {
            Err(Error::usage("this session has no cluster").hint("name one with --context, or set KUBECONFIG"))
        })
    }

    fn connect(&self, _: &str, _: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        self.cluster(None)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn network(&self) -> Arc<dyn Network> {
        Arc::new(RealNetwork)
    }
}
