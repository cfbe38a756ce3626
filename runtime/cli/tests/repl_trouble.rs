//! `windlass repl` where something goes wrong, without a terminal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

mod person;

use std::io::{BufReader, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, Stdio};

use person::{Person, Said, said, waits};
use rustix::process::{Pid, Signal, kill_process};

const MAKES: &str =
    "step(\"make\", || { cluster::config_map(\"one\", #{ namespace: \"default\", data: #{ x: \"1\" } }); });\n";

/// A REPL to which lines are typed while it runs.
struct Open {
    child: Child,
    input: ChildStdin,
    err: BufReader<ChildStderr>,
}

impl Open {
    fn new(person: &Person, arguments: &[&str]) -> Self {
        let mut command = person.command(&[&["repl"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (input, err) = (child.stdin.take().unwrap(), BufReader::new(child.stderr.take().unwrap()));
        Self { child, input, err }
    }

    fn types(&mut self, lines: &str) {
        self.input.write_all(lines.as_bytes()).unwrap();
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }
}

/// Gives these lines on the command line, with this editor.
fn with_editor(person: &Person, arguments: &[&str], editor: &str, lines: &[&str]) -> Said {
    let lines = lines.iter().flat_map(|line| ["-c", line]);
    let mut command = person.command(&[&["repl"], arguments].concat());
    said(command.args(lines).env("EDITOR", editor).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn ctrl_c_before_a_change_is_no_consent() {
    let person = Person::on_a_cluster();
    person.write("p.rhai", MAKES);
    let mut repl = Open::new(&person, &["p.rhai"]);
    repl.types(":break changes\n:next\n");
    waits(&mut repl.err, "about to create ConfigMap/one");
    repl.interrupt();
    said(repl.child.wait_with_output().unwrap()).ends(3);
    person.windlass(&["eval", "cluster::exists(\"ConfigMap/one\", #{ namespace: \"default\" })"]).says(&["false"]);
}

#[test]
fn lines_that_end_before_a_change_are_no_consent() {
    let person = Person::on_a_cluster();
    person.write("p.rhai", MAKES);
    for lines in [":break changes\n:next\n", ":step\n", ":step\n:next\n"] {
        person.types(&["p.rhai"], lines).ends(3).says(&["the lines have ended where the step is held up"]);
        person.windlass(&["eval", "cluster::exists(\"ConfigMap/one\", #{ namespace: \"default\" })"]).says(&["false"]);
    }
}

#[test]
fn values_that_are_secrets_are_neither_shown_nor_kept() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || print(`${values.db.user}`));\n");
    let lines =
        ":values\n:values db.password\n:set db.password=canary-two db.user=bob\n:history\n:values | json\n:next\n";
    let said = person.types(&["p.rhai", "--rehearse", "--set", "db.password=canary-one,db.user=ann"], lines).ends(0);
    assert!(!said.out.contains("canary") && !said.err.contains("canary"), "{}{}", said.out, said.err);
    said.says(&[
        "user: ann",
        "password: (secret)",
        ":set db.password=(secret) db.user=bob",
        "\"user\": \"bob\"",
        "  bob",
    ]);
}

#[test]
fn what_an_edit_has_broken_is_edited_again() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || print(\"before\"));\n");
    person.write("broken.rhai", "step(\"one\", || print(\"after\"));\n\nstep(");
    person.write("whole.rhai", "step(\"one\", || print(\"after\"));\n");
    person.write("vi", "#!/bin/sh\necho \"opened $*\" >&2\nif [ -e once ]; then cp whole.rhai p.rhai; else touch once; cp broken.rhai p.rhai; fi\n");
    std::fs::set_permissions(person.path("vi"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let edited = with_editor(&person, &["p.rhai", "--rehearse"], "./vi", &[":edit", ":next", ":edit", ":next"]).ends(2);
    edited.says(&["opened +1 ", "opened +3 ", "could not be read anew", "  after"]);
    // What was broken from the start is said, and can be mended too.
    person.write("p.rhai", "step(");
    let edited = with_editor(&person, &["p.rhai", "--rehearse"], "./vi", &[":next", "6 * 7", ":edit", ":next"]).ends(2);
    edited.says(&["could not be read, and has no steps", "42", "  after"]);
}

#[test]
fn what_cannot_be_opened_leaves_what_was_known_of_the_values() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || print(values.name));\n");
    person.write(
        "values.schema.json",
        r#"{ "type": "object", "required": ["name", "size"], "properties": { "name": { "type": "string" }, "size": { "type": "integer" } } }"#,
    );
    person.write("broken.rhai", "step(");
    let said = person.types(&["p.rhai", "--rehearse"], ":load broken.rhai\n:set name=web\n:next\n").ends(2);
    said.says(&["  web"]);
}

#[test]
fn what_is_mistyped_leaves_the_variables_of_the_step_that_failed() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { let count = 4; throw `no ${count}`; });\nstep(\"two\", || ());\n");
    let lines = ":next\n:run-to nowhere\n:redo nowhere\ncount + 1\n:skip\ncount\n";
    let said = person.types(&["p.rhai", "--rehearse"], lines).ends(1);
    assert_eq!(said.out, "5\n", "{}", said.err);
    said.says(&["there is no variable `count`"]);
}

#[test]
fn what_was_chosen_is_meant_in_the_middle_of_a_step_too() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { let n = 4; throw \"no\"; });\n");
    let look = "cluster::get(\"ServiceAccount/default\").metadata.namespace\n";
    let lines = format!(":use namespace kube-system\n:step\n{look}:continue\n{look}");
    let said = person.types(&["p.rhai", "--rehearse"], &lines).ends(1);
    assert_eq!(said.out, "kube-system\nkube-system\n", "{}", said.err);
}

#[test]
fn what_fails_has_the_exit_code_of_its_kind_wherever_it_was_typed() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { let n = 4; });\n");
    person.write("broken.rhai", "step(");
    let code = |arguments: &[&str], lines: &str| person.types(arguments, lines).code;
    assert_eq!(code(&["--rehearse"], ":get Pod/none\n"), Some(1));
    assert_eq!(code(&["--rehearse"], ":get Pod/none --wrong\n"), Some(2));
    assert_eq!(code(&["p.rhai", "--rehearse"], ":step\n:break nowhere\n:continue\n"), Some(2));
    assert_eq!(code(&["p.rhai", "--rehearse"], ":step\n:get Pod/none\n:continue\n"), Some(1));
    let broken = person.types(&["broken.rhai", "--rehearse"], "6 * 7\n").ends(2);
    assert_eq!(broken.out, "42\n");
}

#[test]
fn a_line_that_is_no_text_does_not_end_the_step() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { let n = 4; print(\"went on\"); });\n");
    let mut repl = Open::new(&person, &["p.rhai", "--rehearse"]);
    repl.input.write_all(b":step\n:next\n\xff\nn + 1\n:continue\n:steps\n").unwrap();
    let Open { child, input, mut err } = repl;
    drop(input);
    waits(&mut err, "no UTF-8");
    waits(&mut err, "went on");
    let said = said(child.wait_with_output().unwrap()).ends(2);
    assert!(said.out.starts_with("5\n") && said.out.contains("ok"), "{}", said.out);
}

#[test]
fn what_is_followed_is_a_result_and_is_left_by_ctrl_c() {
    let person = Person::on_a_cluster();
    let annotations = "\"shadow.windlass.dev/logs\": \"started\\nready\"";
    let pod = format!(
        "let made = cluster::apply(#{{ apiVersion: \"v1\", kind: \"Pod\", metadata: #{{ name: \"web\", annotations: #{{ {annotations} }} }}, \
         spec: #{{ containers: [#{{ name: \"web\", image: \"web:1\" }}] }} }}); let ready = wait::ready(\"Pod/web\");"
    );
    let mut repl = Open::new(&person, &["-q"]);
    repl.types(&format!("{pod}\n:logs -f web\n\"and on\"\n"));
    let mut out = BufReader::new(repl.child.stdout.take().unwrap());
    waits(&mut out, "started");
    waits(&mut out, "ready");
    repl.interrupt();
    waits(&mut out, "and on");
    drop(repl.input);
    said(repl.child.wait_with_output().unwrap()).ends(0);
}

#[test]
fn a_rehearsal_can_be_read_only() {
    let person = Person::new();
    let lines = ":mode\ncluster::namespace(\"x\");\n:mode live\ncluster::namespace(\"x\").changed\n";
    let said = person.types(&["--rehearse", "--read-only"], lines).ends(1);
    assert_eq!(said.out, "true\n");
    said.says(&["rehearsal, read-only: nothing is for real, and nothing may be changed"]);
}

#[test]
fn questions_are_answered_beforehand() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { confirm(\"go\", \"Go on?\"); print(\"went on\"); });\n");
    person.types(&["p.rhai", "--rehearse"], ":next\n").ends(3).says(&["--yes-to go"]);
    person.types(&["p.rhai", "--rehearse", "--yes-to", "go"], ":next\n").ends(0).says(&["  went on"]);
}

#[test]
fn what_was_to_break_at_a_step_keeps_no_other_playbook_closed() {
    let person = Person::new();
    person.write("p.rhai", MAKES);
    person.write("q.rhai", "step(\"other\", || print(\"went on\"));\n");
    let fail = ["p.rhai", "--rehearse", "--fail", "image/web@make"];
    person.types(&fail, ":load q.rhai\n:next\n").ends(0).says(&["there is no step \"make\"", "  went on"]);
    person.types(&["p.rhai", "--rehearse", "--fail", "image/web@maek"], "1\n").ends(2);
}

#[test]
fn what_a_check_finds_is_said_when_a_playbook_is_opened() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { confirm(\"really\"); });\n");
    person.write("q.rhai", "step(\"one\", || { clster::get(values.what); });\n");
    let said = person.types(&["p.rhai", "--rehearse"], ":reload\n:load q.rhai\n:set what=x\n").ends(0);
    let count = |text: &str| said.err.matches(text).count();
    assert_eq!(count("check: confirm takes other arguments than these 1 (p.rhai:1:18)"), 1, "{}", said.err);
    assert_eq!(
        (count("check: there is no module clster"), count("check: values.what is read")),
        (1, 1),
        "{}",
        said.err
    );
}

#[test]
fn steps_that_build_on_others_say_what_is_missing_below_them() {
    let person = Person::new();
    person.write(
        "p.rhai",
        r#"step("ns", || { cluster::namespace("shop"); });
step("map", #{ needs: ["ns"] }, || { cluster::config_map("x", #{ namespace: "shop", data: #{ a: "1" } }); });
"#,
    );
    let said = person.types(&["p.rhai", "--rehearse"], ":redo map\n").ends(1);
    said.says(&["warning: step map needs ns, which is not done"]);
    let said = person.types(&["p.rhai", "--rehearse"], ":continue\n:skip ns\n:back ns\n:steps\n").ends(2);
    said.says(&[
        "step \"ns\" is done already, and cannot be left out any more",
        "Namespace/shop stays",
        "0 of 1 changes were taken back",
        "warning: what needs it has run: map",
    ]);
}
