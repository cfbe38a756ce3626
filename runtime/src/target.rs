//! What a session acts on: clusters, a network, a clock. Opening it is one place.

pub mod http;
mod live;
mod shadow;

use std::sync::Arc;

use windlass_shadow::clock::Simulation;
use zeroize::Zeroizing;

use crate::clock::{BoxFuture, Clock};
use crate::cluster::Cluster;
use crate::{Error, Kind, Result};

pub use live::{Live, LiveBuilder};
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

    /// Opens a cluster that a script has found by itself, under this name.
    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>>;

    /// The clock that everything on this target goes by.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Where the target is simulated, if it is: futures that go by its clock must run there, and the bridge sees to that.
    fn simulation(&self) -> Option<Simulation> {
        None
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

    fn connect(&self, name: &str, by: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        (**self).connect(name, by)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        (**self).clock()
    }

    fn simulation(&self) -> Option<Simulation> {
        (**self).simulation()
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

/// What is found behind a name and a port.
pub enum Dialed {
    /// A connection.
    Connection(Box<dyn Connection>),
    /// It is taken to answer, and nothing more can be said: for this reason.
    Assumed(&'static str),
}

/// A stream of bytes to a port.
pub trait Connection: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Connection for T {}

/// The network as the target sees it: a simulated one answers from its Services.
pub trait Network: Send + Sync + 'static {
    /// The addresses of a name.
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<std::net::IpAddr>>>;

    /// Connects to a port.
    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>>;

    /// Lets a free port of this machine's loopback interface lead elsewhere, until the result is dropped.
    fn forward(&self, connect: Connect) -> BoxFuture<Result<Forward>> {
        drop(connect);
        Box::pin(std::future::ready(Err(Error::new(Kind::Unavailable, "no port can be forwarded on this target"))))
    }
}

/// Makes a connection to where a forwarded port leads.
pub type Connect = Arc<dyn Fn() -> BoxFuture<Result<Box<dyn Connection>>> + Send + Sync>;

/// A forwarded port: it ends when this is dropped, and with it the connections through it.
pub struct Forward {
    port: u16,
    _end: Box<dyn std::any::Any + Send>,
}

impl Forward {
    /// A port that leads elsewhere until `end` is dropped.
    #[must_use]
    pub fn new(port: u16, end: impl std::any::Any + Send) -> Self {
        Self { port, _end: Box::new(end) }
    }

    /// The port on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A task that ends with this.
struct Ends(tokio::task::JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lets everybody who connects to this socket reach the other side, and forgets those that have left.
async fn forward_all(socket: tokio::net::TcpListener, connect: Connect) {
    let mut clients = tokio::task::JoinSet::new();
    while let Ok((mut stream, _)) = socket.accept().await {
        while clients.try_join_next().is_some() {}
        let connecting = connect();
        clients.spawn(async move {
            match connecting.await {
                Ok(mut other) => drop(tokio::io::copy_bidirectional(&mut stream, &mut other).await),
                Err(error) => tracing::warn!(%error, "a forwarded connection failed"),
            }
        });
    }
}

/// The machine's own network.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealNetwork;

impl Network for RealNetwork {
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<std::net::IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let addresses = found.map_err(|e| {
                Error::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
                    .hint("is it in DNS or in /etc/hosts of this machine?")
                    .source(e)
            })?;
            let mut addresses: Vec<_> = addresses.map(|a| a.ip()).collect();
            addresses.dedup();
            Ok(addresses)
        })
    }

    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>> {
        let host = host.to_owned();
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect((host.as_str(), port)).await.map_err(|e| {
                Error::new(Kind::Unavailable, format!("{host}:{port} does not accept a connection")).source(e)
            })?;
            Ok(Dialed::Connection(Box::new(stream)))
        })
    }

    fn forward(&self, connect: Connect) -> BoxFuture<Result<Forward>> {
        Box::pin(async move {
            let unopened = |e| Error::new(Kind::System, "no port of 127.0.0.1 can be opened").source(e);
            let socket = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(unopened)?;
            let port = socket.local_addr().map_err(unopened)?.port();
            Ok(Forward::new(port, Ends(tokio::spawn(forward_all(socket, connect)))))
        })
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
