//! Where the files of scripts are: folders on disk, and the tree that is built into the command.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::access::Access;
use crate::sync::lock;
use crate::{Error, Kind, Result};

/// The largest file that is read whole.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Files that are built into a program: path from the tree's root, and content.
#[derive(Clone, Copy)]
pub struct Tree(pub &'static [(&'static str, &'static [u8])]);

impl Tree {
    /// The content of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&'static [u8]> {
        self.0.iter().find(|(p, _)| *p == path).map(|(_, content)| *content)
    }

    /// The files below a folder.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        self.0.iter().map(|(p, _)| *p).filter(move |p| p.starts_with(&prefix))
    }

    /// The names of the playbooks in it: the folders that have a `playbook.rhai`.
    #[must_use]
    pub fn playbooks(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.iter().filter_map(|(p, _)| p.strip_suffix("/playbook.rhai")).collect();
        names.sort_unstable();
        names
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tree of {} files", self.0.len())
    }
}

/// The folder of a script.
#[derive(Debug, Clone)]
pub enum Home {
    /// A folder on disk.
    Disk(PathBuf),
    /// A folder of a built-in tree.
    Built(Tree, String),
}

impl Home {
    /// A path below (or beside) this folder.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a path that leaves a built-in tree.
    pub fn join(&self, path: &str) -> Result<Located> {
        match self {
            _ if Path::new(path).is_absolute() => Ok(Located::Disk(path.into())),
            Home::Disk(folder) => Ok(Located::Disk(tidy(&folder.join(path)))),
            Home::Built(tree, folder) => {
                let joined = tidy(&Path::new(folder).join(path));
                if joined.components().any(|c| matches!(c, Component::ParentDir)) {
                    return Err(Error::new(Kind::NotFound, format!("{path} leads out of the stock playbooks")));
                }
                Ok(Located::Built(*tree, joined.to_string_lossy().into_owned()))
            }
        }
    }
}

/// Removes `.` and, where a name stands before it, `..`.
#[must_use]
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidied.components().next_back(), Some(Component::Normal(_))) => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied
}

/// A file or folder that a script has named.
#[derive(Debug, Clone)]
pub enum Located {
    /// On disk.
    Disk(PathBuf),
    /// In a built-in tree.
    Built(Tree, String),
}

impl Located {
    /// How it is shown.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Located::Disk(path) => path.display().to_string(),
            Located::Built(_, path) => format!("stock:{path}"),
        }
    }

    /// The last part of its path.
    #[must_use]
    pub fn name(&self) -> String {
        let path = match self {
            Located::Disk(path) => path.as_path(),
            Located::Built(_, path) => Path::new(path),
        };
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether it exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        match self {
            Located::Disk(path) => path.exists(),
            Located::Built(tree, path) => {
                tree.get(path).is_some() || self.is_folder() || tree.below(path).next().is_some()
            }
        }
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        match self {
            Located::Disk(path) => path.is_dir(),
            Located::Built(tree, path) => tree.get(path).is_none() && tree.below(path).next().is_some(),
        }
    }

    /// Its content.
    ///
    /// # Errors
    /// [`Kind::NotFound`], or [`Kind::System`] where it cannot be read or is larger than [`MAX_FILE`].
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Located::Built(tree, path) => tree.get(path).map(<[u8]>::to_vec).ok_or_else(|| self.missing()),
            Located::Disk(path) => {
                let metadata = std::fs::metadata(path).map_err(|e| self.unreadable(e))?;
                if metadata.is_dir() {
                    return Err(Error::new(
                        Kind::System,
                        format!("{} is a folder, where a file is needed", self.shown()),
                    ));
                }
                if metadata.len() > MAX_FILE {
                    return Err(Error::new(
                        Kind::System,
                        format!("{} has more than {} MiB", self.shown(), MAX_FILE >> 20),
                    ));
                }
                std::fs::read(path).map_err(|e| self.unreadable(e))
            }
        }
    }

    /// Its content as text.
    ///
    /// # Errors
    /// As [`Located::read`], and [`Kind::Malformed`] where it is not UTF-8.
    pub fn read_text(&self) -> Result<String> {
        String::from_utf8(self.read()?)
            .map_err(|e| Error::new(Kind::Malformed, format!("{} is not a text in UTF-8", self.shown())).source(e))
    }

    /// What a folder holds, by name. Hidden files (`.git`) are left out.
    ///
    /// # Errors
    /// [`Kind::NotFound`] or [`Kind::System`] where it cannot be read.
    pub fn list(&self) -> Result<Vec<Located>> {
        let mut found = match self {
            Located::Disk(path) => {
                let entries = std::fs::read_dir(path).map_err(|e| self.unreadable(e))?;
                let paths: std::io::Result<Vec<PathBuf>> = entries.map(|e| e.map(|e| e.path())).collect();
                paths.map_err(|e| self.unreadable(e))?.into_iter().map(Located::Disk).collect::<Vec<_>>()
            }
            Located::Built(tree, path) => {
                if !self.is_folder() {
                    return Err(self.missing());
                }
                let rest = |p: &str| p[path.len() + 1..].split('/').next().unwrap_or_default().to_owned();
                let mut names: Vec<String> = tree.below(path).map(rest).collect();
                names.dedup();
                names.into_iter().map(|name| Located::Built(*tree, format!("{path}/{name}"))).collect()
            }
        };
        found.retain(|f| !f.name().starts_with('.'));
        found.sort_by_key(Located::name);
        Ok(found)
    }

    /// Its path on disk.
    ///
    /// # Errors
    /// [`Kind::Usage`] for what is built in.
    pub fn on_disk(self) -> Result<PathBuf> {
        match self {
            Located::Disk(path) => Ok(path),
            Located::Built(..) => Err(Error::usage(format!("{} is built in and has no folder on disk", self.shown()))),
        }
    }

    fn missing(&self) -> Error {
        Error::new(Kind::NotFound, format!("{} does not exist", self.shown()))
            .hint("relative paths start at the folder of the script that names them")
    }

    fn unreadable(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => self.missing().source(error),
            _ => Error::new(Kind::System, format!("{} cannot be read", self.shown())).source(error),
        }
    }
}

/// The folders of a session's scripts, by the name under which each unit runs.
#[derive(Debug, Default)]
pub struct Files {
    homes: Mutex<HashMap<String, Arc<Home>>>,
}

impl Files {
    /// Takes note of the folders that another session knows.
    pub(crate) fn take_over(&self, from: &Self) {
        let known = lock(&from.homes).clone();
        lock(&self.homes).extend(known);
    }

    /// Says where a unit's folder is.
    pub fn register(&self, source: &str, home: Home) {
        lock(&self.homes).insert(source.to_owned(), Arc::new(home));
    }

    /// A unit's folder; the current one where it is not known.
    #[must_use]
    pub fn home(&self, source: &str) -> Arc<Home> {
        lock(&self.homes).get(source).cloned().unwrap_or_else(|| Arc::new(Home::Disk(PathBuf::from("."))))
    }

    /// A path that the unit `source` has written.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an impossible path, [`Kind::Denied`] outside what may be read.
    pub fn locate(&self, source: &str, path: &str, access: &Access) -> Result<Located> {
        if path.is_empty() || path.contains('\0') {
            return Err(Error::usage("a path may not be empty or hold NUL characters"));
        }
        let located = self.home(source).join(path)?;
        if let Located::Disk(path) = &located {
            access.check_file(path)?;
        }
        Ok(located)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TREE: Tree = Tree(&[("a/b.txt", b"b"), ("a/c/d.txt", b"d"), ("e.txt", b"e")]);

    #[test]
    fn a_built_in_tree_is_read_like_a_folder() {
        let home = Home::Built(TREE, "a".into());
        assert_eq!(home.join("b.txt").unwrap().read_text().unwrap(), "b");
        assert_eq!(home.join("../e.txt").unwrap().read_text().unwrap(), "e");
        assert!(home.join("../../etc/passwd").is_err());
        let names: Vec<String> = home.join(".").unwrap().list().unwrap().iter().map(Located::name).collect();
        assert_eq!(names, ["b.txt", "c"]);
        assert_eq!(home.join("nothing").unwrap().read().unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn a_folder_says_what_is_missing_and_hides_hidden_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".hidden"), "").unwrap();
        std::fs::write(dir.path().join("z"), "").unwrap();
        std::fs::write(dir.path().join("a"), "").unwrap();
        let folder = Located::Disk(dir.path().to_owned());
        assert_eq!(folder.list().unwrap().iter().map(Located::name).collect::<Vec<_>>(), ["a", "z"]);
        assert!(folder.read().unwrap_err().to_string().contains("is a folder"));
        let missing = Located::Disk(dir.path().join("no")).list().unwrap_err();
        assert_eq!(missing.kind(), Kind::NotFound);
    }
}
