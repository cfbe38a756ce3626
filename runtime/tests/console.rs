//! What a person types, outside of steps and in the middle of one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{CANARY, Ran, STORE, followed, try_run_in};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::change::Change;
use windlass_runtime::journal::{Journal as _, MemoryJournal};
use windlass_runtime::playbook::{Console, Selection, TYPED};
use windlass_runtime::report::{RunStatus, StepStatus};
use windlass_runtime::session::{
    AfterFailure, ChangeGate, Decision, Failure, Follower, OnFailure, Prompter, SessionBuilder, Statement,
};
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Result, STACK, Session, Value};

/// Does something on a thread whose stack is large enough for scripts.
fn typing<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(threads, work).unwrap();
        thread.join().unwrap()
    })
}

fn session(journal: &Arc<MemoryJournal>) -> Session {
    followed().session(NoTarget::new()).journal(journal.clone()).open()
}

/// What lines give that are typed one after the other, as JSON or as the kind and message of the error.
fn typed(console: &mut Console, lines: &[&str]) -> Vec<String> {
    let say =
        |(number, line): (usize, &&str)| match console.evaluate(&format!("<input {number}>"), line, &Cancel::root()) {
            Ok(value) => value.into_json().map_or_else(|e| e.to_string(), |json| json.to_string()),
            Err(error) => format!("{}: {}", error.kind(), error.message()),
        };
    lines.iter().enumerate().map(say).collect()
}

#[test]
fn lines_leave_variables_functions_and_closures_to_later_ones() {
    let journal = Arc::new(MemoryJournal::new());
    let session = session(&journal);
    let said = typing(|| {
        let mut console = Console::new(&session);
        typed(
            &mut console,
            &[
                "let x = 1; const LIMIT = 3;",
                "fn twice(n) { n * 2 } fn named(n) { `n ${n}` }",
                "x += twice(4); x",
                "fn twice(n) { n * 20 }",
                "named(twice(x))",
                "let add = |n| n + x;",
                "x = 100; add.call(1)",
                "missing + 1",
                "LIMIT = 4",
                "let = 3",
                "let x = \"hides the first\"; x",
                "return 5; 6",
                "values.len()",
            ],
        )
    });
    assert_eq!(
        said,
        [
            "null",
            "null",
            "9",
            "null",
            "\"n 180\"",
            "null",
            "101",
            "script: there is no variable `missing` here",
            "script: Cannot modify constant LIMIT",
            "script: Expecting name of a variable",
            "\"hides the first\"",
            "5",
            "0",
        ]
    );
}

#[test]
fn variables_are_listed_once_and_secrets_in_them_stay_secret() {
    let session = session(&Arc::default());
    let (names, shown) = typing(|| {
        let mut console = Console::new(&session);
        typed(&mut console, &["let a = 1; const B = 2; let a = 3; let s = test::secret(\"S\"); let t = `pw=${s}`;"]);
        let names: Vec<_> = console.variables().into_iter().map(|v| (v.name, v.constant)).collect();
        (names, format!("{:?}", console.variables()))
    });
    let wanted = [("a", false), ("B", true), ("s", false), ("t", false)];
    assert_eq!(names, wanted.map(|(name, constant)| (name.to_owned(), constant)));
    assert!(!shown.contains(CANARY), "{shown}");
}

#[test]
fn text_is_whole_or_goes_on_as_the_parser_sees_it() {
    let runtime = followed();
    let whole = [
        "1 + 1",
        "fn f() { 1 }",
        "let = 3",
        "foo(]",
        "\"a\" + `b`",
        "",
        "// a comment",
        "let s = \"open",
        "get pods",
        "let a = 1 let b = 2",
        "list(\"Pod\" \"x\")",
        "a u b",
    ];
    let open = [
        "fn f() {",
        "let m = #{",
        "foo(1,",
        "let x =",
        "1 +",
        "`a\nb",
        "if x {\n  y(",
        "fn f(a) {\n",
        "fn f(a) {\n  a * 2\n\n",
        "foo(1",
        "let u = [1, // more",
        "if x { 1 } else",
        "x.",
        "cluster::get(\"Pod\",  ",
    ];
    assert_eq!(whole.map(|text| Console::is_whole(&runtime, text)), [true; 12], "{whole:?}");
    assert_eq!(open.map(|text| Console::is_whole(&runtime, text)), [false; 14], "{open:?}");
}

#[test]
fn what_lines_change_is_recorded_and_what_only_looks_is_not() {
    let journal = Arc::new(MemoryJournal::new());
    let session = session(&journal);
    let said = typing(|| {
        let mut console = Console::new(&session);
        let lines =
            ["1 + 1", "test::set(\"console\", 1)", "test::set(\"console\", 2); throw \"x\"", "test::get(\"console\")"];
        typed(&mut console, &lines)
    });
    assert_eq!(said[2..], ["script: x".to_owned(), "2".to_owned()]);
    let entries = journal.entries().unwrap();
    let of: Vec<_> = entries.iter().map(|(intent, _)| (intent.step.as_str(), intent.id.attempt)).collect();
    assert_eq!(of, [(TYPED, 2), (TYPED, 3)]);
}

#[test]
fn a_line_is_stopped_and_the_next_one_runs() {
    let session = session(&Arc::default());
    let said = typing(|| {
        let mut console = Console::new(&session);
        let cancel = session.cancel().child();
        let stop = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            stop.stop(Error::new(Kind::Cancelled, "stopped by Ctrl-C"));
        });
        let stopped = console.evaluate("<input 1>", "let kept = 1; sleep(60); kept = 2;", &cancel).unwrap_err();
        assert_eq!(stopped.kind(), Kind::Cancelled);
        typed(&mut console, &["kept"])
    });
    assert_eq!(said, ["1"]);
}

/// Types lines wherever it may, and keeps what they say.
#[derive(Clone, Default)]
struct Person {
    lines: Vec<&'static str>,
    /// Stops at these lines of the script.
    at: Vec<usize>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Person {
    fn look(&self, mut console: Console) {
        let place = console.place().unwrap().to_string();
        let said = typed(&mut console, &self.lines);
        self.said.lock().unwrap().push(format!("{place} {}", said.join(" ")));
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

impl Follower for Person {
    fn stops_at(&self, statement: &Statement<'_>) -> bool {
        self.at.contains(&statement.line)
    }
    fn stop(&self, statement: &Statement<'_>, console: &mut Console) -> Result<()> {
        let said = typed(console, &self.lines).join(" ");
        let at = format!("{} {} {}", statement.step, statement.place(), statement.depth);
        self.said.lock().unwrap().push(format!("{at}: {said}"));
        Ok(())
    }
}

impl OnFailure for Person {
    fn decide(&self, _: &Failure<'_>) -> Decision {
        self.look(Console::here().unwrap());
        Decision::Take(Value::Int(7))
    }
}

impl ChangeGate for Person {
    fn before_change(&self, change: &Change) -> Result<()> {
        self.look(Console::here().unwrap());
        match change.parts[0].resource.name.as_str() {
            "refused" => Err(Error::new(Kind::Denied, "refused by hand")),
            _ => Ok(()),
        }
    }
}

fn run(script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
    try_run_in(&followed(), script, &Selection::default(), set).unwrap()
}

/// Takes note of the functions that can be called at the first statement.
struct Functions(Arc<Mutex<Vec<String>>>);

impl Follower for Functions {
    fn stops_at(&self, _: &Statement<'_>) -> bool {
        self.0.lock().unwrap().is_empty()
    }
    fn stop(&self, _: &Statement<'_>, console: &mut Console) -> Result<()> {
        typed(console, &["fn here() { 1 }"]);
        *self.0.lock().unwrap() = console.signatures();
        Ok(())
    }
}

#[test]
fn the_functions_of_scripts_and_lines_are_known_by_their_signatures() {
    let session = session(&Arc::new(MemoryJournal::new()));
    let said = typing(|| {
        let mut console = Console::new(&session);
        typed(
            &mut console,
            &["fn twice(n) { n * 2 }", "fn add(a, b) { a + b }", "let f = |x| x;", "fn twice(n) { n }"],
        );
        console.signatures()
    });
    assert_eq!(said, ["add(a, b)", "twice(n)"]);
    let of_step = Arc::default();
    run("fn half(n) { n / 2 }\nstep(\"a\", || { print(half(4)); });", |b| b.follower(Functions(Arc::clone(&of_step))));
    assert_eq!(*of_step.lock().unwrap(), ["half(n)", "here()"]);
}

#[test]
fn a_person_stops_at_statements_of_steps_and_what_is_assigned_there_counts() {
    let script = "fn half(n) {\n  n / 2\n}\nstep(\"a\", |ctx| {\n  let n = 8;\n  let h = half(n);\n  print(h);\n});\n";
    let person = Person { lines: vec!["n += 2", "n", "half(n)"], at: vec![2, 6], ..Person::default() };
    let ran = run(script, |b| b.follower(person.clone()));
    // The function has an `n` of its own.
    assert_eq!(person.said(), ["a test.rhai:6:3 1: null 10 5", "a test.rhai:2:3 2: null 12 6"]);
    assert_eq!(ran.logs(), ["6"]);
}

#[test]
fn what_is_assigned_at_a_stop_is_there_where_its_statement_fails() {
    let script = "step(\"a\", || {\n  let n = [1];\n  test::get(\"missing\");\n});";
    let person = Person { lines: vec!["n.len()", "n = [1, 2]"], at: vec![3], ..Person::default() };
    run(script, |b| b.follower(person.clone()).on_failure(person.clone()));
    assert_eq!(person.said(), ["a test.rhai:3:3 1: 1 null", "test.rhai:3:3 2 null"]);
}

#[test]
fn a_closure_that_has_returned_is_not_where_the_script_stands() {
    let until = "let mine = 3;\n  test::until(#{ timeout: \"1s\" }, || {\n    let own = 1;\n    BODY\n  });";
    let at = |body: &str| {
        let script = format!("step(\"a\", || {{\n  {}\n}});", until.replace("BODY", body));
        let person = Person { lines: vec!["mine", "own"], ..Person::default() };
        run(&script, |b| b.on_failure(person.clone()));
        person.said()
    };
    assert_eq!(at("false"), ["test.rhai:3:3 3 script: there is no variable `own` here"]);
    // What fails in it is looked at there.
    assert_eq!(at("own.b.c")[..1], ["test.rhai:5:5 script: there is no variable `mine` here 1"]);
}

#[test]
fn a_statement_of_whatever_sort_of_expression_is_one_with_its_variables() {
    for statement in ["list[5]", "list[0].fails()", "list[0][1]", "values[list[0]]", "own(list).len()"] {
        let script = format!("fn own(l) {{\n l\n}}\nstep(\"a\", || {{\n let list = [1];\n {statement}\n}});");
        let person = Person { lines: vec!["list.len()"], at: vec![6], ..Person::default() };
        run(&script, |b| b.follower(person.clone()));
        assert_eq!(person.said(), ["a test.rhai:6:2 1: 1"], "{statement}");
    }
}

#[test]
fn a_failed_primitive_is_looked_at_with_the_steps_variables() {
    let script = "const K = \"missing\";\nstep(\"a\", |ctx| {\n  let mine = [1, 2];\n  for n in 0..1 {\n    print(test::get(K));\n  }\n});\n";
    let person = Person { lines: vec!["mine.len() + n", "mine = 5", "nobody"], ..Person::default() };
    let ran = run(script, |b| b.on_failure(person.clone()));
    assert_eq!(person.said(), ["test.rhai:5:5 2 null script: there is no variable `nobody` here"]);
    assert_eq!((ran.logs(), ran.report.status), (vec!["7".to_owned()], RunStatus::Ok));
}

#[test]
fn a_function_that_has_returned_is_not_where_the_script_stands() {
    let script = "fn given(a) {\n  let data = a;\n  data\n}\nstep(\"a\", || {\n  let mine = 3;\n  print(test::get(given(\"missing\")));\n});\n";
    let person = Person { lines: vec!["mine", "data"], ..Person::default() };
    run(script, |b| b.on_failure(person.clone()));
    assert_eq!(person.said(), ["test.rhai:7:3 3 script: there is no variable `data` here"]);
}

#[test]
fn what_the_script_catches_by_itself_is_nobody_elses() {
    let tried = "try { test::get(\"missing\"); } catch (e) { print(e.kind); }";
    let scripts = [
        format!("step(\"a\", || {{ {tried} }});"),
        "fn look() { test::get(\"missing\") }\nstep(\"a\", || { try { look(); } catch (e) { print(e.kind); } });".to_owned(),
        "step(\"a\", || test::get(\"missing\"));\nwrap(\"a\", |ctx, original| { try { original.call(ctx); } catch (e) { print(e.kind); } });"
            .to_owned(),
    ];
    for script in scripts {
        let person = Person::default();
        let ran = run(&script, |b| b.on_failure(person.clone()));
        assert_eq!((person.said(), ran.logs()), (Vec::new(), vec!["not_found".to_owned()]), "{script}");
    }
    // In the `catch`, nothing catches any more.
    let script = "step(\"a\", || { try { throw 1; } catch { print(test::get(\"missing\")); } });";
    let person = Person::default();
    let ran = run(script, |b| b.on_failure(person.clone()));
    assert_eq!((person.said().len(), ran.logs()), (1, vec!["7".to_owned()]));
}

#[test]
fn a_person_refuses_a_change_where_it_is_about_to_be_made() {
    let script =
        "step(\"a\", || {\n  let why = \"no\";\n  test::set(\"allowed\", 1);\n  test::set(\"refused\", 1);\n});";
    let person = Person { lines: vec!["why"], ..Person::default() };
    let ran = run(script, |b| b.change_gate(person.clone()));
    assert_eq!(person.said(), ["test.rhai:3:3 \"no\"", "test.rhai:4:3 \"no\""]);
    assert!(ran.error("a").contains("refused by hand"), "{}", ran.error("a"));
    assert!(!STORE.lock().unwrap().contains_key("refused"));
}

#[test]
fn what_is_typed_in_the_middle_of_a_step_asks_nobody_and_is_the_steps() {
    let script = "step(\"a\", || {\n  let n = 1;\n  print(n);\n  test::get(\"missing\");\n});";
    let lines = vec!["test::set(\"typed\", 5).changed", "test::get(\"missing\")"];
    let person = Person { lines, at: vec![3], ..Person::default() };
    let all = person.clone();
    let set = |b: SessionBuilder| b.follower(all.clone()).change_gate(all.clone()).on_failure(all);
    let ran = run(script, set);
    let missing = "not_found: there is no missing";
    // At the statement, and where the primitive fails: there it is set already.
    let wanted = [format!("a test.rhai:3:3 1: true {missing}"), format!("test.rhai:4:3 false {missing}")];
    assert_eq!(person.said(), wanted);
    let entries = ran.journal.entries().unwrap();
    assert_eq!((entries.len(), entries[0].0.step.as_str()), (1, "a"));
}

#[test]
fn what_is_too_large_to_be_copied_at_each_statement_is_said() {
    let script = "step(\"a\", || {\n  let many = []; many.pad(5000, 0);\n  test::get(\"missing\");\n});";
    let person = Person { lines: vec!["many.len()"], ..Person::default() };
    run(script, |b| b.on_failure(person.clone()));
    assert_eq!(person.said(), ["test.rhai:3:3 script: `many` is too large to be looked at after its statement"]);
    // At a statement it is the variable itself.
    let person = Person { lines: vec!["many.len()"], at: vec![3], ..Person::default() };
    run(script, |b| b.follower(person.clone()));
    assert_eq!(person.said(), ["a test.rhai:3:3 1: 5000"]);
}

#[test]
fn what_is_too_large_takes_no_room_from_others_and_the_newest_come_first() {
    let script = "step(\"a\", || {
  let small = 7;
  let older = []; older.pad(950, 0);
  let nested = [];
  for n in 0..30 { let inner = []; inner.pad(50, 0); nested.push(inner); }
  let newer = []; newer.pad(100, 0);
  test::get(\"missing\");
});";
    let person = Person { lines: vec!["small + newer.len()", "nested.len()", "older.len()"], ..Person::default() };
    run(script, |b| b.on_failure(person.clone()));
    let too_large = |name: &str| format!("script: `{name}` is too large to be looked at after its statement");
    assert_eq!(person.said(), [format!("test.rhai:7:3 107 {} {}", too_large("nested"), too_large("older"))]);
}

#[test]
fn copies_follow_what_a_script_changes_in_lists_and_maps() {
    let looks_of = |change: &str, look: &'static str| {
        let list =
            "let list = []; for n in 0..20 { list.push(#{ n: n, name: `n ${n}`, on: true, part: 0.5, of: [n] }); }";
        let script = format!("step(\"a\", || {{\n  {list}\n  let n = 1;\n  {change};\n  test::get(\"missing\");\n}});");
        let person = Person { lines: vec![look, "list.len()"], ..Person::default() };
        run(&script, |b| b.on_failure(person.clone()));
        person.said().join("\n").trim_start_matches("test.rhai:5:3 ").to_owned()
    };
    for (change, look, wanted) in [
        ("n += 0", "list[3].n + list[3].of[0]", "6 20"),
        ("list[3].n = 70", "list[3].n", "70 20"),
        ("list[3].n = 3.5", "list[3].n", "3.5 20"),
        ("list[3].part += 1.0", "list[3].part", "1.5 20"),
        ("list[3].on = false", "list[3].on", "false 20"),
        ("list[3].on = ()", "list[3].on == ()", "true 20"),
        ("list[3].name += \"!\"", "list[3].name.len()", "4 20"),
        ("list[3].of[0] = 'c'", "list[3].of[0] == 'c'", "true 20"),
        ("list[3].of.push(1)", "list[3].of.len()", "2 20"),
        ("list[3].more = 1", "list[3].len()", "6 20"),
        ("list[3].remove(\"n\"); list[3].m = 3", "list[3].m", "3 20"),
        ("list[3].of.tag = 7", "list[3].of.tag", "7 20"),
        ("list[3].of.push(#{ a: 1 }); list[3].of[1].a = 2", "list[3].of[1].a + list[3].of[0]", "5 20"),
        ("list.push(#{ n: 5 }); list.push(7)", "list[20].n + list[21]", "12 22"),
        ("list.insert(0, 1)", "list[0] + list[4].n", "4 21"),
        ("list.shift()", "list[0].n", "1 19"),
        ("list.pop()", "list[0].n", "0 19"),
        ("list = [n]", "list[0]", "1 1"),
        ("list = []", "n", "1 0"),
        // In the place of a variable that is gone stands the next.
        ("if true { let gone = [1, 2]; gone.push(3); } let empty = #{}", "empty.len() + n", "1 20"),
        ("if true { let gone = [1, 2]; gone.push(3); }", "list[0].n", "0 20"),
        ("let list = list; list[0].n = 9; let list = list; list.pop()", "list[0].n", "9 19"),
    ] {
        assert_eq!(looks_of(change, look), wanted, "{change}");
    }
}

/// Thinks about a change for a while, and then lets nothing more be changed.
#[derive(Clone, Default)]
struct Slow {
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl ChangeGate for Slow {
    fn before_change(&self, change: &Change) -> Result<()> {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        self.open.fetch_sub(1, Ordering::SeqCst);
        let console = Console::here().unwrap();
        console.session().access().set_read_only(change.parts[0].resource.name == "taken away");
        Ok(())
    }
}

#[test]
fn deadlines_rest_while_a_change_is_thought_about_and_what_was_granted_meanwhile_counts() {
    let gate = Slow::default();
    let with = |b: SessionBuilder| b.change_gate(gate.clone());
    let script = "step(\"a\", #{ timeout: \"200ms\" }, || {
  test::each([1, 2, 3], |n| test::set(`gate ${n}`, n));
  test::set(\"taken away\", 1);
});";
    let ran = run(script, with);
    assert!(ran.error("a").contains("this session is read-only"), "{}", ran.error("a"));
    let store = STORE.lock().unwrap();
    assert_eq!((store.contains_key("gate 3"), store.contains_key("taken away")), (true, false));
    assert_eq!(gate.most.load(Ordering::SeqCst), 1, "one after the other");
}

/// Stops the step wherever it may.
#[derive(Clone)]
struct Stops;

impl Follower for Stops {
    fn stops_at(&self, statement: &Statement<'_>) -> bool {
        statement.line == 3
    }
    fn stop(&self, _: &Statement<'_>, console: &mut Console) -> Result<()> {
        console.stop_step("enough");
        Ok(())
    }
}

impl ChangeGate for Stops {
    fn before_change(&self, _: &Change) -> Result<()> {
        Console::here().unwrap().stop_step("enough");
        Ok(())
    }
}

#[test]
fn a_step_that_is_stopped_ends_with_all_of_its_branches() {
    let script = "step(\"a\", || {
  test::each([\"changes\", \"sleeps\"], |what| {
    if what == \"changes\" { test::set(\"stopped\", 1) } else { sleep(\"1h\") }
  });
  print(\"after\");
});";
    let follower = |b: SessionBuilder| b.follower(Stops);
    let gate = |b: SessionBuilder| b.change_gate(Stops);
    for ran in [run(script, follower), run(script, gate)] {
        assert_eq!((ran.step("a").status, ran.logs()), (StepStatus::Cancelled, Vec::new()), "{}", ran.error("a"));
        assert!(ran.error("a").contains("enough"), "{}", ran.error("a"));
    }
}

/// Says yes to everything.
struct Yes;

impl windlass_runtime::secret::Prompter for Yes {
    fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
        Err(Error::internal("not asked"))
    }
}

impl Prompter for Yes {
    fn confirm(&self, _: &str, _: &str) -> Result<bool> {
        Ok(true)
    }
    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Err(Error::internal("not asked"))
    }
}

#[test]
fn branches_of_a_line_that_is_typed_at_a_stop_may_ask() {
    let person = Person {
        lines: vec!["test::each([1, 2], |n| { confirm(\"k\", \"?\"); n })"],
        at: vec![2],
        ..Person::default()
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let asks = person.clone();
    std::thread::spawn(move || {
        let script = "step(\"a\", || {\n  let n = 1;\n});";
        run(script, |b| b.follower(asks).prompter(Arc::new(Yes)));
        sender.send(()).unwrap();
    });
    receiver.recv_timeout(Duration::from_secs(30)).expect("it does not wait for itself");
    assert_eq!(person.said(), ["a test.rhai:2:3 1: [1,2]"]);
}

#[test]
fn a_breakpoint_stops_as_at_a_statement_and_not_what_is_typed() {
    let script = "fn deep(n) {\n  breakpoint(\"look\");\n  n\n}\nstep(\"a\", || {\n  deep(4);\n});";
    let person = Person { lines: vec!["n", "breakpoint()"], at: vec![3], ..Person::default() };
    let ran = run(script, |b| b.follower(person.clone()).prompter(Arc::new(Yes)));
    assert_eq!(person.said(), ["a test.rhai:2:3 2: 4 null", "a test.rhai:3:3 2: 4 null"]);
    assert_eq!(ran.logs()[0], "look");
    assert!(ran.logs()[1..].iter().all(|text| text.ends_with("passed, since it was typed")), "{:?}", ran.logs());
}
