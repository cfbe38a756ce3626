use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::*;
use crate::Kind;

fn env(name: &str) -> Origin {
    Origin::Env(name.into())
}

fn registry_with(value: &str) -> (Registry, String) {
    let registry = Registry::new();
    let placeholder = registry.register(Secret::new(env("DB"), value)).unwrap();
    let text = placeholder.as_str().to_owned();
    (registry, text)
}

fn is_damaged(registry: &Registry, text: &str) -> bool {
    registry.inspect(text) == Inspection::Damaged { of: vec![env("DB")] }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_placeholder_has_a_fixed_length_and_says_nothing_of_the_value() {
    let registry = Registry::new();
    for value in ["1234", &"x".repeat(5000)] {
        let placeholder = registry.register(Secret::new(env("A"), value)).unwrap();
        assert_eq!(placeholder.as_str().len(), Placeholder::LENGTH);
        assert!(placeholder.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert!(placeholder.as_str().starts_with(|c: char| c.is_ascii_lowercase()));
    }
}

#[test]
fn the_same_secret_gets_the_same_placeholder_and_another_gets_another() {
    let (registry, first) = registry_with("value-one");
    let again = registry.register(Secret::new(env("DB"), "value-one")).unwrap();
    let changed = registry.register(Secret::new(env("DB"), "value-two")).unwrap();
    let elsewhere = registry.register(Secret::new(env("OTHER"), "value-one")).unwrap();
    assert_eq!(again.as_str(), first);
    assert!(changed.as_str() != first && elsewhere.as_str() != first && elsewhere != changed);
    assert_eq!(registry.secret(&first).unwrap().expose(), "value-one");
    assert_eq!(registry.placeholder_of(&env("DB")), Some(changed));
    assert!(registry.secret("nonsense").is_none());
}

#[test]
fn short_values_are_refused_except_from_kubernetes() {
    let registry = Registry::new();
    for value in ["", "abc", "  abc\n", "äöü"] {
        let error = registry.register(Secret::new(env("PIN"), value)).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("PIN") && error.hint_text().unwrap().contains("4 characters"));
    }
    let placeholder = registry.register(Secret::new(Origin::Kubernetes("ns/s/k".into()), "1")).unwrap();
    assert_eq!(registry.mask("1 of 1"), "1 of 1");
    assert_eq!(registry.mask(placeholder.as_str()), "[secret ns/s/k]");
    assert!(matches!(registry.inspect(placeholder.as_str()), Inspection::Template(_)));
}

#[test]
fn whole_placeholders_make_a_template() {
    let (registry, db) = registry_with("hunter2-hunter2");
    let other = registry.register(Secret::new(env("OTHER"), "swordfish")).unwrap();
    let text = format!("postgres://u:{db}@h/{other}{db}?x=1");
    let template = registry.inspect(&text).template("a log line").unwrap().unwrap();
    assert_eq!(template.to_string(), "postgres://u:[secret DB]@h/[secret OTHER][secret DB]?x=1");
    assert_eq!(*template.resolve(&registry).unwrap(), "postgres://u:hunter2-hunter2@h/swordfishhunter2-hunter2?x=1");
    assert_eq!(template.names(), ["DB", "OTHER"]);
    assert_eq!(template.script_text(), text);
    assert_eq!(template.placeholders().count(), 3);
    assert_eq!(Inspection::Template(template.clone()), registry.inspect(&template.script_text()));
    let error = template.refused("a ConfigMap");
    assert_eq!(error.kind(), Kind::Secret);
    assert_eq!(error.message(), "a ConfigMap takes no secrets, and was given the secrets DB and OTHER");
}

#[test]
fn texts_without_secrets_are_clean() {
    let registry = Registry::new();
    assert_eq!(registry.inspect("anything"), Inspection::Clean);
    let (registry, _) = registry_with("hunter2-hunter2");
    for text in ["", "apiVersion: v1\nkind: ConfigMap\n", "the value itself, hunter2-hunter2, is no placeholder"] {
        assert_eq!(registry.inspect(text), Inspection::Clean);
    }
    assert!(registry.inspect("clean").clean("a log line").is_ok());
}

#[test]
fn every_piece_of_eight_characters_is_damage_and_the_error_names_the_secret() {
    let (registry, db) = registry_with("hunter2-hunter2");
    for start in 0..=32 {
        for end in start + 8..=40 {
            if end - start < 40 {
                assert!(is_damaged(&registry, &format!("<{}>", &db[start..end])), "{start}..{end}");
            }
        }
    }
    assert_eq!(registry.inspect(&db[3..10]), Inspection::Clean);
    let error = registry.inspect(&db[..20]).template("Secret/db").unwrap_err();
    assert_eq!(error.kind(), Kind::Secret);
    assert_eq!(error.message(), "Secret/db was given a part or an altered form of the secret DB");
    assert!(registry.inspect(&db[..20]).clean("a log line").is_err());
}

#[test]
fn a_changed_placeholder_is_damage() {
    let (registry, db) = registry_with("hunter2-hunter2");
    let spaced = |by: &str| db.chars().map(String::from).collect::<Vec<_>>().join(by);
    let pairs = db.as_bytes().chunks(2).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join("-");
    let mixed: String =
        db.chars().enumerate().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    let reversed: String = db.chars().rev().collect();
    let percent: String = db.bytes().map(|b| format!("%{b:02X}")).collect();
    let some_percent: String = db
        .bytes()
        .enumerate()
        .map(|(i, b)| if i % 3 == 0 { format!("%{b:02x}") } else { char::from(b).into() })
        .collect();
    let json_escapes: String = db.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let x_escapes: String = db.bytes().map(|b| format!("\\x{b:02x}")).collect();
    let bytes: Vec<u8> = db.bytes().collect();
    let utf16: Vec<u8> = db.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let list = serde_json::to_string_pretty(&db.chars().collect::<Vec<_>>()).unwrap();
    let one_changed: String = db.chars().enumerate().map(|(i, c)| if i == 15 { '_' } else { c }).collect();
    for text in [
        db.to_uppercase(),
        mixed.clone(),
        reversed.clone(),
        reversed.to_uppercase(),
        spaced(" "),
        spaced("-"),
        spaced("\n"),
        spaced("\\n"),
        spaced(" – "),
        spaced("\u{200b}"),
        pairs.clone(),
        pairs.to_uppercase(),
        percent.clone(),
        percent.to_lowercase(),
        some_percent,
        json_escapes,
        x_escapes,
        hex(&bytes),
        hex(&bytes).to_uppercase(),
        hex(db.to_uppercase().as_bytes()),
        bytes.iter().map(|b| format!("0x{b:02x}, ")).collect(),
        bytes.iter().map(|b| format!("{b:02x} ")).collect(),
        format!("{bytes:?}"),
        list,
        one_changed,
        STANDARD.encode(&utf16),
        STANDARD.encode(&reversed),
        STANDARD.encode(&mixed),
        STANDARD.encode(&pairs),
        STANDARD.encode(STANDARD.encode(format!("{{\"auth\":\"{}\"}}", STANDARD.encode(format!("user:{db}"))))),
        hex(STANDARD.encode(&db).as_bytes()),
        STANDARD.encode(&db).chars().map(|c| format!("{c} ")).collect(),
        format!("{db} and {}", &db[..8]),
        format!("{db}{}", &db[..39]),
        format!("{db} {}", STANDARD.encode(&db)),
    ] {
        assert!(is_damaged(&registry, &text), "{text}");
    }
    for before in 0..4 {
        for value in [&db, &db.to_uppercase(), &db[4..14].to_owned()] {
            let text = format!("{}{value}{}", "é?>~".chars().take(before).collect::<String>(), "tail");
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text), STANDARD_NO_PAD.encode(&text)] {
                assert!(is_damaged(&registry, &format!("data: {encoded}\n")), "{encoded}");
            }
        }
    }
}

#[test]
fn damage_names_every_secret_concerned_and_no_other() {
    let registry = Registry::new();
    let place: Vec<_> =
        (0..4).map(|i| registry.register(Secret::new(env(&format!("S{i}")), format!("value-{i}"))).unwrap()).collect();
    let text = format!("{} {} {}", place[0], &place[1].as_str()[..9], place[3].as_str().to_uppercase());
    assert_eq!(registry.inspect(&text), Inspection::Damaged { of: vec![env("S1"), env("S3")] });
}

#[test]
fn a_stored_template_holds_no_value_and_comes_back() {
    let (registry, db) = registry_with("hunter2-hunter2");
    let template = registry.inspect(&format!("u:{db}!")).template("state").unwrap().unwrap();
    let json = serde_json::to_string(&template.stored()).unwrap();
    assert_eq!(json, r#"[{"text":"u:"},{"secret":{"env":"DB"}},{"text":"!"}]"#);
    let stored: StoredTemplate = serde_json::from_str(&json).unwrap();
    assert_eq!(stored.restore(&registry).unwrap(), template);

    let resumed = Registry::new();
    let error = stored.restore(&resumed).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.message().contains("DB"));
    for origin in stored.origins() {
        resumed.register(Secret::new(origin.clone(), "another value")).unwrap();
    }
    assert_eq!(*stored.restore(&resumed).unwrap().resolve(&resumed).unwrap(), "u:another value!");
    assert_eq!(template.resolve(&resumed).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn nothing_public_shows_a_value() {
    const CANARY: &str = "canary-7f3a";
    for origin in [
        env("DB"),
        Origin::File("/etc/db".into()),
        Origin::Prompt("Password?".into()),
        Origin::Command("pass".into()),
        Origin::Kubernetes("ns/db/password".into()),
        Origin::Age("db".into()),
        Origin::Generated("db".into()),
    ] {
        let registry = Registry::new();
        let secret = Secret::new(origin.clone(), CANARY);
        let placeholder = registry.register(secret.clone()).unwrap();
        let inspection = registry.inspect(&format!("a {placeholder}"));
        let damaged = registry.inspect(&placeholder.as_str()[..20]);
        let template = inspection.clone().template("x").unwrap().unwrap();
        let stored = template.stored();
        let lost = stored.restore(&Registry::new()).unwrap_err();
        let shown = format!(
            "{secret} {secret:?} {secret:#?} {origin} {origin:?} {placeholder} {placeholder:?} {registry:?} {registry:#?} \
             {inspection:?} {damaged:?} {template} {template:?} {template:#?} {:?} {stored:?} {} {} {:?} {lost:?} {:?}",
            template.pieces(),
            serde_json::to_string(&stored).unwrap(),
            serde_json::to_string(&origin).unwrap(),
            template.refused("x"),
            damaged.clone().clean("x").unwrap_err(),
        );
        assert!(!shown.contains("canary") && !shown.contains("7f3a"), "{shown}");
        assert!(shown.contains(&*origin.name()));
        assert_eq!(serde_json::from_str::<Origin>(&serde_json::to_string(&origin).unwrap()).unwrap(), origin);
    }
}

#[test]
fn a_secret_cannot_be_serialised() {
    trait MaybeSerialize<T> {
        fn check() {}
    }
    struct Yes;
    impl<T> MaybeSerialize<()> for T {}
    impl<T: serde::Serialize> MaybeSerialize<Yes> for T {}
    // Ambiguous, and so an error of the compiler, as soon as one of them is `Serialize`.
    <Secret as MaybeSerialize<_>>::check();
    <Registry as MaybeSerialize<_>>::check();
    <Template as MaybeSerialize<_>>::check();
}

#[test]
fn a_name_with_control_characters_does_not_reach_the_terminal() {
    assert_eq!(Origin::File("/tmp/\u{1b}[31m\n".into()).mark(), "[secret /tmp/ [31m ]");
}

#[test]
fn values_in_capitals_are_masked() {
    let (registry, placeholder) = registry_with("Value/one+2");
    for text in ["VALUE/ONE+2", "value/one+2", "VALUE%2FONE%2B2", &placeholder.to_ascii_uppercase()] {
        assert_eq!(registry.mask(&format!("it is {text}!")), "it is [secret DB]!", "{text}");
    }
}

#[test]
fn masking_twice_is_masking_once() {
    for value in ["secret", "[sec", "cret", "[secret DB]"] {
        let (registry, db) = registry_with(value);
        let once = registry.mask(&format!("a {value} b {db}")).into_owned();
        assert_eq!(once, "a [secret DB] b [secret DB]");
        assert_eq!(registry.mask(&once), once);
    }
}

#[test]
fn overlapping_values_leave_no_rest() {
    let registry = Registry::new();
    for (name, value) in [("A", "abcdefgh"), ("B", "efghijkl"), ("C", "abcd"), ("D", "zzzz")] {
        registry.register(Secret::new(env(name), value)).unwrap();
    }
    assert_eq!(registry.mask("<abcdefghijkl>"), "<[secret A]>");
    assert_eq!(registry.mask("<abcdzzzz>"), "<[secret C][secret D]>");
    assert_eq!(registry.mask("zzzzzzz"), "[secret D]");
}

#[test]
fn keys_are_masked_by_the_line_and_in_wrapped_base64() {
    let body: Vec<String> = (0..24_u8).map(|i| STANDARD.encode([i.wrapping_mul(37) ^ 0x5a; 48])).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", body.join("\n"));
    let (registry, _) = registry_with(&pem);
    let indented: String = pem.lines().map(|l| format!("    {l}\n")).collect();
    let encoded = STANDARD.encode(format!("x{pem}"));
    let wrapped: String =
        encoded.as_bytes().chunks(76).map(|c| format!("  {}\n", std::str::from_utf8(c).unwrap())).collect();
    for text in [
        pem.clone(),
        indented,
        serde_json::json!({ "key": pem }).to_string(),
        format!("cut off: {}", &pem[..pem.len() / 2]),
        encoded.clone(),
        wrapped.clone(),
        serde_json::json!({ "key": wrapped }).to_string(),
        hex(pem.as_bytes()),
    ] {
        let masked = registry.mask(&text);
        for secret in body.iter().map(String::as_str).chain([&encoded[40..60], &wrapped[90..110]]) {
            assert!(!masked.contains(secret), "{secret} in {masked}");
        }
        assert!(masked.contains("[secret DB]"));
    }
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----";
    assert_eq!(registry.mask(certificate), certificate);
}

#[test]
fn quoting_and_truncation_at_characters_are_right() {
    let (registry, _) = registry_with("pä\"ss'w/ö<&>rd\\ 1%");
    let value = "pä\"ss'w/ö<&>rd\\ 1%";
    let json = serde_json::json!([value]).to_string();
    let twice = serde_json::json!([json]).to_string();
    for text in [
        json,
        twice,
        r#"p\u00e4\"ss'w/\u00f6<&>rd\\ 1%"#.into(),
        r#"pä\"ss'w/ö\u003c\u0026\u003erd\\ 1%"#.into(),
        r#"pä\"ss'w\/ö<&>rd\\ 1%"#.into(),
        format!("{value:?}"),
        format!("'{}'", value.replace('\'', "'\\''")),
        format!("'{}'", value.replace('\'', "''")),
        "pä&quot;ss&#39;w/ö&lt;&amp;&gt;rd\\ 1%".into(),
        "p%C3%A4%22ss%27w%2F%C3%B6%3C%26%3Erd%5C%201%25".into(),
        "p%c3%a4%22ss%27w%2f%c3%b6%3c%26%3erd%5c+1%25".into(),
        "p%C3%A4%22ss'w/%C3%B6%3C&%3Erd%5C%201%25".into(),
    ] {
        let masked = registry.mask(&text);
        assert!(masked.contains("[secret DB]") && !masked.contains("ss"), "{text} → {masked}");
    }
    let long = "ü".repeat(120);
    let (registry, _) = registry_with(&long);
    assert_eq!(registry.mask(&format!("é{}ß", &long[..100])), "é[secret DB]ß");
}

fn percent(value: &str, upper: bool) -> String {
    value
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).into(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_form_of_a_value_survives(
        value in "[!-~äß€]{4,30}|[a-zA-Z0-9]{32}|[ -~]{90,300}|([a-z\"]{6,80}\n){2,5}",
        before in ".{0,12}",
        after in ".{0,12}",
    ) {
        prop_assume!(value.trim().chars().count() >= MIN_MASKED && !"[secret DB]".contains(value.trim()));
        let (registry, placeholder) = registry_with(&value);
        let joined = format!("{before}{value}{after}");
        let json = serde_json::json!(value).to_string();
        let forms = [
            value.clone(),
            json[1..json.len() - 1].to_owned(),
            percent(&value, true),
            percent(&value, false),
            percent(&value, true).replace("%20", "+"),
            hex(value.as_bytes()),
            placeholder,
        ];
        for form in &forms {
            let masked = registry.mask(&format!("{before}{form}{after}")).into_owned();
            prop_assert!(masked.contains("[secret DB]"), "{}", masked);
            prop_assert!(!masked.contains(form.as_str()), "{} in {}", form, masked);
        }
        for encoded in [STANDARD.encode(&joined), URL_SAFE.encode(&joined)] {
            let masked = registry.mask(&encoded).into_owned();
            // The characters that hold nothing but bits of the value.
            let bits = before.len() * 8..(before.len() + value.len()) * 8;
            let secret = &encoded[bits.start.div_ceil(6)..bits.end / 6];
            prop_assert!(masked.contains("[secret DB]"), "{}", masked);
            prop_assert!(!masked.contains(secret), "{} in {}", secret, masked);
            prop_assert!(masked.len() <= encoded.len() - secret.len() + "[secret DB]".len(), "{} of {}", masked, encoded);
        }
    }

    #[test]
    fn text_without_secrets_is_untouched(text in "[ -~\n]{0,400}|\\PC{0,100}", value in "[a-z0-9]{12,40}") {
        let (registry, _) = registry_with(&value);
        prop_assume!(!text.contains(&value));
        prop_assert_eq!(registry.mask(&text), text.as_str());
        prop_assert!(matches!(registry.mask(&text), std::borrow::Cow::Borrowed(_)));
        prop_assert_eq!(registry.inspect(&text), Inspection::Clean);
    }

    #[test]
    fn whole_placeholders_between_any_text_are_a_template(before in "\\PC{0,40}", after in "\\PC{0,40}") {
        let (registry, db) = registry_with("hunter2-hunter2");
        let text = format!("{before}{db}{after}");
        let template = registry.inspect(&text).template("x").unwrap().unwrap();
        prop_assert_eq!(template.script_text(), text);
        prop_assert_eq!(&*template.resolve(&registry).unwrap(), &format!("{before}hunter2-hunter2{after}"));
    }
}

#[test]
fn many_threads_share_a_registry() {
    let registry = Registry::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let registry = &registry;
            scope.spawn(move || {
                for i in 0..20 {
                    let value = format!("value-{}", i % 10);
                    let placeholder = registry.register(Secret::new(env(&format!("E{}", i % 10)), &*value)).unwrap();
                    assert_eq!(registry.secret(placeholder.as_str()).unwrap().expose(), value);
                    assert!(matches!(registry.inspect(placeholder.as_str()), Inspection::Template(_)), "{thread}");
                    assert_eq!(registry.mask(&value), format!("[secret E{}]", i % 10));
                }
            });
        }
    });
    assert_eq!(format!("{registry:?}").matches("Env").count(), 10);
}

#[test]
fn secrets_that_come_one_by_one_are_all_known() {
    let registry = Registry::new();
    let value = |i: usize| format!("value-{i:03}-{}", "x".repeat(i % 3 * 60));
    let mut placeholders = Vec::new();
    for i in 0..70 {
        placeholders.push(registry.register(Secret::new(env(&format!("E{i}")), value(i))).unwrap());
        for known in [0, i / 2, i] {
            assert_eq!(registry.mask(&format!("<{}>", value(known))), format!("<[secret E{known}]>"));
            let text = format!("{}{}", placeholders[known], placeholders[i]);
            let template = registry.inspect(&text).template("x").unwrap().unwrap();
            assert_eq!(*template.resolve(&registry).unwrap(), format!("{}{}", value(known), value(i)));
        }
    }
}

#[test]
fn the_largest_file_and_a_text_of_nothing_but_hits_are_masked() {
    let lines: String = (0..6_000).map(|i| format!("{:>49}\n", i * 7919)).collect();
    let (registry, _) = registry_with(&lines);
    assert_eq!(registry.mask(&lines).trim(), "[secret DB]");
    assert_eq!(registry.mask(&format!("a {} b", &lines[150_000..150_100])).matches("[secret DB]").count(), 1);
    let (registry, _) = registry_with("aaaa");
    registry.register(Secret::new(env("OTHER"), "aaaaaa")).unwrap();
    assert_eq!(registry.mask(&"a".repeat(100_000)), "[secret OTHER]");
}

#[test]
fn runs_of_one_character_are_masked_only_beside_more_of_the_secret() {
    let rule = "#".repeat(80);
    let config = format!("{rule}\n# the credentials\n{rule}\n\npassword = {}\n{rule}\n", "p4ss".repeat(30));
    let (registry, _) = registry_with(&config);
    let other = format!("{rule}\nanother file\n{rule}\n");
    assert_eq!(registry.mask(&other), other);
    assert_eq!(registry.mask(&config).trim_matches(['#', '\n']), "[secret DB]");
    let (registry, _) = registry_with(&rule);
    assert_eq!(registry.mask(&other), "[secret DB]\nanother file\n[secret DB]\n");
}

#[test]
fn marks_are_recognised_whatever_their_names_hold() {
    let registry = Registry::new();
    registry.register(Secret::new(Origin::Prompt("a] [secret b]".into()), "secret")).unwrap();
    registry.register(Secret::new(Origin::Prompt("b".into()), "[secret")).unwrap();
    let once = registry.mask("the secret, [secret c]").into_owned();
    assert_eq!(registry.mask(&once), once);
    assert_eq!(once.matches("[secret ").count(), 2 + 1, "{once}");
}

/// Prints what it costs to look for secrets in half a megabyte of manifests.
#[test]
#[ignore = "measures: cargo test --release -p windlass-runtime --lib what_inspecting_costs -- --ignored --nocapture"]
fn what_inspecting_costs() {
    let registry = Registry::new();
    for i in 0..20 {
        registry.register(Secret::new(env(&format!("E{i}")), format!("value-number-{i}"))).unwrap();
    }
    let one = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: ef-cim\n  labels: {app: cim, \"a\\tb\": \"50%\"}\n\
               spec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: cim\n          image: r.example/cim:4.1\n";
    let mut manifests = one.repeat(450_000 / one.len());
    manifests.push_str(&STANDARD.encode([7_u8; 3000]));
    for (what, run) in [
        ("inspect", &(|| assert_eq!(registry.inspect(&manifests), Inspection::Clean)) as &dyn Fn()),
        ("mask", &|| assert_eq!(registry.mask(&manifests), manifests)),
    ] {
        run();
        let start = Instant::now();
        (0..20).for_each(|_| run());
        let each = start.elapsed() / 20;
        println!("{what}: {each:?} for {} KB", manifests.len() / 1000);
    }
}
