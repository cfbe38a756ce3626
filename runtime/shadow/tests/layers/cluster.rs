//! A simulated cluster whose time the test moves, and a recorder of it.

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
use windlass_shadow::fault::Scene;
use windlass_shadow::recording::{About, Recorder, Recording};
use windlass_shadow::topology::Topology;

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

pub struct Cluster {
    pub shadow: Shadow,
    clock: Arc<Still>,
}

impl Cluster {
    pub fn new(nodes: usize) -> Self {
        let clock = Arc::new(Still::default());
        let builder = Shadow::builder(clock.clone()).topology(Topology::of(nodes)).scene(Scene::default());
        Self { shadow: builder.build(), clock }
    }

    pub fn over(recording: Recording) -> Self {
        let clock = Arc::new(Still::default());
        Self { shadow: Shadow::builder(clock.clone()).base(recording).scene(Scene::default()).build(), clock }
    }

    pub fn fork(&self) -> Self {
        Self { shadow: self.shadow.fork(), clock: self.clock.clone() }
    }

    /// Lets time pass, in steps short enough for what happens in turn.
    pub fn wait(&self, time: Duration) {
        for _ in 0..60 {
            *self.clock.0.lock().unwrap() += time / 60;
            self.version();
        }
    }

    /// The version of the last change.
    pub fn version(&self) -> String {
        let list = self.get("/api/v1/namespaces?limit=1");
        list["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
    }

    pub fn get(&self, path: &str) -> Value {
        let (code, body) = self.send("GET", path, "", &Value::Null);
        assert_eq!(code, 200, "{path}: {body}");
        body
    }

    pub fn code(&self, path: &str) -> u16 {
        self.send("GET", path, "", &Value::Null).0
    }

    pub fn post(&self, path: &str, body: &Value) {
        let (code, body) = self.send("POST", path, "application/json", body);
        assert_eq!(code, 201, "{path}: {body}");
    }

    pub fn merge(&self, path: &str, body: &Value) {
        let (code, body) = self.send("PATCH", path, "application/merge-patch+json", body);
        assert_eq!(code, 200, "{path}: {body}");
    }

    pub fn delete(&self, path: &str) {
        let (code, body) = self.send("DELETE", path, "", &Value::Null);
        assert_eq!(code, 200, "{path}: {body}");
    }

    fn send(&self, method: &str, path: &str, content: &str, body: &Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("accept", "application/json");
        if !content.is_empty() {
            request = request.header("content-type", content);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let answer = async {
            let response = self.shadow.handle(request).await;
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (code, serde_json::from_slice(&bytes).unwrap_or_default())
        };
        answer.now_or_never().expect("an answer takes no time")
    }

    /// The items of a list without their versions.
    pub fn unversioned(&self, path: &str) -> Value {
        let mut items = self.get(path)["items"].take();
        for item in items.as_array_mut().unwrap() {
            item["metadata"]["resourceVersion"] = json!("");
        }
        items
    }

    /// The paths of all lists, by discovery.
    pub fn lists(&self) -> Vec<String> {
        let groups = self.get("/apis")["groups"].take();
        let groups = groups.as_array().unwrap().iter();
        let mut places = vec!["/api/v1".to_owned()];
        places.extend(
            groups.map(|group| format!("/apis/{}", group["preferredVersion"]["groupVersion"].as_str().unwrap())),
        );
        let mut lists = Vec::new();
        for place in places.iter().filter(|place| !place.contains("events.k8s.io")) {
            for resource in self.get(place)["resources"].as_array().unwrap() {
                if resource["verbs"].as_array().unwrap().contains(&json!("list"))
                    && resource["name"] != "componentstatuses"
                {
                    lists.push(format!("{place}/{}", resource["name"].as_str().unwrap()));
                }
            }
        }
        lists
    }

    pub fn record(&self) -> Recording {
        Recording::read(&self.record_bytes()[..]).unwrap()
    }

    /// Without the objects of a resource.
    pub fn record_without(&self, resource: &str) -> Recording {
        let bytes = self.recorded(|name| name != resource, &[]);
        Recording::read(&bytes[..]).unwrap()
    }

    /// With another object.
    pub fn record_with(&self, resource: &str, object: &Value) -> Recording {
        let bytes = self.recorded(|_| true, &[(resource, object.clone())]);
        Recording::read(&bytes[..]).unwrap()
    }

    pub fn record_bytes(&self) -> Vec<u8> {
        self.recorded(|_| true, &[])
    }

    fn recorded(&self, wanted: impl Fn(&str) -> bool, more: &[(&str, Value)]) -> Vec<u8> {
        let about = About {
            kubernetes: "v1.36.3".into(),
            name: "source".into(),
            cluster: String::new(),
            recorded_at: "2030-01-01T00:00:00Z".into(),
        };
        let mut recorder = Recorder::begin(Vec::new(), &about).unwrap();
        for path in self.lists() {
            let parts: Vec<&str> = path.split('/').collect();
            let (group, plural) = if parts[1] == "api" { ("", parts[3]) } else { (parts[2], parts[4]) };
            let resource = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
            let mut list = self.get(&path);
            let kind = list["kind"].as_str().unwrap().trim_end_matches("List").to_owned();
            let version = list["apiVersion"].clone();
            for mut item in list["items"].take().as_array().unwrap().clone().into_iter().filter(|_| wanted(&resource)) {
                item["kind"] = kind.clone().into();
                item["apiVersion"] = version.clone();
                recorder.add(&resource, item).unwrap();
            }
        }
        for (resource, object) in more {
            recorder.add(resource, object.clone()).unwrap();
        }
        recorder.finish().unwrap()
    }
}
