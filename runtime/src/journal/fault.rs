//! What can go wrong with a journal.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::{Error, Kind};

/// A failure of the journal's file, or of what is kept in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the journal {} cannot be written: the disk is full", .path.display())]
    Full { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the journal {} cannot be opened or written", .path.display())]
    Closed { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the journal {} is damaged, or is none", .path.display())]
    Damaged { path: PathBuf, source: Option<Box<dyn std::error::Error + Send + Sync>> },
    #[error("another process has kept the journal {} busy for too long", .path.display())]
    Busy { path: PathBuf, source: rusqlite::Error },
    #[error("another process has gone on with this run in the meantime")]
    Overtaken { source: rusqlite::Error },
    #[error("the journal {} does not work", .path.display())]
    Other { path: PathBuf, source: rusqlite::Error },
    #[error("the journal {} was written by a later version of Windlass", .path.display())]
    Later { path: PathBuf },
    #[error("what the journal keeps as {about} does not open with the run's key: it was changed, or is another run's")]
    Broken { about: String },
    #[error("the run {run} is sealed for others: {reason}")]
    Sealed { run: String, reason: String },
    #[error("there is no run {run} in {}", .path.display())]
    NoRun { run: String, path: PathBuf, known: Vec<String> },
    #[error("{run} could be several runs in {}: {}", .path.display(), .known.join(", "))]
    Ambiguous { run: String, path: PathBuf, known: Vec<String> },
}

impl Fault {
    /// What SQLite says about the file at this path.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Fault::Full { path, source: Box::new(source) },
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_out_of_space(&path) => {
                Fault::Full { path, source: Box::new(source) }
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Fault::Damaged { path, source: Some(Box::new(source)) }
            }
            Some(
                ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure,
            ) => Fault::Closed { path, source: Box::new(source) },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                Fault::Busy { path, source }
            }
            Some(ErrorCode::ConstraintViolation) => Fault::Overtaken { source },
            _ => Fault::Other { path, source },
        }
    }

    /// What the system says about making the file at this path.
    pub(super) fn of_file(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Fault::Full { path, source: Box::new(source) }
            }
            _ => Fault::Closed { path, source: Box::new(source) },
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Fault::Full { .. } | Fault::Closed { .. } | Fault::Other { .. } => Kind::System,
            Fault::Damaged { .. } | Fault::Later { .. } | Fault::Broken { .. } => Kind::Malformed,
            Fault::Busy { .. } => Kind::Unavailable,
            Fault::Overtaken { .. } => Kind::Conflict,
            Fault::Sealed { .. } => Kind::Denied,
            Fault::NoRun { .. } => Kind::NotFound,
            Fault::Ambiguous { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> String {
        match self {
            Fault::Full { .. } => {
                "free some space and repeat the command, with --resume for a run that had begun: what is not recorded is not done".into()
            }
            Fault::Closed { path, .. } => format!(
                "see who owns {}, and whether the file system is writable: nothing is changed that cannot be recorded",
                path.parent().unwrap_or(path).display()
            ),
            Fault::Damaged { path, .. } => format!(
                "restore it from a backup, or move it away (mv {0} {0}.damaged) to start a new one; what it had cannot be resumed or undone then",
                path.display()
            ),
            Fault::Busy { .. } => "is another run of this user on a slow disk? Run again".into(),
            Fault::Overtaken { .. } => "see how it stands: windlass runs show".into(),
            Fault::Other { .. } => "see whether the disk is well".into(),
            Fault::Later { .. } => "use that version, or a newer one".into(),
            Fault::Broken { .. } => "restore the journal from a backup, or import the run again".into(),
            Fault::Sealed { .. } => {
                "it can be resumed and undone with the key of who ran it, or of a recipient of customer.yaml at that time".into()
            }
            Fault::NoRun { known, .. } if known.is_empty() => "nothing was run yet: windlass runs".into(),
            Fault::NoRun { known, .. } => format!("the last ones are {}; all of them: windlass runs", known.join(", ")),
            Fault::Ambiguous { .. } => "write more of it".into(),
        }
    }
}

/// SQLite knows a full disk only by what writing says; a full file system of another sort is an error of the system to it.
fn is_out_of_space(path: &Path) -> bool {
    let folder = path.parent().unwrap_or(path);
    rustix::fs::statvfs(folder).is_ok_and(|about| about.f_bavail == 0 || (about.f_files > 0 && about.f_favail == 0))
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Error::new(fault.kind(), fault.to_string()).hint(fault.hint());
        error.source(fault)
    }
}
