//! Runs whose journal cannot be written, or is damaged: one clear error, and nothing is done that is not recorded.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::support::{Cluster, User, said};

/// So many objects are made, in as many steps.
const OBJECTS: usize = 4;

/// A file system of its own, in memory.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount one, which is said.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            windlass_testbed::skip_or_fail("a small file system is mounted by root only");
            return None;
        }
        std::fs::create_dir_all(at).unwrap();
        let disk = Self(at.to_owned());
        let mounted = disk.do_mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=777"), "windlass-test"]);
        if !mounted.status.success() {
            windlass_testbed::skip_or_fail(&format!("a small file system cannot be mounted: {}", said(&mounted)));
            return None;
        }
        Some(disk)
    }

    #[expect(clippy::disallowed_methods, reason = "a program of the system")]
    fn do_mount(&self, arguments: &[&str]) -> Output {
        Command::new("mount").args(arguments).arg(&self.0).output().unwrap()
    }

    fn remount(&self, options: &str) {
        let mounted = self.do_mount(&["-o", &format!("remount,{options}")]);
        assert!(mounted.status.success(), "{}", said(&mounted));
    }
}

impl Drop for Disk {
    #[expect(clippy::disallowed_methods, reason = "a program of the system")]
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy", "--"]).arg(&self.0).status();
    }
}

/// A user whose runs are recorded in a folder of their choice.
struct Recorded {
    user: User,
    state: PathBuf,
    script: PathBuf,
    namespace: String,
}

impl Recorded {
    fn new(cluster: &Cluster, namespace: &str, state: &Path) -> Self {
        let user = User::new(&cluster.kubeconfig());
        let script = user.home.path().join("objects.rhai");
        let text = format!(
            "step(\"namespace\", || {{ cluster::namespace(\"{namespace}\"); }});
             for n in 0..{OBJECTS} {{
                 step(`object-${{n}}`, || {{ cluster::config_map(`one-${{n}}`, #{{ data: #{{ n: `${{n}}` }}, namespace: \"{namespace}\" }}); }});
             }}"
        );
        std::fs::write(&script, text).unwrap();
        Self { user, state: state.to_owned(), script, namespace: namespace.to_owned() }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        self.user.command(arguments).env("XDG_STATE_HOME", &self.state).output().unwrap()
    }

    fn run(&self) -> Output {
        self.command(&["run", self.script.to_str().unwrap()])
    }

    fn resume(&self) -> Output {
        self.command(&["run", self.script.to_str().unwrap(), "--resume"])
    }

    /// A run of which one step is done, and the object of the next one is there without a record of it.
    fn run_that_dies(&self) {
        let script = self.script.to_str().unwrap();
        for (arguments, dies) in
            [(&["run", script][..], "step_end after"), (&["run", script, "--resume"], "result before")]
        {
            let mut command = self.user.command(arguments);
            let died = command.env("XDG_STATE_HOME", &self.state).env("DIES", dies).output().unwrap();
            assert!(said(&died).contains("\ndies "), "{}", said(&died));
        }
        assert_eq!(self.there().len(), 2);
    }

    fn journal(&self) -> PathBuf {
        self.state.join("windlass/journal.db")
    }

    /// What the playbook has made on the cluster.
    fn there(&self) -> BTreeSet<String> {
        let namespace = &self.namespace;
        let looks = format!(
            "cluster::list(\"ConfigMap\", #{{ namespace: \"{namespace}\" }}).map(|o| o.metadata.name).filter(|n| n.starts_with(\"one-\"))
             + if cluster::exists(\"Namespace/{namespace}\") {{ [\"{namespace}\"] }} else {{ [] }}"
        );
        let names = self.user.json(&["eval", "--read-only", "-o", "json", &looks]);
        names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// What is recorded as intended by the last run; nothing where no run is recorded.
    fn intended(&self) -> (BTreeSet<String>, Option<Json>) {
        let shown = self.command(&["runs", "show", "-o", "json"]);
        let Ok(record) = serde_json::from_slice::<Json>(&shown.stdout) else {
            let no_run = ["no run is recorded", "there is no run"];
            assert!(no_run.iter().any(|text| said(&shown).contains(text)), "{}", said(&shown));
            return Default::default();
        };
        let changed = record["changed"].as_array().unwrap().iter();
        let names = changed.flat_map(|change| change["resources"].as_array().unwrap().iter());
        (names.map(|resource| resource["resource"]["name"].as_str().unwrap().to_owned()).collect(), Some(record))
    }
}

/// The first lines of its errors.
fn errors(output: &Output) -> Vec<String> {
    said(output).lines().filter_map(|line| line.trim_start().strip_prefix("error: ")).map(str::to_owned).collect()
}

#[test]
fn a_journal_whose_disk_is_full_stops_the_run_and_goes_on_when_there_is_space() {
    let cluster = Cluster::start();
    let mut points = BTreeSet::new();
    // The tables take the first hundred.
    for kib in [4, 20, 52].into_iter().chain((84..).step_by(8)) {
        let folder = tempfile::tempdir().unwrap();
        let Some(disk) = Disk::mount(&folder.path().join("disk"), &format!("{kib}k")) else { return };
        let recorded = Recorded::new(&cluster, &format!("full-{kib}"), &disk.0);
        let output = recorded.run();
        if output.status.success() {
            break;
        }
        let first = errors(&output);
        let full = format!("the journal {} cannot be written: the disk is full", recorded.journal().display());
        assert_eq!(first, [full], "{kib} KiB: {}", said(&output));
        let there = recorded.there();
        let still = recorded.resume();
        assert!(!still.status.success() && errors(&still).len() == 1, "{kib} KiB: {}", said(&still));
        assert_eq!(recorded.there(), there, "{kib} KiB: {}", said(&still));

        disk.remount("size=4m");
        let (intended, record) = recorded.intended();
        assert!(there.is_subset(&intended), "{kib} KiB: {there:?}, and intended {intended:?}");
        let in_flight =
            record.as_ref().is_some_and(|r| r["changed"].as_array().unwrap().iter().any(|c| c["results"].is_null()));
        points.insert(match (&record, in_flight) {
            (None, _) => "start",
            (_, true) => "result",
            (_, false) => "between",
        });
        let code = if record.is_some() { 1 } else { 2 };
        assert_eq!(output.status.code(), Some(code), "{kib} KiB: {}", said(&output));
        let last = if record.is_some() { recorded.resume() } else { recorded.run() };
        assert!(last.status.success(), "{kib} KiB: {}", said(&last));
        assert_eq!((recorded.there().len(), recorded.intended().0.len()), (OBJECTS + 1, OBJECTS + 1), "{kib} KiB");
    }
    assert_eq!(points, BTreeSet::from(["start", "between", "result"]));
}

#[test]
fn a_disk_that_has_no_room_for_another_file_is_full_too() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    // One is the file system's own folder; then come that of the journal, the journal, and what belongs to it.
    for files in 1..5 {
        let Some(disk) = Disk::mount(&folder.path().join("disk"), &format!("4m,nr_inodes={files}")) else { return };
        let recorded = Recorded::new(&cluster, &format!("files-{files}"), &disk.0);
        let output = recorded.run();
        let first = errors(&output);
        assert!(!output.status.success() && first.len() == 1, "{files}: {}", said(&output));
        assert!(said(&output).contains("the disk is full"), "{files}: {}", said(&output));
        assert!(recorded.there().is_empty(), "{files}");
        disk.remount("nr_inodes=100");
        let whole = recorded.run();
        assert!(whole.status.success(), "{files}: {}", said(&whole));
    }
}

/// The commands that read a journal, or write to it.
fn each_command(recorded: &Recorded) -> [(&'static str, Output); 6] {
    let script = recorded.script.to_str().unwrap();
    [
        ("list", recorded.command(&["runs"])),
        ("show", recorded.command(&["runs", "show"])),
        ("plan of an undo", recorded.command(&["undo", "--dry-run"])),
        ("resume", recorded.command(&["run", script, "--resume"])),
        ("undo", recorded.command(&["undo", "--yes-to", "undo"])),
        ("run", recorded.command(&["run", script])),
    ]
}

/// One error that names the journal, or its folder, and says what to do.
fn assert_refused(recorded: &Recorded, what: &str, output: &Output) {
    let text = said(output);
    let folder = recorded.state.join("windlass").display().to_string();
    assert_eq!((output.status.code(), errors(output).len()), (Some(2), 1), "{what}: {text}");
    assert!(text.contains(&folder) && text.contains("hint: "), "{what}: {text}");
}

#[test]
fn a_file_system_that_is_read_only_has_nothing_done() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("disk"), "4m") else { return };
    let recorded = Recorded::new(&cluster, "read-only", &disk.0);
    disk.remount("ro");
    assert_refused(&recorded, "first run", &recorded.run());
    assert!(recorded.there().is_empty());
    disk.remount("rw");
    recorded.run_that_dies();
    disk.remount("ro");
    for (what, output) in each_command(&recorded) {
        assert_refused(&recorded, what, &output);
    }
    assert_eq!(recorded.there().len(), 2);
    disk.remount("rw");
    let resumed = recorded.resume();
    assert!(resumed.status.success(), "{}", said(&resumed));
    assert_eq!(recorded.there().len(), OBJECTS + 1);
}

#[test]
fn a_folder_that_is_read_only_has_nothing_done() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let mut recorded = Recorded::new(&cluster, "folder", folder.path());
    if !recorded.user.bound_by_modes() {
        return;
    }
    let mode = |of: &Path, mode: u32| std::fs::set_permissions(of, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(folder.path(), 0o555);
    assert_refused(&recorded, "first run", &recorded.run());
    assert!(recorded.there().is_empty());
    mode(folder.path(), 0o755);
    recorded.run_that_dies();
    // Whoever closes the file brings it all into one.
    assert!(recorded.command(&["runs"]).status.success());
    let state = folder.path().join("windlass");
    mode(&state, 0o555);
    for (what, output) in each_command(&recorded) {
        assert_refused(&recorded, what, &output);
    }
    assert_eq!(recorded.there().len(), 2);
    mode(&state, 0o755);
    assert!(recorded.resume().status.success());
}

#[test]
fn of_a_truncated_journal_nothing_is_acted_on() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let recorded = Recorded::new(&cluster, "truncated", folder.path());
    recorded.run_that_dies();
    assert!(recorded.command(&["runs"]).status.success());
    let whole = std::fs::read(recorded.journal()).unwrap();
    assert!(whole.len() > 40_000, "{}", whole.len());
    for length in [2, 99, 100, 4095, 4096, 5000, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(recorded.journal(), &whole[..length]).unwrap();
        for (what, output) in each_command(&recorded) {
            assert_refused(&recorded, &format!("{what} with {length} bytes"), &output);
            assert!(said(&output).contains("is damaged"), "{what} with {length} bytes: {}", said(&output));
        }
    }
    assert_eq!(recorded.there().len(), 2);
    // An empty one has no run.
    std::fs::write(recorded.journal(), "").unwrap();
    let none = recorded.resume();
    assert!(none.status.code() == Some(2) && errors(&none)[0].starts_with("no run of "), "{}", said(&none));
    std::fs::write(recorded.journal(), &whole).unwrap();
    assert!(recorded.resume().status.success());
    assert_eq!(recorded.there().len(), OBJECTS + 1);
}

#[test]
fn of_a_truncated_log_of_the_journal_what_is_whole_counts() {
    let cluster = Cluster::start();
    for tenth in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let recorded = Recorded::new(&cluster, &format!("log-{tenth}"), folder.path());
        recorded.run_that_dies();
        let [log, index] = ["wal", "shm"].map(|of| recorded.journal().with_extension(format!("db-{of}")));
        let whole = std::fs::read(&log).unwrap();
        assert!(whole.len() > 100_000, "{}", whole.len());
        std::fs::write(&log, &whole[..whole.len() * tenth / 10 + 7]).unwrap();
        std::fs::remove_file(index).unwrap();
        let resumed = recorded.resume();
        assert!(resumed.status.success() || errors(&resumed).len() == 1, "{tenth}: {}", said(&resumed));
        if !resumed.status.success() {
            assert_eq!(recorded.there().len(), 2, "{tenth}: {}", said(&resumed));
        }
        // What of it was lost is done again, and is recorded then; what is there already is no change.
        assert!(resumed.status.success() || recorded.run().status.success());
        assert_eq!(recorded.there().len(), OBJECTS + 1);
    }
}
