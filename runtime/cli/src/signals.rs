//! Ctrl-C and its like: the first stops the run, the second ends the process.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::{Error, Kind, Result};

/// What was told about signals so far, to be told to the person.
pub(crate) trait Told: Send + Sync + 'static {
    /// A line that must be seen at once.
    fn notice(&self, text: &str);
    /// The process ends now: put the terminal in order.
    fn leave(&self);
}

/// Listens until it is dropped.
pub(crate) struct Listening {
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Stops `cancel` with the first signal. `finds_out` is the command that goes on after the second one, where there is one.
pub(crate) fn listen(
    bridge: &Bridge,
    cancel: &Cancel,
    told: Arc<dyn Told>,
    finds_out: Option<&str>,
) -> Result<Listening> {
    let afterwards = finds_out.map(|command| format!("; {command} finds out")).unwrap_or_default();
    let _entered = bridge.handle().enter();
    let open = |kind: SignalKind| {
        signal(kind).map_err(|e| Error::new(Kind::System, "signals cannot be listened to").source(e))
    };
    let mut signals = Signals {
        interrupt: open(SignalKind::interrupt())?,
        terminate: open(SignalKind::terminate())?,
        hangup: open(SignalKind::hangup())?,
    };
    let cancel = cancel.clone();
    let task = bridge.handle().spawn(async move {
        let (name, _) = signals.next().await;
        cancel.stop(Error::new(Kind::Cancelled, format!("stopped by {name}")));
        told.notice(&format!(
            "{name}: stopping. What is under way ends within 2 s, Helm within 15 s, cleanups within 30 s. Once more ends windlass at once."
        ));
        let (name, number) = signals.next().await;
        told.leave();
        told.notice(&format!("{name} again: ended at once. Whether the change that was under way took effect is not known{afterwards}."));
        std::process::exit(128 + number);
    });
    Ok(Listening { task: Some(task) })
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("Ctrl-C", SignalKind::interrupt().as_raw_value()),
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
            _ = self.hangup.recv() => ("SIGHUP", SignalKind::hangup().as_raw_value()),
        }
    }
}
