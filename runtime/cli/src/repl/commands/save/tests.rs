#![allow(clippy::unwrap_used, reason = "a test")]

use windlass_runtime::Runtime;
use windlass_runtime::playbook::Using;

use super::writer::{Script, Writer};
use crate::repl::desk::Input;

fn typed(text: &str) -> Input {
    // What a step's script has is `manifests` and the function `half`.
    let functions = ["half", "f", "restart"].into_iter().filter(|name| text.contains(name)).map(str::to_owned);
    Input { text: text.to_owned(), ok: true, functions: functions.collect(), ..Input::default() }
}

fn failed(text: &str) -> Input {
    Input { ok: false, ..typed(text) }
}

fn secret(text: &str) -> Input {
    Input { is_secret: true, ..typed(text) }
}

fn in_shop(text: &str) -> Input {
    let using = Using { namespace: Some("shop".to_owned()), ..Using::default() };
    Input { using, ..typed(text) }
}

fn within(text: &str) -> Input {
    Input { console: 1, step: Some("storage".to_owned()), needs_step: text.contains("manifests"), ..typed(text) }
}

fn script(inputs: &[Input], has_steps: bool, step: Option<&str>) -> Script {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let script = Writer { runtime: &runtime, has_steps, check: &|_| Vec::new() }.script(inputs, step);
    let wrong = windlass_runtime::playbook::parse_error(&runtime, &script.text);
    assert!(wrong.is_none(), "{}{}", script.text, wrong.unwrap());
    script
}

fn saved(inputs: &[Input]) -> String {
    script(inputs, true, None).text
}

#[test]
fn what_came_to_its_end_is_a_script_or_a_step() {
    let inputs = [
        typed("let n = 1"),
        typed("fn twice(n) {\n  n * 2\n}"),
        typed("twice(n) | json"),
        failed("nonsense("),
        typed(":next"),
        secret("let p = \"[secret P]\""),
        typed("show(p)"),
        within("manifests.len()"),
        within("let m = manifests"),
        within("m.len()"),
        within("let size = \"1G\""),
        within("grow(size);"),
        typed("let p = secret::env(\"P\")"),
        typed("if n > 1 { show(p) }"),
        typed("let m = #{ a: 1 }"),
        typed("m.a // that is 1"),
    ];
    let expected = r#"fn twice(n) {
  n * 2
}
let n = 1;
twice(n);
// A line is left out that holds a secret: take it by reference, secret::env("NAME").
// It uses `p`, which comes from what is left out:
// show(p)
// In the middle of step storage:
{
    // It needs what only that step has:
    // manifests.len()
    // let m = manifests
    // It uses `m`, which comes from what is left out:
    // m.len()
    let size = "1G";
    grow(size);
}
// After that:
let p = secret::env("P");
if n > 1 { show(p) }
let m = #{ a: 1 };
m.a; // that is 1
"#;
    let whole = script(&inputs, true, None);
    assert_eq!((whole.text.as_str(), whole.left_out), (expected, 5));
    let alone = script(&inputs, false, None).text;
    assert!(alone.contains("// In the middle of step storage, whose objects were simulated:\n// manifests"), "{alone}");
    assert!(alone.contains("// grow(size);\n// After that:\n"), "{alone}");
    let step = script(&inputs, true, Some("mend")).text;
    assert!(step.starts_with("fn twice") && step.contains("step(\"mend\", |ctx| {\n    let n = 1;\n"), "{step}");
    // A text that goes over lines is as it is.
    let step = script(&[typed("let t = `a\nb`"), typed("let u = #\"c\nd\"#")], true, Some("t")).text;
    assert_eq!(step, "step(\"t\", |ctx| {\n    let t = `a\nb`;\n    let u = #\"c\nd\"#;\n});\n");
}

#[test]
fn a_line_ends_where_its_code_ends() {
    let inputs = [
        typed("let u = `${scheme}://host/path`"),
        typed("let a = `x${y}` // note"),
        typed("let b = \"x\" // y"),
        typed("if a { 1 } // z"),
        typed("// a note"),
        typed("/* open"),
        typed("1"),
    ];
    assert_eq!(
        saved(&inputs),
        "let u = `${scheme}://host/path`;\nlet a = `x${y}`; // note\nlet b = \"x\"; // y\nif a { 1 } // z\n// a note\n// It cannot stand between other lines:\n// /* open\n1;\n"
    );
}

#[test]
fn lines_with_a_chosen_namespace_must_name_it() {
    let meant = "// It meant namespace shop without saying so: in a script each call must name it.\n";
    let inputs = [
        in_shop("cluster::scale(\"Deployment/web\", 5)"),
        in_shop("cluster::scale(\"Deployment/web\", 5, #{ namespace: \"other\" })"),
        in_shop("cluster::config_map(\"c\", #{ data: #{ namespace: \"x\" } })"),
        in_shop("cluster::scale(`a${x}`, 5, #{ namespace: y }); cluster::restart(\"Deployment/web\")"),
        in_shop("1 + 1"),
        in_shop("let p = secret::env(\"P\")"),
        in_shop("log::info(\"x\"); cluster::namespace(\"x\")"),
    ];
    let expected = format!(
        "{meant}// cluster::scale(\"Deployment/web\", 5)\ncluster::scale(\"Deployment/web\", 5, #{{ namespace: \"other\" }});\n{meant}// cluster::config_map(\"c\", #{{ data: #{{ namespace: \"x\" }} }})\n// cluster::scale(`a${{x}}`, 5, #{{ namespace: y }}); cluster::restart(\"Deployment/web\")\n1 + 1;\nlet p = secret::env(\"P\");\nlog::info(\"x\"); cluster::namespace(\"x\");\n"
    );
    assert_eq!(saved(&inputs), expected);
    // What a call does is in the function, wherever that was typed; what a function does not do is in none.
    let (restart, pure) = ("fn restart(d) { cluster::restart(d) }", "fn f(d) { d * 2 }");
    for function in [in_shop(restart), typed(restart)] {
        let call = in_shop("restart(\"Deployment/web\")");
        let around = in_shop("fn g(d) { restart(d) }");
        let outer = in_shop("g(1)");
        assert_eq!(
            saved(&[function, call, around, outer, in_shop(pure), in_shop("f(1)")]),
            format!(
                "{restart}\nfn g(d) {{ restart(d) }}\n{pure}\n{meant}// restart(\"Deployment/web\")\n// g(1)\nf(1);\n"
            )
        );
    }
    // So is it with closures, whatever they are called by.
    let inputs = [
        in_shop("let there = |d| { cluster::restart(d); 1 }"),
        in_shop("there.call(1); let t = |d| d"),
        typed("let early = Fn(\"late\")"),
        typed("fn late(d) { cluster::restart(d) }"),
        typed("let act = |d| cluster::restart(d)"),
        typed("let named = |d| cluster::restart(d, #{ namespace: \"shop\" })"),
        typed("let pods = cluster::list(\"Pod\", #{ all_namespaces: true }).filter(|p| p.ready)"),
        in_shop("act.call(1)"),
        in_shop("[1].for_each(act)"),
        in_shop("early.call(1)"),
        in_shop("named.call(1)"),
        in_shop("pods.len()"),
    ];
    let text = saved(&inputs);
    let end = format!("{meant}// act.call(1)\n// [1].for_each(act)\n// early.call(1)\nnamed.call(1);\npods.len();\n");
    assert!(text.starts_with("fn late") && text.contains("\nlet there = ") && text.ends_with(&end), "{text}");
}

#[test]
fn what_is_typed_in_the_middle_of_a_step_stays_there() {
    let inputs = [
        typed("let ns = \"shop\""),
        within("let ns = \"prod\""),
        within(":vars"),
        within("show(ns)"),
        within(":retry"),
        Input { console: 2, ..within("let t = `a\nb`") },
        within(":continue"),
        typed("cluster::scale(\"Deployment/web\", 5, #{ namespace: ns })"),
    ];
    assert_eq!(
        saved(&inputs),
        "let ns = \"shop\";\n// In the middle of step storage:\n{\n    let ns = \"prod\";\n    show(ns);\n}\n// In the middle of step storage:\n{\n    let t = `a\nb`;\n}\n// After that:\ncluster::scale(\"Deployment/web\", 5, #{ namespace: ns });\n"
    );
    let step = script(&inputs, true, Some("x")).text;
    assert!(step.contains("    {\n        let ns = \"prod\";\n"), "{step}");
    // Functions and imports of the step's script are not those of this one.
    let inputs = [within("half(4)"), within("lib::half(4)"), within("fn f() { half(1) }"), within("f()"), typed("1")];
    assert_eq!(
        saved(&inputs),
        "// In the middle of step storage:\n// It needs what only that step has:\n// half(4)\n// lib::half(4)\n// fn f() { half(1) }\n// It uses `f`, which comes from what is left out:\n// f()\n// After that:\n1;\n"
    );
}

#[test]
fn functions_are_those_that_were_called() {
    let inputs = [
        typed("fn f(a) { 1 }"),
        typed("let x = f(1)"),
        typed("fn f(a) { 2 }"),
        typed("fn f(a, b) { 3 }"),
        typed("fn g() { f(1) }"),
        typed("f(2) + g()"),
        typed("x + 1"),
    ];
    assert_eq!(
        saved(&inputs),
        "fn f(a) { 2 }\nfn f(a, b) { 3 }\nfn g() { f(1) }\n// It uses `f` as it was before it was typed anew:\n// let x = f(1)\nf(2) + g();\n// It uses `x`, which comes from what is left out:\n// x + 1\n"
    );
    // One that is left out takes nobody's place, and takes with it what calls it.
    let inputs = [typed("fn f() { 1 }"), typed("f()"), within("fn f() { 2 }"), typed("f()")];
    assert_eq!(
        script(&inputs, false, None).text,
        "fn f() { 1 }\nf();\n// In the middle of step storage, whose objects were simulated:\n// fn f() { 2 }\n// After that:\nf();\n"
    );
    let inputs = [secret("fn f() { \"[secret P]\" }"), typed("fn g() { f() }"), typed("g()"), typed("let n = 1")];
    assert_eq!(
        saved(&inputs),
        "// A line is left out that holds a secret: take it by reference, secret::env(\"NAME\").\n// It uses `f`, which comes from what is left out:\n// fn g() { f() }\n// It uses `g`, which comes from what is left out:\n// g()\nlet n = 1;\n"
    );
    // Two places have one each: the script can have one.
    let text = saved(&[within("fn f() { 1 }"), within("f()"), typed("fn f() { 2 }"), typed("f()")]);
    assert!(text.starts_with("fn f() { 2 }\n") && text.contains("// f()\n") && text.ends_with("\nf();\n"), "{text}");
    // What has failed has defined its functions all the same.
    assert_eq!(saved(&[failed("fn f() { 1 }\nnonsense"), typed("f()")]), "fn f() { 1 }\nf();\n");
    let text = saved(&[typed("import \"a\" as m"), typed("m::act()"), typed("import \"b\" as m"), typed("m::act()")]);
    assert_eq!(
        text,
        "import \"b\" as m;\n// It uses `m` as it was before it was typed anew:\n// m::act()\nm::act();\n"
    );
}

#[test]
fn what_is_typed_at_once_is_taken_apart() {
    let paste = "// Doubles.\nfn f(n) { n * 2 } // twice\nlet a = f(1); // one\n/// Of a kind.\nfn g(s) {\n  `${s}}`\n}\nimport \"lib\" as lib; lib::act(a)";
    assert_eq!(
        saved(&[typed(paste)]),
        "// Doubles.\nfn f(n) { n * 2 } // twice\n/// Of a kind.\nfn g(s) {\n  `${s}}`\n}\nimport \"lib\" as lib;\nlet a = f(1); // one\n lib::act(a);\n".replace("\n lib", "\nlib")
    );
    let step = script(&[typed(paste)], true, Some("x")).text;
    assert!(step.contains("as lib;\nstep(\"x\", |ctx| {\n    let a = f(1); // one\n    lib::act(a);\n});\n"), "{step}");
    // A function's parameters are no variables that are lost.
    let inputs = [secret("let n = \"[secret P]\""), typed("fn f(n) { n }\nf(1)")];
    assert!(saved(&inputs).ends_with("\nf(1);\n") && saved(&inputs).starts_with("fn f(n) { n }\n"));
}

#[test]
fn what_is_left_out_is_missed_where_it_matters() {
    let lost = "// It uses `n`, which comes from what is left out:\n";
    let inputs =
        [typed("let n = 1"), in_shop("n = cluster::list(\"Pod\").len()"), typed("n + 1"), typed("let n = n + 1")];
    assert!(saved(&inputs).ends_with(&format!("{lost}// n + 1\n// let n = n + 1\n")), "{}", saved(&inputs));
    let inputs =
        [typed("let n = []"), in_shop("n.push(cluster::list(\"Pod\"))"), typed("let n = 1; n + 1"), typed("n")];
    assert!(saved(&inputs).ends_with("\nlet n = 1; n + 1;\nn;\n"), "{}", saved(&inputs));
    let inputs = [typed("let n = 1"), in_shop("cluster::scale(\"Deployment/web\", n)"), typed("n + 1")];
    assert!(saved(&inputs).ends_with("\nn + 1;\n"), "{}", saved(&inputs));
    // A line that has failed may have done a part of it.
    let inputs = [typed("let n = 1"), failed("n = 2; nonsense"), typed("n + 1")];
    assert_eq!(saved(&inputs), format!("let n = 1;\n{lost}// n + 1\n"));
    let inputs = [
        typed("let n = 1"),
        failed("let n = nonsense"),
        failed("n = nonsense"),
        failed("n.a[0].push(nonsense)"),
        typed("n + 1"),
    ];
    assert_eq!(saved(&inputs), "let n = 1;\nn + 1;\n");
    // Functions see the constants of the whole script.
    let inputs = [typed("const K = 3"), typed("fn f() { global::K }"), typed("f()")];
    assert_eq!(saved(&inputs), "fn f() { global::K }\nconst K = 3;\nf();\n");
    let step = script(&inputs, true, Some("x")).text;
    assert!(
        step.contains("no constants of the whole script:\n    // fn f()") && step.contains("\n    // f()\n"),
        "{step}"
    );
    let inputs = [secret("const K = \"[secret P]\""), typed("fn f() { global::K }"), typed("f()")];
    assert!(saved(&inputs).ends_with("`K`, which comes from what is left out:\n// f()\n"), "{}", saved(&inputs));
    // A closure may have changed what it sees.
    let inputs = [
        typed("let n = 1"),
        typed("let c = || { n += 1; cluster::list(\"Pod\") }"),
        in_shop("c.call()"),
        typed("n + 1"),
    ];
    assert!(saved(&inputs).ends_with(&format!("{lost}// n + 1\n")), "{}", saved(&inputs));
    // The script goes on where the session went on.
    let inputs = [typed("if true { return 1 }"), typed("[1].map(|x| { return x })"), typed("exit(2)"), typed("3")];
    assert_eq!(
        saved(&inputs),
        "// The script would end here:\n// if true { return 1 }\n[1].map(|x| { return x });\n// The script would end here:\n// exit(2)\n3;\n"
    );
}
