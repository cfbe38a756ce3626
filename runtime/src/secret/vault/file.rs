//! Reading, locking, and replacing files whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::fault::Fault;
use crate::Result;
use crate::secret::{placeholder::LETTERS_AND_DIGITS, random};
use crate::state_folder::create_private;

/// How long another process may hold the lock. It does so for some milliseconds, unless it was stopped.
const PATIENCE: Duration = Duration::from_secs(20);

/// A lock between processes (and between threads), held until it is dropped.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock at `path`, which is created, with its folder, where it does not exist.
    pub(super) fn take(path: &Path) -> Result<Self> {
        Self::take_within(path, PATIENCE)
    }

    pub(super) fn take_within(path: &Path, patience: Duration) -> Result<Self> {
        let fault = |source| Fault::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            create_private(folder)?;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(fault(source).into()),
        }
        // Waiting for a lock knows no deadline, so a thread does it. If it gets the lock too late, it lets go of it.
        let (sender, receiver) = mpsc::sync_channel(0);
        std::thread::Builder::new()
            .name("secrets-lock".into())
            .spawn(move || {
                let locked = file.lock().map(|()| file);
                drop(sender.send(locked));
            })
            .map_err(fault)?;
        match receiver.recv_timeout(patience) {
            Ok(locked) => Ok(Self { _file: locked.map_err(fault)? }),
            Err(_) => Err(Fault::Locked { path: path.to_owned() }.into()),
        }
    }
}

/// What stands in the file; `None` where there is no file. The mode is looked at by `check` before anything is read.
pub(super) fn read(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&fs::Metadata) -> Result<(), Fault>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let fault = |source| Fault::Read { path: path.to_owned(), source };
    // Looked at first, because opening a pipe would wait for a writer.
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
        Ok(metadata) if !metadata.is_file() => return Err(Fault::NotAFile { path: path.to_owned() }),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    check(&metadata)?;
    // One allocation of the right size: a growing one would leave copies behind.
    let size = usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(Fault::TooLarge { path: path.to_owned(), limit });
    }
    Ok(Some(bytes))
}

/// Replaces the file by one with these contents and mode 0600, whole or not at all, and durably. A link is followed, so
/// that the file behind it is replaced.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let fault = |source| Fault::Write { path: path.clone(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.tmp", *random::text(12, LETTERS_AND_DIGITS)?));
    let guard = Remove(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(fault)?;
    file.write_all(contents).and_then(|()| file.sync_all()).map_err(fault)?;
    fs::rename(&beside, path).map_err(fault)?;
    std::mem::forget(guard);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
    Ok(())
}

/// Removes a file that was not finished.
struct Remove<'a>(&'a Path);

impl Drop for Remove<'_> {
    fn drop(&mut self) {
        drop(fs::remove_file(self.0));
    }
}

/// `name` beside `path`.
pub(super) fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}
