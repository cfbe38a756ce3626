//! Where the command reads and writes, and how.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use windlass_runtime::journal::{Journal, StoredRun};
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::{Result, SessionBuilder};

use crate::args::{Shared, When};
use crate::style::Style;

/// Something to write to. Clones are the same.
#[derive(Clone)]
pub struct Output {
    to: Arc<Mutex<dyn Write + Send>>,
    failure: Arc<OnceLock<std::io::Error>>,
    terminal: bool,
}

impl Output {
    /// Writes to this; `terminal` says whether a person looks at it.
    pub fn new(to: impl Write + Send + 'static, terminal: bool) -> Self {
        Self { to: Arc::new(Mutex::new(to)), failure: Arc::default(), terminal }
    }

    /// Whether a person looks at it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes a text whole. A reader that has gone away is no error: the work goes on.
    pub fn write(&self, text: &str) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = to.write_all(text.as_bytes()).and_then(|()| to.flush())
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            let _ = self.failure.set(error);
        }
    }

    /// What was the first thing that could not be written, and not for the want of a reader.
    pub(crate) fn failure(&self) -> Option<&std::io::Error> {
        self.failure.get()
    }
}

/// Where the command reads and writes.
#[derive(Clone)]
pub struct Io {
    /// Results.
    pub out: Output,
    /// Progress and errors.
    pub err: Output,
    /// Whether this is the whole process: then signals stop the run, and questions are asked on the terminal.
    pub process: bool,
}

/// Puts something between a run and its journal.
pub type Watch = fn(Arc<dyn Journal>) -> Arc<dyn Journal>;

/// What the command uses of the machine, where that is not what it finds there.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Programs by their names: `helm`.
    pub programs: BTreeMap<String, PathBuf>,
    /// The user's folders, in place of those that the environment gives.
    pub folders: Option<UserFolders>,
    /// Puts somebody between a run and its journal, to try what becomes of runs that die.
    pub watch: Option<Watch>,
}

impl Machine {
    /// Gives a session these.
    pub(crate) fn given_to(&self, mut session: SessionBuilder) -> SessionBuilder {
        for (name, path) in &self.programs {
            session = session.program(name, path);
        }
        match &self.folders {
            Some(folders) => session.state_folder(&folders.state),
            None => session,
        }
    }

    /// The user's folders.
    pub(crate) fn folders(&self) -> Result<UserFolders> {
        self.folders.clone().map_or_else(UserFolders::find, Ok)
    }

    /// A run's journal, with who watches it.
    pub(crate) fn watched(&self, journal: StoredRun) -> Arc<dyn Journal> {
        let journal: Arc<dyn Journal> = Arc::new(journal);
        match self.watch {
            Some(watch) => watch(journal),
            None => journal,
        }
    }
}

impl Io {
    /// The process's own.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            out: Output::new(std::io::stdout(), std::io::stdout().is_terminal()),
            err: Output::new(std::io::stderr(), std::io::stderr().is_terminal()),
            process: true,
        }
    }
}

/// JSON whose texts hold no character that a terminal could obey: serde_json leaves some of them as they are.
pub(crate) fn json_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        let code = u32::from(c);
        if c != '\n' && (c.is_control() || crate::clean::turns(c)) && code <= 0xffff {
            let _ = write!(escaped, "\\u{code:04x}");
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// How to talk to the person: derived from [`Io`] and the options.
#[derive(Clone)]
pub(crate) struct Ui {
    pub(crate) io: Io,
    pub(crate) machine: Machine,
    pub(crate) quiet: bool,
    pub(crate) verbose: u8,
    pub(crate) out_style: Style,
    pub(crate) err_style: Style,
}

impl Ui {
    pub(crate) fn new(io: &Io, machine: &Machine, shared: &Shared) -> Self {
        let style = |output: &Output| match shared.color {
            When::Always => Style::on(),
            When::Auto if output.is_terminal() && crate::style::wanted() => Style::on(),
            When::Auto | When::Never => Style::off(),
        };
        Self {
            io: io.clone(),
            machine: machine.clone(),
            quiet: shared.quiet,
            verbose: shared.verbose,
            out_style: style(&io.out),
            err_style: style(&io.err),
        }
    }

    /// Writes a result.
    pub(crate) fn out(&self, text: &str) {
        self.io.out.write(text);
    }

    /// Writes a result as JSON.
    pub(crate) fn out_json(&self, value: &impl serde::Serialize) {
        if let Ok(text) = serde_json::to_string_pretty(value) {
            self.out(&format!("{}\n", json_escaped(&text)));
        }
    }

    /// Writes to the person.
    pub(crate) fn err(&self, text: &str) {
        self.io.err.write(text);
    }
}
