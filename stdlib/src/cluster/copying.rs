//! What `cluster::copy_to` and `cluster::copy_from` share: files on both sides, their hashes, and archives between them.

mod archive;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use windlass_runtime::cluster::Command;
use windlass_runtime::files::Located;
use windlass_runtime::{Call, Error, Kind, Result};

use super::pods::Place;

pub(super) use archive::Archive;

/// So much of a file is read at once.
const PIECE: usize = 64 << 10;
/// The most that the paths of one question to a container may be long, as a request writes them.
const PATHS: usize = 32 << 10;

/// A file to copy.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub content: Content,
    pub size: u64,
    /// Its sha256.
    pub hash: String,
    /// Its permissions, as `chmod` takes them.
    pub mode: u32,
}

/// Files by their path below the one that is copied: a single file has none, `""`.
pub(super) type Files = BTreeMap<String, File>;

/// Hashes in the same way.
pub(super) type Hashes = BTreeMap<String, String>;

/// Where what is in a file comes from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Disk(PathBuf),
    Built(&'static [u8]),
}

impl Content {
    pub fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Disk(path) => Box::new(std::fs::File::open(path)?),
            Self::Built(bytes) => Box::new(*bytes),
        })
    }
}

/// What the work of a call that has ended meanwhile sees.
pub(super) type Wanted = Weak<()>;

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

/// The hashes of those of these files that are at a path of a container or below it, as [`hashes`] says them, and of what is
/// at the path itself if that is a file. No other file is read.
pub(super) fn hashes_of<'a>(
    call: &Call<'_>,
    place: &Place,
    path: &str,
    names: impl Iterator<Item = &'a String>,
    limit: Duration,
) -> Result<Option<Hashes>> {
    let mut found: Option<Hashes> = None;
    for command in questions(place, path, names) {
        // What is not there makes it fail, and only that is left out.
        if let Some(answer) = place.ask_within(call, command, limit).map_err(needs_tools)? {
            let read = read_hashes(path, &String::from_utf8_lossy(&answer.stdout));
            found.get_or_insert_default().extend(read);
        }
    }
    Ok(found)
}

/// The commands that hash these files of a container. A request is as long as the paths in it, so there may be several.
pub(super) fn questions<'a>(place: &Place, path: &str, names: impl Iterator<Item = &'a String>) -> Vec<Command> {
    let (mut all, mut paths, mut length) = (Vec::new(), vec![path.to_owned()], 0);
    let ask = |paths: &[String]| {
        let paths = paths.iter().map(String::as_str);
        let words = ["find", "-H"].into_iter().chain(paths);
        let words = words.chain(["-prune", "-type", "f", "-exec", "sha256sum", "{}", "+"]);
        place.command(&words.collect::<Vec<_>>())
    };
    for name in names.filter(|name| !name.is_empty()) {
        let one = format!("{path}/{name}");
        // A byte may take three, and each path has `&command=` before it.
        length += 3 * one.len() + 9;
        if length > PATHS && !paths.is_empty() {
            all.push(ask(&paths));
            (paths, length) = (Vec::new(), 3 * one.len() + 9);
        }
        paths.push(one);
    }
    all.push(ask(&paths));
    all
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

/// A file of this machine or of the stock playbooks, or all in a folder: what they are, and not what is in them. It ends
/// early if nobody wants to know any more.
pub(super) fn read(from: &Located, wanted: &Wanted) -> Result<Files> {
    let mut files = Files::new();
    match from {
        Located::Disk(path) => read_disk(path, "", wanted, &mut files)?,
        Located::Built(tree, path) => match tree.get(path) {
            Some(bytes) => drop(files.insert(String::new(), built(bytes))),
            None => {
                for name in tree.below(path) {
                    let rest = name.strip_prefix(path.as_str()).unwrap_or(name).trim_start_matches('/');
                    files.insert(rest.to_owned(), built(tree.get(name).unwrap_or_default()));
                }
            }
        },
    }
    Ok(files)
}

fn built(bytes: &'static [u8]) -> File {
    let hash = format!("{:x}", Sha256::digest(bytes));
    File { content: Content::Built(bytes), size: bytes.len() as u64, hash, mode: 0o644 }
}

fn read_disk(path: &Path, name: &str, wanted: &Wanted, files: &mut Files) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let unreadable = |e: std::io::Error| unreadable(path, e);
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
            read_disk(&entry.path(), &below, wanted, files)?;
        }
        return Ok(());
    }
    if !about.is_file() {
        return Err(Error::usage(format!("{} is a link or a device, which is not copied", path.display()))
            .hint("copy what it points to, or take it out of the folder"));
    }
    let mut content = WhileWanted(std::fs::File::open(path).map_err(unreadable)?, wanted);
    let (size, hash) = hashed(&mut content, std::io::sink()).map_err(unreadable)?;
    let mode = about.permissions().mode() & 0o777;
    files.insert(name.to_owned(), File { content: Content::Disk(path.to_owned()), size, hash, mode });
    Ok(())
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Kind::NotFound, format!("{} does not exist", path.display()))
            .hint("relative paths start at the folder of the script that names them"),
        _ => Error::new(Kind::System, format!("{} cannot be read", path.display())).source(error),
    }
}

/// A file that is read as long as somebody waits for it: a call that has been stopped does not.
struct WhileWanted<'a>(std::fs::File, &'a Wanted);

impl Read for WhileWanted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.1.strong_count() {
            0 => Err(std::io::Error::other("nobody waits for it any more")),
            _ => self.0.read(buffer),
        }
    }
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
        let unreadable = |e| unreadable(&path, e);
        if path.symlink_metadata().is_ok_and(|about| about.is_file()) {
            let mut file = std::fs::File::open(&path).map_err(unreadable)?;
            hashes.insert(name.clone(), hashed(&mut file, std::io::sink()).map_err(unreadable)?.1);
        }
    }
    Ok(hashes)
}

/// What will differ, in lines for people; with the sizes where they are known.
pub(super) fn difference<'a>(
    wanted: impl Iterator<Item = (&'a String, Option<u64>)>,
    there: &Hashes,
    top: &str,
) -> Vec<String> {
    let line = |(name, size): (&String, Option<u64>)| {
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
