//! Running the steps of a prepared playbook, one after the other, on the session's script thread.

use std::collections::BTreeMap;

use super::load::Prepared;
use super::walk::Walk;
use crate::cancel::Cancel;
use crate::report::Report;
use crate::{Error, Kind, Result};

/// A run under way.
pub struct Run {
    id: String,
    cancel: CancelHandle,
    report: tokio::sync::oneshot::Receiver<Report>,
}

/// Stops a run from any thread.
#[derive(Clone, Debug)]
pub struct CancelHandle(Cancel);

impl CancelHandle {
    /// Stops the run: what is under way ends within two seconds, cleanups within thirty.
    pub fn cancel(&self, why: &str) {
        self.0.stop(Error::new(Kind::Cancelled, why));
    }
}

impl Run {
    pub(super) fn start(
        prepared: Prepared,
        left_out: BTreeMap<String, String>,
        done: BTreeMap<String, String>,
    ) -> Result<Self> {
        let (sender, report) = tokio::sync::oneshot::channel();
        let cancel = CancelHandle(prepared.session.cancel().clone());
        let id = prepared.session.id().to_owned();
        std::thread::Builder::new()
            .name("windlass-script".to_owned())
            .stack_size(crate::STACK)
            .spawn(move || {
                let working = prepared.session.bridge().work();
                let report = Walk::begin(prepared, left_out, done).run_all();
                drop(working);
                let _ = sender.send(report);
            })
            .map_err(|e| Error::new(Kind::System, "the script's thread cannot be started").source(e))?;
        Ok(Self { id, cancel, report })
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Stops it from elsewhere.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// The report, when the run has ended.
    ///
    /// # Errors
    /// [`Kind::Internal`] if its thread died.
    pub async fn finished(self) -> Result<Report> {
        self.report.await.map_err(|_| Error::internal("the script's thread died"))
    }

    /// As [`Run::finished`], for who is not asynchronous. Not to be called on a thread of tokio's.
    ///
    /// # Errors
    /// As [`Run::finished`].
    pub fn wait(self) -> Result<Report> {
        self.report.blocking_recv().map_err(|_| Error::internal("the script's thread died"))
    }
}
