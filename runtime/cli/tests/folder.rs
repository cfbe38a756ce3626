//! The commands around a customer folder: `secrets`, `new`, `schemas`, as processes of a person of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const CANARY: &str = "canary-Zu7-hunter2";

/// A place to work in, and a person's home.
struct Bed {
    root: tempfile::TempDir,
}

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Bed {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("work")).unwrap();
        Self { root }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.path().join("work").join(file)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command of this person, who stands in this folder.
    fn command(&self, person: &str, folder: &str, program: &str) -> Command {
        let home = self.root.path().join(person);
        std::fs::create_dir_all(&home).unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.path(folder)).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
        command.env("KUBECONFIG", self.path("no-kubeconfig"));
        command
    }

    fn run_as(&self, person: &str, folder: &str, arguments: &[&str], stdin: &str, editor: &str) -> Ended {
        let mut command = self.command(person, folder, env!("CARGO_BIN_EXE_windlass"));
        command.args(arguments).env("EDITOR", editor);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // What reads nothing has closed its end.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ended.out.contains(CANARY) && !ended.err.contains(CANARY), "{}{}", ended.out, ended.err);
        ended
    }

    fn run(&self, folder: &str, arguments: &[&str]) -> Ended {
        self.run_as("me", folder, arguments, "", "false")
    }

    fn ok(&self, folder: &str, arguments: &[&str]) -> Ended {
        let ended = self.run(folder, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.out, ended.err);
        ended
    }

    /// The same on a terminal (that of `script`, from util-linux): each answer is typed after its question.
    fn on_a_terminal(&self, folder: &str, arguments: &str, editor: &str, answers: &[(&str, &str)]) -> Option<Ended> {
        let mut command = self.command("me", folder, "script");
        let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_windlass"));
        command.env("NO_COLOR", "1").env("EDITOR", editor);
        let (code, text) = windlass_support::on_a_terminal(&mut command, &line, answers)?;
        assert!(!text.contains(CANARY), "{text}");
        Some(Ended { code, out: text, err: String::new() })
    }

    /// No file of the customer folder, or of the person's home, holds the canary in clear.
    fn assert_sealed(&self) {
        fn files(at: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
            }
        }
        let mut found = Vec::new();
        files(self.root.path(), &mut found);
        for file in found {
            let bytes = std::fs::read(&file).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()), "{}", file.display());
        }
    }
}

fn customer(bed: &Bed) {
    bed.write("acme/customer.yaml", "playbook: single-node\n");
}

/// Where the draft of `secrets edit` was.
fn draft(said: &str) -> PathBuf {
    let line = said.lines().find(|line| line.contains(" is open in ")).unwrap_or_else(|| panic!("{said}"));
    PathBuf::from(line.split(" is open in ").nth(1).unwrap().trim())
}

#[test]
fn secrets_are_set_listed_and_read_by_colleagues_after_a_rekey() {
    let bed = Bed::new();
    customer(&bed);
    let set = bed.run_as("me", "acme", &["secrets", "set", "db"], &format!("{CANARY}\n"), "");
    assert_eq!((set.code, set.err.as_str()), (Some(0), "db is kept in secrets.age\n"));
    let again = bed.run_as("me", "acme", &["secrets", "set", "db"], &format!("{CANARY}-2"), "");
    assert_eq!((again.code, again.err.as_str()), (Some(0), "db has a new value in secrets.age\n"));
    assert_eq!(bed.ok("", &["secrets", "list", "--customer", "acme"]).out, "db\n");
    let json: serde_json::Value =
        serde_json::from_str(&bed.ok("acme", &["secrets", "list", "-o", "json"]).out).unwrap();
    assert_eq!(json["names"][0], "db");

    let theirs = bed.run_as("colleague", "", &["secrets", "key"], "", "").out;
    assert!(theirs.starts_with("age1"), "{theirs}");
    let refused = bed.run_as("colleague", "acme", &["secrets", "list"], "", "");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.err.contains("is not encrypted for the key") && refused.err.contains("colleague"),
        "{}",
        refused.err
    );
    bed.write("acme/customer.yaml", &format!("playbook: single-node\nrecipients: [{}]\n", theirs.trim()));
    assert!(bed.ok("acme", &["secrets", "recipients"]).out.contains(theirs.trim()));
    assert!(bed.ok("acme", &["secrets", "rekey"]).err.contains("you and 1 of `recipients`"));
    let list = bed.run_as("colleague", "acme", &["secrets", "list"], "", "");
    assert_eq!((list.code, list.out.as_str()), (Some(0), "db\n"), "{}", list.err);
    let own = bed.ok("", &["secrets", "list"]);
    assert!(own.out.is_empty() && own.err.contains("windlass secrets set NAME"), "{}", own.err);
    bed.assert_sealed();
}

#[test]
fn what_is_no_secret_is_refused_and_changes_nothing() {
    let bed = Bed::new();
    customer(&bed);
    for (arguments, stdin, said) in [
        (&["secrets", "set", "db"][..], "", "there is no value for db"),
        (&["secrets", "set", "db"], "abc\n", "at least 4 characters"),
        (&["secrets", "set", ""], "abcdef\n", "cannot be the name of a secret"),
        (&["secrets", "set", "db", "value"], "", "unexpected argument"),
        (&["secrets", "rekey"], "", "there is no secrets.age"),
        (&["secrets", "encrypt", "gone.yaml"], "", "there is no file gone.yaml"),
    ] {
        let ended = bed.run_as("me", "acme", arguments, stdin, "");
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{arguments:?}: {}", ended.err);
    }
    assert!(!bed.path("acme/secrets.age").exists());
}

#[test]
fn a_plain_file_is_taken_in() {
    let bed = Bed::new();
    customer(&bed);
    bed.write("acme/plain.yaml", &format!("# of the customer\ndb: {CANARY}\nshort: abc\n"));
    let ended = bed.ok("acme", &["secrets", "encrypt", "plain.yaml"]);
    assert!(
        ended.err.contains("db is kept in secrets.age")
            && ended.err.contains("characters, which cannot be masked: short")
    );
    assert!(ended.err.contains("plain.yaml is still there in clear"), "{}", ended.err);
    bed.write("acme/plain.yaml", &format!("db: {CANARY}-other\n"));
    let refused = bed.run("acme", &["secrets", "encrypt", "plain.yaml"]);
    assert!(refused.code == Some(2) && refused.err.contains("other values for db"), "{}", refused.err);
    assert_eq!(bed.ok("acme", &["secrets", "encrypt", "--replace", "plain.yaml"]).code, Some(0));
    bed.write("acme/plain.yaml", &format!("- {CANARY}\n"));
    let refused = bed.run("acme", &["secrets", "encrypt", "plain.yaml"]);
    assert!(
        refused.code == Some(2) && refused.err.contains("plain.yaml is no map of names to texts"),
        "{}",
        refused.err
    );
    std::fs::remove_file(bed.path("acme/plain.yaml")).unwrap();
    bed.assert_sealed();
}

#[test]
fn an_editor_changes_them_and_leaves_nothing() {
    let bed = Bed::new();
    customer(&bed);
    let edit = |editor: &str| bed.run_as("me", "acme", &["secrets", "edit"], "", editor);
    let ended = edit(&format!("sed -i '$ a db: {CANARY}'"));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("secrets.age is encrypted anew") && !draft(&ended.err).parent().unwrap().exists());
    let before = std::fs::read(bed.path("acme/secrets.age")).unwrap();
    for (editor, code, said) in [
        ("true", 0, "nothing was changed"),
        ("false", 1, "the editor ended with 1"),
        ("no-such-editor", 1, "the editor ended with 127"),
        ("sed -i 's/^db: /db: [/'", 1, "the text is no map of names to texts"),
        ("sh -c 'kill -9 $$' sh", 1, "the editor was ended by a signal"),
    ] {
        let ended = edit(editor);
        assert_eq!(ended.code, Some(code), "{editor}: {}", ended.err);
        assert!(ended.err.contains(said) && ended.err.contains("nothing was changed"), "{editor}: {}", ended.err);
        assert!(!draft(&ended.err).parent().unwrap().exists(), "{editor}");
        assert_eq!(std::fs::read(bed.path("acme/secrets.age")).unwrap(), before, "{editor}");
    }
    bed.assert_sealed();
}

#[test]
fn a_signal_ends_the_editor_and_leaves_nothing() {
    let bed = Bed::new();
    customer(&bed);
    let mut command = bed.command("me", "acme", env!("CARGO_BIN_EXE_windlass"));
    command.args(["secrets", "edit"]).env("EDITOR", "sh -c 'echo open >&2; exec sleep 61.3' sh");
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.ends_with("open\n") {
        assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    assert!(draft(&said).exists());
    // The editor's own.
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{said}");
    assert!(said.contains("stopped by a signal") && !draft(&said).parent().unwrap().exists(), "{said}");
}

#[test]
fn what_cannot_be_taken_can_be_edited_again() {
    let bed = Bed::new();
    customer(&bed);
    // The first time it writes what is no map, then it mends it.
    let editor = "sh -c 'if grep -q broken $1; then sed -i s/broken.*// $1; else printf \"db: a-value\\nbroken: [1]\\n\" > $1; fi' sh";
    let answers = [("[d]iscard", "what\n"), ("[d]iscard", "e\n")];
    let Some(ended) = bed.on_a_terminal("acme", "secrets edit", editor, &answers) else { return };
    assert!(ended.code == Some(0) && ended.out.contains("encrypted anew"), "{}", ended.out);
    assert_eq!(bed.ok("acme", &["secrets", "list"]).out, "db\n");
    let editor = "sh -c 'echo broken: [1] > $1' sh";
    for (answer, code) in [("d\n", 0), ("\u{3}", 3)] {
        let ended = bed.on_a_terminal("acme", "secrets edit", editor, &[("[d]iscard", answer)]).unwrap();
        assert_eq!(ended.code, Some(code), "{}", ended.out);
        assert!(ended.out.contains("nothing was changed") && !draft(&ended.out).parent().unwrap().exists());
    }
    // Somebody else was faster.
    let editor = format!(
        "sh -c 'echo {CANARY} | {} secrets set other; echo third: value >> $1' sh",
        env!("CARGO_BIN_EXE_windlass")
    );
    let ended = bed.on_a_terminal("acme", "secrets edit", &editor, &[("[o]verwrite", "d\n")]).unwrap();
    assert!(ended.out.contains("changed by someone else"), "{}", ended.out);
    assert_eq!(bed.ok("acme", &["secrets", "list"]).out, "db\nother\n");
}

#[test]
fn a_secret_is_typed_twice_and_not_shown() {
    let bed = Bed::new();
    customer(&bed);
    let value = format!("{CANARY}\n");
    let wrong = format!("{CANARY}-not\n");
    let answers = [
        ("Value of db", value.as_str()),
        ("Once more", wrong.as_str()),
        ("Value of db", value.as_str()),
        ("Once more", value.as_str()),
    ];
    let Some(ended) = bed.on_a_terminal("acme", "secrets set db", "", &answers) else { return };
    assert!(ended.code == Some(0) && ended.out.contains("db is kept in secrets.age"), "{}", ended.out);
    let ended = bed.on_a_terminal("acme", "secrets set db", "", &[("Value of db", "half\u{3}")]).unwrap();
    assert!(ended.code == Some(3) && !ended.out.contains("half"), "{}", ended.out);
    bed.assert_sealed();
}

#[test]
fn a_folder_of_each_stock_playbook_passes_the_check() {
    let bed = Bed::new();
    for (index, playbook) in windlass_playbooks::names().into_iter().enumerate() {
        let name = format!("acme-{index}");
        let made = bed.ok("", &["new", &name, "--from", playbook]);
        assert!(made.out.is_empty() && made.err.contains(&format!("ok: {name}/ is made")), "{}", made.err);
        let checked = bed.ok("", &["check", &name]);
        assert!(checked.out.contains("nothing wrong"), "{}", checked.out);
        assert_eq!(bed.read(&format!("{name}/.gitignore")).lines().last(), Some(".windlass/"));
        for file in ["customer.yaml", "values.yaml"] {
            let text = bed.read(&format!("{name}/{file}"));
            let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
            assert!(bed.path(&name).join(schema).is_file(), "{schema}");
        }
        let hooks = bed.read(&format!("{name}/hooks.rhai"));
        assert!(hooks.lines().all(|line| line.starts_with("//")), "{hooks}");
        // What stands there as a comment is right too.
        let others: String = bed
            .read(&format!("{name}/values.yaml"))
            .split("# What follows")
            .nth(1)
            .unwrap()
            .lines()
            .skip(1)
            .filter_map(|line| line.strip_prefix("# "))
            .filter(|line| line.contains(": ") || line.ends_with(':'))
            .filter(|line| line.starts_with([' ', '-']) || line.split(':').next().is_some_and(|key| !key.contains(' ')))
            .map(|line| format!("{line}\n"))
            .collect();
        bed.write("others.yaml", &others);
        assert_eq!(bed.run("", &["check", &name, "-f", "others.yaml"]).code, Some(0), "{others}");
    }
    assert!(bed.list("").iter().all(|name| !name.starts_with('.')), "{:?}", bed.list(""));
}

#[test]
fn the_schemas_are_valid_and_take_what_new_writes() {
    use windlass_runtime::values::{Schema, Values};
    let bed = Bed::new();
    for (index, playbook) in windlass_playbooks::names().into_iter().enumerate() {
        let name = format!("acme-{index}");
        bed.ok("", &["new", &name, "--from", playbook]);
        for (file, schema) in [("customer.yaml", "customer"), ("values.yaml", "values"), ("hosts.yaml", "hosts")] {
            let text = bed.read(&format!("{name}/.windlass/schemas/{schema}.schema.json"));
            // It is in one piece: nothing else is read.
            let none = |path: &str| Err(windlass_runtime::Error::usage(path.to_owned()));
            let schema = Schema::load(serde_json::from_str(&text).unwrap(), schema, none).unwrap();
            let file = bed.path(&format!("{name}/{file}"));
            if !file.exists() {
                continue;
            }
            let values = Values::builder().file(&file).build().unwrap();
            assert_eq!(schema.validate(&values).err().unwrap_or_default().len(), 0, "{}", file.display());
            let wrong =
                Values::builder().file(&file).layer("x", serde_json::json!({ "no_such_key": 1 })).build().unwrap();
            assert!(schema.validate(&wrong).is_err());
        }
    }
    let listed = bed.ok("", &["schemas", "all"]).out;
    assert_eq!(listed.lines().next(), Some("all/customer.schema.json"));
    assert!(bed.path("all/single-node.values.schema.json").is_file());
    // A fresh clone has none: the first command of the folder writes them again.
    std::fs::remove_dir_all(bed.path("acme-0/.windlass")).unwrap();
    bed.ok("acme-0", &["list"]);
    assert!(bed.path("acme-0/.windlass/schemas/values.schema.json").is_file());
    bed.write("acme-0/.windlass/schemas/values.schema.json", "{}");
    bed.ok("acme-0", &["schemas"]);
    assert!(bed.read("acme-0/.windlass/schemas/values.schema.json").contains("fqdn"));
    // A folder whose files name none gets none.
    bed.write("plain/customer.yaml", "playbook: single-node\n");
    bed.ok("", &["list", "plain"]);
    assert_eq!(bed.list("plain"), ["customer.yaml"]);
    assert!(bed.run("", &["schemas"]).err.contains("this is no customer folder"));
}

fn shop(bed: &Bed) {
    bed.write("shop/playbook.rhai", "step(\"a\", || log::info(values.title));\n");
    bed.write("shop/values.yaml", "replicas: 1\n");
    bed.write("shop/values.schema.json", r#"{ "type": "object", "required": ["title", "replicas", "files"], "additionalProperties": false, "properties": {
        "title": { "type": "string", "pattern": "^[A-Z]", "description": "What it is called." },
        "files": { "type": "string", "format": "path" },
        "token": { "type": "string", "writeOnly": true },
        "replicas": { "type": "integer", "minimum": 1 } } }"#);
}

#[test]
fn a_playbook_of_ones_own_is_named_by_its_path() {
    let bed = Bed::new();
    shop(&bed);
    let refused = bed.run("", &["new", "acme", "--from", "shop"]);
    assert!(refused.code == Some(2) && refused.err.contains("title is missing: What it is called."), "{}", refused.err);
    assert_eq!(bed.list(""), ["shop"], "nothing is left");
    bed.write("given.yaml", "title: From a file\nfiles: shop\n");
    bed.ok("", &["new", "acme", "--from", "./shop", "-f", "given.yaml", "--set", "replicas=3", "--context", "prod"]);
    let values = bed.read("acme/values.yaml");
    assert!(
        values.contains("title: From a file\n")
            && values.contains("files: ../shop\n")
            && values.contains("replicas: 3\n"),
        "{values}"
    );
    assert!(bed.read("acme/customer.yaml").contains("playbook: ../shop\n"));
    assert!(bed.read("acme/customer.yaml").contains("context: prod\n"));
    assert!(bed.ok("", &["check", "acme"]).out.contains("ok: shop, 1 step"));
    let ran = bed.ok("acme", &["rehearse", "--nodes", "1"]);
    assert!(ran.err.contains("From a file"), "{}", ran.err);
    let refused = bed.run("", &["new", "b", "--from", "shop", "--set", &format!("title=B,files=x,token={CANARY}")]);
    assert!(refused.code == Some(2) && refused.err.contains("token is a secret"), "{}", refused.err);
    assert!(!bed.path("b").exists());
}

#[test]
fn what_is_there_stays_and_odd_names_are_refused() {
    let bed = Bed::new();
    bed.write("full/file", "x");
    bed.write("other/customer.yaml", "playbook: single-node\n");
    bed.write("a-file", "x");
    std::fs::create_dir(bed.path("empty")).unwrap();
    let before = bed.list("");
    for (name, said, hint) in [
        ("full", "full is there already, and not empty", "take another name"),
        ("other", "other is a customer folder already", "take another name"),
        ("a-file", "a-file is there already", "take another name"),
        ("a'b", "cannot be the name", "begins with a letter"),
        ("a\"b", "cannot be the name", "begins with a letter"),
        ("..", "cannot be the name", "begins with a letter"),
        ("../up", "cannot be the name", "windlass new up"),
        ("a/b", "cannot be the name", "windlass new b"),
        ("", "cannot be the name", "begins with a letter"),
        (".hidden", "cannot be the name", "begins with a letter"),
        ("a\nb", "cannot be the name", "begins with a letter"),
        ("single-node", "name of a stock playbook", "after the customer"),
    ] {
        let refused = bed.run("", &["new", "--from", "single-node", "--", name]);
        assert_eq!(refused.code, Some(2), "{name}: {}", refused.err);
        assert!(refused.err.contains(said) && refused.err.contains(hint), "{name}: {}", refused.err);
    }
    assert!(bed.run("", &["new", "x"]).err.contains("--from NAME; the stock playbooks are: "));
    assert!(bed.run("", &["new", "x", "--from", "other"]).err.contains("is a customer folder, not a playbook"));
    assert_eq!(bed.list(""), before);
    bed.ok("", &["new", "empty", "--from", "single-node"]);
    assert!(bed.path("empty/customer.yaml").exists());
}

#[test]
fn a_person_is_asked_what_the_playbook_needs() {
    let bed = Bed::new();
    bed.write("checkout/README.md", "x");
    let value = format!("{CANARY}\n");
    let answers = [
        ("fqdn (such as", "No Name\n"),
        ("fqdn (such as", "cx.acme.example\n"),
        ("distribution (", "k3s\n"),
        ("solution (", "checkout\n"),
        ("release (", "\n"),
        ("release (", "HC-4.2\n"),
        ("Give pull_secret?", "y\n"),
        ("pull_secret.server", "registry.example.com\n"),
        ("pull_secret.username", "acme\n"),
        ("[t]ype it now", "t\n"),
        ("Value of", value.as_str()),
        ("Once more", value.as_str()),
        ("Context of the kubeconfig", "prod\n"),
    ];
    let Some(ended) = bed.on_a_terminal("", "new acme --from single-node", "", &answers) else { return };
    assert!(ended.code == Some(0) && ended.out.contains("acme/ is made"), "{}", ended.out);
    assert!(ended.out.contains("not so:") && ended.out.contains("It is needed."), "{}", ended.out);
    let values = bed.read("acme/values.yaml");
    for line in [
        "fqdn: cx.acme.example",
        "distribution: k3s",
        "solution: ../checkout",
        "  password:\n    age: pull-secret.password",
    ] {
        assert!(values.contains(line), "{line}: {values}");
    }
    assert!(!values.contains("This is an example"), "{values}");
    assert_eq!(bed.ok("acme", &["secrets", "list"]).out, "pull-secret.password\n");
    bed.ok("", &["check", "acme"]);
    bed.assert_sealed();
    let ended = bed.on_a_terminal("", "new other --from single-node", "", &[("fqdn (", "half\u{3}")]).unwrap();
    assert_eq!(ended.code, Some(3), "{}", ended.out);
    assert_eq!(bed.list(""), ["acme", "checkout"]);
}
