use super::*;
use crate::options::{FromValue, Mismatch, Options};
use crate::primitive::{Effect, Parameter};
use crate::runtime::Package;
use crate::{Runtime, Value};

#[derive(windlass_macros::Options)]
#[allow(dead_code)]
struct LiftOptions {
    /// How long it
    /// may take.
    #[option(default = "\"5m\"")]
    timeout: std::time::Duration,
    /// What it says: a | b.
    note: Option<String>,
    /// Those beside it.
    #[option(default = "#{}")]
    others: std::collections::BTreeMap<String, String>,
}

const DOC: &str = "Lifts a `load of it`. It is slow.\n\nOf these:\n- one\n- two\n\n# Errors\n`usage` if it is\ntoo heavy.\n\n# Example\n```rhai\ncrane::lift(\"x\");\n```";

fn fits<T: FromValue>(value: Value) -> std::result::Result<(), Mismatch> {
    T::from_value(value).map(|_| ())
}

fn lift() -> Primitive {
    Primitive {
        module: "crane",
        name: "lift",
        also: &["hoist up"],
        effect: Effect::Change,
        method: true,
        doc: DOC,
        parameters: vec![Parameter {
            name: "load",
            expects: String::expects(),
            check: fits::<String>,
            optional: false,
        }],
        options_at: Some(1),
        options: LiftOptions::fields(),
        returns: "a list, each item a text".to_owned(),
        invoke: |_, _| Ok(Value::Null),
    }
}

fn reference() -> Reference {
    let lower = Primitive {
        name: "lower",
        also: &[],
        doc: "Lowers what was lifted.",
        options_at: None,
        options: Vec::new(),
        ..lift()
    };
    Runtime::builder().with(Package::new(vec![lower, lift()])).build().unwrap().reference()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_engines_own_functions_and_what_scripts_are_given_are_in_it() {
    let reference = reference();
    let global: Vec<&str> = reference.of_module(GLOBAL).map(|e| e.id.as_str()).collect();
    assert_eq!(
        global,
        [
            "after",
            "always",
            "before",
            "breakpoint",
            "confirm",
            "ctx",
            "include_steps",
            "insert",
            "once",
            "replace",
            "skip",
            "sleep",
            "step",
            "timestamp",
            "values",
            "wrap"
        ]
    );
    assert_eq!(reference.modules(), [GLOBAL, "crane"]);
    for entry in &reference.entries {
        assert!(entry.text.summary.ends_with('.'), "{}: {:?}", entry.id, entry.text.summary);
    }
    let step = reference.entries.iter().find(|e| e.id == "step").unwrap();
    assert_eq!((step.signature.as_str(), step.effect), ("step(key, [#{ … },] closure)", "control"));
}

#[test]
fn a_page_of_markdown() {
    let pages = reference().markdown();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["reference.md", "reference/global.md", "reference/crane.md"]);
    assert!(pages[0].1.contains("| [crane::lift](reference/crane.md#cranelift) | change | Lifts a `load of it`. |"));
    let page = &pages[2].1;
    let wanted = "## crane::lift

Lifts a `load of it`. It is slow.

Of these:
- one
- two

```text
crane::lift(load, [#{ … }])
```

Or as a method: `load.lift([#{ … }])`.

Effect: change. Returns a list, each item a text.

| argument | type |
|---|---|
| `load` | a text |

| option | type | default | description |
|---|---|---|---|
| `timeout` | a duration such as \"90s\", \"10m\" or a number of seconds | `\"5m\"` | How long it may take. |
| `note` | a text |  | What it says: a \\| b. |
| `others` | a map, each value a text | `#{}` | Those beside it. |

**Errors**

`usage` if it is
too heavy.

**Example**

```rhai
crane::lift(\"x\");
```

## crane::lower
";
    assert!(page.contains(wanted), "{page}");
}

#[test]
fn a_page_for_the_terminal() {
    let reference = reference();
    let lift = reference.entries.iter().find(|e| e.id == "crane::lift").unwrap();
    let plain = lift.page(40, &|_, text| text.to_owned());
    let wanted = "crane::lift(load, [#{ … }])  change

Lifts a load of it. It is slow.

Of these:
- one
- two

Or as a method: load.lift([#{ … }])

ARGUMENTS
  load  a text

OPTIONS
  timeout: a duration such as \"90s\", \"10m\" or a number of seconds (default \"5m\")
      How long it may take.
  note: a text
      What it says: a | b.
  others: a map, each value a text (default #{})
      Those beside it.

RETURNS
  a list, each item a text

ERRORS
  usage if it is too heavy.

EXAMPLE
  crane::lift(\"x\");
";
    assert_eq!(plain, wanted);
    let narrow = lift.page(20, &|tone, text| if tone == Tone::Code { format!("<{text}>") } else { text.to_owned() });
    assert!(narrow.contains("Lifts a\n<load of it>. It is\nslow."), "{narrow}");
    assert_eq!(lift.line(13, 80, &|_, t| t.to_owned()), "crane::lift    Lifts a load of it.\n");
}

#[test]
fn names_and_words_are_found_and_what_is_near() {
    let reference = reference();
    let one = |text: &str| match reference.search(&words(text)) {
        Found::One(entry) => entry.id.clone(),
        other => panic!("{text}: {other:?}"),
    };
    for name in ["crane::lift", "lift", "Lift", "crane::lift(", ".lift"] {
        assert_eq!(one(name), "crane::lift");
    }
    for name in ["hoist up", "hoist_up", "crane::hoist_up(", "kubectl Hoist up", "crane hoist-up"] {
        assert_eq!(one(name), "crane::lift", "what others call it: {name}");
    }
    assert_eq!(one("ctx"), "ctx");
    let several = |text: &str| match reference.search(&words(text)) {
        Found::Several(entries) => entries.iter().map(|e| e.id.clone()).collect::<Vec<_>>(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(several("crane"), ["crane::lift", "crane::lower"]);
    assert_eq!(several("HEAVY"), ["crane::lift"]);
    assert_eq!(several("lif"), ["crane::lift", "crane::lower"], "the name goes before the text");
    assert_eq!(several("slow heavy"), ["crane::lift"]);
    assert_eq!(several("slow hoist"), ["crane::lift"]);
    assert_eq!(several("").len(), reference.entries.len());
    let nothing = |text: &str| match reference.search(&words(text)) {
        Found::Nothing(near) => near,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(nothing("crane::litf"), Some("crane::lift"));
    assert_eq!(nothing("lowre"), Some("crane::lower"));
    assert_eq!(nothing("slow xyzzy"), None);
}

#[test]
fn json_has_types_and_defaults() {
    let json = serde_json::to_value(reference()).unwrap();
    let entries = json["entries"].as_array().unwrap();
    let lift = entries.iter().find(|e| e["id"] == "crane::lift").unwrap();
    assert_eq!(lift["options"][0]["default"], "5m");
    assert_eq!(lift["options"][2]["default"], serde_json::json!({}));
    assert_eq!(lift["options"][1]["required"], false);
    assert_eq!(lift["parameters"][0], serde_json::json!({"name": "load", "type": "a text"}));
    assert_eq!(lift["examples"][0], "crane::lift(\"x\");");
    assert_eq!((&lift["effect"], &lift["errors"]), (&"change".into(), &"`usage` if it is\ntoo heavy.".into()));
}

/// Rhai has no parser of definitions: each is made a function with these parameters, which it does parse.
#[test]
fn definitions_are_functions_that_rhai_can_parse() {
    let files = reference().definitions();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"__static__.d.rhai") && names.contains(&"crane.d.rhai"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("__builtin")), "{names:?}");
    let text = |name: &str| files.iter().find(|(n, _)| n == name).unwrap().1.clone();
    let crane = text("crane.d.rhai");
    assert!(
        crane.starts_with("module crane;\n\n/// Lifts a `load of it`. It is slow.\n///\n/// Of these:\n"),
        "{crane}"
    );
    assert!(
        crane.contains("\nfn lift(load: String) -> Array;\n")
            && crane.contains("\nfn lift(load: String, options: Map) -> Array;\n"),
        "{crane}"
    );
    let global = text("__static__.d.rhai");
    assert!(global.contains("\nfn step(key: String, options: Map, closure: FnPtr) -> ();\n"), "{global}");
    assert!(global.contains("\nlet values: Map;\n") && global.contains("fn lift("), "{global}");
    for definition in crane.lines().chain(global.lines()) {
        let Some(head) = definition.strip_prefix("fn ") else {
            let known = ["", "module crane;", "module static;", "let values: Map;"];
            assert!(definition.starts_with("///") || known.contains(&definition), "{definition}");
            continue;
        };
        let (head, returns) = head.strip_suffix(';').unwrap().rsplit_once(" -> ").unwrap();
        let (name, parameters) = head.strip_suffix(')').unwrap().split_once('(').unwrap();
        let types = ["?", "String", "bool", "int", "float", "()", "Array", "Map", "FnPtr"];
        let parameter = |p: &str| {
            let (name, of) = p.split_once(": ").unwrap();
            assert!(types.contains(&of), "{definition}");
            name.to_owned()
        };
        let parameters: Vec<String> = parameters.split(", ").filter(|p| !p.is_empty()).map(parameter).collect();
        assert!(types.contains(&returns), "{definition}");
        let function = format!("fn {name}({}) {{ }}", parameters.join(", "));
        rhai::Engine::new().compile(&function).unwrap_or_else(|e| panic!("{function}: {e}"));
    }
}
