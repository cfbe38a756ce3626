//! Ctrl-C stops what runs, and never the REPL.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::signal::unix::{SignalKind, signal};
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::{Error, Kind, Result};

use crate::progress::Screen;
use crate::signals::Told as _;

/// What signals stop.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// What runs, the innermost last; nothing where a prompt is open in the middle of it.
    running: Mutex<Vec<Option<Cancel>>>,
    /// Whether Ctrl-C was pressed since that was asked last.
    pressed: AtomicBool,
    /// Whether Ctrl-C is the way to leave what runs.
    quiet: AtomicBool,
    /// Tells those who wait for lines.
    waiting: Mutex<Vec<Box<dyn Fn() + Send>>>,
    /// The signal that has ended the REPL, or 0.
    ended_by: AtomicI32,
    /// Tells an editor in which nobody types any more.
    leave_editor: Arc<AtomicBool>,
}

fn by_ctrl_c() -> Error {
    Error::new(Kind::Cancelled, "stopped by Ctrl-C")
}

/// While it lives, Ctrl-C stops this.
pub(super) struct Running<'a>(&'a Interrupt);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running().pop();
    }
}

/// Gives standard input nothing more to read, and no end: crossterm reads the end of a terminal that is gone for ever.
fn let_go_of_stdin() {
    let Ok((silent, open)) = std::io::pipe() else { return };
    if rustix::io::ioctl_fionbio(&silent, true).is_ok() && rustix::stdio::dup2_stdin(&silent).is_ok() {
        // Its other end is open until the process ends.
        std::mem::forget(open);
    }
}

impl Interrupt {
    fn running(&self) -> MutexGuard<'_, Vec<Option<Cancel>>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets Ctrl-C stop this, and has it stopped where Ctrl-C was pressed since a line was read.
    pub(super) fn stops(&self, cancel: &Cancel) -> Running<'_> {
        self.running().push(Some(cancel.clone()));
        if self.0.pressed.load(Ordering::Acquire) {
            cancel.stop(by_ctrl_c());
        }
        Running(self)
    }

    /// Lets Ctrl-C stop nothing, where a prompt is open in the middle of what runs.
    pub(super) fn rests(&self) -> Running<'_> {
        self.running().push(None);
        Running(self)
    }

    /// Does this while somebody else has the terminal, whose Ctrl-C is.
    pub(super) fn is_anothers<T>(&self, during: impl FnOnce() -> T) -> T {
        let _resting = self.rests();
        let done = during();
        self.was_pressed();
        done
    }

    /// Why what runs was stopped, if it was.
    pub(super) fn reason(&self) -> Option<Error> {
        self.running().last().and_then(Option::as_ref)?.reason()
    }

    /// Whether Ctrl-C was pressed since this was asked last: what was to come is not wanted then.
    pub(super) fn was_pressed(&self) -> bool {
        self.0.pressed.swap(false, Ordering::AcqRel)
    }

    /// Tells who waits for lines of each signal.
    pub(super) fn tells(&self, tell: impl Fn() + Send + 'static) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(tell));
    }

    fn tell(&self) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|tell| tell());
    }

    /// Lets Ctrl-C stop what runs without a word, until it is told otherwise: for what is left so.
    pub(super) fn is_left_by_it(&self, quiet: bool) {
        self.0.quiet.store(quiet, Ordering::Release);
    }

    /// Set when a signal has ended the REPL: an editor is to be left then.
    pub(super) fn leave_editor(&self) -> Arc<AtomicBool> {
        self.0.leave_editor.clone()
    }

    /// The exit code, where a signal has ended the REPL.
    pub(super) fn ended(&self) -> Option<u8> {
        let number = self.0.ended_by.load(Ordering::Acquire);
        (number != 0).then(|| u8::try_from(128 + number).unwrap_or(u8::MAX))
    }

    fn stop(&self) -> bool {
        self.0.pressed.store(true, Ordering::Release);
        self.tell();
        let running = self.running();
        let Some(Some(cancel)) = running.last() else { return false };
        cancel.stop(by_ctrl_c());
        !self.0.quiet.load(Ordering::Acquire)
    }

    /// Stops all that runs, and lets no further line be read.
    fn end(&self, number: i32) {
        self.0.ended_by.store(number, Ordering::Release);
        self.0.leave_editor.store(true, Ordering::Release);
        let stop = |cancel: &Cancel| cancel.stop(Error::new(Kind::Cancelled, "stopped by a signal"));
        self.running().iter().flatten().for_each(stop);
        self.tell();
    }

    /// Listens for as long as the process lives.
    pub(super) fn listen(&self, bridge: &Bridge, screen: Arc<Screen>) -> Result<()> {
        let _entered = bridge.handle().enter();
        let open = |kind| signal(kind).map_err(|e| Error::new(Kind::System, "signals cannot be listened to").source(e));
        let mut interrupt = open(SignalKind::interrupt())?;
        let (mut terminate, mut hangup) = (open(SignalKind::terminate())?, open(SignalKind::hangup())?);
        let all = self.clone();
        bridge.handle().spawn(async move {
            loop {
                let number = tokio::select! {
                    _ = interrupt.recv() => {
                        if all.stop() {
                            screen.notice("Ctrl-C: stopping. What is under way ends within 2 s, Helm within 15 s, cleanups within 30 s.");
                        }
                        continue;
                    }
                    _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
                    _ = hangup.recv() => {
                        let_go_of_stdin();
                        SignalKind::hangup().as_raw_value()
                    }
                };
                // What runs comes to its end, the run is ended, its lock given back, and then the REPL ends: at once where that
                // is asked for again.
                if all.ended().is_some() {
                    std::process::exit(128 + number);
                }
                all.end(number);
            }
        });
        Ok(())
    }
}
