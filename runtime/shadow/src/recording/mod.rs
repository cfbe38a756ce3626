//! Recorded clusters: the file that a [`Recorder`] writes, and the [`Recording`] that is read from it.
//!
//! # The file
//!
//! Lines of JSON, compressed with gzip (a file that is not is read as well).
//!
//! 1. The first line says what it is: `{"windlassRecording":1,"kubernetes":"v1.36.3","name":"prod",
//!    "cluster":"6f3c…","recordedAt":"2026-07-01T10:00:00Z"}`. `windlassRecording` is the format's version; `cluster` is the
//!    uid of the namespace `kube-system`.
//! 2. Each line after it is an object: `{"resource":"deployments.apps","object":{…}}`, with the plural name and the group of
//!    its resource (`pods` where it is of the core group), and the object as the API server gave it, managedFields and
//!    resourceVersion included. The order says nothing; whoever reads it goes by the resourceVersions.
//! 3. The last line, `{"objects":1234}`, says how many there were: a file without it is cut off.
//!
//! The data of Secrets is not in it: each value is replaced by as many bytes `x`, also in the annotation that kubectl leaves.
//! Everything else is as it was, such as what stands in ConfigMaps and in the environment of containers.

mod base;
mod mask;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::Json;
use crate::catalog::ResourceName;

pub(crate) use base::Loaded;
pub use base::kept_in;

/// The version of the format that is written here, and the newest that is read.
const FORMAT: u32 = 1;
/// The longest line: an object of an API server is a tenth of it.
const LONGEST: u64 = 32 << 20;

/// Which cluster was recorded, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The version of Kubernetes, such as `v1.36.3`.
    pub kubernetes: String,
    /// What people call the cluster.
    pub name: String,
    /// The uid of its namespace `kube-system`.
    pub cluster: String,
    /// When, as RFC 3339.
    pub recorded_at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    windlass_recording: u32,
    #[serde(flatten)]
    about: Json,
}

#[derive(Serialize, Deserialize)]
struct Line<O> {
    resource: String,
    object: O,
}

#[derive(Serialize, Deserialize)]
struct End {
    objects: u64,
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is not the recording of a cluster: {0}")]
    Other(String),
    /// It was written by a newer version.
    #[error("its format is version {0}, and this version reads up to {FORMAT}")]
    Newer(u32),
    /// A line of it is no object.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// It ends before its end.
    #[error("it is cut off after {0} objects")]
    CutOff(u64),
}

/// Writes a recording.
pub struct Recorder<W: Write> {
    out: GzEncoder<W>,
    objects: u64,
}

impl<W: Write> Recorder<W> {
    /// Begins one.
    ///
    /// # Errors
    /// What the writer says; as with the other methods.
    pub fn begin(out: W, about: &About) -> io::Result<Self> {
        let mut recorder = Self { out: GzEncoder::new(out, Compression::default()), objects: 0 };
        recorder.line(&Head { windlass_recording: FORMAT, about: serde_json::to_value(about)? })?;
        Ok(recorder)
    }

    /// Adds an object of a resource (`pods`, `deployments.apps`). The data of a Secret is replaced.
    ///
    /// # Errors
    /// What the writer says.
    pub fn add(&mut self, resource: &str, mut object: Json) -> io::Result<()> {
        if resource == "secrets" {
            mask::secret(&mut object);
        }
        self.objects += 1;
        self.line(&Line { resource: resource.to_owned(), object })
    }

    /// How many objects there are so far.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Ends it, and gives the writer back.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        let objects = self.objects;
        self.line(&End { objects })?;
        self.out.finish()
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }
}

/// A recorded cluster, to be the base of a [`Shadow`](crate::Shadow). Clones share it.
#[derive(Debug, Clone)]
pub struct Recording {
    about: About,
    objects: Arc<[Recorded]>,
}

/// An object, as bytes.
#[derive(Debug)]
struct Recorded {
    resource: ResourceName,
    /// The resourceVersion that it had.
    version: u64,
    object: Box<[u8]>,
}

impl Recording {
    /// Reads one.
    ///
    /// # Errors
    /// See [`RecordingError`].
    pub fn read(input: impl Read) -> Result<Self, RecordingError> {
        let mut input = BufReader::new(input);
        let compressed = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        match compressed {
            true => Self::read_lines(BufReader::new(GzDecoder::new(input))),
            false => Self::read_lines(input),
        }
    }

    fn read_lines(mut input: impl BufRead) -> Result<Self, RecordingError> {
        let head = next_line(&mut input, 1)?;
        let other = |why: serde_json::Error| RecordingError::Other(why.to_string());
        let head: Head = serde_json::from_slice(&head).map_err(other)?;
        if head.windlass_recording > FORMAT {
            return Err(RecordingError::Newer(head.windlass_recording));
        }
        let about = About::deserialize(head.about).map_err(other)?;
        let mut objects = Vec::new();
        let mut number = 1;
        loop {
            number += 1;
            let bytes = next_line(&mut input, number)?;
            let count = objects.len() as u64;
            if bytes.is_empty() {
                return Err(RecordingError::CutOff(count));
            }
            if let Ok(end) = serde_json::from_slice::<End>(&bytes) {
                let whole = end.objects == count;
                return if whole {
                    objects.sort_by_key(|object: &Recorded| object.version);
                    Ok(Self { about, objects: objects.into() })
                } else {
                    Err(RecordingError::CutOff(count))
                };
            }
            let line: Line<Json> = serde_json::from_slice(&bytes)
                .map_err(|why| RecordingError::Line { line: number, why: why.to_string() })?;
            let version = crate::object::text(&line.object, "/metadata/resourceVersion");
            let version = version.and_then(|version| version.parse().ok()).unwrap_or_default();
            let object = line.object.to_string().into_bytes().into();
            objects.push(Recorded { resource: line.resource.into(), version, object });
        }
    }

    /// Which cluster it is of.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many objects it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}

/// The next line without its end; empty at the end of the input.
fn next_line(input: &mut impl BufRead, number: u64) -> Result<Vec<u8>, RecordingError> {
    let mut line = Vec::new();
    let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
    if read as u64 == LONGEST {
        return Err(RecordingError::Line { line: number, why: "it is too long for an object".into() });
    }
    Ok(line.trim_ascii_end().to_vec())
}
