//! A fork of a simulated target, and a session on it: nothing of what is done there is done here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use std::time::Duration;

use common::{CANARY, STORE, followed};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value as Json, json};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::playbook::{Console, Playbook};
use windlass_runtime::target::{NoTarget, Shadow, Target as _};
use windlass_runtime::{Kind, Runtime, STACK, Session};

fn ask(session: &Session, target: &Shadow, method: &str, path: &str, body: &Json) -> Json {
    let cluster = target.simulated(None).unwrap();
    let request = http::Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Full::new(bytes::Bytes::from(body.to_string()))).unwrap();
    let asking = async move {
        let response = cluster.handle(request).await;
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Ok(serde_json::from_slice(&bytes).unwrap())
    };
    session.bridge().wait(&Cancel::root(), session.clock(), asking).unwrap()
}

fn passes(session: &Session, time: Duration) {
    let clock = session.clock().clone();
    let sleeping = async move {
        clock.sleep(time).await;
        Ok(())
    };
    session.bridge().wait(&Cancel::root(), session.clock(), sleeping).unwrap();
}

fn ready(pods: &Json) -> usize {
    let is_ready = |pod: &&Json| pod["status"]["containerStatuses"][0]["ready"] == true;
    pods["items"].as_array().unwrap().iter().filter(is_ready).count()
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const SETS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[test]
fn objects_versions_and_time_of_a_forked_target_do_not_move() {
    let runtime = Runtime::builder().build().unwrap();
    let target = Shadow::builder().seed(7).cluster("dr").build().unwrap();
    let session = runtime.session(target.clone()).open();
    let labels = json!({ "app": "web" });
    let template =
        json!({ "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "c", "image": "x" }] } });
    let spec = json!({ "replicas": 3, "selector": { "matchLabels": labels }, "template": template });
    ask(&session, &target, "POST", SETS, &json!({ "metadata": { "name": "web" }, "spec": spec }));
    // In the middle of a rollout.
    passes(&session, Duration::from_millis(1500));
    let stands = || (session.clock().now(), session.clock().wall(), ask(&session, &target, "GET", PODS, &Json::Null));
    let before = stands();
    assert!(before.0.since(windlass_runtime::Moment::default()) >= Duration::from_millis(1500));

    let fork = target.fork().unwrap();
    let there = runtime.session(fork.clone()).open();
    assert_eq!((there.clock().now(), there.clock().wall()), (before.0, before.1));
    assert_eq!(ask(&there, &fork, "GET", PODS, &Json::Null)["items"], before.2["items"]);
    ask(&there, &fork, "PATCH", &format!("{SETS}/web/scale"), &json!({}));
    let scale = json!({ "metadata": { "name": "web", "namespace": "default" }, "spec": { "replicas": 5 } });
    ask(&there, &fork, "PUT", &format!("{SETS}/web/scale"), &scale);
    passes(&there, Duration::from_secs(3600));
    assert_eq!(there.clock().now() - before.0, Duration::from_secs(3600));
    assert_eq!(ready(&ask(&there, &fork, "GET", PODS, &Json::Null)), 5, "waiting works there");

    assert_eq!(stands(), before);
    drop((there, fork));
    passes(&session, Duration::from_secs(60));
    assert_eq!(ready(&stands().2), 3, "it goes on");
    assert_eq!(NoTarget::new().forked().err().unwrap().kind(), Kind::Usage);
}

#[test]
fn a_session_on_a_fork_begins_where_the_other_stands_and_leaves_nothing_in_it() {
    let target = Shadow::builder().build().unwrap();
    let session = followed().session(target).values(json!({ "size": 3 })).open();
    session.access().set_read_only(true);
    let playbook = Playbook::text("test.rhai", "step(\"a\", |ctx| { ctx.state.n = values.size; 5 });");
    let typed = |console: &mut Console, text: &str| match console.evaluate("<input>", text, &Cancel::root()) {
        Ok(value) => value.into_json().map_or_else(|e| e.to_string(), |json| json.to_string()),
        Err(error) => error.to_string(),
    };
    std::thread::scope(|threads| {
        let work = || {
            let mut walk = session.prepare(&playbook).unwrap().walk().unwrap();
            walk.run(0, &Cancel::root()).unwrap();
            let mut console = Console::new(&session);
            typed(&mut console, "let list = [1]; let x = 1; let add = |n| { n + x }; let s = test::secret(\"S\");");
            typed(&mut console, "fn twice(n) { n * 2 }");

            let fork = session.fork(|builder| builder).unwrap();
            let mut copy = console.fork(&fork);
            let line = "list.push(2); x = 10; test::set(\"forked\", twice(x)); [list.len(), add.call(1), values.size]";
            assert_eq!(typed(&mut copy, line), "[2,11,3]", "what is read-only here may be changed there");
            assert!(!typed(&mut copy, "throw `${s}`").contains(CANARY));
            assert_eq!(fork.shown_state(), json!({ "n": 3 }));
            assert!(fork.vault().place().starts_with("memory"));
            // The store of these tests is no part of the target.
            assert_eq!(STORE.lock().unwrap().remove("forked"), Some(20));

            assert_eq!(typed(&mut console, "[list.len(), add.call(1)]"), "[1,2]");
            assert!(session.journal().entries().unwrap().is_empty() && !session.access().may_change());
        };
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, work).unwrap().join().unwrap();
    });
    let kept = windlass_runtime::secret::Secret::new(
        windlass_runtime::secret::Origin::Generated("db".into()),
        "generated-in-a-plan",
    );
    let fork = session.fork(|builder| builder).unwrap();
    fork.vault().keep("db", &kept).unwrap();
    assert!(fork.vault().read("db").unwrap().is_some());
    assert!(session.vault().read("db").unwrap().is_none());
}
