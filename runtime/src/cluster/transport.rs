//! The connection to an API server: HTTP/2 where it can be had, so that requests side by side share one connection and one
//! TLS handshake. kube's own client speaks HTTP/1.1 only, and shakes hands for each of sixteen parallel requests.

use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::{Client, ClientBuilder, ConfigExt as _};
use tokio::sync::OnceCell;
use tower::ServiceBuilder;

/// A connection on which nothing is heard is asked after this time whether it is still there, as client-go does it.
const PING_AFTER: Duration = Duration::from_secs(30);
/// And is given up after this time without an answer.
const PING_WITHIN: Duration = Duration::from_secs(15);

/// A client of this configuration.
///
/// # Errors
/// What the TLS settings, the credentials or a credential program meet.
pub(super) fn client(config: Config) -> kube::Result<Client> {
    connected(config, Versions::All)
}

/// Which versions of HTTP may be spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versions {
    All,
    /// The only one in which a connection can become a websocket.
    First,
}

/// The client for connections that become something else. It is made when it is needed first: a credential program runs
/// while it is.
pub(super) enum Upgrading {
    /// One that was made elsewhere.
    Made(Client),
    Of(Box<Config>, OnceCell<Client>),
}

impl Upgrading {
    pub(super) fn of(config: Config) -> Self {
        Self::Of(Box::new(config), OnceCell::new())
    }

    /// # Errors
    /// As [`client`].
    pub(super) async fn client(&self) -> kube::Result<Client> {
        let (config, cell) = match self {
            Self::Made(client) => return Ok(client.clone()),
            Self::Of(config, cell) => (config, cell),
        };
        let made = cell.get_or_try_init(|| async {
            let config = Config::clone(config);
            let made = tokio::task::spawn_blocking(move || connected(config, Versions::First)).await;
            made.unwrap_or_else(|cut| Err(kube::Error::Service(cut.into())))
        });
        made.await.cloned()
    }
}

fn connected(config: Config, versions: Versions) -> kube::Result<Client> {
    // Through a proxy, or under another name, kube's own way is the one that is known to work.
    if config.proxy_url.is_some() || config.tls_server_name.is_some() {
        return ClientBuilder::try_from(config).map(ClientBuilder::build);
    }
    // rustls wants one provider for the process; whoever set one before is right.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    let connector = HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    let connector = match versions {
        Versions::All => connector.enable_all_versions().wrap_connector(tcp),
        Versions::First => connector.enable_http1().wrap_connector(tcp),
    };
    let hyper = Hyper::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_adaptive_window(true)
        .http2_keep_alive_interval(PING_AFTER)
        .http2_keep_alive_timeout(PING_WITHIN)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(config.extra_headers_layer()?)
        .option_layer(config.auth_layer()?)
        .map_err(Into::<tower::BoxError>::into)
        .service(hyper);
    Ok(Client::new(service, config.default_namespace))
}
