//! A small blocking client for the test bed's own requests to its API server: one request a connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::error::Error;

const PATIENCE: Duration = Duration::from_secs(20);

/// What the API server answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// The status line and the headers, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

#[derive(Debug)]
pub(crate) struct Api {
    address: SocketAddr,
    token: String,
    tls: Arc<ClientConfig>,
}

impl Api {
    pub(crate) fn new(port: u16, token: &str, authority: &[u8]) -> Result<Api, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.to_vec()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Api { address, token: token.to_owned(), tls: Arc::new(tls) })
    }

    /// Asks; an answer of 400 and above is an error.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let Answer { code, body: answer, .. } =
            self.ask(method, path, &[("Accept", "application/json"), ("Content-Type", content)], &body)?;
        if code >= 400 {
            let body = answer.chars().take(400).collect();
            return Err(Error::Refused { method: method.to_owned(), path: path.to_owned(), code, body });
        }
        Ok(serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
    }

    /// Asks, and takes any answer.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Error> {
        self.exchange(method, path, headers, body).map_err(|source| Error::Request {
            method: method.to_owned(),
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Error> {
        self.request("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.request("POST", path, Some(body))
    }

    fn exchange(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
        let socket = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let name = ServerName::from(self.address.ip());
        let connection = ClientConnection::new(Arc::clone(&self.tls), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, socket);
        // HTTP/1.0: the answer ends with the connection and is never chunked.
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{headers}\
             User-Agent: windlass-testbed\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len(),
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // The server may close the connection without the closing message of TLS.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {}
            other => {
                other?;
            }
        }
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> io::Result<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("an answer without a head"))?;
    let code = head.split_ascii_whitespace().nth(1).and_then(|code| code.parse().ok());
    let code = code.ok_or_else(|| io::Error::other("an answer without a status"))?;
    Ok(Answer { code, head: head.to_owned(), body: body.to_owned() })
}
