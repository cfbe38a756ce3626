//! What a simulated container answers to a command.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::files::{Files, absolute, in_folder};
use crate::Json;
use crate::fault::fits;
use crate::object::annotation;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// How long it takes until then.
    pub(crate) takes: Duration,
}

impl Answer {
    fn said(stdout: impl Into<Vec<u8>>) -> Self {
        Self { stdout: stdout.into(), ..Self::default() }
    }

    pub(crate) fn failed(code: i32, stderr: impl Into<Vec<u8>>) -> Self {
        Self { code, stderr: stderr.into(), ..Self::default() }
    }
}

/// One entry of the annotation [`EXEC`](super::EXEC).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    command: Words,
    container: Option<String>,
    #[serde(default)]
    stdout: String,
    /// Bytes that are no text.
    stdout_base64: Option<String>,
    #[serde(default)]
    stderr: String,
    #[serde(default)]
    code: i32,
    /// How many seconds it takes.
    #[serde(default)]
    takes: u32,
}

/// A command: word by word, or as a pattern of all its words in a row.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Exactly(Vec<String>),
    Pattern(String),
}

/// What a container is to do for a command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Task {
    Answer(Answer),
    /// Gives back its input.
    Echo,
    Unpack {
        folder: String,
    },
    Pack {
        folder: String,
        names: Vec<String>,
    },
    /// The hashes of the files at and below paths; others are missing.
    Hashes {
        paths: Vec<String>,
        missing: Vec<String>,
    },
    MakeFolders(Vec<String>),
    Touch(Vec<String>),
    Remove(Vec<String>),
}

impl Task {
    /// Whether it needs all of its input before it can be done.
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Self::Echo | Self::Unpack { .. })
    }
}

/// What is to be done for a command; nothing where it cannot be known what a real container would do.
///
/// # Errors
/// What is wrong with the pod's annotation.
pub(crate) fn task(pod: &Json, container: &str, command: &[String], files: &Files) -> Result<Option<Task>, String> {
    if let Some(text) = annotation(pod, super::EXEC) {
        let wrong = |why: String| format!("the annotation {} cannot be read: {why}", super::EXEC);
        let all: Vec<Said> = serde_yaml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let row = command.join(" ");
        let meant = |said: &&Said| {
            said.container.as_deref().is_none_or(|name| name == container)
                && match &said.command {
                    Words::Exactly(words) => words == command,
                    Words::Pattern(pattern) => fits(pattern, &row),
                }
        };
        if let Some(said) = all.iter().find(meant) {
            let mut stdout = said.stdout.clone().into_bytes();
            if let Some(encoded) = &said.stdout_base64 {
                let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
                stdout = decoded.map_err(|error| wrong(format!("stdout_base64: {error}")))?;
            }
            return Ok(Some(Task::Answer(Answer {
                code: said.code,
                stdout,
                stderr: said.stderr.clone().into_bytes(),
                takes: Duration::from_secs(said.takes.into()),
            })));
        }
    }
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    Ok(known(&words, files))
}

/// What some programs do everywhere, with files that are known.
fn known(words: &[&str], files: &Files) -> Option<Task> {
    let (program, arguments) = words.split_first()?;
    let program = program.rsplit('/').next().unwrap_or(program);
    let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|name| absolute(name)).collect() };
    match (program, arguments) {
        ("true" | ":", _) => Some(Task::Answer(Answer::default())),
        ("false", _) => Some(Task::Answer(Answer::failed(1, ""))),
        ("echo", rest) => Some(Task::Answer(Answer::said(format!("{}\n", rest.join(" "))))),
        ("test", [flag @ ("-e" | "-f" | "-d" | "-s"), path]) => {
            let path = absolute(path);
            let is = match *flag {
                "-d" => files.is_folder(&path),
                "-s" => files.read(&path).is_some_and(|bytes| !bytes.is_empty()),
                "-f" => files.read(&path).is_some(),
                _ => files.has(&path),
            };
            files.has(&path).then(|| Task::Answer(Answer { code: i32::from(!is), ..Answer::default() }))
        }
        ("cat", [] | ["-"]) => Some(Task::Echo),
        ("cat", paths) => {
            let contents: Option<Vec<&Bytes>> = paths.iter().map(|path| files.read(&absolute(path))).collect();
            contents.map(|contents| {
                Task::Answer(Answer::said(contents.into_iter().flatten().copied().collect::<Vec<u8>>()))
            })
        }
        ("sha256sum", paths) if !paths.is_empty() && paths.iter().all(|path| files.read(&absolute(path)).is_some()) => {
            Some(Task::Hashes { paths: paths.iter().map(|path| (*path).to_owned()).collect(), missing: Vec::new() })
        }
        ("find", ["-H", path, "-type", "f", "-exec", "sha256sum", "{}", "+"]) if files.has(&absolute(path)) => {
            Some(Task::Hashes { paths: vec![(*path).to_owned()], missing: Vec::new() })
        }
        ("find", ["-H", paths @ .., "-prune", "-type", "f", "-exec", "sha256sum", "{}", "+"]) => alone(paths, files),
        ("mkdir", ["-p", "--", paths @ ..] | ["-p", paths @ ..]) => Some(Task::MakeFolders(owned(paths))),
        ("touch", ["--", paths @ ..]) => Some(Task::Touch(owned(paths))),
        ("touch", paths) => Some(Task::Touch(owned(paths))),
        ("rm", ["-rf", "--", paths @ ..] | ["-rf" | "-f", paths @ ..]) => Some(Task::Remove(owned(paths))),
        ("tar", arguments) => archive(arguments, files),
        ("sh" | "bash" | "ash", ["-c", line])
            if !line.contains(|c: char| "|&;<>()$`\\\"'*?[]#~=%{}!\n".contains(c)) =>
        {
            known(&line.split_whitespace().collect::<Vec<&str>>(), files)
        }
        _ => None,
    }
}

/// The hashes of those of these paths that are files. Where one of them is known, the others are taken to be missing.
fn alone(paths: &[&str], files: &Files) -> Option<Task> {
    let of = |is: fn(&Files, &str) -> bool| -> Vec<String> {
        paths.iter().filter(|path| is(files, &absolute(path))).map(|path| (*path).to_owned()).collect()
    };
    let missing = of(|files, path| !files.has(path));
    let found = of(|files, path| files.read(path).is_some());
    (missing.len() < paths.len()).then_some(Task::Hashes { paths: found, missing })
}

/// `tar` between an archive that is piped and files.
fn archive(arguments: &[&str], files: &Files) -> Option<Task> {
    let (flags, mut rest) = arguments.split_first()?;
    let (mut folder, mut names) = ("/".to_owned(), Vec::new());
    let flags = flags.trim_start_matches('-');
    if !flags.ends_with('f') || !flags.chars().all(|flag| "cxmfp".contains(flag)) {
        return None;
    }
    match rest.split_first() {
        Some((&"-", after)) => rest = after,
        _ => return None,
    }
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        match *word {
            "-C" => {
                let (at, after) = rest.split_first()?;
                (folder, rest) = (in_folder(&folder, at), after);
            }
            "--" | "--no-same-permissions" | "--no-same-owner" => {}
            option if option.starts_with('-') => return None,
            name => names.push(name.to_owned()),
        }
    }
    match (flags.contains('x'), flags.contains('c')) {
        (true, false) if names.is_empty() => Some(Task::Unpack { folder }),
        (false, true) if !names.is_empty() && names.iter().all(|name| files.has(&in_folder(&folder, name))) => {
            Some(Task::Pack { folder, names })
        }
        _ => None,
    }
}

/// Does it.
pub(crate) fn run(task: Task, stdin: Vec<u8>, files: &mut Files) -> Answer {
    let of = |result: Result<Vec<u8>, String>| match result {
        Ok(stdout) => Answer::said(stdout),
        Err(why) => Answer::failed(2, why),
    };
    match task {
        Task::Answer(answer) => answer,
        Task::Echo => Answer::said(stdin),
        Task::Unpack { folder } => of(files.unpack(&folder, &stdin).map(|()| Vec::new())),
        Task::Pack { folder, names } => of(files.pack(&folder, &names)),
        Task::Hashes { paths, missing } => {
            let mut said = String::new();
            for path in &paths {
                let top = absolute(path);
                for (known, content) in files.below(&top) {
                    let Some(content) = content else { continue };
                    let rest = known.strip_prefix(top.as_str()).unwrap_or_default();
                    said += &format!("{:x}  {}{rest}\n", Sha256::digest(content), path.trim_end_matches('/'));
                }
            }
            let absent = |path: &String| format!("find: {path}: No such file or directory\n");
            let stderr: String = missing.iter().map(absent).collect();
            Answer { code: i32::from(!missing.is_empty()), stderr: stderr.into(), ..Answer::said(said) }
        }
        Task::MakeFolders(paths) => {
            paths.iter().for_each(|path| files.make_folder(path));
            Answer::default()
        }
        Task::Touch(paths) => {
            paths.iter().filter(|path| !files.has(path)).cloned().collect::<Vec<_>>().iter().for_each(|path| {
                files.write(path, Bytes::new());
            });
            Answer::default()
        }
        Task::Remove(paths) => {
            paths.iter().for_each(|path| files.remove(path));
            Answer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn pod(exec: &str) -> Json {
        json!({"metadata": {"name": "web", "annotations": {crate::container::EXEC: exec}}})
    }

    fn ask(pod: &Json, line: &str, files: &mut Files) -> Option<Answer> {
        let task = task(pod, "main", &words(line), files).unwrap()?;
        Some(run(task, b"input".to_vec(), files))
    }

    #[test]
    fn a_command_is_answered_as_the_annotation_says() {
        let pod =
            pod("- command: [psql, -c, select]\n  stdout: '1'\n- {command: 'redis-cli *', code: 3, stderr: no}\n\
                       - {command: id, container: side}\n- {command: bytes, stdout_base64: AAE=}\n");
        let mut files = Files::default();
        assert_eq!(ask(&pod, "psql -c select", &mut files), Some(Answer::said("1")));
        assert_eq!(ask(&pod, "redis-cli ping", &mut files), Some(Answer::failed(3, "no")));
        assert_eq!(ask(&pod, "bytes", &mut files), Some(Answer::said([0, 1])));
        assert_eq!(ask(&pod, "id", &mut files), None);
        assert_eq!(ask(&pod, "psql -c select more", &mut files), None);
    }

    #[test]
    fn an_annotation_that_cannot_be_read_is_told() {
        for wrong in ["command: x", "- {stdout: x}", "- {command: x, output: y}", "- {command: x, stdout_base64: '!'}"]
        {
            let error = task(&pod(wrong), "main", &words("x"), &Files::default()).unwrap_err();
            assert!(error.contains("the annotation shadow.windlass.dev/exec cannot be read"), "{error}");
        }
    }

    #[test]
    fn files_that_were_put_there_are_known_and_no_others() {
        let (pod, mut files) = (json!({}), Files::default());
        for unknown in
            ["cat /etc/hosts", "test -e /data/a", "sha256sum /data/a", "tar cf - /data", "ls /", "sh -c ls|wc"]
        {
            assert_eq!(ask(&pod, unknown, &mut files), None, "{unknown}");
        }
        files.write("/data/a", Bytes::from_static(b"a"));
        assert_eq!(ask(&pod, "cat /data/a", &mut files), Some(Answer::said("a")));
        assert_eq!(ask(&pod, "sh -c cat", &mut files), Some(Answer::said("input")));
        let hash = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        let found = ask(&pod, "find -H /data -type f -exec sha256sum {} +", &mut files).unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), format!("{hash}  /data/a\n"));
        assert_eq!(ask(&pod, "test -d /data", &mut files).unwrap().code, 0);
        assert_eq!(ask(&pod, "test -f /data", &mut files).unwrap().code, 1);
        let packed = ask(&pod, "tar cf - /data", &mut files).unwrap().stdout;
        let unpack = task(&pod, "main", &words("tar -xmf - -C /other"), &files).unwrap().unwrap();
        assert_eq!(run(unpack, packed, &mut files), Answer::default());
        assert_eq!(ask(&pod, "cat /other/data/a", &mut files), Some(Answer::said("a")));
        ask(&pod, "rm -rf /other", &mut files).unwrap();
        assert_eq!(ask(&pod, "cat /other/data/a", &mut files), None);
        ask(&pod, "touch /done", &mut files).unwrap();
        assert_eq!(ask(&pod, "test -e /done", &mut files).unwrap().code, 0);
    }
}
