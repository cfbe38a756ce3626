//! Runs that are recorded, die, go on, and are taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use common::{CANARY, STORE, runtime};
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{About, Journal, RemarkSort, RunRecord, Side, Store, Watched};
use windlass_runtime::playbook::{Playbook, Resume, Selection, Upcoming};
use windlass_runtime::report::{Report, RunStatus, StepStatus};
use windlass_runtime::secret::Keys;
use windlass_runtime::session::{AfterFailure, BeforeStep, Breakpoint, Prompter};
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::target::NoTarget;
use windlass_runtime::undo::{self, Way};
use windlass_runtime::{Error, Kind, Result, json};

/// The store of the test primitives is one for the process.
static ALONE: Mutex<()> = Mutex::new(());

/// A user with journals.
struct User {
    home: tempfile::TempDir,
    recipients: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

/// What came of a start.
struct Came {
    report: Result<Report>,
    logs: Vec<String>,
    /// How often it wrote.
    points: usize,
}

impl Came {
    fn ok(&self) -> &Report {
        let report = self.report.as_ref().unwrap();
        assert_eq!(report.status, RunStatus::Ok, "{report:#?}");
        report
    }

    fn error(&self) -> &Error {
        self.report.as_ref().unwrap_err()
    }

    fn status(&self, key: &str) -> StepStatus {
        self.report.as_ref().unwrap().steps.iter().find(|step| step.key == key).unwrap().status
    }
}

/// How a run is started.
#[derive(Default, Clone)]
struct How {
    resume: Option<Resume>,
    selection: Selection,
    values: Option<windlass_runtime::cluster::Json>,
    /// Nothing more is written from this point on, as if the process had died there.
    dies_at: Option<usize>,
    /// Whether it dies before or after what it writes there.
    after: bool,
    /// The step that a person skips who is asked before each.
    skips: Option<&'static str>,
}

/// Skips this step.
struct Skips(&'static str);

impl windlass_runtime::secret::Prompter for Skips {
    fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
        Err(Error::internal("not asked"))
    }
}

impl Prompter for Skips {
    fn confirm(&self, _: &str, _: &str) -> Result<bool> {
        Ok(true)
    }
    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Ok(AfterFailure::Stop)
    }
    fn before_step(&self, upcoming: &Upcoming<'_>) -> Result<BeforeStep> {
        Ok(if upcoming.step.key == self.0 { BeforeStep::Skip } else { BeforeStep::Run })
    }
    fn breakpoint(&self, _: &Breakpoint<'_>) -> Result<bool> {
        Ok(true)
    }
}

fn resume() -> How {
    How { resume: Some(Resume::default()), ..How::default() }
}

impl User {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        STORE.lock().unwrap().clear();
        Self { home: tempfile::tempdir().unwrap(), recipients: Vec::new(), _alone: alone }
    }

    fn folders(&self, name: &str) -> UserFolders {
        UserFolders { config: self.home.path().join(name), state: self.home.path().join("state") }
    }

    fn store(&self) -> Store {
        let keys = Keys::of(&self.folders("config"), self.recipients.clone());
        Store::open(&self.home.path().join("state"), keys).unwrap()
    }

    fn last(&self) -> String {
        self.store().runs().unwrap()[0].run.clone()
    }

    fn run(&self, script: &str, how: &How) -> Came {
        let store = self.store();
        let about = About { what: "test".into(), ..About::default() };
        let journal = match &how.resume {
            Some(_) => store.resume(&self.last()).unwrap(),
            None => store.begin(about).unwrap(),
        };
        self.run_in(Arc::new(journal), script, how)
    }

    fn run_in(&self, journal: Arc<dyn Journal>, script: &str, how: &How) -> Came {
        let points = Arc::new(AtomicUsize::new(0));
        let (counted, dies_at, after) = (points.clone(), how.dies_at, how.after);
        let watched = Watched::new(journal, move |_, side| {
            let at = match side {
                Side::Before => counted.fetch_add(1, Ordering::SeqCst),
                Side::After => counted.load(Ordering::SeqCst) - 1,
            };
            let dead = dies_at.is_some_and(|dies| at > dies || (at == dies && (side == Side::After) == after));
            if dead { Err(Error::new(Kind::System, "died")) } else { Ok(()) }
        });
        let logs: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = logs.clone();
        let mut builder = runtime().session(NoTarget::new());
        if let Some(step) = how.skips {
            builder = builder.step_by_step().prompter(Arc::new(Skips(step)));
        }
        let session = builder
            .journal(Arc::new(watched))
            .values(how.values.clone().unwrap_or_else(|| json!({})))
            .state_folder(self.home.path().join("state"))
            .sink(move |event: &Event| {
                // That it goes on, and how far it is, is no script's.
                if let What::Log { text, .. } = &event.what
                    && !text.contains(" goes on (attempt ")
                {
                    sink.lock().unwrap().push(text.clone());
                }
            })
            .open();
        let started = session.prepare(&Playbook::text("test.rhai", script)).and_then(|prepared| match &how.resume {
            Some(resume) => prepared.resume(&how.selection, resume),
            None => prepared.start(&how.selection),
        });
        let report = started.and_then(windlass_runtime::playbook::Run::wait);
        let logs = logs.lock().unwrap().clone();
        Came { report, logs, points: points.load(Ordering::SeqCst) }
    }
}

fn stored() -> BTreeMap<String, i64> {
    STORE.lock().unwrap().clone()
}

const THREE: &str = r#"
    step("one", |ctx| { print("one"); test::set("a", 1); test::set("b", 2); ctx.state.sum = 3; "first" });
    step("two", #{ needs: ["one"] }, |ctx| { print("two"); test::set("b", 5); test::set("c", ctx.state.sum); });
    step("three", |ctx| { print("three"); test::set("d", ctx.state.sum + 1); print(ctx.result("one")); });
"#;

#[test]
fn a_run_that_dies_at_any_point_goes_on_and_repeats_no_step_that_is_done() {
    let undisturbed = {
        let user = User::new();
        (user.run(THREE, &How::default()).points, stored())
    };
    // The start and the end of the run; of three steps; intent and result of five changes.
    assert_eq!(undisturbed.0, 2 + 2 * 3 + 2 * 5);
    for dies_at in 0..undisturbed.0 {
        for after in [false, true] {
            let user = User::new();
            let first = user.run(THREE, &How { dies_at: Some(dies_at), after, ..How::default() });
            if (dies_at, after) == (0, false) {
                assert!(first.error().message().contains("died") && user.store().runs().unwrap().is_empty());
                continue;
            }
            let done: Vec<String> = {
                let record = user.store().record(&user.last()).unwrap();
                let ok = |step: &&windlass_runtime::journal::AttemptRecord| {
                    step.report.as_ref().is_some_and(|report| report.status == StepStatus::Ok)
                };
                record.steps.iter().filter(ok).map(|step| step.key.clone()).collect()
            };
            let second = user.run(THREE, &resume());
            second.ok();
            assert_eq!(stored(), undisturbed.1, "{dies_at} {after}");
            let repeated = second.logs.iter().find(|log| done.contains(log));
            assert_eq!(repeated, None, "{dies_at} {after}: {done:?}");
            assert!(second.logs.contains(&"first".to_owned()) || done.contains(&"three".to_owned()));
            let line = &user.store().runs().unwrap()[0];
            assert_eq!((line.status.as_deref(), line.resumed), (Some("ok"), 1));
        }
    }
}

#[test]
fn what_was_in_flight_is_looked_at_and_recorded() {
    for (after, word) in [(false, "it did not take effect"), (true, "it took effect")] {
        let user = User::new();
        let script = "step(\"one\", || test::set(\"a\", 1))";
        // Before or after the change acts: the third point is the intent, the fourth the result.
        let how = if after {
            How { dies_at: Some(3), ..How::default() }
        } else {
            How { dies_at: Some(2), after: true, ..How::default() }
        };
        user.run(script, &how);
        assert_eq!(stored().get("a").copied(), after.then_some(1));
        let came = user.run(script, &resume());
        came.ok();
        let told = format!("in flight when the run ended: test::set of Key/a: {word}");
        assert!(came.logs.contains(&told), "{:?}", came.logs);
        let record = user.store().record(&user.last()).unwrap();
        let results: Vec<String> = record.changed.iter().map(|change| json!(change.results).to_string()).collect();
        let expected = if after { vec!["[\"changed\"]"] } else { vec!["[\"failed\"]", "[\"changed\"]"] };
        assert_eq!(results, expected);
        assert_eq!(record.steps.iter().map(|step| step.attempt).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn edited_scripts_and_values_are_refused_by_name_or_accepted() {
    let user = User::new();
    let dies = How { dies_at: Some(8), values: Some(json!({ "a": { "b": 1 }, "c": 2 })), ..How::default() };
    user.run(THREE, &dies);
    let edited = THREE.replace("test::set(\"d\"", "print(\"new\"); test::set(\"d\"");
    let how = How { values: Some(json!({ "a": { "b": 7 }, "c": 2 })), ..resume() };
    let refused = user.run(&edited, &how);
    let error = refused.error();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.message().ends_with("have changed: script test.rhai, value a.b"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("--accept-changes"), "{error:?}");
    assert!(refused.logs.is_empty());
    let accepted = Resume { accept_changes: true, ..Resume::default() };
    let came = user.run(&edited, &How { resume: Some(accepted), ..how.clone() });
    came.ok();
    assert!(came.logs.contains(&"new".to_owned()));
    let record = user.store().record(&user.last()).unwrap();
    assert!(
        record.remarks.iter().any(|r| r.sort == RemarkSort::Decision && r.text.contains("value a.b")),
        "{record:?}"
    );
}

#[test]
fn a_step_is_done_again_where_that_is_asked_for() {
    let user = User::new();
    let script =
        "step(\"one\", || print(\"one\")); step(\"two\", || print(\"two\")); step(\"three\", || test::get(\"no\"))";
    user.run(script, &How::default());
    let again = Resume { redo: vec!["one".into()], ..Resume::default() };
    let came = user.run(script, &How { resume: Some(again), ..How::default() });
    assert_eq!(came.logs, ["one"]);
    assert_eq!((came.status("one"), came.status("two")), (StepStatus::Ok, StepStatus::Skipped));
    let wrong = Resume { redo: vec!["onn".into()], ..Resume::default() };
    let refused = user.run(script, &How { resume: Some(wrong), ..How::default() });
    assert!(refused.error().hint_text().unwrap().contains("\"one\""), "{:?}", refused.error());
}

#[test]
fn a_part_of_a_playbook_takes_what_earlier_steps_left_from_the_last_run_that_has_it() {
    let user = User::new();
    let only =
        |step: &str| How { selection: Selection { only: vec![step.into()], ..Selection::default() }, ..How::default() };
    let error = user.run(THREE, &only("three")).report.unwrap_err();
    assert!(
        error.message().contains("reads ctx.state.sum, which no step of this run leaves, nor any earlier one"),
        "{error:?}"
    );
    user.run(THREE, &How::default()).ok();
    let whole = user.last();
    user.run(THREE, &only("one")).ok();
    let with_state = user.last();
    for _ in 0..2 {
        let came = user.run(THREE, &only("three"));
        came.ok();
        // The run of step three alone has left no state: it is that of the one before.
        let told = format!("state and results of the steps that are left out are those of the run {with_state}");
        assert_eq!(came.logs, [told.as_str(), "three", "first"]);
    }
    assert_ne!(whole, with_state);
}

#[test]
fn what_was_left_out_stays_left_out() {
    let user = User::new();
    let script =
        "step(\"one\", || print(\"one\")); step(\"two\", || test::get(\"no\")); step(\"three\", || print(\"three\"))";
    let skip = Selection { skip: vec!["three".into()], ..Selection::default() };
    user.run(script, &How { selection: skip, ..How::default() });
    STORE.lock().unwrap().insert("no".into(), 1);
    let came = user.run(script, &resume());
    came.ok();
    assert!(came.logs.is_empty(), "{:?}", came.logs);
    assert_eq!(came.status("three"), StepStatus::Skipped);
}

#[test]
fn named_values_come_back_when_a_step_starts_over() {
    let user = User::new();
    let script = "step(\"one\", || { let at = once(\"at\", || timestamp()); print(at); test::set(\"x\", 1); print(once(\"at\", || 0) == at); })";
    let first = user.run(script, &How { dies_at: Some(3), ..How::default() });
    let second = user.run(script, &resume());
    second.ok();
    assert_eq!(first.logs[0], second.logs.iter().find(|log| !log.contains(' ')).unwrap().as_str());
    assert_eq!(second.logs.last().unwrap(), "true");
    let retried = "step(\"one\", #{ retries: 1, backoff: \"0s\" }, || { let at = once(\"at\", || timestamp()); print(at); if !(test::each([1], |n| n)[0] == 2) { test::get(\"no\") } })";
    let user = {
        drop(user);
        User::new()
    };
    let came = user.run(retried, &How::default());
    let printed: Vec<&String> = came.logs.iter().filter(|log| log.parse::<f64>().is_ok()).collect();
    assert!(printed.len() == 2 && printed[0] == printed[1], "{:?}", came.logs);
}

#[test]
fn of_branches_only_those_are_run_again_that_are_not_done() {
    let user = User::new();
    let script = r#"step("all", || {
        let ended = test::each(["a", "b", "c"], |name| { print(`run ${name}`); if name == "b" { test::get("mended") } `done ${name}` });
        print(ended);
        for one in ended { if one.starts_with("not_found") { throw one; } }
    })"#;
    let first = user.run(script, &How::default());
    assert_eq!(first.report.as_ref().unwrap().status, RunStatus::Failed);
    STORE.lock().unwrap().insert("mended".into(), 1);
    let failed_only = Resume { failed_only: true, ..Resume::default() };
    let second = user.run(script, &How { resume: Some(failed_only), ..How::default() });
    second.ok();
    let ran: Vec<&String> = second.logs.iter().filter(|log| log.starts_with("run ")).collect();
    assert_eq!(ran, ["run b"]);
    assert!(second.logs.iter().any(|log| log == "[\"done a\", \"done b\", \"done c\"]"), "{:?}", second.logs);
}

#[test]
fn of_a_step_that_starts_anew_all_branches_are_run_again() {
    let script = r#"
        step("one", || test::set("one", 1));
        step("all", || {
            test::set("seen", once("seen", || test::get("now")));
            let ended = test::each(["a", "b"], |name| { test::set(name, 1); if name == "b" { test::get("mended") } "done" });
            for one in ended { if one != "done" { throw one; } }
        });
    "#;
    let failed_only = Resume { failed_only: true, ..Resume::default() };
    for fails_again in [false, true] {
        let user = User::new();
        STORE.lock().unwrap().insert("now".into(), 1);
        user.run(script, &How::default());
        let run = user.last();
        take_back_to(&user, "one").ok();
        assert_eq!(stored().keys().collect::<Vec<_>>(), ["now", "one"]);
        let resume = || Arc::new(user.store().resume(&run).unwrap());
        if fails_again {
            // Before it comes to its branches.
            STORE.lock().unwrap().remove("now");
            assert_eq!(
                user.run_in(resume(), script, &How { resume: Some(failed_only.clone()), ..How::default() })
                    .status("all"),
                StepStatus::Failed
            );
        }
        STORE.lock().unwrap().extend([("now".into(), 2), ("mended".into(), 1)]);
        user.run_in(resume(), script, &How { resume: Some(failed_only.clone()), ..How::default() }).ok();
        assert_eq!((stored().get("a"), stored()["b"], stored()["seen"]), (Some(&1), 1, 2), "{fails_again}");
    }
    // One that was done, and is to run again.
    let user = User::new();
    STORE.lock().unwrap().extend([("now".into(), 1), ("mended".into(), 1)]);
    user.run(script, &How::default()).ok();
    STORE.lock().unwrap().insert("now".into(), 2);
    STORE.lock().unwrap().remove("a");
    let redo = Resume { redo: vec!["all".into()], failed_only: true, ..Resume::default() };
    user.run(script, &How { resume: Some(redo), ..How::default() }).ok();
    assert_eq!((stored().get("a"), stored()["seen"]), (Some(&1), 2));
}

#[test]
fn secrets_come_back_by_reference_and_stand_in_no_file() {
    let user = User::new();
    let script = r#"
        step("one", |ctx| { ctx.state.url = `db://${test::secret("NO_SUCH_DB")}@host`; test::set("a", 1); ctx.state.url });
        step("two", |ctx| { test::set("b", 1); print(ctx.state.url); test::set("c", 1); });
    "#;
    let first = user.run(script, &How { dies_at: Some(8), ..How::default() });
    assert_eq!(first.logs, ["db://[secret NO_SUCH_DB]@host"]);
    // Now the second step is to have it without the first one.
    let again = user.run(script, &resume());
    let report = again.report.as_ref().unwrap();
    let error = report.steps[1].error.clone().unwrap_or_else(|| panic!("{report:#?}"));
    assert_eq!(error["message"], "the environment variable NO_SUCH_DB is not set", "{error}");
    for file in files(&user.home.path().join("state")) {
        // The log of the database goes when the last session closes it.
        let Ok(bytes) = std::fs::read(&file) else { continue };
        for form in forms(CANARY) {
            assert!(!bytes.windows(form.len()).any(|window| window == form), "{} has it", file.display());
        }
    }
    let record = json!(user.store().record(&user.last()).unwrap()).to_string();
    assert!(!record.contains(CANARY) && record.contains("NO_SUCH_DB"), "{record}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// A text as it is, in base64 (its middle, which does not depend on what is around it), and in hexadecimal.
fn forms(text: &str) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    let mut forms = vec![text.as_bytes().to_vec()];
    for shift in 0..3 {
        let padded = [&b"xxx"[..shift], text.as_bytes()].concat();
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms.push(text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
    forms
}

#[test]
fn a_run_is_taken_back_and_an_undo_that_dies_goes_on() {
    let points = {
        let user = User::new();
        user.run(THREE, &How::default()).ok();
        take_back(&user, None, None).points
    };
    // The start and the end of the undo; of three steps; intent and result of five changes.
    assert_eq!(points, 2 + 2 * 3 + 2 * 5);
    for dies_at in 0..points {
        let user = User::new();
        STORE.lock().unwrap().insert("b".into(), 100);
        user.run(THREE, &How::default()).ok();
        let run = user.last();
        let first = take_back(&user, Some(dies_at), None);
        assert!(first.report.is_err() || first.report.unwrap().status != RunStatus::Ok || dies_at + 1 == points);
        let began = user.store().runs().unwrap().into_iter().find(|line| line.undoes.as_deref() == Some(&run));
        let second = take_back(&user, None, began.map(|line| line.run));
        second.ok();
        assert_eq!(stored(), BTreeMap::from([("b".to_owned(), 100)]), "{dies_at}");
        let store = user.store();
        let line = store.runs().unwrap().into_iter().find(|line| line.run == run).unwrap();
        assert!(line.undone_by.is_some());
    }
}

#[test]
fn an_undo_of_a_step_that_was_run_twice_goes_on_with_both() {
    let script = r#"
        step("a", || { let n = 1; try { n = test::get("again") + 1; } catch { } test::set("a", n); });
        step("b", || test::set("b", 1));
        step("c", || test::get("no"));
    "#;
    let prepared = |user: &User| {
        user.run(script, &How::default());
        STORE.lock().unwrap().insert("again".into(), 1);
        let redo = Resume { redo: vec!["a".into()], ..Resume::default() };
        user.run(script, &How { resume: Some(redo), ..How::default() });
        assert_eq!((stored()["a"], stored()["b"]), (2, 1));
    };
    let points = {
        let user = User::new();
        prepared(&user);
        take_back(&user, None, None).points
    };
    assert!(points > 8, "{points}");
    for dies_at in 1..points {
        let user = User::new();
        prepared(&user);
        take_back(&user, Some(dies_at), None).report.ok();
        let undo = user.store().runs().unwrap().into_iter().find(|line| line.sort == "undo").map(|line| line.run);
        take_back(&user, None, undo).ok();
        assert_eq!(stored(), BTreeMap::from([("again".to_owned(), 1)]), "{dies_at}");
    }
}

/// Takes the first run back, or goes on with that.
fn take_back(user: &User, dies_at: Option<usize>, goes_on: Option<String>) -> Came {
    take_back_by(user, None, dies_at, goes_on)
}

/// Takes back what came after a step.
fn take_back_to(user: &User, step: &str) -> Came {
    take_back_by(user, Some(step), None, None)
}

fn take_back_by(user: &User, to: Option<&str>, dies_at: Option<usize>, goes_on: Option<String>) -> Came {
    let store = user.store();
    let run = store.runs().unwrap().into_iter().find(|line| line.sort == "run").unwrap().run;
    let what = to.map_or_else(|| "all".to_owned(), |step| format!("to {step}"));
    let about = About { what, undoes: Some(run.clone()), ..About::default() };
    let journal: Arc<dyn Journal> = Arc::new(match &goes_on {
        Some(undo) => store.resume(undo).unwrap(),
        None => store.begin(about).unwrap(),
    });
    let points = Arc::new(AtomicUsize::new(0));
    let counted = points.clone();
    let watched = Watched::new(journal, move |_, side| {
        let at = if side == Side::Before { counted.fetch_add(1, Ordering::SeqCst) } else { 0 };
        match dies_at {
            Some(dies_at) if side == Side::Before && at >= dies_at => Err(Error::new(Kind::System, "died")),
            _ => Ok(()),
        }
    });
    let session = runtime().session(NoTarget::new()).journal(Arc::new(watched)).open();
    let entries = undo::after(&store.record(&run).unwrap(), store.entries(&run).unwrap(), to).unwrap();
    let items = undo::plan(&session, &entries, &session.journal().past().undone, session.cancel()).unwrap();
    let prepared = undo::prepare(&session, &run, items);
    let report = undo::start(prepared).and_then(windlass_runtime::playbook::Run::wait);
    Came { report, logs: Vec::new(), points: points.load(Ordering::SeqCst) }
}

#[test]
fn an_irreversible_step_stops_an_undo_and_to_takes_back_what_came_after_it() {
    let user = User::new();
    let script = "step(\"a\", || test::set(\"a\", 1)); step(\"b\", #{ irreversible: true }, || test::set(\"b\", 1)); step(\"c\", || test::set(\"c\", 1))";
    user.run(script, &How::default()).ok();
    let (store, run) = (user.store(), user.last());
    let (record, entries) = (store.record(&run).unwrap(), store.entries(&run).unwrap());
    let error = undo::after(&record, entries.clone(), None).unwrap_err();
    assert!(error.message().contains("\"b\" is irreversible") && error.hint_text().unwrap().contains("--to b"));
    let later = undo::after(&record, entries.clone(), Some("b")).unwrap();
    let session = runtime().session(NoTarget::new()).open();
    let plan = undo::plan(&session, &later, &Default::default(), session.cancel()).unwrap();
    assert!(plan.len() == 1 && plan[0].part.resource.name == "c" && matches!(plan[0].way, Way::By(_)));
    let error = undo::after(&record, entries, Some("bb")).unwrap_err();
    assert_eq!((error.kind(), error.hint_text()), (Kind::NotFound, Some("it ran a, b, c")));
}

#[test]
fn a_colleague_among_the_recipients_reads_an_imported_run_and_nobody_else_does() {
    let mut user = User::new();
    let colleague = windlass_runtime::secret::Identity::read_or_create(&windlass_runtime::secret::Identity::path(
        &user.folders("colleague"),
    ));
    user.recipients = vec![colleague.unwrap().public_key()];
    user.run(THREE, &How { dies_at: Some(9), ..How::default() });
    let (run, file) = (user.last(), user.home.path().join("run.json"));
    user.store().export(&run, &file).unwrap();
    assert_eq!(user.store().export(&run, &file).unwrap_err().kind(), Kind::AlreadyExists);
    let other = |name: &str| Store::open(&user.home.path().join(name), Keys::of(&user.folders(name), vec![])).unwrap();
    let (theirs, strangers) = (other("colleague"), other("stranger"));
    assert_eq!(theirs.import(&file).unwrap(), run);
    assert_eq!(theirs.import(&file).unwrap_err().kind(), Kind::AlreadyExists);
    let came = user.run_in(Arc::new(theirs.resume(&run).unwrap()), THREE, &resume());
    came.ok();
    assert_eq!(stored().len(), 4);
    strangers.import(&file).unwrap();
    assert!(strangers.record(&run).is_ok(), "what is readable is");
    for error in [strangers.resume(&run).err().unwrap(), strangers.entries(&run).unwrap_err()] {
        assert_eq!(error.kind(), Kind::Denied, "{error:?}");
        assert!(error.hint_text().unwrap().contains("recipient"), "{error:?}");
    }
    std::fs::write(user.home.path().join("no.json"), "{}").unwrap();
    assert_eq!(strangers.import(&user.home.path().join("no.json")).unwrap_err().kind(), Kind::Malformed);
}

#[test]
fn a_journal_that_is_damaged_or_cannot_be_written_is_one_clear_error() {
    let user = User::new();
    user.run(THREE, &How { dies_at: Some(9), ..How::default() });
    let (run, path) = (user.last(), user.store().path().to_owned());
    // The last that closes the file brings it all into one; a session's thread may be that.
    let log = path.with_extension("db-wal");
    let written = std::time::Instant::now();
    while log.exists() && written.elapsed().as_secs() < 20 {
        #[expect(clippy::disallowed_methods, reason = "another thread closes it")]
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 16_000, "{}", whole.len());
    let keys = || Keys::of(&user.folders("config"), vec![]);
    for length in [whole.len() / 2, 5000, 100] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Store::open(path.parent().unwrap(), keys()).and_then(|store| store.resume(&run)).err().unwrap();
        assert_eq!(error.kind(), Kind::Malformed, "{length}: {error:?}");
        assert!(error.message().contains("is damaged") && error.hint_text().unwrap().contains("backup"), "{error:?}");
    }
    std::fs::write(&path, &whole).unwrap();
    user.run(THREE, &resume()).ok();
    let blocked = user.home.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = Store::open(&blocked.join("state"), keys()).unwrap_err();
    assert_eq!(error.kind(), Kind::System, "{error:?}");
}

#[test]
fn only_one_of_two_goes_on_with_a_run() {
    let user = User::new();
    user.run(THREE, &How { dies_at: Some(9), ..How::default() });
    let store = user.store();
    let [one, other] = [0, 1].map(|_| store.resume(&user.last()).unwrap());
    user.run_in(Arc::new(one), THREE, &resume()).ok();
    let late = user.run_in(Arc::new(other), THREE, &resume());
    assert_overtaken(&late);
}

fn assert_overtaken(late: &Came) {
    let error = late.error();
    assert_eq!(error.message(), "another process has gone on with this run in the meantime");
    assert_eq!((error.kind(), late.logs.len()), (Kind::Conflict, 0), "{:?}", late.logs);
}

#[test]
fn what_was_read_while_the_run_still_ran_is_out_of_date_when_it_has_gone_on() {
    let points = {
        let user = User::new();
        user.run(THREE, &How::default()).points
    };
    // Read after the start of the run, and after each further point; it then goes on for one point at least.
    for read_at in 0..points - 1 {
        let user = User::new();
        let (store, early) = (user.store(), Arc::new(Mutex::new(None)));
        let (reading, kept, at) = (user.store(), early.clone(), AtomicUsize::new(0));
        let journal = store.begin(About { what: "test".into(), ..About::default() }).unwrap();
        let watched = Watched::new(Arc::new(journal), move |_, side| {
            if side == Side::After && at.fetch_add(1, Ordering::SeqCst) == read_at {
                let run = reading.runs()?.remove(0).run;
                *kept.lock().unwrap() = Some((reading.resume(&run)?, reading.record(&run)?));
            }
            Ok(())
        });
        user.run_in(Arc::new(watched), THREE, &How::default()).ok();
        let (journal, read) = early.lock().unwrap().take().unwrap();
        let ended = user.store().record(&read.line.run).unwrap();
        let late = user.run_in(Arc::new(journal), THREE, &resume());
        let ends = |record: &RunRecord| record.steps.iter().filter(|step| step.report.is_some()).count();
        // Only the result of a change, or the end of the run, may have been written since.
        if (ends(&read), read.steps.len(), read.changed.len()) == (ends(&ended), ended.steps.len(), ended.changed.len())
        {
            assert!(late.logs.is_empty(), "{read_at}: {:?}", late.logs);
        } else {
            assert_overtaken(&late);
            assert_eq!(user.store().record(&read.line.run).unwrap().sessions.len(), 1, "{read_at}");
        }
    }
}

#[test]
fn after_an_undo_of_a_part_its_steps_are_run_again_and_the_others_are_not() {
    let user = User::new();
    user.run(THREE, &How::default()).ok();
    take_back_to(&user, "one").ok();
    assert_eq!(stored(), BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    let past = |user: &User, run: &str| user.store().resume(run).unwrap().past().clone();
    let run = user.store().runs().unwrap().into_iter().find(|line| line.sort == "run").unwrap().run;
    assert_eq!(past(&user, &run).taken_back, ["two", "three"]);
    let again = || {
        let journal = user.store().resume(&run).unwrap();
        user.run_in(Arc::new(journal), THREE, &resume())
    };
    let came = again();
    came.ok();
    assert_eq!(came.logs, ["taken back since, and run again: two, three", "two", "three", "first"]);
    assert_eq!(stored(), BTreeMap::from([("a".into(), 1), ("b".into(), 5), ("c".into(), 3), ("d".into(), 4)]));
    assert!(past(&user, &run).taken_back.is_empty());
    assert!(again().logs.is_empty(), "what was run again is done");
    // Going back a second time takes back what was run since, too.
    take_back_to(&user, "two").ok();
    assert_eq!(past(&user, &run).taken_back, ["three"]);
    assert_eq!(stored().get("d"), None);
    // An undo that was itself taken back takes nothing back.
    let undo = user.store().undos_of(&run).unwrap().remove(0).run;
    let about = About { what: "all".into(), undoes: Some(undo.clone()), ..About::default() };
    user.run_in(Arc::new(user.store().begin(about).unwrap()), "step(\"d\", || test::set(\"d\", 4))", &How::default())
        .ok();
    assert!(past(&user, &run).taken_back.is_empty());
    assert_eq!(user.store().undos_of(&run).unwrap().len(), 1);
}

#[test]
fn what_a_person_skipped_after_it_had_failed_stays_skipped() {
    let user = User::new();
    let script = r#"
        step("one", || print("one"));
        step("two", || { print("two"); test::get("two") });
        step("three", || { print("three"); test::get("three") });
    "#;
    user.run(script, &How::default());
    let skipping = user.run(script, &How { skips: Some("two"), ..resume() });
    assert_eq!((skipping.status("two"), skipping.status("three")), (StepStatus::Skipped, StepStatus::Failed));
    let listed = || {
        let record = user.store().record(&user.last()).unwrap();
        let last = record.steps.iter().rfind(|attempt| attempt.key == "two").unwrap().clone();
        (last.attempt, last.report.map(|report| (report.status, report.reason)))
    };
    let by_hand = || (0, Some((StepStatus::Skipped, Some("skipped by hand".to_owned()))));
    assert_eq!(listed(), by_hand());
    STORE.lock().unwrap().insert("three".into(), 1);
    let came = user.run(script, &resume());
    came.ok();
    assert_eq!((came.logs.as_slice(), came.status("two")), (&["three".to_owned()][..], StepStatus::Skipped));
    assert_eq!(listed(), by_hand());
    // Who asks for it has it run.
    let redo = Resume { redo: vec!["two".into()], ..Resume::default() };
    assert_eq!(user.run(script, &How { resume: Some(redo), ..How::default() }).logs, ["two"]);
}
