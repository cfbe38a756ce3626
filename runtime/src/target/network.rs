//! The network that a target is in: names, connections, forwarded ports.

use std::sync::Arc;

use super::outside::Proxy;
use crate::clock::{BoxFuture, Clock as _};
use crate::{Error, Kind, Result};

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

    /// Lets a free port of this machine's loopback interface lead elsewhere, until the result is dropped. What becomes of a
    /// single connection is told.
    fn forward(&self, connect: Connect, tell: Tell) -> BoxFuture<Result<Forward>> {
        drop((connect, tell));
        Box::pin(std::future::ready(Err(Error::new(Kind::Unavailable, "no port can be forwarded on this target"))))
    }

    /// The certificates that are trusted besides those that the machine trusts.
    fn authorities(&self) -> Vec<rustls::pki_types::CertificateDer<'static>> {
        Vec::new()
    }

    /// The proxy by which a host is reached; none where it is reached without. [`Network::dial`] goes through it by itself;
    /// what speaks plain HTTP asks it instead of the host, by [`Network::reach`].
    fn proxy(&self, host: &str) -> Option<Proxy> {
        let _ = host;
        None
    }

    /// Connects to a proxy.
    fn reach(&self, proxy: &Proxy) -> BoxFuture<Result<Dialed>> {
        let message = format!("{proxy} is no proxy of this network");
        Box::pin(std::future::ready(Err(Error::internal(message))))
    }
}

/// Whether a name can only be that of a Service.
pub(crate) fn is_inside(host: &str) -> bool {
    host.trim_end_matches('.').trim_end_matches(".cluster.local").ends_with(".svc")
}

/// What to do about a name that only the cluster's own DNS knows, if it is one.
pub(super) fn inside_only(host: &str, port: u16) -> Option<String> {
    let short = host.trim_end_matches('.').trim_end_matches(".cluster.local").trim_end_matches(".svc");
    let (name, namespace) = short.split_once('.').filter(|_| is_inside(host))?;
    Some(format!(
        "names of Services resolve only inside of the cluster; from here it is reached by a port of this machine: \
         cluster::port_forward(\"Service/{name}\", {port}, #{{ namespace: \"{namespace}\" }}, |port| wait::port(\"127.0.0.1\", port))"
    ))
}

/// Makes a connection to where a forwarded port leads.
pub type Connect = Arc<dyn Fn() -> BoxFuture<Result<Box<dyn Connection>>> + Send + Sync>;

/// Tells of something that is no reason to stop.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

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

/// How long to wait before a socket is asked again that could not give a connection: with too many open files it fails at
/// once, each time.
const ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Where connections come from.
trait Accepts {
    async fn next(&mut self) -> std::io::Result<Box<dyn Connection>>;
}

impl Accepts for tokio::net::TcpListener {
    async fn next(&mut self) -> std::io::Result<Box<dyn Connection>> {
        Ok(Box::new(self.accept().await?.0))
    }
}

/// Lets everybody who connects to this socket reach the other side, and forgets those that have left. A connection that is
/// lost before it is taken, or for which no file is free, does not end it.
async fn forward_all(mut socket: impl Accepts, connect: Connect, tell: Tell) {
    let clock = crate::RealClock::new();
    let mut told = None;
    let mut clients = tokio::task::JoinSet::new();
    loop {
        let accepted = socket.next().await;
        while clients.try_join_next().is_some() {}
        let mut stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                // It may be the same for a long time.
                if told.replace(error.kind()) != Some(error.kind()) {
                    tell(&format!(
                        "a connection to the forwarded port could not be taken, and it is tried again: {error}"
                    ));
                }
                clock.sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        told = None;
        let (connecting, tell) = (connect(), tell.clone());
        clients.spawn(async move {
            match connecting.await {
                Ok(mut other) => drop(tokio::io::copy_bidirectional(&mut stream, &mut other).await),
                Err(error) => tell(&format!("a connection to the forwarded port was closed: {error}")),
            }
        });
    }
}

/// The machine's own network.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealNetwork;

/// The addresses of a name and port, as the machine knows them.
async fn lookup(host: &str, port: u16) -> Result<Vec<std::net::SocketAddr>> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|e| {
        let hint = || "is it in DNS or in /etc/hosts of this machine?".to_owned();
        Error::new(Kind::Unavailable, format!("the name {host} cannot be resolved"))
            .hint(inside_only(host, port).unwrap_or_else(hint))
            .source(e)
    })?;
    Ok(found.collect())
}

impl Network for RealNetwork {
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<std::net::IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let mut addresses: Vec<_> = lookup(&host, 0).await?.iter().map(std::net::SocketAddr::ip).collect();
            addresses.dedup();
            Ok(addresses)
        })
    }

    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>> {
        let host = host.to_owned();
        Box::pin(async move {
            let addresses = lookup(&host, port).await?;
            let stream = tokio::net::TcpStream::connect(addresses.as_slice()).await.map_err(|e| {
                Error::new(Kind::Unavailable, format!("{host}:{port} does not accept a connection")).source(e)
            })?;
            Ok(Dialed::Connection(Box::new(stream)))
        })
    }

    fn forward(&self, connect: Connect, tell: Tell) -> BoxFuture<Result<Forward>> {
        Box::pin(async move {
            let unopened = |e| Error::new(Kind::System, "no port of 127.0.0.1 can be opened").source(e);
            let socket = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(unopened)?;
            let port = socket.local_addr().map_err(unopened)?.port();
            Ok(Forward::new(port, Ends(tokio::spawn(forward_all(socket, connect, tell)))))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::bridge::Bridge;
    use crate::cancel::Cancel;
    use crate::clock::Clock;
    use crate::sync::lock;

    /// Fails as a socket does that has no file left, then gives one connection, and then none any more.
    struct Short(Vec<std::io::Result<Box<dyn Connection>>>);

    impl Accepts for Short {
        async fn next(&mut self) -> std::io::Result<Box<dyn Connection>> {
            match self.0.pop() {
                Some(next) => next,
                None => std::future::pending().await,
            }
        }
    }

    #[test]
    fn a_forwarded_port_outlives_connections_that_cannot_be_taken_and_says_so_once() {
        let many_files = || Err(std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()));
        let aborted = Err(std::io::ErrorKind::ConnectionAborted.into());
        let (mut near, far) = tokio::io::duplex(64);
        let socket = Short(vec![Ok(Box::new(far)), aborted, many_files(), many_files()]);
        let (reached, other) = std::sync::mpsc::channel();
        let connect: Connect = Arc::new(move || {
            let (near, far) = tokio::io::duplex(64);
            reached.send(far).unwrap();
            Box::pin(async move { Ok(Box::new(near) as Box<dyn Connection>) })
        });
        let told: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
        let tell: Tell = Arc::new({
            let told = told.clone();
            move |text| lock(&told).push(text.to_owned())
        });
        let clock: Arc<dyn Clock> = Arc::new(crate::RealClock::new());
        let talk = async move {
            let ends = Ends(tokio::spawn(forward_all(socket, connect, tell)));
            near.write_all(b"hello").await.unwrap();
            near.shutdown().await.unwrap();
            let mut said = Vec::new();
            while said != b"hello" {
                match other.try_recv() {
                    Ok(mut other) => drop(tokio::io::AsyncReadExt::read_to_end(&mut other, &mut said).await),
                    Err(_) => tokio::task::yield_now().await,
                }
            }
            drop(ends);
            Ok(())
        };
        Bridge::new().unwrap().wait(&Cancel::root(), &clock, talk).unwrap();
        let told = lock(&told).clone();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("Too many open files") && told[1].contains("connection aborted"), "{told:?}");
    }

    #[test]
    fn a_name_that_only_the_cluster_knows_leads_to_a_forwarded_port() {
        for host in ["web.shop.svc", "web.shop.svc.cluster.local", "web.shop.svc.cluster.local."] {
            let clock: Arc<dyn Clock> = Arc::new(crate::RealClock::new());
            let dialing = RealNetwork.dial(host, 8080);
            let dialed = Bridge::new().unwrap().wait(&Cancel::root(), &clock, dialing);
            let error = dialed.err().unwrap();
            assert_eq!(error.message(), format!("the name {host} cannot be resolved"));
            let hint = error.hint_text().unwrap();
            assert!(hint.contains("cluster::port_forward(\"Service/web\", 8080, #{ namespace: \"shop\" }"), "{hint}");
        }
        assert_eq!(inside_only("web.example.com", 80), None);
    }
}
