use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Number, json};

use super::*;

/// A zero has no sign in our JSON; Go prints `-0`, and reads it back as 0.
fn unsigned_zeros(value: Value) -> Value {
    match value {
        Value::Number(n) if n.as_f64() == Some(0.0) => Value::Number(Number::from(0)),
        Value::Array(items) => items.into_iter().map(unsigned_zeros).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, unsigned_zeros(v))).collect(),
        other => other,
    }
}

/// Numbers must be equal in what they print, not only in value: 1 and 1.0 differ.
fn printed(value: &Value) -> String {
    let sorted: BTreeMap<String, Value>;
    match value {
        Value::Object(map) => {
            sorted = map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            let entries: Vec<_> = sorted.iter().map(|(k, v)| format!("{k:?}: {}", printed(v))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(",\n")),
        other => other.to_string(),
    }
}

#[test]
fn every_case_means_what_it_means_to_kubectl() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/yaml/cases");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let documents = read_file(&path).unwrap_or_else(|e| panic!("{e:?}"));
        let [document] = &documents[..] else { panic!("{}: {} documents", path.display(), documents.len()) };
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let expected = unsigned_zeros(serde_json::from_str(&expected).unwrap());
        assert_eq!(printed(&document.value), printed(&expected), "{}", path.display());
        let written = write(&document.value).unwrap();
        let again = read_one(&written, "written").unwrap();
        assert_eq!(printed(&again), printed(&expected), "{} written as\n{written}", path.display());
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} cases in {}", folder.display());
}

#[track_caller]
fn refused(text: &str, place: &str, message: &str) {
    let error = read(text, "x.yaml").unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    assert!(error.message().contains(message), "{error:?}");
    assert_eq!(error.place().unwrap().to_string(), format!("x.yaml:{place}"), "{error:?}");
    assert!(error.hint_text().is_some_and(|h| h.len() > 10), "{error:?}");
}

#[test]
fn a_key_that_stands_twice_is_refused_with_both_places() {
    refused("a: 1\nb: 2\na: 3\n", "3:1", "\"a\" stands twice in one mapping; the first is at x.yaml:1:1");
    refused("x:\n  {b: 1, \"b\": 2}\n", "2:10", "the first is at x.yaml:2:4");
    refused("1: x\n'1': y\n", "2:1", "\"1\" stands twice");
    refused("yes: x\ntrue: y\n", "2:1", "\"true\" stands twice");
    refused("- a: &x {k: 1}\n- k: {<<: *x, k: 2, k: 3}\n", "2:21", "\"k\" stands twice");
    refused("a: 1\n---\nb: 1\nb: 1\n", "4:1", "the first is at x.yaml:3:1");
    assert_eq!(read("a: {k: 1}\nb: {k: 1}\n---\na: 1\n", "x").unwrap().len(), 2);
}

#[test]
fn what_is_broken_is_refused_with_its_place() {
    let mut wrong = Vec::new();
    for (text, place, message) in [
        ("a: [1, 2\n", "2:1", ""),
        ("a: \"open\n", "1:4", "unexpected end"),
        ("a: b: c\n", "1:5", "mapping values"),
        ("a: 1\n b: 2\n", "2:3", ""),
        ("\ta: 1\n", "1:2", "tab"),
        ("a:\n\tb: 1\n", "2:2", ""),
        ("-\ta\n", "1:3", "tab"),
        ("a: x\n\t y\n", "1:4", "tab"),
        ("a: *gone\n", "1:4", "anchor"),
        ("a: &x 1\n---\nb: *x\n", "3:4", "anchor"),
        ("&a [*a]\n", "1:5", "contains itself"),
        ("a: &a {b: *a}\n", "1:11", "contains itself"),
        ("a: !!int abc\n", "1:4", "`abc` is no !!int"),
        ("a: !!int 1.5\n", "1:4", "is no !!int"),
        ("a: !!bool 1\n", "1:4", "is no !!bool"),
        ("a: !!null x\n", "1:4", "is no !!null"),
        ("a: !!float yes\n", "1:4", "is no !!float"),
        ("a: !!timestamp 2001-13-01\n", "1:4", "is no !!timestamp"),
        ("a: !!binary '*'\n", "1:4", "is no !!binary"),
        ("a: .inf\n", "1:4", ".inf has no form in JSON"),
        ("a: -.inf\n", "1:4", ".inf has no form in JSON"),
        ("a: .nan\n", "1:4", ".nan has no form in JSON"),
        ("~: x\n", "1:1", "cannot be a key"),
        (": x\n", "1:1", "cannot be a key"),
        ("? [a]\n: x\n", "1:3", "a sequence cannot be a key"),
        ("{a: 1}: x\n", "1:1", "a mapping cannot be a key"),
        ("a: &x [1]\n*x : y\n", "2:1", "cannot be a key"),
        ("18446744073709551615: x\n", "1:1", "too large"),
        ("a: {<<: 1}\n", "1:9", "merge key"),
        ("a: &x [{b: 1}]\nc: {<<: *x}\n", "2:9", "merge key"),
        ("c: {<<: [{}, 1]}\n", "1:9", "merge key"),
        ("a: x\u{7}y\n", "1:5", "U+0007"),
        ("a: 1\nb: \u{0}\n", "2:4", "U+0000"),
        ("é: x\u{85}y\n", "1:5", "U+0085 is a line break"),
        ("a: 1\n# \u{2028}\n", "2:3", "U+2028 is a line break"),
        ("a: \u{feff}\n", "1:4", "U+FEFF"),
        ("[a:]\n", "1:2", "colon"),
        ("[:a]\n", "1:2", "colon"),
        ("{a: b, c:}\n", "1:8", "colon"),
    ] {
        let found = match read(text, "x.yaml") {
            Err(error) => format!("{} at {}", error.message(), error.place().unwrap()),
            Ok(documents) => format!("{documents:?}"),
        };
        let place = format!("x.yaml:{place}");
        if !(found.contains(message) && found.ends_with(&place)) {
            wrong.push(format!("{text:?}: {found}, not {message} at {place}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn documents() {
    let lines = |text: &str| read(text, "x").unwrap().into_iter().map(|d| (d.line, d.value)).collect::<Vec<_>>();
    assert_eq!(lines(""), []);
    assert_eq!(lines("# only a comment\n"), []);
    assert_eq!(lines("---\n---\n~\n---\nnull\n...\n"), []);
    assert_eq!(
        lines("a: 1\n---\n# x\n---\n- b\n...\n---\n\nc\n"),
        [(1, json!({"a": 1})), (5, json!(["b"])), (9, json!("c"))]
    );
    assert_eq!(lines("\u{feff}---\r\na: 1\r\n---\r\nb: 2\r\n"), [(2, json!({"a": 1})), (4, json!({"b": 2}))]);
    assert_eq!(lines("%YAML 1.1\n---\na: 1\n"), [(3, json!({"a": 1}))]);
    assert_eq!(read_one("", "x").unwrap(), Value::Null);
    assert_eq!(read_one("---\n---\na: 1\n", "x").unwrap(), json!({"a": 1}));
    let error = read_one("a: 1\n---\nb: 1\n", "x").unwrap_err();
    assert_eq!(error.place().unwrap().to_string(), "x:3");
    assert!(error.message().contains("the first starts at x:1"), "{error:?}");
}

/// Expected are kubectl's own answers.
#[test]
fn lines_in_brackets_and_quotes_may_stand_at_the_left() {
    for (text, value) in [
        ("a: [\n1\n]\n", json!({"a": [1]})),
        ("a:\n  b: [\n    1\n]\n", json!({"a": {"b": [1]}})),
        ("a:\n  b:\n    c: {\nd: [\ne\n]}\n  f: 1\n", json!({"a": {"b": {"c": {"d": ["e"]}}, "f": 1}})),
        ("a: \"x\ny\"\n", json!({"a": "x y"})),
        ("a:\n  b: \"x\n\n y\\\nz\n\"\nc: 1\n", json!({"a": {"b": "x\nyz "}, "c": 1})),
        ("a: 'x\ny'\n", json!({"a": "x y"})),
        ("a:\n- b:\n  - [\n1,\n\"x\ny\"\n]\n- c\n", json!({"a": [{"b": [[1, "x y"]]}, "c"]})),
        ("- - - [\n1]\n", json!([[[[1]]]])),
        ("a: [x\n y\nz]\n", json!({"a": ["x y z"]})),
    ] {
        assert_eq!(read_one(text, "x").unwrap(), value, "{text}");
    }
    refused("a: [\n---\n]\n", "2:1", "");
    refused("a: [\n1\n", "3:1", "expected");
    refused("a: [\n1]\nb: 1\nb: 2\n", "4:1", "stands twice");
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(read_one("a: |\n  x", "x").unwrap(), json!({"a": "x\n"}));
    assert_eq!(read_one("a: |\n  x\n  ", "x").unwrap(), json!({"a": "x\n"}));
    assert_eq!(read_one("a: |-\n  x", "x").unwrap(), json!({"a": "x"}));
}

#[test]
fn keys_keep_the_order_of_the_text() {
    let value = read_one("z: 1\na: 2\nm: 3\n", "x").unwrap();
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["z", "a", "m"]);
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_file(&folder.path().join("gone.yaml")).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("gone.yaml"), "{error:?}");
    assert_eq!(read_file(folder.path()).unwrap_err().kind(), Kind::System);
    let path = folder.path().join("latin1.yaml");
    std::fs::write(&path, b"a: 1\nb: \xe9\n").unwrap();
    let error = read_file(&path).unwrap_err();
    assert!(error.message().contains("UTF-8"), "{error:?}");
    assert_eq!(error.place().unwrap().line, 2);
    let limits = Limits::default();
    std::fs::write(&path, vec![b'#'; limits.text + 1]).unwrap();
    assert!(read_file(&path).unwrap_err().message().contains("more than 16 MiB"));
}

#[test]
fn every_bound_holds_with_its_place() {
    let small = Limits { text: 400, scalar: 10, depth: 3, nodes: 20, expanded: 60, twice: false };
    for (text, place, message) in [
        ("#".repeat(401), "x", "more than 400 bytes"),
        (format!("a: {}", "b".repeat(11)), "x:1:4", "a single value of more than 10 bytes"),
        ("[[[\n[]]]]".into(), "x:2:1", "deeper than 3"),
        ("a:\n b:\n  c:\n   d: 1".into(), "x:4:4", "deeper than 3"),
        ("- &a [[]]\n- [*a]\n- [[*a]]\n".into(), "x:2:4", "deeper than 3"),
        ("- a\n".repeat(30), "x:20:3", "more than 20 values"),
        ("- &a [1, 2, 3, 4, 5, 6]\n- *a\n- *a\n".into(), "x:3:3", "more than 20 values"),
        ("- &a abcdefghij\n- *a\n- *a\n- *a\n- *a\n- *a\n- *a\n".into(), "x:7:3", "more than 60 bytes of text"),
    ] {
        let error = read_within(&text, "x", &small).expect_err(&text);
        assert!(error.message().contains(message), "{text}: {error:?}");
        assert_eq!(error.place().unwrap().to_string(), place, "{text}: {error:?}");
    }
    assert!(read_within("- &a [[1]]\n- *a\n", "x", &small).is_ok());
}

/// What a hostile text costs must be in proportion to its length.
#[test]
fn hostile_texts_end_soon() {
    let bomb = |first: &str, row: &dyn Fn(usize) -> String| {
        (1..12).map(row).fold(format!("a0: &a0 {first}\n"), |all, row| all + row.as_str())
    };
    let ten = |i: usize| vec![format!("*a{}", i - 1); 10].join(",");
    let texts: Vec<(&str, String, bool)> = vec![
        ("brackets", "[".repeat(100_000), false),
        ("braces", "{a: ".repeat(100_000), false),
        ("dashes", "- ".repeat(1_000_000), false),
        ("question marks", "? ".repeat(1_000_000), false),
        ("colons", "a:".repeat(500_000), false),
        ("quotes", format!("{{{}", "\"a\":".repeat(100_000)), false),
        ("indentation", (0..2000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(), false),
        ("a long scalar", format!("a: {}\n", "x".repeat(1_000_000)), true),
        ("a long quoted scalar", format!("a: \"{}\"\n", "x\\n".repeat(300_000)), true),
        ("too long a scalar", format!("a: {}\n", "x".repeat(5_000_000)), false),
        ("an open quote", format!("a: \"{}", "x y\n ".repeat(200_000)), false),
        ("a list of bombs", bomb("[x]", &|i| format!("a{i}: &a{i} [{}]\n", ten(i))), false),
        ("a bomb of text", format!("a: &a {}\nb: [{}]\n", "x".repeat(1_000_000), ["*a"; 100].join(",")), false),
        ("a cycle", "&a [*a]".into(), false),
        ("many items in a line", format!("[{}]", "1,".repeat(100_000)), true),
        ("many lists in a line", format!("[{}]", "[],".repeat(100_000)), true),
        ("many lines at the left", format!("a: [\n{}]", "1,\n".repeat(100_000)), false),
        ("many keys", (0..50_000).map(|i| format!("k{i}: 1\n")).collect(), true),
        ("many anchors", (0..50_000).map(|i| format!("- &a{i} x\n")).collect(), true),
        ("many documents", "---\na: 1\n".repeat(50_000), true),
        ("many comments", "# x\n".repeat(300_000), true),
        ("blanks", " ".repeat(1_000_000) + "a: 1\n", true),
        ("line breaks", "\n".repeat(1_000_000), true),
        ("exclamation marks", "!".repeat(1_000_000), false),
        ("tabs", "\t".repeat(1_000_000), true),
    ];
    for (what, text, fine) in texts {
        let start = Instant::now();
        let result = read(&text, "x.yaml");
        assert!(start.elapsed() < Duration::from_secs(10), "{what} took {:?}", start.elapsed());
        assert_eq!(result.is_ok(), fine, "{what}: {:?}", result.err());
        if let Err(error) = result {
            assert!(error.place().is_some_and(|p| p.line > 0), "{what}: {error:?}");
            assert!(error.message().len() < 300, "{what}: {}", error.message().len());
        }
    }
}

#[test]
fn texts_that_could_be_something_else_are_quoted() {
    for text in [
        "yes",
        "y",
        "No",
        "on",
        "0644",
        "0x1F",
        "1e3",
        "1_000",
        "null",
        "~",
        "",
        "true",
        ".inf",
        "-",
        "- a",
        "a: b",
        "a:",
        "#",
        "a #b",
        " a",
        "a ",
        "a\n",
        "\n",
        "a\n\nb",
        "\ta\nb",
        "\n \tx",
        "  a\nb",
        "a\r\nb",
        "é",
        "\u{2028}",
        "\u{85}",
        "\u{feff}x",
        "\u{0}",
        "\u{1b}[0m",
        "😀",
        "---",
        "--- a",
        "...",
        "!a",
        "&a",
        "*a",
        "@a",
        "`a",
        "%a",
        "{a",
        "[a",
        "]",
        "'",
        "\"",
        "\\",
        "2001-01-01",
        "1:30",
        "<<",
        "=",
        "0b1",
        "0b-1",
        "{{ .Values.x }}",
        "a\tb",
        "|",
        ">",
        "?",
        "? a",
        "\u{fffe}",
        "a\n  \nb ",
        "\n\n",
        " \n",
        "\u{a0}",
    ] {
        for value in
            [json!(text), json!({"k": text}), json!([text, text]), json!({text: {text: [text]}}), json!([[text]])]
        {
            let yaml = write(&value).unwrap();
            assert_eq!(read_one(&yaml, "w").unwrap(), value, "{text:?} written as\n{yaml}");
        }
    }
    assert_eq!(
        write(&json!({"a": "yes", "b": "plain text", "c": [1, null]})).unwrap(),
        "a: \"yes\"\nb: plain text\nc:\n- 1\n- null\n"
    );
}

fn any_text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "yes",
        "0644",
        "1e3",
        "null",
        "~",
        "a\nb",
        "  lead",
        "trail ",
        ": ",
        "#",
        " #x",
        "\u{2028}",
        "\u{85}",
        "\u{7}",
        "\t",
        "\r",
        "\n",
        "---",
        "- ",
        "?",
        "!",
        "&a",
        "*a",
        "%",
        "@",
        "`",
        "{",
        "]",
        ",",
        "|",
        ">",
        "\"",
        "'",
        "\\",
        "word",
        "\u{feff}",
        "😀",
        "0x1",
        ".5",
        "_",
        "<<",
        "=",
        " ",
        "{{ .x }}",
        "a very long line of words that goes on",
    ]);
    prop_oneof![
        3 => prop::collection::vec(words, 0..5).prop_map(|words| words.concat()),
        1 => any::<String>(),
        1 => "[ -~]{0,12}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_filter("JSON has finite numbers only", |f| f.is_finite() && f.fract() != 0.0).prop_map(Value::from),
        6 => any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..5).prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_reads_back_equal(value in any_value().prop_filter("null is no document", |v| !v.is_null())) {
        let yaml = write(&value).unwrap();
        let again = read_one(&yaml, "w").map_err(|e| TestCaseError::fail(format!("{e:?}\n{yaml}")))?;
        prop_assert_eq!(printed(&again), printed(&value), "written as\n{}", yaml);
    }

    #[test]
    fn json_is_yaml(value in any_value().prop_filter("null is no document", |v| !v.is_null())) {
        // These four are refused wherever they stand bare; JSON may leave them bare.
        let json = value.to_string();
        prop_assume!(!json.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{7f}', '\u{fffe}', '\u{ffff}']));
        prop_assume!(!json.chars().any(|c| ('\u{80}'..'\u{a0}').contains(&c)));
        let again = read_one(&json, "j").map_err(|e| TestCaseError::fail(format!("{e:?}\n{json}")))?;
        prop_assert_eq!(printed(&again), printed(&value));
    }

    #[test]
    fn no_text_panics(text in "[-a:&*!|>'\"%@`{}\\[\\],?# \t\n\r~.0-9<é]{0,60}") {
        let _ = read(&text, "x");
    }
}
