//! Connections: accepted, bounded, and ended in order.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::gate::Gate;
use super::{CONNECTIONS, LAST_ANSWERS};
use crate::clock::{Outside, VirtualClock};

/// How long a client may take until it has said who it talks to, then to send the head of a request, and to show the token.
const GREETING: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 10 });

/// Pause after an accept that failed, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn serve(
    socket: TcpListener,
    tls: TlsAcceptor,
    gate: Arc<Gate>,
    clock: Option<VirtualClock>,
    mut ended: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut clients = JoinSet::new();
    loop {
        let place = tokio::select! {
            _ = ended.wait_for(|ended| *ended) => break,
            place = places.clone().acquire_owned() => place,
        };
        let stream = tokio::select! {
            _ = ended.wait_for(|ended| *ended) => break,
            accepted = socket.accept() => accepted,
        };
        // Those that have left are forgotten.
        while clients.try_join_next().is_some() {}
        let Ok((stream, _)) = stream else {
            tokio::time::sleep_until(tokio::time::Instant::now() + PAUSE).await;
            continue;
        };
        let (tls, gate, ended) = (tls.clone(), gate.clone(), ended.clone());
        let client = Client { gate, clock: clock.clone(), admitted: OnceLock::new() };
        clients.spawn(async move {
            Arc::new(client).serve(stream, tls, ended).await;
            drop(place);
        });
    }
    drop(socket);
    let end = tokio::time::Instant::now() + LAST_ANSWERS;
    while let Ok(Some(_)) = tokio::time::timeout_at(end, clients.join_next()).await {}
    // What is still there are watches, and those who do not read.
}

/// Somebody who is connected.
struct Client {
    gate: Arc<Gate>,
    clock: Option<VirtualClock>,
    /// Set with the first request that shows the token. The clock goes on from then on, until the client leaves.
    admitted: OnceLock<Option<Outside>>,
}

impl Client {
    async fn serve(self: Arc<Self>, stream: TcpStream, tls: TlsAcceptor, mut ended: watch::Receiver<bool>) {
        let _ = stream.set_nodelay(true);
        let greeted = tokio::time::timeout_at(tokio::time::Instant::now() + GREETING, tls.accept(stream)).await;
        let Ok(Ok(stream)) = greeted else { return };
        let client = self.clone();
        let answer = tower::service_fn(move |request| {
            let client = client.clone();
            async move {
                if client.gate.admits(&request) {
                    client.admitted.get_or_init(|| client.clock.as_ref().map(VirtualClock::outside));
                }
                client.gate.answer(request).await
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(GREETING);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1000);
        let mut connection = std::pin::pin!(
            builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(answer))
        );
        tokio::select! {
            // The client's faults are its own.
            _ = connection.as_mut() => return,
            _ = ended.wait_for(|ended| *ended) => {}
            () = self.stays_unknown() => return,
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }

    /// Ends if nobody has shown the token in time.
    async fn stays_unknown(&self) {
        tokio::time::sleep_until(tokio::time::Instant::now() + GREETING).await;
        if self.admitted.get().is_some() {
            std::future::pending::<()>().await;
        }
    }
}
