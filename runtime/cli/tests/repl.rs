//! `windlass repl` without a terminal: lines from a pipe and from the command line, on a simulated cluster.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

mod person;

use std::io::Write as _;
use std::process::Stdio;

use person::{Person, said, waits};

const STEPS: &str = r#"
step("one", #{ title: "The first" }, |ctx| {
    cluster::config_map("one", #{ namespace: "default", data: #{ x: "1" } });
    ctx.state.made = "one";
});
step("two", |ctx| {
    let name = ctx.state.made;
    let wanted = cluster::get("ConfigMap/settings", #{ namespace: "default" });
    cluster::config_map("two", #{ namespace: "default", data: #{ x: wanted.data.x } });
    name
});
step("three", || print("the last"));
"#;

#[test]
fn lines_from_a_pipe_are_evaluated_and_the_first_failure_is_the_exit_code() {
    let person = Person::new();
    let lines = "let x = 20;\nfn add(a) {\n  a + 1\n}\nadd(x * 2) + 1\nnonsense\n[#{ a: 1, b: \"x\" }, #{ a: 2 }]\n#{ a: [1] } | json\n\"done\"\n";
    let said = person.types(&["--rehearse"], lines).ends(1);
    assert_eq!(said.out, "42\nA  B\n1  x\n2\n{\n  \"a\": [\n    1\n  ]\n}\ndone\n");
    assert!(said.err.contains("there is no variable `nonsense` here\n  --> <input 4>:1:1"), "{}", said.err);
    person.types(&["--rehearse"], "1\n:quit\nnonsense\n").ends(0);
    person.types(&["--rehearse"], ":nxt\n").ends(2).says(&["there is no command :nxt", "did you mean :next?"]);
    person.types(&["--rehearse"], "let open = {\n").ends(1);
}

#[test]
fn commands_of_the_command_line_are_typed_in_their_order() {
    let person = Person::new();
    let said = person.windlass(&["repl", "--rehearse", "-c", "let a = 2", "-c", ":vars", "-c", "a + a"]).ends(0);
    assert_eq!(said.out, "let a = 2\n4\n");
}

#[test]
fn steps_are_gone_through_and_a_failure_is_mended() {
    let person = Person::new();
    person.write("p.rhai", STEPS);
    let lines = ":next\n:continue\n:steps\nname\ncluster::config_map(\"settings\", #{ namespace: \"default\", data: #{ x: \"7\" } });\n:continue\n:steps\n:state\n:diff\n:journal\ncluster::get(\"ConfigMap/two\", #{ namespace: \"default\" }).data.x\n";
    let said = person.types(&["p.rhai", "--rehearse"], lines).ends(1);
    said.says(&[
        "there is no ConfigMap/settings in default",
        // The last scope of the step that failed is there to look at.
        "\none\n",
        "the last",
        "made: one",
        "ConfigMap/two",
        "cluster::config_map",
        "\n7\n",
    ]);
}

#[test]
fn it_stops_where_a_primitive_fails_and_goes_on_as_one_says() {
    let person = Person::new();
    person.write("p.rhai", STEPS);
    let taken = ":break failure\n:continue\nname\n:take #{ data: #{ x: \"9\" } }\ncluster::get(\"ConfigMap/two\", #{ namespace: \"default\" }).data.x\n";
    person.types(&["p.rhai", "--rehearse"], taken).ends(0).says(&[":retry the call, :take VALUE", "\n9\n"]);
    let retried = ":break failure\n:continue\ncluster::config_map(\"settings\", #{ namespace: \"default\", data: #{ x: \"5\" } });\n:retry\n:steps\n";
    person.types(&["p.rhai", "--rehearse"], retried).ends(0).says(&["the last"]);
    let failed = ":break failure\n:continue\n:fail\n:steps\n";
    person.types(&["p.rhai", "--rehearse"], failed).ends(1).says(&["failed there is no ConfigMap/settings"]);
}

#[test]
fn a_step_is_gone_through_statement_by_statement() {
    let person = Person::new();
    person.write(
        "p.rhai",
        "fn half(n) {\n  n / 2\n}\nstep(\"a\", || {\n  let n = 8;\n  let h = half(n);\n  print(`h is ${h}`);\n});\n",
    );
    let lines = ":step\n:next\nn\nn = 20\n:into\nn\n:out\n:continue\n";
    let said = person.types(&["p.rhai", "--rehearse"], lines).ends(0);
    assert_eq!(said.out, "8\n20\n", "{}", said.err);
    said.says(&["p.rhai:5:3\n5   let n = 8;", "6   let h = half(n);", "2   n / 2", "h is 10"]);
}

#[test]
fn changes_are_refused_by_hand_and_by_mode() {
    let person = Person::new();
    person.write("p.rhai", STEPS);
    let refused = ":break changes\n:next\n:refuse\n:steps\n";
    person
        .types(&["p.rhai", "--rehearse"], refused)
        .ends(1)
        .says(&["about to create ConfigMap/one", "refused by hand"]);
    let passed = ":break changes\n:next\n:continue\n:steps\n";
    person.types(&["p.rhai", "--rehearse"], passed).ends(0);
    let mode = ":mode read-only\n:next\n:mode live\n:next\n";
    person.types(&["p.rhai", "--rehearse"], mode).ends(1).says(&["this session is read-only", "1 changed"]);
}

#[test]
fn what_is_changed_for_real_is_recorded_and_taken_back() {
    let person = Person::on_a_cluster();
    person.types(&[], "cluster::list(\"Node\").len()\n").ends(0);
    // Who only looks leaves no run.
    person.windlass(&["runs"]).says(&["no run"]);
    person.write("p.rhai", STEPS);
    let lines = "cluster::config_map(\"settings\", #{ namespace: \"default\", data: #{ x: \"7\" } });\n:continue\ncluster::patch(\"ConfigMap/one\", #{ data: #{ x: \"typed\" } }, #{ namespace: \"default\" });\n:redo two\n";
    person.types(&["p.rhai"], lines).ends(0);
    let runs = person.windlass(&["runs", "-o", "json"]).ends(0);
    assert!(runs.out.contains("\"changes\": 4"), "{}", runs.out);
    let undone = person.windlass(&["undo", "--yes-to", "undo"]).ends(0);
    undone.says(&["4 changes to take back"]);
    let left = person.types(&[], "cluster::list(\"ConfigMap\", #{ namespace: \"default\" }).len()\n").ends(0);
    assert_eq!(left.out, "1\n", "kube-root-ca.crt alone");
}

#[test]
fn who_has_not_the_lock_changes_nothing() {
    let person = Person::on_a_cluster();
    person.write("wait.rhai", "cluster::namespace(\"held\"); print(\"ready\"); sleep(\"1h\");");
    let mut holder =
        person.command(&["run", "wait.rhai"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = std::io::BufReader::new(holder.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut err, &mut line).unwrap() > 0);
    }
    let lines =
        "cluster::list(\"Namespace\").len() > 3\ncluster::namespace(\"mine\");\n:mode\ncluster::namespace(\"mine\");\n";
    let said = person.types(&[], lines);
    let _ = holder.kill();
    let _ = holder.wait();
    let said = said.ends(4);
    assert!(said.out.starts_with("true\n"), "{}", said.out);
    said.says(&["read-only from here on", "this session is read-only"]);
}

#[test]
fn the_session_is_saved_as_a_script_that_runs() {
    let person = Person::on_a_cluster();
    let lines = "let name = \"saved\";\nfn data(x) {\n  #{ x: `${x}` }\n}\nnonsense\ncluster::config_map(name, #{ namespace: \"default\", data: data(3) }).changed\nlet s = secret::env(\"CANARY\");\n:save session.rhai\n:save session.rhai\n:save step.rhai --step mend\n";
    let said = person.types(&[], lines).ends(1).says(&["is there already", "--force"]);
    assert!(said.out.contains("true\n"), "{}{}", said.out, said.err);
    for file in ["session.rhai", "step.rhai"] {
        let text = std::fs::read_to_string(person.path(file)).unwrap();
        assert!(
            text.contains("secret::env(\"CANARY\")") && !text.contains("correct-horse") && !text.contains("nonsense"),
            "{text}"
        );
        person.windlass(&["run", file]).ends(0).says(&["0 changed"]);
    }
}

#[test]
fn secrets_are_in_no_output() {
    let person = Person::new();
    let lines = "let s = secret::env(\"CANARY\");\ns\n`pw ${s}`\n:vars\n#{ a: s } | json\n:history\nthrow `no ${s}`\nlet p = \"correct-horse-battery\";\n\"correct-horse-battery\" + nmae\n:history\n:load\n:save all.rhai\n";
    let said = person.types(&["--rehearse"], lines).ends(1);
    let saved = std::fs::read_to_string(person.path("all.rhai")).unwrap();
    assert!(saved.contains("secret::env") && !saved.contains("correct-horse"), "{saved}");
    assert!(!said.out.contains("correct-horse") && !said.err.contains("correct-horse"), "{}{}", said.out, said.err);
}

#[test]
fn a_plan_shows_what_would_change_and_changes_nothing() {
    let person = Person::new();
    let step = "step(\"one\", |ctx| {\n  let sure = confirm(\"go\", \"Really?\");\n  secret::generate(\"db\");\n  cluster::config_map(\"one\", #{ namespace: \"default\", data: #{ x: \"1\" } });\n  sleep(90);\n});\nstep(\"two\", || cluster::get(\"ConfigMap/none\", #{ namespace: \"default\" }));\n";
    person.write("p.rhai", step);
    let lines = ":plan\ncluster::list(\"ConfigMap\", #{ namespace: \"default\" }).len()\nlet name = \"typed\";\n:plan name = \"other\"; cluster::config_map(name, #{ namespace: \"default\", data: #{ y: \"2\" } }); sleep(\"5s\");\nname\n:diff\n:journal\n:plan 1 + 1\n:skip\n:plan\n:steps\n";
    let said = person.types(&["p.rhai", "--rehearse"], lines).ends(0);
    let shown = [
        "step one would change 1 of 1, and take 1m30s",
        "answered yes: Really? [go]",
        "ConfigMap/one in default",
        "\n1\n",
        "it would change 1 of 1, and take 5s",
        "ConfigMap/other in default",
        "\ntyped\nnothing was changed\n",
        "it would change nothing, and take no time",
        "step two would fail, and before that change nothing",
        "there is no ConfigMap/none in default",
        "p.rhai:7",
    ];
    said.says(&shown).says(&["nothing is recorded"]);
    // In the middle of a step, too.
    let held = ":step\n:plan cluster::config_map(\"mid\", #{ namespace: \"default\", data: #{} })\n:plan\n:stop\ncluster::list(\"ConfigMap\", #{ namespace: \"default\" }).len()\n";
    let said = person.types(&["p.rhai", "--rehearse"], held);
    assert!(said.out.ends_with("\n1\n"), "{}{}", said.out, said.err);
    said.says(&["it would change 1 of 1", ":plan does not work at a statement"]);
}

#[test]
fn over_a_live_cluster_a_plan_says_that_it_is_not_there_yet() {
    let person = Person::on_a_cluster();
    person.types(&[], ":plan 1\n").ends(2).says(&["it is no simulated cluster", "come in a later version"]);
}

#[test]
fn a_step_is_taken_back_and_runs_again_when_the_run_is_resumed() {
    let person = Person::on_a_cluster();
    let steps = "step(\"one\", || cluster::config_map(\"one\", #{ namespace: \"default\", data: #{ x: \"1\" } }));\nstep(\"two\", || cluster::config_map(\"two\", #{ namespace: \"default\", data: #{ x: \"2\" } }));\n";
    person.write("p.rhai", steps);
    let lines =
        ":continue\n:back\n:steps\n:back two\ncluster::list(\"ConfigMap\", #{ namespace: \"default\" }).len()\n";
    let said = person.types(&["p.rhai"], lines).ends(2);
    assert!(said.out.ends_with("\n2\n"), "{}", said.out);
    said.says(&[
        "delete ConfigMap/two in default",
        "1 change to take back",
        "step two counts as not run",
        "→   2 two",
        "or was taken back already",
    ]);
    let resumed = person.windlass(&["run", "p.rhai", "--resume"]).ends(0);
    resumed.says(&["taken back since, and run again: two", "1 changed"]);
    // What is not there any more is not taken back.
    person.windlass(&["undo", "--yes-to", "undo"]).ends(0).says(&["2 changes to take back"]);
    let left = person.types(&[], "cluster::list(\"ConfigMap\", #{ namespace: \"default\" }).len()\n").ends(0);
    assert_eq!(left.out, "1\n", "kube-root-ca.crt alone");
}

#[test]
fn the_last_step_is_the_one_that_ran_last_and_none_that_was_left_out() {
    let person = Person::on_a_cluster();
    let step = |name: &str| {
        format!(
            "step(\"{name}\", || cluster::config_map(\"{name}\", #{{ namespace: \"default\", data: #{{ x: \"1\" }} }}));\n"
        )
    };
    person.write("p.rhai", &["one", "two", "three"].map(step).concat());
    let lines = ":next\n:next\n:skip\n:redo one\n:back\n:redo\n:steps\ncluster::list(\"ConfigMap\", #{ namespace: \"default\" }).map(|one| one.metadata.name)\n";
    let said = person.types(&["p.rhai"], lines).ends(0);
    assert!(said.out.ends_with("\n- kube-root-ca.crt\n- two\n"), "{}", said.out);
    assert!(said.out.contains("3 three  skipped skipped by hand\n"), "{}", said.out);
    said.says(&["step one counts as not run"]);
}

#[test]
fn a_run_whose_script_was_mended_at_the_prompt_goes_on_with_the_mended_one() {
    let person = Person::on_a_cluster();
    let steps = "step(\"one\", || cluster::config_map(\"one\", #{ namespace: \"default\", data: #{ x: \"1\" } }));\nstep(\"two\", || cluster::config_map(\"two\", #{ namespace: \"default\", data: #{ x: \"2\" } }));\n";
    person.write("p.rhai", steps);
    person.write("edit.sh", &format!("cat > p.rhai <<'END'\n{}END\n", steps.replace("x: \"2\"", "x: \"3\"")));
    let mut command = person.command(&["repl", "p.rhai", "-c", ":next", "-c", ":edit two"]);
    said(command.env("EDITOR", "sh edit.sh").stdin(Stdio::null()).output().unwrap()).ends(0).says(&["was read anew"]);
    person.windlass(&["run", "p.rhai", "--resume"]).ends(0).says(&["1 changed"]);
}

#[test]
fn changed_values_are_there_after_a_reload_and_named_in_the_journal() {
    let person = Person::on_a_cluster();
    std::fs::create_dir(person.path("book")).unwrap();
    let step = "step(\"one\", || cluster::config_map(values.name, #{ namespace: \"default\", data: #{ x: values.db.password } }));\n";
    person.write("book/playbook.rhai", step);
    person.write("book/values.yaml", "name: first\ndb:\n  password: before-the-change\n  port: 1\n");
    person.write(
        "edit.sh",
        "#!/bin/sh\nprintf 'name: second\\ndb:\\n  password: after-the-change\\n  port: 1\\n' > book/values.yaml\n",
    );
    let lines = ":next\n:edit one\n:values name\n:redo\n:reload\n";
    let mut command = person.command(&["repl", "book"]);
    let mut child = command
        .env("EDITOR", "sh edit.sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let said = said(child.wait_with_output().unwrap()).ends(0).says(&["these values are new: db.password, name"]);
    assert!(said.out.contains("second\n"), "{}", said.out);
    let shown = person
        .windlass(&["runs", "show", "-o", "json"])
        .ends(0)
        .says(&["these values were changed: db.password, name"]);
    assert_eq!(shown.out.matches("these values were changed").count(), 1, "{}", shown.out);
}

#[test]
fn a_script_is_edited_and_read_anew_and_a_text_is_evaluated() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || print(\"before\"));\n");
    person.write("edit.sh", "#!/bin/sh\ncase \"$1\" in\n  *line.rhai) echo 'let typed = 20; typed + 1' > \"$1\" ;;\n  *) echo 'step(\"one\", || print(\"after\")); step(\"two\", || 1);' > \"$1\" ;;\nesac\n");
    let edits = |arguments: &[&str], editor: &str, lines: &str| {
        let mut command = person.command(&[&["repl", "--rehearse"], arguments].concat());
        command.env("EDITOR", editor).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        said(child.wait_with_output().unwrap())
    };
    edits(&["p.rhai"], "sh edit.sh", ":edit\n:next\n:steps\n").ends(0).says(&["p was read anew", "after", "2 two"]);
    let typed = edits(&[], "sh edit.sh", ":edit\ntyped\n").ends(0);
    assert_eq!(typed.out, "21\n20\n", "{}", typed.err);
    edits(&["p.rhai"], "false", ":edit two\n").ends(2).says(&["the editor ended with 1"]);
    edits(&["p.rhai"], "true", ":edit nothing\n").ends(2).says(&["there is no step \"nothing\""]);
    edits(&["single-node"], "true", ":edit\n").ends(2).says(&["built into windlass", "windlass new"]);
}

#[test]
fn a_step_that_was_mended_applies_its_objects_with_other_contents() {
    let person = Person::new();
    let step = |x: &str, end: &str| {
        format!(
            "step(\"one\", || {{ cluster::config_map(\"one\", #{{ namespace: \"default\", data: #{{ x: \"{x}\" }} }}); {end} }});\n"
        )
    };
    person.write("p.rhai", &step("1", "throw \"not yet\""));
    person.write("mended.rhai", &step("2", ""));
    let lines = ":next\n:edit one\n:redo\ncluster::get(\"ConfigMap/one\", #{ namespace: \"default\" }).data.x\n";
    let mut command = person.command(&["repl", "--rehearse", "p.rhai"]);
    command.env("EDITOR", "cp mended.rhai").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let said = said(child.wait_with_output().unwrap()).ends(1);
    assert_eq!(said.out, "2\n", "{}", said.err);
}

#[test]
fn going_on_passes_failures_that_do_not_end_the_run() {
    let person = Person::new();
    let steps = "step(\"a\", #{ on_error: \"ignore\" }, || throw \"passed\");\nstep(\"b\", #{ on_error: \"continue\" }, || throw \"told\");\nstep(\"c\", || print(\"went on\"));\nstep(\"d\", #{ needs: [\"b\"] }, || print(\"by hand\"));\nstep(\"e\", || print(\"last\"));\n";
    person.write("p.rhai", steps);
    let said = person.types(&["p.rhai", "--rehearse"], ":run-to a\n:continue\n").ends(1);
    assert!(!said.err.contains("by hand") && !said.err.contains("last"), "{}", said.err);
    said.says(&["passed", "told", "went on", "step \"d\" needs \"b\", which is not done"]);
    let ignored = person.types(&["p.rhai", "--rehearse"], ":next\n").ends(0);
    ignored.says(&["passed"]);
    person.types(&["p.rhai", "--rehearse"], ":continue\n:next\n:next\n").says(&["by hand", "last"]);
}

#[test]
fn a_line_that_is_wrong_in_the_middle_is_an_error_and_the_next_one_runs() {
    let person = Person::new();
    let lines = "get pods\nlet a = 1 let b = 2\nlet x = 5; x | json\nlet y = 1;\nif y == 1 { \"one\" } else { \"two\" } | json\n";
    let said = person.types(&["--rehearse"], lines).ends(1);
    assert_eq!(said.out, "5\n\"one\"\n", "{}", said.err);
    let said = person.types(&["--rehearse"], "\u{e4}\n1\n").ends(1);
    assert_eq!(said.out, "1\n", "{}", said.err);
}

#[test]
fn what_commands_find_is_shown_in_the_form_that_is_asked_for() {
    let person = Person::new();
    let names = |lines: &str| -> Vec<String> {
        let found = person.types(&["--rehearse"], lines).ends(0);
        let found: serde_json::Value = serde_json::from_str(&found.out).unwrap();
        found.as_array().unwrap().iter().map(|one| one["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(":get ns | json\n").contains(&"kube-system".to_owned()));
    assert_eq!(names(":pods -n kube-public -o json\n"), [""; 0]);
    let yaml = person.types(&["--rehearse"], ":get ns/default | yaml\n:state -o json\n").ends(0);
    assert!(yaml.out.starts_with("apiVersion: v1\n") && yaml.out.ends_with("{}\n"), "{}", yaml.out);
    person.types(&["--rehearse"], ":steps | json\n").ends(2).says(&[":steps is shown in one way only"]);
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_runs() {
    let person = Person::new();
    person.write("lines", "");
    std::fs::write(person.path("lines"), b"1\n\xff\n2\n").unwrap();
    let mut command = person.command(&["repl", "--rehearse"]);
    let said = said(command.stdin(std::fs::File::open(person.path("lines")).unwrap()).output().unwrap()).ends(2);
    assert_eq!(said.out, "1\n2\n", "{}", said.err);
    said.says(&["the line is no UTF-8"]);
}

#[test]
fn what_fails_in_the_middle_of_a_step_is_the_exit_code() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || { let x = 1; print(x); });\n");
    person.types(&["p.rhai", "--rehearse"], ":step\nnonsense\n:continue\n").ends(1).says(&["no variable `nonsense`"]);
    person.types(&["p.rhai", "--rehearse"], ":step\n:nonsense\n:continue\n").ends(2);
}

#[test]
fn values_are_given_at_the_prompt() {
    let person = Person::new();
    std::fs::create_dir(person.path("shop")).unwrap();
    person.write("shop/playbook.rhai", "step(\"one\", || print(`${values.replicas} ${values.name}`));\n");
    person.write("shop/values.yaml", "replicas: 2\nname: web\n");
    let lines = ":next\n:set replicas=5 name=x\n:redo one\n:set replicas\nvalues.replicas\n:load\n:next\n";
    let said = person.types(&["shop", "--rehearse"], lines).ends(2);
    said.says(&["  2 web\n", "these values are new: name, replicas", "  5 x\n", "`=` is missing"]);
}

#[test]
fn files_that_name_each_other_come_to_an_end() {
    let person = Person::new();
    person.write("a", ":source a\n\"after\"\n");
    let said = person.types(&["--rehearse"], ":source a\n1\n").ends(2).says(&["name each other by :source"]);
    assert!(said.out.ends_with("\"after\"\n1\n") || said.out.ends_with("after\n1\n"), "{}", said.out);
}

#[test]
fn ctrl_c_stops_what_was_to_come_as_well() {
    let person = Person::new();
    let mut command =
        person.command(&["repl", "--rehearse", "-c", "log::info(\"begun\"); loop { }", "-c", "\"never\""]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    waits(&mut err, "begun");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let said = said(child.wait_with_output().unwrap()).ends(3);
    assert_eq!(said.out, "");
}

#[test]
fn a_signal_that_meets_no_line_gives_the_lock_back() {
    let person = Person::on_a_cluster();
    let mut command = person.command(&["repl"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"cluster::namespace(\"mine\");\n\"done\"\n").unwrap();
    waits(&mut std::io::BufReader::new(child.stdout.take().unwrap()), "done");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    said(child.wait_with_output().unwrap()).ends(143);
    drop(input);
    person.windlass(&["eval", "cluster::namespace(\"mine\").changed"]).ends(0).says(&["false"]);
    person.windlass(&["eval", "cluster::namespace(\"next\").changed"]).ends(0).says(&["true"]);
    let runs = person.windlass(&["runs"]).ends(0);
    assert!(!runs.out.contains("running"), "{}", runs.out);
}

#[test]
fn two_of_them_take_turns() {
    let person = Person::on_a_cluster();
    let open = || {
        let mut command = person.command(&["repl"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = std::io::BufReader::new(child.stdout.take().unwrap());
        (child.stdin.take().unwrap(), out, child)
    };
    let (mut first, mut first_out, first_child) = open();
    let (mut second, mut second_out, second_child) = open();
    first.write_all(b"cluster::namespace(\"first\").changed\n").unwrap();
    waits(&mut first_out, "true");
    second.write_all(b"cluster::namespace(\"second\");\n:mode\ncluster::list(\"Node\").len()\n").unwrap();
    waits(&mut second_out, "3");
    first.write_all(b":mode read-only\n1 + 1\n").unwrap();
    waits(&mut first_out, "2");
    second.write_all(b":mode live\ncluster::namespace(\"second\").changed\n").unwrap();
    waits(&mut second_out, "true");
    drop(first);
    said(first_child.wait_with_output().unwrap()).ends(0).says(&["the lock was given back"]);
    drop(second);
    said(second_child.wait_with_output().unwrap()).ends(4).says(&["read-only from here on", "read-only: nothing may"]);
}

#[test]
fn a_breakpoint_opens_the_prompt_in_a_rehearsal() {
    let person = Person::new();
    person.write(
        "p.rhai",
        "step(\"one\", || {\n  let n = 4;\n  breakpoint(\"look here\");\n  print(\"went on\");\n});\n",
    );
    let said = person.types(&["p.rhai", "--rehearse"], ":next\nn + 1\n:continue\n").ends(0);
    assert_eq!(said.out, "5\n", "{}", said.err);
    said.says(&["look here", "p.rhai:3", "went on"]);
}

#[test]
fn what_cannot_be_read_is_not_run_and_what_is_open_stays_open() {
    let person = Person::new();
    person.write("p.rhai", "step(\"one\", || print(\"before\"));\n");
    person.write("broken.rhai", "step(");
    person.write("edit.sh", "#!/bin/sh\ncp broken.rhai p.rhai\n");
    let line = |lines: &[&str]| {
        let lines = lines.iter().flat_map(|line| ["-c", line]);
        let mut command = person.command(&["repl", "p.rhai", "--rehearse"]);
        said(command.args(lines).env("EDITOR", "sh edit.sh").stdin(Stdio::null()).output().unwrap())
    };
    let loaded = line(&[
        "cluster::namespace(\"mine\");",
        ":load broken.rhai",
        ":load none",
        "cluster::exists(\"Namespace/mine\")",
        ":next",
    ]);
    loaded.ends(2).says(&["true\n", "  before\n"]);
    let edited = line(&[":edit", ":next", ":steps"]).ends(2);
    assert!(!edited.err.contains("  before"), "{}", edited.err);
    edited.says(&["could not be read anew", "hint: mend it (:edit), and :reload"]);
}

#[test]
fn values_that_the_schema_refuses_are_not_taken() {
    let person = Person::new();
    let lines = ":set fqdn=A_b\nvalues.fqdn\n:set fqdn=shop.example.com\nvalues.fqdn\n";
    let said =
        person.types(&["single-node", "--rehearse"], lines).ends(2).says(&["fqdn (set by --set fqdn) is the text"]);
    assert_eq!(said.out, "shop.example.com\n");
}

#[test]
fn who_knows_other_tools_is_understood() {
    let person = Person::new();
    let lines = ":get no\n:get node node-1 -n default\n:get pods\n:ns x\n:use shop\nkubectl get pods\nsteps now\n:use namespace nowhere\n:pods\nls\nnothing\n";
    let said = person.types(&["--rehearse"], lines).ends(2);
    assert!(said.out.starts_with("NAME    STATUS  VERSION  AGE\nnode-1"), "{}", said.out);
    said.says(&[
        "nothing of the kind pods in the context's namespace; -A lists",
        ":use namespace NAME",
        "but cluster or namespace",
        "this is Rhai: :help lists",
        "did you mean `:steps now`?",
        "there is no namespace nowhere (yet)",
        "nothing of the kind Pod in namespace nowhere",
        "hint: :vars lists the variables",
    ]);
}

#[test]
fn each_command_of_the_command_line_is_whole() {
    let person = Person::new();
    let said = person.windlass(&["repl", "--rehearse", "-c", "let open = {", "-c", "6 * 7"]).ends(1);
    assert_eq!(said.out, "42\n");
    let idle = person.windlass(&["repl", "--rehearse", "--fail", "image/none", "-c", "1"]).ends(0);
    assert!(!idle.err.contains("none"), "{}", idle.err);
    person.write("p.rhai", "step(\"one\", || print(\"x\"));\n");
    let idle = person.windlass(&["repl", "p.rhai", "--rehearse", "--fail", "image/none", "-c", ":continue"]).ends(0);
    idle.says(&["--fail image/none was in the way of nothing: check its name"]);
}

#[test]
fn lines_of_a_chosen_namespace_are_not_saved_as_if_they_were_of_another() {
    let person = Person::new();
    let lines = ":use namespace kube-system\ncluster::config_map(\"c\", #{ data: #{ a: \"1\" } });\nlet n = 1\n:save s.rhai\n:save none/s.rhai\n";
    person.types(&["--rehearse"], lines).ends(1).says(&[
        "s.rhai has 3 lines\n1 line is left out there, as a comment that says why\n",
        "hint: is the folder there?",
    ]);
    let text = std::fs::read_to_string(person.path("s.rhai")).unwrap();
    assert!(text.contains("// cluster::config_map(") && text.contains("\nlet n = 1;\n"), "{text}");
    person.types(&["--rehearse"], ":next\n:save s.rhai\n").ends(2).says(&["there is nothing to save yet"]);
    // Whatever the calls are made through, and wherever that was typed.
    let lines = "fn before(d) { cluster::namespace(d); cluster::config_map(d, #{ data: #{ a: \"1\" } }) }\n:use namespace kube-system\nfn after(d) { before(d) }\nbefore(\"one\")\nafter(\"two\")\n:use namespace default\ncluster::config_map(\"three\", #{ namespace: \"default\", data: #{ a: `${n}://x` } }) // note\nlet n = 1\ncluster::config_map(\"three\", #{ namespace: \"default\", data: #{ a: `${n}://x` } }) // note\n:save t.rhai\n:save u.rhai --step u\n";
    person.types(&["--rehearse"], lines).ends(1).says(&["2 lines are left out there, as comments that say why\n"]);
    for file in ["t.rhai", "u.rhai"] {
        let said = person.windlass(&["rehearse", file]).ends(0);
        assert!(!said.err.contains("/one") && !said.out.contains("/one"), "{}{}", said.out, said.err);
        said.says(&["ConfigMap/three in default created"]);
    }
}

#[test]
fn a_session_of_pastes_closures_and_imports_is_saved_as_it_went() {
    let person = Person::on_a_cluster();
    person.write("lib.rhai", "fn name(n) { `c-${n}` }\n");
    let paste = "fn made(n) {\n  cluster::config_map(lib::name(n), #{ namespace: \"default\", data: #{ url: `http://${n}/x` } })\n}\nlet one = \"one\"; // the first\nmade(one)";
    let lines = format!(
        "import \"lib\" as lib\n{paste}\nlet each = |n| made(n)\n[\"two\", \"three\"].map(each).len() | json\nfn unused() {{ nothere(1) }}\nfn kind() {{ \"old\" }}\nlet k = kind()\nfn kind() {{ \"new\" }}\nmade(k)\nmade(kind())\n:save s.rhai\n:save t.rhai --step t\n"
    );
    person.types(&[], &lines).ends(0).says(&["3 lines are left out there"]);
    for file in ["s.rhai", "t.rhai"] {
        person.windlass(&["run", file]).ends(0).says(&["0 changed, 4 unchanged"]);
        let text = std::fs::read_to_string(person.path(file)).unwrap();
        assert!(text.starts_with("import \"lib\" as lib;\nfn made(n) {\n  cluster"), "{text}");
        assert!(text.contains("// It would not run, since there is no function nothere:\n"), "{text}");
        assert!(text.contains("// It uses `kind` as it was before it was typed anew:\n"), "{text}");
    }
}

#[test]
fn what_is_typed_in_a_step_is_saved_so_that_it_stays_there() {
    let person = Person::on_a_cluster();
    let step = "step(\"one\", || {\n  let own = half(8);\n  print(\"x\");\n});\n";
    person.write("p.rhai", &format!("fn half(n) {{ n / 2 }}\n{step}"));
    let config =
        |name: &str| format!("cluster::config_map(\"{name}\", #{{ namespace: \"default\", data: #{{ a: ns }} }});\n");
    let lines = format!(
        "let ns = \"shop\"\n:step\n:next\nlet ns = \"prod\"\n{}half(4)\nown\n:vars\nlet ns = `${{ns}}2`\n{}:continue\n{}:save s.rhai\n",
        config("in"),
        config("two"),
        config("out")
    );
    person.types(&["p.rhai"], &lines).ends(0).says(&["2 lines are left out there"]);
    person.windlass(&["run", "s.rhai"]).ends(0).says(&["0 changed, 3 unchanged"]);
    let text = std::fs::read_to_string(person.path("s.rhai")).unwrap();
    assert!(text.contains("    // It needs what only that step has:\n    // half(4)\n    // own\n"), "{text}");
    // What the step looks at is not said in the line either.
    person.write("u.rhai", "step(\"one\", || {\n  cluster::using(\"other\", || {\n    print(1);\n  });\n});\n");
    let lines =
        ":break u.rhai:3\n:continue\ncluster::list(\"Pod\").len()\nlet n = 1\n:continue\n:save u2.rhai --step u\n";
    person.types(&["u.rhai", "--rehearse"], lines).ends(0).says(&["1 line is left out there"]);
    let text = std::fs::read_to_string(person.path("u2.rhai")).unwrap();
    assert!(text.contains("// It meant cluster other without saying so") && text.contains("let n = 1;"), "{text}");
}
