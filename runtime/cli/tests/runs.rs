//! What people see of runs: going on, taking back, lists, reports, export and import. Processes on a simulated cluster.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::indexing_slicing, reason = "a test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};
use windlass_support::ShadowProcess;

/// A person with a folder, on a cluster of one's own.
struct Person {
    _shadow: ShadowProcess,
    folder: tempfile::TempDir,
    home: PathBuf,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Person {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shadow = ShadowProcess::start(env!("CARGO_BIN_EXE_windlass"), folder.path());
        let home = folder.path().join("home");
        Self { _shadow: shadow, folder, home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.home)
            .env("USER", "alice")
            .env("TZ", "Asia/Kathmandu")
            .env("KUBECONFIG", self.path("kubeconfig"))
            .stdin(Stdio::null());
        command
    }

    fn windlass(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Starts a run, and waits until it says `ready`.
    fn start(&self, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
        }
        (child, err)
    }

    /// The runs, the newest first.
    fn runs(&self) -> Vec<Json> {
        let listed = self.windlass(&["runs", "-o", "json"]).ends(0);
        serde_json::from_str::<Json>(&listed.out).unwrap()["runs"].as_array().unwrap().clone()
    }

    fn last(&self) -> String {
        self.runs()[0]["run"].as_str().unwrap().to_owned()
    }

    /// Whether there is a ConfigMap of this name.
    fn has(&self, name: &str) -> bool {
        let asked = format!("cluster::exists(\"ConfigMap/{name}\", #{{ namespace: \"default\" }})");
        self.windlass(&["eval", "--read-only", &asked]).ends(0).out == "true\n"
    }
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    /// Both streams have these, in this order.
    #[track_caller]
    fn says(self, texts: &[&str]) -> Self {
        let said = format!("{}{}", self.out, self.err);
        let mut rest = said.as_str();
        for text in texts {
            match rest.find(text) {
                Some(at) => rest = &rest[at + text.len()..],
                None => panic!("{text:?} is not said (in this order):\n{said}"),
            }
        }
        self
    }

    #[track_caller]
    fn keeps_quiet_about(self, text: &str) -> Self {
        assert!(!self.out.contains(text) && !self.err.contains(text), "{text:?} is said:\n{}{}", self.out, self.err);
        self
    }
}

/// Three steps, each with a ConfigMap; the second fails.
const FAILS: &str = r#"
step("one", || cluster::config_map("one", #{ namespace: "default", data: #{ x: `${values.x}` } }));
step("two", #{ title: "The second" }, || {
    cluster::config_map("two", #{ namespace: "default", data: #{ x: "2" } });
    throw #{ kind: "unavailable", message: "no luck", hint: "try later" };
});
step("three", || cluster::config_map("three", #{ namespace: "default", data: #{ x: "3" } }));
"#;

fn mended() -> String {
    FAILS.replace("throw", "let mended =")
}

const RUN: [&str; 4] = ["run", "s.rhai", "--set", "x=1"];

fn resume(more: &[&'static str]) -> Vec<&'static str> {
    [&RUN, &["--resume"][..], more].concat()
}

#[test]
fn a_run_that_failed_says_how_to_go_on_and_does() {
    let person = Person::new();
    person.write("s.rhai", FAILS);
    let none = person.windlass(&resume(&[])).ends(2);
    none.says(&["no run is recorded in", "hint: runs in a customer folder are recorded there"]);
    person.windlass(&["runs"]).ends(0).says(&["no run is recorded here yet"]);

    let failed = person.windlass(&RUN).ends(1);
    let id = person.last();
    let shown: Json = serde_json::from_str(&person.windlass(&["runs", "show", "-o", "json"]).ends(0).out).unwrap();
    let versions: Vec<&str> = shown["versions"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert!(versions.len() == 1 && versions[0].starts_with("Kubernetes v1."), "{shown}");
    let last: Vec<&str> = failed.err.lines().rev().take(2).collect();
    assert_eq!(last[1], "go on where it stopped: windlass run s.rhai --resume, with the same --set");
    assert_eq!(last[0], format!("or take back what it changed: windlass undo {id}"));
    person.windlass(&["runs", "show"]).ends(0).says(&[
        &format!("run       {id}\nplaybook  s\n"),
        "+05:45 by alice@",
        ", windlass ",
        "used      Kubernetes v1.",
        " (cluster shadow)\n",
        "status    failed\n",
        "one    ok",
        "two    failed       1",
        "three  not reached",
        "\ntwo\nerror: no luck\n",
        "  hint: try later\n",
        "changes\n  one\n    create ConfigMap/one in default\n  two\n    create ConfigMap/two in default\n",
    ]);

    person.write("s.rhai", &mended());
    let refused = person.windlass(&resume(&[])).ends(2);
    refused.says(&["since the run was started, these have changed: script s.rhai\n", "--accept-changes goes on"]);
    let other = ["run", "s.rhai", "--set", "x=2", "--resume"];
    person.windlass(&other).ends(2).says(&["these have changed: script s.rhai, value x\n"]);
    let gone_on = person.windlass(&resume(&["--accept-changes"])).ends(0);
    let begins = format!("the run {id} goes on (attempt 2): 1 of 3 steps is done\n");
    gone_on
        .says(&["ok: 2 steps ok, 1 skipped", &begins, "[2/3] two  The second (attempt 2)"])
        .keeps_quiet_about("go on where it stopped");
    person
        .windlass(&["runs", "show"])
        .ends(0)
        .says(&[
            "started",
            ": failed\n",
            "resumed",
            ": ok\n",
            "two    ok      2",
            "decisions\n  resumed although these",
        ])
        .keeps_quiet_about("no luck");
    person.windlass(&resume(&[])).ends(0).says(&[&format!("the run {id} of s is done: there is nothing to resume")]);

    let redone = person.windlass(&resume(&["--redo", "one,three"])).ends(0);
    redone.says(&["ok: 2 steps ok, 1 skipped", "(attempt 3): 1 of 3 steps is done", "[1/3] one (attempt 2)"]);
    person.windlass(&resume(&["--redo", "for"])).ends(2).says(&["\"for\"", "hint:"]);
    person.windlass(&resume(&["--failed-only"])).ends(0).says(&["is done"]);
    for flag in [&["--redo", "one"][..], &["--failed-only"], &["--accept-changes"]] {
        person.windlass(&[&RUN, flag].concat()).ends(2).says(&["--resume"]);
    }
}

#[test]
fn the_last_lines_are_commands_that_a_shell_takes() {
    let person = Person::new();
    person.write("it's one.rhai", r#"step("a", || { throw "\u001b[31mno" });"#);
    let failed = person.windlass(&["run", "it's one.rhai", "--kubeconfig", "kubeconfig"]).ends(1);
    let said = failed.keeps_quiet_about("\u{1b}").keeps_quiet_about("take back").err;
    let command = said.trim_end().lines().last().unwrap().strip_prefix("go on where it stopped: ").unwrap();
    assert_eq!(command, r"windlass run 'it'\''s one.rhai' --kubeconfig kubeconfig --resume");
    let programs = Path::new(env!("CARGO_BIN_EXE_windlass")).parent().unwrap().display().to_string();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(person.folder.path()).env("PATH", format!("{programs}:/usr/bin:/bin"));
    let again = shell.env("HOME", &person.home).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("goes on (attempt 2): 0 of 1 steps are done"), "{said}");
    person.windlass(&["runs"]).ends(0).says(&["it's one"]);
    person.windlass(&["runs", "show"]).ends(0).says(&["\\u{1b}[31mno"]).keeps_quiet_about("\u{1b}");
    // Of what is not recorded, nothing goes on.
    person.windlass(&["run", "it's one.rhai", "--read-only"]).ends(1).keeps_quiet_about("go on where");
    person.write("wrong.rhai", "nonsense::at_all();");
    person.windlass(&["run", "wrong.rhai"]).ends(2).keeps_quiet_about("go on where");
}

#[test]
fn what_was_changed_is_taken_back_and_no_more() {
    let person = Person::new();
    person.write("s.rhai", &mended());
    person.windlass(&RUN).ends(0);
    let id = person.last();
    let plan = ["  three\n    delete ConfigMap/three in default\n  two\n", "  one\n", "3 changes to take back\n"];
    person.windlass(&["undo", "--dry-run"]).ends(0).says(&plan).says(&[&format!("undo of {id} of s\n")]);
    let asked = person.windlass(&["undo"]).ends(3);
    asked.says(&["`undo` needs an approval, and nobody can be asked: Take back 3 changes of", "--yes-to undo"]);
    assert!(person.has("one") && person.has("three") && person.runs().len() == 1, "nothing was done");

    // Somebody else has been there.
    let set = |x: &str| {
        let patch = format!(
            r#"cluster::patch("ConfigMap/one", #{{ data: #{{ x: "{x}" }} }}, #{{ namespace: "default" }}); ()"#
        );
        person.windlass(&["eval", &patch]).ends(0);
    };
    set("other");
    let refused = person.windlass(&["undo", &id, "--yes-to", "undo"]).ends(2);
    refused.says(&["ConfigMap/one in default: data.x is not as the run left it", "hint:"]);
    assert!(person.has("three"), "nothing was done");

    let unknown = person.windlass(&["undo", &id, "--to", "thre", "--yes-to", "undo"]).ends(2);
    unknown.says(&["has not run a step \"thre\"", "did you mean \"three\"?"]);
    let far = person.windlass(&["undo", &id, "--to", "elsewhere"]).ends(2);
    far.says(&["hint: it ran one, two, three\n"]);
    person
        .windlass(&["undo", &id, "--to", "two", "--yes-to", "undo"])
        .ends(0)
        .says(&["1 changed", "1 change to take back"]);
    assert!(person.has("two") && !person.has("three"));
    let rest = person.windlass(&["undo", &id, "--to", "one", "--dry-run", "-o", "json"]).ends(0);
    let rest: Json = serde_json::from_str(&rest.out).unwrap();
    assert_eq!(rest["plan"].as_array().unwrap().len(), 1, "what is taken back is not planned again: {rest}");
    assert_eq!((rest["plan"][0]["step"].as_str(), rest["plan"][0]["does"].as_str()), (Some("two"), Some("delete")));
    assert_eq!(rest["undoes"], id.as_str());

    // The change by hand is the last run now: taken back, it is out of the way.
    person.windlass(&["undo", "--yes-to", "undo"]).ends(0).says(&["put back ConfigMap/one in default"]);
    person.windlass(&["undo", &id, "--yes-to", "undo"]).ends(0).says(&["2 changes to take back"]);
    assert!(!person.has("one") && !person.has("two"));
    let again = person.windlass(&["undo", &id, "--yes-to", "undo"]).ends(0);
    again.says(&[&format!("the run {id} was taken back already, by {}", person.last())]);
    person.windlass(&resume(&[])).ends(2).says(&["was taken back, by", "hint: start a new run"]);
    let listed = person.windlass(&["runs"]).ends(0);
    listed.says(&[&format!("undo of {id}"), "undo of", &format!("undo of {id}"), "undone  <eval>", "undone  s "]);
    person
        .windlass(&["runs", "show"])
        .ends(0)
        .says(&[&format!("undo of   {id}"), "changes\n  two\n    delete ConfigMap/two"]);
    let broken = person.windlass(&["undo", "nobody", "-o", "json"]).ends(2);
    assert_eq!(serde_json::from_str::<Json>(&broken.out).unwrap()["status"], "failed");
}

#[test]
fn what_a_partial_undo_had_to_leave_is_tried_again() {
    let person = Person::new();
    let script = r#"step("one", || cluster::config_map("one", #{ namespace: "default", data: #{ x: "1" } }));
        step("two", || cluster::namespace("busy"));"#;
    person.write("s.rhai", script);
    person.windlass(&["run", "s.rhai"]).ends(0);
    let id = person.last();
    let guest = r#"cluster::config_map("guest", #{ namespace: "busy", data: #{ x: "1" } }); ()"#;
    person.windlass(&["eval", guest]).ends(0);
    let left = person.windlass(&["undo", &id, "--to", "one", "--yes-to", "undo"]).ends(0);
    left.says(&["0 changed, 1 unchanged", "Namespace/busy"]);
    person.windlass(&["runs", "show", "-o", "markdown"]).ends(0).says(&["by hand\n\n- ", "Namespace/busy"]);
    person.windlass(&["eval", r#"cluster::delete("ConfigMap/guest", #{ namespace: "busy" }); ()"#]).ends(0);
    let rest = person.windlass(&["undo", &id, "--yes-to", "undo"]).ends(0);
    rest.says(&["2 changed, 0 unchanged", "2 changes to take back", "Namespace/busy deleted"]);
}

#[test]
fn a_long_plan_counts_what_is_alike() {
    let person = Person::new();
    person.write(
        "s.rhai",
        r#"step("many", || for n in 0..30 { cluster::config_map(`many-${n}`, #{ namespace: "default", data: #{ x: "1" } }) });"#,
    );
    person.windlass(&["run", "s.rhai"]).ends(0);
    let short = person.windlass(&["undo", "--dry-run"]).ends(0);
    short
        .says(&["  many\n    delete 30 × ConfigMap in default\n30 changes to take back, each of them with -v\n"])
        .keeps_quiet_about("many-7");
    let long = person.windlass(&["undo", "--dry-run", "-v"]).ends(0);
    long.says(&[
        "delete ConfigMap/many-29 in default",
        "delete ConfigMap/many-0 in default\n30 changes to take back\n",
    ]);
    person.windlass(&["runs", "show"]).ends(0).says(&["create 30 × ConfigMap in default\n  -v names each"]);
    person.windlass(&["runs", "show", "-v"]).ends(0).says(&["create ConfigMap/many-0", "create ConfigMap/many-29"]);
}

#[test]
fn a_run_is_named_by_a_part_of_its_id_that_is_its_own() {
    let person = Person::new();
    person.write("s.rhai", r#"step("a", || 1);"#);
    for _ in 0..22 {
        person.windlass(&["run", "s.rhai"]).ends(0);
    }
    let (all, id) = (person.runs(), person.last());
    assert_eq!(all.len(), 22, "JSON has them all");
    let listed = person.windlass(&["runs"]).ends(0).says(&["2 earlier ones: windlass runs --all"]);
    assert_eq!(listed.out.lines().count(), 21);
    assert_eq!(person.windlass(&["runs", "list", "--all"]).ends(0).out.lines().count(), 23);
    let ending = id.rsplit('-').next().unwrap();
    for command in [&["runs", "show", ending][..], &["runs", "show", &id], &["runs", "show", ending, "-o", "markdown"]]
    {
        person.windlass(command).ends(0).says(&[&id]);
    }
    let several = ["could be several runs in", "hint: write more of it"];
    let unknown = ["there is no run nope in", "hint: the last ones are", "all of them: windlass runs"];
    for (run, texts) in [("2", &several[..]), ("nope", &unknown)] {
        person.windlass(&["runs", "show", run]).ends(2).says(texts);
        person.windlass(&["runs", "export", run, "file"]).ends(2).says(texts);
        person.windlass(&["undo", run]).ends(2).says(texts);
        person.windlass(&["run", "s.rhai", &format!("--resume={run}")]).ends(2).says(texts);
    }
    assert!(!person.path("file").exists());
    person.write("other.rhai", r#"step("b", || 1);"#);
    person.windlass(&["run", "other.rhai", "--resume"]).ends(2).says(&["no run of other is recorded in", "hint:"]);
}

#[test]
fn a_run_goes_from_one_to_another_who_can_read_it_but_not_what_is_sealed() {
    let person = Person::new();
    person.write("s.rhai", FAILS);
    person.windlass(&RUN).ends(1);
    let id = person.last();
    person.windlass(&["runs", "export", &id, "run.json"]).ends(0).says(&[&format!("the run {id} is in run.json")]);
    let twice = person.windlass(&["runs", "export", &id, "run.json"]).ends(2);
    twice.says(&["run.json cannot be written", "hint: name a new file"]);
    person.windlass(&["runs", "import", "run.json"]).ends(2).says(&["is in", "already", "windlass runs show"]);
    person.windlass(&["runs", "import", "s.rhai"]).ends(2).says(&["s.rhai is no exported run", "runs export writes"]);
    person.windlass(&["runs", "import", "gone"]).ends(2).says(&["gone cannot be read", "hint:"]);

    let as_bob = |arguments: &[&str]| {
        let output = person.command(arguments).env("HOME", person.path("bob")).env("USER", "bob").output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    };
    as_bob(&["runs", "import", "run.json"]).ends(0).says(&[&format!("windlass runs show {id}")]);
    as_bob(&["runs", "import", "run.json"]).ends(2).says(&["already"]);
    as_bob(&["runs", "show"]).ends(0).says(&["by alice@", "no luck", "create ConfigMap/one"]);
    for command in [&["undo", &id][..], &resume(&[])] {
        as_bob(command).ends(2).says(&[&format!("the run {id} is sealed for others"), "hint:"]);
    }
}

#[test]
fn what_eval_changes_and_broken_locks_are_runs() {
    let person = Person::new();
    person.windlass(&["eval", "1 + 1"]).ends(0);
    assert!(person.runs().is_empty(), "nothing was changed");
    person.windlass(&["eval", r#"cluster::label("Node/node-1", #{ rack: "7" }).changed"#]).ends(0);
    person.windlass(&["runs", "show"]).ends(0).says(&["playbook  <eval>", "eval  ok", "update Node/node-1"]);
    let broken = person.windlass(&["lock", "break", "--holder", "bob@far/1.2", "--reason", "dead"]).ends(1);
    broken.says(&["nobody holds the lock", "hint: there is nothing to break"]);
    person
        .windlass(&["runs", "show"])
        .ends(0)
        .says(&["playbook  lock break", "status    failed", "decisions\n", "nobody holds the lock"])
        .keeps_quiet_about("STEP");
    // It is no run that could be taken back.
    person.windlass(&["undo", "--yes-to", "undo"]).ends(0).says(&["put back Node/node-1"]);
    let label = r#"cluster::get("Node/node-1").metadata.labels.contains("rack")"#;
    assert_eq!(person.windlass(&["eval", label]).ends(0).out, "false\n");
}

#[test]
fn a_run_that_goes_on_is_told_from_one_that_died() {
    let person = Person::new();
    let waits = |time: &str| {
        format!(
            r#"step("one", || cluster::config_map("one", #{{ namespace: "default", data: #{{ x: "1" }} }}));
            step("two", || {{ log::info("ready"); sleep("{time}"); }});"#
        )
    };
    person.write("s.rhai", &waits("10m"));
    let status = || person.runs()[0]["status"].clone();
    let (mut run, _err) = person.start(&["run", "s.rhai"]);
    person.windlass(&["runs"]).ends(0).says(&["running  s "]);
    person.windlass(&["runs", "show"]).ends(0).says(&["status    running", "two   running"]);
    assert_eq!(status(), "running");
    person.windlass(&["run", "s.rhai", "--resume"]).ends(4).says(&["is locked by alice@"]);
    run.kill().unwrap();
    run.wait().unwrap();
    person.windlass(&["runs"]).ends(0).says(&["unfinished  s "]);
    person.windlass(&["runs", "show"]).ends(0).says(&["status    unfinished", "two   interrupted"]);
    assert_eq!(status(), Json::Null);

    let (mut run, mut err) = person.start(&["run", "s.rhai", "--resume"]);
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let mut said = String::new();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(3), "{said}");
    let id = person.last();
    let ending = format!(
        "go on where it stopped: windlass run s.rhai --resume\nor take back what it changed: windlass undo {id}\n"
    );
    assert!(said.ends_with(&ending), "{said}");
    assert_eq!(status(), "cancelled");

    // Killed by the second signal, it says how to find out what became of it.
    let stays = r#"step("one", || always(|| { log::info("ready"); sleep("10m"); }, || { log::info("cleaning"); sleep("25s"); }));"#;
    person.write("stays.rhai", stays);
    let (mut run, mut err) = person.start(&["run", "stays.rhai"]);
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let mut line = String::new();
    while !line.contains("cleaning") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0);
    }
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let mut said = String::new();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("is not known; windlass run stays.rhai --resume finds out."), "{said}");

    person.write("s.rhai", &waits("1ms"));
    let done = person.windlass(&["run", "s.rhai", "--resume", "--accept-changes"]).ends(0);
    done.says(&["(attempt 3): 1 of 2 steps is done"]);
    assert_eq!(person.runs().iter().filter(|run| run["status"] == "ok").count(), 1);
}

#[test]
fn a_customers_runs_are_in_the_folder() {
    let person = Person::new();
    person.write("shop/playbook.rhai", &FAILS.replace("values.x", "1"));
    person.write("acme/customer.yaml", "name: acme\nplaybook: ../shop\nclusters: {}\n");
    let failed = person.windlass(&["run", "acme"]).ends(1);
    let id =
        |runs: Ran| serde_json::from_str::<Json>(&runs.out).unwrap()["runs"][0]["run"].as_str().unwrap().to_owned();
    let id = id(person.windlass(&["runs", "--customer", "acme", "-o", "json"]).ends(0));
    failed.says(&[&format!(
        "go on where it stopped: windlass run acme --resume\nor take back what it changed: windlass undo {id} --customer acme\n"
    )]);
    assert!(person.runs().is_empty(), "they are not the user's own");
    person.windlass(&["undo", &id]).ends(2).says(&["no run is recorded in", "name it with --customer"]);
    person.windlass(&["undo", &id, "--customer", "acme", "--yes-to", "undo"]).ends(0);
    assert!(!person.has("one") && !person.has("two"));
}

#[test]
fn a_report_in_markdown_can_be_handed_on() {
    let person = Person::new();
    let script = r#"
        step("web", #{ title: "A *bold* | title" }, || {
            cluster::config_map("web", #{ namespace: "default", data: #{ x: "1" } });
            confirm("go", "Go on?");
        });
        step("last", || { throw #{ kind: "unavailable", message: "no `luck` <b>", hint: "try later" } });
        step("never", || 1);
    "#;
    person.write("s.rhai", script);
    person.windlass(&["run", "s.rhai", "--yes-to", "go"]).ends(1);
    let report = person.windlass(&["runs", "show", "-o", "markdown"]).ends(0).out;
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{8}-\d{6}-[0-9a-f]{6}", "[run]");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "[time]");
    settings.add_filter(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[cluster]");
    settings.add_filter(r"by alice on [^|]+ \|", "by alice on [machine] |");
    settings.add_filter(r"\| [\d.]+(ms|s) \|", "| [took] |");
    settings.add_filter(r"Kubernetes v[^ ]+ ", "Kubernetes [version] ");
    settings.add_filter(r"\| Windlass \| [^|]+ \|", "| Windlass | [version] |");
    settings.bind(|| insta::assert_snapshot!("report", report));
}

/// One kubeconfig for several clusters, each in a context of this name.
fn kubeconfig_of(all: &[(&str, &Path)]) -> String {
    let mut merged = json!({ "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [] });
    for (name, file) in all {
        let one = windlass_runtime::yaml::read_one_file(file).unwrap();
        for (list, key) in [("clusters", "cluster"), ("users", "user")] {
            merged[list].as_array_mut().unwrap().push(json!({ "name": name, key: one[list][0][key] }));
        }
        let context = json!({ "name": name, "context": { "cluster": name, "user": name } });
        merged["contexts"].as_array_mut().unwrap().push(context);
    }
    merged.to_string()
}

/// A person with two clusters, and a customer folder whose playbook changes both and then fails.
struct Two {
    person: Person,
    dr: ShadowProcess,
    _folder: tempfile::TempDir,
}

const TWO: &str = r#"
step("here", || cluster::config_map("one", #{ namespace: "default", data: #{ x: "1" } }));
step("there", || cluster::config_map("two", #{ namespace: "default", data: #{ x: "2" }, cluster: "dr" }));
step("last", || throw "no luck");
"#;

impl Two {
    fn new() -> Self {
        let (person, folder) = (Person::new(), tempfile::tempdir().unwrap());
        let dr = ShadowProcess::start_seeded(env!("CARGO_BIN_EXE_windlass"), folder.path(), 7);
        let two = Self { person, dr, _folder: folder };
        two.person.write("p/playbook.rhai", TWO);
        two.contexts(["main", "far"]);
        two.clusters("main", "far");
        two.person.windlass(&["run", "acme", "--kubeconfig", "both"]).ends(1).says(&["no luck"]);
        two
    }

    /// The kubeconfig calls the first cluster and the other one so.
    fn contexts(&self, [first, other]: [&str; 2]) {
        let both = kubeconfig_of(&[(first, self.person._shadow.kubeconfig()), (other, self.dr.kubeconfig())]);
        self.person.write("both", &both);
    }

    /// The customer's default cluster, and the one that is called `dr`, are those of these contexts.
    fn clusters(&self, default: &str, dr: &str) {
        let text = format!(
            "name: acme\nplaybook: ../p\nclusters: {{ default: {{ context: {default} }}, dr: {{ context: {dr} }} }}\n"
        );
        self.person.write("acme/customer.yaml", &text);
    }

    fn on_both(&self, arguments: &[&str]) -> Ran {
        self.person.windlass(&[arguments, &["--kubeconfig", "both"]].concat())
    }

    /// Which of the ConfigMaps there are in each cluster.
    fn there(&self, contexts: [&str; 2]) -> [String; 2] {
        contexts.map(|context| {
            let names = r#"cluster::list("ConfigMap", #{ namespace: "default" }).map(|o| o.metadata.name).filter(|n| n == "one" || n == "two")"#;
            self.on_both(&["eval", "--read-only", names, "--context", context]).ends(0).out.split_whitespace().collect()
        })
    }
}

#[test]
fn a_run_does_not_go_on_where_clusters_were_swapped() {
    let two = Two::new();
    let before = two.there(["main", "far"]);
    assert_eq!(before, [r#"["one"]"#, r#"["two"]"#]);
    let refused = || {
        let refused = two.on_both(&["run", "acme", "--resume"]).ends(2);
        refused.says(&["is not the one that the run changed: that was", "hint: nothing was done", "--context"]);
    };
    two.clusters("far", "main");
    refused();
    // The same names, and other clusters behind them.
    two.clusters("main", "far");
    two.contexts(["far", "main"]);
    refused();
    let undo = two.on_both(&["undo", "--customer", "acme", "--yes-to", "undo"]).ends(2);
    undo.says(&["is another cluster than it was", "hint: give the contexts of the kubeconfig their former names"]);
    two.contexts(["main", "far"]);
    assert_eq!(two.there(["main", "far"]), before);
    two.on_both(&["run", "acme", "--resume"]).ends(1).says(&["2 of 3 steps are done", "no luck"]);
    let shown = two.person.windlass(&["runs", "show", "--customer", "acme", "-o", "json"]).ends(0);
    let identities = serde_json::from_str::<Json>(&shown.out).unwrap()["identities"].clone();
    let names: Vec<&String> = identities.as_object().unwrap().keys().collect();
    assert!(names == ["", "dr"] && identities[""] != identities["dr"], "{identities}");
    let report = two.person.windlass(&["runs", "show", "--customer", "acme", "-o", "markdown"]).ends(0);
    report.says(&["| Cluster main | ", "| Cluster dr | "]);
}

#[test]
fn a_run_goes_on_and_is_taken_back_on_the_same_clusters_whatever_they_are_called() {
    let two = Two::new();
    two.contexts(["theirs", "theirs-dr"]);
    two.clusters("theirs", "theirs-dr");
    two.person.write(
        "p/playbook.rhai",
        &TWO.replace(
            "throw \"no luck\"",
            "cluster::config_map(\"three\", #{ namespace: \"default\", data: #{ x: \"3\" }, cluster: \"dr\" })",
        ),
    );
    let resumed = two.on_both(&["run", "acme", "--resume", "--accept-changes"]).ends(0);
    resumed.says(&["ok: 1 step ok, 2 skipped", "2 of 3 steps are done"]);
    // Where nobody has given the other cluster, it says what to pass.
    two.person.write("one", &kubeconfig_of(&[("theirs", two.person._shadow.kubeconfig())]));
    two.clusters("theirs", "theirs");
    let lost = two.person.windlass(&["undo", "--customer", "acme", "--yes-to", "undo", "--kubeconfig", "one"]).ends(2);
    lost.says(&["is not the one that the run changed", "under clusters in customer.yaml"]);
    two.clusters("theirs", "theirs-dr");
    let undone = two.on_both(&["undo", "--customer", "acme", "--yes-to", "undo"]).ends(0);
    undone.says(&["3 changed", "3 changes to take back"]);
    assert_eq!(two.there(["theirs", "theirs-dr"]), ["[]", "[]"]);
    // The undo can be taken back by whoever calls them otherwise again.
    two.contexts(["main", "far"]);
    two.clusters("main", "far");
    let undo = two.person.windlass(&["runs", "--customer", "acme", "-o", "json"]).ends(0);
    let undo = serde_json::from_str::<Json>(&undo.out).unwrap()["runs"][0]["run"].as_str().unwrap().to_owned();
    two.on_both(&["undo", &undo, "--customer", "acme", "--yes-to", "undo"]).ends(0);
    assert_eq!(two.there(["main", "far"]), [r#"["one"]"#, r#"["two"]"#]);
}

#[test]
fn an_undo_is_taken_back_and_the_run_can_be_taken_back_again() {
    let person = Person::new();
    person
        .windlass(&["eval", r#"cluster::config_map("one", #{ namespace: "default", data: #{ x: "0", y: "0" } }); ()"#])
        .ends(0);
    let patch = |data: &str| {
        format!(r#"cluster::patch("ConfigMap/one", #{{ data: #{{ {data} }} }}, #{{ namespace: "default" }})"#)
    };
    person.write("s.rhai", &format!(r#"step("a", || {}); step("b", || {});"#, patch(r#"x: "1""#), patch(r#"y: "1""#)));
    person.windlass(&["run", "s.rhai"]).ends(0);
    let data = || {
        let get = r#"let o = cluster::get("ConfigMap/one", #{ namespace: "default" }); o.data.x + o.data.y"#;
        person.windlass(&["eval", "--read-only", get]).ends(0).out.trim().to_owned()
    };
    let (id, undo) = (person.last(), |run: &str| person.windlass(&["undo", run, "--yes-to", "undo"]));
    let line = || person.runs().into_iter().find(|run| run["run"] == id.as_str()).unwrap();
    undo(&id).ends(0);
    assert_eq!(data(), "00");
    let first = person.last();
    assert_eq!(line()["undone_by"], first.as_str());
    undo(&first).ends(0).says(&[&format!("undo of {first}"), "2 changes to take back"]);
    assert_eq!(data(), "11");
    assert_eq!(line()["undone_by"], Json::Null);
    person.windlass(&["runs"]).ends(0).says(&["undone  undo of", "ok      s "]);
    person.windlass(&["run", "s.rhai", "--resume"]).ends(0).says(&["is done: there is nothing to resume"]);
    // It is another undo, not the one that is no more.
    undo(&id).ends(0).says(&["2 changes to take back"]).keeps_quiet_about("was begun already");
    let second = person.last();
    assert!(second != first && data() == "00");
    assert_eq!(line()["undone_by"], second.as_str());
}

#[test]
fn a_run_of_which_a_part_was_taken_back_goes_on_with_that_part() {
    let person = Person::new();
    person.write("s.rhai", &mended());
    person.windlass(&RUN).ends(0);
    let id = person.last();
    person.windlass(&["undo", &id, "--to", "one", "--yes-to", "undo"]).ends(0);
    assert!(person.has("one") && !person.has("two") && !person.has("three"));
    let resumed = person.windlass(&resume(&[])).ends(0);
    resumed.says(&["ok: 2 steps ok, 1 skipped; 2 changed", "1 of 3 steps is done", "run again: two, three\n"]);
    assert!(person.has("two") && person.has("three"));
    person.windlass(&resume(&[])).ends(0).says(&["is done: there is nothing to resume"]);

    // One that was begun is to be ended first.
    let many = r#"step("one", || 1); step("many", || for n in 0..60 { cluster::config_map(`many-${n}`, #{ namespace: "default", data: #{ x: "1" } }) });
        step("last", || cluster::config_map("ready", #{ namespace: "default", data: #{ x: "1" } }));"#;
    person.write("s.rhai", many);
    person.windlass(&["run", "s.rhai"]).ends(0);
    let id = person.last();
    let (mut undo, _err) = person.start(&["undo", &id, "--to", "one", "--yes-to", "undo", "--log", "log"]);
    while !std::fs::read_to_string(person.path("log")).unwrap_or_default().contains("many-5") {}
    undo.kill().unwrap();
    undo.wait().unwrap();
    let refused = person.windlass(&["run", "s.rhai", "--resume"]).ends(2);
    refused.says(&["was begun, and has not ended\n", &format!("hint: end it first: windlass undo {id} --to one")]);
    person.windlass(&["undo", &id, "--to", "one", "--yes-to", "undo"]).ends(0).says(&["which was begun already"]);
    person.windlass(&["run", "s.rhai", "--resume"]).ends(0).says(&["61 changed", "run again: many, last"]);
}

#[test]
fn what_others_changed_between_two_changes_of_the_run_is_in_the_plan() {
    let person = Person::new();
    let script = |second: &str| {
        format!(
            r#"step("one", || cluster::config_map("one", #{{ namespace: "default", data: #{{ x: "1", y: "1" }} }}));
            step("two", || {second});
            step("three", || cluster::patch("ConfigMap/one", #{{ data: #{{ z: "3" }} }}, #{{ namespace: "default" }}));"#
        )
    };
    let patch = |data: &str| {
        format!(r#"cluster::patch("ConfigMap/one", #{{ data: #{{ {data} }} }}, #{{ namespace: "default" }})"#)
    };
    person.write("s.rhai", &script("throw 1"));
    person.windlass(&["run", "s.rhai"]).ends(1);
    let id = person.last();
    // What somebody adds goes with the object; what was the run's does not.
    person.windlass(&["eval", &format!("{}; ()", patch(r#"more: "1""#))]).ends(0);
    person.write("s.rhai", &script(&patch(r#"x: "2""#)));
    person.windlass(&["run", "s.rhai", "--resume", "--accept-changes"]).ends(0);
    person.windlass(&["undo", &id, "--dry-run"]).ends(0).says(&["3 changes to take back"]);

    person.write(
        "t.rhai",
        &script("throw 1").replace("\"one\", #", "\"two\", #").replace("ConfigMap/one", "ConfigMap/two"),
    );
    person.windlass(&["run", "t.rhai"]).ends(1);
    let id = person.last();
    person.windlass(&["eval", &format!("{}; ()", patch(r#"x: "other""#).replace("/one", "/two"))]).ends(0);
    person.write(
        "t.rhai",
        &script(&patch(r#"x: "2""#)).replace("\"one\", #", "\"two\", #").replace("ConfigMap/one", "ConfigMap/two"),
    );
    person.windlass(&["run", "t.rhai", "--resume", "--accept-changes"]).ends(0);
    for more in ["--dry-run", "--yes-to=undo"] {
        let refused = person.windlass(&["undo", &id, more]).ends(2);
        // The values are not told: an undo has not read the run's secrets, which they may be.
        let refused = refused.says(&[
            "changed by somebody else while the run went on: ConfigMap/two in default: data.x: changed (hidden)",
            "hint: nothing was undone",
        ]);
        refused.keeps_quiet_about("other");
    }
    person.windlass(&["undo", &id, "--to", "one", "--dry-run"]).ends(0).says(&["2 changes to take back"]);
}

#[test]
fn an_undo_does_nothing_where_the_run_has_gone_on_since_it_was_read() {
    let person = Person::new();
    person.write("s.rhai", FAILS);
    person.windlass(&RUN).ends(1);
    person.write("s.rhai", &mended());
    // Its credentials are asked for between the reading and the lock: there, somebody goes on with the run.
    let kubeconfig = std::fs::read_to_string(person.path("kubeconfig")).unwrap();
    let token = kubeconfig.lines().find(|line| line.trim_start().starts_with("token: ")).unwrap();
    let indent = &token[..token.len() - token.trim_start().len()];
    let exec = format!(
        "{indent}exec: {{ apiVersion: client.authentication.k8s.io/v1, command: {}, interactiveMode: Never }}",
        person.path("credentials").display()
    );
    person.write("slow", &kubeconfig.replace(token, &exec));
    let status = json!({ "token": token.trim_start().trim_start_matches("token: ") });
    let credential =
        json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status });
    let goes_on = format!(
        "#!/bin/sh\nmkdir went-on && {} {} --accept-changes --kubeconfig kubeconfig >went-on/said 2>&1\ncat <<'END'\n{credential}\nEND\n",
        env!("CARGO_BIN_EXE_windlass"),
        resume(&[]).join(" ")
    );
    person.write("credentials", &goes_on);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(person.path("credentials"), executable).unwrap();
    let allowed = person.path("credentials");
    let undo = ["undo", "--yes-to", "undo", "--kubeconfig", "slow", "--allow-exec", allowed.to_str().unwrap()];
    let late = person.windlass(&undo).ends(2);
    let said = std::fs::read_to_string(person.path("went-on/said")).unwrap();
    assert!(said.contains("2 steps ok"), "{said}");
    late.says(&["has gone on in the meantime", "hint:"]);
    assert!(["one", "two", "three"].iter().all(|name| person.has(name)));
    // Read anew, all of it is taken back.
    person.windlass(&undo).ends(0).says(&["3 changed"]);
    assert!(!["one", "two", "three"].iter().any(|name| person.has(name)));
}
