//! Whole lines, with a picture and with a simulated cluster.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_runtime::Result;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::clock::{BoxFuture, Clock};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::target::{ClusterSource, Network, Shadow, Target};

use super::testing::{picture, runtime};
use windlass_runtime::playbook::Console;

use super::*;
use crate::repl::history::Discreet;

fn completion(picture: Picture) -> Completion {
    let seen = Seen::nothing();
    seen.set(picture);
    Completion::new(&runtime(), seen)
}

/// What the line becomes with each suggestion, as soon as all are known: what is not known yet is waited for a little each time.
fn lines(completion: &mut Completion, typed: &str) -> Vec<String> {
    known(completion, typed, typed.len())
}

/// The same in the middle of a line.
fn known(completion: &mut Completion, text: &str, cursor: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let result = completion.complete(text, cursor);
        if !result.is_provisional() {
            let line =
                |found: &Suggestion| format!("{}{}{}", &text[..found.span.start], found.value, &text[found.span.end..]);
            return result.suggestions().iter().map(line).collect();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no answer to {text}");
    }
}

fn has(completion: &mut Completion, typed: &str, line: &str) {
    let lines = lines(completion, typed);
    assert!(lines.iter().any(|found| found == line), "{typed}: {lines:?}");
}

#[test]
fn each_place_has_what_belongs_there() {
    let mut at = completion(picture());
    has(&mut at, "clus", "cluster::");
    has(&mut at, "let a = cluster::ge", "let a = cluster::get(");
    has(&mut at, "cluster::get(\"Pod/x\", #{ name", "cluster::get(\"Pod/x\", #{ namespace: ");
    has(&mut at, "cluster::apply(x, #{ conflicts: \"t", "cluster::apply(x, #{ conflicts: \"take");
    has(&mut at, "x.s", "x.size");
    has(&mut at, "x.replace_t", "x.replace_text(");
    has(&mut at, "pods.fil", "pods.filter(");
    has(&mut at, "cluster::list(\"Pod\").fil", "cluster::list(\"Pod\").filter(");
    has(&mut at, "pods.filter(|p| p.a == (1)).le", "pods.filter(|p| p.a == (1)).len(");
    has(&mut at, "f(1).replace_t", "f(1).replace_text(");
    has(&mut at, "pods[0].metadata.name.to_u", "pods[0].metadata.name.to_upper(");
    has(&mut at, "values.storage.", "values.storage.engine");
    has(&mut at, "ctx.state.", "ctx.state.nodes");
    has(&mut at, "wait::port(\"w", "wait::port(\"worker-1");
    has(&mut at, "log::info(`${cluster::ge", "log::info(`${cluster::get(");
    has(&mut at, ":run", ":run-to");
    has(&mut at, "  :run-to st", "  :run-to storage");
    has(&mut at, ":break fail", ":break failure");
    has(&mut at, ":values storage.", ":values storage.engine");
    has(&mut at, ":logs Pod/x --ta", ":logs Pod/x --tail");
    has(&mut at, ":use cluster ", ":use cluster dr");
    has(&mut at, ":use na", ":use namespace");
    has(&mut at, ":take x.na", ":take x.name");
    has(&mut at, ":help cluster::sc", ":help cluster::scale");
    has(&mut at, ":load single", ":load single-node");
    has(&mut at, ":source src/repl/comp", ":source src/repl/complete/");
    has(&mut at, "manifest::load(\"src/ma", "manifest::load(\"src/main.rs");
}

#[test]
fn what_is_likeliest_comes_first() {
    let mut at = completion(picture());
    let top = lines(&mut at, "");
    let place = |line: &str| top.iter().position(|found| found == line).unwrap_or_else(|| panic!("{line}: {top:?}"));
    let order = ["pods", "x", "values", "twice(", "cluster::", "confirm(", "let ", "fn "];
    assert!(order.map(place).is_sorted(), "{top:?}");
    assert_eq!(lines(&mut at, "sw"), ["switch "]);
    assert_eq!(lines(&mut at, "x = le"), [""; 0]);
    assert_eq!(lines(&mut at, "if true { le"), ["if true { let "]);
    assert_eq!(lines(&mut at, "if true { fn"), [""; 0]);
    assert_eq!(lines(&mut at, "impor"), ["import "]);
    assert_eq!(lines(&mut at, "cluster::get(\"Pod/x\", ")[0], "cluster::get(\"Pod/x\", #{ ");
    assert_eq!(lines(&mut at, "helm::upgrade(\"a\", \"b\", #{ wait: ")[0], "helm::upgrade(\"a\", \"b\", #{ wait: true");
    assert_eq!(lines(&mut at, "ctx.result(")[1], "ctx.result(\"storage\"");
    has(&mut at, "wait::port(", "wait::port(\"worker-1\"");
}

#[test]
fn a_bar_at_the_end_of_a_line_has_the_forms() {
    let mut at = completion(picture());
    assert_eq!(lines(&mut at, "values | "), ["values | json", "values | yaml", "values | table"]);
    assert_eq!(lines(&mut at, "f(\"a\")|ta"), ["f(\"a\")|table"]);
    assert_eq!(lines(&mut at, "[1] | y"), ["[1] | yaml"]);
    for typed in ["a || j", "| j", "pods.map(|j", "let f = |j", ":take x | j", "\"a | j"] {
        assert!(lines(&mut at, typed).iter().all(|line| !line.ends_with("json")), "{typed}");
    }
}

#[test]
fn commands_have_their_values() {
    let mut at = completion(picture());
    assert_eq!(lines(&mut at, ":set re"), [":set release="]);
    assert_eq!(lines(&mut at, ":set release=1 storage.s"), [":set release=1 storage.size="]);
    assert_eq!(lines(&mut at, ":set fqdn=e"), [":set fqdn=example.com"]);
    // Keys of steps are of no use there, and neither are files; the file comes after it.
    assert!(lines(&mut at, ":save --step ").is_empty());
    has(&mut at, ":save --step own src/ma", ":save --step own src/main.rs");
}

#[test]
fn names_that_would_break_the_line_are_not_offered() {
    let mut picture = picture();
    let steps = ["fine", "it's", "two words", "quo\"te", "back`tick", "#hash", "a${b}", "back\\slash"];
    let known = Known { steps: steps.map(|key| (key.to_owned(), String::new())).to_vec(), ..Known::default() };
    picture.known = Arc::new(known);
    let mut at = completion(picture);
    assert_eq!(lines(&mut at, ":run-to "), [":run-to fine", ":run-to back`tick", ":run-to a${b}"]);
    let in_text = ["fine", "it's", "two words", "#hash"];
    assert_eq!(lines(&mut at, "ctx.result(\""), in_text.map(|key| format!("ctx.result(\"{key}")));
    let quoted = lines(&mut at, "ctx.result(");
    assert!(quoted.contains(&"ctx.result(\"two words\"".to_owned()), "{quoted:?}");
    assert!(!quoted.iter().any(|line| line.contains("quo\"te")), "{quoted:?}");
}

#[test]
fn nothing_is_said_where_nothing_is_known() {
    let mut at = completion(Picture::nothing());
    for typed in ["let ab", "// clu", "\"some text", "cluster::get(\"Pod/", ":nothing ", ":vars ", "x.y.z.q", "12"] {
        assert_eq!(lines(&mut at, typed), Vec::<String>::new(), "{typed}");
    }
    // The line may be asked for at any place.
    assert!(at.complete("é", 1).suggestions().is_empty());
}

#[test]
fn names_that_could_not_be_seen_are_not_offered() {
    let mut picture = picture();
    let known = Known { steps: vec![("a\u{1b}[2J".to_owned(), "t\u{1b}[2J".to_owned())], ..Known::default() };
    picture.known = Arc::new(known);
    assert!(lines(&mut completion(picture), ":run-to a").is_empty());
}

fn on(target: impl Target, script: &str) -> Picture {
    let session = runtime().session(target).open();
    session.begin_by_hand("test").unwrap();
    let mut console = Console::new(&session);
    console.evaluate("<test>", script, &Cancel::root()).unwrap();
    Picture::of(&console, Arc::default())
}

#[test]
fn names_of_the_cluster_come_from_the_cluster() {
    let shadow = Shadow::builder().seed(1).build().unwrap();
    let script = r#"
        cluster::namespace("shop");
        cluster::config_map("web", #{ namespace: "shop", data: #{ a: "1" } });
        cluster::config_map("web-2", #{ namespace: "default", data: #{ a: "1" } });
        cluster::secret("sh.helm.release.v1.store.v1", #{ namespace: "shop", labels: #{ owner: "helm", name: "store" }, data: #{ a: "1" } });
        cluster::apply(#{ apiVersion: "v1", kind: "Pod",
            metadata: #{ name: "web-0", namespace: "shop", labels: #{ app: "web", tier: "front" } },
            spec: #{ containers: [#{ name: "main", image: "nginx:1" }, #{ name: "side", image: "side:1" }] } });
        let own = #{ size: 1 };
        fn twice(n) { n * 2 }
    "#;
    let mut at = completion(on(shadow, script));
    has(&mut at, "cluster::get(\"ConfigM", "cluster::get(\"ConfigMap/");
    has(&mut at, "cluster::list(\"Deploym", "cluster::list(\"Deployment");
    assert_eq!(
        lines(&mut at, "cluster::get(\"ConfigMap/we"),
        ["cluster::get(\"ConfigMap/web", "cluster::get(\"ConfigMap/web-2"]
    );
    assert_eq!(lines(&mut at, ":describe -n shop cm/we"), [":describe -n shop cm/web"]);
    has(&mut at, "cluster::get(\"x\", #{ namespace: \"sh", "cluster::get(\"x\", #{ namespace: \"shop");
    has(&mut at, "let target = \"ConfigMap/web-", "let target = \"ConfigMap/web-2");
    assert_eq!(lines(&mut at, "helm::status(\""), ["helm::status(\"store"]);
    has(&mut at, "own.", "own.size");
    has(&mut at, "cluster::get(", "cluster::get(\"ConfigMap/");
    has(&mut at, "cluster::list(", "cluster::list(\"ConfigMap\"");
    has(&mut at, "cluster::get(\"x\", #{ namespace: ", "cluster::get(\"x\", #{ namespace: \"shop\"");
    assert_eq!(lines(&mut at, "twi"), ["twice("]);
    // What stands after the cursor counts.
    let text = "cluster::get(\"ConfigMap/we\", #{ namespace: \"shop\" })";
    assert_eq!(known(&mut at, text, 26), [text.replace("/we", "/web")]);
    assert!(lines(&mut at, ":describe Nothing/").is_empty());
    let logs = ":logs -n shop Pod/web-0 -c ";
    assert_eq!(lines(&mut at, logs), [format!("{logs}main"), format!("{logs}side")]);
    assert!(lines(&mut at, ":logs -c ").is_empty());
    has(&mut at, ":pods -n shop -l ", ":pods -n shop -l app=web");
    assert_eq!(lines(&mut at, ":pods -l app=web,ti"), [":pods -l app=web,tier=front"]);
    let list = "cluster::list(\"Pod\", #{ namespace: \"shop\", labels: \"";
    assert_eq!(lines(&mut at, list), [format!("{list}app=web"), format!("{list}tier=front")]);
    let log = "cluster::logs(\"Pod/web-0\", #{ namespace: \"shop\", container: \"s";
    assert_eq!(lines(&mut at, log), [format!("{log}ide")]);
    assert_eq!(at.poll_completion(), CompletionStatus::Ready);
    assert_eq!(at.poll_completion(), CompletionStatus::Idle);
}

/// A target whose cluster never answers.
struct Lost(Shadow);

impl Target for Lost {
    fn name(&self) -> String {
        "lost".to_owned()
    }
    fn cluster(&self, _: Option<&str>) -> BoxFuture<Result<Cluster>> {
        Box::pin(std::future::pending())
    }
    fn connect(&self, _: &str, _: &ClusterSource) -> BoxFuture<Result<Cluster>> {
        self.cluster(None)
    }
    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock()
    }
    fn network(&self) -> Arc<dyn Network> {
        self.0.network()
    }
}

#[test]
fn a_cluster_that_does_not_answer_holds_nothing_up() {
    let mut at = completion(on(Lost(Shadow::builder().seed(1).build().unwrap()), "1"));
    for _ in 0..3 {
        let result = at.complete("cluster::get(\"Pod/", 18);
        assert!(result.is_pending() && at.poll_completion() == CompletionStatus::Pending);
    }
    has(&mut at, "clus", "cluster::");
}

/// How long it takes is printed: `cargo test -p windlass --lib five_thousand -- --nocapture`.
#[test]
fn five_thousand_objects_are_all_there() {
    const OBJECTS: usize = 5_000;
    let shadow = Shadow::builder().seed(1).build().unwrap();
    let picture = on(shadow, "1");
    let session = picture.session.clone().unwrap();
    let made = session.clone();
    let making = async move {
        let cluster = made.reach_cluster(None).await?;
        let of = cluster.collection("ConfigMap", Some("default"), false).await?;
        for number in 0..OBJECTS {
            let name = format!("object-{number:04}");
            let body =
                json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "a": "1" } });
            cluster.create(&of.member(&name), &body, &Default::default()).await?;
        }
        Ok(())
    };
    session.bridge().wait(&Cancel::root(), session.clock(), making).unwrap();
    let mut at = completion(picture);
    let typed = "cluster::get(\"ConfigMap/object-";
    let begun = Instant::now();
    at.complete(typed, typed.len());
    let first = begun.elapsed();
    assert_eq!(lines(&mut at, typed).len(), OBJECTS);
    let known = begun.elapsed();
    let begun = Instant::now();
    let found = at.complete(typed, typed.len());
    println!("{OBJECTS} objects: first answer {first:?}, known {known:?}, then {:?}", begun.elapsed());
    assert!(!found.is_provisional() && found.suggestions().len() == OBJECTS);
    let begun = Instant::now();
    at.complete("cluster::", 9);
    println!("a module {:?}", begun.elapsed());
    let begun = Instant::now();
    at.complete("x.", 2);
    println!("the first methods {:?}", begun.elapsed());
    let begun = Instant::now();
    let lines: Vec<String> = (0..20_000).map(|number| format!("cluster::get(\"Pod/web-{number}\")")).collect();
    let mut search = Search::new(Discreet::of(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
    println!("history of 20000 made {:?}", begun.elapsed());
    let begun = Instant::now();
    let found = search.complete("podweb77", 8);
    println!("searched {:?}", begun.elapsed());
    assert!(found.suggestions()[0].value.contains("web-77"), "{:?}", found.suggestions()[0]);
}
