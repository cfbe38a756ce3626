//! Where the user's configuration and state are kept.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Error, Kind, Result};

/// The user's two folders, as the XDG base directory specification has them.
///
/// Finding them creates nothing: [`create_private`] does, when something is first written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFolders {
    /// Keys and settings: `$XDG_CONFIG_HOME/windlass`, or `~/.config/windlass`.
    pub config: PathBuf,
    /// Journals, generated secrets and the like: `$XDG_STATE_HOME/windlass`, or `~/.local/state/windlass`.
    pub state: PathBuf,
}

impl UserFolders {
    /// The folders of the user who runs this process.
    ///
    /// # Errors
    /// [`Kind::System`] when a folder's variable and `HOME` are both missing.
    pub fn find() -> Result<Self> {
        Self::find_with(|name| std::env::var_os(name))
    }

    /// The same, from other variables than the process's own.
    ///
    /// # Errors
    /// As [`UserFolders::find`].
    pub fn find_with(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        // The specification says to ignore relative paths; a relative HOME would make a folder wherever one stands.
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |name: &str, below_home: &str| {
            absolute(name)
                .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
                .map(|base| base.join("windlass"))
                .ok_or_else(|| {
                    Error::new(Kind::System, format!("the user's folder is not known: {name} and HOME are not set"))
                        .hint(format!(
                            "set HOME, or {name}, to an absolute path (in a systemd unit: Environment=HOME=…)"
                        ))
                })
        };
        Ok(Self { config: folder("XDG_CONFIG_HOME", ".config")?, state: folder("XDG_STATE_HOME", ".local/state")? })
    }
}

/// Creates the folder, and those above it, for the user alone (mode 0700), where it does not exist yet.
///
/// # Errors
/// [`Kind::System`] when it cannot be created.
pub fn create_private(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| {
        Error::new(Kind::System, format!("the folder {} cannot be created", folder.display()))
            .hint(match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    "the disk is full: free some space"
                }
                std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
                    "something of that name stands in the way, and it is no folder: move it"
                }
                _ => "see who owns the folder above it, and whether the file system is writable",
            })
            .resource(folder.display())
            .source(source)
    })
}

/// A new folder below this one that only its owner can enter, named after a mark and this process. Those of processes that
/// were killed are removed.
///
/// # Errors
/// [`Kind::System`] when it cannot be created.
pub fn own_folder(below: &Path, mark: &str) -> Result<TempDir> {
    sweep(below, mark);
    let (prefix, own) = (format!("{mark}{}-", std::process::id()), Permissions::from_mode(0o700));
    tempfile::Builder::new().prefix(&prefix).permissions(own).tempdir_in(below).map_err(|source| {
        Error::new(Kind::System, format!("a folder below {} cannot be created", below.display()))
            .hint("is the disk full, or the file system read-only?")
            .source(source)
    })
}

/// Removes the folders that [`own_folder`] made below this one for processes that were killed.
pub(crate) fn sweep(below: &Path, mark: &str) {
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(mark)?.split_once('-')?.0.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            // Another process may have been faster.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<UserFolders> {
        UserFolders::find_with(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_variables_of_xdg_come_before_home() {
        let folders = find(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "/s")]).unwrap();
        assert_eq!(folders.config, Path::new("/home/u/.config/windlass"));
        assert_eq!(folders.state, Path::new("/s/windlass"));
        assert_eq!(find(&[("HOME", "/home/u")]).unwrap().state, Path::new("/home/u/.local/state/windlass"));
        let without_home = find(&[("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")]).unwrap();
        assert_eq!(without_home.config, Path::new("/c/windlass"));
    }

    #[test]
    fn relative_paths_are_ignored_and_a_missing_home_is_an_error() {
        let folders = find(&[("HOME", "/home/u"), ("XDG_CONFIG_HOME", "c")]).unwrap();
        assert_eq!(folders.config, Path::new("/home/u/.config/windlass"));
        for variables in [&[][..], &[("HOME", "")], &[("HOME", "u")], &[("XDG_CONFIG_HOME", "/c")]] {
            let error = find(variables).unwrap_err();
            assert_eq!(error.kind(), Kind::System);
            assert!(error.hint_text().unwrap().contains("HOME"));
        }
    }

    #[test]
    fn a_folder_is_created_for_the_user_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/windlass");
        create_private(&folder).unwrap();
        create_private(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(root.path().join("file"), "").unwrap();
        let error = create_private(&root.path().join("file/windlass")).unwrap_err();
        assert_eq!(error.kind(), Kind::System);
        assert!(error.message().contains("file/windlass"));
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let below = tempfile::tempdir().unwrap();
        // No process has this number.
        let at = |name: &str| below.path().join(name);
        let (left, marked, else_s) = (at("4294967295-x"), at(".windlass-4294967295-x"), at("4294967295"));
        for folder in [&left, &marked, &else_s] {
            fs::create_dir(folder).unwrap();
        }
        let staged = own_folder(below.path(), ".windlass-").unwrap();
        assert!(!marked.exists() && left.exists() && else_s.exists() && staged.path().exists());
        let own = own_folder(below.path(), "").unwrap();
        let other = own_folder(below.path(), "").unwrap();
        assert!(!left.exists() && own.path().exists() && other.path().exists());
        assert_eq!(own.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
