//! The boundary, tried with three primitives of different kinds and every way in which a script can go wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test")]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{CANARY, Ran, STORE, refused, run, runtime, try_run};
use windlass_runtime::change::Inverse;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::{Journal, MemoryJournal, Point, Watched};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::{RunStatus, StepStatus};
use windlass_runtime::session::{Decision, Failure, SessionBuilder};
use windlass_runtime::target::{NoTarget, Shadow};
use windlass_runtime::{Error, Kind, Value};

#[test]
fn a_script_without_steps_is_one_step() {
    let ran = run("test::set(\"one\", 1); test::get(\"one\") + 1");
    assert_eq!(ran.report.status, RunStatus::Ok);
    assert_eq!(ran.report.steps.len(), 1);
    assert_eq!(ran.step("main").changed, 1);
    assert_eq!(ran.journal.steps()[0].value, 2);
}

#[test]
fn steps_run_in_the_order_of_their_needs_and_leave_state_and_results() {
    let ran = run(r#"
        const GREETING = "hello";
        fn greet(name) { `${global::GREETING} ${name} ${values.who}` }
        step("b", #{ needs: ["a"], title: "Second" }, |ctx| { print(greet(ctx.state.name)); print(ctx.result("a")); });
        step("a", |ctx| { ctx.state.name = "you"; ctx.state.list = [1]; ctx.state.list.push(2); 42 });
        step("c", |ctx| { print(`${ctx.state.list} ${"x" in ctx.state} ${ctx.key}`); });
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(ran.report.steps.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(ran.logs(), ["hello you ", "42", "[1, 2] false c"]);
}

#[test]
fn what_is_undecided_fails_a_run_that_is_for_real_and_is_a_result_of_one_that_is_not() {
    let script = r#"step("a", || test::fail("undecided")); step("b", #{ needs: ["a"] }, || 1);"#;
    let ran = run(script);
    let statuses: Vec<_> = ran.report.steps.iter().map(|step| step.status).collect();
    assert_eq!(statuses, [StepStatus::Undecided, StepStatus::Blocked]);
    assert_eq!(ran.report.status, RunStatus::Failed);

    let session = runtime().session(Shadow::builder().build().unwrap()).open();
    let prepared = session.prepare(&Playbook::text("test.rhai", script)).unwrap();
    let report = prepared.start(&Selection::default()).unwrap().wait().unwrap();
    assert_eq!((report.status, report.steps[0].status), (RunStatus::Ok, StepStatus::Undecided));
}

#[test]
fn a_second_run_finds_nothing_to_change() {
    let script = "let o = test::set(\"again\", 5); print(`${o.changed} ${o.reason}`);";
    run(script);
    let ran = run(script);
    assert_eq!((ran.report.changed, ran.report.unchanged), (0, 1));
    assert_eq!(ran.logs(), ["false it is 5 already"]);
    assert!(ran.journal.entries().unwrap().is_empty(), "nothing was intended");
}

#[test]
fn errors_say_where_and_what_and_can_be_caught_by_kind() {
    let ran = run("let x = 1;\nfn look() {\n  test::get(\"nowhere\")\n}\nlook();");
    let error = ran.step("main").error.clone().unwrap();
    assert_eq!(error["kind"], "not_found");
    assert_eq!(error["place"], "test.rhai:3:9");
    assert_eq!(error["hint"], "set it first");
    let ran = run("try { test::get(\"nowhere\") } catch (e) { print(`${e.kind} ${e.resource}`); }");
    assert_eq!(ran.logs(), ["not_found nowhere"]);
    let ran = run("try { test::get(\"nowhere\") } catch (e) { throw e; }");
    assert_eq!(ran.step("main").error.as_ref().unwrap()["hint"], "set it first", "a thrown error is still the same");
    let ran = run("throw #{ kind: \"hopeless\", message: \"no use\", hint: \"stop\" };");
    assert_eq!(ran.step("main").error.as_ref().unwrap()["kind"], "hopeless");
    let ran = run("throw \"plain\";");
    assert_eq!(ran.step("main").error.as_ref().unwrap()["message"], "plain");
}

#[test]
fn wrong_options_and_arguments_name_the_nearest() {
    let error = run("test::set(\"x\", 1, #{ fial: true })").error("main");
    assert!(error.contains("no option `fial`") && error.contains("fail"), "{error}");
    let error = run("test::set(\"x\", \"one\")").error("main");
    assert!(error.contains("argument `value` of test::set must be a whole number, not the text"), "{error}");
    let error = run("test::set(\"x\", 1, #{ delay: \"-5s\" })").error("main");
    assert!(error.contains("delay"), "{error}");
    assert!(STORE.lock().unwrap().get("x").is_none());
}

#[test]
fn what_acts_may_not_stand_at_the_top_level_of_a_script_with_steps() {
    for call in ["test::set(\"x\", 1);", "test::get(\"x\");", "sleep(0);", "timestamp();"] {
        let error = refused(&format!("{call} step(\"a\", || 1);"));
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.place().is_some(), "{error:?}");
    }
}

#[test]
fn declarations_are_checked() {
    assert!(
        refused("step(\"a\", || 1);\nstep(\"a\", || 2);").to_string().contains("declared twice (first at test.rhai:1")
    );
    assert!(
        refused("step(\"a\", #{ needs: [\"b\"] }, || 1); step(\"b\", #{ needs: [\"a\"] }, || 1);")
            .to_string()
            .contains("circle: a needs b needs a")
    );
    let error = refused("step(\"alpha\", || 1); step(\"b\", #{ needs: [\"alhpa\"] }, || 1);");
    assert!(error.hint_text().unwrap().contains("alpha"), "{error:?}");
    assert!(refused("step(\"a b\", || 1);").to_string().contains("cannot be a step's key"));
    assert!(refused("step(\"a\", #{ tittle: \"x\" }, || 1);").hint_text().unwrap().contains("title"));
    assert!(refused("step(\"a\", || 1); return;").to_string().contains("ended before its last line"));
    assert!(refused("let x = ;").place().is_some());
    let ran = run("step(\"a\", || { step(\"b\", || 1); });");
    assert!(ran.error("a").contains("declared inside a step"));
}

#[test]
fn steps_in_a_loop_each_keep_their_own_value() {
    let ran = run("for i in 0..3 { step(`s${i}`, || print(i)); }");
    assert_eq!(ran.logs(), ["0", "1", "2"]);
}

#[test]
fn a_changed_capture_is_an_error_that_names_it() {
    let ran = run("let count = 0; step(\"a\", || { count += 1; });");
    assert!(ran.error("a").contains("`count`") && ran.error("a").contains("ctx.state"), "{}", ran.error("a"));
    let ran = run("step(\"a\", || { let seen = []; test::until(#{}, || { seen.push(1); true }); });");
    assert!(ran.error("a").contains("`seen`"), "{}", ran.error("a"));
}

#[test]
fn branches_run_side_by_side_and_a_bad_one_spoils_only_itself() {
    let ran = run(r#"
        const LARGE = [1, 2, 3];
        let list = [10, 20];
        print(test::each([1, 2, 3, 4], |n| if n == 3 { throw "bad" } else { n * list[0] + global::LARGE.len() }));
        print(test::each([1, 2], |n| { test::set(`branch${n}`, n).changed }));
        print(test::each([1], |n| test::set("p", 1, #{ panic: true })));
    "#);
    assert_eq!(ran.report.status, RunStatus::Ok, "{:?}", ran.report);
    assert_eq!(ran.logs()[0], "[13, 23, \"script: bad\", 43]");
    assert!(ran.logs()[2].contains("panicked: told to"), "{:?}", ran.logs());
    let ids: Vec<_> = ran.journal.entries().unwrap().into_iter().map(|(i, _)| i.id.path).collect();
    assert_eq!(ids, [vec![1, 0, 0], vec![1, 1, 0], vec![2, 0, 0]], "the order does not depend on timing");
}

#[test]
fn a_wait_with_a_closure_waits_and_a_throwing_closure_ends_it() {
    let ran = run(
        r#"test::set("ready", 0); let n = test::until(#{ timeout: "2s" }, || { let v = test::get("ready"); test::set("ready", v + 1); v >= 3 }); print(n);"#,
    );
    assert_eq!(ran.logs(), ["4"]);
    let begun = Instant::now();
    let ran = run("test::until(#{ timeout: \"1m\" }, || undefined_thing)");
    assert!(ran.error("main").contains("no variable `undefined_thing`"), "{}", ran.error("main"));
    assert!(begun.elapsed() < Duration::from_secs(5), "a mistake does not wait out the timeout");
}

#[test]
fn endless_loops_and_deep_recursion_end_with_a_place() {
    let begun = Instant::now();
    let ran = run("let x = 0;\nloop { x += 1; }");
    assert_eq!(ran.step("main").error.as_ref().unwrap()["kind"], "budget");
    assert!(begun.elapsed() < Duration::from_secs(60), "it ends, however busy the machine is: {:?}", begun.elapsed());
    let ran = run("try { loop {} } catch (e) { print(\"caught\") } print(\"after\");");
    assert_eq!(ran.report.status, RunStatus::Failed);
    assert!(ran.logs().is_empty(), "nobody catches that");
    let ran = run("fn f(n) { f(n + 1) }\nf(0)");
    assert!(ran.error("main").contains("too deeply"), "{}", ran.error("main"));
    let ran = run("[1, 2].map(|x| { loop {} }); print(\"after\");");
    assert!(ran.logs().is_empty(), "array functions do not turn it into something that goes on");
}

#[test]
fn ctrl_c_ends_what_runs_within_two_seconds_and_cleans_up() {
    for work in [
        "test::set(\"slow\", 1, #{ delay: \"1m\" })",
        "loop { }",
        "sleep(\"1m\")",
        "test::until(#{ timeout: \"1m\" }, || false)",
        "loop { test::set(\"l\", 1) }",
    ] {
        let script = format!(
            "step(\"a\", || {{ always(|| {{ {work} }}, || {{ test::set(\"cleaned\", 1); print(\"cleaned\") }}) }}); step(\"b\", || print(\"never\"));"
        );
        STORE.lock().unwrap().remove("cleaned");
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        let session = runtime()
            .session(NoTarget::new())
            .limits(windlass_runtime::session::Limits { operations: u64::MAX })
            .sink(move |e: &Event| sink.lock().unwrap().push(format!("{:?}", e.what)))
            .open();
        let running = session.prepare(&Playbook::text("t", &script)).unwrap().start(&Selection::default()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        running.cancel_handle().cancel("stopped by Ctrl-C");
        let report = running.wait().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2), "{work}: {:?}", begun.elapsed());
        assert_eq!(report.status, RunStatus::Cancelled, "{work}: {report:?}");
        assert_eq!(report.steps[0].status, StepStatus::Cancelled);
        assert_eq!(report.steps[1].status, StepStatus::Pending);
        let events = events.lock().unwrap().join("\n");
        assert!(events.contains("\"cleaned\"") && !events.contains("never"), "{work}: {events}");
    }
}

#[test]
fn a_cancelled_change_is_recorded_as_unknown() {
    let session = runtime().session(NoTarget::new()).open();
    let prepared = session.prepare(&Playbook::text("t", "test::set(\"u\", 1, #{ delay: \"1m\" })")).unwrap();
    let running = prepared.start(&Selection::default()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    running.cancel_handle().cancel("stop");
    let report = running.wait().unwrap();
    assert_eq!(serde_json::to_value(&report.steps[0].outcome).unwrap()[0]["result"], "unknown");
    let entries = session.journal().entries().unwrap();
    assert!(entries[0].1.is_some());
}

#[test]
fn deadlines_end_steps_and_cannot_be_caught() {
    let begun = Instant::now();
    let ran = run(
        "step(\"a\", #{ timeout: \"50ms\" }, || { try { sleep(\"1m\") } catch (e) { print(\"caught\") } loop {} });",
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(ran.step("a").error.as_ref().unwrap()["kind"], "deadline");
    assert!(ran.logs().is_empty());
    assert_eq!(ran.report.status, RunStatus::Failed);
}

#[test]
fn retries_and_on_error_do_what_they_say() {
    let ran = run("test::set(\"tries\", 0); ");
    assert_eq!(ran.report.status, RunStatus::Ok);
    let ran =
        run("step(\"a\", #{ retries: 2, backoff: \"1ms\" }, |ctx| { if ctx.attempt < 3 { throw \"not yet\" } });");
    assert_eq!((ran.report.status, ran.step("a").attempts), (RunStatus::Ok, 3));
    let ran = run(
        "step(\"a\", #{ on_error: \"continue\" }, || throw \"x\"); step(\"b\", #{ needs: [\"a\"] }, || 1); step(\"c\", || 1);",
    );
    assert_eq!(ran.report.status, RunStatus::Failed);
    assert_eq!((ran.step("b").status, ran.step("c").status), (StepStatus::Blocked, StepStatus::Ok));
    let ran = run("step(\"a\", #{ on_error: \"ignore\" }, || throw \"x\"); step(\"b\", #{ needs: [\"a\"] }, || 1);");
    assert_eq!((ran.report.status, ran.step("b").status), (RunStatus::Ok, StepStatus::Ok));
    let ran = run("step(\"a\", || throw \"x\"); step(\"b\", || 1);");
    assert_eq!((ran.step("a").status, ran.step("b").status), (StepStatus::Failed, StepStatus::Pending));
}

#[test]
fn a_refusal_is_the_same_however_often_the_step_is_tried() {
    for (kind, attempts) in [("denied", 1), ("locked", 1), ("budget", 1), ("deadline", 3), ("unavailable", 3)] {
        let ran = run(&format!("step(\"a\", #{{ retries: 2, backoff: \"1ms\" }}, || test::fail(\"{kind}\"));"));
        assert_eq!((ran.step("a").status, ran.step("a").attempts), (StepStatus::Failed, attempts), "{kind}");
    }
}

#[test]
fn the_failure_seam_sees_the_outermost_primitive_and_may_retry_or_take_a_value() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    static TRIES: AtomicU32 = AtomicU32::new(0);
    struct Seam;
    impl windlass_runtime::session::OnFailure for Seam {
        fn decide(&self, failure: &Failure<'_>) -> Decision {
            SEEN.lock().unwrap().push(format!("{} {}", failure.primitive, failure.error.place().unwrap()));
            match TRIES.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    STORE.lock().unwrap().insert("seam".into(), 7);
                    Decision::Retry
                }
                _ => Decision::Take(Value::Int(9)),
            }
        }
    }
    let script = "print(test::get(\"seam\"));\nprint(test::until(#{}, || test::get(\"missing\")));";
    let ran = try_run(script, &Selection::default(), |b| b.on_failure(Seam)).unwrap();
    assert_eq!(ran.logs(), ["7", "9"]);
    assert_eq!(*SEEN.lock().unwrap(), ["test::get test.rhai:1:13", "test::until test.rhai:2:33"]);
    assert!(ran.journal.decisions()[0].contains("was given a value"));
}

#[test]
fn access_is_checked_and_cannot_be_caught() {
    let set = |b: SessionBuilder| b.access(windlass_runtime::access::Access::read_only());
    let ran = try_run("try { test::set(\"denied\", 1) } catch (e) { print(\"caught\") }", &Selection::default(), set)
        .unwrap();
    assert_eq!(ran.step("main").error.as_ref().unwrap()["kind"], "denied");
    assert!(ran.logs().is_empty() && !STORE.lock().unwrap().contains_key("denied"));
}

#[test]
fn sessions_with_the_same_limits_are_read_only_each_by_itself() {
    let limits = windlass_runtime::access::Access::full().namespaces(["a"]);
    let open = || runtime().session(NoTarget::new()).access(limits.clone()).open();
    let (one, other) = (open(), open());
    one.access().set_read_only(true);
    assert_eq!((one.access().may_change(), other.access().may_change(), limits.may_change()), (false, true, true));
    limits.set_read_only(true);
    assert_eq!((other.access().may_change(), open().access().may_change()), (true, false));
}

#[test]
fn a_journal_that_cannot_write_stops_the_change() {
    let full = Watched::new(Arc::new(MemoryJournal::new()), |point, _| match point {
        Point::Intent => Err(Error::new(Kind::System, "the disk is full")),
        _ => Ok(()),
    });
    let ran = try_run("test::set(\"unrecorded\", 1)", &Selection::default(), |b| b.journal(Arc::new(full))).unwrap();
    assert!(ran.error("main").contains("the disk is full"));
    assert!(!STORE.lock().unwrap().contains_key("unrecorded"));
}

#[test]
fn confirmations_are_asked_or_given_by_key() {
    let ran = run("step(\"a\", || { try { confirm(\"wipe\", \"All is lost.\") } catch (e) { } print(\"after\") });");
    assert_eq!(ran.report.status, RunStatus::Cancelled);
    assert!(ran.error("a").contains("--yes-to wipe") && ran.logs().is_empty());
    let ran =
        try_run("confirm(\"wipe\", \"All is lost.\"); print(\"after\")", &Selection::default(), |b| b.yes_to("wipe"))
            .unwrap();
    assert_eq!(ran.logs(), ["after"]);
    assert!(ran.journal.decisions()[0].contains("wipe"));
}

#[test]
fn only_and_from_refuse_what_reads_state_that_nobody_leaves() {
    let script = "step(\"a\", |ctx| { ctx.state.pool = 1; }); step(\"b\", |c| print(c.state.pool)); step(\"c\", || 1);";
    let only = |w: &str| Selection { only: vec![w.into()], ..Selection::default() };
    let error = try_run(script, &only("b"), |b| b).err().unwrap();
    assert!(error.to_string().contains("ctx.state.pool") && error.hint_text().unwrap().contains("\"a\""), "{error:?}");
    assert_eq!(try_run(script, &only("c"), |b| b).unwrap().step("a").status, StepStatus::Skipped);
    let from = Selection { from: Some("c".into()), ..Selection::default() };
    assert!(try_run(script, &from, |b| b).is_ok());
    let error = try_run(script, &only("d"), |b| b).err().unwrap();
    assert!(error.to_string().contains("no step or tag \"d\""));
}

#[test]
fn a_secret_is_passed_on_masked_and_refused_where_it_may_not_go() {
    let everything = |ran: &Ran| {
        let text = format!(
            "{} {} {:?}",
            serde_json::to_string(&ran.report).unwrap(),
            serde_json::to_string(&ran.events).unwrap(),
            ran.journal.steps()
        );
        assert!(!text.contains(CANARY), "{text}");
    };
    let ran = run(r#"
        step("log", |ctx| { let s = test::secret("DB"); print(`the password is ${s}`); ctx.state.s = s; s });
        step("later", |ctx| print(`again ${ctx.state.s}`));
        step("refused", #{ on_error: "continue" }, |ctx| test::text(`x ${ctx.state.s} y`));
        step("cut", #{ on_error: "continue" }, |ctx| { let s = `${ctx.state.s}`; test::text(s.sub_string(3, 20)) });
        step("upper", #{ on_error: "continue" }, |ctx| { let s = `${ctx.state.s}`; s.make_upper(); test::text(s) });
        step("throw", #{ on_error: "continue" }, |ctx| throw `no ${ctx.state.s}`);
    "#);
    everything(&ran);
    assert!(ran.logs()[0].contains("the password is [secret DB]"), "{:?}", ran.logs());
    assert!(ran.logs()[1].contains("again [secret DB]"), "{:?}", ran.logs());
    for key in ["refused", "cut", "upper"] {
        assert_eq!(ran.step(key).error.as_ref().unwrap()["kind"], "secret", "{key}: {}", ran.error(key));
    }
    assert!(ran.error("throw").contains("[secret DB]"), "{}", ran.error("throw"));
    // Had a primitive told the value itself, the sinks would not have seen it.
    let ran = run(&format!("test::secret(\"DB\"); print(\"{CANARY}\"); throw \"{CANARY}\";"));
    everything(&ran);
    // A journal keeps it open, for lists of what cannot be taken back.
    let ran = run(&format!("test::secret(\"DB\"); test::set(\"masked\", 1, #{{ cannot: \"it was {CANARY}\" }});"));
    let inverse = ran.journal.entries().unwrap()[0].0.inverse.clone();
    assert_eq!(inverse, Inverse::Cannot("it was [secret DB]".to_owned()));
}

#[test]
fn imports_stay_inside() {
    for path in ["../../x", "/etc/x", "a/../../x"] {
        let ran = run(&format!("import \"{path}\" as x;"));
        assert!(ran.error("main").contains("is refused"), "{}", ran.error("main"));
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lib")).unwrap();
    std::fs::write(
        dir.path().join("lib/tools.rhai"),
        "export const N = 3; fn twice(x) { x * 2 } fn declare() { step(\"from-module\", || print(twice(4))); }",
    )
    .unwrap();
    std::fs::write(
        dir.path().join("p.rhai"),
        "import \"tools\" as t; step(\"a\", || print(t::twice(t::N))); t::declare();",
    )
    .unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = events.clone();
    let session = runtime()
        .session(NoTarget::new())
        .sink(move |e: &Event| {
            if let What::Log { text, .. } = &e.what {
                sink.lock().unwrap().push(text.clone());
            }
        })
        .open();
    let playbook = Playbook::script(&dir.path().join("p.rhai")).unwrap();
    let report = session.prepare(&playbook).unwrap().start(&Selection::default()).unwrap().wait().unwrap();
    assert_eq!(report.status, RunStatus::Ok, "{report:?}");
    assert_eq!(*events.lock().unwrap(), ["6", "8"]);
}

#[test]
fn sessions_run_side_by_side_on_one_runtime() {
    let runtime = runtime();
    let start = |n: i64| {
        let session = runtime.session(NoTarget::new()).values(serde_json::json!({ "n": n })).open();
        let prepared = session.prepare(&Playbook::text("t", "fn n() { values.n } sleep(0.01); n() * 2")).unwrap();
        (session, prepared.start(&Selection::default()).unwrap())
    };
    let runs: Vec<_> = (0..8).map(start).collect();
    for (n, (_, run)) in runs.into_iter().enumerate() {
        let report = run.wait().unwrap();
        assert_eq!(report.status, RunStatus::Ok, "{n}");
    }
}
