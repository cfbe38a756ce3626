//! The files of a container: those that were put there. What its image brings is not known.

use std::collections::BTreeMap;
use std::io::Read as _;

use bytes::Bytes;

/// The most that the files of one container may hold.
pub(crate) const MOST: usize = 256 << 20;

/// A file or a folder.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Folder,
    File(Bytes),
}

/// Files and folders by their path, which begins with `/` and has no other at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(BTreeMap<String, Node>);

/// A path as it is kept here; relative ones begin at the root.
pub(crate) fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Files {
    /// Whether it is known that there is something.
    pub(crate) fn has(&self, path: &str) -> bool {
        path == "/" || self.0.contains_key(path)
    }

    pub(crate) fn is_folder(&self, path: &str) -> bool {
        path == "/" || self.0.get(path) == Some(&Node::Folder)
    }

    pub(crate) fn read(&self, path: &str) -> Option<&Bytes> {
        match self.0.get(path)? {
            Node::File(bytes) => Some(bytes),
            Node::Folder => None,
        }
    }

    /// What is at a path and below it, in order, with the content of files.
    pub(crate) fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a Bytes>)> {
        let inside = move |known: &str| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || path == "/" || rest.starts_with('/'))
        };
        let content = |node: &'a Node| if let Node::File(bytes) = node { Some(bytes) } else { None };
        let from = self.0.range(path.to_owned()..);
        from.take_while(move |(known, _)| known.starts_with(path))
            .filter(move |(known, _)| inside(known))
            .map(move |(known, node)| (known.as_str(), content(node)))
    }

    /// Makes a folder, and those above it.
    pub(crate) fn make_folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/').skip(1) {
            self.0.entry(path.get(..at).unwrap_or_default().to_owned()).or_insert(Node::Folder);
        }
        if path != "/" {
            self.0.insert(path.to_owned(), Node::Folder);
        }
    }

    /// Writes a file, and makes the folders above it.
    pub(crate) fn write(&mut self, path: &str, bytes: Bytes) {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            self.make_folder(folder);
        }
        self.0.insert(path.to_owned(), Node::File(bytes));
    }

    /// Removes what is at a path and below it.
    pub(crate) fn remove(&mut self, path: &str) {
        let gone: Vec<String> = self.below(path).map(|(known, _)| known.to_owned()).collect();
        for path in gone {
            self.0.remove(&path);
        }
    }

    /// How many bytes can still be put here.
    pub(crate) fn room(&self) -> usize {
        let size = |node: &Node| if let Node::File(bytes) = node { bytes.len() } else { 0 };
        MOST.saturating_sub(self.0.values().map(size).sum())
    }

    /// Unpacks an archive into a folder.
    ///
    /// # Errors
    /// What `tar` would say.
    pub(crate) fn unpack(&mut self, folder: &str, archive: &[u8]) -> Result<(), String> {
        let broken = |error: std::io::Error| format!("tar: {error}\n");
        for entry in tar::Archive::new(archive).entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = absolute(&format!("{folder}/{name}"));
            if entry.header().entry_type().is_dir() {
                if !self.is_folder(&path) {
                    self.make_folder(&path);
                }
                continue;
            }
            if !entry.header().entry_type().is_file() {
                return Err(format!("tar: {name}: the simulated container takes files and folders only\n"));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(broken)?;
            self.write(&path, bytes.into());
        }
        Ok(())
    }

    /// Packs what is at these paths, which begin in `folder`, under the names that they were given by.
    ///
    /// # Errors
    /// What `tar` would say.
    pub(crate) fn pack(&self, folder: &str, names: &[String]) -> Result<Vec<u8>, String> {
        let broken = |error: std::io::Error| format!("tar: {error}\n");
        let mut archive = tar::Builder::new(Vec::new());
        for name in names {
            let top = in_folder(folder, name);
            for (path, content) in self.below(&top) {
                let rest = path.strip_prefix(top.as_str()).unwrap_or_default();
                let inner = format!("{}{rest}", name.trim_start_matches('/').trim_end_matches('/'));
                // An archive names no folder that everything in it is in.
                if inner == "." {
                    continue;
                }
                let mut header = tar::Header::new_gnu();
                header.set_mode(if content.is_some() { 0o644 } else { 0o755 });
                header.set_entry_type(if content.is_some() {
                    tar::EntryType::Regular
                } else {
                    tar::EntryType::Directory
                });
                header.set_size(content.map_or(0, |bytes| bytes.len() as u64));
                let bytes: &[u8] = content.map_or(&[], |bytes| bytes);
                archive.append_data(&mut header, inner, bytes).map_err(broken)?;
            }
        }
        archive.into_inner().map_err(broken)
    }
}

/// A path as a command that works in `folder` means it.
pub(crate) fn in_folder(folder: &str, path: &str) -> String {
    if path.starts_with('/') { absolute(path) } else { absolute(&format!("{folder}/{path}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_can_be_unpacked_elsewhere() {
        let mut files = Files::default();
        files.write("/data/a.txt", Bytes::from_static(b"a"));
        files.write("/data/deep/b.txt", Bytes::from_static(b"b"));
        files.write("/database", Bytes::from_static(b"another"));
        let archive = files.pack("/", &["data".to_owned()]).unwrap();
        let mut other = Files::default();
        other.unpack("/copy", &archive).unwrap();
        let all: Vec<(&str, Option<&Bytes>)> = other.below("/copy/data").collect();
        let names: Vec<&str> = all.iter().map(|(path, _)| *path).collect();
        assert_eq!(names, ["/copy/data", "/copy/data/a.txt", "/copy/data/deep", "/copy/data/deep/b.txt"]);
        assert_eq!(other.read("/copy/data/deep/b.txt").unwrap().as_ref(), b"b");
        other.remove("/copy/data/deep");
        assert!(!other.has("/copy/data/deep/b.txt") && other.has("/copy/data/a.txt"));
    }

    #[test]
    fn paths_do_not_leave_the_root() {
        assert_eq!(absolute("../../etc/./passwd/"), "/etc/passwd");
        assert_eq!(in_folder("/a/b", "../c"), "/a/c");
        assert!(Files::default().unpack("/", b"not an archive").is_err());
    }
}
