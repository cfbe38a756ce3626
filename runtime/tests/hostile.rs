//! The boundary under hostile scripts: each test is one way that somebody, by mistake or on purpose, gets around it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{CANARY, Ran, STORE, refused, run, runtime, try_run};
use windlass_runtime::access::Access;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{MemoryJournal, Point, Side, Watched};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::{Report, RunStatus, StepStatus};
use windlass_runtime::session::{Limits, SessionBuilder};
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Result};

fn stored(key: &str) -> Option<i64> {
    STORE.lock().unwrap().get(key).copied()
}

fn kind(ran: &Ran, step: &str) -> String {
    ran.step(step).error.as_ref().map(|e| e["kind"].as_str().unwrap().to_owned()).unwrap_or_default()
}

/// Runs the playbook in a folder of these files; gives the report and what was logged.
fn run_files(files: &[(&str, &str)]) -> Result<(Report, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    run_folder(folder.path())
}

fn run_folder(folder: &Path) -> Result<(Report, Vec<String>)> {
    let logs = Arc::new(Mutex::new(Vec::new()));
    let sink = logs.clone();
    let session = runtime()
        .session(NoTarget::new())
        .sink(move |e: &Event| {
            if let What::Log { text, .. } = &e.what {
                sink.lock().unwrap().push(text.clone());
            }
        })
        .open();
    let playbook = Playbook::script(&folder.join("playbook.rhai"))?;
    let report = session.prepare(&playbook)?.start(&Selection::default())?.wait()?;
    let logs = logs.lock().unwrap().clone();
    Ok((report, logs))
}

/// Waits until something holds, for a machine under load.
fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a script, cancels it a time after it has said `at work`, and says how long the rest took.
fn cancelled(script: &str, after: Duration) -> (Report, Vec<String>, Duration) {
    let logs = Arc::new(Mutex::new(Vec::new()));
    let sink = logs.clone();
    let session = runtime()
        .session(NoTarget::new())
        .limits(Limits { operations: u64::MAX })
        .sink(move |e: &Event| {
            if let What::Log { text, .. } = &e.what {
                sink.lock().unwrap().push(text.clone());
            }
        })
        .open();
    let running = session.prepare(&Playbook::text("t", script)).unwrap().start(&Selection::default()).unwrap();
    until(|| logs.lock().unwrap().contains(&"at work".to_owned()));
    std::thread::sleep(after);
    let begun = Instant::now();
    running.cancel_handle().cancel("stopped by Ctrl-C");
    let report = running.wait().unwrap();
    let logs = logs.lock().unwrap().clone();
    (report, logs, begun.elapsed())
}

// ---- closures

#[test]
fn closures_nest_and_keep_what_they_captured() {
    let ran = run(r#"
        let names = ["a", "b"];
        let make = |prefix| { let inner = |x| prefix + x; inner };
        for name in names {
            let say = |x| `${name}${x}`;
            step(name, |ctx| {
                let deeper = |y| test::same(say.call(y));
                print(test::until(#{}, || test::until(#{}, || deeper.call("!") == `${name}!`) == 1));
                print(make.call("p").call("q"));
            });
        }
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(ran.logs(), ["1", "pq", "1", "pq"]);
}

#[test]
fn a_closure_is_no_state() {
    let ran = run("step(\"a\", |ctx| { ctx.state.f = || 1; });");
    assert!(ran.error("a").contains("cannot hold a closure"), "{}", ran.error("a"));
    let ran = run("step(\"a\", |ctx| { ctx.state.f = #{ deep: [#{ f: || 1 }] }; });");
    assert!(ran.error("a").contains("cannot hold a closure"), "{}", ran.error("a"));
    let ran = run("step(\"a\", |ctx| { ctx.state.c = ctx; });");
    assert!(ran.error("a").contains("cannot hold"), "{}", ran.error("a"));
}

#[test]
fn closures_of_modules_have_their_functions_imports_and_constants() {
    let (report, logs) = run_files(&[
        ("playbook.rhai", "import \"m\" as m; step(\"a\", || { m::run(); print(test::each([1, 2], |n| m::add(n))); }); step(\"b\", || test::until(#{}, m::make()));"),
        ("m.rhai", "import \"deep\" as deep; const C = 5; fn three() { 3 } fn make() { || three() } fn add(n) { three() + deep::four() + n } fn run() { print(test::until(#{}, || three() + deep::four() + global::C == 12)); print([1].map(|n| add(n))); }"),
        ("deep.rhai", "fn four() { 4 }"),
    ])
    .unwrap();
    assert_eq!(logs, ["1", "[8]", "[8, 9]"], "{report:?}");
    // One that leaves its module cannot be called: Rhai's closures do not know their module.
    assert!(
        report.steps[1].error.clone().unwrap()["hint"].as_str().unwrap().contains("made in an imported module"),
        "{report:?}"
    );
}

#[test]
fn ctx_outlives_its_step_as_the_context_of_whoever_uses_it() {
    let ran = run(r#"
        step("a", |ctx| { let look = || ctx.key; print(test::until(#{}, || look.call() == "a")); });
        step("b", |ctx| { ctx.state.n = 1; print(test::each([1, 2], |n| `${ctx.key}${ctx.state.n + n}`)); });
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(ran.logs(), ["1", "[\"b2\", \"b3\"]"]);
}

#[test]
fn closures_with_other_parameters_are_explained() {
    let ran = run("step(\"a\", |x, y| 1);");
    assert!(ran.error("a").contains("another number"), "{}", ran.error("a"));
}

#[test]
fn values_that_hold_themselves_end() {
    for script in [
        "let a = []; let f = || a; a.push(f); test::same(a); test::json(a)",
        "let m = #{}; let f = || m; m.f = f; test::same(m); test::json([m])",
        "let a = []; let f = || a; a.push(f); test::each(a, |x| x.call())",
        "let a = []; let f = || a; a.push(a); test::same(a).len()",
        "let a = []; for i in 0..200 { a = [a]; } test::same(a)",
    ] {
        let ran = run(script);
        assert!(matches!(ran.report.status, RunStatus::Failed | RunStatus::Ok), "{script}");
        if script.contains("push(f)") {
            assert!(ran.error("main").contains("hold itself"), "{script}: {}", ran.error("main"));
        }
        if script.contains("200") {
            assert!(ran.error("main").contains("nested"), "{}", ran.error("main"));
        }
    }
}

// ---- errors that nobody may catch

#[test]
fn final_errors_end_the_script_however_they_are_caught() {
    for callback in [
        "[1].map(|x| test::fail(KIND))",
        "[1].filter(|x| test::fail(KIND))",
        "[2, 1].reduce(|a, b| test::fail(KIND))",
        "[1].for_each(|x| test::fail(KIND))",
        "[1].some(|x| test::fail(KIND))",
        "[1].all(|x| test::fail(KIND))",
        "[1].find(|x| test::fail(KIND))",
        "[1].retain(|x| test::fail(KIND))",
        "[1].index_of(|x| test::fail(KIND))",
        "let l = [2, 1, 3]; l.sort(|a, b| test::fail(KIND))",
        "let l = [2, 1, 3]; l.dedup(|a, b| test::fail(KIND))",
        "test::until(#{}, || test::fail(KIND))",
        "test::until(#{}, || { let l = [2, 1]; l.sort(|a, b| test::fail(KIND)); true })",
        "test::within(\"1m\", || { let l = [2, 1]; l.sort(|a, b| test::fail(KIND)); 1 })",
        "test::within(\"1m\", || { try { [1].map(|x| test::fail(KIND)) } catch (e) { } })",
        "test::each([1], |x| test::fail(KIND))",
        "test::each([1, 2], |x| { let l = [2, 1]; l.sort(|a, b| test::fail(KIND)); 1 })",
        "test::each([1, 2], |x| test::each([1, 2], |y| test::fail(KIND)))",
        "always(|| test::fail(KIND), || 1)",
        "always(|| 1, || test::fail(KIND))",
        "always(|| 1, || { let l = [2, 1]; l.sort(|a, b| test::fail(KIND)); })",
        "always(|| { try { always(|| test::fail(KIND), || 1) } catch (e) { } }, || 1)",
        "fail_in_function()",
    ] {
        for kind_word in ["denied", "undecided"] {
            let callback = callback.replace("KIND", &format!("{kind_word:?}"));
            let script = format!(
                "fn fail_in_function() {{ try {{ test::fail({kind_word:?}) }} catch (e) {{ print(\"caught in\") }} }}\n\
                 step(\"a\", || {{ try {{ try {{ {callback} }} catch (e) {{ print(\"caught 1\"); throw e; }} }} catch (e) {{ print(\"caught 2\"); }} print(\"went on\"); }});"
            );
            let ran = run(&script);
            let logs: Vec<String> = ran.logs().into_iter().filter(|l| !l.starts_with("stopped: ")).collect();
            assert_eq!(logs, [""; 0], "{callback}");
            assert_eq!(kind(&ran, "a"), kind_word, "{callback}: {:?}", ran.report);
            assert!(
                ran.error("a").contains("told to fail") && ran.error("a").contains("test.rhai:"),
                "{callback}: {}",
                ran.error("a")
            );
        }
    }
}

#[test]
fn a_final_error_swallowed_by_the_last_operation_still_counts() {
    let ran = run("step(\"a\", || { let l = [2, 1]; l.sort(|a, b| test::fail(\"denied\")); });");
    assert_eq!(kind(&ran, "a"), "denied");
}

#[test]
fn a_script_cannot_forge_a_final_error() {
    let ran = run(
        "step(\"a\", #{ on_error: \"continue\" }, || throw #{ kind: \"undecided\", message: \"forged\" }); step(\"b\", || try { test::until(#{}, || throw #{ kind: \"cancelled\", message: \"forged\" }) } catch (e) { print(e.message) });",
    );
    assert_eq!((ran.report.status, kind(&ran, "a").as_str()), (RunStatus::Failed, "script"), "{:?}", ran.report);
    assert_eq!(ran.logs(), ["forged"]);
}

// ---- what errors say

#[test]
fn what_a_script_adds_to_a_caught_error_is_kept_and_its_source_too() {
    let ran = run("try { test::fail(\"system\") } catch (e) { throw e; }");
    let error = ran.step("main").error.clone().unwrap();
    assert_eq!(
        (error["details"]["n"].as_i64(), error["causes"][0].as_str()),
        (Some(1), Some("the deepest cause")),
        "{error}"
    );
    let ran = run("try { test::fail(\"system\") } catch (e) { e.hint = \"look there\"; e.details = [2]; throw e; }");
    let error = ran.step("main").error.clone().unwrap();
    assert_eq!((error["hint"].as_str(), error["details"][0].as_i64()), (Some("look there"), Some(2)), "{error}");
    assert!(error["causes"].to_string().contains("the deepest cause"), "{error}");
    let ran = run(
        "try { test::until(#{}, || test::fail(\"system\")) } catch (e) { print(`${e.kind} ${e.hint} ${e.details.n}`) }",
    );
    assert_eq!(ran.logs(), ["system do not 1"]);
}

#[test]
fn errors_in_modules_name_the_module_and_the_way_there() {
    let (report, _) = run_files(&[
        ("playbook.rhai", "import \"m\" as m;\nstep(\"a\", || {\n  m::outer()\n});"),
        ("lib/m.rhai", "import \"deep\" as d;\nfn outer() {\n  d::inner()\n}"),
        ("lib/deep.rhai", "fn inner() {\n\n  test::get(\"nowhere\")\n}"),
    ])
    .unwrap();
    let error = report.steps[0].error.clone().unwrap();
    let text = error.to_string();
    assert!(error["place"].as_str().unwrap().ends_with("deep.rhai:3:9"), "{text}");
    let trace: Vec<&str> = error["trace"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(
        trace.len() == 2 && trace[0].ends_with("m.rhai:3:6") && trace[1].ends_with("playbook.rhai:3:6"),
        "{trace:?}"
    );
}

// ---- top level

#[test]
fn nothing_acts_at_the_top_level_whatever_stands_around_it() {
    for call in [
        "try { test::set(\"top\", 1) } catch (e) { }",
        "always(|| 1, || test::set(\"top\", 1));",
        "always(|| { try { test::set(\"top\", 1) } catch (e) { } }, || 1);",
        "[1].for_each(|x| { try { test::set(\"top\", 1) } catch (e) {} });",
        "let l = [2, 1]; l.sort(|a, b| { test::set(\"top\", 1); 0 });",
        "try { [1].map(|x| test::set(\"top\", 1)) } catch { }",
        "fn f() { try { test::set(\"top\", 1) } catch {} } f();",
    ] {
        let error = refused(&format!("step(\"a\", || 1);\n{call}"));
        assert_eq!(error.kind(), Kind::Usage, "{call}: {error:?}");
        assert!(error.to_string().contains("stands at the top level"), "{call}: {error:?}");
    }
    assert_eq!(stored("top"), None);
}

#[test]
fn declarations_that_fail_cannot_be_hidden() {
    let error = refused("step(\"a\", || 1); try { step(\"a\", || 2) } catch (e) { }");
    assert!(error.to_string().contains("declared twice"), "{error:?}");
    let error = run_files(&[
        ("playbook.rhai", "step(\"a\", || 1); try { include_steps(\"broken\") } catch (e) { }"),
        ("steps/broken.rhai", "step(\"b\", || 1);\nthrow \"no\";"),
    ])
    .err()
    .unwrap();
    assert!(error.to_string().contains("no") && error.place().unwrap().source.ends_with("broken.rhai"), "{error:?}");
}

#[test]
fn top_levels_that_do_not_end_are_ended() {
    assert_eq!(refused("step(\"a\", || 1); loop { }").kind(), Kind::Budget);
    assert_eq!(refused("step(\"a\", || 1); loop { test::same(1) }").kind(), Kind::Budget);
    let error =
        run_files(&[("playbook.rhai", "import \"m\" as m; step(\"a\", || 1);"), ("m.rhai", "loop { }")]).err().unwrap();
    assert_eq!(error.kind(), Kind::Budget, "{error:?}");
    assert!(refused("step(\"a\", || 1); exit();").to_string().contains("before its last line"));
    assert!(refused("step(\"a\", || 1); throw \"x\";").to_string().contains('x'));
    assert!(refused("step(\"a\", || 1); /* never closed").kind() == Kind::Script);
}

#[test]
fn circles_of_imports_and_includes_are_named() {
    let (report, _) = run_files(&[
        ("playbook.rhai", "import \"a\" as a; print(1)"),
        ("a.rhai", "import \"b\" as b;"),
        ("b.rhai", "import \"a\" as a;"),
    ])
    .unwrap();
    let error = report.steps[0].error.clone().unwrap();
    assert!(error["message"].as_str().unwrap().contains("circle"), "{error}");
    let error = run_files(&[("playbook.rhai", "import \"playbook\" as p; step(\"a\", || 1);")]).err().unwrap();
    assert!(error.to_string().contains("circle"), "{error:?}");
    let (report, _) = run_files(&[
        ("playbook.rhai", "fn f() { import \"m\" as m; m::f() } f()"),
        ("m.rhai", "fn f() { import \"m\" as m; m::f() }"),
    ])
    .unwrap();
    assert!(report.steps[0].error.clone().unwrap()["message"].as_str().unwrap().contains("too deeply"), "{report:?}");
    let error = run_files(&[
        ("playbook.rhai", "include_steps(\"x\");"),
        ("steps/x.rhai", "include_steps(\"y\"); step(\"x\", || 1);"),
        ("y.rhai", ""),
        ("steps/y.rhai", "include_steps(\"x\"); step(\"y\", || 1);"),
        ("steps/steps/y.rhai", "include_steps(\"z\");"),
    ])
    .err()
    .unwrap();
    assert!(matches!(error.kind(), Kind::Script | Kind::Usage | Kind::NotFound), "{error:?}");
}

#[test]
fn a_long_chain_of_imports_or_includes_ends() {
    let chain = |word: &str, folder: &str| {
        let mut files = vec![("playbook.rhai".to_owned(), format!("{word}; step(\"a\", || 1);").replace("NEXT", "n0"))];
        for i in 0..300 {
            let next = format!("n{}", i + 1);
            files.push((format!("{folder}n{i}.rhai"), format!("{word}; step(\"s{i}\", || 1);").replace("NEXT", &next)));
        }
        files.push((format!("{folder}n300.rhai"), "step(\"last\", || 1);".to_owned()));
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        run_files(&files).map(|(report, _)| report)
    };
    for report in [chain("import \"NEXT\" as n", ""), chain("include_steps(\"NEXT\")", "")] {
        match report {
            Ok(report) => assert_eq!(report.steps.len(), 302),
            Err(error) => assert!(error.to_string().contains("too deeply"), "{error:?}"),
        }
    }
}

// ---- recursion

#[test]
fn recursion_ends_whatever_it_goes_through() {
    for script in [
        "fn f(x) { [x].map(|y| f(y)) } f(1)",
        "fn f(x) { always(|| f(x), || 1) } f(1)",
        "fn f(x) { test::until(#{}, || f(x)) } f(1)",
        "fn f(x) { test::within(\"1m\", || f(x)) } f(1)",
        "fn f(x) { let l = [2, 1]; l.sort(|a, b| { f(x); 0 }); } f(1)",
        "fn f(x) { g(x) } fn g(x) { test::until(#{}, || test::within(\"1m\", || f(x))) } f(1)",
        "fn f(x) { try { f(x) } catch (e) { throw e } } f(1)",
        "let f = |f| f.call(f); f.call(f)",
    ] {
        let ran = run(script);
        assert_eq!(ran.report.steps.len(), 1, "{script}");
        if !script.contains("sort") {
            assert!(ran.error("main").contains("too deeply"), "{script}: {}", ran.error("main"));
        }
    }
    let ran = run("fn f(x) { test::each([x], |y| f(y)) } print(f(1))");
    assert!(ran.error("main").contains("too deeply") || ran.logs()[0].contains("too deeply"), "{:?}", ran.report);
}

#[test]
fn recursion_across_units_ends() {
    let (report, _) = run_files(&[
        ("playbook.rhai", "import \"m\" as m; fn again(n) { m::work(|x| again(x), n + 1) } step(\"a\", || again(0));"),
        ("m.rhai", "fn work(f, n) { test::within(\"1m\", || f.call(n)) }"),
    ])
    .unwrap();
    assert!(report.steps[0].error.clone().unwrap().to_string().contains("too deeply"), "{report:?}");
}

// ---- always

#[test]
fn cleanups_run_in_each_other_and_after_each_other() {
    let ran = run(r#"
        step("a", || always(
            || { always(|| throw "work", || print("inner")) },
            || { always(|| { print("outer work"); throw "in cleanup" }, || print("cleanup of the cleanup")) },
        ));
    "#);
    assert_eq!(ran.logs()[..3], ["inner", "outer work", "cleanup of the cleanup"]);
    assert!(ran.error("a").contains("work"), "{}", ran.error("a"));
    let ran = run("step(\"a\", || always(|| { loop { } }, || { loop { } }));");
    assert_eq!(kind(&ran, "a"), "budget");
    let ran = run("step(\"a\", || always(|| 1, || throw \"x\"));");
    assert!(ran.error("a").contains("the work was done, but its cleanup failed"), "{}", ran.error("a"));
}

#[test]
fn a_cleanup_survives_a_second_cancel_and_says_how_long_it_may_take() {
    let script = "step(\"a\", || always(|| { print(\"at work\"); sleep(\"1m\") }, || { sleep(\"2500ms\"); print(\"cleaned\") }));";
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = events.clone();
    let session = runtime()
        .session(NoTarget::new())
        .sink(move |e: &Event| sink.lock().unwrap().push(serde_json::to_string(&e.what).unwrap()))
        .open();
    let running = session.prepare(&Playbook::text("t", script)).unwrap().start(&Selection::default()).unwrap();
    until(|| events.lock().unwrap().iter().any(|e| e.contains("at work")));
    let handle = running.cancel_handle();
    handle.cancel("stopped by Ctrl-C");
    std::thread::sleep(Duration::from_millis(200));
    handle.cancel("stopped by Ctrl-C again");
    let report = running.wait().unwrap();
    assert_eq!(report.status, RunStatus::Cancelled);
    let events = events.lock().unwrap();
    assert!(events.iter().any(|e| e.contains("\"cleaned\"")), "{events:?}");
    let countdown = events.iter().filter(|e| e.contains("\"progress\"") && e.contains("s left")).count();
    assert!((2..=4).contains(&countdown), "{events:?}");
    assert!(
        report.steps[0].error.as_ref().unwrap().to_string().contains("stopped by Ctrl-C\""),
        "the first reason stays"
    );
}

// ---- cancel and deadline

#[test]
fn a_cancel_ends_branches_in_every_state() {
    let script = r#"
        step("a", || { print("at work"); always(|| test::each8([0, 1, 2, 3, 4, 5, 6, 7], |n| {
            if n == 0 { loop { } }
            if n == 1 { sleep("1m") }
            if n == 2 { test::set("slow", 1, #{ delay: "1m" }) }
            if n == 3 { test::until(#{ timeout: "1m" }, || false) }
            if n == 4 { loop { test::set("b4", 1) } }
            if n == 5 { always(|| loop { }, || print("cleaned 5")) }
            if n == 6 { test::each8([1, 2], |m| { try { sleep("1m") } catch (e) { loop {} } }) }
            if n == 7 { let l = [3, 2, 1]; loop { l.sort(|a, b| { sleep(0.01); a - b }); } }
        }), || print("cleaned")) });
    "#;
    let (report, logs, time) = cancelled(script, Duration::from_millis(300));
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert_eq!(report.status, RunStatus::Cancelled, "{report:?}");
    assert!(logs.contains(&"cleaned 5".to_owned()) && logs.contains(&"cleaned".to_owned()), "{logs:?}");
}

#[test]
fn a_deadline_reaches_into_branches_and_busy_loops() {
    for work in [
        "test::each([1, 2], |n| if n == 1 { loop { } } else { sleep(\"1m\") })",
        "let s = \"x\"; s.pad(8000000, \"y\"); loop { let t = s + \"z\"; }",
        "let l = []; l.pad(500000, 1); loop { let m = l; m.push(1); }",
    ] {
        let begun = Instant::now();
        let script = format!("step(\"a\", #{{ timeout: \"200ms\" }}, || {{ {work} }});");
        let ran = try_run(&script, &Selection::default(), |b| b.limits(Limits { operations: u64::MAX })).unwrap();
        assert_eq!(kind(&ran, "a"), "deadline", "{work}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{work}: {:?}", begun.elapsed());
    }
}

#[test]
fn deadlines_rest_everywhere_while_a_question_is_open() {
    struct Slow;
    impl windlass_runtime::secret::Prompter for Slow {
        fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
            Err(Error::internal("not asked"))
        }
    }
    impl windlass_runtime::session::Prompter for Slow {
        fn confirm(&self, _: &str, _: &str) -> Result<bool> {
            std::thread::sleep(Duration::from_millis(700));
            Ok(true)
        }
        fn step_failed(&self, _: &str, _: &Error) -> Result<windlass_runtime::session::AfterFailure> {
            Err(Error::internal("not asked"))
        }
    }
    let script = "step(\"a\", #{ timeout: \"500ms\" }, || { test::each([0, 1, 2], |n| { if n == 0 { confirm(\"k\", \"?\") } else if n == 1 { sleep(\"200ms\"); sleep(\"650ms\") } else { for i in 0..40 { sleep(\"20ms\") } } n }) });";
    let ran = try_run(script, &Selection::default(), |b| b.prompter(Arc::new(Slow))).unwrap();
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    let script = "step(\"a\", #{ timeout: \"300ms\" }, || { confirm(\"k\", \"?\"); sleep(\"1m\") });";
    let ran = try_run(script, &Selection::default(), |b| b.prompter(Arc::new(Slow))).unwrap();
    assert_eq!(kind(&ran, "a"), "deadline");
}

#[test]
fn a_cleanups_deadline_is_not_taken_for_the_end_of_a_look() {
    let ran = run("step(\"a\", || { test::within(\"1m\", || test::fail(\"deadline\")); print(\"went on\") });");
    assert_eq!((kind(&ran, "a").as_str(), ran.logs().len()), ("deadline", 0));
    let ran = run("step(\"a\", || { print(test::within(\"50ms\", || { sleep(\"1m\") }) == ()); });");
    assert_eq!(ran.logs(), ["true"]);
}

// ---- branches

#[test]
fn branches_of_narrowed_scopes_are_told_apart_in_the_journal() {
    let ran = run(r#"
        for i in 0..3 { test::within("1m", || { test::each([1, 2], |n| test::set(`narrow${i}${n}`, 1)); }); }
        test::each([1, 2], |n| test::within("1m", || test::set(`wide${n}`, 1)));
        test::set("after", 1);
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    let entries = windlass_runtime::journal::Journal::entries(&*ran.journal).unwrap();
    let mut ids: Vec<_> = entries.iter().map(|(i, _)| i.id.clone()).collect();
    assert_eq!(ids.len(), 9);
    assert!(entries.iter().all(|(_, result)| result.is_some()));
    ids.dedup();
    assert_eq!(ids.len(), 9, "{ids:?}");
}

#[test]
fn branches_share_large_constants_and_a_panic_stays_in_its_branch() {
    let ran = run(r#"
        const LARGE = [];
        fn look(n) { let s = 0; for i in 0..200 { s += global::TABLE.len(); } s + n }
        const TABLE = #{ a: [1, 2, 3], b: "x", c: [[1], [2]] };
        step("a", || print(test::each([1, 2, 3, 4, 5, 6, 7, 8], |n| look(n))));
        step("b", || print(test::each([1, 2, 3], |n| if n == 2 { test::set("pp", n, #{ panic: true }) } else { n })));
        step("c", || print(test::until(#{}, || true)));
    "#);
    assert_eq!(ran.logs()[0], "[601, 602, 603, 604, 605, 606, 607, 608]");
    assert!(
        ran.logs()[1].contains("panicked: told to")
            && ran.logs()[1].starts_with("[1, ")
            && ran.logs()[1].ends_with(", 3]"),
        "{:?}",
        ran.logs()
    );
    assert_eq!(ran.logs()[2], "1");
}

#[test]
fn branches_that_write_one_piece_of_state_are_refused() {
    let ran = run(
        "step(\"a\", |ctx| { ctx.state.n = 0; test::each8([1, 2, 3, 4], |n| { for i in 0..50 { ctx.state.n += 1; } }); print(ctx.state.n) });",
    );
    let text = format!("{:?} {:?}", ran.report, ran.logs());
    assert!(text.contains("ctx.state.n") && text.contains("branch"), "{text}");
    let ran = run(
        "step(\"a\", |ctx| { test::each([1, 2], |n| { ctx.state[`k${n}`] = n; }); test::each([1, 2], |n| { ctx.state[`k${n}`] = n + 1; }); print(ctx.state.k1 + ctx.state.k2) });",
    );
    assert_eq!(ran.logs(), ["5"], "{:?}", ran.report);
    // Methods that only look set a piece of state to what it is, which is no writing.
    let ran = run(
        "step(\"a\", |ctx| { ctx.state.l = [1, #{ a: 2.5 }]; print(test::each8([1, 2], |n| ctx.state.l.len() + ctx.state.l[1].len())); });",
    );
    assert_eq!(ran.logs(), ["[3, 3]"], "{:?}", ran.report);
    let ran = run("step(\"a\", |ctx| { ctx.state.l = [1]; test::each8([1, 2], |n| ctx.state.l.push(n)); });");
    assert!(ran.error("a").contains("ctx.state.l is written by two branches"), "{}", ran.error("a"));
}

// ---- values, state, steps

#[test]
fn values_can_neither_be_assigned_nor_reach_another_step() {
    let values = |b: SessionBuilder| b.values(serde_json::json!({ "a": { "b": [1] } }));
    for write in [
        "values = 1",
        "values.a = 1",
        "values.a.b = 2",
        "values.a.b.push(2)",
        "values.a.b[0] = 2",
        "let f = || { values.a.b.push(2); }; f.call()",
        "let v = values; v.a.b.push(2)",
        "[1].for_each(|x| { values.a = 7 })",
        "test::until(#{}, || { values.a = 7; true })",
    ] {
        let script =
            format!("step(\"a\", #{{ on_error: \"continue\" }}, || {{ {write}; }}); step(\"b\", || print(values));");
        match try_run(&script, &Selection::default(), values) {
            Ok(ran) => assert_eq!(ran.logs(), ["#{\"a\": #{\"b\": [1]}}"], "{write}: {:?}", ran.report),
            Err(error) => assert_eq!(error.kind(), Kind::Script, "{write}: {error:?}"),
        }
    }
}

#[test]
fn a_name_of_ones_own_called_values_is_ones_own() {
    let values = |b: SessionBuilder| b.values(serde_json::json!({ "a": 1 }));
    let script = "fn f(values) { values + 1 }\nprint(f(4));\nprint([5].map(|values| values * 2));\n{ let values = 7; print(values); }\nprint(values.a);\nfn g() { values.a } print(g()); print([1].map(|x| values.a + x));";
    let ran = try_run(script, &Selection::default(), values).unwrap();
    assert_eq!(ran.logs(), ["5", "[10]", "7", "1", "1", "[2]"], "{:?}", ran.report);
}

#[test]
fn state_written_by_index_or_by_a_function_is_not_missed() {
    let ran = run(r#"
        fn save(ctx, v) { ctx.state.pool = v; }
        step("a", |ctx| { save(ctx, 1); ctx.state["disk"] = 2; let k = "dyn"; ctx.state[k] = 3; });
        step("b", |ctx| { print(ctx.state.pool); print(ctx.state.disk); print(ctx.state.dyn); });
    "#);
    assert_eq!(ran.logs(), ["1", "2", "3"], "{:?}", ran.report);
    let script = "fn save(ctx, v) { ctx.state.pool = v; } fn load(c) { c.state.pool } step(\"a\", |ctx| save(ctx, 1)); step(\"b\", |ctx| load(ctx)); step(\"c\", |ctx| if \"pool\" in ctx.state { ctx.state.pool });";
    let only = |w: &str| Selection { only: vec![w.into()], ..Selection::default() };
    let error = try_run(script, &only("b"), |b| b).err().expect("refused");
    assert!(error.hint_text().unwrap().contains("\"a\""), "{error:?}");
    assert_eq!(try_run(script, &only("c"), |b| b).unwrap().report.status, RunStatus::Ok);
}

#[test]
fn odd_keys_are_refused_and_the_key_is_shown() {
    for key in ["", " ", "a b", "-a", "/a", "a\nb", "ä", "a\u{202e}b", "a;b", "$(x)", "a\\\\b"] {
        let error = refused(&format!("step(`{key}`, || 1);"));
        assert!(error.to_string().contains("cannot be a step's key"), "{key:?}: {error:?}");
    }
    assert!(refused(&format!("step(\"{}\", || 1);", "a".repeat(101))).kind() == Kind::Usage);
    assert_eq!(run("step(\"a/b.c-d_e\", || 1);").report.status, RunStatus::Ok);
}

#[test]
fn exit_and_return_end_the_step_and_nothing_else() {
    let ran = run(r#"
        step("a", || { print("a"); if true { return 1; } print("never"); });
        step("b", || { exit(2); print("never"); });
        step("c", |ctx| { print(ctx.result("a") + ctx.result("b")); [1].for_each(|x| { return 5; }); });
        step("d", || { fn_exit(); print("never") });
        fn fn_exit() { exit(4) }
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(ran.logs(), ["a", "3"]);
    let ran = run("step(\"a\", || { always(|| exit(1), || print(\"cleaned\")); print(\"never\") });");
    assert_eq!(ran.logs(), ["cleaned"], "{:?}", ran.report);
    let ran = run("step(\"a\", || { test::until(#{}, || { exit(true) }); print(\"never\") });");
    assert!(ran.error("a").contains("exit"), "{:?}", ran.report);
    assert!(ran.logs().is_empty());
}

#[test]
fn a_thousand_steps_run_and_long_chains_of_needs_too() {
    let mut script = String::new();
    for i in (0..1000).rev() {
        let needs = if i == 0 { String::new() } else { format!("needs: [\"s{}\"],", i - 1) };
        script.push_str(&format!("step(\"s{i}\", #{{ {needs} }}, |ctx| {{ ctx.state.n = {i}; }});\n"));
    }
    let begun = Instant::now();
    let ran = run(&script);
    assert_eq!((ran.report.status, ran.report.steps.len()), (RunStatus::Ok, 1000));
    assert_eq!(ran.report.steps[0].key, "s0");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn large_values_are_refused_as_such() {
    for script in [
        "let s = \"x\"; loop { s += s; }",
        "let l = [1]; loop { l += l; }",
        "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
        "let l = []; l.pad(2000000, 1)",
        "let s = \"\"; s.pad(20000000, \"x\")",
        "let l = [1]; for i in 0..40 { l = [l, l]; } test::same(l)",
    ] {
        let begun = Instant::now();
        let ran = run(script);
        assert_eq!(ran.report.status, RunStatus::Failed, "{script}");
        assert_eq!(kind(&ran, "main"), "budget", "{script}: {}", ran.error("main"));
        assert!(begun.elapsed() < Duration::from_secs(20), "{script}: {:?}", begun.elapsed());
    }
}

// ---- secrets

#[test]
fn a_secret_gets_through_no_argument() {
    let set = |work: &str| format!("step(\"a\", |ctx| {{ let s = test::secret(\"DB\"); let t = `${{s}}`; {work} }});");
    for work in [
        "test::text(s)",
        "test::text(t)",
        "test::text(`x-${s}-y`)",
        "test::text(\"a\" + s)",
        "test::json(#{ deep: [1, #{ password: t }] })",
        "test::json([s])",
        "let m = #{}; m[t] = 1; test::json(m)",
        "test::get(t)",
        "test::set(t, 1)",
        "test::set(\"x\", 1, #{ delay: t })",
        "let o = #{}; o[t] = 1; test::set(\"x\", 1, o)",
        "test::text(t.sub_string(0, 12))",
        "let r = \"\"; for c in t.chars() { r = `${c}${r}`; } test::text(r)",
        "test::text(t.to_upper())",
        "let r = \"\"; for c in t.chars() { r += c; r += \"-\"; } test::text(r)",
        "test::text(t.to_blob().to_base64())",
        "confirm(t, \"x\")",
        "fail(t)",
    ] {
        let ran = run(&set(work));
        let error = ran.error("a");
        let shown =
            format!("{} {}", serde_json::to_string(&ran.report).unwrap(), serde_json::to_string(&ran.events).unwrap());
        assert!(!shown.contains(CANARY), "{work}: {shown}");
        assert_eq!(ran.report.status, RunStatus::Failed, "{work}");
        assert!(kind(&ran, "a") == "secret" || kind(&ran, "a") == "script", "{work}: {error}");
    }
    let ran = run(&set(
        "ctx.state.p = [t]; let l = []; for c in t.chars() { l.push(c); } print(l); print(#{ p: t }); debug(s); print([s]); throw #{ kind: \"x\", message: t, details: [t], hint: t, resource: t };",
    ));
    let shown = format!(
        "{} {} {:?}",
        serde_json::to_string(&ran.report).unwrap(),
        serde_json::to_string(&ran.events).unwrap(),
        ran.journal.steps()
    );
    assert!(!shown.contains(CANARY), "{shown}");
    assert_eq!(ran.error("a").matches("[secret DB]").count(), 4, "{}", ran.error("a"));
}

// ---- access, journal

#[test]
fn a_change_whose_result_cannot_be_recorded_ends_the_run() {
    let forgets = Watched::new(Arc::new(MemoryJournal::new()), |point, side| match (point, side) {
        (Point::Result, Side::Before) => Err(Error::new(Kind::System, "the disk is full")),
        _ => Ok(()),
    });
    let script = "step(\"a\", #{ on_error: \"ignore\" }, || { try { test::set(\"half\", 1) } catch (e) { } print(\"went on\"); }); step(\"b\", || test::set(\"half2\", 1));";
    let ran = try_run(script, &Selection::default(), |b| b.journal(Arc::new(forgets))).unwrap();
    assert!(ran.error("a").contains("the disk is full"), "{:?}", ran.report);
    assert_eq!((ran.step("b").status, stored("half2"), ran.logs().len()), (StepStatus::Pending, None, 0));
}

#[test]
fn nothing_is_sent_after_a_cancel_that_came_while_a_gate_was_open() {
    struct Gate;
    impl windlass_runtime::session::ChangeGate for Gate {
        fn before_change(&self, _: &windlass_runtime::change::Change) -> Result<()> {
            std::thread::sleep(Duration::from_millis(300));
            Ok(())
        }
    }
    let session = runtime().session(NoTarget::new()).change_gate(Gate).open();
    let running =
        session.prepare(&Playbook::text("t", "test::set(\"gated\", 1)")).unwrap().start(&Selection::default()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    running.cancel_handle().cancel("stop");
    let report = running.wait().unwrap();
    assert_eq!((report.status, stored("gated")), (RunStatus::Cancelled, None));
    assert!(session.journal().entries().unwrap().is_empty(), "no intent without an attempt");
}

#[test]
fn a_read_only_session_changes_nothing_by_any_way() {
    for work in [
        "always(|| 1, || test::set(\"ro\", 1))",
        "test::each([1, 2], |n| { try { test::set(\"ro\", n) } catch (e) { } })",
        "let l = [2, 1]; l.sort(|a, b| { test::set(\"ro\", 1); 0 })",
        "test::within(\"1m\", || always(|| test::set(\"ro\", 1), || test::set(\"ro\", 2)))",
    ] {
        let script = format!("step(\"a\", || {{ {work}; print(\"went on\") }});");
        let ran = try_run(&script, &Selection::default(), |b| b.access(Access::read_only())).unwrap();
        assert_eq!(kind(&ran, "a"), "denied", "{work}: {:?}", ran.report);
        assert!(!ran.logs().contains(&"went on".to_owned()), "{work}");
    }
    assert_eq!(stored("ro"), None);
}

// ---- what it costs

/// Prints what a call and a step cost, and fails where the cost of a step grows with their number.
#[test]
#[ignore = "measures: cargo test --release -p windlass-runtime --test hostile cost -- --ignored --nocapture"]
fn what_calls_and_steps_cost() {
    let calls = |body: &str| {
        let seconds = |count: u32| {
            let script = format!("let x = 1; for i in 0..{count} {{ {body} }}");
            let set = |b: SessionBuilder| b.limits(Limits { operations: u64::MAX });
            try_run(&script, &Selection::default(), set).unwrap().report.elapsed_s
        };
        (seconds(60_000) - seconds(10_000)) / 50_000.0 * 1e6
    };
    println!("one turn of an empty loop       {:7.2} µs", calls(""));
    for (what, body) in [
        ("a script function's call", "abs(x);"),
        ("a pure primitive", "test::same(x);"),
        ("a read with a text", "test::text(\"abc\");"),
        ("a change that changes nothing", "test::set(\"cost\", 1);"),
        ("a primitive that calls a closure", "test::within(60, || x);"),
        ("always with two closures", "always(|| x, || x);"),
    ] {
        println!("{what:32}{:7.2} µs", calls(body));
    }
    let steps = |count: usize| {
        let mut script = String::new();
        for i in 0..count {
            let needs = if i == 0 { String::new() } else { format!("needs: [\"s{}\"]", i - 1) };
            script.push_str(&format!("step(\"s{i}\", #{{ {needs} }}, |ctx| {{ ctx.state.n = {i}; {i} }});\n"));
        }
        let begun = Instant::now();
        let ran = run(&script);
        assert_eq!(ran.report.status, RunStatus::Ok);
        (begun.elapsed().as_secs_f64() / count as f64 * 1e6, ran.report.elapsed_s / count as f64 * 1e6)
    };
    steps(10);
    let costs: Vec<_> = [10, 100, 1000, 9000].map(|n| (n, steps(n))).into();
    for (count, (all, running)) in &costs {
        println!("{count:5} steps: {all:7.1} µs a step, declaring included; {running:7.1} µs running");
    }
    let (few, many) = (costs[2].1.1, costs[3].1.1);
    assert!(many < few * 3.0, "a step costs more the more there are: {few} and {many} µs");
}
