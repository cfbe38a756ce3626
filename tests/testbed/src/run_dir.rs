//! The folder that one test bed works in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;

/// A folder of our own, removed at the end. A lock in it shows that its owner lives, so that the next test bed can
/// remove what a killed one left.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    pub(crate) fn create(parent: &Path) -> Result<RunDir, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        sweep(parent);
        loop {
            let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            // The lock stands beside the folder and is taken first: nobody can find the folder without its lock.
            let lock_path = parent.join(format!("{name}.lock"));
            let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
            if lock.try_lock().is_err() {
                continue;
            }
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunDir { path, _lock: lock }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::file("create", &path)(error)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next one.
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_file(self.path.with_extension("lock"));
    }
}

/// Removes the folders whose owner is gone. Whatever fails is left for another time.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Ok(lock) = File::open(&path) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(path.with_extension(""));
            let _ = fs::remove_file(&path);
        }
    }
}
