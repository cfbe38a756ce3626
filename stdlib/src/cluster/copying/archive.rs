//! An archive of files that is made as it is read: no more of it is held than one piece.

use std::io::Read;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use windlass_runtime::{Error, Kind, Result};

use super::{Content, File, Files, unreadable};

/// So long is a block of an archive.
const BLOCK: u64 = 512;

/// An archive of files in the order of their names.
pub(in crate::cluster) struct Archive {
    files: <Files as IntoIterator>::IntoIter,
    /// The name of a file that has none.
    single: String,
    /// The file that is being read.
    open: Option<Open>,
    length: u64,
    has_ended: bool,
}

/// A file of which this is left.
struct Open {
    file: File,
    content: Box<dyn Read + Send>,
    left: u64,
    hash: Sha256,
}

impl Archive {
    pub fn of(files: Files, single: &str) -> Self {
        Self { files: files.into_iter(), single: single.to_owned(), open: None, length: 0, has_ended: false }
    }

    /// The next piece, of about this size; nothing at the end.
    ///
    /// # Errors
    /// Where a file cannot be read, or is not any more what it was when it was hashed.
    pub fn piece(&mut self, size: usize) -> Result<Option<Bytes>> {
        let mut piece = Vec::new();
        while piece.len() < size {
            match self.open.take() {
                Some(open) => self.open = open.read(&mut piece, size)?,
                None => match self.files.next() {
                    Some((name, file)) => self.open = Some(self.begin(&name, file, &mut piece)?),
                    None if self.has_ended => break,
                    None => {
                        // Two empty blocks; some a tar read whole blocks of twenty before they see them.
                        let length = self.length + piece.len() as u64;
                        let whole = (length + 2 * BLOCK).next_multiple_of(20 * BLOCK);
                        fill(&mut piece, whole - length);
                        self.has_ended = true;
                    }
                },
            }
        }
        self.length += piece.len() as u64;
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    fn begin(&self, name: &str, file: File, piece: &mut Vec<u8>) -> Result<Open> {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.size);
        header.set_mode(file.mode);
        let name = if name.is_empty() { &self.single } else { name };
        // Names that are too long for a header have one of their own; the content follows by itself.
        let mut headers = tar::Builder::new(Vec::new());
        let made = headers.append_data(&mut header, name, std::io::empty());
        let made = made.map(|()| headers.get_ref().clone());
        let broken = |e| Error::new(Kind::System, format!("the archive cannot be made: {name}")).source(e);
        piece.extend(made.map_err(broken)?);
        let content = file.content.open().map_err(|e| unread(&file, e))?;
        Ok(Open { content, left: file.size, hash: Sha256::new(), file })
    }
}

impl Open {
    /// Reads on, and gives what is left.
    fn read(mut self, piece: &mut Vec<u8>, size: usize) -> Result<Option<Self>> {
        let (before, room) = (piece.len(), size.saturating_sub(piece.len()) as u64);
        let wanted = self.left.min(room);
        let read = self.content.by_ref().take(wanted).read_to_end(piece).map_err(|e| unread(&self.file, e))?;
        self.hash.update(piece.get(before..).unwrap_or_default());
        self.left -= read as u64;
        if (read as u64) < wanted {
            return Err(changed(&self.file));
        }
        if self.left > 0 {
            return Ok(Some(self));
        }
        if format!("{:x}", self.hash.finalize()) != self.file.hash {
            return Err(changed(&self.file));
        }
        fill(piece, self.file.size.next_multiple_of(BLOCK) - self.file.size);
        Ok(None)
    }
}

fn fill(piece: &mut Vec<u8>, zeros: u64) {
    piece.extend(std::iter::repeat_n(0, usize::try_from(zeros).unwrap_or_default()));
}

fn unread(file: &File, error: std::io::Error) -> Error {
    match &file.content {
        Content::Disk(path) => unreadable(path, error),
        Content::Built(_) => Error::internal("a file that is built in cannot be read").source(error),
    }
}

fn changed(file: &File) -> Error {
    let what = match &file.content {
        Content::Disk(path) => path.display().to_string(),
        Content::Built(_) => "a file that is built in".to_owned(),
    };
    Error::new(Kind::System, format!("{what} was changed while it was copied"))
        .hint("what writes it has to have ended before it is copied")
}
