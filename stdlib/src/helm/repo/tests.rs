use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use serde_json::json;
use sha2::Digest as _;

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
        // The tests that run beside have their own repositories in the same folder.
        let name = with.namespace.as_str();
        let named = format!("helm::repo(\"{name}\", \"{url}\", #{{ username: \"reader\", password: {password} }})");
        let upgrade = |version: &str, digest: &str| {
            with.run(&format!(
                "{named}; helm::upgrade(\"web\", \"{name}/web\", #{{ NS, version: \"{version}\", digest: \"sha256:{digest}\" }})"
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
        let place = format!("the repository {name} ({url})");
        assert_eq!(missing["message"], format!("{place} has the chart web in no version 9.9.9"));
        assert_eq!(missing["hint"], "the newest that are there: 1.0.0");
        let misspelt = with.run(&format!("{named}; helm::upgrade(\"web\", \"{name}/wbe\", #{{ NS }})")).error();
        assert_eq!(
            (&misspelt["message"], &misspelt["hint"]),
            (&json!(format!("{place} has no chart wbe")), &json!("did you mean \"web\"?"))
        );
        let elsewhere = with.run(&named.replace(&format!("{url}\""), &format!("{url}/x\""))).error();
        assert_eq!(elsewhere["kind"], "not_found", "{elsewhere}");
        let cause =
            format!("the repository {url}/x cannot be read: failed to fetch {url}/x/index.yaml : 404 Not Found");
        assert_eq!(elsewhere["message"], cause);
        assert!(elsewhere["hint"].as_str().unwrap().contains("the folder with index.yaml"), "{elsewhere}");
        let stranger = with.run(&format!("helm::repo(\"other\", \"{url}/x\")")).error();
        assert_eq!(stranger["kind"], "forbidden", "{stranger}");
        assert!(stranger["hint"].as_str().unwrap().contains("username"), "{stranger}");

        let to = tempfile::tempdir().unwrap();
        let pull = format!("{named}; helm::pull(\"{name}/web\", #{{ to: \"{}\" }})", to.path().display());
        let pulled = with.run(&pull).value();
        assert_eq!(
            (&pulled["object"]["digest"], &pulled["changed"]),
            (&json!(format!("sha256:{digest}")), &json!(true))
        );
        assert_eq!(with.run(&pull).value()["changed"], false);
        let archive = pulled["object"]["path"].as_str().unwrap();
        let local = with.run(&format!("helm::upgrade(\"web\", \"{archive}\", #{{ NS }})")).value();
        assert_eq!(local["changed"], false, "the same archive: {local:#}");
    });
}

#[on(shadow, because = "no cluster is asked")]
fn a_password_that_goes_unencrypted_is_warned_about(bed: Bed) {
    with_each(&bed, |with| {
        let warned = |url: &str, options: &str| {
            let ran = with.run(&format!("helm::repo(\"open\", \"{url}\", #{{ {options} }})"));
            assert_eq!(ran.error()["kind"], "unavailable", "{}", ran.error());
            assert!(!ran.everything().contains("in-the-open"));
            ran.logs().join("\n")
        };
        let credentials = "username: \"reader\", password: \"in-the-open\"";
        let elsewhere = "http://charts.invalid:8080/x";
        assert!(
            warned(elsewhere, credentials)
                .contains(&format!("the password for {elsewhere} goes over the network unencrypted"))
        );
        assert!(!warned(elsewhere, "").contains("unencrypted"));
        for here in ["http://127.0.0.1:1", "http://localhost:1/x", "http://[::1]:1/x", "https://charts.invalid"] {
            assert!(!warned(here, credentials).contains("unencrypted"), "{here}");
        }
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

/// A registry over TLS with one chart, for who knows the password, as far as the OCI distribution specification is asked for;
/// gives its host and its certificate.
fn registry(name: &str, version: &str, archive: Vec<u8>) -> (String, String) {
    let digest = |content: &[u8]| format!("sha256:{}", crate::helm::chart::hex(&sha2::Sha256::digest(content)));
    let config = serde_json::to_vec(&json!({ "name": name, "version": version, "apiVersion": "v2" })).unwrap();
    let part = |kind: &str, content: &[u8]| json!({ "mediaType": format!("application/vnd.cncf.helm.{kind}"), "digest": digest(content), "size": content.len() });
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2, "mediaType": kind, "config": part("config.v1+json", &config),
        "layers": [part("chart.content.v1.tar+gzip", &archive)],
    }))
    .unwrap();
    let base = format!("/v2/charts/{name}");
    let tags = serde_json::to_vec(&json!({ "name": format!("charts/{name}"), "tags": [version] })).unwrap();
    let served: Vec<(String, Vec<u8>)> = vec![
        ("/v2/".to_owned(), b"{}".to_vec()),
        (format!("{base}/tags/list"), tags),
        (format!("{base}/manifests/{version}"), manifest.clone()),
        (format!("{base}/manifests/{}", digest(&manifest)), manifest),
        (format!("{base}/blobs/{}", digest(&config)), config),
        (format!("{base}/blobs/{}", digest(&archive)), archive),
    ];
    let known = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("reader:{PASSWORD}")));
    let (config, pem) = crate::testing::tls();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream.unwrap()));
            let mut lines = stream.by_ref().lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            // All of the head is read: what is left unread would break the connection.
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let is_known = head.iter().any(|line| line.ends_with(&known));
            let path = asked.split([' ', '?']).nth(1).unwrap_or_default();
            let found = served.iter().find(|(at, _)| at == path).map(|(_, content)| content.as_slice());
            let (status, content) = match found {
                _ if !is_known => ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"charts\"", &[][..]),
                Some(content) => ("200 OK", content),
                None => ("404 Not Found", &[][..]),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {}\r\nDocker-Content-Digest: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                if path.contains("/manifests/") { kind } else { "application/octet-stream" },
                digest(content),
                content.len(),
            );
            let body = if asked.starts_with("HEAD") { &[][..] } else { content };
            let stream = stream.get_mut();
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (host, pem)
}

#[on(shadow, live)]
fn charts_come_from_a_registry(bed: Bed) {
    with_each(&bed, |with| {
        let (folder, digest) = repository(with);
        let archive = std::fs::read(folder.path().join("web-1.0.0.tgz")).unwrap();
        let (host, pem) = registry("web", "1.0.0", archive);
        let (ca, password) = (folder.path().join("ca.pem"), folder.path().join("password"));
        std::fs::write(&ca, pem).unwrap();
        std::fs::write(&password, PASSWORD).unwrap();
        let named = format!(
            "helm::repo(\"registry\", \"oci://{host}/charts\", #{{ username: \"reader\", password: secret::file(\"{}\"), ca_file: \"{}\" }})",
            password.display(),
            ca.display()
        );
        let upgrade = |version: &str| {
            with.run(&format!(
                "{named}; helm::upgrade(\"web\", \"registry/web\", #{{ NS, version: \"{version}\", digest: \"sha256:{digest}\" }})"
            ))
        };
        let first = upgrade("1.0.0");
        assert_eq!(first.value()["changed"], true, "{:#}", first.value());
        assert!(!first.everything().contains(PASSWORD));
        assert!(with.find("deploy/web").is_some());
        assert_eq!(upgrade("1.0.0").value()["changed"], false);
        assert_eq!(upgrade("^1.0.0").value()["changed"], false, "the same chart, by a range");
        let missing = upgrade("9.9.9").error();
        assert_eq!(missing["kind"], "not_found", "{missing}");
        let pull = format!(
            "{named}; helm::pull(\"oci://{host}/charts/web\", #{{ version: \"1.0.0\", to: \"{}\" }})",
            folder.path().join("to").display()
        );
        let values = json!({ "network": { "ca_bundle": ca.display().to_string() } });
        let pulled = with.run_with(&pull, |builder| builder.values(values)).value()["object"].clone();
        assert_eq!(pulled["digest"], format!("sha256:{digest}"));
        let unsigned = with
            .run(&format!("helm::upgrade(\"web\", \"{}\", #{{ NS, verify: true }})", pulled["path"].as_str().unwrap()))
            .error();
        assert_eq!(unsigned["kind"], "rejected", "{unsigned}");
        assert!(unsigned["hint"].as_str().unwrap().contains("keyring"), "{unsigned}");
        let stranger = with.run(&format!("helm::repo(\"other\", \"oci://{host}/charts\", #{{ ca_file: \"{}\" }}); helm::upgrade(\"web\", \"other/web\", #{{ NS, version: \"^1.0.0\" }})", ca.display())).error();
        assert_eq!(stranger["kind"], "forbidden", "{stranger}");
    });
}
