//! Locks on files of this machine: they are held for as long as the process lives, whatever becomes of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::holder::Holder;
use crate::state_folder::create_private;
use crate::{Error, Kind, Result};

/// More than a holder has to say.
const MOST: u64 = 64 << 10;

/// A locked file, which says who has locked it.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
    /// Whether the file is only this holder's.
    own: bool,
}

impl FileLock {
    /// Locks the file at `path`, which is for many holders. It goes with the lock.
    ///
    /// # Errors
    /// [`Kind::Locked`] where another process has it, with who that is.
    pub(crate) fn take(path: &Path, holder: &Holder, of: &str) -> Result<Self> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                // Its last holder removed it while this one opened it: whoever comes next would lock another file.
                Ok(()) if !is_at(&file, path) => {}
                Ok(()) => return Self { file, path: path.to_owned(), own: false }.say(holder),
                Err(TryLockError::WouldBlock) => return Err(refused(path, read(&file).as_ref(), of)),
                Err(TryLockError::Error(e)) => return Err(unusable(path, e)),
            }
        }
    }

    /// Locks a new file for this holder alone, by which others on this machine can see that it lives.
    pub(crate) fn alive(folder: &Path, holder: &Holder) -> Result<Self> {
        let path =
            place_of(folder, holder).ok_or_else(|| Error::internal(format!("{} is no holder of a lock", holder.id)))?;
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Self { file, path, own: true }.say(holder),
            Err(TryLockError::WouldBlock) => Err(refused(&path, read(&file).as_ref(), "this run")),
            Err(TryLockError::Error(e)) => Err(unusable(&path, e)),
        }
    }

    /// Removes the file, because nothing is held any more by who lives as long as it is locked. One that stays, and that nobody
    /// has locked, proves that its holder is dead.
    pub(crate) fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    fn say(mut self, holder: &Holder) -> Result<Self> {
        let text = serde_json::to_vec(holder).map_err(|e| Error::internal("a holder is no JSON").source(e))?;
        let written = self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(&text));
        written.map_err(|e| unusable(&self.path, e))?;
        Ok(self)
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Removed while it is still locked. The lock goes with the file's handle, whatever becomes of its name.
        if !self.own {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether a holder on this machine is proven dead: its file is there, names it, and nobody has it locked. A file that is not
/// there proves nothing.
pub(super) fn is_dead(folder: &Path, holder: &Holder) -> bool {
    if !holder.is_here() {
        return false;
    }
    let Some(path) = place_of(folder, holder).filter(|path| path.is_file()) else { return false };
    let Ok(file) = OpenOptions::new().read(true).open(&path) else { return false };
    file.try_lock().is_ok() && read(&file).is_some_and(|said| said.id == holder.id)
}

/// Removes the file of a holder that is dead, and whose lock somebody else has by now.
pub(super) fn bury(folder: &Path, holder: &Holder) {
    if let Some(path) = place_of(folder, holder) {
        // Another one may have been faster.
        let _ = std::fs::remove_file(path);
    }
}

/// Who has a file locked on this machine now. A file in whose place nobody says who it is tells nothing.
pub(super) fn living(path: &Path) -> Option<Holder> {
    let file = OpenOptions::new().read(true).open(path).ok()?;
    let holder = read(&file).filter(|holder| holder.is_here() && holder.pid_lives())?;
    // A process that lives may be another one by now. To try is harmless: who is named has locked the file before it said so.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(holder)
}

/// An id comes from a cluster: it must not lead elsewhere.
fn place_of(folder: &Path, holder: &Holder) -> Option<PathBuf> {
    let name = holder.id.rsplit('/').next().unwrap_or_default();
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    is_plain.then(|| folder.join(format!("{name}.lock")))
}

/// Whether the file of this name is still the one that was opened.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(opened), Ok(there)) => (opened.dev(), opened.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        create_private(folder)?;
    }
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map_err(|e| unusable(path, e))
}

fn read(file: &File) -> Option<Holder> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn unusable(path: &Path, source: std::io::Error) -> Error {
    Error::new(Kind::System, format!("the lock {} cannot be taken", path.display()))
        .hint(
            "see who owns the file, whether the disk is full, and whether the file system is writable and knows locks",
        )
        .resource(path.display())
        .source(source)
}

fn refused(path: &Path, holder: Option<&Holder>, of: &str) -> Error {
    let message = match holder {
        Some(holder) => format!("{of} is locked by {holder} (process {} on this machine)", holder.pid),
        // It has not said it yet.
        None => format!("{of} is locked by another run, which has just begun"),
    };
    Error::new(Kind::Locked, message)
        .hint("wait until that run has ended; its lock ends with its process")
        .resource(path.display())
        .details(serde_json::json!({ "holder": holder }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: &str) -> Holder {
        Holder::here(run, "t", "acme", jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn one_at_a_time_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".windlass/lock");
        let first = FileLock::take(&path, &holder("r1"), "acme").unwrap();
        let error = FileLock::take(&path, &holder("r2"), "acme").unwrap_err();
        assert_eq!(error.kind(), Kind::Locked);
        let text = format!("{error:?}");
        assert!(text.contains("/r1.t, which runs acme, since 1970") && text.contains("wait until"), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        drop(first);
        let again = FileLock::take(&path, &holder("r2"), "acme").unwrap();
        assert_eq!(read(&File::open(&path).unwrap()).unwrap().run, "r2");
        drop(again);
        assert!(!path.exists(), "it goes with the lock");
        // Who has it locked, but has not said who it is.
        let silent = open(&path).unwrap();
        silent.try_lock().unwrap();
        let error = FileLock::take(&path, &holder("r3"), "acme").unwrap_err();
        assert!(error.message().contains("has just begun"), "{error}");
    }

    #[test]
    fn never_do_two_have_it_although_the_file_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, inside) = (folder.path().join("lock"), std::sync::atomic::AtomicU32::new(0));
        let taken = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|threads| {
            for number in 0..4 {
                let (path, inside, taken) = (&path, &inside, &taken);
                threads.spawn(move || {
                    for _ in 0..500 {
                        match FileLock::take(path, &holder(&format!("r{number}")), "acme") {
                            Ok(held) => {
                                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                                taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                                drop(held);
                            }
                            Err(error) => assert_eq!(error.kind(), Kind::Locked, "{error:?}"),
                        }
                    }
                });
            }
        });
        assert!(taken.load(std::sync::atomic::Ordering::SeqCst) > 0);
    }

    #[test]
    fn who_has_a_file_locked_is_seen_without_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(living(&path).is_none());
        let held = FileLock::take(&path, &holder("r1"), "acme").unwrap();
        assert_eq!(living(&path).unwrap().run, "r1");
        drop(held);
        std::fs::write(&path, serde_json::to_vec(&holder("r1")).unwrap()).unwrap();
        assert!(living(&path).is_none(), "nobody has it locked");
        let held = open(&path).unwrap();
        held.try_lock().unwrap();
        let other = Holder { machine: "elsewhere".into(), ..holder("r1") };
        std::fs::write(&path, serde_json::to_vec(&other).unwrap()).unwrap();
        assert!(living(&path).is_none(), "another machine's file");
        std::fs::write(&path, "").unwrap();
        assert!(living(&path).is_none(), "it has not said it yet");
    }

    #[test]
    fn a_place_where_no_file_can_be_is_one_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = FileLock::take(&folder.path().join("file/lock"), &holder("r1"), "acme").unwrap_err();
        assert_eq!(error.kind(), Kind::System);
        std::fs::create_dir(folder.path().join("lock")).unwrap();
        let error = FileLock::take(&folder.path().join("lock"), &holder("r1"), "acme").unwrap_err();
        assert!(error.kind() == Kind::System && error.hint_text().is_some(), "{error:?}");
    }

    #[test]
    fn only_a_file_that_names_the_holder_and_is_free_proves_its_death() {
        let folder = tempfile::tempdir().unwrap();
        let (at, one) = (folder.path(), holder("r1"));
        assert!(!is_dead(at, &one), "no file proves nothing");
        let alive = FileLock::alive(at, &one).unwrap();
        assert!(!is_dead(at, &one), "it lives");
        assert_eq!(FileLock::alive(at, &one).unwrap_err().kind(), Kind::Locked);
        alive.remove();
        assert!(!at.join("r1.t.lock").exists() && !is_dead(at, &one), "it has ended in order");
        drop(FileLock::alive(at, &one).unwrap());
        assert!(is_dead(at, &one), "it has ended without order");

        std::fs::write(at.join("r1.t.lock"), serde_json::to_vec(&holder("r2")).unwrap()).unwrap();
        assert!(!is_dead(at, &one), "the file names another");
        std::fs::write(at.join("r1.t.lock"), serde_json::to_vec(&one).unwrap()).unwrap();
        assert!(!is_dead(at, &Holder { machine: "elsewhere".into(), ..one.clone() }));
        assert!(is_dead(at, &one));
        bury(at, &one);
        assert!(!at.join("r1.t.lock").exists());
        let elsewhere = Holder { id: "bob@far/r 1".into(), ..one };
        assert!(!is_dead(at, &elsewhere) && FileLock::alive(at, &elsewhere).is_err());
    }
}
