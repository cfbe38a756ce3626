use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value as Json;
use time::macros::datetime;

use super::super::pem::Block;
use super::super::self_signed::tests::On;
use crate::testing::{Ran, run_on};

/// An authority with an intermediate one, valid from 2029 to 2031 as all that they issue.
struct Authority {
    root: Issuer<'static, KeyPair>,
    root_pem: String,
    middle: Issuer<'static, KeyPair>,
    middle_pem: String,
}

fn params(cn: &str, sans: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(sans.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.not_before = datetime!(2029-01-01 0:00 UTC);
    params.not_after = datetime!(2031-01-01 0:00 UTC);
    params
}

fn authority() -> Authority {
    let ca = |cn: &str| {
        let mut params = params(cn, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let (root_key, middle_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root_pem = ca("Root").self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(ca("Root"), root_key);
    let middle_pem = ca("Middle").signed_by(&middle_key, &root).unwrap().pem();
    Authority { root, root_pem, middle: Issuer::new(ca("Middle"), middle_key), middle_pem }
}

impl Authority {
    fn issue(&self, params: CertificateParams) -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.middle).unwrap().pem(), key)
    }

    fn server(&self) -> (String, KeyPair) {
        self.issue(params("cx", &["cx.ef.com", "*.apps.ef.com", "10.0.0.7"]))
    }
}

fn load_on(target: On, files: &[(&str, &str)], options: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let script = format!(
        "let d = \"{}\"; let c = tls::load(#{{ {options} }}); #{{ pem: c.pem, fqdns: c.fqdns, not_after: c.not_after, text: `${{c}}` }}",
        folder.path().display()
    );
    let ran = run_on(target, &script, |b| b);
    no_key_shows(&ran, folder.path());
    ran
}

/// Whatever happened, nothing of a key is in the output.
fn no_key_shows(ran: &Ran, folder: &Path) {
    let everything = ran.everything();
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let text = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned();
        if text.contains("PRIVATE KEY") && !text.contains("BEGIN CERTIFICATE") {
            for line in text.lines().filter(|l| l.len() >= 16 && !l.starts_with('-')) {
                assert!(!everything.contains(line), "{line} is in {everything}");
            }
        }
    }
}

const FILES: &str = "cert: `${d}/server.crt`, key: `${d}/server.key`, fqdn: \"cx.ef.com\"";

fn load(cert: &str, key: &str) -> Ran {
    load_on(On::day(0), &[("server.crt", cert), ("server.key", key)], FILES)
}

fn refused(cert: &str, key: &str, kind: &str, message: &str, hint: &str) {
    check(&load(cert, key).error(), kind, message, hint);
}

fn check(error: &Json, kind: &str, message: &str, hint: &str) {
    assert_eq!(error["kind"], kind, "{error}");
    assert!(error["message"].as_str().unwrap().contains(message), "expected {message:?}: {error}");
    assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "expected the hint {hint:?}: {error}");
}

#[test]
fn a_chain_with_its_key_is_taken() {
    let authority = authority();
    let (server, key) = authority.server();
    let chain = format!("subject=cx\r\n{server}\n{}{}", authority.middle_pem, authority.root_pem).replace('\n', "\r\n");
    for chain in [server.clone(), format!("{server}{}", authority.middle_pem), chain] {
        let value = load(&chain, &key.serialize_pem()).value();
        assert_eq!(value["fqdns"], serde_json::json!(["cx.ef.com", "*.apps.ef.com", "10.0.0.7"]));
        assert_eq!(value["not_after"], "2031-01-01T00:00:00Z");
        let count = chain.matches("BEGIN CERTIFICATE").count();
        assert_eq!(value["pem"].as_str().unwrap().matches("BEGIN CERTIFICATE").count(), count);
        assert!(
            !value["pem"].as_str().unwrap().contains(['\r', '='])
                || !value["pem"].as_str().unwrap().contains("subject")
        );
    }
    let files =
        [("server.crt", server.as_str()), ("private.key", &key.serialize_pem()), ("rest.pem", &authority.middle_pem)];
    let value = load_on(On::day(0), &files, "folder: d, chain: `${d}/rest.pem`, fqdn: \"A.apps.ef.com\"").value();
    assert_eq!(value["pem"].as_str().unwrap().matches("BEGIN CERTIFICATE").count(), 2);
    let both = format!("{}{server}", key.serialize_pem());
    assert_eq!(
        load(&both, &both).value()["pem"],
        load(&server, &key.serialize_pem()).value()["pem"],
        "one file for both"
    );
    let value = load_on(On::day(0), &files, "folder: d, fqdn: \"10.0.0.7\"").value();
    assert_eq!(value["text"], "certificate of cx.ef.com, *.apps.ef.com, 10.0.0.7 until 2031-01-01T00:00:00Z");
}

/// The content of PKCS#8's octet string: the key in its own older form.
fn inner(pkcs8: &[u8]) -> &[u8] {
    fn tlv(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, head) = match der[1] {
            short @ 0..=127 => (usize::from(short), 2),
            long => {
                let bytes = usize::from(long & 0x7f);
                (der[2..2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + bytes)
            }
        };
        (&der[head..head + length], &der[head + length..])
    }
    let (content, _) = tlv(pkcs8);
    let (_, rest) = tlv(content);
    let (_, rest) = tlv(rest);
    tlv(rest).0
}

#[test]
fn keys_of_the_older_forms_are_read() {
    let authority = authority();
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let server = params("cx", &["cx.ef.com"]).signed_by(&key, &authority.middle).unwrap().pem();
    let pkcs1 = Block::new("RSA PRIVATE KEY", inner(&key.serialize_der())).text();
    assert!(load(&server, &pkcs1).value()["pem"].is_string());
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let server = params("cx", &["cx.ef.com"]).signed_by(&key, &authority.middle).unwrap().pem();
    assert!(load(&server, &key.serialize_pem()).value()["pem"].is_string());
}

#[test]
fn what_is_no_certificate_is_refused() {
    let authority = authority();
    let (server, key) = authority.server();
    let key = key.serialize_pem();
    refused("", &key, "malformed", "server.crt holds no certificate, for it is no PEM", "openssl x509 -inform der");
    refused("\u{1}\u{2}binary", &key, "malformed", "no PEM", "pkcs12");
    refused(&key, &server, "malformed", "server.crt holds no certificate, but a private key", "swapped");
    let request = Block::new("CERTIFICATE REQUEST", b"x").text();
    refused(&request, &key, "malformed", "a request for a certificate", "authority");
    refused(&Block::new("DH PARAMETERS", b"x").text(), &key, "malformed", "something else", "BEGIN CERTIFICATE");
    refused(&Block::new("CERTIFICATE", b"junk").text(), &key, "malformed", "certificate 1 of", "openssl x509");
    refused(&server[..server.len() / 2], &key, "malformed", "is cut off", "copy the file again");
    refused(&server.replacen("MI", "M!", 1), &key, "malformed", "is no base64", "copy the file again");
    refused(&format!("{server}{server}"), &key, "malformed", "CN=cx stands twice", "keep one");
}

#[test]
fn what_is_no_usable_key_is_refused() {
    let authority = authority();
    let (server, key) = authority.server();
    let pem = key.serialize_pem();
    let encrypted = Block::new("ENCRYPTED PRIVATE KEY", b"0123456789abcdef").text();
    refused(&server, &encrypted, "malformed", "is encrypted", "openssl pkey -in FILE -out server.key");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMDEyMzQ1Njc4OWFiY2RlZg==\n-----END RSA PRIVATE KEY-----\n";
    refused(&server, legacy, "malformed", "is encrypted", "openssl pkey");
    refused(&server, &server, "malformed", "holds no private key, but a certificate", "swapped");
    refused(&server, &key.public_key_pem(), "malformed", "a public key", "private key");
    refused(&server, "no PEM here", "malformed", "no PEM", "openssl pkey -inform der");
    refused(
        &server,
        &format!("{pem}{}", KeyPair::generate().unwrap().serialize_pem()),
        "malformed",
        "2 private keys",
        "leave the one",
    );
    refused(
        &server,
        &Block::new("PRIVATE KEY", b"0123456789abcdef").text(),
        "malformed",
        "the PRIVATE KEY in",
        "openssl pkey -noout -check",
    );
    refused(&server, &pem.replacen("MI", "M!", 1), "malformed", "is no base64", "copy");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c"), &server).unwrap();
    std::fs::write(folder.path().join("k"), [0xff, 0x30, 0x82]).unwrap();
    let path = folder.path().display();
    let ran = run_on(
        On::day(0),
        &format!("tls::load(#{{ cert: \"{path}/c\", key: \"{path}/k\", fqdn: \"cx.ef.com\" }})"),
        |b| b,
    );
    check(&ran.error(), "malformed", "holds no private key, for it is no PEM", "-inform der");
}

#[test]
fn a_key_must_be_that_of_the_first_certificate() {
    let authority = authority();
    let (server, key) = authority.server();
    let other = KeyPair::generate().unwrap().serialize_pem();
    refused(&server, &other, "conflict", "is not the key of the certificate CN=cx", "renewed");
    let turned = format!("{}{}{server}", authority.root_pem, authority.middle_pem);
    let order = "the certificate CN=cx; the certificate CN=Middle; the certificate CN=Root";
    let turned_key = key.serialize_pem();
    let error = load(&turned, &turned_key).error();
    check(&error, "malformed", "belongs to certificate 3 of", "first");
    assert!(error["hint"].as_str().unwrap().replace("rcgen self signed cert", "").contains("CN=cx"), "{error}");
    let swapped = format!("{server}{}{}", authority.root_pem, authority.middle_pem);
    refused(
        &swapped,
        &turned_key,
        "malformed",
        "are out of order: the certificate CN=cx is followed by the certificate CN=Root",
        order,
    );
}

#[test]
fn each_certificate_must_be_issued_by_the_next() {
    let (ours, others) = (authority(), authority());
    let (server, key) = ours.server();
    let key = key.serialize_pem();
    let stranger = params("Stranger", &["x.y"]).self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    refused(&format!("{server}{stranger}"), &key, "malformed", "certificate 2 of", "take it out");
    refused(
        &format!("{server}{}", others.middle_pem),
        &key,
        "conflict",
        "CN=cx names the certificate CN=Middle as its issuer, but was not signed by it",
        "anew from the authority",
    );
    // One that was never meant to issue anything has issued ours.
    let (false_pem, false_key) = ours.issue(params("Server", &["s.ef.com"]));
    let issuer = Issuer::new(params("Server", &["s.ef.com"]), false_key);
    let own = KeyPair::generate().unwrap();
    let leaf = params("cx", &["cx.ef.com"]).signed_by(&own, &issuer).unwrap().pem();
    refused(
        &format!("{leaf}{false_pem}"),
        &own.serialize_pem(),
        "malformed",
        "but is no authority's certificate",
        "refuse",
    );
    assert!(ours.root.key().serialize_pem().contains("PRIVATE"));
}

#[test]
fn time_is_that_of_the_session() {
    let authority = authority();
    let (server, key) = authority.server();
    let files = [("server.crt", server.as_str()), ("server.key", &key.serialize_pem())];
    check(
        &load_on(On::day(366), &files, FILES).error(),
        "conflict",
        "CN=cx has expired: it ended at 2031-01-01T00:00:00Z",
        "renew",
    );
    check(
        &load_on(On::day(-400), &files, FILES).error(),
        "conflict",
        "CN=cx is not valid yet: it begins at 2029-01-01T00:00:00Z",
        "clock",
    );
    let ran = load_on(On::day(340), &files, FILES);
    ran.value();
    assert!(ran.logs()[0].contains("ends soon: 2031-01-01"), "{:?}", ran.logs());
    assert!(load_on(On::day(330), &files, FILES).logs().is_empty());
    // The rest of the chain counts too.
    let mut short = params("Middle", &[]);
    short.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    short.not_after = datetime!(2029-06-01 0:00 UTC);
    let middle = short.signed_by(authority.middle.key(), &authority.root).unwrap().pem();
    let files = [("server.crt", format!("{server}{middle}")), ("server.key", key.serialize_pem())];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    check(&load_on(On::day(0), &files, FILES).error(), "conflict", "CN=Middle has expired", "renew");
}

#[test]
fn the_fqdn_must_be_among_the_names() {
    let authority = authority();
    let (server, key) = authority.server();
    let key = key.serialize_pem();
    let with = |fqdn: &str| {
        load_on(
            On::day(0),
            &[("c", &server), ("k", &key)],
            &format!("cert: `${{d}}/c`, key: `${{d}}/k`, fqdn: \"{fqdn}\""),
        )
        .error()
    };
    check(
        &with("cy.ef.com"),
        "conflict",
        "is not for cy.ef.com, but for cx.ef.com, *.apps.ef.com, 10.0.0.7",
        "`fqdn` in the values",
    );
    check(&with("a.b.apps.ef.com"), "conflict", "is not for a.b.apps.ef.com", "exactly one label");
    check(&with("10.0.0.8"), "conflict", "is not for 10.0.0.8", "`fqdn`");
    check(&with("https://cx.ef.com"), "usage", "option `fqdn` of tls::load", "without https://");
    let (bare, key) = authority.issue(params("cx.ef.com", &[]));
    refused(&bare, &key.serialize_pem(), "conflict", "has no subject alternative names", "subject alternative name");
}

#[test]
fn files_are_found_or_named() {
    let authority = authority();
    let (server, key) = authority.server();
    let key = key.serialize_pem();
    let with = |files: &[(&str, &str)], options: &str| {
        load_on(On::day(0), files, &format!("{options}, fqdn: \"cx.ef.com\"")).error()
    };
    check(&with(&[], "folder: `${d}/nowhere`"), "not_found", "there is no folder", "relative paths");
    check(&with(&[("server.key", &key)], "folder: d"), "not_found", "has no certificate", "server.crt or tls.crt");
    check(
        &with(&[("server.crt", &server)], "folder: d"),
        "not_found",
        "has no private key",
        "server.key or private.key or tls.key",
    );
    check(
        &with(&[("server.crt", &server), ("server.key", &key), ("private.key", &key)], "folder: d"),
        "conflict",
        "more than one private key: server.key, private.key",
        "say which",
    );
    check(&with(&[], "cert: `${d}/a`, key: `${d}/b`"), "not_found", "does not exist", "relative paths");
    check(&with(&[("a", &server)], "cert: `${d}/a`, key: `${d}/b`"), "not_found", "there is no file", "");
    check(
        &with(&[("a", &server), ("b", &key)], "cert: `${d}/a`, key: `${d}/b`, chain: `${d}/c`"),
        "not_found",
        "does not exist",
        "",
    );
    check(
        &with(&[("a", &server), ("b", &key), ("c", &key)], "cert: `${d}/a`, key: `${d}/b`, chain: `${d}/c`"),
        "malformed",
        "c holds no certificate",
        "",
    );
    for (options, message) in [
        ("folder: d, cert: d", "either a folder or files"),
        ("cert: d", "needs the key"),
        ("key: d", "needs the certificate"),
        ("chain: d", "where the certificate is"),
    ] {
        check(&with(&[], options), "usage", message, "folder:");
    }
    check(&load_on(On::day(0), &[], "folder: d").error(), "usage", "needs the option `fqdn`", "fqdn");
}
