//! A terminal that a test sits at: a window of tmux, in a server of its own.
#![expect(clippy::disallowed_methods, reason = "processes of their own")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use windlass_testbed::skip_or_fail;

/// How long a screen may take until it shows what is waited for: machines may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

/// What a terminal is to run.
pub struct OnTerminal<'a> {
    /// Where it starts.
    pub folder: &'a Path,
    /// All of its environment, but for what tmux sets.
    pub environment: &'a [(&'a str, &'a str)],
    /// Columns and rows.
    pub size: (u16, u16),
}

/// A terminal and what runs on it. All of it ends with this.
pub struct Terminal {
    _private: tempfile::TempDir,
    socket: PathBuf,
}

impl OnTerminal<'_> {
    /// Starts a program there. Nothing where there is no tmux, which is said.
    #[must_use]
    pub fn start(&self, program: &str, arguments: &[&str]) -> Option<Terminal> {
        let private = tempfile::tempdir().unwrap();
        let terminal = Terminal { socket: private.path().join("tmux"), _private: private };
        let size = (self.size.0.to_string(), self.size.1.to_string());
        let mut tmux = terminal.tmux();
        tmux.args(["set", "-g", "remain-on-exit", "on", ";", "set", "-g", "history-limit", "10000", ";"]);
        tmux.args(["set", "-g", "status", "off", ";"]);
        tmux.args(["new-session", "-d", "-x", &size.0, "-y", &size.1, "env", "-i", "TERM=tmux-256color"]);
        tmux.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        // Not every tmux is sure to know the exit code; and Ctrl-C is for the program.
        tmux.args(["sh", "-c", "trap : INT; \"$@\"; echo $? >\"$0\""]).arg(terminal.code());
        match tmux.arg(program).args(arguments).current_dir(self.folder).output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                skip_or_fail("there is no `tmux` to make a terminal");
                return None;
            }
            Err(error) => panic!("{error}"),
        }
        Some(terminal)
    }
}

impl Terminal {
    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").stdin(Stdio::null());
        tmux.args(["-u", "-f", "/dev/null", "-S"]).arg(&self.socket);
        tmux
    }

    fn code(&self) -> PathBuf {
        self.socket.with_file_name("code")
    }

    fn told(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.tmux().args(arguments).output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Types a text.
    pub fn text(&self, text: &str) {
        self.told(&["send-keys", "-l", "--", &argument(text)]);
    }

    /// Presses a key, by tmux's name: `Enter`, `C-c`, `Up`.
    pub fn key(&self, key: &str) {
        self.told(&["send-keys", key]);
    }

    /// Pastes a text, in brackets where the program has asked for them.
    pub fn paste(&self, text: &str) {
        self.told(&["set-buffer", "-b", "pasted", "--", &argument(text)]);
        self.told(&["paste-buffer", "-p", "-d", "-b", "pasted"]);
    }

    /// Makes the window so large.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.told(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is to be seen, without what is blank at the ends of lines and of the screen.
    #[must_use]
    pub fn screen(&self) -> String {
        trimmed(&self.told(&["capture-pane", "-p"]))
    }

    /// The same with its colours, as escape sequences.
    #[must_use]
    pub fn colours(&self) -> String {
        trimmed(&self.told(&["capture-pane", "-p", "-e"]))
    }

    /// All that was to be seen, from the beginning; lines that were too long for the screen are whole.
    #[must_use]
    pub fn all(&self) -> String {
        trimmed(&self.told(&["capture-pane", "-p", "-J", "-S", "-"]))
    }

    /// Waits until the screen is as wanted, and gives it; lines that are too long for the screen are whole.
    #[track_caller]
    pub fn until(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = trimmed(&self.told(&["capture-pane", "-p", "-J"]));
            if is_wanted(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: this is not to be seen:\n{screen}");
            std::thread::sleep(TICK);
        }
    }

    /// Waits until the screen shows this, and gives it.
    #[track_caller]
    pub fn sees(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits for the program's end, and gives its exit code.
    #[track_caller]
    pub fn ended(&self) -> i32 {
        let begun = Instant::now();
        loop {
            let code = std::fs::read_to_string(self.code()).unwrap_or_default();
            if code.ends_with('\n') {
                return code.trim().parse().unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on:\n{}", self.screen());
            std::thread::sleep(TICK);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").stderr(Stdio::null()).status();
    }
}

/// A text as an argument: a semicolon at its end would begin tmux's next command.
fn argument(text: &str) -> String {
    text.strip_suffix(';').map_or_else(|| text.to_owned(), |text| format!("{text}\\;"))
}

fn trimmed(screen: &str) -> String {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}
