//! The history of lines, without secrets and without what begins with a blank.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, Result, SearchDirection, SearchQuery,
    SqliteBackedHistory,
};
use windlass_runtime::state_folder::{UserFolders, create_private};

/// A history that keeps a line when it is known to hold no secret: after it was evaluated. Clones are the same history.
#[derive(Clone)]
pub(super) struct Discreet {
    kept: Arc<Mutex<Box<dyn History>>>,
    /// The lines that were read and are not done: one, and those in the middle of steps that it runs.
    pending: Arc<Mutex<Vec<HistoryItem>>>,
    /// The lines, as they were when they were looked at.
    lines: Arc<Mutex<Option<Lines>>>,
}

/// Lines, the newest first.
type Lines = Arc<[Arc<str>]>;

/// How many lines are looked at.
const LINES: i64 = 20_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Discreet {
    /// The user's, in the state folder; without one, a history of this session alone.
    pub(super) fn open(folders: Option<&UserFolders>) -> Self {
        let folders = folders.filter(|folders| create_private(&folders.state).is_ok());
        let file = folders.map(|folders| folders.state.join("repl-history.db"));
        // What SQLite writes beside it is as private as it is.
        let private = |file: &PathBuf| OpenOptions::new().append(true).create(true).mode(0o600).open(file).is_ok();
        let file = file.filter(private);
        let kept: Box<dyn History> = match file.and_then(|file| SqliteBackedHistory::with_file(file, None, None).ok()) {
            Some(kept) => Box::new(kept),
            None => Box::new(FileBackedHistory::default()),
        };
        Self::over(kept)
    }

    fn over(kept: Box<dyn History>) -> Self {
        Self { kept: Arc::new(Mutex::new(kept)), pending: Arc::default(), lines: Arc::default() }
    }

    /// The lines, the newest first, each once.
    pub(super) fn lines(&self) -> Lines {
        let mut lines = lock(&self.lines);
        lines.get_or_insert_with(|| self.read_lines()).clone()
    }

    fn read_lines(&self) -> Lines {
        let mut query = SearchQuery::everything(SearchDirection::Backward, None);
        query.limit = Some(LINES);
        // Without a history that can be read, there is nothing to find.
        let items = lock(&self.kept).search(query).unwrap_or_default();
        let mut seen = HashSet::new();
        let lines = items.into_iter().map(|item| Arc::<str>::from(item.command_line));
        lines.filter(|line| seen.insert(line.clone())).collect()
    }

    /// Keeps the line that was read last, if it may be kept.
    pub(super) fn keep(&self, may_be_kept: impl Fn(&str) -> bool) {
        let Some(item) = lock(&self.pending).pop() else { return };
        if !item.command_line.starts_with(' ') && may_be_kept(&item.command_line) {
            // Without a history that can be written, one goes on without it.
            let _ = lock(&self.kept).save(item);
            *lock(&self.lines) = None;
        }
    }
}

impl History for Discreet {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if !item.command_line.trim().is_empty() {
            lock(&self.pending).push(item.clone());
        }
        Ok(item)
    }
    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        lock(&self.kept).load(id)
    }
    fn count(&self, query: SearchQuery) -> Result<i64> {
        lock(&self.kept).count(query)
    }
    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        lock(&self.kept).search(query)
    }
    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        lock(&self.kept).update(id, updater)
    }
    fn clear(&mut self) -> Result<()> {
        lock(&self.kept).clear()
    }
    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        lock(&self.kept).delete(id)
    }
    fn sync(&mut self) -> std::io::Result<()> {
        lock(&self.kept).sync()
    }
    fn session(&self) -> Option<HistorySessionId> {
        lock(&self.kept).session()
    }
}

#[cfg(test)]
impl Discreet {
    /// One with these lines, the oldest first.
    pub(super) fn of(lines: &[&str]) -> Self {
        let mut kept = FileBackedHistory::new(lines.len().max(1)).unwrap();
        for line in lines {
            kept.save(HistoryItem::from_command_line(*line)).unwrap();
        }
        Self::over(Box::new(kept))
    }
}
