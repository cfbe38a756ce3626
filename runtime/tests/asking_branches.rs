//! Branches that ask a person, one after the other, in a rehearsal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{followed, typed};
use windlass_runtime::Result;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::playbook::{Console, Playbook, Selection};
use windlass_runtime::report::{Report, StepStatus};
use windlass_runtime::session::{Decision, Failure, OnFailure};
use windlass_runtime::target::Shadow;

/// Types lines where primitives fail, and keeps what was said.
#[derive(Clone, Default)]
struct Person {
    lines: Vec<&'static str>,
    stops: bool,
    said: Arc<Mutex<Vec<String>>>,
}

impl OnFailure for Person {
    fn decide(&self, _: &Failure<'_>) -> Decision {
        let mut console = Console::here().unwrap();
        let said = typed(&mut console, &self.lines).join(" ");
        let session = console.session();
        let forever = session.bridge().wait(&Cancel::root(), session.clock(), std::future::pending::<Result<()>>());
        self.said.lock().unwrap().push(format!("{said} {}", forever.unwrap_err().kind()));
        if self.stops {
            console.stop_step("enough");
        }
        Decision::Fail
    }
}

/// Runs a script on a simulated target, whose branches ask.
fn asked(person: &Person, script: &'static str) -> Report {
    let (sender, receiver) = channel();
    let person = person.clone();
    std::thread::spawn(move || {
        let session = followed().session(Shadow::builder().build().unwrap()).on_failure(person).open();
        let prepared = session.prepare(&Playbook::text("test.rhai", script)).unwrap();
        sender.send(prepared.start(&Selection::default()).unwrap().wait().unwrap()).unwrap();
    });
    receiver.recv_timeout(Duration::from_secs(60)).expect("nobody waits for ever")
}

const BOTH_FAIL: &str =
    "step(\"a\", #{ timeout: \"5m\" }, || { test::beside([1, 2], |n| { let own = n; test::get(\"missing\") }) });";

#[test]
fn a_branch_that_waits_to_ask_lets_the_one_that_is_asked_go_on() {
    // What is typed takes longer than the step may, and then nothing can happen any more: that is nobody else's.
    let person = Person { lines: vec!["sleep(\"1h\"); own"], ..Person::default() };
    let report = asked(&person, BOTH_FAIL);
    assert_eq!(*person.said.lock().unwrap(), ["1 hopeless", "2 hopeless"]);
    assert_eq!(report.steps[0].error.as_ref().unwrap()["kind"], "not_found", "{report:?}");
}

#[test]
fn a_step_that_is_stopped_at_one_prompt_opens_no_other() {
    let person = Person { lines: vec!["sleep(\"1s\"); own"], stops: true, ..Person::default() };
    let report = asked(&person, BOTH_FAIL);
    assert_eq!(*person.said.lock().unwrap(), ["1 hopeless"]);
    assert_eq!(report.steps[0].status, StepStatus::Cancelled, "{report:?}");
}
