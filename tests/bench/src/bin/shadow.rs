//! The simulated cluster as it grows, ×1, ×10, ×100: `cargo xtask bench shadow`.
//!
//! At ×100 it has 500 nodes, 5,000 pods and 20,000 objects. Nothing fails here for being slow: the figures are for people.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value as Json, json};
use windlass_shadow::Shadow;
use windlass_shadow::clock::{RealClock, Simulation};
use windlass_shadow::fault::Scene;
use windlass_shadow::topology::Topology;

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPLICAS: usize = 5;
const LISTS: usize = 11;
/// With so many variables, a Deployment has 3 KB.
const VARIABLES: usize = 12;

fn main() {
    // First: what was given back before would not count.
    memory(10_000);
    println!(
        "{:>5} {:>7} {:>8} {:>9} {:>9} {:>10} {:>10} {:>10}",
        "nodes", "pods", "objects", "made", "settled", "list pods", "of a node", "by label"
    );
    for factor in [1, 10, 100] {
        grow(factor);
    }
}

/// Makes a cluster of this size, lets it settle, and reads from it.
fn grow(factor: usize) {
    let simulation = Simulation::start(jiff::Timestamp::UNIX_EPOCH).unwrap();
    let clock = simulation.clock().clone();
    let builder = Shadow::builder(std::sync::Arc::new(clock.clone()));
    let shadow = builder.topology(Topology::of(5 * factor)).scene(Scene::default()).build();
    simulation.handle().spawn(shadow.run());

    let turn = simulation.enter().unwrap();
    let client = shadow.clone();
    let begin = Instant::now();
    let making = async move {
        for n in 0..10 * factor {
            post(&client, "/apis/apps/v1/namespaces/default/deployments", &deployment(n, REPLICAS, 0)).await;
        }
        begin.elapsed()
    };
    let (turn, made) = simulation.wait(turn, making).unwrap();
    let begin = Instant::now();
    let (turn, ()) = simulation.wait(turn, async move { clock.nothing_left(false).await }).unwrap();
    let settled = begin.elapsed();

    let client = shadow.clone();
    let filling = async move {
        let objects: usize = client.census().iter().map(|counted| counted.count).sum();
        for n in objects..200 * factor {
            let object = json!({"metadata": {"name": format!("filler-{n}")}, "data": {"n": n.to_string()}});
            post(&client, "/api/v1/namespaces/default/configmaps", &object).await;
        }
    };
    let (turn, ()) = simulation.wait(turn, filling).unwrap();

    let client = shadow.clone();
    let reading = async move {
        let pods = "/api/v1/namespaces/default/pods";
        let all = list(&client, pods).await;
        let of_node = list(&client, &format!("{pods}?fieldSelector=spec.nodeName%3Dnode-1")).await;
        let by_label = list(&client, &format!("{pods}?labelSelector=app%3Dapp-1")).await;
        (all, of_node, by_label)
    };
    let (turn, (all, of_node, by_label)) = simulation.wait(turn, reading).unwrap();
    drop(turn);
    let census = shadow.census();
    let objects: usize = census.iter().map(|counted| counted.count).sum();
    let pods = census.iter().find(|counted| counted.kind == "Pod").map_or(0, |counted| counted.count);
    println!(
        "{:>5} {pods:>7} {objects:>8} {made:>9.1?} {settled:>9.1?} {all:>10.2?} {of_node:>10.2?} {by_label:>10.2?}",
        5 * factor
    );
}

/// What an object takes of memory: Deployments of 3 KB, as the API gives them.
fn memory(count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shadow = Shadow::builder(std::sync::Arc::new(RealClock::new())).build();
    #[expect(clippy::disallowed_methods, reason = "there is no bridge here")]
    let (size, taken) = runtime.block_on(async {
        let place = "/apis/apps/v1/namespaces/default/deployments";
        let size = post(&shadow, place, &deployment(0, 0, VARIABLES)).await.len();
        let before = resident();
        for n in 1..=count {
            post(&shadow, place, &deployment(n, 0, VARIABLES)).await;
        }
        (size, resident().saturating_sub(before))
    });
    println!("{count} Deployments of {size} bytes: {} bytes each in memory, history included", taken / count);
}

async fn post(shadow: &Shadow, place: &str, object: &Json) -> Bytes {
    let body = Full::new(Bytes::from(object.to_string()));
    let request = Request::post(place).header("content-type", "application/json").body(body).unwrap();
    let response = shadow.handle(request).await;
    let code = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(code.is_success(), "{code}: {}", String::from_utf8_lossy(&body));
    body
}

/// The median of some times that a list takes.
async fn list(shadow: &Shadow, place: &str) -> Duration {
    let mut times = Vec::with_capacity(LISTS);
    for _ in 0..LISTS {
        let begin = Instant::now();
        let response = shadow.handle(Request::get(place).body(Full::<Bytes>::default()).unwrap()).await;
        assert!(response.status().is_success());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        times.push(begin.elapsed());
        drop(body);
    }
    times.sort_unstable();
    times[LISTS / 2]
}

fn deployment(n: usize, replicas: usize, variables: usize) -> Json {
    let variables: Vec<Json> =
        (0..variables).map(|v| json!({"name": format!("VARIABLE_{v}"), "value": "a value of some length"})).collect();
    json!({
        "metadata": {"name": format!("app-{n}"), "labels": {"app": format!("app-{n}")}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": format!("app-{n}")}},
            "template": {
                "metadata": {"labels": {"app": format!("app-{n}")}},
                "spec": {"containers": [{
                    "name": "main", "image": format!("registry.example.com/app:{n}"), "env": variables,
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                }]},
            },
        },
    })
}

/// The memory that this process has, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
