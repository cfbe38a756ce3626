//! What can go wrong with a test bed.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a test bed could not be built, started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tool that the test bed is built with is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// A file or folder could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was being done, such as "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// `go build` failed.
    #[error(
        "build the control plane: go ended with {status}\n{output}\nhint: the Go module proxy must be reachable (see `go env GOPROXY`)"
    )]
    Build {
        /// How Go ended.
        status: ExitStatus,
        /// The last lines of what it printed.
        output: String,
    },
    /// `go install` failed.
    #[error(
        "build {what}: go ended with {status}\n{output}\nhint: the Go module proxy must be reachable (see `go env GOPROXY`)"
    )]
    Install {
        /// What was to be installed.
        what: String,
        /// How Go ended.
        status: ExitStatus,
        /// The last lines of what it printed.
        output: String,
    },
    /// A server of the test bed ended by itself.
    #[error("{server} ended with {status}; the end of its log {}:\n{tail}", log.display())]
    Ended {
        /// The server.
        server: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// Something did not come about in time.
    #[error("{what} did not come about within {seconds} s: {last}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// What was seen last.
        last: String,
    },
    /// The API server could not be asked.
    #[error("{method} {path}: {source}")]
    Request {
        /// The HTTP method.
        method: String,
        /// The path asked for.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The API server refused.
    #[error("{method} {path}: HTTP {code}: {body}")]
    Refused {
        /// The HTTP method.
        method: String,
        /// The path asked for.
        path: String,
        /// The HTTP status.
        code: u16,
        /// The start of its answer.
        body: String,
    },
    /// `kubectl` ended with an error.
    #[error("kubectl {arguments}: {status}: {stderr}")]
    Kubectl {
        /// The arguments it was given.
        arguments: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// The certificates could not be made.
    #[error("make the certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The certificates were not accepted by the client.
    #[error("use the certificates: {0}")]
    Tls(#[from] rustls::Error),
    /// A test bed was asked for something it does not have.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}

/// A tool that the test bed needs and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{tool} is missing: {why}; hint: {hint}")]
pub struct Missing {
    /// The tool.
    pub tool: &'static str,
    /// What was found instead.
    pub why: String,
    /// What to do about it.
    pub hint: &'static str,
}
