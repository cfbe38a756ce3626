//! What `cluster::copy_to` and `cluster::copy_from` share: files on both sides, their hashes, and archives between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use windlass_runtime::files::Located;
use windlass_runtime::{Call, Error, Kind, Result};

use super::pods::Place;

/// The most that is copied into a container at once: it is held in memory.
const MOST: usize = 256 << 20;
/// So much of a file is read at once.
const PIECE: usize = 64 << 10;

/// A file to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub bytes: Vec<u8>,
    pub hash: String,
    /// Its permissions, as `chmod` takes them.
    pub mode: u32,
}

/// Files by their path below the one that is copied: a single file has none, `""`.
pub(super) type Files = BTreeMap<String, File>;

/// Hashes in the same way.
pub(super) type Hashes = BTreeMap<String, String>;

impl File {
    fn new(bytes: Vec<u8>, mode: u32) -> Self {
        let hash = format!("{:x}", Sha256::digest(&bytes));
        Self { bytes, hash, mode }
    }
}

/// A path in a container: absolute, without a slash at its end.
pub(super) fn remote(path: &str) -> Result<String> {
    let wrong = |why: &str| Err(Error::usage(format!("{path:?} is no path in a container: {why}")));
    if !path.starts_with('/') {
        return wrong("it does not begin with /");
    }
    if path.split('/').any(|part| part == "..") || path.contains(|c: char| c.is_control() || c == '\\') {
        return wrong("`..`, backslashes and control characters may not be in it");
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { wrong("a whole container is not copied") } else { Ok(trimmed.to_owned()) }
}

/// The folder that a path is in, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some(parts) => parts,
        None => ("/", path),
    }
}

/// The hashes of the files at a path of a container and below it; empty if nothing is there, none where it cannot be
/// known. It may take `limit`: of a lot of data, that is long.
pub(super) fn hashes(call: &Call<'_>, place: &Place, path: &str, limit: Duration) -> Result<Option<Hashes>> {
    let command = place.command(&["find", "-H", path, "-type", "f", "-exec", "sha256sum", "{}", "+"]);
    let Some(answer) = place.ask_within(call, command, limit).map_err(needs_tools)? else { return Ok(None) };
    if answer.code != 0 {
        let is_there = place.ask(call, place.command(&["test", "-e", path]))?;
        if is_there.is_none_or(|answer| answer.code != 0) {
            return Ok(Some(Hashes::new()));
        }
        return Err(place.refused(&format!("read {path}"), &answer.stderr));
    }
    Ok(Some(read_hashes(path, &String::from_utf8_lossy(&answer.stdout))))
}

/// What `sha256sum` said of the files at a path and below it.
pub(super) fn read_hashes(path: &str, said: &str) -> Hashes {
    let line = |line: &str| {
        let (hash, name) = line.split_once("  ")?;
        Some((name.strip_prefix(path)?.trim_start_matches('/').to_owned(), hash.to_owned()))
    };
    said.lines().filter_map(line).collect()
}

/// Says which programs copying needs, where one is missing.
pub(super) fn needs_tools(error: Error) -> Error {
    match error.kind() {
        Kind::NotFound => Error::new(Kind::NotFound, error.message().to_owned())
            .hint("copying needs tar, find and sha256sum in the container's image: name another container, or add a debug container that has them"),
        _ => error,
    }
}

impl Place {
    /// The error of a command that failed while something was copied.
    pub(super) fn refused(&self, what: &str, stderr: &[u8]) -> Error {
        let said = String::from_utf8_lossy(stderr);
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it did not say why").trim();
        Error::new(Kind::System, format!("container {} of {} could not {what}: {last}", self.container, self.pod))
            .hint("may the container's user do that, and is there room?")
            .resource(&self.pod)
    }
}

/// A file of this machine or of the stock playbooks, or all in a folder.
pub(super) fn read(from: &Located) -> Result<Files> {
    let mut files = Files::new();
    match from {
        Located::Disk(path) => read_disk(path, "", &mut files)?,
        Located::Built(tree, path) => match tree.get(path) {
            Some(bytes) => drop(files.insert(String::new(), File::new(bytes.to_vec(), 0o644))),
            None => {
                for name in tree.below(path) {
                    let rest = name.strip_prefix(path.as_str()).unwrap_or(name).trim_start_matches('/');
                    let bytes = tree.get(name).unwrap_or_default().to_vec();
                    files.insert(rest.to_owned(), File::new(bytes, 0o644));
                }
            }
        },
    }
    Ok(files)
}

fn read_disk(path: &Path, name: &str, files: &mut Files) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::new(Kind::NotFound, format!("{} does not exist", path.display()))
            .hint("relative paths start at the folder of the script that names them"),
        _ => Error::new(Kind::System, format!("{} cannot be read", path.display())).source(e),
    };
    // What was named may be a link, as a person expects it; what is found on the way may not.
    let about = if name.is_empty() { path.metadata() } else { path.symlink_metadata() }.map_err(unreadable)?;
    if about.is_dir() {
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let own = entry.file_name();
            let Some(own) = own.to_str().filter(|own| !own.contains(|c: char| c.is_control() || c == '\\')) else {
                let what = format!("the name of {} cannot be carried into a container", entry.path().display());
                return Err(Error::usage(what).hint("rename it: no control characters, no backslash, UTF-8"));
            };
            let below = if name.is_empty() { own.to_owned() } else { format!("{name}/{own}") };
            read_disk(&entry.path(), &below, files)?;
        }
        return Ok(());
    }
    if !about.is_file() {
        return Err(Error::usage(format!("{} is a link or a device, which is not copied", path.display()))
            .hint("copy what it points to, or take it out of the folder"));
    }
    let so_far: usize = files.values().map(|file| file.bytes.len()).sum();
    if about.len().saturating_add(so_far as u64) > MOST as u64 {
        return Err(Error::usage(format!(
            "more than {} MiB cannot be copied at once, and {} is too much",
            MOST >> 20,
            path.display()
        ))
        .hint("copy it in parts, or let the container fetch it"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    files.insert(name.to_owned(), File::new(bytes, about.permissions().mode() & 0o777));
    Ok(())
}

/// An archive of these files; a single one has this name in it.
pub(super) fn pack<'a>(files: impl Iterator<Item = (&'a String, &'a File)>, single: &str) -> Result<Vec<u8>> {
    let broken = |e: std::io::Error| Error::new(Kind::System, "the archive cannot be made").source(e);
    let mut archive = tar::Builder::new(Vec::new());
    for (name, file) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(file.mode);
        let name = if name.is_empty() { single } else { name };
        archive.append_data(&mut header, name, file.bytes.as_slice()).map_err(broken)?;
    }
    let mut bytes = archive.into_inner().map_err(broken)?;
    // Some a tar read whole blocks of twenty before they see the end.
    bytes.resize(bytes.len().next_multiple_of(20 * 512), 0);
    Ok(bytes)
}

/// Goes through an archive that came out of a container, which is not to be trusted: it must hold exactly the files that were
/// announced, with these hashes. Each is given to `keep`, which reads it and says how long it was and its hash. Symbolic links
/// are left out.
pub(super) fn unpack(
    archive: impl std::io::Read,
    single: &str,
    announced: &Hashes,
    mut keep: impl FnMut(&str, u32, &mut dyn std::io::Read) -> Result<(u64, String)>,
) -> Result<()> {
    let refused = |name: &str, why: &str| {
        Error::new(Kind::Malformed, format!("the archive that the container sent was refused: {name:?} {why}"))
            .hint("nothing was written; is something changing the files, or the container's tar not to be trusted?")
    };
    let broken = |e: std::io::Error| {
        Error::new(Kind::Malformed, "the archive that the container sent cannot be read")
            .source(e)
            .hint("nothing was written")
    };
    let mut found = BTreeSet::new();
    for entry in tar::Archive::new(archive).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&path).into_owned();
        let Ok(text) = std::str::from_utf8(&path) else { return Err(refused(&shown, "is no name in UTF-8")) };
        if Path::new(text).components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
            return Err(refused(&shown, "leads out of its folder"));
        }
        let name = text.trim_start_matches("./").trim_end_matches('/').to_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_symlink() {
            continue;
        }
        if !kind.is_file() {
            return Err(refused(&shown, "is neither a file nor a folder (hard links and devices are not copied)"));
        }
        let name = if name == single && announced.contains_key("") { String::new() } else { name };
        let Some(announced) = announced.get(&name) else { return Err(refused(&shown, "was not announced")) };
        if found.contains(&name) {
            return Err(refused(&shown, "is in it twice"));
        }
        let (size, mode) = (entry.size(), entry.header().mode().unwrap_or(0o644) & 0o777);
        let (read, hash) = keep(&name, mode, &mut entry)?;
        if read != size {
            return Err(refused(&shown, "has another size than it says"));
        }
        if *announced != hash {
            return Err(refused(&shown, "has another content than its sha256 says"));
        }
        found.insert(name);
    }
    match announced.keys().find(|name| !found.contains(*name)) {
        Some(missing) => Err(refused(if missing.is_empty() { single } else { missing }, "is missing in it")),
        None => Ok(()),
    }
}

/// Copies all that can be read, and says how long it was and its sha256.
pub(super) fn hashed(from: &mut dyn std::io::Read, mut to: impl std::io::Write) -> std::io::Result<(u64, String)> {
    let (mut buffer, mut length, mut hash) = (vec![0; PIECE], 0, Sha256::new());
    loop {
        let count = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
            return Ok((length, format!("{:x}", hash.finalize())));
        };
        hash.update(piece);
        to.write_all(piece)?;
        length += count as u64;
    }
}

/// The hashes of those of these files that are on this machine, at a path or below it. What is no file has none.
pub(super) fn hashes_here<'a>(path: &Path, names: impl Iterator<Item = &'a String>) -> Result<Hashes> {
    let mut hashes = Hashes::new();
    for name in names {
        let path = if name.is_empty() { path.to_owned() } else { path.join(name) };
        let unreadable = |e| Error::new(Kind::System, format!("{} cannot be read", path.display())).source(e);
        if path.symlink_metadata().is_ok_and(|about| about.is_file()) {
            let mut file = std::fs::File::open(&path).map_err(unreadable)?;
            hashes.insert(name.clone(), hashed(&mut file, std::io::sink()).map_err(unreadable)?.1);
        }
    }
    Ok(hashes)
}

/// What will differ, in lines for people; with the sizes where they are known.
pub(super) fn difference<'a>(
    wanted: impl Iterator<Item = (&'a String, Option<usize>)>,
    there: &Hashes,
    top: &str,
) -> Vec<String> {
    let line = |(name, size): (&String, Option<usize>)| {
        let path = if name.is_empty() { top.to_owned() } else { format!("{top}/{name}") };
        let what = if there.contains_key(name) { "replaced" } else { "new" };
        let size = size.map(|size| format!(", {size} bytes")).unwrap_or_default();
        format!("{path}: {what}{size}")
    };
    let mut lines: Vec<String> = wanted.map(line).collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more"));
    }
    lines
}

/// So many files are named.
const SHOWN: usize = 20;

/// `1 file`, `3 files`.
pub(super) fn count(number: usize) -> String {
    if number == 1 { "1 file".to_owned() } else { format!("{number} files") }
}

#[cfg(test)]
mod tests;
