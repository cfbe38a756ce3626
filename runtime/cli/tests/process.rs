//! The command as a process: signals, a terminal, files, a reader that goes away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

struct Running {
    child: Child,
    err: BufReader<std::process::ChildStderr>,
    _scratch: tempfile::TempDir,
}

/// Runs a script, and waits until it has said `ready`.
fn start(script: &str) -> Running {
    start_command("run", script)
}

fn start_command(command: &str, script: &str) -> Running {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args([command, "s.rhai", "--output", "json"])
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
    }
    Running { child, err, _scratch: scratch }
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "it never said {text}");
        }
    }

    fn end(mut self) -> (Option<i32>, String, String) {
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

#[test]
fn each_signal_stops_a_wait_within_two_seconds_and_cleans_up() {
    for (signal, name) in [(Signal::INT, "Ctrl-C"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let script = r#"
            step("a", || always(|| { log::info("ready"); sleep("10m"); }, || { sleep("50ms"); log::info("cleaned up") }));
            step("b", || log::info("never said"));
        "#;
        let running = start(script);
        let begun = Instant::now();
        running.signal(signal);
        let (code, out, err) = running.end();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(code, Some(3), "{err}");
        assert!(err.contains(&format!("{name}: stopping.")), "acknowledged at once: {err}");
        assert!(err.contains("cleaned up") && !err.contains("never said"), "{err}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["status"], "cancelled");
        assert_eq!(report["steps"][0]["status"], "cancelled");
        assert_eq!(report["steps"][1]["status"], "pending");
    }
}

#[test]
fn a_loop_without_primitives_is_stopped_too() {
    // Turns of plain computing, each below the limit of what may be computed without a primitive.
    let script = r#"log::info("ready"); let i = 0; loop { i += 1; if i % 100000 == 0 { sleep(0); } }"#;
    let running = start(script);
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn a_rehearsal_that_has_too_much_to_do_is_stopped_too() {
    let script = r#"step("a", || {
        always(|| {
            log::info("ready");
            cluster::apply(#{ apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: "web" }, spec: #{
                replicas: 5000000, selector: #{ matchLabels: #{ app: "web" } },
                template: #{ metadata: #{ labels: #{ app: "web" } }, spec: #{ containers: [#{ name: "c", image: "web" }] } } } });
            wait::ready("Deployment/web");
        }, || { cluster::delete("Deployment/web"); log::info("cleaned up") })
    });"#;
    let running = start_command("rehearse", script);
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("cleaned up"), "{err}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_catch_does_not_keep_the_run_going() {
    let running = start(r#"log::info("ready"); loop { try { sleep("10m"); } catch { } }"#);
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    let script = r#"always(|| { log::info("ready"); sleep("10m"); }, || { log::info("cleaning"); sleep("25s"); })"#;
    let mut running = start(script);
    running.signal(Signal::INT);
    running.wait_for("cleaning");
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(code, Some(130), "{err}");
    assert!(err.contains("Whether the change that was under way took effect is not known"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), r#"step("a", || 1);"#).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["run", "s.rhai", "--output", "json"])
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    assert!(!err.contains("panicked") && !err.contains("error"), "{err}");
}

#[test]
fn what_cannot_be_written_is_no_success() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), r#"step("a", || 1);"#).unwrap();
    let run = |arguments: &[&str], out: Stdio| {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(arguments)
            .current_dir(scratch.path())
            .stdout(out)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for arguments in [&["run", "s.rhai", "--output", "json"][..], &["run", "s.rhai"], &["list"], &["--version"]] {
        let (code, err) = run(arguments, full());
        assert_eq!(code, Some(1), "{arguments:?}: {err}");
        assert!(err.contains("cannot be written to stdout"), "{arguments:?}: {err}");
    }
    let (code, err) = run(&["run", "s.rhai", "--log", "/dev/full"], Stdio::null());
    assert_eq!((code, err.matches("--log /dev/full: the file is not whole").count()), (Some(1), 1), "{err}");
}

#[test]
fn the_log_file_keeps_everything_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().unwrap();
    let script = r#"step("a", || {
        log::debug("a debug line");
        log::info(`p ${secret::env("PASSWORD")}`);
        throw "gone"
    });"#;
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    for (file, wanted) in
        [("run.log", "debug: a debug line"), ("run.jsonl", r#""level":"debug","text":"a debug line""#)]
    {
        let path = scratch.path().join(file);
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(["run", "s.rhai", "-q", "--log", file])
            .env("PASSWORD", "correct-horse-battery")
            .current_dir(scratch.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("a debug line"));
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.contains(wanted) && kept.contains("gone") && !kept.contains("correct-horse"), "{kept}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        if file == "run.jsonl" {
            kept.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
        }
    }
}

/// Runs a script on a terminal (that of `script`, from util-linux), types the answers, each after its question, and gives
/// what was to be seen.
fn on_a_terminal(script: &str, answers: &[(&str, &str)]) -> Option<(Option<i32>, String)> {
    on_a_terminal_by("run s.rhai", script, answers)
}

fn on_a_terminal_by(command: &str, script: &str, answers: &[(&str, &str)]) -> Option<(Option<i32>, String)> {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    let mut terminal = Command::new("script");
    terminal.env("STEP_PASSWORD", "a password of a step").env_remove("CI").env_remove("NO_COLOR");
    let line = format!("{} {command}", env!("CARGO_BIN_EXE_windlass"));
    windlass_support::on_a_terminal(terminal.current_dir(scratch.path()), &line, answers)
}

#[test]
fn a_person_at_the_terminal_is_asked() {
    let script = r#"
        step("ask", || { if confirm("go", "Delete it all?") { log::info("it is " + "true") } log::info("the answer was yes"); });
        step("secret", || { let p = secret::prompt("Password of the registry"); log::info(`it is ${p}`); });
        step("flaky", #{ on_error: "ask" }, |ctx| { if ctx.attempt < 2 { throw "not yet" } log::info("at last"); });
        step("no", || { confirm("stop", "And this?"); log::info("never " + "said"); });
    "#;
    let answers = [
        ("go on? [y/N]", "what?\n"),
        ("go on? [y/N]", "y\n"),
        ("(not shown):", "correct-horse-battery\n"),
        ("[s]top?", "r\n"),
        ("[stop]", "\n"),
    ];
    let Some((code, seen)) = on_a_terminal(script, &answers) else { return };
    assert_eq!(code, Some(3), "{seen}");
    for wanted in [
        "Delete it all?",
        "Answer y or n.",
        "it is true",
        "the answer was yes",
        "at last",
        "`stop` was refused",
        "\u{1b}[1;33mcancelled",
    ] {
        assert!(seen.contains(wanted), "{wanted}: {seen}");
    }
    assert!(!seen.contains("correct-horse") && !seen.contains("never said"), "{seen}");
}

#[test]
fn step_by_step_each_step_is_asked_about_and_can_be_looked_into() {
    let script = r#"
        fn name() { values.name }
        step("first", #{ title: "The first" }, |ctx| { ctx.state.found = [1, 2]; ctx.state.pass = secret::env("STEP_PASSWORD"); });
        step("second", #{ needs: ["first"], timeout: "1m", irreversible: true }, || log::info(`hello ${name()}`));
        after("second", || log::info("hooked"));
        step("third", || log::info("never " + "said"));
        step("fourth", |ctx| { if ctx.attempt < 2 { throw "not " + "yet" } log::info("at last"); });
        step("fifth", || log::info("came " + "so far"));
    "#;
    let answers = [
        ("s[t]op?", "r\n"),
        ("s[t]op?", "i\n"),
        ("s[t]op?", "huh\n"),
        ("s[t]op?", "run\n"),
        ("s[t]op?", "s\n"),
        ("s[t]op?", "\n"),
        ("[s]top?", "r\n"),
        ("s[t]op?", "t\n"),
    ];
    let command = "run -v --step --set name=you s.rhai";
    let Some((code, seen)) = on_a_terminal_by(command, script, &answers) else { return };
    assert_eq!(code, Some(3), "{seen}");
    for wanted in [
        "step 1 of 5:",
        "The first",
        "needs first; timeout 1m; irreversible; with after",
        "log::info(`hello ${name()}`)",
        "log::info(\"hooked\")",
        "values that it reads",
        "name: you",
        "ctx.state",
        "- 1",
        "pass: (secret)",
        "hello you",
        "skipped by hand",
        "not yet",
        "at last",
        "cancelled",
    ] {
        assert!(seen.contains(wanted), "{wanted}: {seen}");
    }
    for unwanted in ["never said", "came so far", "a password of a step"] {
        assert!(!seen.contains(unwanted), "{unwanted}: {seen}");
    }
}

#[test]
fn go_on_asks_no_more_and_a_breakpoint_stops_where_the_script_stands() {
    let script = r#"
        step("first", || log::info("one"));
        step("second", || {
            let ready = 3;
            breakpoint(`${ready} are ready`);
            log::info("went " + "on");
            breakpoint();
            log::info("never " + "said");
        });
    "#;
    let answers = [("s[t]op?", "g\n"), ("[g]o on, s[t]op?", "g\n"), ("[g]o on, s[t]op?", "stop\n")];
    let Some((code, seen)) = on_a_terminal_by("run --step s.rhai", script, &answers) else { return };
    assert_eq!(code, Some(3), "{seen}");
    for wanted in
        ["breakpoint in step second", "3 are ready", "s.rhai:5:", "went on", "stopped at the breakpoint at s.rhai:7:"]
    {
        assert!(seen.contains(wanted), "{wanted}: {seen}");
    }
    assert!(!seen.contains("never said") && !seen.contains("step 2 of 2"), "{seen}");
}

#[test]
fn ctrl_c_ends_a_question_and_gives_the_terminal_back() {
    let script = r#"step("a", || always(|| secret::prompt("Password"), || log::info("cleaned up")));"#;
    let Some((code, seen)) = on_a_terminal(script, &[("(not shown):", "half\u{3}")]) else { return };
    assert_eq!(code, Some(3), "{seen}");
    assert!(seen.contains("Ctrl-C: stopping.") && seen.contains("cleaned up") && !seen.contains("half"), "{seen}");
}

#[test]
fn ctrl_c_stops_a_rehearsal_whose_time_never_ends() {
    let script =
        r#"step("a", || always(|| { log::info("ready"); loop { sleep("1h"); } }, || log::info("cleaned up")));"#;
    let running = start_command("rehearse", script);
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, out, err) = running.end();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("Ctrl-C: stopping.") && err.contains("cleaned up"), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["status"], &report["rehearsal"]["seed"]), (&"cancelled".into(), &1.into()));
}

/// `windlass shadow`, and the path that it printed first.
fn shadow(arguments: &[&str]) -> (Child, BufReader<std::process::ChildStdout>, std::path::PathBuf) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .arg("shadow")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let kubeconfig = std::path::PathBuf::from(line.trim_end());
    (child, out, kubeconfig)
}

#[test]
fn a_shadow_serves_a_run_until_a_signal_and_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let script = r#"
        step("a", || { cluster::namespace("shop"); cluster::config_map("c", #{ namespace: "shop", data: #{ a: "b" } }); });
        step("b", || log::info(`${cluster::list("Node").len()} nodes, ${cluster::get("ConfigMap/c", #{ namespace: "shop" }).data.a}`));
        step("c", || wait::deleted("ConfigMap/none", #{ namespace: "shop", timeout: "1h" }));
        step("d", || {
            cluster::apply(#{ apiVersion: "v1", kind: "Pod", metadata: #{ name: "p", namespace: "shop" }, spec: #{ containers: [#{ name: "c", image: "i" }] } });
            wait::ready("Pod/p", #{ namespace: "shop", timeout: "30s" });
        });
    "#;
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    for (clock, signal) in [("real", Signal::INT), ("virtual", Signal::TERM)] {
        let (mut child, out, kubeconfig) = shadow(&["--nodes", "5", "--clock", clock]);
        assert!(kubeconfig.is_absolute() && kubeconfig.ends_with("kubeconfig"), "{kubeconfig:?}");
        assert_eq!(kubeconfig.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(kubeconfig.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let run = || {
            let mut run = Command::new(env!("CARGO_BIN_EXE_windlass"));
            run.args(["run", "s.rhai", "--kubeconfig"]).arg(&kubeconfig).current_dir(scratch.path()).output().unwrap()
        };
        for changed in ["3 changed, 0 unchanged", "0 changed, 3 unchanged"] {
            let ran = run();
            let (said, result) = (String::from_utf8_lossy(&ran.stderr), String::from_utf8_lossy(&ran.stdout));
            assert_eq!(ran.status.code(), Some(0), "{said}");
            assert!(said.contains("5 nodes, b") && format!("{said}{result}").contains(changed), "{said}{result}");
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let (mut rest, mut err) = (String::new(), String::new());
        let mut out = out;
        out.read_to_string(&mut rest).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(0), ""), "{err}");
        assert!(err.contains("5 nodes") && err.contains("kubectl --kubeconfig"), "{err}");
        assert!(!kubeconfig.parent().unwrap().exists(), "its folder is left");
    }
}

#[test]
fn a_recording_that_fails_leaves_no_file() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut child, _, kubeconfig) = shadow(&[]);
    let kept = scratch.path().join("kubeconfig");
    std::fs::copy(kubeconfig, &kept).unwrap();
    let record = || {
        let mut record = Command::new(env!("CARGO_BIN_EXE_windlass"));
        record
            .args(["shadow", "record", "cluster.rec", "--kubeconfig"])
            .arg(&kept)
            .current_dir(scratch.path())
            .output()
            .unwrap()
    };
    assert_eq!(record().status.code(), Some(0));
    std::fs::remove_file(scratch.path().join("cluster.rec")).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    let failed = record();
    assert_eq!(failed.status.code(), Some(1), "{}", String::from_utf8_lossy(&failed.stderr));
    assert!(!scratch.path().join("cluster.rec").exists());
}

#[test]
fn a_shadow_never_replaces_a_kubeconfig() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("kubeconfig");
    let (mut child, _, printed) = shadow(&["--kubeconfig", file.to_str().unwrap()]);
    assert_eq!(printed, file);
    let second =
        Command::new(env!("CARGO_BIN_EXE_windlass")).args(["shadow", "--kubeconfig"]).arg(&file).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("the file is there"));
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!file.exists());
}

/// A customer folder whose playbook is this script, in which the lock lasts five seconds.
fn customer(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("customer.yaml"), "name: acme\nplaybook: p.rhai\nlock: { duration: 5s }\n")
        .unwrap();
    std::fs::write(folder.path().join("p.rhai"), script).unwrap();
    folder
}

/// The command in a folder, with a state folder of its own.
fn windlass(
    arguments: &[&str],
    folder: &std::path::Path,
    state: &std::path::Path,
    kubeconfig: &std::path::Path,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.args(arguments).arg("--kubeconfig").arg(kubeconfig).current_dir(folder).env("XDG_STATE_HOME", state);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn until_said(child: &mut Child, text: &str) -> BufReader<std::process::ChildStderr> {
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it never said {text}");
    }
    err
}

const SLEEPER: &str = r#"
    step("a", || { cluster::config_map("a", #{ data: #{ by: "sleeper" } }); log::info("ready"); });
    step("b", || { sleep("3s"); cluster::config_map("b", #{ data: #{ by: "sleeper" } }); });
    step("c", || cluster::config_map("c", #{ data: #{ by: "sleeper" } }));
"#;

#[test]
fn who_slept_for_longer_than_the_lease_changes_nothing_more() {
    let (mut shadow, _out, kubeconfig) = shadow(&[]);
    let (one, state) = (customer(SLEEPER), tempfile::tempdir().unwrap());
    let mut sleeper = windlass(&["run"], one.path(), state.path(), &kubeconfig).spawn().unwrap();
    let mut err = until_said(&mut sleeper, "ready");
    let pid = Pid::from_child(&sleeper);
    kill_process(pid, Signal::STOP).unwrap();

    // It lives, as far as anybody can tell: whoever does not wait is refused, and told by whom.
    let (two, elsewhere) = (
        customer(r#"step("a", || cluster::config_map("b", #{ data: #{ by: "other" } }));"#),
        tempfile::tempdir().unwrap(),
    );
    let refused = windlass(&["run"], two.path(), state.path(), &kubeconfig).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("is locked by ") && said.contains("which runs p for acme, since 2"), "{said}");
    assert!(said.contains("windlass lock break --holder '") && said.contains("wait until"), "{said}");

    // Another session waits its lease out, is told what was in flight, and changes something.
    let customer = windlass_runtime::customer::Customer::open(two.path()).unwrap();
    let runtime = windlass_runtime::Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let playbook = windlass_runtime::playbook::Playbook::script(&two.path().join("p.rhai")).unwrap();
    let target = windlass_runtime::target::Live::builder().kubeconfig(&kubeconfig).build();
    let options = windlass_runtime::lock::LockOptions::of(&playbook, Some(&customer));
    let session = runtime.session(target).lock(options).state_folder(elsewhere.path()).open();
    let held = session.take_lock(true, windlass_runtime::lock::Patience::UntilExpired).unwrap();
    let [previous] = held.previous() else { panic!("{:?}", held.previous()) };
    assert_eq!(previous.ended, windlass_runtime::lock::Ended::Expired);
    assert_eq!(previous.in_flight, ["step a: cluster::config_map: ConfigMap/a in default"]);
    let report = session
        .prepare(&playbook)
        .unwrap()
        .start(&windlass_runtime::playbook::Selection::default())
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(report.status, windlass_runtime::report::RunStatus::Ok, "{report:?}");

    kill_process(pid, Signal::CONT).unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(sleeper.wait().unwrap().code(), Some(1), "{rest}");
    assert!(
        rest.contains("is lost: ") && rest.contains(&format!("{} has it now", session.id()))
            || rest.contains(session.id()),
        "{rest}"
    );
    drop(held);
    let look = windlass(
        &[
            "eval",
            r#"cluster::list("ConfigMap").filter(|o| "by" in o.data).map(|o| `${o.metadata.name} by ${o.data.by}`)"#,
        ],
        two.path(),
        state.path(),
        &kubeconfig,
    );
    let mut look = look;
    let seen = String::from_utf8(look.output().unwrap().stdout).unwrap();
    assert!(
        seen.contains("a by sleeper")
            && seen.contains("b by other")
            && !seen.contains("c by")
            && !seen.contains("b by sleeper"),
        "{seen}"
    );
    kill_process(Pid::from_child(&shadow), Signal::TERM).unwrap();
    shadow.wait().unwrap();
}

#[test]
fn a_killed_run_is_replaced_at_once_and_a_living_one_can_be_broken() {
    let (mut shadow, _out, kubeconfig) = shadow(&[]);
    let state = tempfile::tempdir().unwrap();
    let script = r#"step("a", || { cluster::config_map("a", #{ data: #{ a: "1" } }); log::info("ready"); sleep("10m"); cluster::config_map("b", #{ data: #{} }); });"#;
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    let start = || {
        let mut child = windlass(&["run", "s.rhai"], scratch.path(), state.path(), &kubeconfig).spawn().unwrap();
        let err = until_said(&mut child, "ready");
        (child, err)
    };
    let said = |arguments: &[&str]| {
        let output = windlass(arguments, scratch.path(), state.path(), &kubeconfig).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    };
    assert!(said(&["lock"]).1.contains("free  (kube-system/windlass)"));
    let (mut killed, _) = start();
    kill_process(Pid::from_child(&killed), Signal::KILL).unwrap();
    killed.wait().unwrap();
    let begun = Instant::now();
    let (mut living, mut err) = start();
    assert!(begun.elapsed() < Duration::from_secs(30), "it has waited");

    let (code, text) = said(&["lock"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("held by ") && text.contains("playbook: s") && text.contains("this one, process"), "{text}");
    let (_, json) = said(&["lock", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let holder = json["locks"][0]["holder"]["id"].as_str().unwrap().to_owned();
    let (code, text) = said(&["eval", r#"cluster::config_map("c", #{ data: #{} })"#]);
    assert!(text.contains(&format!("is locked by {holder}")), "{text}");
    assert_eq!(code, Some(4), "{text}");
    let (code, text) = said(&["lock", "break", "--holder", "bob@far/r1", "--reason", "x"]);
    assert!(code == Some(1) && text.contains(&format!("is not locked by bob@far/r1, but by {holder}")), "{text}");
    assert_eq!(said(&["lock", "break", "--holder", &holder, "--reason", " "]).0, Some(2));
    let (code, text) = said(&["lock", "break", "--holder", &holder, "--reason", "the machine is gone"]);
    assert!(code == Some(0) && text.contains("the lock of") && text.contains(&holder), "{text}");
    assert!(said(&["lock"]).1.contains(": the machine is gone"));

    // It notices with its next renewal; a person who cannot wait stops it.
    kill_process(Pid::from_child(&living), Signal::INT).unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(living.wait().unwrap().code(), Some(3), "{rest}");
    kill_process(Pid::from_child(&shadow), Signal::TERM).unwrap();
    shadow.wait().unwrap();
}

#[test]
fn of_a_hundred_pairs_of_commands_that_start_at_once_one_proceeds_each_time() {
    let (mut shadow, _out, kubeconfig) = shadow(&[]);
    let script = r#"step("a", || { log::info("ready"); sleep("10m"); });
        step("b", || cluster::config_map("a", #{ data: #{ a: "1" } }));"#;
    let (folder, other, state) = (customer(script), customer(script), tempfile::tempdir().unwrap());
    for round in 0..100 {
        // In one customer folder they meet there; in two, on the cluster.
        let second = if round % 2 == 0 { folder.path() } else { other.path() };
        let start = |at| windlass(&["run"], at, state.path(), &kubeconfig).spawn().unwrap();
        let mut both = vec![start(folder.path()), start(second)];
        let begun = Instant::now();
        let refused = loop {
            if let Some(ended) = both.iter_mut().position(|child| child.try_wait().unwrap().is_some()) {
                break both.remove(ended).wait_with_output().unwrap();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "round {round}: both proceed, or none");
            std::thread::sleep(Duration::from_millis(2));
        };
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(4) && said.contains("ocked by "), "round {round}: {said}");
        let mut proceeds = both.remove(0);
        let mut err = until_said(&mut proceeds, "ready");
        kill_process(Pid::from_child(&proceeds), Signal::INT).unwrap();
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        assert_eq!(proceeds.wait().unwrap().code(), Some(3), "round {round}: {rest}");
    }
    kill_process(Pid::from_child(&shadow), Signal::TERM).unwrap();
    shadow.wait().unwrap();
}
