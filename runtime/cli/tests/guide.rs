//! The guide is true: its scripts run on the simulated cluster, its commands print what it says, its Rust is that of the
//! examples.
//!
//! - A block below `<!-- file: PATH -->` is written to that file, in a folder that the page has for itself.
//! - `console`: each line with `$ ` is a command; what follows is what it prints. `…` is anything, in a line or as lines.
//! - `session`: a line with `$ ` starts a REPL on a terminal; each line with `> ` is typed there, and what follows is what it
//!   shows, without the prompt at the end.
//! - `rhai`: a script of its own, which is rehearsed.
//! - `rust`: below `<!-- from: FILE -->` or `<!-- from: FILE#PART -->`; it is that file, or its part from `// begin: PART`
//!   to `// end: PART`. `UPDATE_GUIDE=1` writes it.
//! - `sh` is for commands that take too long, and is only looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]
#![allow(clippy::disallowed_methods, reason = "the commands of the guide, as a person types them")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_support::{OnTerminal, ShadowProcess};

/// A block of code on a page.
struct Block {
    /// What stands behind the backticks.
    language: String,
    /// The comment above it.
    marker: Option<String>,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut marker) = (Vec::new(), None);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- ") {
            marker = comment.strip_suffix(" -->").map(str::to_owned);
        } else if let Some(language) = line.strip_prefix("```") {
            let text: String = lines.by_ref().take_while(|l| *l != "```").map(|l| format!("{l}\n")).collect();
            found.push(Block { language: language.to_owned(), marker: marker.take(), text });
        } else if !line.is_empty() {
            marker = None;
        }
    }
    found
}

/// What both of a command's streams say, as on a terminal.
fn run(command: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_windlass")).parent().unwrap().display();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {command}; }} 2>&1")]).current_dir(folder).stdin(Stdio::null()).env_clear();
    shell
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .env("HOME", folder)
        .env("KUBECONFIG", folder.join("kubeconfig"));
    let output = shell.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether lines are as they are expected; `…` alone stands for any number of lines.
fn fits(wanted: &[&str], lines: &[&str]) -> bool {
    match (wanted.split_first(), lines.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((&"…", after)), _) => (0..=lines.len()).any(|skipped| fits(after, &lines[skipped..])),
        (Some((first, after)), Some((line, rest))) => line_fits(first, line) && fits(after, rest),
        (Some(_), None) => false,
    }
}

fn line_fits(wanted: &str, line: &str) -> bool {
    let Some((start, rest)) = wanted.split_once('…') else { return wanted == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    rest.is_empty() || ends.into_iter().any(|at| line_fits(rest, &line[at..]))
}

fn console(text: &str, folder: &Path) {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, wanted))) => wanted.push(line),
            (None, None) => panic!("a `console` begins with a command, not with {line:?}"),
        }
    }
    for (command, wanted) in commands {
        let printed = run(command, folder);
        let lines: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        assert!(fits(&wanted, &lines), "$ {command}\n{printed}--- is not\n{}", wanted.join("\n"));
    }
}

fn session(text: &str, folder: &Path) {
    let mut lines = text.lines();
    let command =
        lines.next().and_then(|line| line.strip_prefix("$ windlass ")).expect("a session begins with a command");
    let wanted: Vec<&str> = lines.collect();
    let arguments: Vec<&str> = command.split(' ').collect();
    let home = folder.display().to_string();
    let environment = [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8"), ("HOME", home.as_str())];
    let on = OnTerminal { folder, environment: &environment, size: (100, 50) };
    let Some(terminal) = on.start(env!("CARGO_BIN_EXE_windlass"), &arguments) else { return };
    let last = |screen: &str| screen.lines().last().unwrap_or_default().to_owned();
    let asked = || terminal.until("the prompt", |screen| last(screen).ends_with(" >") || last(screen).ends_with(" »"));
    asked();
    for line in wanted.iter().filter_map(|line| line.strip_prefix("> ")) {
        terminal.text(line);
        terminal.until(line, |screen| last(screen).contains(line));
        terminal.key("Enter");
        if line == ":quit" {
            assert_eq!(terminal.ended(), 0);
        } else {
            asked();
        }
    }
    let all = terminal.all();
    let shown: Vec<&str> = all.lines().filter(|line| !line.starts_with("Pane is dead")).map(str::trim_end).collect();
    let shown: Vec<&str> = shown[..shown.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1)].to_vec();
    assert!(fits(&wanted, &shown), "$ windlass {command}\n{}\n--- is not\n{}", shown.join("\n"), wanted.join("\n"));
}

/// A file of the repository, or its marked part.
fn part_of(from: &str) -> String {
    let (file, part) = from.split_once('#').map_or((from, None), |(file, part)| (file, Some(part)));
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let Some(part) = part else { return text };
    let between = |line: &&str| line.trim() != format!("// end: {part}");
    let lines: Vec<&str> =
        text.lines().skip_while(|l| l.trim() != format!("// begin: {part}")).skip(1).take_while(between).collect();
    assert!(!lines.is_empty(), "{file} has no part {part}");
    let indent = lines.iter().filter(|l| !l.is_empty()).map(|l| l.len() - l.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|l| format!("{}\n", l.get(indent..).unwrap_or_default())).collect()
}

fn check(name: &str) {
    check_in(name, tempfile::tempdir().unwrap().path());
}

fn check_in(name: &str, folder: &Path) {
    let path = root().join("docs/guide").join(name);
    let page = std::fs::read_to_string(&path).unwrap();
    let mut seen = 0;
    for block in blocks(&page) {
        seen += 1;
        let marker = block.marker.as_deref().and_then(|m| m.split_once(": "));
        match (block.language.as_str(), marker) {
            (_, Some(("file", file))) => {
                let file = folder.join(file);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, &block.text).unwrap();
            }
            ("rust", Some(("from", from))) => {
                let wanted = part_of(from);
                if std::env::var_os("UPDATE_GUIDE").is_some() {
                    let page = std::fs::read_to_string(&path).unwrap();
                    let head = format!("<!-- from: {from} -->\n```rust\n");
                    let old = format!("{head}{}```\n", block.text);
                    std::fs::write(&path, page.replacen(&old, &format!("{head}{wanted}```\n"), 1)).unwrap();
                } else {
                    assert_eq!(block.text, wanted, "{name}: this is not {from}; UPDATE_GUIDE=1 mends the page");
                }
            }
            ("rhai", None) => {
                std::fs::write(folder.join("snippet.rhai"), &block.text).unwrap();
                let printed = run("windlass rehearse snippet.rhai || echo it failed", folder);
                assert!(!printed.contains("it failed"), "{name}:\n{}\n{printed}", block.text);
            }
            ("session", None) => session(&block.text, folder),
            ("console", None) => console(&block.text, folder),
            ("sh", None) => assert!(block.text.lines().all(|l| l.starts_with("cargo ")), "{name}: {}", block.text),
            (language, _) => panic!("{name}: a block of `{language}` without a marker:\n{}", block.text),
        }
    }
    assert!(seen > 3, "{name} has {seen} blocks only");
}

#[test]
fn runs() {
    let folder = tempfile::tempdir().unwrap();
    let _shadow = ShadowProcess::start(env!("CARGO_BIN_EXE_windlass"), folder.path());
    check_in("runs.md", folder.path());
}

#[test]
fn first_playbook() {
    check("first-playbook.md");
}

#[test]
fn customise_for_a_customer() {
    check("customise-for-a-customer.md");
}

#[test]
fn embed_in_rust() {
    check("embed-in-rust.md");
}

#[test]
fn add_a_primitive() {
    check("add-a-primitive.md");
}

#[test]
fn tour() {
    check("../tour.md");
}

#[test]
fn no_page_is_left_out() {
    let mut pages: Vec<String> = std::fs::read_dir(root().join("docs/guide"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(
        pages,
        ["add-a-primitive.md", "customise-for-a-customer.md", "embed-in-rust.md", "first-playbook.md", "runs.md"]
    );
}

#[test]
fn what_may_be_anything_is_no_more_than_that() {
    assert!(line_fits("a … c", "a b c") && !line_fits("a … c", "a b d") && line_fits("a…", "a"));
    assert!(fits(&["a", "…", "d"], &["a", "b", "c", "d"]) && !fits(&["a", "d"], &["a", "b", "d"]));
    assert!(!fits(&["a", "…", "d"], &["a", "b"]) && fits(&["…"], &[]) && !fits(&[], &["a"]));
}
