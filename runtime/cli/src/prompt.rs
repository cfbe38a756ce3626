//! Questions to the person at the terminal. A cancel ends them, and the terminal is left as it was found.

mod shown;

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use windlass_runtime::playbook::Upcoming;
use windlass_runtime::secret::Prompter as SecretPrompter;
use windlass_runtime::session::{AfterFailure, BeforeStep, Breakpoint, Prompter};
use windlass_runtime::values::Path;
use windlass_runtime::{Error, Kind, Result};
use zeroize::Zeroizing;

use crate::clean::clean;
use crate::progress::Progress;
use crate::style::Style;

/// The longest answer.
const LONGEST: usize = 64 * 1024;

/// How often an approval is asked for until an answer is one.
const ASKED: u8 = 3;

/// Why what asks was stopped, if it was.
pub(crate) type Stopped = Box<dyn Fn() -> Option<Error> + Send + Sync>;

/// Asks on the terminal.
pub(crate) struct Terminal {
    pub(crate) stopped: Stopped,
    pub(crate) progress: Progress,
    pub(crate) style: Style,
    /// The values as they may be shown, by their paths.
    pub(crate) values: Vec<(Path, String)>,
}

impl Terminal {
    /// Whether there is a terminal to ask on.
    pub(crate) fn is_there() -> bool {
        use std::io::IsTerminal as _;
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Shows a question and reads a line; `hidden` does not show what is typed.
    pub(crate) fn ask(&self, question: &str, hidden: bool) -> Result<Zeroizing<String>> {
        // It may have waited for another question.
        if let Some(reason) = (self.stopped)() {
            return Err(reason);
        }
        self.progress.say_where();
        let screen = self.progress.screen();
        let _quiet = screen.pause();
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(unreadable)?;
        // What was typed ahead is no answer to the question.
        tcflush(&terminal, QueueSelector::IFlush).map_err(|error| unreadable(error.into()))?;
        let _hidden = if hidden { Some(Hidden::begin(&terminal).map_err(unreadable)?) } else { None };
        screen.raw(question);
        let answer = self.read(terminal);
        if hidden || answer.is_err() {
            screen.raw("\n");
        }
        answer
    }

    fn read(&self, mut terminal: File) -> Result<Zeroizing<String>> {
        let mut line = Zeroizing::new(Vec::new());
        let mut piece = Zeroizing::new([0_u8; 1024]);
        loop {
            if let Some(reason) = (self.stopped)() {
                return Err(reason);
            }
            let tick = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            match poll(&mut [PollFd::new(&terminal, PollFlags::IN)], Some(&tick)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(e) => return Err(unreadable(e.into())),
            }
            let count = terminal.read(&mut piece[..]).map_err(unreadable)?;
            if count == 0 {
                return Err(Error::new(Kind::Cancelled, "the question was not answered"));
            }
            line.extend_from_slice(&piece[..count]);
            if line.last() == Some(&b'\n') {
                break;
            }
            if line.len() > LONGEST {
                return Err(Error::new(Kind::Malformed, "the answer is too long"));
            }
        }
        let text = std::str::from_utf8(&line).map_err(|_| Error::new(Kind::Malformed, "the answer is no UTF-8"))?;
        Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::Unavailable, "the terminal cannot be read").source(error)
}

/// While it lives, what is typed is not shown.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn begin(terminal: &File) -> std::io::Result<Self> {
        let before = tcgetattr(terminal.as_fd())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal.as_fd(), OptionalActions::Flush, &modes)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs no order.
        let _ = tcsetattr(self.terminal.as_fd(), OptionalActions::Now, &self.before);
    }
}

impl SecretPrompter for Terminal {
    fn secret(&self, text: &str) -> Result<Zeroizing<String>> {
        self.ask(&format!("{} ", self.style.bold(format!("{} (not shown):", clean(text)))), true)
    }
}

impl Prompter for Terminal {
    fn confirm(&self, key: &str, text: &str) -> Result<bool> {
        let key = self.style.dim(format!("[{}]", clean(key)));
        let question = format!("{} {key} {} ", self.style.bold_yellow(clean(text)), self.style.bold("go on? [y/N]"));
        for _ in 0..ASKED {
            match self.ask(&question, false)?.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "n" | "no" | "" => return Ok(false),
                _ => self.progress.screen().raw("Answer y or n.\n"),
            }
        }
        Ok(false)
    }

    fn step_failed(&self, step: &str, error: &Error) -> Result<AfterFailure> {
        self.progress.screen().raw(&format!(
            "{} {}\n",
            self.style.bold_red(format!("step {} failed:", clean(step))),
            clean(error.message())
        ));
        loop {
            let question = self.style.bold("[r]etry, [c]ontinue without it, [s]top? ");
            match self.ask(&question, false)?.trim().to_ascii_lowercase().as_str() {
                "r" | "retry" => return Ok(AfterFailure::Retry),
                "c" | "continue" => return Ok(AfterFailure::Continue),
                "s" | "stop" => return Ok(AfterFailure::Stop),
                _ => {}
            }
        }
    }

    fn before_step(&self, upcoming: &Upcoming<'_>) -> Result<BeforeStep> {
        self.progress.screen().raw(&self.heading(upcoming));
        loop {
            let question = self.style.bold("[r]un, [s]kip, [i]nspect, [g]o on without asking, s[t]op? ");
            match self.ask(&question, false)?.trim().to_ascii_lowercase().as_str() {
                "r" | "run" | "" => return Ok(BeforeStep::Run),
                "s" | "skip" => return Ok(BeforeStep::Skip),
                "g" | "go on" | "go" => return Ok(BeforeStep::GoOn),
                "t" | "stop" => return Ok(BeforeStep::Stop),
                "i" | "inspect" => self.progress.screen().raw(&self.inspection(upcoming)),
                _ => {}
            }
        }
    }

    fn breakpoint(&self, breakpoint: &Breakpoint<'_>) -> Result<bool> {
        self.progress.screen().raw(&self.standing(breakpoint));
        loop {
            let question = self.style.bold("[g]o on, s[t]op? ");
            match self.ask(&question, false)?.trim().to_ascii_lowercase().as_str() {
                "g" | "go on" | "go" | "" => return Ok(true),
                "t" | "stop" => return Ok(false),
                _ => {}
            }
        }
    }
}
