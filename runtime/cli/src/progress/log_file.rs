//! `--log FILE`: everything that is said, with its time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use windlass_runtime::event::{Event, Sink};
use windlass_runtime::{Error, Kind, Result};

use super::lines::{Lines, Wanted};
use crate::style::Style;

/// A file that keeps the events: text, or JSON lines where its name ends in `.jsonl`.
pub(crate) struct LogFile {
    to: Mutex<(File, Lines)>,
    json: bool,
    failure: LogFailure,
}

/// What became of the first line that could not be written.
#[derive(Clone)]
pub(crate) struct LogFailure {
    name: String,
    error: Arc<OnceLock<std::io::Error>>,
}

impl LogFailure {
    /// The error to show at the end, if there was one.
    pub(crate) fn error(&self) -> Option<Error> {
        let error = self.error.get()?;
        let text = format!("--log {}: the file is not whole: {error}", self.name);
        Some(Error::new(Kind::System, text).hint("the run went on without it"))
    }
}

impl LogFile {
    /// Makes the file, for this user alone; a former one is replaced.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = opened.map_err(|e| {
            Error::new(Kind::System, format!("--log {}: the file cannot be written", path.display())).source(e)
        })?;
        let json = path.extension().is_some_and(|e| e == "jsonl");
        let failure = LogFailure { name: path.display().to_string(), error: Arc::default() };
        Ok(Self { to: Mutex::new((file, Lines::new(Wanted::All, Style::off(), false))), json, failure })
    }

    /// Says later whether all of it could be written.
    pub(crate) fn failure(&self) -> LogFailure {
        self.failure.clone()
    }
}

impl Sink for LogFile {
    fn event(&self, event: &Event) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let text = if self.json {
            serde_json::to_string(event).unwrap_or_default() + "\n"
        } else {
            let at = event.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
            to.1.of(event).lines().map(|line| format!("{at} {line}\n")).collect()
        };
        // A full disk must not end a deployment.
        if let Err(error) = to.0.write_all(text.as_bytes()) {
            let _ = self.failure.error.set(error);
        }
    }
}
