//! A person's editor, on a file, or on a text that nobody else may read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use windlass_runtime::bridge::Bridge;
use windlass_runtime::state_folder::{UserFolders, create_private, own_folder};
use windlass_runtime::{Error, Kind, Result};
use zeroize::Zeroizing;

/// How the folders are called in which texts are edited.
const MARK: &str = "windlass-draft-";

/// A text in a file of its own, in a private folder that goes with it. What a killed process left goes with the next one.
pub(crate) struct Draft {
    folder: TempDir,
    name: &'static str,
    /// Whether it is in memory, and on no disk.
    pub(crate) in_memory: bool,
}

impl Draft {
    /// In a file of this name, by which editors know what sort of text it is.
    pub(crate) fn new(name: &'static str, text: &str) -> Result<Self> {
        let (below, in_memory) = place()?;
        let draft = Self { folder: own_folder(&below, MARK)?, name, in_memory };
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft.path());
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| draft.fault("cannot be written", e))?;
        Ok(draft)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    /// Opens it as [`open`] does; what editors keep of other files is not kept of this one.
    pub(crate) fn open(&self) -> Result<ExitStatus> {
        opened(&self.path(), None, quiet_options)
    }

    pub(crate) fn read(&self) -> Result<Zeroizing<String>> {
        let bytes = Zeroizing::new(fs::read(self.path()).map_err(|e| self.fault("cannot be read", e))?);
        let text = std::str::from_utf8(&bytes);
        let text = text.map_err(|_| Error::new(Kind::Malformed, "the text is no UTF-8").hint("save it as UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn fault(&self, what: &str, error: std::io::Error) -> Error {
        Error::new(Kind::System, format!("{} {what}", self.path().display())).source(error)
    }
}

/// Where memory is a file system that this user may write to; otherwise the user's state folder.
fn place() -> Result<(PathBuf, bool)> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let in_memory = |path: &PathBuf| {
        let kind = rustix::fs::statfs(path).map(|found| found.f_type as u64).unwrap_or_default();
        // tmpfs and ramfs, as statfs(2) numbers them.
        [0x0102_1994, 0x8584_58f6].contains(&kind) && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
    };
    if let Some(found) = runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(in_memory) {
        return Ok((found, true));
    }
    let state = UserFolders::find()?.state;
    create_private(&state)?;
    Ok((state, false))
}

/// Opens the file in `$VISUAL`, `$EDITOR` or vi, at this line where the editor can, and waits until the editor has ended. Ctrl-C is
/// the editor's.
pub(crate) fn open(file: &Path, line: Option<usize>) -> Result<ExitStatus> {
    opened(file, line, |_| "")
}

fn opened(file: &Path, line: Option<usize>, options: fn(&str) -> &'static str) -> Result<ExitStatus> {
    let bridge = Bridge::new()?;
    let child = Arc::new(AtomicI32::new(0));
    let ended_by = Arc::new(AtomicI32::new(0));
    let _entered = bridge.handle().enter();
    let open = |kind| signal(kind).map_err(|e| Error::new(Kind::System, "signals cannot be listened to").source(e));
    let mut interrupt = open(SignalKind::interrupt())?;
    let (mut terminate, mut hangup) = (open(SignalKind::terminate())?, open(SignalKind::hangup())?);
    let (pid, by) = (child.clone(), ended_by.clone());
    let listening = bridge.handle().spawn(async move {
        loop {
            let stop = tokio::select! {
                _ = interrupt.recv() => continue,
                _ = terminate.recv() => Signal::TERM,
                _ = hangup.recv() => Signal::HUP,
            };
            by.store(stop.as_raw(), Ordering::SeqCst);
            if let Some(pid) = Pid::from_raw(pid.load(Ordering::SeqCst)) {
                // It may have ended already.
                let _ = kill_process(pid, stop);
            }
        }
    });
    let ended = start(file, line, options).and_then(|mut started| {
        child.store(i32::try_from(started.id()).unwrap_or_default(), Ordering::SeqCst);
        started.wait().map_err(|e| Error::new(Kind::System, "the editor cannot be waited for").source(e))
    });
    listening.abort();
    if ended_by.load(Ordering::SeqCst) != 0 {
        return Err(Error::new(Kind::Cancelled, "stopped by a signal while the editor was open"));
    }
    ended
}

/// Why an editor that has ended so has not done its work.
pub(crate) fn failed(ended: ExitStatus) -> Error {
    let how = ended.code().map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with {code}"));
    Error::new(Kind::System, format!("the editor {how}")).hint("is the editor that EDITOR or VISUAL names there?")
}

#[expect(clippy::disallowed_methods, reason = "an editor has the terminal, so it stays in this process's group")]
fn start(file: &Path, line: Option<usize>, options: fn(&str) -> &'static str) -> Result<std::process::Child> {
    use std::os::unix::process::CommandExt as _;
    let named = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // As git does it: `code --wait` is a command line and no program.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("exec {editor} {} \"$@\"", options(&editor)), "sh"]);
    let line = line.filter(|_| takes_line(&editor));
    command.args(line.map(|line| format!("+{line}"))).arg(file);
    let parent = getpid();
    #[expect(unsafe_code, reason = "between fork and exec only two system calls are made, both safe there")]
    // SAFETY: prctl and getppid are async-signal-safe, and the closure allocates nothing.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::HUP))?;
            if getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
        });
    }
    command.spawn().map_err(|e| Error::new(Kind::System, format!("the editor {editor} cannot be started")).source(e))
}

/// Whether `+7` before a file's name lets the editor begin at its line 7.
fn takes_line(editor: &str) -> bool {
    let known = ["vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "kak", "joe", "mcedit"];
    editor
        .split_whitespace()
        .next()
        .and_then(|program| program.rsplit('/').next())
        .is_some_and(|name| known.contains(&name))
}

/// Vim keeps what was seen in places of its own (swap file, undo file, registers in .viminfo) unless it is told not to.
fn quiet_options(editor: &str) -> &'static str {
    let program = editor.split_whitespace().next().unwrap_or_default();
    match program.rsplit('/').next() {
        Some("vim" | "nvim") => "-n -i NONE -c 'set nobackup nowritebackup noundofile'",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_draft_is_for_the_user_alone_and_goes_with_its_folder() {
        let draft = Draft::new("secrets.yaml", "a: canary\n").unwrap();
        let (file, folder) = (draft.path(), draft.folder.path().to_owned());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(*draft.read().unwrap(), "a: canary\n");
        drop(draft);
        assert!(!folder.exists());
    }

    #[test]
    fn vim_is_told_to_keep_nothing() {
        assert!(quiet_options("/usr/bin/vim -u x").contains("noundofile"));
        assert_eq!(quiet_options("code --wait"), "");
        assert!(takes_line("/usr/bin/nano -w") && !takes_line("code --wait"));
    }
}
