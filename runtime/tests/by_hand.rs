//! Steps and lines that a person lets run in one session.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use common::{followed, typed, walking};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::{Console, Playbook, Walk};
use windlass_runtime::report::StepStatus;
use windlass_runtime::session::SessionBuilder;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Session};

#[test]
fn steps_are_held_to_what_they_have_applied_and_a_person_may_change_it() {
    let steps = [
        "step(\"one\", || { test::claim(\"x\", \"first\"); test::claim(\"y\", \"first\"); });",
        "step(\"other\", || test::claim(\"x\", \"second\"));",
        "step(\"changed\", || test::claim(\"y\", \"third\"));",
        "step(\"same\", || test::claim(\"z\", \"first\"));",
    ];
    let playbook = Playbook::text("test.rhai", &steps.join("\n"));
    let session = followed().session(NoTarget::new()).open();
    walking(&session, &playbook, |walk| {
        let mut console = Console::new(&session);
        let mut run = |index| walk_status(walk, index);
        assert_eq!(run(0), StepStatus::Ok);
        // A line that has to do with something else lets nothing be forgotten.
        assert_eq!(typed(&mut console, &["test::claim(\"else\", \"a\")", "test::claim(\"else\", \"b\")"]), ["null"; 2]);
        assert_eq!(run(1), StepStatus::Failed);
        // In one line, as in one run.
        let twice = typed(&mut console, &["test::claim(\"w\", \"a\"); test::claim(\"w\", \"b\")"]);
        assert!(twice[0].contains("w is applied twice in this run"), "{twice:?}");
        // What is typed counts from then on, and then what a step applies.
        assert_eq!(typed(&mut console, &["test::claim(\"y\", \"second\")"]), ["null"]);
        assert_eq!((run(2), run(3)), (StepStatus::Ok, StepStatus::Ok));
        assert_eq!(typed(&mut console, &["test::claim(\"z\", \"mended\")"]), ["null"]);
        assert_eq!(run(3), StepStatus::Ok, "a step that was mended by hand runs again");
    });
    let session = followed().session(NoTarget::new()).open();
    walking(&session, &playbook, |walk| {
        assert_eq!((walk_status(walk, 0), walk_status(walk, 1)), (StepStatus::Ok, StepStatus::Failed));
        let items = walk.plan_back(0, &Cancel::root()).unwrap();
        assert_eq!(walk.take_back(0, &items, &Cancel::root()).unwrap().status, StepStatus::Pending);
        assert_eq!(walk_status(walk, 1), StepStatus::Ok, "what was taken back is not there any more");
        assert_eq!(walk_status(walk, 0), StepStatus::Failed);
    });
}

fn walk_status(walk: &mut Walk, index: usize) -> StepStatus {
    walk.run(index, &Cancel::root()).unwrap().status
}

/// A session that is stopped as soon as a script prints something.
fn stopped_by_print(builder: SessionBuilder) -> Session {
    let cancel = Cancel::root();
    let stop = cancel.clone();
    let sink = move |event: &Event| {
        if let What::Log { .. } = &event.what {
            stop.stop(Error::new(Kind::Cancelled, "all of it"));
        }
    };
    builder.cancel(cancel).sink(sink).open()
}

#[test]
fn who_stops_the_session_stops_what_has_a_token_of_its_own() {
    let session = || stopped_by_print(followed().session(NoTarget::new()));
    let playbook = Playbook::text("test.rhai", "step(\"a\", || { print(\"now\"); sleep(\"20s\"); });");
    walking(&session(), &playbook, |walk| {
        let report = walk.run(0, &Cancel::root()).unwrap();
        assert_eq!(report.status, StepStatus::Cancelled, "{report:?}");
    });
    let session = session();
    walking(&session, &Playbook::text("test.rhai", "1"), |_| {
        let said = typed(&mut Console::new(&session), &["print(\"now\"); sleep(\"20s\")"]);
        assert_eq!(said, ["cancelled: all of it"]);
    });
}
