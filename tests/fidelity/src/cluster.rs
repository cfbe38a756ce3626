//! A cluster that requests are sent to: the shadow, or a real API server. Both are behind kube's client.

use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;

use crate::{Error, Json};

/// How long the events of a watch, or an answer, are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request, ready to be sent.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// `GET` and so on.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `Content-Type`; empty for none.
    pub content_type: String,
    /// `Accept`.
    pub accept: String,
    /// `User-Agent`.
    pub agent: String,
    /// The body; empty for none.
    pub body: String,
    /// For a watch: after how many events to leave.
    pub events: Option<usize>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body: JSON where it is that, for a watch the array of its events, else text.
    pub body: Json,
}

/// Something that answers requests as a Kubernetes cluster.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    /// What it is called, where no connection tells.
    host: Option<&'static str>,
}

impl Cluster {
    /// What this client talks to.
    #[must_use]
    pub fn new(client: kube::Client) -> Self {
        Self { client, host: None }
    }

    /// The shadow, in this process.
    #[must_use]
    pub fn shadow(shadow: &windlass_shadow::Shadow) -> Self {
        Self { host: Some("127.0.0.1:6443"), ..Self::new(kube::Client::new(shadow.client(), "default")) }
    }

    /// What a kubeconfig leads to.
    ///
    /// # Errors
    /// If there is no usable kubeconfig.
    pub async fn of_kubeconfig(path: &Path) -> Result<Self, Error> {
        let wrong = |what: String| Error::File { path: path.display().to_string(), what };
        let file = kube::config::Kubeconfig::read_from(path).map_err(|error| wrong(error.to_string()))?;
        let config = kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default()).await;
        let mut config = config.map_err(|error| wrong(error.to_string()))?;
        // A refusal is an answer like any other.
        config.default_retry = false;
        kube::Client::try_from(config).map(Self::new).map_err(|error| wrong(error.to_string()))
    }

    /// Gives each event of a watch to `each`, until the server ends it.
    ///
    /// # Errors
    /// If there is no such watch.
    pub async fn follow(&self, path: &str, mut each: impl FnMut(Json)) -> Result<(), Error> {
        let wrong = |what: String| Error::Request { request: format!("GET {path}"), what };
        let request = Request::builder().uri(path).header("Accept", "application/json").body(Body::empty());
        let answer = self.client.send(request.map_err(|error| wrong(error.to_string()))?).await;
        let (head, mut body) = answer.map_err(|error| wrong(error.to_string()))?.into_parts();
        if head.status != StatusCode::OK {
            return Err(wrong(head.status.to_string()));
        }
        let mut rest = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while let Some(line) = line_of(&mut rest) {
                each(line);
            }
        }
        Ok(())
    }

    /// Sends a request, and waits for the answer.
    ///
    /// # Errors
    /// If there is none.
    pub async fn send(&self, sent: &Sent) -> Result<Answer, Error> {
        let wrong = |what: String| Error::Request { request: format!("{} {}", sent.method, sent.path), what };
        let mut request = Request::builder().method(&*sent.method).uri(&sent.path);
        if let Some(host) = self.host {
            request = request.header(http::header::HOST, host);
        }
        for (name, value) in
            [("Content-Type", &sent.content_type), ("Accept", &sent.accept), ("User-Agent", &sent.agent)]
        {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let body = if sent.body.is_empty() { Body::empty() } else { Body::from(sent.body.clone().into_bytes()) };
        let request = request.body(body).map_err(|error| wrong(error.to_string()))?;
        let answer = tokio::time::timeout(PATIENCE * 6, self.client.send(request)).await;
        let answer = answer.map_err(|_| wrong("no answer in time".into()))?;
        let (head, body) = answer.map_err(|error| wrong(error.to_string()))?.into_parts();
        let body = match sent.events {
            Some(events) if head.status == StatusCode::OK => Json::Array(lines(body, events).await),
            _ => {
                let bytes = tokio::time::timeout(PATIENCE, body.collect()).await;
                let bytes = bytes.map_err(|_| wrong("the answer does not end".into()))?;
                let bytes = bytes.map_err(|error| wrong(error.to_string()))?.to_bytes();
                let text = || Json::String(String::from_utf8_lossy(&bytes).into_owned());
                let yaml = head.headers.get("content-type").is_some_and(|value| value == "application/yaml");
                let read = if yaml { serde_yaml::from_slice(&bytes).ok() } else { serde_json::from_slice(&bytes).ok() };
                read.unwrap_or_else(text)
            }
        };
        Ok(Answer { code: head.status.as_u16(), headers: head.headers, body })
    }
}

/// The first lines, each JSON. Fewer, if no more come in time.
async fn lines(mut body: Body, count: usize) -> Vec<Json> {
    let mut lines = Vec::new();
    let mut rest = Vec::new();
    let reading = async {
        while lines.len() < count {
            let Some(Ok(frame)) = body.frame().await else { return };
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while let Some(line) = line_of(&mut rest) {
                lines.push(line);
            }
        }
    };
    // Whoever waits in vain says so by what is missing.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    lines.truncate(count);
    lines
}

/// Takes the first whole line.
fn line_of(bytes: &mut Vec<u8>) -> Option<Json> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = bytes.drain(..=end).collect();
    Some(serde_json::from_slice(&line).unwrap_or_else(|_| String::from_utf8_lossy(&line).into()))
}
