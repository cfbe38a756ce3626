use serde_json::{Value as Json, json};
use windlass_runtime::change::{Probed, ResultWord};
use windlass_runtime::journal::Journal as _;

use super::{KEPT, end_of};
use crate::testing::{Bed, Scripting as _, deployment, merged, on, run_on, runtime};

/// What the containers of these tests answer.
const ANSWERS: &str = r#"
- { command: [expr, "6", "*", "7"], stdout: "42\n" }
- { command: "ls /1 *", code: 1, stderr: "ls: /1: No such file or directory\nls: /2: No such file or directory\nls: /3: No such file or directory\nls: /4: No such file or directory\nls: /5: No such file or directory\nls: /6: No such file or directory\n" }
- { command: "sh -c seq *", code: 1, stdout: "SEQ" }
- { command: "sh -c echo $HOME*", stdout: "/root a b\n" }
- { command: [whoami], container: side, stdout: "nobody\n" }
- { command: "sh -c sleep 4; echo late", takes: 4, stdout: "late\n" }
"#;

/// A command that fails and says so in six lines.
const MISSING: &str = r#"["ls", "/1", "/2", "/3", "/4", "/5", "/6"]"#;
/// One that takes its time.
const SLOW: &str = r#""sleep 4; echo late""#;

/// The numbers up to this one, a line each.
fn numbers(to: u32) -> String {
    (1..=to).map(|number| format!("{number}\n")).collect()
}

fn workload(name: &str, replicas: u32) -> Json {
    let answers = ANSWERS.replace("SEQ", &numbers(20_000).replace('\n', "\\n"));
    let template = json!({"metadata": {"annotations": {"shadow.windlass.dev/exec": answers}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/web:1"},
            {"name": "side", "image": "example.invalid/side:1", "securityContext": {"runAsUser": 65534}}]}});
    merged(deployment(name, replicas), &json!({"spec": {"template": template}}))
}

fn web(bed: &Bed) -> String {
    let ns = bed.namespace();
    bed.apply_as("kubectl", &ns, workload("web", 2));
    bed.until_rolled_out("deployment/web", &ns);
    ns
}

fn exec(ns: &str, command: &str, options: &str) -> String {
    format!("cluster::exec(\"Deployment/web\", {command}, #{{ namespace: {ns:?}, {options} }})")
}

#[on(shadow, node)]
fn a_command_gives_its_exit_code_and_what_it_wrote(bed: Bed) {
    let ns = web(&bed);
    let ran = bed.run(&exec(&ns, r#"["expr", "6", "*", "7"]"#, ""));
    let value = ran.value();
    assert_eq!((&value["code"], &value["stdout"], &value["stderr"]), (&json!(0), &json!("42\n"), &json!("")));
    assert_eq!((&value["changed"], &value["reason"]), (&json!(true), &json!("a command always changes")));
    assert_eq!(bed.run(&exec(&ns, r#"["whoami"]"#, "container: \"side\"")).value()["stdout"], "nobody\n");
    assert_eq!(bed.run(&exec(&ns, r#""echo $HOME 'a b'""#, "shell: true")).value()["stdout"], "/root a b\n");
    let failed = bed.run(&exec(&ns, MISSING, "check: false")).value();
    assert_eq!(failed["code"], 1);
    let pod = bed.list("Pod", &ns)[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let script = format!("cluster::exec(\"Pod/{pod}\", [\"echo\", \"a  b\"], #{{ namespace: {ns:?} }}).stdout");
    assert_eq!(bed.run(&script).value(), "a  b\n");
}

#[on(shadow, node)]
fn what_it_reads_may_be_a_secret_which_shows_nowhere(bed: Bed) {
    let ns = web(&bed);
    let script = format!(
        "let s = secret::generate(\"db\"); let r = {}; log::info(r.stdout); r.stdout.len()",
        exec(&ns, r#"["cat"]"#, "stdin: `password: ${s}`")
    );
    let ran = bed.run(&script);
    assert!(ran.value().as_i64().unwrap() > 20);
    assert!(ran.everything().contains("[secret db]"), "{}", ran.everything());
    let refused =
        bed.run(&format!("let s = secret::generate(\"db\"); {}", exec(&ns, "[\"echo\", `${s}`]", ""))).error();
    assert_eq!(refused["kind"], "secret", "{refused}");
}

#[on(shadow, node)]
fn a_guard_says_when_a_command_is_not_needed(bed: Bed) {
    let ns = bed.namespace();
    bed.apply_as("kubectl", &ns, workload("web", 1));
    bed.until_rolled_out("deployment/web", &ns);
    let touch = exec(&ns, r#"["touch", "/tmp/initialised"]"#, r#"creates: "/tmp/initialised""#);
    let first = bed.run(&touch);
    assert_eq!(first.value()["changed"], true);
    let second = bed.run(&touch).value();
    assert_eq!((&second["changed"], &second["code"]), (&json!(false), &Json::Null));
    assert_eq!(second["reason"], "/tmp/initialised is there already");
    for (guard, reason) in
        [(r#"unless: ["true"]"#, "`true` succeeds"), (r#"only_if: ["ls", "/1", "/2"]"#, "`ls /1 /2` does not succeed")]
    {
        let ran = bed.run(&exec(&ns, r#"["echo", "done"]"#, guard)).value();
        assert_eq!((&ran["changed"], &ran["reason"]), (&json!(false), &json!(reason)), "{ran}");
    }
    for guard in [r#"unless: ["false"]"#, r#"only_if: ["true"]"#, r#"creates: "/elsewhere""#] {
        assert_eq!(bed.run(&exec(&ns, r#"["echo", "done"]"#, guard)).value()["stdout"], "done\n", "{guard}");
    }
    // Cut between intent and result: what it makes tells.
    let cut = |ran: &crate::testing::Ran| {
        let (intent, _) = ran.journal.entries().unwrap().pop().unwrap();
        windlass_runtime::undo::probe(&runtime().session(bed.target()).open(), &intent).unwrap()
    };
    assert_eq!(cut(&first), [Probed::TookEffect]);
    let elsewhere = bed.run(&exec(&ns, r#"["echo", "done"]"#, r#"creates: "/tmp/initialised/not""#));
    // Only where commands run it is known that there is nothing.
    match cut(&elsewhere).as_slice() {
        [Probed::DidNot] => assert!(bed.testbed().is_some()),
        [Probed::Unclear(_)] => assert!(bed.testbed().is_none()),
        other => panic!("{other:?}"),
    }
    let plain = bed.run(&exec(&ns, r#"["echo", "done"]"#, ""));
    assert!(matches!(cut(&plain).as_slice(), [Probed::Unclear(why)] if why.contains("leaves nothing")));
    let undone = bed.undo(&plain).unwrap();
    assert!(format!("{:?}", undone[0].result).contains("is not known"), "{undone:?}");
}

#[on(shadow, because = "only there it cannot be known what a command answers")]
fn what_cannot_be_known_is_undecided_or_assumed(bed: Bed) {
    let ns = web(&bed);
    let script = exec(&ns, r#"["kcadm.sh", "get", "realms"]"#, "");
    let error = bed.run(&format!("try {{ {script} }} catch (e) {{ \"caught\" }}")).error();
    assert_eq!(error["kind"], "undecided", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("what `kcadm.sh get realms` answers in Pod/web-"), "{message}");
    assert!(error["hint"].as_str().unwrap().contains("option `plan`"), "{error}");
    let ran = bed.run(&exec(&ns, r#"["kcadm.sh", "get", "realms"]"#, r#"plan: "[]""#));
    assert_eq!((&ran.value()["stdout"], &ran.value()["code"]), (&json!("[]"), &json!(0)));
    assert_eq!(ran.report.steps[0].outcome[0].result, ResultWord::Assumed);
    let made = exec(&ns, r#"["initdb"]"#, r#"plan: #{ stderr: "ok" }, creates: "/data/db""#);
    assert_eq!(bed.run(&made).value()["stderr"], "ok");
    assert_eq!(bed.run(&made).value()["reason"], "/data/db is there already");
    let error = bed.run(&exec(&ns, r#"["initdb"]"#, "plan: #{ code: 3 }")).error();
    assert_eq!(error["details"]["code"], 3, "{error}");
}

#[on(shadow, node)]
fn what_fails_says_where_and_why(bed: Bed) {
    let ns = web(&bed);
    let error = bed.run(&exec(&ns, MISSING, "")).error();
    assert_eq!((&error["kind"], &error["details"]["code"]), (&json!("system"), &json!(1)));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("`ls /1 /2 /3 /4 /5 /6` in container main of Pod/web-"), "{message}");
    assert!(message.contains("ended with exit code 1: ls: /2: No such file or directory\nls: /3: "), "{message}");
    assert!(message.ends_with("\nls: /6: No such file or directory"), "{message}");
    for (command, options, kind, said) in [
        (r#""ls""#, "", "usage", "which only a shell takes apart"),
        (r#"["ls"]"#, "shell: true", "usage", "with `shell: true`, a command is a text"),
        ("[]", "", "usage", "the name of a program"),
        (r#"["ls"]"#, "container: \"none\"", "not_found", "has no container none"),
        (r#"["true"]"#, "plan: #{ output: 1 }", "usage", "no option `output`"),
        (r#"["true"]"#, "unless: \"ls\"", "usage", "which only a shell takes apart"),
    ] {
        let error = bed.run(&exec(&ns, command, options)).error();
        assert_eq!(error["kind"], kind, "{command}: {error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{command}: {error}");
    }
    let denied = bed.run_with(&exec(&ns, r#"["true"]"#, "unless: [\"true\"]"), |b| {
        b.access(windlass_runtime::access::Access::read_only())
    });
    assert_eq!(denied.error()["kind"], "denied");
}

#[on(shadow, live, node)]
fn nothing_runs_in_a_container_that_does_not(bed: Bed) {
    let ns = bed.namespace();
    let faulty = bed.faulty(&ns, workload("web", 1), "image-not-found");
    bed.apply_as("kubectl", &ns, faulty);
    let (other, at) = (bed.other(), ns.clone());
    bed.wait(async move {
        while other.list("Pod", &at).await.iter().all(|pod| {
            pod.pointer("/status/containerStatuses/0/state/waiting/reason")
                .is_none_or(|reason| reason == "ContainerCreating")
        }) {
            other.sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let error = bed.run(&exec(&ns, r#"["true"]"#, "")).error();
    assert_eq!(error["kind"], "unavailable", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("does not run: ErrImagePull") || message.contains("does not run: ImagePullBackOff"),
        "{message}"
    );
    bed.mend();
}

#[on(shadow, node)]
fn a_command_has_as_much_time_as_it_is_given(bed: Bed) {
    let ns = web(&bed);
    let begun = bed.now();
    let error = bed.run(&exec(&ns, SLOW, "timeout: \"2s\", shell: true")).error();
    assert_eq!(error["kind"], "timeout", "{error}");
    assert_eq!(error["message"], "the command did not end within 2s");
    assert!((1..=5).contains(&(bed.now() - begun).as_secs()));
    assert_eq!(bed.run(&exec(&ns, SLOW, "timeout: \"15m\", shell: true")).value()["stdout"], "late\n");
}

#[on(shadow, because = "it is about the simulated cluster's listener")]
fn it_is_spoken_over_the_wire_as_in_memory(bed: Bed) {
    let ns = web(&bed);
    let live = windlass_runtime::target::Live::builder().kubeconfig(bed.kubeconfig()).build();
    let ran = run_on(live, &exec(&ns, r#"["cat"]"#, "stdin: \"over the wire\""), |b| b);
    assert_eq!(ran.value()["stdout"], "over the wire");
}

#[on(shadow, node)]
fn of_a_lot_that_was_written_the_end_is_kept(bed: Bed) {
    let ns = web(&bed);
    let error = bed.run(&exec(&ns, r#""seq 1 20000; exit 1""#, "shell: true")).error();
    let (all, kept) = (numbers(20_000), error["details"]["stdout"].as_str().unwrap().to_owned());
    assert_eq!(kept.len(), 64 << 10);
    assert!(all.ends_with(&kept), "{}", &kept[..80]);
    assert_eq!(error["details"]["stdout_left_out"], all.len() - kept.len());
    assert!(error["details"].get("stderr_left_out").is_none());
    assert!(error["message"].as_str().unwrap().ends_with("19999\n20000"), "{}", error["message"]);
}

#[test]
fn a_text_is_not_cut_within_a_character() {
    let long = "ä".repeat(KEPT);
    for text in [long.clone(), format!("{long}x")] {
        let (kept, left_out) = end_of(text.as_bytes());
        assert_eq!(kept, text[left_out..]);
        assert!(kept.len() <= KEPT && kept.len() > KEPT - 4);
    }
    assert_eq!(end_of(b"short"), ("short".to_owned(), 0));
}
