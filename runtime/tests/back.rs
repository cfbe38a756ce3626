//! Taking back by hand what a step has changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{STORE, followed};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::change::{Op, Resource};
use windlass_runtime::event::{Event, What};
use windlass_runtime::files::Home;
use windlass_runtime::journal::{About, Journal, MemoryJournal, OnDemand, Store};
use windlass_runtime::playbook::{Console, HooksFile, Playbook, Resume, Selection, Walk};
use windlass_runtime::report::{Report, RunStatus, StepStatus};
use windlass_runtime::secret::Keys;
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::target::Shadow;
use windlass_runtime::undo::{self, Way};
use windlass_runtime::{Kind, STACK, Session};

const TWO: &str = r#"
    step("one", |ctx| { test::set("a", 1); test::set("b", 2); ctx.state.sum = 3; "first" });
    step("two", #{ title: "The second" }, |ctx| { test::set("b", ctx.state.sum); test::set("c", 7); ctx.state.two = true; });
    step("three", #{ irreversible: true }, || test::set("d", 1));
"#;

/// These tests share one store.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    STORE.lock().unwrap().clear();
    alone
}

fn stored() -> Vec<(String, i64)> {
    STORE.lock().unwrap().iter().map(|(key, value)| (key.clone(), *value)).collect()
}

fn expected(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

fn session(journal: Arc<dyn Journal>) -> Session {
    followed().session(Shadow::builder().build().unwrap()).journal(journal).open()
}

fn walking<T: Send>(session: &Session, script: &str, work: impl FnOnce(&mut Walk) -> T + Send) -> T {
    walking_through(session, &Playbook::text("test.rhai", script), work)
}

fn walking_through<T: Send>(session: &Session, playbook: &Playbook, work: impl FnOnce(&mut Walk) -> T + Send) -> T {
    let go = || {
        let mut walk = session.prepare(playbook).unwrap().walk().unwrap();
        let given = work(&mut walk);
        let expected = if walk.next().is_none() { RunStatus::Ok } else { RunStatus::Cancelled };
        let report = walk.end();
        assert_eq!(report.status, expected, "{report:?}");
        given
    };
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, go).unwrap();
        thread.join().unwrap()
    })
}

fn run(walk: &mut Walk, index: usize) {
    let report = walk.run(index, &Cancel::root()).unwrap();
    assert_eq!(report.status, StepStatus::Ok, "{report:?}");
}

fn back(walk: &mut Walk, index: usize) -> usize {
    let items = walk.plan_back(index, &Cancel::root()).unwrap();
    let report = walk.take_back(index, &items, &Cancel::root()).unwrap();
    assert_eq!(report.status, StepStatus::Pending, "{report:?}");
    items.len()
}

#[test]
fn a_step_that_is_taken_back_counts_as_not_run_and_runs_again() {
    let _alone = alone();
    let journal = Arc::new(MemoryJournal::new());
    let session = session(journal.clone());
    walking(&session, TWO, |walk| {
        run(walk, 0);
        run(walk, 1);
        assert_eq!(back(walk, 1), 2);
        assert_eq!(stored(), expected(&[("a", 1), ("b", 2)]));
        assert_eq!((walk.next(), walk.report("two").is_none()), (Some(1), true));
        assert_eq!(session.shown_state(), serde_json::json!({ "sum": 3 }));
        let again = walk.plan_back(1, &Cancel::root()).unwrap_err();
        assert_eq!(again.kind(), Kind::Usage, "what was taken back is not taken back twice");
        run(walk, 1);
        assert_eq!(stored(), expected(&[("a", 1), ("b", 3), ("c", 7)]));
        // Only what was changed since.
        assert_eq!(back(walk, 1), 2);
        assert_eq!(back(walk, 0), 2);
        assert_eq!((stored(), walk.next()), (Vec::new(), Some(0)));
        run(walk, 2);
        assert!(walk.plan_back(2, &Cancel::root()).unwrap_err().message().contains("irreversible"));
    });
    let entries = journal.entries().unwrap();
    let ids: std::collections::HashSet<_> = entries.iter().map(|(intent, _)| intent.id.clone()).collect();
    assert_eq!((entries.len(), ids.len()), (13, 13));
    assert!(journal.decisions().contains(&"step \"two\" was taken back by hand".to_owned()));
}

#[test]
fn what_others_have_changed_since_is_refused_and_nothing_is_done() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    walking(&session, TWO, |walk| {
        run(walk, 0);
        STORE.lock().unwrap().insert("a".to_owned(), 99);
        assert_eq!(walk.plan_back(0, &Cancel::root()).unwrap_err().kind(), Kind::Conflict);
        assert_eq!((stored(), walk.next()), (expected(&[("a", 99), ("b", 2)]), Some(1)));
    });
}

#[test]
fn what_cannot_be_taken_back_is_known_before_and_stays() {
    let _alone = alone();
    let journal = Arc::new(MemoryJournal::new());
    let session = session(journal.clone());
    let script = "step(\"one\", || { test::set(\"a\", 1); test::set(\"b\", 2, #{ cannot: \"it is gone\" }); });";
    walking(&session, script, |walk| {
        run(walk, 0);
        let ways: Vec<bool> =
            walk.plan_back(0, &Cancel::root()).unwrap().iter().map(|item| matches!(item.way, Way::Cannot(_))).collect();
        assert_eq!(ways, [true, false]);
        assert_eq!(back(walk, 0), 2);
        assert_eq!(stored(), expected(&[("b", 2)]));
        // What stays is not listed again.
        run(walk, 0);
        assert_eq!(back(walk, 0), 1);
    });
}

/// A store in a folder, and a session whose journal is opened with its first change.
fn on_demand(home: &std::path::Path) -> (Store, Session) {
    let folders = UserFolders { config: home.join("config"), state: home.join("state") };
    let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
    let opens = store.clone();
    let open =
        move || Ok(Arc::new(opens.begin(About { what: "test".into(), ..About::default() })?) as Arc<dyn Journal>);
    (store, session(Arc::new(OnDemand::new(open))))
}

/// A store in a folder, and a session of a run in it.
fn recorded(home: &std::path::Path) -> (Store, Session) {
    let folders = UserFolders { config: home.join("config"), state: home.join("state") };
    let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
    let journal = store.begin(About { what: "test".into(), ..About::default() }).unwrap();
    (store, session(Arc::new(journal)))
}

fn resumed(store: &Store, id: &str, script: &str) -> Vec<StepStatus> {
    let (report, _) = resumed_so(store, id, script, &Resume::default());
    report.steps.iter().map(|step| step.status).collect()
}

/// How a run ends that goes on, and what is logged.
fn resumed_so(store: &Store, id: &str, script: &str, resume: &Resume) -> (Report, Vec<String>) {
    let logs: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = logs.clone();
    let tell = move |event: &Event| {
        if let What::Log { text, .. } = &event.what {
            sink.lock().unwrap().push(text.clone());
        }
    };
    let builder = followed().session(Shadow::builder().build().unwrap());
    let session = builder.journal(Arc::new(store.resume(id).unwrap())).sink(tell).open();
    let prepared = session.prepare(&Playbook::text("test.rhai", script)).unwrap();
    let report = prepared.resume(&Selection::default(), resume).unwrap().wait().unwrap();
    let logs = logs.lock().unwrap().clone();
    (report, logs)
}

#[test]
fn what_was_before_the_first_change_is_known_when_the_run_is_resumed() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let script = r#"
        step("drop", || test::set("dropped", 1));
        step("look", |ctx| { ctx.state.seen = 5; "looked" });
        step("again", || test::get("none"));
        step("change", |ctx| { test::set("a", ctx.state.seen); });
        step("rest", |ctx| test::set("b", ctx.state.seen));
    "#;
    let (store, looking) = on_demand(home.path());
    walking(&looking, script, |walk| {
        walk.skip(0);
        run(walk, 1);
        [2, 3, 4].into_iter().for_each(|index| walk.skip(index));
    });
    assert_eq!(store.runs().unwrap().len(), 0, "who only looks leaves no run");
    let (store, first) = on_demand(home.path());
    walking(&first, script, |walk| {
        walk.skip(0);
        run(walk, 1);
        assert_eq!(walk.run(2, &Cancel::root()).unwrap().status, StepStatus::Failed);
        run(walk, 3);
        walk.skip(2);
    });
    use StepStatus::{Ok, Skipped};
    assert_eq!(resumed(&store, first.id(), script), [Skipped, Skipped, Skipped, Skipped, Ok]);
    assert_eq!(stored(), expected(&[("a", 5), ("b", 5)]));
    let decided =
        store.record(first.id()).unwrap().remarks.iter().filter(|r| r.text.contains("skipped by hand")).count();
    assert_eq!(decided, 2);
}

#[test]
fn a_step_that_is_left_out_once_more_stays_left_out() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let script = "step(\"one\", || { test::set(\"a\", 1); test::get(\"none\") }); step(\"two\", || 1);";
    let (store, _) = on_demand(home.path());
    let first = session(Arc::new(store.begin(About::default()).unwrap()));
    walking(&first, script, |walk| {
        walk.skip(0);
        assert_eq!(walk.run(0, &Cancel::root()).unwrap().status, StepStatus::Failed);
        walk.skip(0);
    });
    assert_eq!(resumed(&store, first.id(), script), [StepStatus::Skipped, StepStatus::Ok]);
}

#[test]
fn a_playbook_that_is_mended_after_a_typed_change_is_the_runs() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let (store, first) = on_demand(home.path());
    first.begin_by_hand("by hand").unwrap();
    let script = "step(\"one\", || test::set(\"a\", 1)); step(\"two\", || test::set(\"b\", 1));";
    let typed = first.clone();
    walking(&first, "step(\"none\", || 1);", move |_| {
        let line = "test::set(\"typed\", 1);";
        Console::new(&typed).evaluate("<input 1>", line, &Cancel::root()).map(|_| ()).unwrap();
    });
    walking(&first, script, |walk| run(walk, 0));
    let record = store.record(first.id()).unwrap();
    let planned: Vec<_> = record.planned.iter().map(|step| step.key.as_str()).collect();
    assert_eq!((record.line.playbook.as_str(), planned), ("test.rhai", vec!["one", "two"]));
    let (report, logs) = resumed_so(&store, first.id(), script, &Resume::default());
    let statuses: Vec<_> = report.steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [StepStatus::Skipped, StepStatus::Ok]);
    // What was typed is no step.
    assert!(logs.iter().any(|log| log.ends_with("goes on (attempt 2): 1 of 2 steps is done")), "{logs:?}");
}

/// Puts a playbook that was mended in the place of the one that is gone through.
fn mend(walk: &mut Walk, script: &str) {
    let prepared = walk.session().prepare(&Playbook::text("test.rhai", script)).unwrap();
    walk.replace(prepared).unwrap();
}

#[test]
fn a_mended_playbook_may_put_steps_before_those_that_have_run() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let folders = UserFolders { config: home.path().join("config"), state: home.path().join("state") };
    let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
    let journal = Arc::new(store.begin(About::default()).unwrap());
    let session = session(journal.clone());
    let two = "step(\"one\", || test::set(\"a\", 1)); step(\"two\", || test::set(\"b\", 1));";
    walking(&session, two, |walk| {
        run(walk, 0);
        mend(walk, &format!("step(\"zero\", || test::set(\"z\", 1)); {two}"));
        run(walk, 0);
        run(walk, 2);
        assert_eq!(back(walk, 1), 1, "what the step itself has changed");
        assert_eq!(stored(), expected(&[("b", 1), ("z", 1)]));
        // One that is gone and comes back is the one that it was.
        mend(walk, "step(\"new\", || test::set(\"n\", 1)); step(\"two\", || test::set(\"b\", 1));");
        run(walk, 0);
        mend(walk, two);
        run(walk, 0);
        assert_eq!(walk.next(), None);
    });
    let entries = journal.entries().unwrap();
    let numbers: Vec<_> = entries.iter().map(|(intent, _)| (intent.step.as_str(), intent.id.step)).collect();
    assert_eq!(numbers, [("one", 0), ("zero", 2), ("two", 1), ("one", 0), ("new", 3), ("one", 0)]);
}

#[test]
fn a_step_that_has_failed_and_was_left_out_can_be_taken_back() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    let script = "step(\"one\", || { test::set(\"a\", 1); test::get(\"none\") }); step(\"two\", || 1);";
    walking(&session, script, |walk| {
        assert_eq!(walk.run(0, &Cancel::root()).unwrap().status, StepStatus::Failed);
        walk.skip(0);
        assert_eq!((walk.next(), walk.has_run("one"), walk.has_run("two")), (Some(1), true, false));
        assert_eq!(back(walk, 0), 1);
        assert_eq!((stored(), walk.next(), walk.has_run("one")), (Vec::new(), Some(0), false));
        assert_eq!(walk.plan_back(0, &Cancel::root()).unwrap_err().kind(), Kind::Usage);
    });
}

#[test]
fn a_failure_that_does_not_end_the_run_is_over_and_what_needs_it_is_told() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    let script = r#"
        step("ignored", #{ on_error: "ignore" }, || test::get("none"));
        step("passed", #{ on_error: "continue" }, || test::get("none"));
        step("needs", #{ needs: ["passed", "ignored"] }, || 1);
        step("ends", || test::get("none"));
    "#;
    walking(&session, script, |walk| {
        let mut statuses = Vec::new();
        while let Some(index) = walk.next() {
            statuses.push((index, walk.missed_by(&walk.steps()[index]).map(str::to_owned)));
            walk.run(index, &Cancel::root());
            if !walk.is_over(&walk.steps()[index]) {
                break;
            }
        }
        assert_eq!(statuses, [(0, None), (1, None), (2, Some("passed".to_owned())), (3, None)]);
        [1, 3].into_iter().for_each(|index| walk.skip(index));
    });
}

#[test]
fn a_step_that_succeeds_on_a_retry_has_not_failed() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    let script = "step(\"one\", #{ retries: 1, backoff: \"1ms\" }, || { try { test::get(\"a\"); } catch { test::set(\"a\", 1); throw \"once\"; } });";
    walking(&session, script, |walk| {
        run(walk, 0);
        assert!(walk.take_failed().is_none());
    });
}

#[test]
fn a_run_that_is_resumed_runs_again_what_was_taken_back_and_an_undo_leaves_it_out() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let folders = UserFolders { config: home.path().join("config"), state: home.path().join("state") };
    let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
    let begin = store.begin(About { what: "test".into(), ..About::default() }).unwrap();
    let first = session(Arc::new(begin));
    walking(&first, TWO, |walk| {
        run(walk, 0);
        run(walk, 1);
        back(walk, 1);
        run(walk, 2);
        run(walk, 0);
    });
    let id = first.id().to_owned();
    let journal = store.resume(&id).unwrap();
    assert_eq!(journal.past().taken_back, ["two"]);
    assert_eq!(journal.past().state.keys().collect::<Vec<_>>(), ["sum"]);

    let resumed = session(Arc::new(journal));
    let prepared = resumed.prepare(&Playbook::text("test.rhai", TWO)).unwrap();
    let report = prepared.resume(&Selection::default(), &Resume::default()).unwrap().wait().unwrap();
    let ran: Vec<_> = report.steps.iter().map(|step| step.status).collect();
    assert_eq!(ran, [StepStatus::Skipped, StepStatus::Ok, StepStatus::Skipped]);
    assert_eq!(stored(), expected(&[("a", 1), ("b", 3), ("c", 7), ("d", 1)]));

    let entries = store.entries(&id).unwrap();
    let done = undo::taken_back_within(&entries);
    assert_eq!(done.len(), 4, "two changes, and the two that took them back");
    let reversible = entries.into_iter().filter(|(intent, _)| intent.step != "three").collect::<Vec<_>>();
    let items = undo::plan(&resumed, &reversible, &done, &Cancel::root()).unwrap();
    let of: Vec<_> = items.iter().map(|item| (item.step.as_str(), item.part.resource.name.as_str())).collect();
    assert_eq!(of, [("two", "c"), ("two", "b"), ("one", "b"), ("one", "a")]);
}

#[test]
fn hooks_that_are_mended_leave_out_other_steps_and_what_a_person_left_out_stays_so() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let (store, session) = recorded(home.path());
    let hooked = |text: &str| {
        let hooks =
            HooksFile { source: "hooks.rhai".into(), text: text.into(), home: Home::Disk(".".into()), strict: true };
        let script = r#"step("one", || test::set("a", 1)); step("two", || test::get("none")); step("three", || 3);"#;
        Playbook { hooks: Some(hooks), ..Playbook::text("test.rhai", script) }
    };
    walking_through(&session, &hooked(r#"skip("one", "not here");"#), |walk| {
        assert_eq!((walk.next(), walk.left_out("one")), (Some(1), Some("not here")));
        walk.skip(2);
        assert_eq!(walk.run(1, &Cancel::root()).unwrap().status, StepStatus::Failed);
        let prepared = walk.session().prepare(&hooked(r#"skip("two", "not now");"#)).unwrap();
        walk.replace(prepared).unwrap();
        assert_eq!((walk.next(), walk.left_out("one"), walk.left_out("two")), (Some(0), None, Some("not now")));
        run(walk, 0);
        assert_eq!(walk.report("three").unwrap().status, StepStatus::Skipped);
        assert_eq!(walk.next(), None);
    });
    let planned = store.record(session.id()).unwrap().planned;
    let left_out: Vec<_> = planned.iter().map(|step| step.left_out.as_deref()).collect();
    assert_eq!(left_out, [None, Some("not now"), None]);
}

#[test]
fn what_earlier_steps_have_left_in_the_state_is_there_again() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let (store, session) = recorded(home.path());
    let script = r#"
        step("one", |ctx| { ctx.state.nodes = ["none"]; ctx.state.nodes = ["a"]; });
        step("two", |ctx| { let nodes = ctx.state.nodes; nodes.push("b"); ctx.state.nodes = nodes; ctx.state.two = 2; });
        step("three", |ctx| { let nodes = ctx.state.nodes; test::set("count", nodes.len()); });
    "#;
    walking(&session, script, |walk| {
        let is = |state: serde_json::Value| {
            assert_eq!(session.shown_state(), state);
            let recorded = store.resume(session.id()).unwrap().past().state.clone();
            assert_eq!(serde_json::json!(recorded), state, "a run that is resumed finds the same");
        };
        run(walk, 0);
        run(walk, 1);
        is(serde_json::json!({ "nodes": ["a", "b"], "two": 2 }));
        back(walk, 1);
        is(serde_json::json!({ "nodes": ["a"] }));
        run(walk, 2);
        assert_eq!(stored(), expected(&[("count", 1)]));
        // A step that has set it before and after another one has left nothing there.
        run(walk, 1);
        run(walk, 0);
        is(serde_json::json!({ "nodes": ["a"], "two": 2 }));
        back(walk, 0);
        is(serde_json::json!({ "nodes": ["a", "b"], "two": 2 }));
        back(walk, 1);
        is(serde_json::json!({}));
    });
}

#[test]
fn what_became_of_an_interrupted_take_back_is_no_change_of_the_step() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let (store, session) = recorded(home.path());
    walking(&session, "step(\"one\", || test::set(\"a\", 1));", |walk| {
        run(walk, 0);
        let items = walk.plan_back(0, &Cancel::root()).unwrap();
        common::lose_next_answer();
        assert_eq!(walk.take_back(0, &items, &Cancel::root()).unwrap().status, StepStatus::Failed);
        // It was taken back, and nobody knows.
        assert_eq!(stored(), expected(&[]));
        let entries = store.entries(session.id()).unwrap();
        let planned = undo::plan(&session, &entries, &undo::taken_back_within(&entries), &Cancel::root()).unwrap();
        assert_eq!(planned.len(), 1, "an undo of the run: {planned:?}");
        assert_eq!(back(walk, 0), 1);
        assert_eq!(stored(), expected(&[]));
        assert_eq!(walk.plan_back(0, &Cancel::root()).unwrap_err().kind(), Kind::Usage);
    });
}

#[test]
fn of_branches_that_were_taken_back_all_are_run_again() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let (store, session) = recorded(home.path());
    let script = r#"step("all", || {
        test::set("seen", once("seen", || test::get("now")));
        let ended = test::each(["a", "b"], |name| { test::set(name, 1); if name == "b" { test::get("mended") } "done" });
        for one in ended { if one != "done" { throw one; } }
    })"#;
    STORE.lock().unwrap().insert("now".into(), 1);
    walking(&session, script, |walk| {
        assert_eq!(walk.run(0, &Cancel::root()).unwrap().status, StepStatus::Failed);
        assert_eq!(stored(), expected(&[("a", 1), ("b", 1), ("now", 1), ("seen", 1)]));
        assert_eq!(back(walk, 0), 3);
    });
    STORE.lock().unwrap().extend([("now".into(), 2), ("mended".into(), 1)]);
    let failed_only = Resume { failed_only: true, ..Resume::default() };
    let (report, _) = resumed_so(&store, session.id(), script, &failed_only);
    assert_eq!(report.status, RunStatus::Ok, "{report:?}");
    assert_eq!(stored(), expected(&[("a", 1), ("b", 1), ("mended", 1), ("now", 2), ("seen", 2)]));
}

#[test]
fn what_there_is_to_take_back_is_looked_for_until_somebody_stops_it() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    walking(&session, TWO, |walk| {
        run(walk, 0);
        let cancel = Cancel::root();
        common::stop_next_look(&cancel);
        assert_eq!(walk.plan_back(0, &cancel).unwrap_err().kind(), Kind::Cancelled);
        assert!(!session.cancel().is_stopped(), "what a person has begun, and not the session");
        assert_eq!(back(walk, 0), 2);
        // Nor are claims asked for.
        run(walk, 0);
        let mut items = walk.plan_back(0, &Cancel::root()).unwrap();
        items.truncate(1);
        items[0].part.op = Op::Create;
        items[0].part.resource = Resource {
            at: session.cluster(None, session.cancel()).unwrap().name().to_owned(),
            api_version: Some("apps/v1".into()),
            kind: "StatefulSet".into(),
            namespace: Some("default".into()),
            name: "db".into(),
        };
        assert_eq!(undo::claims_left(&session, &items, &Cancel::root()).unwrap(), Vec::<String>::new());
        assert_eq!(undo::claims_left(&session, &items, &cancel).unwrap_err().kind(), Kind::Cancelled);
    });
}

#[test]
fn the_step_that_ran_last_is_so_by_time() {
    let _alone = alone();
    let session = session(Arc::new(MemoryJournal::new()));
    let script = r#"step("one", || test::set("a", 1)); step("two", || test::set("b", 1)); step("three", || 1);"#;
    walking(&session, script, |walk| {
        walk.skip(2);
        assert_eq!(walk.last_run(), None, "what is left out has not run");
        run(walk, 0);
        run(walk, 1);
        assert_eq!(walk.last_run(), Some(1));
        run(walk, 0);
        assert_eq!(walk.last_run(), Some(0));
        back(walk, 1);
        back(walk, 0);
        assert_eq!(walk.last_run(), None);
    });
}
