//! One request and its answer, repeated where the policy says so.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;

use super::failure::{Failure, Subject};
use super::note::{self, Note, WarningNote};
use super::retry::{Repeat, RetryNote};
use super::{Cluster, Json};

/// A request that can be sent more than once.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub method: Method,
    /// Path and query.
    pub uri: String,
    pub accept: &'static str,
    pub body: Option<(&'static str, Bytes)>,
    pub repeat: Repeat,
    pub subject: Subject,
}

impl Exchange {
    pub(crate) fn get(uri: String, subject: Subject) -> Self {
        let (method, accept) = (Method::GET, "application/json");
        Self { method, uri, accept, body: None, repeat: Repeat::Always, subject }
    }

    /// Whether it is meant to change anything.
    fn changes(&self) -> bool {
        self.method != Method::GET && !self.uri.contains("dryRun=All")
    }

    fn request(&self) -> Result<Request<Body>, Failure> {
        let mut request = Request::builder().method(&self.method).uri(&self.uri).header("accept", self.accept);
        let mut content = Body::empty();
        if let Some((kind, bytes)) = &self.body {
            request = request.header("content-type", *kind);
            content = Body::from(bytes.clone());
        }
        request.body(content).map_err(|e| Failure::Unreadable(format!("{}: {e}", self.uri)))
    }
}

impl Cluster {
    /// Sends and reads the whole answer, as JSON.
    pub(crate) async fn exchange_json(&self, exchange: &Exchange) -> Result<Json, Failure> {
        parse(&self.exchange(exchange).await?)
    }

    /// Sends and reads the whole answer.
    pub(crate) async fn exchange(&self, exchange: &Exchange) -> Result<Bytes, Failure> {
        self.repeated(exchange, |response| async {
            let body = response.into_body().collect().await.map_err(Failure::from_kube)?;
            Ok(body.to_bytes())
        })
        .await
    }

    /// Sends until the answer's head is good, and hands over the rest unread.
    pub(crate) async fn exchange_stream(&self, exchange: &Exchange) -> Result<Body, Failure> {
        self.attempt(exchange, |response| async { Ok(response.into_body()) }).await
    }

    async fn repeated<T, F>(&self, exchange: &Exchange, read: impl Fn(Response<Body>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = self.clock();
        let begun = clock.now();
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(exchange, &read).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let policy = &self.shared.retry;
            let Some(pause) = policy.pause(&failure, exchange.repeat, attempt, clock.now().since(begun)) else {
                return Err(failure);
            };
            self.tell(exchange, attempt, &failure, pause);
            clock.sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt<T, F>(&self, exchange: &Exchange, read: impl Fn(Response<Body>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let within = self.shared.retry.answer_within;
        let within = if exchange.changes() { self.pass(within).await.map_err(Failure::NotLet)? } else { within };
        let request = exchange.request()?;
        let answer = async {
            let response = self.client().send(request).await.map_err(Failure::from_kube)?;
            if response.status().is_success() {
                self.tell_warnings(exchange, &response);
                return read(response).await;
            }
            let (code, after) = (response.status().as_u16(), retry_after(&response));
            let body =
                response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let status = serde_json::from_slice(&body).ok().filter(Json::is_object);
            let status = status.unwrap_or_else(|| plain_status(code, &body));
            Err(Failure::from_status(&status, code, after))
        };
        let limit = self.clock().sleep_weakly_until(self.clock().now() + within);
        match select(std::pin::pin!(answer), limit).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(Failure::Silent(within)),
        }
    }

    fn tell(&self, exchange: &Exchange, attempt: u32, failure: &Failure, pause: Duration) {
        tracing::debug!(cluster = self.name(), attempt, %failure, ?pause, "repeating a request");
        if let Some(observer) = &self.observer {
            observer(Note::Retry(RetryNote {
                cluster: self.name().to_owned(),
                request: format!("{} {}", exchange.subject.verb, exchange.subject.resource),
                attempt,
                reason: failure.to_string(),
                pause,
            }));
        }
    }

    /// Only those of changes: what is read is not the reader's doing.
    fn tell_warnings(&self, exchange: &Exchange, response: &Response<Body>) {
        let Some(observer) = self.observer.as_ref().filter(|_| exchange.changes()) else { return };
        for text in note::warnings(response.headers()) {
            let resource = exchange.subject.resource.clone();
            observer(Note::Warning(WarningNote { cluster: self.name().to_owned(), resource, text }));
        }
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Failure> {
    serde_json::from_slice(bytes).map_err(|e| Failure::Unreadable(format!("it is not JSON ({e})")))
}

/// Only the form in seconds: the other one needs a wall clock that agrees with the server's.
fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// An answer that is no `Status` (a proxy's page, `404 page not found`) as one; long ones are cut.
fn plain_status(code: u16, body: &[u8]) -> Json {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
    serde_json::json!({ "code": code, "message": line })
}

/// Joins a path and its query, encoding each value.
pub(crate) fn uri(path: &str, query: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (key, value)) in query.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(key);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(value: &str, into: &mut String) {
    use std::fmt::Write as _;
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(char::from(byte)),
            _ => {
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}
