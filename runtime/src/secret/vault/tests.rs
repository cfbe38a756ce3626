use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Encryptor, x25519};
use proptest::prelude::*;

use super::content::Content;
use super::fault::Fault;
use super::file::Lock;
use super::*;
use crate::secret::{Alphabet, GenerateOptions, Origin, Registry, generate, generate_in};
use crate::state_folder::UserFolders;
use crate::{Error, Kind};

struct Bed {
    root: tempfile::TempDir,
    folders: UserFolders,
}

impl Bed {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        Self { root, folders }
    }

    fn vault(&self) -> AgeVault {
        AgeVault::of_customer(&self.customer(), &self.folders, Vec::new())
    }

    fn customer(&self) -> PathBuf {
        self.root.path().join("acme")
    }

    fn file(&self) -> PathBuf {
        self.customer().join("secrets.age")
    }

    fn identity(&self) -> Identity {
        Identity::read_or_create(&Identity::path(&self.folders)).unwrap()
    }

    /// Writes the customer's file with this content, as a person would with age.
    fn encrypt(&self, text: &str) {
        let key: x25519::Recipient = self.identity().public_key().parse().unwrap();
        fs::create_dir_all(self.customer()).unwrap();
        fs::write(self.file(), age::encrypt(&key, text.as_bytes()).unwrap()).unwrap();
    }

    fn decrypted(&self) -> String {
        let text = fs::read_to_string(Identity::path(&self.folders)).unwrap();
        let key: x25519::Identity = text.lines().last().unwrap().parse().unwrap();
        String::from_utf8(age::decrypt(&key, &fs::read(self.file()).unwrap()).unwrap()).unwrap()
    }
}

fn folders(root: &Path) -> UserFolders {
    UserFolders { config: root.join("config/windlass"), state: root.join("state/windlass") }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn secret(value: &str) -> Secret {
    Secret::new(Origin::Generated("x".into()), value)
}

fn value(vault: &dyn Vault, name: &str) -> Option<String> {
    vault.read(name).unwrap().map(|secret| secret.expose().to_owned())
}

fn assert_says(error: &Error, kind: Kind, message: &str, hint: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.message().contains(message), "{error:?}");
    assert!(error.hint_text().unwrap().contains(hint), "{error:?}");
}

#[test]
fn what_is_kept_is_read_again_and_the_first_stays() {
    let bed = Bed::new();
    let memory = MemoryVault::new();
    let user = AgeVault::of_user(&bed.folders);
    for vault in [&bed.vault() as &dyn Vault, &user, &memory] {
        assert_eq!(value(vault, "db password"), None);
        vault.keep("db password", &secret("first-value")).unwrap();
        vault.keep("db password", &secret("second-value")).unwrap();
        vault.keep("ß: #'\"", &secret("other\nlines")).unwrap();
        assert_eq!(value(vault, "db password").as_deref(), Some("first-value"));
        assert_eq!(value(vault, "ß: #'\"").as_deref(), Some("other\nlines"));
        assert_eq!(vault.read("db password").unwrap().unwrap().origin(), &Origin::Age("db password".into()));
        for name in ["", "a\nb", "\u{7}"] {
            assert_eq!(vault.keep(name, &secret("value")).unwrap_err().kind(), Kind::Usage);
        }
    }
    assert_eq!(bed.vault().names().unwrap(), ["db password", "ß: #'\""]);
    assert!(bed.vault().place().ends_with("acme/secrets.age"));
    assert!(user.place().ends_with("state/windlass/secrets.age"));
}

#[test]
fn files_are_for_the_user_alone_and_nothing_is_left_beside_them() {
    let bed = Bed::new();
    bed.vault().keep("a", &secret("value")).unwrap();
    AgeVault::of_user(&bed.folders).keep("a", &secret("value")).unwrap();
    let identity = Identity::path(&bed.folders);
    assert_eq!(mode(&bed.folders.config), 0o700);
    assert_eq!(mode(&bed.folders.state), 0o700);
    for file in [&bed.file(), &identity, &bed.folders.state.join("secrets.age")] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let names = |folder: &Path| -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names(&bed.customer()), [".windlass", "secrets.age"].map(String::from).into());
    assert_eq!(names(&bed.customer().join(".windlass")), ["secrets.lock"].map(String::from).into());
    assert_eq!(names(&bed.folders.config), [".identity.lock", "identity.txt"].map(String::from).into());
}

#[test]
fn reading_makes_no_key_and_no_folder() {
    let bed = Bed::new();
    assert_eq!(value(&bed.vault(), "a"), None);
    assert!(bed.vault().names().unwrap().is_empty());
    assert_eq!(fs::read_dir(bed.root.path()).unwrap().count(), 0);
}

#[test]
fn nothing_readable_is_on_the_disk() {
    let bed = Bed::new();
    bed.vault().keep("canary-name", &secret("canary-value")).unwrap();
    let bytes = fs::read(bed.file()).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    assert!(!bytes.windows(6).any(|window| window == b"canary"));
    let shown = format!("{:?} {:#?} {:?}", bed.vault(), bed.vault(), bed.identity());
    assert!(!shown.contains("SECRET-KEY") && !shown.contains("canary"), "{shown}");
}

#[test]
fn recipients_can_read_it_too() {
    let bed = Bed::new();
    let colleague = x25519::Identity::generate();
    let recipients = vec![format!(" {} ", colleague.to_public()), bed.identity().public_key()];
    let vault = AgeVault::of_customer(&bed.customer(), &bed.folders, recipients);
    vault.keep("a", &secret("value")).unwrap();
    assert_eq!(value(&vault, "a").as_deref(), Some("value"));
    let text = age::decrypt(&colleague, &fs::read(bed.file()).unwrap()).unwrap();
    assert_eq!(text, b"\"a\": \"value\"\n");

    let bad = AgeVault::of_customer(&bed.customer(), &bed.folders, vec!["age1nonsense".into()]);
    assert_says(&bad.keep("b", &secret("value")).unwrap_err(), Kind::Usage, "age1nonsense", "age-keygen -y");
    let secret_key = colleague.to_string().expose_secret().to_owned();
    let bad = AgeVault::of_customer(&bed.customer(), &bed.folders, vec![secret_key.clone()]);
    let error = bad.keep("b", &secret("value")).unwrap_err();
    assert_says(&error, Kind::Usage, "secret key", "public key");
    assert!(!format!("{error:?} {}", error.to_json()).contains(&secret_key));
    assert_eq!(vault.names().unwrap(), ["a"]);
}

#[test]
fn a_file_that_a_person_wrote_keeps_its_comments_and_order() {
    let bed = Bed::new();
    let text = "# of the customer\nzeta: z-value # late\nalpha: 0644\nyes: on\nkey: |\n  line 1\n  line 2";
    bed.encrypt(text);
    let vault = bed.vault();
    assert_eq!(value(&vault, "alpha").as_deref(), Some("0644"));
    assert_eq!(value(&vault, "yes").as_deref(), Some("on"));
    vault.keep("new", &secret("n-value")).unwrap();
    assert_eq!(bed.decrypted(), format!("{text}\n\"new\": \"n-value\"\n"));
    assert_eq!(value(&vault, "key").unwrap().trim_end(), "line 1\nline 2");

    vault.replace("zeta", &secret("changed")).unwrap();
    assert_eq!(bed.decrypted().matches("zeta").count(), 1);
    assert_eq!(value(&vault, "zeta").as_deref(), Some("changed"));
    assert_eq!(vault.names().unwrap(), ["alpha", "key", "new", "yes", "zeta"]);

    bed.encrypt("{\"a\": \"b-value\"}");
    vault.keep("new", &secret("n-value")).unwrap();
    assert_eq!((value(&vault, "a").as_deref(), value(&vault, "new").as_deref()), (Some("b-value"), Some("n-value")));
    for empty in ["", "\n", "# nothing yet\n", "{}", "---\n"] {
        bed.encrypt(empty);
        assert_eq!(value(&vault, "a"), None);
        vault.keep("a", &secret("value")).unwrap();
        assert_eq!(value(&vault, "a").as_deref(), Some("value"), "{empty:?} → {}", bed.decrypted());
    }
}

#[test]
fn a_text_is_edited_whole_unless_someone_else_was_faster() {
    let bed = Bed::new();
    let opened = bed.vault().open().unwrap();
    assert_eq!(*opened.text, "");
    bed.vault().put(&opened, "# ours\na: one-value\n").unwrap();
    assert_eq!(*bed.vault().open().unwrap().text, "# ours\na: one-value\n");
    assert_says(&bed.vault().put(&opened, "a: two\n").unwrap_err(), Kind::Conflict, "someone else", "open it again");

    let opened = bed.vault().open().unwrap();
    let error = bed.vault().put(&opened, "a: fine\nb: [canary]\n").unwrap_err();
    assert_says(&error, Kind::Malformed, "the text is no map of names to texts (line 2", "quotes");
    assert!(!format!("{error:?}").contains("canary"));
    assert_eq!(bed.vault().put(&opened, "\"a\\nb\": value\n").unwrap_err().kind(), Kind::Usage);
    bed.vault().keep("b", &secret("value")).unwrap();
    assert_eq!(bed.vault().put(&opened, "").unwrap_err().kind(), Kind::Conflict);
    assert_eq!(bed.vault().names().unwrap(), ["a", "b"]);
}

#[test]
fn plain_maps_are_taken_in_and_nothing_is_lost() {
    let bed = Bed::new();
    let take = |texts: &[&str], replace| {
        let texts: Vec<(String, &str)> = texts.iter().map(|text| ("plain.yaml".to_owned(), *text)).collect();
        bed.vault().take_in(&texts, replace)
    };
    assert_eq!(take(&["# first\nb: two\na: one\n", "c: three\n"], false).unwrap(), ["a", "b", "c"]);
    assert_eq!(bed.decrypted(), "# first\nb: two\na: one\n\"c\": \"three\"\n");
    assert_eq!(take(&["a: one\n"], false).unwrap(), Vec::<String>::new());
    let error = take(&["a: other\nd: four\n"], false).unwrap_err();
    assert_says(&error, Kind::Conflict, "has other values for a", "--replace");
    assert_eq!(bed.vault().names().unwrap(), ["a", "b", "c"]);
    assert_eq!(take(&["a: other\nd: four\n"], true).unwrap(), ["a", "d"]);
    assert_eq!(value(&bed.vault(), "a").as_deref(), Some("other"));
    assert_says(&take(&["- canary"], true).unwrap_err(), Kind::Malformed, "plain.yaml is no map", "YAML or JSON");
    assert_eq!(AgeVault::names_in("a: abc\nb: abcd\n", "x").unwrap(), [("a".into(), false), ("b".into(), true)]);
}

#[test]
fn a_new_recipient_reads_what_is_encrypted_anew() {
    let bed = Bed::new();
    let colleague = x25519::Identity::generate();
    let with = AgeVault::of_customer(&bed.customer(), &bed.folders, vec![colleague.to_public().to_string()]);
    assert!(!with.encrypt_anew().unwrap());
    bed.vault().keep("a", &secret("value")).unwrap();
    assert!(age::decrypt(&colleague, &fs::read(bed.file()).unwrap()).is_err());
    assert!(with.encrypt_anew().unwrap());
    assert_eq!(age::decrypt(&colleague, &fs::read(bed.file()).unwrap()).unwrap(), b"\"a\": \"value\"\n");
    assert!(bed.vault().encrypt_anew().unwrap());
    assert!(age::decrypt(&colleague, &fs::read(bed.file()).unwrap()).is_err());
}

#[test]
fn armour_and_links_stay() {
    let bed = Bed::new();
    let key: x25519::Recipient = bed.identity().public_key().parse().unwrap();
    fs::create_dir_all(bed.customer()).unwrap();
    let elsewhere = bed.root.path().join("shared.age");
    fs::write(&elsewhere, age::encrypt_and_armor(&key, b"a: one-value\n").unwrap()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, bed.file()).unwrap();
    bed.vault().keep("b", &secret("two-value")).unwrap();
    assert!(fs::read_to_string(&elsewhere).unwrap().starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(bed.file().symlink_metadata().unwrap().is_symlink());
    assert_eq!(bed.vault().names().unwrap(), ["a", "b"]);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let bed = Bed::new();
    bed.vault().keep("a", &secret("value")).unwrap();
    let identity = Identity::path(&bed.folders);
    for open in [0o640, 0o604, 0o644] {
        fs::set_permissions(&identity, fs::Permissions::from_mode(open)).unwrap();
        let error = bed.vault().read("a").unwrap_err();
        assert_says(&error, Kind::System, "can be read by others", "chmod 600 ");
        assert!(bed.vault().keep("b", &secret("value")).is_err());
    }
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(value(&bed.vault(), "a").as_deref(), Some("value"));
}

#[test]
fn keys_that_are_missing_wrong_or_none_are_told_apart() {
    let bed = Bed::new();
    bed.vault().keep("a", &secret("value")).unwrap();
    let before = fs::read(bed.file()).unwrap();
    let identity = Identity::path(&bed.folders);
    let good = fs::read_to_string(&identity).unwrap();
    let write = |text: &str| {
        fs::write(&identity, text).unwrap();
        fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
    };

    fs::remove_file(&identity).unwrap();
    assert_says(&bed.vault().read("a").unwrap_err(), Kind::NotFound, "there is no key", "recipients");
    // A new key would make the file unreadable for good.
    assert!(bed.vault().keep("b", &secret("value")).is_err());
    assert!(!identity.exists());

    let other = x25519::Identity::generate();
    write(&format!("{}\n", other.to_string().expose_secret()));
    assert_says(&bed.vault().read("a").unwrap_err(), Kind::System, "not encrypted for the key", "colleague");
    write(&format!("# two keys\n{}\n\n{good}", other.to_string().expose_secret()));
    assert_eq!(value(&bed.vault(), "a").as_deref(), Some("value"));

    let canary = "AGE-SECRET-KEY-1CANARY";
    for (text, message) in [
        (format!("# a\n{canary}\n"), "line 2"),
        ("\u{0}\u{1}".to_owned(), "line 1"),
        ("# only\n".to_owned(), "is empty"),
        (String::new(), "is empty"),
    ] {
        write(&text);
        let error = bed.vault().read("a").unwrap_err();
        assert_says(&error, Kind::Malformed, message, "age-keygen");
        assert!(!format!("{error:?} {}", error.to_json()).contains("CANARY"));
    }
    fs::remove_file(&identity).unwrap();
    fs::create_dir(&identity).unwrap();
    assert_says(&bed.vault().read("a").unwrap_err(), Kind::Malformed, "no regular file", "file");
    assert_eq!(fs::read(bed.file()).unwrap(), before);
}

#[test]
fn damaged_files_are_refused_and_stay() {
    let bed = Bed::new();
    bed.vault().keep("a", &secret("value")).unwrap();
    let good = fs::read(bed.file()).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut header = good.clone();
    header[60] ^= 1;
    for bad in [&b""[..], b"a: value\n", &good[..good.len() - 5], &good[..40], &flipped, &header] {
        fs::write(bed.file(), bad).unwrap();
        let error = bed.vault().read("a").unwrap_err();
        assert!(matches!(error.kind(), Kind::Malformed | Kind::System), "{error:?}");
        assert!(error.message().contains("secrets.age") && error.hint_text().is_some(), "{error:?}");
        assert!(bed.vault().keep("b", &secret("value")).is_err());
        assert_eq!(fs::read(bed.file()).unwrap(), bad);
    }
    let passphrase = Encryptor::with_user_passphrase(SecretString::from("a passphrase"));
    let mut writer = passphrase.wrap_output(Vec::new()).unwrap();
    writer.write_all(b"a: value").unwrap();
    fs::write(bed.file(), writer.finish().unwrap()).unwrap();
    assert_says(&bed.vault().read("a").unwrap_err(), Kind::Malformed, "passphrase", "age -r");
}

#[test]
fn content_that_is_no_map_is_refused_without_showing_it() {
    let bed = Bed::new();
    for text in [
        "canary",
        "- canary",
        "a: [canary]",
        "a: {canary: canary}",
        "a: canary\na: canary2\n",
        "a: \"canary",
        "a: canary\n  canary2: {",
        "a: &x canary\nb: [*x, *x]",
    ] {
        bed.encrypt(text);
        let error = bed.vault().read("a").unwrap_err();
        assert_says(&error, Kind::Malformed, "no map of names to texts", "quotes");
        assert!(!format!("{error:?} {} {:?}", error.to_json(), error.causes()).contains("canary"), "{error:?}");
        assert!(bed.vault().keep("b", &secret("value")).is_err());
        assert_eq!(bed.decrypted(), text);
    }
    bed.encrypt("a: \"b\"\nb: [1]\n");
    assert!(bed.vault().read("a").unwrap_err().message().contains("line 2"));
}

#[test]
fn failing_to_write_keeps_what_was_there() {
    let bed = Bed::new();
    bed.vault().keep("a", &secret("value")).unwrap();
    let before = fs::read(bed.file()).unwrap();
    // The lock's place is taken by a folder, so that writing fails for root, too.
    let lock = bed.customer().join(".windlass/secrets.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    assert_says(&bed.vault().keep("b", &secret("value")).unwrap_err(), Kind::System, "cannot be written", "untouched");
    assert_eq!(fs::read(bed.file()).unwrap(), before);
    assert_eq!(value(&bed.vault(), "b"), None);

    for (kind, hint) in [
        (std::io::ErrorKind::StorageFull, "disk is full"),
        (std::io::ErrorKind::QuotaExceeded, "disk is full"),
        (std::io::ErrorKind::ReadOnlyFilesystem, "writable"),
    ] {
        let error = Error::from(Fault::Write { path: "/x/secrets.age".into(), source: kind.into() });
        assert_says(&error, Kind::System, "/x/secrets.age cannot be written", hint);
        assert_eq!(error.resource_name(), Some("/x/secrets.age"));
        assert_eq!(error.causes(), [std::io::Error::from(kind).to_string()]);
    }
}

#[test]
fn a_lock_excludes_others_and_waiting_for_it_ends() {
    let bed = Bed::new();
    let path = bed.root.path().join("l/lock");
    let held = Lock::take(&path).unwrap();
    let start = Instant::now();
    let error = Lock::take_within(&path, Duration::from_millis(50)).err().unwrap();
    assert_says(&error, Kind::Unavailable, "another process holds the lock", "fuser");
    assert!(start.elapsed() < Duration::from_secs(5));
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Lock::take(&path).is_ok());
        drop(held);
        waiting.join().unwrap()
    });
    assert!(waiting);
    // The thread that gave up lets go of what it gets.
    assert!(Lock::take(&path).is_ok());
}

#[test]
fn a_memory_vault_over_another_writes_nothing_to_it() {
    let bed = Bed::new();
    let file = Arc::new(bed.vault());
    file.keep("old", &secret("old-value")).unwrap();
    let memory = MemoryVault::over(file.clone());
    assert_eq!(generate_in(&memory, "old", &GenerateOptions::default()).unwrap().secret.expose(), "old-value");
    let made = generate_in(&memory, "new", &GenerateOptions::default()).unwrap().secret;
    assert_eq!(value(&memory, "new").as_deref(), Some(made.expose()));
    assert_eq!(file.names().unwrap(), ["old"]);
    assert!(memory.place().contains("secrets.age"));
}

#[test]
fn a_generated_secret_is_what_the_vault_holds() {
    let bed = Bed::new();
    let vault = bed.vault();
    let made = generate_in(&vault, "db", &GenerateOptions::default()).unwrap().secret;
    assert_eq!(value(&vault, "db").as_deref(), Some(made.expose()));
    assert_eq!(made.origin(), &Origin::Generated("db".into()));
    let again = generate_in(&vault, "db", &GenerateOptions { length: 64, ..Default::default() }).unwrap().secret;
    assert_eq!(again.expose(), made.expose());
    let registry = Registry::new();
    assert_eq!(registry.register(made).unwrap(), registry.register(again).unwrap());
}

#[test]
fn nothing_is_given_out_that_could_not_be_kept() {
    struct Broken;
    impl Vault for Broken {
        fn read(&self, _: &str) -> crate::Result<Option<Secret>> {
            Ok(None)
        }
        fn keep(&self, _: &str, _: &Secret) -> crate::Result<()> {
            Err(Error::new(Kind::System, "full"))
        }
        fn place(&self) -> String {
            "nowhere".into()
        }
    }
    assert_eq!(generate_in(&Broken, "db", &GenerateOptions::default()).unwrap_err().message(), "full");
}

const CHILD_FOLDER: &str = "WINDLASS_TEST_VAULT_FOLDER";

#[test]
#[ignore = "run as a child: cargo test -p windlass-runtime --lib processes_that_generate_the_same_name"]
fn child_of_the_test_below() {
    let Some(root) = std::env::var_os(CHILD_FOLDER).map(PathBuf::from) else { return };
    let vault = AgeVault::of_customer(&root.join("acme"), &folders(&root), Vec::new());
    for name in ["one", "two", "three"] {
        let made = generate_in(&vault, name, &GenerateOptions::default()).unwrap().secret;
        fs::write(root.join(format!("{name}.{}", std::process::id())), made.expose()).unwrap();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test needs processes of its own, which end by themselves")]
fn processes_that_generate_the_same_name_get_one_value() {
    let bed = Bed::new();
    let child = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "secret::vault::tests::child_of_the_test_below"])
            .env(CHILD_FOLDER, bed.root.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children: Vec<_> = (0..6).map(|_| child()).collect();
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    for name in ["one", "two", "three"] {
        let kept = value(&bed.vault(), name).unwrap();
        let files: Vec<_> = fs::read_dir(bed.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_stem().is_some_and(|stem| stem == name))
            .collect();
        assert_eq!(files.len(), 6);
        assert!(files.iter().all(|path| fs::read_to_string(path).unwrap() == kept));
    }
    assert_eq!(bed.vault().names().unwrap(), ["one", "three", "two"]);
}

#[test]
fn threads_that_keep_different_names_lose_none() {
    let bed = Bed::new();
    std::thread::scope(|scope| {
        for i in 0..8 {
            let vault = bed.vault();
            scope.spawn(move || vault.keep(&format!("n{i}"), &secret("value")).unwrap());
        }
    });
    assert_eq!(bed.vault().names().unwrap().len(), 8);
}

#[test]
fn generated_secrets_have_the_length_and_the_characters_asked_for() {
    let made = |length, alphabet: Alphabet| generate("x", &GenerateOptions { length, alphabet });
    let default = generate("x", &GenerateOptions::default()).unwrap();
    assert_eq!(default.expose().len(), 32);
    assert!(default.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_ne!(default.expose(), generate("x", &GenerateOptions::default()).unwrap().expose());
    for (word, size) in [("letters_digits", 62), ("lower", 36), ("hex", 16), ("url_safe", 64), ("punctuated", 76)] {
        let seen: BTreeSet<char> = (0..20)
            .flat_map(|_| made(256, Alphabet::named(word).unwrap()).unwrap().expose().chars().collect::<Vec<_>>())
            .collect();
        assert_eq!(seen.len(), size, "{word}: {seen:?}");
    }
    assert!(made(12, Alphabet::Of("0123456789".into())).unwrap().expose().bytes().all(|b| b.is_ascii_digit()));
    for length in [0, 11, 257, usize::MAX] {
        assert_says(&made(length, Alphabet::Hex).unwrap_err(), Kind::Usage, &length.to_string(), "12 to 256");
    }
    for bad in ["", "abc", "aabcdefghij", "abcdefghi ", "abcdefghiä"] {
        assert_eq!(made(32, Alphabet::Of(bad.into())).unwrap_err().kind(), Kind::Usage);
    }
    assert_says(&Alphabet::named("hexx").unwrap_err(), Kind::Usage, "hexx", "\"hex\"");
    assert_eq!(generate("a\nb", &GenerateOptions::default()).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn generated_characters_come_equally_often() {
    let mut counts = [0_u32; 128];
    for _ in 0..400 {
        let made = generate("x", &GenerateOptions { length: 256, alphabet: Alphabet::LettersDigits }).unwrap();
        made.expose().bytes().for_each(|b| counts[usize::from(b)] += 1);
    }
    // 102,400 characters, 1,651.6 of each expected, standard deviation 40.3: the bounds are six of them away. Taking bytes
    // modulo 62 without throwing any away would give the first eight characters 2,000 each.
    for byte in (0..128_u8).filter(u8::is_ascii_alphanumeric) {
        assert!((1410..=1893).contains(&counts[usize::from(byte)]), "{}: {counts:?}", char::from(byte));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_name_and_value_come_back(entries in prop::collection::btree_map("[^\\p{Cc}]{1,8}", any::<String>(), 1..5)) {
        let mut content = Content::default();
        for (name, value) in &entries {
            content.insert(name, value);
        }
        let Ok(again) = Content::parse(content.text().as_bytes()) else {
            return Err(TestCaseError::fail(content.text().to_owned()));
        };
        for (name, value) in &entries {
            prop_assert_eq!(again.get(name), Some(value.as_str()));
        }
        prop_assert_eq!(again.names().count(), entries.len());
    }
}
