//! Connections: accepted, bounded, and ended in order.

use std::sync::Arc;
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
use crate::clock::VirtualClock;

/// How long a client may take until it has said who it talks to, and then to send the head of a request.
const GREETING: Duration = Duration::from_secs(10);

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
        let outside = clock.as_ref().map(VirtualClock::outside);
        clients.spawn(async move {
            client(stream, tls, gate, ended).await;
            drop((outside, place));
        });
    }
    drop(socket);
    let end = tokio::time::Instant::now() + LAST_ANSWERS;
    while let Ok(Some(_)) = tokio::time::timeout_at(end, clients.join_next()).await {}
    // What is still there are watches, and those who do not read.
}

async fn client(stream: TcpStream, tls: TlsAcceptor, gate: Arc<Gate>, mut ended: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let greeted = tokio::time::timeout_at(tokio::time::Instant::now() + GREETING, tls.accept(stream)).await;
    let Ok(Ok(stream)) = greeted else { return };
    let answer = tower::service_fn(move |request| {
        let gate = gate.clone();
        async move { gate.answer(request).await }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(GREETING);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1000);
    let mut connection =
        std::pin::pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answer)));
    tokio::select! {
        // The client's faults are its own.
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
