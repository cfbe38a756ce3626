//! Programs that are installed from Go modules as they were published: built once, and kept beside the control plane.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::binaries::{cache_dir, can_build};
use crate::error::Error;
use crate::process::{command, run, tail};

/// What is installed together.
pub(crate) struct Install {
    /// What it is, for people.
    pub(crate) what: String,
    /// The name of its folder, with the version.
    pub(crate) folder: String,
    /// The arguments of each `go install`.
    pub(crate) runs: Vec<Vec<String>>,
}

impl Install {
    /// The folder of the programs, if they are there.
    pub(crate) fn built(&self) -> Option<PathBuf> {
        Some(cache_dir().join(&self.folder)).filter(|folder| folder.is_dir())
    }

    /// The folder of the programs, built now if they are not there. Processes that build at the same time wait for one
    /// another.
    pub(crate) fn ensure(&self) -> Result<PathBuf, Error> {
        if let Some(built) = self.built() {
            return Ok(built);
        }
        can_build()?;
        let cache = cache_dir();
        fs::create_dir_all(&cache).map_err(Error::file("create", &cache))?;
        let lock_path = cache.join("install.lock");
        let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
        lock.lock().map_err(Error::file("lock", &lock_path))?;
        match self.built() {
            Some(built) => Ok(built),
            None => self.build(&cache),
        }
    }

    fn build(&self, cache: &Path) -> Result<PathBuf, Error> {
        let fresh = cache.join("install.new");
        fs::create_dir_all(&fresh).map_err(Error::file("create", &fresh))?;
        for arguments in &self.runs {
            let mut go = command(Path::new("go"));
            go.args(["install", "-trimpath"])
                .args(arguments)
                .env("GOBIN", &fresh)
                .env("GOWORK", "off")
                .env("GOFLAGS", "")
                .env("CGO_ENABLED", "0");
            let output = run(&mut go, None)?;
            if !output.status.success() {
                let (what, output_end) = (self.what.clone(), tail(&output.stderr, 20));
                return Err(Error::Install { what, status: output.status, output: output_end });
            }
        }
        let folder = cache.join(&self.folder);
        fs::rename(&fresh, &folder).map_err(Error::file("move into place", &folder))?;
        Ok(folder)
    }
}
