//! Persons who are asked: before steps, at breakpoints, one question at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{CANARY, Ran, runtime, try_run};
use serde_json::{Value as Json, json};
use windlass_runtime::playbook::{Playbook, Selection, Upcoming};
use windlass_runtime::report::{RunStatus, StepStatus};
use windlass_runtime::secret::Prompter as AsksSecrets;
use windlass_runtime::session::{AfterFailure, BeforeStep, Breakpoint, Prompter, SessionBuilder};
use windlass_runtime::target::Shadow;
use windlass_runtime::{Error, Kind, Result};

/// Answers in a row, and keeps what it was asked.
#[derive(Default)]
struct Person {
    before: Mutex<VecDeque<BeforeStep>>,
    after: Mutex<VecDeque<AfterFailure>>,
    goes_on: bool,
    takes: Duration,
    asked: Mutex<Vec<String>>,
    state: Mutex<Vec<Json>>,
    open: AtomicUsize,
}

impl Person {
    /// Fails where a second question is put while one is open.
    fn ask(&self, what: String) {
        assert_eq!(self.open.fetch_add(1, Ordering::SeqCst), 0, "two questions at a time");
        self.asked.lock().unwrap().push(what);
        std::thread::sleep(self.takes);
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl AsksSecrets for Person {
    fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
        Err(Error::internal("not asked"))
    }
}

impl Prompter for Person {
    fn confirm(&self, key: &str, _: &str) -> Result<bool> {
        self.ask(format!("confirm {key}"));
        Ok(true)
    }
    fn step_failed(&self, step: &str, error: &Error) -> Result<AfterFailure> {
        self.ask(format!("failed {step}: {}", error.message()));
        Ok(self.after.lock().unwrap().pop_front().expect("an answer"))
    }
    fn before_step(&self, upcoming: &Upcoming<'_>) -> Result<BeforeStep> {
        let reads: Vec<String> = upcoming.values_read().into_iter().collect();
        let (number, of, key) = (upcoming.number, upcoming.of, &upcoming.step.key);
        self.ask(format!("{number}/{of} {key} {}", reads.join(",")).trim_end().to_owned());
        self.state.lock().unwrap().push(upcoming.state());
        let answer = self.before.lock().unwrap().pop_front();
        answer.ok_or_else(|| Error::new(Kind::Unavailable, "the terminal is gone"))
    }
    fn breakpoint(&self, breakpoint: &Breakpoint<'_>) -> Result<bool> {
        self.ask(format!("{} {} {:?}", breakpoint.step, breakpoint.place, breakpoint.text));
        Ok(self.goes_on)
    }
}

fn stepped(script: &str, person: &Arc<Person>) -> Ran {
    let set = |builder: SessionBuilder| {
        builder.prompter(person.clone()).step_by_step().values(json!({ "a": { "b": 1 }, "c": 2, "never": 3 }))
    };
    try_run(script, &Selection::default(), set).unwrap()
}

fn answering(before: &[BeforeStep], after: &[AfterFailure]) -> Arc<Person> {
    let (before, after) = (before.iter().copied().collect(), after.iter().copied().collect());
    Arc::new(Person { before: Mutex::new(before), after: Mutex::new(after), ..Person::default() })
}

fn statuses(ran: &Ran) -> Vec<StepStatus> {
    ran.report.steps.iter().map(|step| step.status).collect()
}

const FOUR: &str = r#"
    fn deep() { values.c }
    step("a", |ctx| { ctx.state.x = [values.a.b, deep()]; ctx.state.s = `pw ${test::secret("N")}`; });
    step("b", #{ needs: ["a"] }, |ctx| print("b"));
    before("c", || values.a["b"]);
    step("c", #{ needs: ["b"] }, || print("c"));
    step("d", || print("d"));
"#;

#[test]
fn steps_run_are_skipped_and_the_rest_goes_on_unasked() {
    use BeforeStep::{GoOn, Run, Skip};
    let person = answering(&[Run, Skip, GoOn], &[]);
    let ran = stepped(FOUR, &person);
    assert_eq!(ran.logs(), ["c", "d"]);
    assert_eq!(statuses(&ran), [StepStatus::Ok, StepStatus::Skipped, StepStatus::Ok, StepStatus::Ok]);
    assert_eq!(ran.step("b").reason.as_deref(), Some("skipped by hand"));
    assert_eq!(person.asked(), ["1/4 a a.b,c", "2/4 b", "3/4 c a.b"]);
    let state = person.state.lock().unwrap();
    assert_eq!((&state[0], &state[1]["x"], &state[1]["s"]), (&json!({}), &json!([1, 2]), &json!("(secret)")));
    assert!(!format!("{state:?}").contains(CANARY));
}

#[test]
fn a_stop_cancels_the_run_before_the_step() {
    let person = answering(&[BeforeStep::Run, BeforeStep::Stop], &[]);
    let ran = stepped(FOUR, &person);
    assert_eq!(ran.report.status, RunStatus::Cancelled);
    assert_eq!(statuses(&ran), [StepStatus::Ok, StepStatus::Pending, StepStatus::Pending, StepStatus::Pending]);
}

#[test]
fn where_nobody_can_be_asked_any_more_the_run_fails_and_says_so() {
    let ran = stepped(FOUR, &answering(&[BeforeStep::Run], &[]));
    assert_eq!((ran.report.status, statuses(&ran)[1]), (RunStatus::Failed, StepStatus::Pending));
    assert!(ran.logs().iter().any(|line| line.contains("the terminal is gone")), "{:?}", ran.logs());
}

#[test]
fn a_failed_step_is_tried_again_passed_or_ends_the_run() {
    use AfterFailure::{Continue, Retry, Stop};
    let script = r#"step("a", |ctx| if ctx.attempt < 3 { throw "no" }); step("b", || throw "never"); step("c", || print("c"));
        step("d", || throw "at all"); step("e", || print("e"));"#;
    let person = answering(&[BeforeStep::Run; 4], &[Retry, Retry, Continue, Stop]);
    let ran = stepped(script, &person);
    use StepStatus::{Failed, Ok, Pending};
    assert_eq!(statuses(&ran), [Ok, Failed, Ok, Failed, Pending]);
    assert_eq!((ran.report.status, ran.step("a").attempts), (RunStatus::Failed, 3));
    assert_eq!(ran.logs(), ["c"]);
    // Whoever said to go on is not asked after failures either.
    let person = answering(&[BeforeStep::GoOn], &[]);
    let ran = stepped(r#"step("a", || throw "no"); step("b", || 1);"#, &person);
    assert_eq!((statuses(&ran), person.asked().len()), (vec![Failed, Pending], 1));
}

#[test]
fn nobody_is_asked_about_steps_that_are_left_out_or_blocked() {
    let person = answering(&[BeforeStep::Run; 2], &[AfterFailure::Continue]);
    let script = r#"step("a", || throw "x"); step("b", #{ needs: ["a"] }, || 1); step("c", || 1); skip("c", "no need"); step("d", || 1);"#;
    let ran = stepped(script, &person);
    assert_eq!(person.asked(), ["1/4 a", "failed a: x", "4/4 d"]);
    assert_eq!(statuses(&ran), [StepStatus::Failed, StepStatus::Blocked, StepStatus::Skipped, StepStatus::Ok]);
}

#[test]
fn a_breakpoint_asks_a_person_rests_the_deadline_and_stops() {
    let script = r#"step("a", #{ timeout: "300ms" }, || {
        try { breakpoint("look"); } catch { print("caught") }
        print("on");
    });"#;
    let of = |goes_on| Arc::new(Person { goes_on, takes: Duration::from_millis(500), ..Person::default() });
    let person = of(true);
    let ran = try_run(script, &Selection::default(), |b| b.prompter(person.clone())).unwrap();
    assert_eq!((ran.step("a").status, ran.logs()), (StepStatus::Ok, vec!["on".to_owned()]));
    assert_eq!(person.asked(), ["a test.rhai:2:15 Some(\"look\")"]);
    let ran = try_run(script, &Selection::default(), |b| b.prompter(of(false))).unwrap();
    assert_eq!((ran.report.status, ran.step("a").status), (RunStatus::Cancelled, StepStatus::Cancelled));
    assert_eq!(ran.logs(), Vec::<String>::new());
    assert!(ran.error("a").contains("stopped at the breakpoint at test.rhai:2:15"), "{}", ran.error("a"));
}

#[test]
fn a_breakpoint_is_passed_where_nobody_is_and_in_a_rehearsal() {
    let ran = common::run(r#"step("a", || { breakpoint(); breakpoint("x"); })"#);
    assert_eq!(
        ran.logs(),
        [
            "breakpoint at test.rhai:1:16 passed, since nobody can be asked",
            "breakpoint at test.rhai:1:30 passed, since nobody can be asked: x"
        ]
    );
    let person = Arc::new(Person::default());
    let session = runtime().session(Shadow::builder().build().unwrap()).prompter(person.clone()).open();
    let prepared = session.prepare(&Playbook::text("t", r#"breakpoint("x"); 1"#)).unwrap();
    assert_eq!(prepared.start(&Selection::default()).unwrap().wait().unwrap().status, RunStatus::Ok);
    assert_eq!(person.asked(), Vec::<String>::new());
    let wrong = common::refused(r#"step("a", || 1); breakpoint();"#);
    assert!(wrong.message().contains("breakpoint waits, and stands at the top level"), "{wrong}");
    let ran = common::run(r#"step("a", || breakpoint(1, 2))"#);
    assert!(ran.error("a").contains("breakpoint([text])"), "{}", ran.error("a"));
}

#[test]
fn questions_of_branches_come_one_after_the_other() {
    let person = Arc::new(Person { goes_on: true, takes: Duration::from_millis(30), ..Person::default() });
    let script = r#"test::each8([1, 2, 3, 4, 5, 6, 7, 8], |n| { if n % 2 == 0 { breakpoint(`${n}`) } else { confirm(`k${n}`, "?") } n })"#;
    let ran = try_run(script, &Selection::default(), |b| b.prompter(person.clone())).unwrap();
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(person.asked().len(), 8);
}
