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

fn unpacked(archive: &[u8], single: &str, announced: &Hashes) -> Result<Files> {
    let mut files = Files::new();
    unpack(archive, single, announced, |name, mode, content| {
        let mut bytes = Vec::new();
        let found = hashed(content, &mut bytes)
            .map_err(|e| Error::new(Kind::Malformed, "the archive cannot be read").source(e))?;
        files.insert(name.to_owned(), File::new(bytes, mode));
        Ok(found)
    })?;
    Ok(files)
}

#[test]
fn what_is_packed_is_unpacked_whole() {
    let files: Files =
        [("a".to_owned(), File::new(b"1".to_vec(), 0o640)), ("deep/b".to_owned(), File::new(vec![7; 2000], 0o755))]
            .into();
    let bytes = pack(files.iter(), "").unwrap();
    let hashes: Hashes = files.iter().map(|(name, file)| (name.clone(), file.hash.clone())).collect();
    assert_eq!(unpacked(&bytes, "", &hashes).unwrap(), files);
    let single: Files = [(String::new(), File::new(b"1".to_vec(), 0o600))].into();
    let bytes = pack(single.iter(), "db.sql").unwrap();
    assert_eq!(unpacked(&bytes, "db.sql", &announced(&[("", b"1")])).unwrap(), single);
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
    assert_eq!(taken["a"].mode, 0o777);
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
    let files = read(&Located::Disk(folder.path().to_owned())).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "deep/.env"]);
    let single = read(&Located::Disk(folder.path().join("a"))).unwrap();
    assert_eq!(single[""].bytes, b"y");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let error = read(&Located::Disk(folder.path().to_owned())).unwrap_err();
    assert!(error.message().ends_with("link is a link or a device, which is not copied"), "{error}");
    let missing = read(&Located::Disk(folder.path().join("no"))).unwrap_err();
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
