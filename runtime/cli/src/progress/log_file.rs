//! `--log FILE`: everything that is said, with its time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use windlass_runtime::event::{Event, Sink};
use windlass_runtime::{Error, Kind, Result};

use super::lines::{Lines, Wanted};
use crate::style::Style;

/// A file that keeps the events: text, or JSON lines where its name ends in `.jsonl`.
pub(crate) struct LogFile {
    to: Mutex<(File, Lines)>,
    json: bool,
}

impl LogFile {
    /// Makes the file, for this user alone; a former one is replaced.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = opened.map_err(|e| {
            Error::new(Kind::System, format!("--log {}: the file cannot be written", path.display())).source(e)
        })?;
        let json = path.extension().is_some_and(|e| e == "jsonl");
        Ok(Self { to: Mutex::new((file, Lines::new(Wanted::All, Style::off(), false))), json })
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
        let _ = to.0.write_all(text.as_bytes());
    }
}
