//! The file that journals of runs are kept in: `journal.db`, SQLite.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::fault::Fault;
use super::seal::DataKey;
use crate::secret::Keys;
use crate::state_folder::create_private;
use crate::sync::lock;
use crate::{Error, Result};

/// The file in the folder.
pub const JOURNAL_FILE: &str = "journal.db";

/// How long another process may be writing.
const PATIENCE: Duration = Duration::from_secs(30);

/// The form of the tables: it grows by one with each change of it.
pub(super) const VERSION: i32 = 1;

/// Many unfinished runs are no help in an error.
const SHOWN: usize = 5;

/// A file of journals. Clones are the same file.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    keys: Keys,
    connection: Mutex<Connection>,
}

impl Store {
    /// The journals in this folder; the file and the folder are made where they do not exist.
    ///
    /// It is a write-ahead log that is synced with each commit; on a file system of a network, where such a log does not work,
    /// a rollback journal.
    ///
    /// # Errors
    /// [`crate::Kind::System`] where it cannot be written, [`crate::Kind::Malformed`] where it is damaged.
    pub fn open(folder: &Path, keys: Keys) -> Result<Self> {
        create_private(folder)?;
        let path = folder.join(JOURNAL_FILE);
        // SQLite gives its other files the mode of this one.
        let made = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        made.map_err(|e| Fault::of_file(&path, e))?;
        let store = Self::connect(path, keys)?;
        store.set_up()?;
        Ok(store)
    }

    /// The journals in this folder, or `None` where there are none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn existing(folder: &Path, keys: Keys) -> Result<Option<Self>> {
        match folder.join(JOURNAL_FILE).is_file() {
            true => Self::open(folder, keys).map(Some),
            false => Ok(None),
        }
    }

    fn connect(path: PathBuf, keys: Keys) -> Result<Self> {
        let connection = Connection::open(&path).map_err(|e| Fault::of(&path, e))?;
        Ok(Self(Arc::new(Inner { path, keys, connection: Mutex::new(connection) })))
    }

    fn set_up(&self) -> Result<()> {
        let mode = if is_on_network(&self.0.path) { "TRUNCATE" } else { "WAL" };
        let version: i32 = self.try_with(|connection| {
            connection.busy_timeout(PATIENCE)?;
            set_mode(connection, mode)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.query_row("PRAGMA user_version", [], |row| row.get(0))
        })?;
        self.check_length()?;
        match version {
            VERSION => Ok(()),
            0 => self.commit(|transaction| {
                // Another process may have been faster.
                let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                if version == 0 {
                    transaction.execute_batch(include_str!("schema.sql"))?;
                    transaction.pragma_update(None, "user_version", VERSION)?;
                }
                Ok(())
            }),
            _ => Err(Fault::Later { path: self.0.path.clone() }.into()),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Looks through the whole file for damage.
    ///
    /// # Errors
    /// [`crate::Kind::Malformed`] where it is damaged.
    pub fn check(&self) -> Result<()> {
        let found: String = self.try_with(|c| c.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))?;
        if found == "ok" { Ok(()) } else { Err(Fault::Damaged { path: self.0.path.clone(), source: None }.into()) }
    }

    /// A file that does not end with a page has lost some of it, which SQLite does not mind: unless its log has the page.
    fn check_length(&self) -> Result<()> {
        let path = &self.0.path;
        let length = |path: &Path| path.metadata().map_or(0, |about| about.len());
        let page: u32 = self.try_with(|c| c.query_row("PRAGMA page_size", [], |row| row.get(0)))?;
        let log = path.with_extension("db-wal");
        match length(path).checked_rem(page.into()).unwrap_or_default() > 0 && length(&log) == 0 {
            true => Err(Fault::Damaged { path: path.clone(), source: None }.into()),
            false => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        lock(&self.0.connection)
    }

    pub(super) fn try_with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        Ok(work(&self.lock()).map_err(|e| Fault::of(&self.0.path, e))?)
    }

    /// Writes durably, all or nothing.
    pub(super) fn commit<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.lock();
        let written = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })();
        Ok(written.map_err(|e| Fault::of(&self.0.path, e))?)
    }

    /// The whole id of the run that is meant: an id, the beginning of one, or its last letters.
    ///
    /// # Errors
    /// [`crate::Kind::NotFound`] where there is none, [`crate::Kind::Usage`] where there are several.
    pub fn find(&self, run: &str) -> Result<String> {
        let ids: Vec<String> = self.try_with(|connection| {
            let mut statement = connection.prepare("SELECT id FROM run ORDER BY started DESC, id DESC")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?;
        if ids.iter().any(|id| id == run) {
            return Ok(run.to_owned());
        }
        let path = self.0.path.clone();
        let mut found: Vec<String> =
            ids.iter().filter(|id| !run.is_empty() && (id.starts_with(run) || id.ends_with(run))).cloned().collect();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let known = ids.into_iter().take(SHOWN).collect();
                Err(Fault::NoRun { run: run.to_owned(), path, known }.into())
            }
            _ => {
                found.truncate(SHOWN);
                Err(Fault::Ambiguous { run: run.to_owned(), path, known: found }.into())
            }
        }
    }

    /// A new key for a run, and the same encrypted for who may read it.
    pub(super) fn new_key(&self) -> Result<(DataKey, Vec<u8>)> {
        let key = DataKey::new()?;
        let wrapped = self.0.keys.encrypt(key.bytes())?;
        Ok((key, wrapped))
    }

    /// The key of a run.
    pub(super) fn key_of(&self, run: &str) -> Result<DataKey> {
        let wrapped: Option<Vec<u8>> = self.try_with(|connection| {
            connection.query_row("SELECT key FROM run WHERE id = ?1", params![run], |row| row.get(0)).optional()
        })?;
        let wrapped = wrapped.ok_or_else(|| {
            Error::from(Fault::NoRun { run: run.to_owned(), path: self.0.path.clone(), known: Vec::new() })
        })?;
        let sealed = |reason: String| Fault::Sealed { run: run.to_owned(), reason };
        let bytes = self.0.keys.decrypt(&wrapped).map_err(|e| Error::from(sealed(e.message().to_owned())).source(e))?;
        Ok(DataKey::from_bytes(&bytes).ok_or_else(|| sealed("its key is damaged".to_owned()))?)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store {}", self.0.path.display())
    }
}

/// Sets how the file is kept consistent. For another process that sets it too, SQLite does not wait by itself.
fn set_mode(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && waited < PATIENCE => {
                #[expect(clippy::disallowed_methods, reason = "as SQLite's own busy_timeout: a journal has no clock")]
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            set => return set,
        }
    }
}

/// Whether a file is on a file system of a network, or on one that might be.
fn is_on_network(path: &Path) -> bool {
    // From statfs(2): NFS, SMB, SMB2, CIFS, Ceph, AFS, 9P, Lustre, GFS2, OCFS2, and what a program serves (sshfs).
    const KINDS: [u64; 11] = [
        0x6969,
        0x517B,
        0xFE53_4D42,
        0xFF53_4D42,
        0x00C3_6400,
        0x5346_414F,
        0x0102_1997,
        0x0BD0_0BD0,
        0x0116_1970,
        0x7461_636F,
        0x6573_5546,
    ];
    let folder = path.parent().unwrap_or(path);
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)] // the type differs from machine to machine
    rustix::fs::statfs(folder).is_ok_and(|about| KINDS.contains(&(about.f_type as u64 & 0xFFFF_FFFF)))
}
