//! What can go wrong with a vault's files.

use std::io;
use std::path::PathBuf;

use super::seal::SealFault;
use crate::{Error, Kind};

/// A failure of the encrypted file, its key, or its lock. None of these holds a piece of what was decrypted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{} cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is no regular file", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("the key {} can be read by others (mode {mode:04o})", .path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("there is no key {}", .path.display())]
    NoIdentity { path: PathBuf },
    #[error("the key {} cannot be understood: line {line} is no X25519 key of age", .path.display())]
    BadIdentity { path: PathBuf, line: usize },
    #[error("the key {} is empty", .path.display())]
    EmptyIdentity { path: PathBuf },
    #[error("{}", .fault.said_of(&.path.display().to_string(), &.identity.display().to_string()))]
    Seal {
        path: PathBuf,
        identity: PathBuf,
        #[source]
        fault: Box<SealFault>,
    },
    #[error("what is encrypted in {} is no map of names to texts{}", .path.display(), at(*.place))]
    Content { path: PathBuf, place: Option<(u64, u64)> },
    #[error("{called} is no map of names to texts{}", at(*.place))]
    Plain { called: String, place: Option<(u64, u64)> },
    #[error("{} was changed by someone else in the meantime", .path.display())]
    Changed { path: PathBuf },
    #[error("{} has other values for {names}", .path.display())]
    Taken { path: PathBuf, names: String },
    #[error("another process holds the lock {}", .path.display())]
    Locked { path: PathBuf },
}

fn at(place: Option<(u64, u64)>) -> String {
    place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default()
}

impl Fault {
    fn kind(&self) -> Kind {
        match self {
            Fault::Read { .. } | Fault::Write { .. } | Fault::TooOpen { .. } => Kind::System,
            Fault::NotAFile { .. }
            | Fault::TooLarge { .. }
            | Fault::BadIdentity { .. }
            | Fault::EmptyIdentity { .. }
            | Fault::Content { .. }
            | Fault::Plain { .. } => Kind::Malformed,
            Fault::Changed { .. } | Fault::Taken { .. } => Kind::Conflict,
            Fault::NoIdentity { .. } => Kind::NotFound,
            Fault::Seal { fault, .. } => fault.kind(),
            Fault::Locked { .. } => Kind::Unavailable,
        }
    }

    fn hint(&self) -> String {
        match self {
            Fault::Read { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => "see who owns it, and as whom Windlass runs".into(),
                _ => "see whether the path is right and the disk is well".into(),
            },
            Fault::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space; what was kept before is untouched".into()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "see who owns the folder, and whether the file system is writable".into()
                }
                _ => "what was kept before is untouched; see whether the disk is well".into(),
            },
            Fault::NotAFile { .. } => "put a file there, or name another path".into(),
            Fault::TooLarge { .. } => "it is for passwords and keys; put larger things into files of their own".into(),
            Fault::TooOpen { path, .. } => format!("chmod 600 {}", path.display()),
            Fault::NoIdentity { .. } => {
                "copy your key there, or let a colleague who can read the secrets add your public key to the recipients".into()
            }
            Fault::BadIdentity { .. } | Fault::EmptyIdentity { .. } => {
                "it is what age-keygen writes: a line AGE-SECRET-KEY-1…, comments behind #; plugins and SSH keys do not work"
                    .into()
            }
            Fault::Seal { fault, .. } => fault.hint().into(),
            Fault::Changed { .. } => "open it again, and make the change there".into(),
            Fault::Taken { .. } => "--replace puts the new ones in their place".into(),
            Fault::Content { .. } | Fault::Plain { .. } => {
                "it is YAML or JSON, one text for each name; put numbers and the like in quotes".into()
            }
            Fault::Locked { .. } => "another run is keeping a secret: let it end (fuser shows who it is), then run again".into(),
        }
    }

    fn resource(&self) -> Option<String> {
        match self {
            Fault::Plain { .. } => None,
            Fault::Seal { fault, .. } if fault.is_of_a_recipient() => None,
            Fault::Read { path, .. }
            | Fault::Write { path, .. }
            | Fault::NotAFile { path }
            | Fault::TooLarge { path, .. }
            | Fault::TooOpen { path, .. }
            | Fault::NoIdentity { path }
            | Fault::BadIdentity { path, .. }
            | Fault::EmptyIdentity { path }
            | Fault::Seal { path, .. }
            | Fault::Content { path, .. }
            | Fault::Changed { path }
            | Fault::Taken { path, .. }
            | Fault::Locked { path } => Some(path.display().to_string()),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Error::new(fault.kind(), fault.to_string()).hint(fault.hint());
        let error = match fault.resource() {
            Some(resource) => error.resource(resource),
            None => error,
        };
        error.source(fault)
    }
}
