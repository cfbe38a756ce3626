//! What this module's tests share: an API server below the client, and a clock that is moved by hand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::json;
use tower::BoxError;

use super::{Cluster, Json, Note};
use crate::clock::{BoxFuture, Clock, Moment};

/// Runs on a runtime that has no timers: whoever uses one of tokio's panics.
#[allow(clippy::disallowed_methods, reason = "the tests' own runtime")]
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A strong sleep moves it; a weak one waits until something else does.
#[derive(Default)]
pub(crate) struct TestClock {
    state: Mutex<(Moment, Vec<Waker>)>,
}

impl TestClock {
    pub(crate) fn advance_to(&self, moment: Moment) {
        let mut state = self.state.lock().unwrap();
        state.0 = state.0.max(moment);
        state.1.drain(..).for_each(Waker::wake);
    }

    pub(crate) fn advance(&self, by: Duration) {
        let to = self.now() + by;
        self.advance_to(to);
    }
}

impl Clock for Arc<TestClock> {
    fn now(&self) -> Moment {
        self.state.lock().unwrap().0
    }

    fn wall(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        let clock = Arc::clone(self);
        Box::pin(async move {
            settle().await;
            clock.advance_to(moment);
        })
    }

    fn sleep_weakly_until(&self, moment: Moment) -> BoxFuture<()> {
        let clock = Arc::clone(self);
        Box::pin(poll_fn(move |cx| {
            let mut state = clock.state.lock().unwrap();
            if state.0 >= moment {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        }))
    }
}

impl TestClock {
    fn now(&self) -> Moment {
        self.state.lock().unwrap().0
    }
}

/// Lets everything else that can run do so.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// One request, as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub method: String,
    pub uri: String,
    pub content_type: String,
    pub accept: String,
    pub body: Json,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.uri.split('?').next().unwrap_or_default()
    }

    pub(crate) fn is_watch(&self) -> bool {
        self.uri.contains("watch=")
    }
}

pub(crate) enum Answer {
    Json(u16, Json),
    Text(u16, &'static str),
    RetryAfter(u16, u64),
    Refused,
    Reset,
    Stream(Lines),
    Hang,
}

impl Answer {
    pub(crate) fn ok(body: Json) -> Self {
        Answer::Json(200, body)
    }

    pub(crate) fn status(code: u16, reason: &str, message: &str) -> Self {
        Answer::Json(code, json!({"kind": "Status", "code": code, "reason": reason, "message": message}))
    }
}

/// A body that is fed line by line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<LineState>>);

#[derive(Default)]
struct LineState {
    ready: VecDeque<Result<Bytes, BoxError>>,
    ended: bool,
    waker: Option<Waker>,
}

impl Lines {
    #[allow(clippy::needless_pass_by_value, reason = "tests build the object in the call")]
    pub(crate) fn event(&self, kind: &str, object: Json) -> &Self {
        self.raw(&format!("{}\n", json!({"type": kind, "object": object})))
    }

    pub(crate) fn raw(&self, text: &str) -> &Self {
        self.change(|s| s.ready.push_back(Ok(Bytes::from(text.to_owned()))))
    }

    pub(crate) fn fail(&self) -> &Self {
        self.change(|s| s.ready.push_back(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())))
    }

    pub(crate) fn end(&self) -> &Self {
        self.change(|s| s.ended = true)
    }

    fn change(&self, change: impl FnOnce(&mut LineState)) -> &Self {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        self
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let mut state = self.0.lock().unwrap();
        match state.ready.pop_front() {
            Some(item) => Poll::Ready(Some(item.map(http_body::Frame::data))),
            None if state.ended => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// An API server whose answers a function gives, from the request and how many came before it.
#[derive(Clone)]
pub(crate) struct Mock {
    pub clock: Arc<TestClock>,
    pub cluster: Cluster,
    seen: Arc<Mutex<Vec<Seen>>>,
    notes: Arc<Mutex<Vec<Note>>>,
}

impl Mock {
    pub(crate) fn new(answer: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let notes: Arc<Mutex<Vec<Note>>> = Arc::default();
        let clock: Arc<TestClock> = Arc::default();
        let answer = Arc::new(answer);
        let log = Arc::clone(&seen);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let header = |headers: &http::HeaderMap, name: &str| {
                    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
                };
                let (content_type, accept) = (header(&parts.headers, "content-type"), header(&parts.headers, "accept"));
                let bytes = body.collect().await?.to_bytes();
                let body = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
                let one =
                    Seen { method: parts.method.to_string(), uri: parts.uri.to_string(), content_type, accept, body };
                let before = {
                    let mut log = log.lock().unwrap();
                    log.push(one.clone());
                    log.len() - 1
                };
                respond(answer(&one, before)).await
            }
        });
        let client = kube::Client::new(service, "default");
        let told = Arc::clone(&notes);
        let cluster = Cluster::with_client("mock", client, "default", Arc::new(Arc::clone(&clock)))
            .observed(Arc::new(move |note| told.lock().unwrap().push(note)));
        Self { clock, cluster, seen, notes }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.lock().unwrap().clone()
    }

    /// Lets time pass in small steps until the future is done.
    pub(crate) async fn while_time_passes<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        for _ in 0..100_000 {
            let ready = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
            if let Poll::Ready(value) = ready {
                return value;
            }
            settle().await;
            self.clock.advance(Duration::from_millis(100));
        }
        panic!("it did not end in 10,000 s");
    }
}

type Whole = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

async fn respond(answer: Answer) -> Result<Response<Whole>, BoxError> {
    let whole =
        |text: String| http_body_util::Full::new(Bytes::from(text)).map_err(|e: Infallible| match e {}).boxed_unsync();
    let respond = |code: u16, text: String| Ok(Response::builder().status(code).body(whole(text))?);
    match answer {
        Answer::Json(code, body) => respond(code, body.to_string()),
        Answer::Text(code, text) => respond(code, text.to_owned()),
        Answer::RetryAfter(code, seconds) => {
            let text = json!({"kind": "Status", "code": code, "message": "busy"}).to_string();
            Ok(Response::builder().status(code).header("retry-after", seconds).body(whole(text))?)
        }
        Answer::Refused => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
        Answer::Reset => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        Answer::Stream(lines) => Ok(Response::new(lines.boxed_unsync())),
        Answer::Hang => std::future::pending().await,
    }
}

/// The id of a ConfigMap in the namespace `shop`.
pub(crate) fn config_map(name: &str) -> super::ResourceId {
    super::ResourceId {
        cluster: "mock".into(),
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        plural: "configmaps".into(),
        namespace: Some("shop".into()),
        name: name.into(),
    }
}
