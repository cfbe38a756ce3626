//! Tests with charts that are signed by a real key.

use std::path::{Path, PathBuf};

use windlass_testbed::skip_or_fail;

use crate::helm::testing::{With, chart, with_each};
use crate::testing::{Bed, on};

/// An author's keys, in a folder of their own.
struct Author {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Author {
    /// Makes the keys; nothing where there is no `gpg`, which is said then.
    fn new(name: &'static str) -> Option<Self> {
        let author = Self { folder: tempfile::tempdir().unwrap(), name };
        let user = format!("{name} <{name}@example.com>");
        let made =
            author.gpg(&["--batch", "--passphrase", "", "--quick-generate-key", &user, "rsa2048", "sign", "never"]);
        if made.is_none() && skip_or_fail("there is no gpg: install gnupg") {
            return None;
        }
        for (what, file) in [("--export", "public.gpg"), ("--export-secret-keys", "secret.gpg")] {
            let keys = author.gpg(&["--batch", "--passphrase", "", what]).unwrap();
            assert!(!keys.is_empty());
            std::fs::write(author.at(file), keys).unwrap();
        }
        Some(author)
    }

    fn at(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    #[expect(clippy::disallowed_methods, reason = "the author's own program")]
    fn gpg(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let output = std::process::Command::new("gpg")
            .args(["--pinentry-mode", "loopback"])
            .args(arguments)
            .env("GNUPGHOME", self.folder.path())
            .output();
        let output = output.ok()?;
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(output.stdout)
    }

    /// Packs and signs the chart `web`.
    fn sign(&self, with: &With, to: &Path) -> PathBuf {
        let (keyring, to) = (self.at("secret.gpg").display().to_string(), to.display().to_string());
        let sign = ["--sign", "--key", self.name, "--keyring", &keyring, "--destination", &to];
        with.helm_by_hand(&[&["package", &chart("web")][..], &sign].concat());
        Path::new(&to).join("web-1.0.0.tgz")
    }
}

impl Drop for Author {
    /// Ends the agent that gpg has started for this folder.
    #[expect(clippy::disallowed_methods, reason = "the author's own program")]
    fn drop(&mut self) {
        let _ = std::process::Command::new("gpgconf")
            .args(["--kill", "gpg-agent"])
            .env("GNUPGHOME", self.folder.path())
            .output();
    }
}

#[on(shadow, live)]
fn what_its_author_has_signed_is_taken_and_nothing_else(bed: Bed) {
    let (Some(author), Some(stranger)) = (Author::new("author"), Author::new("stranger")) else { return };
    with_each(&bed, |with| {
        let folder = tempfile::tempdir().unwrap();
        let archive = author.sign(with, folder.path());
        let upgrade = |archive: &Path, keys: &Author| {
            let exactly = format!("verify: true, keyring: {:?}", keys.at("public.gpg"));
            with.run(&format!("helm::upgrade(\"web\", {archive:?}, #{{ NS, set: #{{ hook: false }}, {exactly} }})"))
        };
        let refused = |archive: &Path, keys: &Author, said: &str| {
            let error = upgrade(archive, keys).error();
            assert_eq!(error["kind"], "rejected", "{error}");
            assert!(error["message"].as_str().unwrap().contains("cannot be verified"), "{error}");
            assert!(error["hint"].as_str().unwrap().contains(said), "{error}");
        };
        refused(&archive, &stranger, "the keyring lacks the author's key");
        assert!(with.find("deploy/web").is_none());
        assert_eq!(upgrade(&archive, &author).value()["changed"], true);

        let to = folder.path().join("bundle");
        let pull =
            format!("helm::pull({archive:?}, #{{ to: {to:?}, verify: true, keyring: {:?} }})", author.at("public.gpg"));
        assert_eq!(with.run(&pull).value()["diff"].as_array().unwrap().len(), 2, "its signature goes with it");
        assert_eq!(with.run(&pull).value()["changed"], false);
        assert_eq!(upgrade(&to.join("web-1.0.0.tgz"), &author).value()["changed"], false, "it is verified there too");

        let mut bytes = std::fs::read(&archive).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&archive, bytes).unwrap();
        refused(&archive, &author, "not what its author has signed");
        std::fs::remove_file(crate::helm::chart::signature(&archive)).unwrap();
        refused(&archive, &author, "a signed chart has a .prov beside its archive");
    });
}
