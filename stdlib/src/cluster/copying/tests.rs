use super::*;

/// A header by itself: the crate refuses to write what is hostile.
fn entry(archive: &mut tar::Builder<Vec<u8>>, name: &str, kind: tar::EntryType, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o4777);
    header.set_size(bytes.len() as u64);
    header.set_cksum();
    archive.append(&header, bytes).unwrap();
}

/// Its name, what it is, and its content.
type Entry<'a> = (&'a str, tar::EntryType, &'a [u8]);

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    entries.iter().for_each(|(name, kind, bytes)| entry(&mut archive, name, *kind, bytes));
    archive.into_inner().unwrap()
}

fn announced(files: &[(&str, &[u8])]) -> Hashes {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), format!("{:x}", Sha256::digest(bytes)))).collect()
}

/// Its permissions, and what is in it.
type Unpacked = BTreeMap<String, (u32, Vec<u8>)>;

fn unpacked(archive: &[u8], single: &str, announced: &Hashes) -> Result<Unpacked> {
    let mut files = Unpacked::new();
    unpack(archive, single, announced, |name, mode, content| {
        let mut bytes = Vec::new();
        let found = hashed(content, &mut bytes)
            .map_err(|e| Error::new(Kind::Malformed, "the archive cannot be read").source(e))?;
        files.insert(name.to_owned(), (mode, bytes));
        Ok(found)
    })?;
    Ok(files)
}

fn file(bytes: &'static [u8], mode: u32) -> File {
    File { mode, ..built(bytes) }
}

/// An archive in pieces of this size; none is much larger.
fn packed(files: &Files, single: &str, size: usize) -> Vec<u8> {
    let (mut archive, mut bytes) = (Archive::of(files.clone(), single), Vec::new());
    while let Some(piece) = archive.piece(size).unwrap() {
        assert!(piece.len() < size + 20 * 512, "{}", piece.len());
        bytes.extend_from_slice(&piece);
    }
    assert!(archive.piece(size).unwrap().is_none());
    assert_eq!(bytes.len() % (20 * 512), 0);
    bytes
}

#[test]
fn what_is_packed_is_unpacked_whole() {
    static LARGE: [u8; 40_000] = [7; 40_000];
    let long = format!("deep/{}/b", "x".repeat(150));
    let files: Files = [
        ("a".to_owned(), file(b"1", 0o640)),
        ("block".to_owned(), file(&LARGE[..1024], 0o644)),
        (long, file(&LARGE, 0o755)),
        ("empty".to_owned(), file(b"", 0o600)),
    ]
    .into();
    let hashes: Hashes = files.iter().map(|(name, file)| (name.clone(), file.hash.clone())).collect();
    let bytes = packed(&files, "", 1000);
    for size in [1, 512, 10_240, 1 << 20] {
        assert!(packed(&files, "", size) == bytes, "{size}");
    }
    let found = unpacked(&bytes, "", &hashes).unwrap();
    let Content::Built(first) = files["a"].content else { panic!("not built in") };
    assert_eq!(found["a"], (0o640, first.to_vec()));
    assert_eq!(found.len(), 4);
    let single: Files = [(String::new(), file(b"1", 0o600))].into();
    let bytes = packed(&single, "db.sql", 1 << 20);
    assert_eq!(unpacked(&bytes, "db.sql", &announced(&[("", b"1")])).unwrap()[""], (0o600, b"1".to_vec()));
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for (now, said) in [("12", "was changed"), ("321", "was changed"), ("", "was changed")] {
        std::fs::write(&path, "123").unwrap();
        let files = here(&path).unwrap();
        std::fs::write(&path, now).unwrap();
        let error = Archive::of(files, "a").piece(1 << 20).unwrap_err();
        assert_eq!(error.kind(), Kind::System);
        assert!(error.message().contains(said), "{now}: {error}");
    }
    let files = here(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Archive::of(files, "a").piece(1 << 20).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn sizes_beyond_eight_gib_are_written_as_tar_reads_them() {
    let size = 9 << 30;
    let huge = File { size, ..file(b"", 0o644) };
    let mut archive = Archive::of([("huge".to_owned(), huge)].into(), "");
    let header = archive.piece(1).unwrap().unwrap();
    let header = tar::Header::from_byte_slice(&header);
    assert_eq!(header.size().unwrap(), size);
}

#[test]
fn a_file_that_nobody_waits_for_is_not_read_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "1").unwrap();
    let error = read(&Located::Disk(folder.path().to_owned()), &Wanted::new()).unwrap_err();
    assert!(error.message().ends_with("a cannot be read"), "{error}");
}

/// What is on this machine.
fn here(path: &Path) -> Result<Files> {
    let awaited = std::sync::Arc::new(());
    read(&Located::Disk(path.to_owned()), &std::sync::Arc::downgrade(&awaited))
}

#[test]
fn a_hostile_archive_is_refused() {
    use tar::EntryType as Is;
    let ours = announced(&[("a", b"1")]);
    let cases: &[(&[Entry<'_>], &str)] = &[
        (&[("../a", Is::Regular, b"1")], "leads out of its folder"),
        (&[("x/../../a", Is::Regular, b"1")], "leads out of its folder"),
        (&[("/etc/passwd", Is::Regular, b"1")], "leads out of its folder"),
        (&[("a", Is::Symlink, b"")], "\"a\" is missing in it"),
        (&[("a", Is::Link, b"")], "neither a file nor a folder"),
        (&[("a", Is::Block, b"")], "neither a file nor a folder"),
        (&[("a", Is::Fifo, b"")], "neither a file nor a folder"),
        (&[("a", Is::Regular, b"2")], "another content than its sha256 says"),
        (&[("a", Is::Regular, b"1"), ("b", Is::Regular, b"1")], "\"b\" was not announced"),
        (&[("a", Is::Regular, b"1"), ("./a", Is::Regular, b"1")], "is in it twice"),
        (&[("sub", Is::Directory, b"")], "\"a\" is missing in it"),
    ];
    for (entries, said) in cases {
        let error = unpacked(&archive(entries), "", &ours).unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed);
        assert!(error.message().contains(said), "{said}: {error}");
    }
    let mut cut = archive(&[("a", Is::Regular, &[1; 2000])]);
    cut.truncate(1024);
    let error = unpacked(&cut, "", &announced(&[("a", &[1; 2000])])).unwrap_err();
    assert!(error.message().contains("cannot be read") || error.message().contains("another size"), "{error}");
    // Symbolic links are nothing that was announced, and nothing that is followed.
    let linked = archive(&[("link", Is::Symlink, b""), ("a", Is::Regular, b"1")]);
    assert_eq!(unpacked(&linked, "", &ours).unwrap().len(), 1);
    // What makes programs run as their owner is not taken over.
    let taken = unpacked(&archive(&[("a", Is::Regular, b"1")]), "", &ours).unwrap();
    assert_eq!(taken["a"].0, 0o777);
}

#[test]
fn paths_in_containers_are_absolute_and_plain() {
    assert_eq!(remote("/data/").unwrap(), "/data");
    for wrong in ["data", "/", "/a/../b", "", "/a\nb", "/a\\b"] {
        assert_eq!(remote(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
    }
    assert_eq!((split("/a/b"), split("/a")), (("/a", "b"), ("/", "a")));
}

#[test]
fn a_folder_is_read_with_hidden_files_and_without_links() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("deep/.env"), "x").unwrap();
    std::fs::write(folder.path().join("a"), "y").unwrap();
    let files = here(folder.path()).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "deep/.env"]);
    let single = here(&folder.path().join("a")).unwrap();
    assert_eq!((single[""].size, &single[""].hash), (1, &announced(&[("", b"y")])[""]));
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let error = here(folder.path()).unwrap_err();
    assert!(error.message().ends_with("link is a link or a device, which is not copied"), "{error}");
    let missing = here(&folder.path().join("no")).unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
}

#[test]
fn only_what_is_asked_for_is_hashed_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "1").unwrap();
    std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("link")).unwrap();
    let names = ["a", "link", "none"].map(str::to_owned);
    let found = hashes_here(folder.path(), names.iter()).unwrap();
    assert_eq!(found, announced(&[("a", b"1")]));
    assert_eq!(hashes_here(&folder.path().join("a"), [String::new()].iter()).unwrap(), announced(&[("", b"1")]));
}
