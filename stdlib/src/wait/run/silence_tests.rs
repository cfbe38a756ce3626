//! An API server that stops saying anything, over connections that stay open, by a clock that is moved by hand.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{Cluster, ResourceId};
use windlass_runtime::{BoxFuture, Clock, Kind, Moment, Result};

use super::{Mode, keep};
use crate::wait::aim::Aim;
use crate::wait::vigil::{Goal, Times};

#[derive(Default)]
struct State {
    now: Moment,
    is_silent: bool,
    sleepers: Vec<Waker>,
    requests: Vec<(Moment, String)>,
    told: Vec<(Moment, String)>,
}

/// Both the clock and the server.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

impl World {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        state.sleepers.drain(..).for_each(Waker::wake);
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if holds(&state) {
                return Poll::Ready(());
            }
            state.sleepers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn texts(&self) -> Vec<(u64, String)> {
        self.0.lock().unwrap().told.iter().map(|(at, text)| (at.0.as_secs(), text.clone())).collect()
    }

    /// When it was asked for something that is no watch.
    fn asked(&self) -> Vec<u64> {
        let state = self.0.lock().unwrap();
        state.requests.iter().filter(|(_, uri)| !uri.contains("watch=")).map(|(at, _)| at.0.as_secs()).collect()
    }

    fn cluster(&self) -> Cluster {
        let world = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let world = world.clone();
            async move {
                let uri = request.uri().to_string();
                world.change(|s| s.requests.push((s.now, uri.clone())));
                world.until(|s| !s.is_silent).await;
                let body = if uri.contains("watch=") {
                    let quiet = futures::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>();
                    BodyExt::boxed(StreamBody::new(quiet))
                } else {
                    let list = json!({"metadata": {"resourceVersion": "9"}, "items": [pod()]});
                    let body = if uri.contains("fieldSelector") { list } else { pod() };
                    Full::new(Bytes::from(body.to_string())).boxed()
                };
                Ok::<_, Infallible>(Response::new(body))
            }
        });
        Cluster::with_client("c", kube::Client::new(service, "default"), "default", Arc::new(self.clone()))
    }

    /// Waits for the pod, while `script` says what happens at which second.
    fn wait(&self, timeout: u64, patience: u64, script: impl Fn(u64, &mut State)) -> (Result<Vec<Json>>, u64) {
        let times = Times {
            timeout: Duration::from_secs(timeout),
            stable_for: Duration::ZERO,
            patience: Duration::from_secs(patience),
        };
        let goal = Goal { id: pod_id(), aim: Aim::Ready, begun: Moment::default(), times };
        let world = self.clone();
        let tell = move |_: &str, text: &str| {
            let mut state = world.0.lock().unwrap();
            let now = state.now;
            state.told.push((now, text.to_owned()));
        };
        run(async {
            let waiting = keep(vec![(self.cluster(), goal)], Mode::All, Arc::new(self.clone()), Arc::new(tell));
            let mut waiting = std::pin::pin!(waiting);
            for step in 0..10_000_u64 {
                if step % 10 == 0 {
                    self.change(|s| script(step / 10, s));
                }
                for _ in 0..20 {
                    if let Poll::Ready(end) = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await {
                        return (end, step / 10);
                    }
                    tokio::task::yield_now().await;
                }
                self.change(|s| s.now = s.now + Duration::from_millis(100));
            }
            panic!("it did not end in 1000 s: {:?}", self.texts());
        })
    }
}

impl Clock for World {
    fn now(&self) -> Moment {
        self.0.lock().unwrap().now
    }

    fn wall(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        let world = self.clone();
        Box::pin(async move { world.until(|s| s.now >= moment).await })
    }
}

#[allow(clippy::disallowed_methods, reason = "the tests' own runtime, without timers")]
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn pod_id() -> ResourceId {
    ResourceId {
        cluster: "c".into(),
        api_version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespace: Some("shop".into()),
        name: "web".into(),
    }
}

fn pod() -> Json {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7"},
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}]}})
}

#[test]
fn a_verdict_waits_until_the_server_answers_again() {
    let world = World::default();
    let (end, at) = world.wait(600, 60, |second, state| match second {
        6 => state.is_silent = true,
        200 => state.is_silent = false,
        _ => {}
    });
    assert_eq!(end.unwrap_err().kind(), Kind::Hopeless);
    assert!((259..=265).contains(&at), "a minute after the server is back: {at}");
    let silent = |(_, text): &&(u64, String)| text.contains("no contact with the API server for");
    let told: Vec<u64> = world.texts().iter().filter(silent).map(|(at, _)| *at).collect();
    assert!((20..=22).contains(&told[0]), "15 s of silence and 5 s for an answer: {told:?}");
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= 10) && told.len() > 10, "{told:?}");
    assert!(told.iter().all(|at| *at <= 210), "{told:?}");
    let asked: Vec<u64> = world.asked().into_iter().filter(|at| (6..200).contains(at)).collect();
    assert!(asked.len() <= 40, "{asked:?}");
}

#[test]
fn a_verdict_that_is_due_before_the_silence_is_noticed_is_not_given() {
    let world = World::default();
    let (end, at) = world.wait(60, 3, |second, state| state.is_silent = (2..30).contains(&second));
    assert_eq!(end.unwrap_err().kind(), Kind::Hopeless);
    assert!((32..=36).contains(&at), "patience starts anew: {at}");
    assert!(world.texts().iter().any(|(at, text)| (8..=11).contains(at) && text.contains("no contact")));
}

#[test]
fn a_deadline_holds_in_silence_and_says_since_when_nothing_was_heard() {
    let world = World::default();
    let (end, at) = world.wait(40, 60, |second, state| state.is_silent = second >= 2);
    let error = end.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!((40..=45).contains(&at), "{at}");
    assert!(error.message().contains("no contact with the API server for 4"), "{error}");
    assert!(error.message().contains("Unschedulable"), "{error}");

    // Before the silence is noticed, at the latest the look for causes notices it.
    let world = World::default();
    let (end, _) = world.wait(10, 60, |second, state| state.is_silent = second >= 2);
    assert!(end.unwrap_err().message().contains("the API server does not answer now"));
}

#[test]
fn a_quiet_server_that_answers_is_asked_each_fifteen_seconds() {
    let world = World::default();
    let (end, at) = world.wait(600, 80, |_, _| {});
    assert_eq!((end.unwrap_err().kind(), at), (Kind::Hopeless, 81));
    assert!(!world.texts().iter().any(|(_, text)| text.contains("no contact")));
    let asked: Vec<u64> = world.asked().into_iter().filter(|at| (1..81).contains(at)).collect();
    assert_eq!(asked, [15, 30, 45, 60, 75]);
}
