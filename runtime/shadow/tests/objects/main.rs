//! The real API server as the oracle: the same objects and changes are sent to it and to a shadow, and the whole answers
//! compared. There are no controllers in either, so nothing happens but what is asked for.
//!
//! What it said stands in `answers.json.gz`, so that the comparison needs no test bed. With one, what it says now is
//! compared with that file, and written to it when `WINDLASS_REWRITE` is set:
//! `WINDLASS_TESTBED=1 WINDLASS_REWRITE=1 cargo test -p windlass-shadow --test objects`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod answer;
mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use answer::{Answer, Normal, differences};
use bytes::Bytes;
use cases::Session;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use windlass_shadow::Shadow;
use windlass_shadow::clock::RealClock;
use windlass_testbed::Testbed;

/// The answers to the requests of each case.
type Answers = BTreeMap<String, Vec<Answer>>;

/// The answers that differ, as `case answer`: the file of all known differences has them by reason.
fn known() -> BTreeSet<String> {
    #[derive(serde::Deserialize)]
    struct All {
        recorded: Vec<Known>,
    }
    #[derive(serde::Deserialize)]
    struct Known {
        reason: String,
        answers: Vec<String>,
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fidelity/known.yaml");
    let All { recorded } = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(recorded.iter().all(|known| !known.reason.is_empty()), "each with its reason");
    recorded.into_iter().flat_map(|known| known.answers).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/objects")
}

fn recorded() -> Answers {
    let file = std::fs::File::open(folder().join("answers.json.gz")).unwrap();
    serde_json::from_reader(GzDecoder::new(file)).unwrap()
}

/// What the shadow answers.
fn shadows() -> Answers {
    let shadow = Shadow::builder(Arc::new(RealClock::new())).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a runtime of the test's own")]
        runtime.block_on(async {
            let response = shadow.handle(request).await;
            let (code, warnings) = (response.status().as_u16(), warnings(response.headers()));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            Answer::new(code, warnings, std::str::from_utf8(&body).unwrap())
        })
    };
    Session::new(&send).run()
}

fn warnings(headers: &HeaderMap) -> Vec<String> {
    headers.get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// What the real one answers.
fn reals(bed: &Testbed) -> Answers {
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let answer = bed.ask(method, path, headers, body).unwrap();
        let warnings = answer.head.lines().filter_map(|line| line.split_once(": "));
        let warnings = warnings.filter(|(name, _)| name.eq_ignore_ascii_case("warning"));
        Answer::new(answer.code, warnings.map(|(_, text)| text.to_owned()).collect(), &answer.body)
    };
    Session::new(&send).run()
}

/// Fails with what differs, unless it is known to, and with what is known to differ and does not.
fn compare(ours: &Answers, theirs: &Answers, known: &BTreeSet<String>) {
    let (mut all, mut equal, mut wrong) = (0, 0, String::new());
    for (case, theirs) in theirs {
        let ours = ours.get(case).map_or(&[][..], Vec::as_slice);
        assert_eq!(ours.len(), theirs.len(), "{case}: as many answers; record them anew");
        let (mut our_names, mut their_names) = (Normal::default(), Normal::default());
        for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let found = differences(&our_names.of(ours), &their_names.of(theirs));
            all += 1;
            equal += usize::from(found.is_empty());
            match (found.is_empty(), known.contains(&format!("{case} {at}"))) {
                (false, false) => {
                    wrong += &format!("--- {case} {at}: {} and {}\n{}", ours.code, theirs.code, found.join(""));
                }
                (true, true) => wrong += &format!("--- {case} {at} is equal, but known to differ\n"),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{equal} of {all} answers are equal\n{wrong}");
}

#[test]
fn answers_are_those_that_the_real_api_server_gave() {
    compare(&shadows(), &recorded(), &known());
}

#[test]
fn the_recorded_answers_are_those_of_the_real_api_server() {
    if windlass_testbed::skipped() {
        return;
    }
    let bed = Testbed::builder().without_controllers().start().unwrap();
    let answers = reals(&bed);
    if std::env::var_os("WINDLASS_REWRITE").is_none() {
        return compare(&recorded(), &answers, &BTreeSet::new());
    }
    let file = std::fs::File::create(folder().join("answers.json.gz")).unwrap();
    let mut packed = GzEncoder::new(file, Compression::best());
    serde_json::to_writer(&mut packed, &answers).unwrap();
    packed.finish().unwrap();
}
