//! A shadow, and requests to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Request;
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use serde_json::{Value, json};
use windlass_shadow::Shadow;
use windlass_shadow::clock::Clock;

pub const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
pub const BOATS: &str = "/apis/example.com/v1/namespaces/default/boats";
pub const MERGE: &str = "application/merge-patch+json";
pub const APPLY: &str = "application/apply-patch+yaml";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
    pub warnings: Vec<String>,
}

impl Answer {
    /// The body of an answer that has to be of this code.
    pub fn is(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{}", self.body);
        self.body
    }

    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// A clock that stands still until it is moved.
#[derive(Default)]
struct Still(Mutex<Duration>);

impl Clock for Still {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_second(1_900_000_000).unwrap() + self.now()
    }

    fn sleep_until(&self, _: Duration) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }
}

pub struct Asked {
    pub shadow: Shadow,
    clock: Arc<Still>,
    runtime: tokio::runtime::Runtime,
}

impl Asked {
    pub fn new() -> Self {
        let clock = Arc::new(Still::default());
        let shadow = Shadow::builder(clock.clone()).build();
        Self { shadow, clock, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }

    /// Lets some time pass.
    pub fn wait(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
        // What is due is done after the next request.
        self.get("/version").is(200);
    }

    /// With these definitions in it.
    pub fn with(definitions: &[Value]) -> Self {
        let asked = Self::new();
        for definition in definitions {
            asked.post(DEFINITIONS, definition).is(201);
        }
        asked
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", &Value::Null)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, "application/json", body)
    }

    pub fn merge(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, MERGE, body)
    }

    pub fn operations(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/json-patch+json", body)
    }

    pub fn apply(&self, path: &str, manager: &str, body: &Value) -> Answer {
        self.send("PATCH", &format!("{path}?fieldManager={manager}"), APPLY, body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "", &Value::Null)
    }

    pub fn table(&self, path: &str) -> Value {
        self.ask("GET", path, "", "application/json;as=Table;v=v1;g=meta.k8s.io", &Value::Null).is(200)
    }

    pub fn aggregated(&self, path: &str) -> Value {
        self.ask("GET", path, "", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", &json!(null))
            .is(200)
    }

    fn send(&self, method: &str, path: &str, content: &str, body: &Value) -> Answer {
        self.ask(method, path, content, "application/json", body)
    }

    fn ask(&self, method: &str, path: &str, content: &str, accept: &str, body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("accept", accept);
        if !content.is_empty() {
            request = request.header("content-type", content);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a runtime of the test's own")]
        self.runtime.block_on(async {
            let response = self.shadow.handle(request).await;
            let code = response.status().as_u16();
            let warnings = response.headers().get_all("warning").iter();
            let warnings = warnings.map(|value| value.to_str().unwrap().trim_start_matches("299 - ").to_owned());
            let warnings = warnings.map(|quoted| serde_json::from_str(&quoted).unwrap()).collect();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            Answer { code, body: serde_json::from_slice(&body).unwrap_or_default(), warnings }
        })
    }

    /// The first events of a watch.
    pub fn watch(&self, path: &str, count: usize) -> Vec<Value> {
        let request = Request::builder().uri(path).body(Full::new(Bytes::new())).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a runtime of the test's own")]
        self.runtime.block_on(async {
            let mut body = self.shadow.handle(request).await.into_body();
            let mut events = Vec::new();
            while events.len() < count {
                let frame = body.frame().await.expect("the watch has ended").unwrap();
                let bytes = frame.into_data().unwrap();
                events.extend(
                    bytes
                        .split(|b| *b == b'\n')
                        .filter(|l| !l.is_empty())
                        .map(|l| serde_json::from_slice::<Value>(l).unwrap()),
                );
            }
            events
        })
    }
}
