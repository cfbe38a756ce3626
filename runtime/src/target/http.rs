//! One HTTP request over a target's network.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::{Connection, Dialed, Network, Proxy};
use crate::{Error, Kind, Result};

/// So much of an answer is read.
const LARGEST: usize = 1 << 20;

/// A request. It has no body, and redirections are not followed.
pub struct Request {
    uri: Uri,
    host: String,
    port: u16,
    method: Method,
    headers: Vec<(HeaderName, HeaderValue)>,
    authorities: Vec<CertificateDer<'static>>,
    is_checked: bool,
    tls: Option<Arc<ClientConfig>>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers that are text, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, up to 1 MiB of it.
    pub body: Vec<u8>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// This was answered.
    Really(Answer),
    /// It is taken to be answered as it should be, for this reason.
    Assumed(&'static str),
}

impl Request {
    /// A GET request.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a URL that is none, or not of `http` or `https`.
    pub fn get(url: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!("{url:?} is no URL: {why}")).hint("write it whole: \"https://cx.example.com/health\"")
        };
        let uri: Uri = url.parse().map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
        let port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            Some(other) => return Err(wrong(&format!("{other} is neither http nor https"))),
            None => return Err(wrong("it does not begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("user and password do not belong there").hint("give the header `authorization`"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(port);
        Ok(Self {
            uri,
            host,
            port,
            method: Method::GET,
            headers: Vec::new(),
            authorities: Vec::new(),
            is_checked: true,
            tls: None,
        })
    }

    /// Uses another method.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a word that is none.
    pub fn method(mut self, method: &str) -> Result<Self> {
        let method = method.to_ascii_uppercase();
        self.method = Method::from_bytes(method.as_bytes())
            .map_err(|e| Error::usage(format!("{method:?} is no method of HTTP")).source(e))?;
        Ok(self)
    }

    /// Adds a header. Its value shows nowhere.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name or value that no header can have.
    pub fn header(mut self, name: &str, value: &Zeroizing<String>) -> Result<Self> {
        let wrong = || {
            Error::usage(format!(
                "the header {name:?} cannot be sent: its name or value has characters that none may have"
            ))
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        self.headers.push((header, value));
        Ok(self)
    }

    /// Trusts these certificates besides those that the machine trusts: PEM, one or several.
    ///
    /// # Errors
    /// [`Kind::Malformed`] where there is no certificate in it.
    pub fn authorities(mut self, pem: &[u8], shown: &str) -> Result<Self> {
        self.authorities.extend(certificates(pem, shown)?);
        Ok(self)
    }

    /// Takes whatever certificate the server shows.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.is_checked = false;
        self
    }

    /// Reads which certificates are trusted, those of the network included: hundreds, from files. To be done once before it is
    /// sent, where that holds nobody up ([`Call::compute`](crate::Call::compute)).
    ///
    /// # Errors
    /// [`Kind::Malformed`] for one that cannot be read.
    pub fn prepared(mut self, network: &dyn Network) -> Result<Self> {
        if self.is_tls() {
            self.authorities.extend(network.authorities());
            self.tls = Some(Arc::new(self.trust()?));
        }
        Ok(self)
    }

    fn is_tls(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Sends it, and reads the answer. What is not encrypted goes to the network's proxy as it is, as proxies expect it; for
    /// the rest the proxy makes a connection.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where nobody answers, or not by HTTP, or with a certificate that is not trusted.
    pub async fn send(&self, network: &dyn Network) -> Result<Answered> {
        let proxy = network.proxy(&self.host).filter(|_| !self.is_tls());
        let dialing = match &proxy {
            Some(proxy) => network.reach(proxy),
            None => network.dial(&self.host, self.port),
        };
        let stream = match dialing.await? {
            Dialed::Connection(stream) => stream,
            Dialed::Assumed(why) => return Ok(Answered::Assumed(why)),
        };
        let stream: Box<dyn Connection> = if self.is_tls() {
            let name = ServerName::try_from(self.host.clone())
                .map_err(|e| Error::usage(format!("{} is no name of a server", self.host)).source(e))?;
            let tls = self.tls.clone().ok_or_else(|| Error::internal("a request by TLS was not prepared"))?;
            Box::new(TlsConnector::from(tls).connect(name, stream).await.map_err(|e| self.untrusted(e))?)
        } else {
            stream
        };
        self.talk(stream, proxy.as_ref()).await.map(Answered::Really)
    }

    async fn talk(&self, stream: Box<dyn Connection>, proxy: Option<&Proxy>) -> Result<Answer> {
        let failed =
            |e: hyper::Error| Error::new(Kind::Unavailable, format!("{self} did not answer by HTTP: {e}")).source(e);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let path = self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = http::Request::builder().method(&self.method);
        // A proxy has to be told the whole URL.
        request = if proxy.is_some() { request.uri(self.uri.clone()) } else { request.uri(path) };
        if let Some(authorization) = proxy.and_then(Proxy::authorization) {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        if let Some(authority) = self.uri.authority() {
            request = request.header(HOST, authority.as_str());
        }
        request = request.header(USER_AGENT, concat!("windlass/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|e| Error::usage(format!("{self} cannot be asked for")).source(e))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(failed)?;
            let headers = response.headers().iter();
            let headers = headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
            let (status, headers) = (response.status().as_u16(), headers.collect());
            let mut content = response.into_body();
            let mut body = Vec::new();
            while body.len() < LARGEST
                && let Some(frame) = content.frame().await
            {
                let broken = |e| Error::new(Kind::Unavailable, format!("the answer of {self} broke off")).source(e);
                body.extend(frame.map_err(broken)?.into_data().unwrap_or_default());
            }
            body.truncate(LARGEST);
            Ok(Answer { status, headers, body })
        };
        // The connection does its work while the answer is waited for.
        let connection = async {
            let _ = connection.await;
            futures::future::pending::<()>().await;
        };
        match futures::future::select(std::pin::pin!(exchange), std::pin::pin!(connection)).await {
            futures::future::Either::Left((answer, _)) => answer,
            futures::future::Either::Right(((), _)) => Err(Error::internal("a connection came back")),
        }
    }

    fn trust(&self) -> Result<ClientConfig> {
        if self.is_checked {
            return trusting(&self.authorities);
        }
        let (builder, provider) = tls()?;
        let verifier = Arc::new(Unchecked(provider));
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn untrusted(&self, error: std::io::Error) -> Error {
        let hint = "is its authority one that this machine trusts? Give it with the option `ca`, or for everything with `network.ca_bundle` of the values";
        Error::new(Kind::Unavailable, format!("{self}: no TLS connection: {error}")).hint(hint).source(error)
    }
}

/// The certificates of a text in PEM, of which there must be one.
pub(super) fn certificates(pem: &[u8], shown: &str) -> Result<Vec<CertificateDer<'static>>> {
    use rustls::pki_types::pem::PemObject as _;
    let malformed = || Error::new(Kind::Malformed, format!("{shown} has no certificate in PEM"));
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| malformed().source(e))?;
    match found.is_empty() {
        true => Err(malformed().hint("it begins with -----BEGIN CERTIFICATE-----")),
        false => Ok(found),
    }
}

fn tls() -> Result<(ConfigBuilder<ClientConfig, WantsVerifier>, Arc<CryptoProvider>)> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal("TLS cannot be set up").source(e))?;
    Ok((builder, provider))
}

/// Trusts what the machine trusts, and these authorities. It reads hundreds of certificates from files.
pub(super) fn trusting(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    // Those that the machine has and that cannot be read are as if they were not there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in authorities {
        roots
            .add(authority.clone())
            .map_err(|e| Error::new(Kind::Malformed, "a certificate that is to be trusted cannot be read").source(e))?;
    }
    Ok(tls()?.0.with_root_certificates(roots).with_no_client_auth())
}

/// Method and URL.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.method == Method::GET { write!(f, "{}", self.uri) } else { write!(f, "{} {}", self.method, self.uri) }
    }
}

/// Takes every certificate, where the caller has said so.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
