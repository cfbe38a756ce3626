use serde_json::json;

use crate::files::{Home, Tree};
use crate::options::{FromValue, Options};
use crate::playbook::Playbook;
use crate::primitive::{Effect, Parameter, Primitive};
use crate::runtime::{Package, Runtime};
use crate::target::NoTarget;
use crate::values::Schema;
use crate::{Error, Value};

#[derive(windlass_macros::Options)]
#[allow(dead_code)]
struct WaitOptions {
    /// Where.
    namespace: String,
    /// How long.
    #[option(default = "\"5m\"")]
    timeout: std::time::Duration,
    /// How many.
    replicas: Option<u32>,
}

fn fits<T: FromValue>(value: Value) -> std::result::Result<(), crate::options::Mismatch> {
    T::from_value(value).map(|_| ())
}

fn primitive(module: &'static str, name: &'static str, effect: Effect) -> Primitive {
    Primitive {
        module,
        name,
        also: &[],
        effect,
        method: false,
        doc: "Does it.",
        parameters: vec![Parameter {
            name: "target",
            expects: String::expects(),
            check: fits::<String>,
            optional: false,
        }],
        options_at: Some(1),
        options: WaitOptions::fields(),
        returns: "nothing".to_owned(),
        invoke: |_, _| Ok(Value::Null),
    }
}

fn runtime() -> Runtime {
    let scale = Primitive { options: Vec::new(), options_at: None, ..primitive("cluster", "delete", Effect::Change) };
    let scale = Primitive { also: &["erase", "get rid of"], ..scale };
    let pure = Primitive { options: Vec::new(), options_at: None, ..primitive("text", "quote", Effect::Pure) };
    let method = Primitive { method: true, ..Primitive { module: "manifest", name: "annotate", ..pure.clone() } };
    let package = Package::new(vec![primitive("wait", "ready", Effect::Wait), scale, pure, method]);
    Runtime::builder().with(package).build().unwrap()
}

/// The problems of a script as `line:column message (hint)`.
fn problems(script: &str) -> Vec<String> {
    problems_in(&Playbook::text("t.rhai", script), json!({"fqdn": "a.b", "storage": {"class": "x"}}), None)
}

fn problems_in(playbook: &Playbook, values: serde_json::Value, schema: Option<&Schema>) -> Vec<String> {
    let session = runtime().session(NoTarget::new()).values(values).open();
    let shown = |e: &Error| {
        let place = e.place().unwrap_or_else(|| panic!("no place: {e:?}"));
        let hint = e.hint_text().map(|h| format!(" ({h})")).unwrap_or_default();
        format!("{}:{}:{} {e}{hint}", place.source, place.line, place.column)
    };
    session.check(playbook, schema).iter().map(shown).collect()
}

#[track_caller]
fn one(script: &str, expected: &str) {
    assert_eq!(problems(script), [expected], "{script}");
}

#[test]
fn what_is_right_has_no_problems() {
    let script = r##"
        const LIMIT = 5;
        fn twice(x) { x * 2 }
        fn named() { this.name }
        let add = |a, b| a + b;
        let record = #{ name: "x", show: |x| x };
        step("a", || {
            wait::ready("Pod/x", #{ namespace: "n", timeout: "5s", replicas: () });
            wait::ready("Pod/x", #{ namespace: values.fqdn, timeout: twice(5) });
            let list = [1, 2].map(|x| twice(x)).filter(|x| x > 1);
            list.push(add.call(1, global::LIMIT));
            record.show(1);
            record.named();
            let text = `${values.storage.class} ${values["fqdn"].len()} ${values.storage?.class}`;
            if values.wish == () || (values.other ?? 1) == 1 { print(type_of(text)); }
            let f = Fn("twice");
            f.call(1).to_string().to_upper();
            try { cluster::delete("x") } catch (e) { log(e.kind) }
        });
        fn log(x) { debug(x) }
    "##;
    assert_eq!(problems(script), [""; 0]);
    // Without a step, the script is the step.
    assert_eq!(problems("cluster::delete(\"x\"); sleep(1)"), [""; 0]);
}

#[test]
fn unknown_functions_name_the_nearest() {
    one("wait::redy(\"x\")", "t.rhai:1:7 there is no function wait::redy (did you mean \"wait::ready\"?)");
    one("wiat::ready(\"x\")", "t.rhai:1:7 there is no module wiat (did you mean \"wait::ready\"?)");
    one("fn scale_up() { 1 } scale_upp()", "t.rhai:1:21 there is no function scale_upp (did you mean \"scale_up\"?)");
    one("delete(\"x\")", "t.rhai:1:1 there is no function delete (did you mean \"cluster::delete\"?)");
    one("cluster::erase(\"x\")", "t.rhai:1:10 there is no function cluster::erase (did you mean \"cluster::delete\"?)");
    one("kubectl::erase(\"x\")", "t.rhai:1:10 there is no module kubectl (did you mean \"cluster::delete\"?)");
    one("get_rid_of(\"x\")", "t.rhai:1:1 there is no function get_rid_of (did you mean \"cluster::delete\"?)");
    one("[1].puhs(2)", "t.rhai:1:5 there is no method puhs (did you mean \"push\"?)");
    one("let f = || prnt(1); f.call()", "t.rhai:1:12 there is no function prnt (did you mean \"print\"?)");
}

#[test]
fn wrong_numbers_of_arguments() {
    one(
        "cluster::delete(\"a\", \"b\")",
        "t.rhai:1:10 cluster::delete takes other arguments than these 2 (call it as cluster::delete(target))",
    );
    one(
        "wait::ready(\"a\")",
        "t.rhai:1:7 wait::ready needs the option `namespace` (call it as wait::ready(target, #{ … }))",
    );
    one("fn f(a, b) { a + b } f(1)", "t.rhai:1:22 f is given 1 argument (it takes 2 arguments)");
    one("\"a\".to_upper(1)", "t.rhai:1:5 .to_upper is given 1 argument (it takes 0 arguments)");
    one("step(\"a\")", "t.rhai:1:1 step takes other arguments than these 1 (call it as step(key, [#{ … },] closure))");
}

#[test]
fn options_and_literals_of_primitives() {
    one(
        "wait::ready(\"a\", #{ namespace: \"n\", timout: 5 })",
        "t.rhai:1:37 wait::ready has no option `timout` (did you mean \"timeout\"?)",
    );
    one(
        "wait::ready(\"a\", #{ timeout: 5 })",
        "t.rhai:1:18 wait::ready needs the option `namespace` (add `namespace: …`, a text)",
    );
    let negative = problems("wait::ready(\"a\", #{ namespace: \"n\", timeout: -5 })");
    assert!(
        negative.len() == 1 && negative[0].contains("`timeout`") && negative[0].starts_with("t.rhai:1:46"),
        "{negative:?}"
    );
    let negative = problems("wait::ready(\"a\", #{ namespace: \"n\", timeout: \"-5s\" })");
    assert!(negative.len() == 1 && negative[0].contains("`timeout`"), "{negative:?}");
    let wrong = problems("wait::ready(5, #{ namespace: \"n\", replicas: \"two\" })");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].starts_with("t.rhai:1:13 argument `target` of wait::ready must be a text, not the number 5"));
    assert!(wrong[1].contains("option `replicas` of wait::ready must be a whole number from 0 up"));
    let text = "a duration such as";
    assert!(problems("sleep(true)")[0].contains(text), "{:?}", problems("sleep(true)"));
    let list = problems("wait::ready(\"a\", \"n\")");
    assert!(list[0].contains("must be a map of options"), "{list:?}");
}

#[test]
fn literals_of_methods_are_checked_where_the_method_is_ours() {
    assert_eq!(problems("\"x\".annotate(); \"x\".quote()").len(), 1);
    let wrong = problems("let m = \"x\"; text::quote(1)");
    assert!(wrong[0].contains("argument `target` of text::quote"), "{wrong:?}");
}

#[test]
fn steps_and_their_options() {
    let wrong = problems("step(\"a\", #{ titel: \"x\", timeout: \"-1s\", on_error: \"stpo\" }, || 1);");
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("step has no option `titel` (did you mean \"title\"?)"), "{wrong:?}");
    assert!(wrong[1].contains("`timeout` of step") && wrong[2].contains("`on_error` of step"), "{wrong:?}");
    let wrong = problems("step(\"a\", || 1);\nstep(\"a\", || 2);\nstep(\"a\", || 3);");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].starts_with("t.rhai:2:1 step \"a\" is declared twice (first at t.rhai:1:1)"), "{wrong:?}");
    let wrong =
        problems("step(\"ab\", #{ needs: [\"ba\", \"bc\"] }, || 1);\nstep(\"bcd\", #{ needs: [\"xyz\"] }, || 1);");
    assert_eq!(wrong.len(), 3, "each unknown need: {wrong:?}");
    assert!(wrong[0].contains("needs \"ba\", which is no step") && wrong[2].starts_with("t.rhai:2:1"), "{wrong:?}");
    let wrong = problems("step(\"a\", #{ needs: [\"b\"] }, || 1);\nstep(\"b\", #{ needs: [\"a\"] }, || 1);");
    assert!(wrong.len() == 1 && wrong[0].contains("in a circle: a needs b needs a"), "{wrong:?}");
    assert!(problems("step(\"a\", 5)")[0].contains("must be a closure"), "{:?}", problems("step(\"a\", 5)"));
}

#[test]
fn what_acts_at_the_top_level_of_a_script_with_steps() {
    let script = "cluster::delete(\"a\");\nfn act() { cluster::delete(\"b\") }\nact();\nstep(\"a\", || cluster::delete(\"c\"));\nsleep(1);";
    let wrong = problems(script);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[0].starts_with("t.rhai:1:10 cluster::delete changes something")
            && wrong[1].starts_with("t.rhai:5:1 sleep")
    );
    // What a function does is seen when it runs.
    let inside = problems("fn act() { cluster::delete(\"b\") }\nact();\nstep(\"a\", || 1);");
    assert!(inside.len() == 1 && inside[0].starts_with("t.rhai:1:21 cluster::delete"), "{inside:?}");
    let thrown = problems("step(\"a\", || 1); let x = 1 / 0;");
    assert!(thrown.len() == 1 && thrown[0].contains("t.rhai:1:"), "{thrown:?}");
}

#[test]
fn values_are_known_to_the_values_or_the_schema() {
    one("values.fqdm", "t.rhai:1:8 values.fqdm is read, and nobody gives it (did you mean \"fqdn\"?)");
    one(
        "values.storage.clas",
        "t.rhai:1:16 values.storage.clas is read, and nobody gives it (did you mean \"class\"?)",
    );
    one(
        "values[\"nothing\"]",
        "t.rhai:1:8 values.nothing is read, and nobody gives it (give it with --set nothing=… or -f FILE)",
    );
    let schema = json!({"additionalProperties": false, "properties": {"fqdn": {}, "tls": {"properties": {"mode": {}}, "additionalProperties": false}, "free": {}}});
    let schema = Schema::load(schema, "s.json", |_| Err(Error::usage("none"))).unwrap();
    let look = |script: &str| problems_in(&Playbook::text("t.rhai", script), json!({"fqdn": "x"}), Some(&schema));
    assert_eq!(look("values.tls.mode; values.free.anything; values.fqdn.len(); values.tls.mode.x"), [""; 0]);
    assert_eq!(
        look("values.tls.mod ?? 1"),
        ["t.rhai:1:12 the playbook's values have no tls.mod (did you mean \"mode\"?)"]
    );
    assert_eq!(look("if values.tsl == () {}").len(), 1);
}

#[test]
fn every_script_of_a_playbook_is_looked_at_and_all_is_said_at_once() {
    static TREE: Tree = Tree(&[
        ("p/playbook.rhai", b"import \"lib/m\" as m;\nimport \"../up\" as u;\nimport \"/etc/x\" as e;\nimport \"gone\" as g;\ninclude_steps(\"on\");\ninclude_steps(\"brkoen\");\ninclude_steps(\"broken\");\nm::right(1); m::wrnog(); m::hidden();"),
        ("p/lib/m.rhai", b"fn right(x) { clustr::delete(x) }\nfn wrong() { hidden() }\nprivate fn hidden() { 1 }"),
        ("steps/on.rhai", b"step(\"on\", || values.zzz);"),
        ("steps/broken.rhai", b"step(\"x\", || {\n  let = 5;\n});"),
    ]);
    let runtime = Runtime::builder()
        .with(Package::new(vec![primitive("cluster", "delete", Effect::Change)]))
        .stock(TREE)
        .build()
        .unwrap();
    let session = runtime.session(NoTarget::new()).values(json!({"fqdn": "x"})).open();
    let playbook = Playbook { home: Home::Built(TREE, "p".into()), ..Playbook::stock(TREE, "p").unwrap() };
    let found = session.check(&playbook, None);
    let places: Vec<String> = found.iter().map(|e| format!("{} {e}", e.place().unwrap())).collect();
    let expected = [
        "stock:p/playbook.rhai:2:1 import \"../up\" is refused: it leads out of the script's folder",
        "stock:p/playbook.rhai:3:1 import \"/etc/x\" is refused: it is an absolute path",
        "stock:p/playbook.rhai:4:1 import \"gone\": there is no gone.rhai beside the script or in its lib/ folder",
        "stock:p/playbook.rhai:6:15 include_steps(\"brkoen\"): there is no steps/brkoen.rhai",
        "stock:p/playbook.rhai:8:17 there is no function wrnog in that module",
        "stock:p/playbook.rhai:8:29 there is no function hidden in that module",
        "stock:p/lib/m.rhai:1:23 there is no module clustr",
        "stock:steps/on.rhai:1:22 values.zzz is read, and nobody gives it",
        "stock:steps/broken.rhai:2:7 Expecting name of a variable",
    ];
    assert_eq!(places, expected);
}

#[test]
fn calls_are_looked_at_wherever_they_stand() {
    let wrong = "wait::ready(\"a\", #{ namespace: \"n\", timout: 5 })";
    for around in [
        "log(CALL);",
        "let x = [1, #{ a: CALL }];",
        "let x = `${CALL} and more`;",
        "if CALL { 1 } else { 2 }",
        "if 1 == 2 { 1 } else { CALL }",
        "for x in CALL { print(x); }",
        "while CALL { }",
        "loop { if CALL { break; } }",
        "switch 1 { 1 => CALL, _ => 2 }",
        "try { 1 } catch { CALL }",
        "let f = |x| x + CALL; f.call(1);",
        "[1].map(|x| [2].map(|y| CALL));",
        "fn inner() { return CALL; } inner();",
        "let x = CALL ?? 1;",
        "let x = 1 + CALL.status;",
        "CALL.status.len();",
        "let x = #{}; x[CALL] = 1;",
        "throw CALL;",
        "cluster::delete(CALL);",
        "wait::ready(CALL, #{ namespace: CALL });",
    ] {
        let script = format!("fn log(x) {{ debug(x) }}\n{}", around.replace("CALL", wrong));
        let calls = around.matches("CALL").count();
        let found = problems(&script);
        assert_eq!(found.len(), calls, "{script}: {found:?}");
        assert!(found.iter().all(|p| p.contains("has no option `timout` (did you mean \"timeout\"?)")), "{found:?}");
    }
}

#[test]
fn methods_are_known_with_their_arguments() {
    one(
        "\"a\".annotate().nothing_like_it()",
        "t.rhai:1:16 there is no method nothing_like_it (nothing like it is known: a primitive is called with its module, such as cluster::apply)",
    );
    one("\"a\".annotate(1)", "t.rhai:1:5 .annotate is given 1 argument (it takes 0 arguments)");
    one("\"a\".anotate()", "t.rhai:1:5 there is no method anotate (did you mean \"annotate\"?)");
    one("\"a\".delete()", "t.rhai:1:5 there is no method delete (call it as cluster::delete(target))");
    let lift = Primitive { method: true, ..primitive("crane", "lift", Effect::Pure) };
    let runtime = Runtime::builder().with(Package::new(vec![lift])).build().unwrap();
    let check = |script: &str| {
        let found = runtime.session(NoTarget::new()).open().check(&Playbook::text("t.rhai", script), None);
        found.iter().map(|e| format!("{e} ({})", e.hint_text().unwrap_or_default())).collect::<Vec<_>>()
    };
    let option = ["crane::lift has no option `timout` (did you mean \"timeout\"?)"];
    assert_eq!(check("\"a\".lift(#{ namespace: \"n\", timout: 5 })"), option);
    assert_eq!(check("\"a\".to_upper().lift(#{ namespace: \"n\", timout: 5 })"), option);
    assert_eq!(check("\"a\".lift(#{ namespace: \"n\" }).lift(#{ namespace: \"n\", timout: 5 })"), option);
    assert_eq!(check("lift(\"a\", #{ namespace: \"n\", timout: 5 })"), option);
    assert_eq!(check("crane::lift(\"a\", #{ namespace: \"n\", timout: 5 })"), option);
    let missing = ["crane::lift needs the option `namespace` (add `namespace: …`, a text)"];
    assert_eq!(check("\"a\".lift(#{ timeout: 5 })"), missing);
}

#[test]
fn the_engines_own_functions_are_known_too() {
    let fine =
        "step(\"a\", #{ timeout: \"5s\" }, || { always(|| 1, || 2); confirm(\"k\", \"t\"); sleep(1); timestamp() });";
    assert_eq!(problems(fine), [""; 0]);
    one("always(|| 1)", "t.rhai:1:1 always takes other arguments than these 1 (call it as always(work, cleanup))");
    one(
        "step(\"a\", || 1); include_steps()",
        "t.rhai:1:18 include_steps takes other arguments than these 0 (call it as include_steps(name))",
    );
    let soon = problems("sleep(\"soon\")");
    assert!(soon.len() == 1 && soon[0].starts_with("t.rhai:1:7 argument `duration` of sleep"), "{soon:?}");
}
