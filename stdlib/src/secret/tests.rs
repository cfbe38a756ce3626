//! The value of a secret is nowhere but where it belongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass_runtime::secret::{MemoryVault, Origin, Prompter as SecretPrompter, Secret, Vault};
use windlass_runtime::session::{AfterFailure, Prompter};
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Result};

use crate::testing::{Ran, run, run_on};

const CANARY: &str = "Zu7!canary-Kf93 mQ#x";

#[derive(Default)]
struct Person {
    asked: AtomicUsize,
    answer: Option<&'static str>,
}

impl SecretPrompter for Person {
    fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer.ok_or_else(|| Error::new(Kind::Cancelled, "not answered"))?;
        Ok(answer.to_owned().into())
    }
}

impl Prompter for Person {
    fn confirm(&self, _: &str, _: &str) -> Result<bool> {
        Ok(true)
    }
    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Ok(AfterFailure::Stop)
    }
}

fn with_file(script: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, format!("{CANARY}\n")).unwrap();
    run(&format!("let s = secret::file(\"{}\");\n{script}", path.display()))
}

/// The canary in clear, in pieces, and in the encodings that people use.
fn assert_nowhere(ran: &Ran, what: &str) {
    use base64::Engine as _;
    let everything = ran.everything();
    let base64 = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let reversed: String = CANARY.chars().rev().collect();
    let json = serde_json::to_string(CANARY).unwrap();
    let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
    for form in [CANARY, "canary-Kf93", base64.as_str(), reversed.as_str(), json.trim_matches('"'), hex.as_str()] {
        assert!(!everything.contains(form), "{what}: {form} is in {everything}");
    }
}

#[test]
fn the_value_is_in_no_output_whatever_the_script_does_with_it() {
    let scripts = [
        "log::info(s)",
        "log::info(`password=${s}`); print(s); debug(s)",
        "s.to_string()",
        "#{ deep: [#{ password: `x${s}y` }] }",
        "throw `no luck with ${s}`",
        "throw #{ message: `bad ${s}`, hint: s.to_string(), details: [s] }",
        "data::yaml(`/nowhere/${s}`)",
        "data::exists(s)",
        "text::matches(s, \"a\")",
        "secret::env(s)",
        "secret::file(`${s}`)",
        "secret::generate(s)",
        "manifest::load(s)",
        "[#{ kind: \"Secret\", data: s }].set(s, 1)",
        "[#{ kind: s }].with_replicas(1)",
        "[#{ a: s }].set(\"a.b\", 1)",
        "log::info(s.to_string().to_upper())",
        "log::info(s.to_string().sub_string(0, 20))",
        "log::info(s.to_string().split(\"a\"))",
        "let all = \"\"; for c in s.to_string() { all += `${c}-`; } log::info(all); all",
        "let t = s.to_string(); t.replace(\"a\", \"b\"); #{ t: t }",
        "s.to_string().to_blob().to_string()",
        "step_that_does_not_exist(s)",
    ];
    for script in scripts {
        assert_nowhere(&with_file(script), script);
    }
}

#[test]
fn a_secret_that_is_cut_up_or_encoded_is_refused_by_name_of_the_argument() {
    for (script, said) in [
        ("manifest::load(s)", "argument `path` of manifest::load: holds [secret"),
        ("manifest::load(s.to_string().sub_string(3, 20))", "cut up, changed or encoded"),
        ("data::yaml(s.to_string().to_upper())", "cut up, changed or encoded"),
        ("data::exists(`x${s.to_string().sub_string(0, 12)}`)", "cut up, changed or encoded"),
        (
            "text::matches(s.to_string().split(\"\").reduce(|all, c| `${all ?? \"\"}-${c}`), \"a\")",
            "cut up, changed or encoded",
        ),
        ("secret::env(s)", "argument `name` of secret::env"),
    ] {
        let ran = with_file(script);
        let error = ran.error();
        assert_eq!(error["kind"], "secret", "{script}: {error}");
        assert!(error["message"].as_str().unwrap().contains(said) && error["hint"].is_string(), "{script}: {error}");
        assert_nowhere(&ran, script);
    }
}

#[test]
fn a_log_line_names_the_secret_in_its_place() {
    let ran = with_file("log::info(`password=${s}.`)");
    assert!(
        ran.logs()[0].starts_with("password=[secret ") && ran.logs()[0].ends_with("password]."),
        "{:?}",
        ran.logs()
    );
}

#[test]
fn a_secret_comes_from_the_environment() {
    // PATH is set wherever tests run, and long enough for a secret.
    let ran = run("let s = secret::env(\"PATH\"); log::info(`it is ${s}`); `${s}` == `${secret::env(\"PATH\")}`");
    assert_eq!(ran.value(), true, "the same secret has one stand-in");
    assert_eq!(ran.logs(), ["it is [secret PATH]"]);
    assert!(!ran.everything().contains(&std::env::var("PATH").unwrap()));
    let error = run("secret::env(\"WINDLASS_NOT_SET\")").error();
    assert_eq!(
        (error["kind"].as_str(), error["message"].as_str()),
        (Some("not_found"), Some("the environment variable WINDLASS_NOT_SET is not set"))
    );
    assert!(error["hint"].as_str().unwrap().contains("export WINDLASS_NOT_SET"));
}

#[test]
fn a_file_that_is_no_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "ab\n").unwrap();
    std::fs::write(folder.path().join("binary"), b"\xff\xfe\x00\x01").unwrap();
    for (name, kind, said) in [
        ("missing", "not_found", "there is no file"),
        ("short", "usage", "too short"),
        ("binary", "malformed", "UTF-8"),
        ("", "malformed", "is a folder"),
    ] {
        let error = run(&format!("secret::file(\"{}/{name}\")", folder.path().display())).error();
        assert_eq!(error["kind"], kind, "{error}");
        assert!(error["message"].as_str().unwrap().contains(said) && error["hint"].is_string(), "{error}");
    }
}

#[test]
fn a_person_is_asked_once() {
    let person = Arc::new(Person { answer: Some(CANARY), ..Person::default() });
    let script =
        "let a = secret::prompt(\"Password:\"); let b = secret::prompt(\"Password:\"); log::info(a); `${a}` == `${b}`";
    let ran = run_on(NoTarget::new(), script, |b| b.prompter(person.clone()));
    assert_eq!(ran.value(), true);
    assert_eq!(person.asked.load(Ordering::SeqCst), 1);
    assert_eq!(ran.logs(), ["[secret Password:]"]);
    assert_nowhere(&ran, "prompt");
}

#[test]
fn without_a_person_or_an_answer_there_is_no_secret() {
    let error = run("secret::prompt(\"Password:\")").error();
    assert_eq!(error["kind"], "system");
    assert!(error["hint"].as_str().unwrap().contains("secret::env"));
    for (answer, kind) in [(None, "cancelled"), (Some(""), "usage"), (Some("abc"), "usage")] {
        let person = Arc::new(Person { answer, ..Person::default() });
        let ran = run_on(NoTarget::new(), "secret::prompt(\"Password:\")", |b| b.prompter(person));
        assert_eq!(ran.error()["kind"], kind);
    }
}

#[test]
fn a_generated_secret_stays_the_same_for_every_session_of_a_vault() {
    let vault = Arc::new(MemoryVault::new());
    let made = "made the secret mongo and kept it in memory, for this run only";
    for said in [&[made, "[secret mongo]"][..], &["[secret mongo]"]] {
        let script = "let s = secret::generate(\"mongo\", #{ length: 40, alphabet: \"hex\" }); log::info(s); s";
        let ran = run_on(NoTarget::new(), script, |b| b.vault(vault.clone()));
        assert_eq!(ran.logs(), said);
        let kept = vault.read("mongo").unwrap().unwrap();
        assert_eq!(kept.expose().len(), 40);
        assert!(kept.expose().chars().all(|c| c.is_ascii_hexdigit()));
        assert!(!ran.everything().contains(kept.expose()));
    }
    vault.keep("given", &Secret::new(Origin::Age("given".into()), CANARY)).unwrap();
    let ran = run_on(NoTarget::new(), "log::info(secret::generate(\"given\"))", |b| b.vault(vault.clone()));
    assert_eq!(ran.logs(), ["[secret given]"]);
    assert_nowhere(&ran, "a secret that was in the vault");
}

#[test]
fn what_a_secret_cannot_be_made_of_is_refused_and_nothing_is_kept() {
    let vault = Arc::new(MemoryVault::new());
    for (options, said) in [
        ("length: 3", "3 characters"),
        ("length: -1", "-1 characters"),
        ("length: 1000", "1000 characters"),
        ("alphabet: \"hexx\"", "alphabet \"hexx\""),
        ("characters: \"abc\"", "this alphabet"),
        ("lenght: 20", "no option `lenght`"),
    ] {
        let script = format!("secret::generate(\"x\", #{{ {options} }})");
        let error = run_on(NoTarget::new(), &script, |b| b.vault(vault.clone())).error();
        assert_eq!(error["kind"], "usage", "{error}");
        assert!(error["message"].as_str().unwrap().contains(said) && error["hint"].is_string(), "{error}");
    }
    assert!(vault.read("x").unwrap().is_none());
}
