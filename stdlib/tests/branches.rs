//! Branches that work on one simulated cluster, side by side.

#![expect(clippy::unwrap_used, reason = "a test fails so")]

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use windlass_runtime::closure::Closure;
use windlass_runtime::event::Event;
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::target::Shadow;
use windlass_runtime::{Call, Package, Result, Runtime, Value, primitive};

/// Runs a closure for each item side by side.
#[primitive(module = "test", effect = Wait)]
pub fn each(call: &Call<'_>, items: Vec<Value>, body: Closure) -> Result<Vec<Value>> {
    call.side_by_side(&body, items, 8)?.into_iter().collect()
}

const SCRIPT: &str = r#"
    let seen = test::each([0, 1, 2, 3, 4, 5, 6, 7], |i| {
        let name = `web-${i}`;
        let labels = #{ app: name };
        cluster::apply(#{
            apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: name },
            spec: #{
                replicas: 1 + i % 3, selector: #{ matchLabels: labels },
                template: #{ metadata: #{ labels: labels }, spec: #{ containers: [#{ name: "c", image: name }] } }
            }
        });
        wait::ready(`Deployment/${name}`);
        sleep(`${i % 4}s`);
        cluster::scale(`Deployment/${name}`, 2);
        wait::ready(`Deployment/${name}`);
        cluster::get(`Deployment/${name}`).metadata.resourceVersion
    });
    log::info(`${seen} ${cluster::list("Pod").map(|pod| pod.metadata.name)}`);
"#;

/// All that is told of a run, without the machine's own time and the run's id.
fn timeline(runtime: &Runtime, seed: u64) -> Vec<String> {
    let begin = "2026-07-01T08:00:00Z".parse().unwrap();
    let target = Arc::new(Shadow::builder().seed(seed).begin_at(begin).build().unwrap());
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = told.clone();
    let tell =
        move |event: &Event| sink.lock().unwrap().push(simulated(&serde_json::to_value(event).unwrap()).to_string());
    let session = runtime.session(target).sink(tell).open();
    let running = session.prepare(&Playbook::text("test.rhai", SCRIPT)).unwrap().start(&Selection::default()).unwrap();
    let report = running.wait().unwrap();
    assert!(report.steps[0].error.is_none(), "{:?}", report.steps[0].error);
    told.lock().unwrap().clone()
}

fn simulated(json: &Json) -> Json {
    match json {
        Json::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !["elapsed_s", "run"].contains(&key.as_str()));
            Json::Object(kept.map(|(key, value)| (key.clone(), simulated(value))).collect())
        }
        Json::Array(list) => list.iter().map(simulated).collect(),
        other => other.clone(),
    }
}

#[test]
fn eight_branches_have_the_same_timeline_in_each_of_a_hundred_runs() {
    let package = Package::new(vec![primitive()]);
    let runtime = Runtime::builder().with(windlass_stdlib::all()).with(package).build().unwrap();
    let first = timeline(&runtime, 3);
    assert!(first.iter().filter(|event| event.contains("\"outcome\"")).count() >= 16, "{first:#?}");
    assert!(first.iter().any(|event| event.contains("waited")), "{first:#?}");
    // Several runs beside each other disturb each other as much as anything would.
    let left = AtomicUsize::new(99);
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            threads.spawn(|| {
                while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let again = timeline(&runtime, 3);
                    let differs = first.iter().zip(&again).find(|(one, other)| one != other);
                    assert!(differs.is_none() && again.len() == first.len(), "{differs:#?}");
                }
            });
        }
    });
    assert!(timeline(&runtime, 4) != first, "another seed gives other names");
}
