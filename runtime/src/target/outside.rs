//! How what is outside is reached: `network` of a session's values, with its proxy and authorities.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, StatusCode, Uri};
use http_body_util::Empty;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value as Json;
use tokio_rustls::TlsConnector;

use super::network::inside_only;
use super::{Connect, Connection, Dialed, Forward, Network, Tell, http as client};
use crate::clock::BoxFuture;
use crate::{Call, Error, Kind, Result};

/// A proxy for HTTP. It shows without its password.
#[derive(Clone)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
    host: String,
    port: u16,
}

impl Proxy {
    fn of(found: &Intercept) -> Option<Self> {
        let uri = found.uri().clone();
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        Some(Self { uri, authorization: found.basic_auth().cloned(), host, port })
    }

    /// The header by which it knows who asks, where it wants to.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}", self.uri.scheme_str().unwrap_or("http"))
    }
}

/// What `network` of the values says.
#[derive(Default)]
struct Settings {
    proxies: Option<Matcher>,
    authorities: Vec<CertificateDer<'static>>,
    /// What a proxy that is spoken to by TLS has to show.
    tls: Option<Arc<ClientConfig>>,
}

impl Settings {
    fn read(call: &Call<'_>) -> Result<Self> {
        let values = call.session().values();
        let network = values.get("network");
        let text = |key: &str| network.and_then(|n| n.get(key)?.as_str()).filter(|text| !text.is_empty());
        let mut settings = Self::default();
        if let Some(path) = text("ca_bundle") {
            let read = || client::certificates(&call.locate(path)?.read()?, path);
            settings.authorities = read().map_err(|e| e.context("network.ca_bundle"))?;
        }
        if let Some(proxy) = text("proxy") {
            let direct = network.and_then(|n| n.get("no_proxy")).and_then(Json::as_array).into_iter().flatten();
            let direct: Vec<&str> = direct.filter_map(Json::as_str).collect();
            let proxies = Matcher::builder().http(proxy).https(proxy).no(direct.join(",")).build();
            // It may have a password in it.
            let known = proxies.intercept(&Uri::from_static("http://a.invalid/"));
            let is_known = known.is_some_and(|known| matches!(known.uri().scheme_str(), Some("http" | "https")));
            if !is_known && !direct.contains(&"*") {
                return Err(Error::usage("network.proxy of the values is no URL of an HTTP proxy")
                    .hint("write it whole: \"http://proxy.example.com:3128\""));
            }
            settings.proxies = Some(proxies);
            if proxy.starts_with("https:") {
                let authorities = settings.authorities.clone();
                settings.tls = Some(Arc::new(call.compute(move || client::trusting(&authorities))?));
            }
        }
        Ok(settings)
    }

    /// The proxy for a host; none for one that is reached without. This machine always is.
    fn proxy_for(&self, host: &str) -> Option<Proxy> {
        let is_here = match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let uri = Uri::builder().scheme("http").authority(shown).path_and_query("/").build().ok()?;
        self.proxies.as_ref().filter(|_| !is_here)?.intercept(&uri).as_ref().and_then(Proxy::of)
    }
}

/// A network that is left through a proxy.
struct Outside {
    network: Arc<dyn Network>,
    settings: Arc<Settings>,
}

impl Network for Outside {
    fn resolve(&self, host: &str) -> BoxFuture<Result<Vec<IpAddr>>> {
        self.network.resolve(host)
    }

    fn dial(&self, host: &str, port: u16) -> BoxFuture<Result<Dialed>> {
        let Some(proxy) = self.settings.proxy_for(host) else { return self.network.dial(host, port) };
        let (reaching, host) = (self.reach(&proxy), host.to_owned());
        Box::pin(async move {
            Ok(match reaching.await? {
                Dialed::Connection(stream) => Dialed::Connection(tunnel(stream, &proxy, &host, port).await?),
                assumed @ Dialed::Assumed(_) => assumed,
            })
        })
    }

    fn forward(&self, connect: Connect, tell: Tell) -> BoxFuture<Result<Forward>> {
        self.network.forward(connect, tell)
    }

    fn authorities(&self) -> Vec<CertificateDer<'static>> {
        self.settings.authorities.clone()
    }

    fn proxy(&self, host: &str) -> Option<Proxy> {
        self.settings.proxy_for(host)
    }

    fn reach(&self, proxy: &Proxy) -> BoxFuture<Result<Dialed>> {
        let (dialing, proxy, settings) =
            (self.network.dial(&proxy.host, proxy.port), proxy.clone(), self.settings.clone());
        Box::pin(async move {
            let unreached = |e: Error| {
                let hint =
                    "it is `network.proxy` of the values; what is reached without it belongs in `network.no_proxy`";
                Error::new(Kind::Unavailable, format!("the proxy {proxy} does not accept a connection"))
                    .hint(hint)
                    .source(e)
            };
            let stream = match (dialing.await.map_err(unreached)?, &settings.tls) {
                (Dialed::Connection(stream), Some(tls)) => {
                    let name = ServerName::try_from(proxy.host.clone())
                        .map_err(|e| Error::usage(format!("{} is no name of a server", proxy.host)).source(e))?;
                    let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(|e| {
                        Error::new(Kind::Unavailable, format!("the proxy {proxy}: no TLS connection: {e}"))
                            .hint("is its authority one that this machine trusts? Give it with `network.ca_bundle`")
                            .source(e)
                    })?;
                    Dialed::Connection(Box::new(stream))
                }
                (dialed, _) => dialed,
            };
            Ok(stream)
        })
    }
}

/// Lets a proxy connect to a port, and gives what is said there.
async fn tunnel(stream: Box<dyn Connection>, proxy: &Proxy, host: &str, port: u16) -> Result<Box<dyn Connection>> {
    let broken = |e: hyper::Error| {
        Error::new(Kind::Unavailable, format!("the proxy {proxy} did not answer by HTTP: {e}"))
            .hint("is `network.proxy` of the values an HTTP proxy?")
            .source(e)
    };
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = http::Request::connect(&place).header(HOST, &place);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|e| Error::usage(format!("a proxy cannot be asked for {place}")).source(e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the connection that comes of it, or with this.
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(broken)?;
    match response.status() {
        status if status.is_success() => {
            Ok(Box::new(TokioIo::new(hyper::upgrade::on(response).await.map_err(broken)?)))
        }
        status => Err(refused(proxy, &place, host, port, status)),
    }
}

fn refused(proxy: &Proxy, place: &str, host: &str, port: u16, status: StatusCode) -> Error {
    let message = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => format!("the proxy {proxy} wants a user and a password"),
        StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => {
            format!("the proxy {proxy} does not let connections to {place} through: it answers {status}")
        }
        _ => format!("{place} does not accept a connection: the proxy {proxy} answers {status}"),
    };
    let hint = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "give them in `network.proxy` of the values: \"http://USER:PASSWORD@proxy.example.com:3128\"".to_owned()
        }
        _ => inside_only(host, port).unwrap_or_else(|| {
            format!("if {host} is reached without the proxy, it belongs in `network.no_proxy` of the values")
        }),
    };
    Error::new(Kind::Unavailable, message).hint(hint)
}

impl Call<'_> {
    /// The network as the target sees it, left by the proxy and with the authorities of `network` in the session's values. A
    /// simulated network is not left at all.
    ///
    /// # Errors
    /// Where `network` of the values is not usable: [`Kind::Usage`] for a proxy that is none, and what is wrong with the
    /// file of `ca_bundle`.
    pub fn network(&self) -> Result<Arc<dyn Network>> {
        let target = self.session().target();
        let network = target.network();
        if target.simulation().is_some() || self.session().values().get("network").is_none() {
            return Ok(network);
        }
        Ok(Arc::new(Outside { network, settings: Arc::new(Settings::read(self)?) }))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    fn settings(direct: &str, password: &str) -> Settings {
        let proxies = Matcher::builder().http(format!("http://u:{password}@proxy:3128")).no(direct).build();
        Settings { proxies: Some(proxies), ..Settings::default() }
    }

    #[test]
    fn what_is_reached_without_a_proxy_is_said_by_name_domain_or_network_and_this_machine_always_is() {
        let settings = settings("registry.example.com,.svc,10.0.0.0/8", "");
        for direct in [
            "registry.example.com",
            "web.shop.svc",
            "10.1.2.3",
            "127.0.0.1",
            "127.1.2.3",
            "::1",
            "localhost",
            "a.localhost",
        ] {
            assert!(settings.proxy_for(direct).is_none(), "{direct}");
        }
        for through in ["example.com", "registry.example.org", "11.1.2.3", "fe80::1", "svc.example.com"] {
            assert!(settings.proxy_for(through).is_some(), "{through}");
        }
    }

    #[test]
    fn a_proxy_shows_without_its_password() {
        let password = format!("{:x}", std::process::id());
        let proxy = settings("", &password).proxy_for("example.com").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy:3128");
        let known = BASE64.encode(format!("u:{password}"));
        assert_eq!(proxy.authorization().unwrap().to_str().unwrap(), format!("Basic {known}"));
        for (status, said, hint) in [
            (407, "the proxy http://proxy:3128 wants a user and a password", "network.proxy"),
            (403, "does not let connections to h:1 through: it answers 403 Forbidden", "network.no_proxy"),
            (502, "h:1 does not accept a connection: the proxy http://proxy:3128 answers 502 Bad Gateway", "no_proxy"),
        ] {
            let error = refused(&proxy, "h:1", "h", 1, StatusCode::from_u16(status).unwrap());
            assert!(error.message().contains(said), "{error}");
            assert!(error.hint_text().unwrap().contains(hint), "{error}");
        }
    }
}
