//! A listener on the loopback interface, for clients in other processes: kubectl, Helm, anything with a kubeconfig.
//!
//! It speaks HTTPS under an authority of its own that is thrown away with it, because clients drop tokens over plain HTTP.

mod authority;
mod gate;
mod kubeconfig;
mod serve;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Shadow;
use crate::clock::VirtualClock;

/// How many clients may be connected at once; the next one waits until another leaves.
pub const CONNECTIONS: usize = 256;

/// How long answers that are under way at the end may take.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How a listener is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port; 0 for any that is free.
    pub port: u16,
    /// The name of cluster and context in the kubeconfig; `shadow` if empty.
    pub name: String,
    /// The cluster's clock, where it is virtual: it goes on while somebody is connected.
    pub clock: Option<VirtualClock>,
}

/// A shadow that listens. It ends when this is closed or dropped.
pub struct Listener {
    address: SocketAddr,
    kubeconfig: String,
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Listener {
    /// Without the kubeconfig, in which the token is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Listens on 127.0.0.1. To be called on a tokio runtime with sockets and timers, where clients are then served.
    ///
    /// # Errors
    /// Where the port is taken, or no key can be made.
    pub async fn open(shadow: &Shadow, options: &Options) -> io::Result<Self> {
        let (authority, tls) = authority::make()?;
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = socket.local_addr()?;
        let token = gate::Token::new()?;
        let name = if options.name.is_empty() { "shadow" } else { options.name.as_str() };
        let kubeconfig = kubeconfig::write(name, address, &authority, &token);
        let (end, ended) = watch::channel(false);
        let gate = Arc::new(gate::Gate::new(shadow.clone(), token));
        let task = tokio::spawn(serve::serve(socket, tls, gate, options.clock.clone(), ended));
        Ok(Self { address, kubeconfig, end, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig for it, as YAML. It holds the token: whoever can read it may do anything with the cluster.
    #[must_use]
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Writes the kubeconfig into a new file that only its owner can read.
    ///
    /// # Errors
    /// Where the file cannot be made, or is there already.
    pub fn write_kubeconfig(&self, path: &Path) -> io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(self.kubeconfig.as_bytes())
    }

    /// Ends it: nobody new is let in, answers that are under way get a second, watches end.
    pub async fn close(mut self) {
        let _ = self.end.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
