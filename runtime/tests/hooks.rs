//! What a customer's hooks make of a playbook: at declaration, in the order, in a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};

use common::{Ran, runtime};
use windlass_runtime::event::Event;
use windlass_runtime::files::Home;
use windlass_runtime::journal::MemoryJournal;
use windlass_runtime::playbook::{HookSort, HooksFile, Playbook, Prepared, Selection};
use windlass_runtime::report::StepStatus;
use windlass_runtime::session::Session;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Result};

const STEPS: &str = r#"
    step("first", || { log("first"); });
    step("second", #{ needs: ["first"], timeout: "1m" }, |ctx| { log("second"); ctx.state.two = 2; 22 });
    step("third", #{ needs: ["second"] }, |ctx| { log("third"); });
    fn log(text) { print(text); }
"#;

fn hooked(script: &str, hooks: &str) -> Playbook {
    hooked_in(script, hooks, Path::new("."), true)
}

fn hooked_in(script: &str, hooks: &str, folder: &Path, strict: bool) -> Playbook {
    let (source, home) = (folder.join("hooks.rhai").display().to_string(), Home::Disk(folder.to_owned()));
    let hooks = HooksFile { source, text: hooks.to_owned(), home, strict };
    Playbook { hooks: Some(hooks), ..Playbook::text("test.rhai", script) }
}

fn session() -> Session {
    runtime().session(NoTarget::new()).open()
}

fn prepared(script: &str, hooks: &str) -> Result<Prepared> {
    session().prepare(&hooked(script, hooks))
}

fn refused(hooks: &str) -> Error {
    prepared(STEPS, hooks).err().expect("refused")
}

fn order(prepared: &Prepared) -> Vec<&str> {
    prepared.steps().iter().map(|step| step.key.as_str()).collect()
}

fn run_of(playbook: &Playbook, selection: &Selection) -> Result<Ran> {
    let (events, journal) = (Arc::new(Mutex::new(Vec::new())), Arc::new(MemoryJournal::new()));
    let sink = events.clone();
    let builder = runtime().session(NoTarget::new()).journal(journal.clone());
    let session = builder.sink(move |e: &Event| sink.lock().unwrap().push(e.clone())).open();
    let report = session.prepare(playbook)?.start(selection)?.wait()?;
    let events = events.lock().unwrap().clone();
    Ok(Ran { report, events, journal })
}

fn run(script: &str, hooks: &str) -> Ran {
    run_of(&hooked(script, hooks), &Selection::default()).unwrap()
}

#[test]
fn each_sort_does_its_part_and_several_run_in_the_order_written() {
    let ran = run(
        STEPS,
        r#"
        after("second", |ctx, result| print(`after 1: ${ctx.key} ${result} ${ctx.state.two}`));
        wrap("second", |ctx, original| { print("outer in"); let got = original.call(ctx); print("outer out"); got + 1 });
        before("second", || print("before 1"));
        wrap("second", |ctx, original| { print("inner in"); original.call() + 100 });
        after("second", || print("after 2"));
        before("second", |ctx| print(`before 2: ${ctx.attempt}`));
        insert("own", #{ after: "first" }, || print("own"));
        after("third", |ctx| print(`${ctx.result("second")}`));
        "#,
    );
    assert_eq!(
        ran.logs(),
        [
            "first",
            "own",
            "before 1",
            "before 2: 1",
            "outer in",
            "inner in",
            "second",
            "outer out",
            "after 1: second 123 2",
            "after 2",
            "third",
            "123"
        ]
    );
    assert!(ran.report.steps.iter().all(|step| step.status == StepStatus::Ok));
}

#[test]
fn a_replaced_step_keeps_its_place_and_the_options_that_are_not_given() {
    let hooks = r#"
        const TEXT = "mine";
        fn own(text) { `${text}, in a function` }
        replace("second", #{ title: "Other", retries: 3 }, |ctx| { print(own(global::TEXT)); ctx.state.two = 3; });
        before("second", || print("before"));
    "#;
    let prepared = prepared(STEPS, hooks).unwrap();
    let step = &prepared.steps()[1];
    assert_eq!((step.key.as_str(), step.title(), step.options.retries), ("second", "Other", 3));
    assert_eq!(step.options.timeout, Some(std::time::Duration::from_secs(60)));
    assert_eq!(step.options.needs, ["first"]);
    let sorts: Vec<HookSort> = step.hooks.iter().map(|hook| hook.sort).collect();
    assert_eq!(sorts, [HookSort::Replace, HookSort::Before]);
    assert_eq!(step.hooks[0].place.line, 4);
    assert_eq!(run(STEPS, hooks).logs(), ["first", "before", "mine, in a function", "third"]);
}

#[test]
fn a_skipped_step_is_reported_with_its_reason_and_satisfies_needs() {
    let ran = run(STEPS, r#"skip("second", "it is there already"); before("second", || print("never"));"#);
    assert_eq!(ran.logs(), ["first", "third"]);
    let second = ran.step("second");
    assert_eq!((second.status, second.reason.as_deref()), (StepStatus::Skipped, Some("it is there already")));
    assert_eq!(second.attempts, 0);
}

#[test]
fn state_that_a_skipped_step_would_leave_is_missed_before_anything_runs() {
    let script = r#"step("a", |ctx| { ctx.state.x = 1; }); step("b", |ctx| ctx.state.x);"#;
    let prepared = prepared(script, r#"skip("a", "no need")"#).unwrap();
    let problems = prepared.state_problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message(), "step \"b\" reads ctx.state.x, which no step of this run leaves");
    assert!(problems[0].hint_text().unwrap().contains("a hook skips that step"));
    let of = |hooks: &str| {
        let prepared = session().prepare(&hooked(script, hooks)).unwrap();
        prepared.state_problems().iter().map(|e| e.message().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(r#"skip("a", "no need"); before("b", |ctx| { ctx.state.x = 1; });"#), Vec::<String>::new());
    assert_eq!(of(r#"replace("b", || 1); skip("a", "no need");"#), Vec::<String>::new());
    assert!(of(r#"after("b", |ctx| ctx.state.z)"#)[0].contains("reads ctx.state.z"));
    assert!(of(r#"replace("a", |ctx| { ctx.state.y = 1; })"#)[0].contains("reads ctx.state.x"));
}

#[test]
fn inserted_steps_stand_where_they_are_told_and_are_needed_or_need() {
    let hooks = r#"
        insert("x", #{ before: "second" }, || 1);
        insert("y", #{ before: "second" }, || 1);
        insert("p", #{ after: "second", title: "P" }, || 1);
        insert("q", #{ after: "second" }, || 1);
        insert("p2", #{ after: "p" }, || 1);
        insert("last", #{ after: "third", needs: ["first"] }, || 1);
    "#;
    let prepared = prepared(STEPS, hooks).unwrap();
    assert_eq!(order(&prepared), ["first", "x", "y", "second", "p", "p2", "q", "third", "last"]);
    let needs = |key: &str| prepared.steps().iter().find(|s| s.key == key).unwrap().options.needs.clone();
    assert_eq!(needs("second"), ["first", "x", "y"]);
    assert_eq!((needs("p"), needs("last")), (vec!["second".to_owned()], vec!["first".to_owned(), "third".to_owned()]));
    // What comes before a step and fails keeps it from running.
    let ran = run(STEPS, r#"insert("x", #{ before: "second", on_error: "continue" }, || throw "no")"#);
    assert_eq!(ran.step("x").status, StepStatus::Failed);
    assert_eq!(ran.step("second").status, StepStatus::Blocked);
}

#[test]
fn hooks_belong_to_the_attempt_its_timeout_and_its_retries() {
    let ran = run(
        r#"step("a", #{ retries: 2, backoff: 0 }, |ctx| print(`body ${ctx.attempt}`))"#,
        r#"
        before("a", |ctx| { if ctx.attempt == 1 { throw "not yet" } });
        after("a", |ctx| { if ctx.attempt == 2 { throw "nor now" } });
        "#,
    );
    let lines = ran.logs();
    assert_eq!(lines.iter().filter(|line| line.starts_with("body")).count(), 2, "{lines:?}");
    assert_eq!((ran.step("a").status, ran.step("a").attempts), (StepStatus::Ok, 3));
    for hook in ["before(\"a\", || sleep(60))", "after(\"a\", || sleep(60))", "wrap(\"a\", |ctx, original| sleep(60))"]
    {
        let ran = run(r#"step("a", #{ timeout: "50ms" }, || 1)"#, hook);
        assert!(ran.error("a").contains("did not end within 50ms"), "{hook}: {}", ran.error("a"));
    }
}

#[test]
fn a_wrap_can_catch_repeat_shield_and_leave_out_what_it_wraps() {
    let script = r#"step("a", |ctx| { print("body"); throw #{ kind: "timeout", message: "too slow" }; })"#;
    let ran = run(script, r#"wrap("a", |ctx, original| { try { original.call(ctx) } catch (e) { print(e.kind) } })"#);
    assert_eq!((ran.step("a").status, ran.logs()), (StepStatus::Ok, vec!["body".to_owned(), "timeout".to_owned()]));
    let ran = run(script, r#"wrap("a", |ctx, original| always(|| original.call(ctx), || print("cleaned")))"#);
    assert_eq!(ran.logs(), ["body", "cleaned"]);
    let error = ran.step("a").error.as_ref().unwrap();
    assert_eq!(error["message"], "too slow");
    assert!(error["place"].to_string().contains("test.rhai"), "the innermost place: {error}");
    let ran = run(script, r#"wrap("a", |ctx, original| "without it")"#);
    assert_eq!((ran.step("a").status, ran.logs().len()), (StepStatus::Ok, 0));
    let twice = r#"wrap("a", |ctx, original| { for i in 0..2 { try { original.call() } catch {} } })"#;
    assert_eq!(run(script, twice).logs(), ["body", "body"]);
}

#[test]
fn what_cannot_be_caught_is_not_caught_around_original_either() {
    let script = r#"step("a", || confirm("x", "sure?")); step("b", || print("b"));"#;
    let hooks = r#"wrap("a", |ctx, original| { try { original.call(ctx) } catch { print("caught") } })"#;
    let ran = run(script, hooks);
    assert_eq!(ran.step("a").status, StepStatus::Cancelled);
    assert_eq!(ran.logs(), Vec::<String>::new());
}

#[test]
fn captures_of_hooks_are_private_copies() {
    let hooks = r#"
        for name in ["a", "b"] { after("first", || print(name)); }
        let list = [1];
        before("second", || { list.push(2); });
    "#;
    let ran = run(STEPS, hooks);
    assert_eq!(ran.logs()[..3], ["first", "a", "b"]);
    assert!(ran.error("second").contains("`list`"), "{}", ran.error("second"));
}

#[test]
fn a_hook_that_names_no_step_is_refused_with_the_nearest_and_all_of_them_are_told() {
    let hooks = "after(\"secnd\", || 1);\nskip(\"thrid\", \"why\");\ninsert(\"x\", #{ before: \"zzz\" }, || 1);";
    let error = refused(hooks);
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(error.message(), "after names step \"secnd\", which does not exist");
    assert!(error.hint_text().unwrap().contains("did you mean \"second\"?"));
    assert_eq!(error.place().unwrap().line, 1);
    let all = session().check(&hooked(STEPS, hooks), None);
    let lines: Vec<usize> = all.iter().map(|e| e.place().unwrap().line).collect();
    assert_eq!(lines, [1, 2, 3], "{all:?}");
    assert_eq!(all[2].hint_text(), Some("windlass list shows the keys of all steps"));
    let needs = refused(r#"insert("x", #{ after: "first", needs: ["secnd"] }, || 1)"#);
    assert!(needs.message().contains("\"secnd\"") && needs.hint_text().unwrap().contains("second"), "{needs}");
}

#[test]
fn for_another_playbook_hooks_that_name_none_of_its_steps_are_passed_over() {
    let hooks = r#"skip("gone", "x"); after("first", || print("after")); insert("x", #{ after: "gone" }, || 1);"#;
    let playbook = hooked_in(STEPS, hooks, Path::new("."), false);
    let prepared = session().prepare(&playbook).unwrap();
    let unmatched: Vec<(&str, &str)> = prepared.unmatched().iter().map(|u| (u.sort.as_str(), u.key.as_str())).collect();
    assert_eq!(unmatched, [("skip", "gone"), ("insert", "gone")]);
    assert_eq!(order(&prepared), ["first", "second", "third"]);
    let own = Playbook { hooks: playbook.hooks, ..Playbook::text("t", r#"step("first", || 1); skip("gone", "x");"#) };
    assert!(session().prepare(&own).is_err(), "a playbook's own hooks must match");
}

#[test]
fn what_hooks_cannot_be_is_refused_in_words() {
    for (hooks, message, hint) in [
        (r#"step("x", || 1)"#, "declared by a customer's hooks", "insert("),
        (r#"include_steps("x")"#, "include_steps stands in a customer's hooks", "insert("),
        (r#"wrap("first", |ctx| 1)"#, "the closure of wrap takes 1 argument", "|ctx, original|"),
        (r#"before("first", |a, b| 1)"#, "the closure of before takes 2 arguments", "nothing or `ctx`"),
        (r#"skip("first", " ")"#, "gives no reason", "who reads the report"),
        (r#"insert("x", || 1)"#, "needs the option `before` or `after`", "#{ after: "),
        (r#"insert("x", #{ before: "first", after: "second" }, || 1)"#, "`before` or `after`, one of them", ""),
        (r#"insert("first", #{ after: "second" }, || 1)"#, "step \"first\" is declared twice", ""),
        (r#"insert("a b", #{ after: "second" }, || 1)"#, "cannot be a step's key", ""),
        (r#"replace("first", || 1); replace("first", || 2)"#, "is replaced twice (first at", "put into one"),
        (r#"replace("first", #{ tiemout: 1 }, || 1)"#, "tiemout", "timeout"),
        (r#"test::set("a", 1)"#, "test::set changes something", "put it into a step"),
        (r#"insert("x", #{ before: "first", needs: ["third"] }, || 1)"#, "in a circle", "remove one"),
        (r#"first("x")"#, "there is no function", ""),
        (r#"return; before("first", || 1)"#, "ended before its last line", "remove it"),
    ] {
        let error = refused(hooks);
        assert!(error.message().contains(message), "{hooks}: {error}");
        assert!(error.hint_text().unwrap_or("").contains(hint), "{hooks}: {:?}", error.hint_text());
    }
    let inside = run(r#"step("a", || after("a", || 1))"#, "");
    assert!(inside.error("a").contains("stands inside a step"), "{}", inside.error("a"));
}

#[test]
fn a_script_without_steps_is_one_step_that_can_be_hooked() {
    let ran = run(
        r#"print("main"); test::set("of-main", 1); 5"#,
        r#"wrap("main", |ctx, original| original.call() + 1);
        after("main", |ctx, result| print(`${ctx.key} ${result}`));"#,
    );
    assert_eq!(ran.logs(), ["main", "main 6"]);
    assert_eq!(ran.report.changed, 1);
}

#[test]
fn a_playbook_can_hook_the_steps_that_it_declares_itself() {
    let ran = run(r#"step("a", || print("a")); after("a", || print("mine"));"#, r#"after("a", || print("theirs"))"#);
    assert_eq!(ran.logs(), ["a", "mine", "theirs"]);
}

#[test]
fn texts_and_lists_keep_their_own_replace_and_insert() {
    let script = r#"step("a", || { let t = "abc"; t.replace("b", "x"); replace(t, "c", "y"); let l = [1]; l.insert(0, t);
        insert(l, 0, 2); print(`${l}`); })"#;
    assert_eq!(session().check(&Playbook::text("t", script), None).len(), 0);
    assert_eq!(run(script, "").logs(), [r#"[2, "axy", 1]"#]);
}

#[test]
fn modules_of_the_customer_are_found_in_its_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let acme = folder.path().join("acme");
    std::fs::create_dir_all(acme.join("lib")).unwrap();
    std::fs::write(folder.path().join("outside.rhai"), "fn x() { 1 }").unwrap();
    std::fs::write(acme.join("lib/words.rhai"), r#"import "more" as more; fn hello(name) { more::greet(name) }"#)
        .unwrap();
    std::fs::write(acme.join("lib/more.rhai"), r#"fn greet(name) { `hello, ${name}` }"#).unwrap();
    std::fs::write(acme.join("lib/steps.rhai"), r#"fn all() { after("first", || print("from a module")); }"#).unwrap();
    std::os::unix::fs::symlink(folder.path().join("outside.rhai"), acme.join("lib/link.rhai")).unwrap();
    let of = |hooks: &str| hooked_in(STEPS, hooks, &acme, true);
    let hooks = r#"
        import "lib/words" as words;
        import "lib/steps" as steps;
        steps::all();
        before("first", |ctx| print(words::hello(ctx.key)));
    "#;
    let ran = run_of(&of(hooks), &Selection::default()).unwrap();
    assert_eq!(ran.logs()[..3], ["hello, first", "first", "from a module"]);
    assert_eq!(session().check(&of(hooks), None).len(), 0);
    for (import, message) in [
        ("../outside", "leads out of the script's folder"),
        ("lib/link", "a link leads out"),
        ("/etc/passwd", "absolute path"),
        ("lib/none", "there is no lib/none.rhai"),
    ] {
        let all = session().check(&of(&format!("import \"{import}\" as x;")), None);
        assert!(all[0].message().contains(message), "{import}: {all:?}");
    }
    let wrong = session().check(&of("import \"lib/words\" as words; after(\"first\", || words::helo(1));"), None);
    assert!(
        wrong[0].message().contains("helo") && wrong[0].place().unwrap().source.ends_with("hooks.rhai"),
        "{wrong:?}"
    );
}

#[test]
fn selections_count_with_what_hooks_skip_and_insert() {
    let playbook =
        hooked(STEPS, r#"skip("second", "not here"); insert("x", #{ after: "first", tags: ["own"] }, || print("x"))"#);
    let ran = run_of(&playbook, &Selection { only: vec!["own".into()], ..Selection::default() }).unwrap();
    assert_eq!(ran.logs(), ["x"]);
    assert_eq!(ran.step("second").reason.as_deref(), Some("not here"));
    let none = run_of(&playbook, &Selection { only: vec!["second".into()], ..Selection::default() });
    assert!(none.err().unwrap().message().contains("nothing is left to run"));
}
