//! Each example is run, and what it prints is compared. Cargo builds them before these tests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "these programs are started as a user starts them")]

use std::path::Path;
use std::process::Command;

/// Runs an example; gives what it printed.
fn run(name: &str) -> String {
    let deps = std::env::current_exe().unwrap();
    let folder = deps.ancestors().nth(2).unwrap().join("examples");
    let output = Command::new(folder.join(name)).output();
    let output = output.unwrap_or_else(|e| panic!("{name}: {e}: cargo test -p windlass-examples builds it"));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{name} ended with {}:\n{out}{err}", output.status);
    out
}

#[track_caller]
fn prints(name: &str, lines: &[&str]) {
    assert_eq!(run(name).lines().collect::<Vec<_>>(), lines, "{name}");
}

#[test]
fn hello() {
    prints("hello", &["settings: Ok, 2 changed", "look: Ok, 0 changed", "the run: Ok"]);
}

#[test]
fn custom_primitive() {
    prints(
        "custom_primitive",
        &[
            "four apples: 180 cents",
            "shop::price has no option `peices` (did you mean \"pieces\"?)",
            "the shop has no plum (it has apple and pear)",
            "shop::price(article, [#{ … }]): Gives the price of an article, in cents.",
        ],
    );
}

#[test]
fn event_sink() {
    prints(
        "event_sink",
        &[
            "Deploy the web server …",
            "  Deployment/default/web: Changed",
            "  the web server answers",
            "Deploy the web server: Ok",
        ],
    );
}

#[test]
fn restricted_session() {
    prints(
        "restricted_session",
        &[
            "read-only:",
            "  there are 3 nodes",
            "  denied: ConfigMap/settings in tenant-a may not be changed: this session is read-only",
            "  denied: Node/node-1 may not be changed: this session is read-only",
            "tenant-a only:",
            "  there are 3 nodes",
            "  done",
            "  denied: Node/node-1 may not be changed: this session may only change the namespaces tenant-a, not what is cluster-wide",
        ],
    );
}

#[test]
fn cancel() {
    prints(
        "cancel",
        &[
            "it says: waiting for the technician",
            "the run: Cancelled",
            "maintenance: Cancelled",
            "afterwards: Pending",
            "the label is gone",
        ],
    );
}

#[test]
fn two_clusters() {
    prints(
        "two_clusters",
        &[
            "ConfigMap/settings in default on primary: Changed",
            "ConfigMap/settings in default on dr: Changed",
            "ConfigMap/settings in default on primary: Changed",
            "dr has the colour blue, and is active: false",
            "the run: Ok, 3 changed",
        ],
    );
}

#[test]
fn two_runs_at_once() {
    prints(
        "two_runs_at_once",
        &[
            "north: Ok, 2 changed",
            "  Namespace/north",
            "  ConfigMap/settings in north",
            "south: Ok, 2 changed",
            "  Namespace/south",
            "  ConfigMap/settings in south",
        ],
    );
}

#[test]
fn each_is_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let programs: Vec<_> = programs.filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    assert_eq!(programs.len(), 7, "each has a test of its name here: {programs:?}");
    for program in programs {
        let lines = std::fs::read_to_string(&program).unwrap().lines().count();
        assert!(lines < 80, "{} has {lines} lines", program.display());
    }
}

#[test]
fn an_embedder_compiles_neither_the_command_line_nor_a_listener() {
    let arguments = ["tree", "--package", "windlass-examples", "--edges", "normal", "--prefix", "none", "--offline"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"windlass-stdlib") && crates.contains(&"kube"), "{crates:?}");
    for unwanted in ["clap", "reedline", "windlass", "windlass-playbooks", "mimalloc"] {
        assert!(!crates.contains(&unwanted), "{unwanted} is compiled");
    }
}
