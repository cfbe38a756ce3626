//! What is known of a script that a person follows.
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
use windlass_runtime::files::Home;
use windlass_runtime::playbook::{HooksFile, Playbook};
use windlass_runtime::report::StepStatus;
use windlass_runtime::session::Limits;
use windlass_runtime::target::NoTarget;

/// What lines give where the first step has failed.
fn after_failure(playbook: &Playbook, limit: u64, lines: &[&str]) -> Vec<String> {
    let session = followed().session(NoTarget::new()).limits(Limits { operations: limit }).open();
    walking(&session, playbook, |walk| {
        let report = walk.run(0, &Cancel::root()).unwrap();
        assert_eq!(report.status, StepStatus::Failed);
        let error = report.error.as_ref().unwrap()["message"].as_str().unwrap().to_owned();
        [error].into_iter().chain(typed(&mut walk.take_failed().unwrap(), lines)).collect()
    })
}

const USUAL: u64 = 2_000_000;

#[test]
fn a_step_that_fails_before_it_calls_a_primitive_is_looked_at_with_its_own_functions_and_imports() {
    let folder = tempfile::tempdir().unwrap();
    let (script, library) = (folder.path().join("test.rhai"), folder.path().join("lib.rhai"));
    std::fs::write(library, "fn third(n) { helper(n) } private fn helper(n) { let of = n; n / 3 + of.x.y }").unwrap();
    let lines = ["n", "half(4)", "lib::third(\"\")", "global::K"];
    let declared = "import \"lib\" as lib;\nconst K = 5;\nfn half(n) { n / 2 }\n";
    let body = "let n = half(values.len() + 8); let m = n.b.c;";
    for text in [format!("{declared}step(\"a\", || {{ {body} }});"), format!("{declared}{body}")] {
        std::fs::write(&script, text).unwrap();
        let said = after_failure(&Playbook::script(&script).unwrap(), USUAL, &lines);
        assert_eq!(said[1..3], ["4", "2"], "{said:?}");
        assert!(said[3].contains("there is no function / (string"), "{said:?}");
        assert_eq!(said[4], "5");
    }
    // What a hook of another script has called before is not the step's.
    let hooks = "fn half(n) { \"the hook's\" }\nbefore(\"a\", || { let n = 0; test::same(half(n)); });";
    let source = folder.path().join("hooks.rhai").display().to_string();
    let hooks = HooksFile { source, text: hooks.to_owned(), home: Home::Disk(folder.path().into()), strict: true };
    std::fs::write(&script, format!("{declared}step(\"a\", || {{ {body} }});")).unwrap();
    let playbook = Playbook { hooks: Some(hooks), ..Playbook::script(&script).unwrap() };
    assert_eq!(after_failure(&playbook, USUAL, &lines[..2])[1..], ["4", "2"]);
    // Where a function of a module fails by itself, its own functions are there.
    std::fs::write(&script, format!("{declared}step(\"a\", || lib::third(6));")).unwrap();
    let said = after_failure(&Playbook::script(&script).unwrap(), USUAL, &["of", "helper(())"]);
    assert_eq!(said[1], "6", "{said:?}");
    assert!(!said[2].contains("Function not found: helper"), "{said:?}");
}

#[test]
fn the_arguments_of_open_calls_are_not_kept_for_the_prompt() {
    let script = "fn deep(list) { let n = list.len(); test::get(\"missing\") }\nstep(\"a\", || { let all = []; all.pad(100, 0); deep(all); });";
    let said = after_failure(&Playbook::text("test.rhai", script), USUAL, &["n", "list.len()", "back_trace().len()"]);
    assert_eq!(said[1..], ["100", "100", "0"]);
}

#[test]
fn the_copies_of_variables_are_no_computation_of_the_script_and_what_is_not_copied_is_said() {
    let script = "step(\"a\", || {
  let list = []; list.pad(300, #{ name: `n` });
  let sum = 0; for n in 0..ROUNDS { let half = n / 2; sum += half; }
  sum.b.c
});";
    let lines = ["sum", "list.len()"];
    let of = |rounds: &str, limit, ends: &str| {
        let script = script.replace("ROUNDS", rounds).replace("sum.b.c", ends);
        let playbook = Playbook::text("test.rhai", &script);
        after_failure(&playbook, limit, &lines)
    };
    let said = of("20", USUAL, "sum.b.c");
    assert_eq!(said[1..], ["90", "300"], "{said:?}");
    // So many statements, each with all of its copies, would take several times as long as without.
    let said = of("12000", 500_000, "sum.b.c");
    assert_eq!(said[1..], ["35994000", "script: `list` is too large to be looked at after its statement"], "{said:?}");
    // Where a primitive fails, all of it is there.
    let said = of("12000", 500_000, "sum = test::get(\"missing\")");
    assert_eq!(said[1..], ["35994000", "300"], "{said:?}");
    // Nor is it to find that lists are too large.
    let lists = (0..5).map(|n| format!("let l{n} = []; l{n}.pad(600, #{{ name: `n`, of: 1 }});")).collect::<String>();
    let script = script.replace("let list = []; list.pad(300, #{ name: `n` });", &lists);
    let said = after_failure(&Playbook::text("test.rhai", &script.replace("ROUNDS", "12000")), 500_000, &["sum"]);
    assert_eq!(said[1..], ["35994000"], "{said:?}");
}
