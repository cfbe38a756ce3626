use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use serde_json::json;

use crate::helm::testing::{With, chart, with_each};
use crate::testing::{Bed, on};

const PASSWORD: &str = "tr0ub4dor-and-3";

/// Serves the files of a folder to who knows the password, until the test program ends; and how often it was asked for one.
fn serve(folder: PathBuf) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let known = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("reader:{PASSWORD}")));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().and_then(|line| Some(line.split(' ').nth(1)?.to_owned())).unwrap_or_default();
            let is_known = lines.take_while(|line| !line.is_empty()).any(|line| line.ends_with(&known));
            counted.fetch_add(1, Ordering::SeqCst);
            let content = std::fs::read(folder.join(path.trim_start_matches('/')));
            let (status, content) = match content {
                _ if !is_known => ("401 Unauthorized", Vec::new()),
                Ok(content) => ("200 OK", content),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len());
            let _ = stream.write_all(&[head.into_bytes(), content].concat());
        }
    });
    (url, count)
}

/// A repository with the chart `web`, and the digest of that.
fn repository(with: &With) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    with.helm_by_hand(&["package", &chart("web"), "--destination", &path]);
    with.helm_by_hand(&["repo", "index", &path]);
    let digest = crate::helm::chart::file_hash(Path::new(&format!("{path}/web-1.0.0.tgz"))).unwrap();
    (folder, digest)
}

#[on(shadow, live)]
fn charts_come_from_a_repository_with_credentials_that_show_nowhere(bed: Bed) {
    with_each(&bed, |with| {
        let (folder, digest) = repository(with);
        let (url, asked) = serve(folder.path().to_owned());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), PASSWORD).unwrap();
        let password = format!("secret::file(\"{}\")", file.path().display());
        let named = format!("helm::repo(\"internal\", \"{url}\", #{{ username: \"reader\", password: {password} }})");
        let upgrade = |version: &str, digest: &str| {
            with.run(&format!(
                "{named}; helm::upgrade(\"web\", \"internal/web\", #{{ NS, version: \"{version}\", digest: \"sha256:{digest}\" }})"
            ))
        };
        let first = upgrade("1.0.0", &digest);
        assert_eq!(first.value()["changed"], true, "{:#}", first.value());
        assert!(!first.everything().contains(PASSWORD));
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(upgrade("1.0.0", &digest).value()["changed"], false);
        assert_eq!(asked.load(Ordering::SeqCst), before + 1, "the index alone is fetched again");
        assert_eq!(with.run(&named).value()["changed"], false);

        let other = upgrade("1.0.0", &"0".repeat(64)).error();
        assert_eq!(other["kind"], "rejected", "{other}");
        let missing = upgrade("9.9.9", &digest).error();
        assert_eq!(missing["kind"], "not_found", "{missing}");
        let stranger = with.run(&format!("helm::repo(\"other\", \"{url}/x\")")).error();
        assert_eq!(stranger["kind"], "forbidden", "{stranger}");
        assert!(stranger["hint"].as_str().unwrap().contains("username"), "{stranger}");

        let to = tempfile::tempdir().unwrap();
        let pull = format!("{named}; helm::pull(\"internal/web\", #{{ to: \"{}\" }})", to.path().display());
        let pulled = with.run(&pull).value();
        assert_eq!((&pulled["digest"], &pulled["changed"]), (&json!(format!("sha256:{digest}")), &json!(true)));
        assert_eq!(with.run(&pull).value()["changed"], false);
        let archive = pulled["path"].as_str().unwrap();
        let local = with.run(&format!("helm::upgrade(\"web\", \"{archive}\", #{{ NS }})")).value();
        assert_eq!(local["changed"], false, "the same archive: {local:#}");
    });
}

#[test]
fn names_and_urls_are_checked() {
    for (name, url, said) in [
        ("a/b", "https://x.example", "cannot be the name"),
        ("a", "x.example", "is no URL"),
        ("a", "https://me:pw@x.example", "holds no credentials"),
    ] {
        let error = crate::testing::run(&format!("helm::repo(\"{name}\", \"{url}\")")).error();
        assert_eq!(error["kind"], "usage", "{error}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert!(!error.to_string().contains("me:pw"), "{error}");
    }
}
