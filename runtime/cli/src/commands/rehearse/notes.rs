//! What is noted while a rehearsal runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use windlass_runtime::event::{Event, What};

/// A call that took simulated time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wait {
    pub(super) step: String,
    /// `Deployment/web in shop`, or the primitive and what it was given.
    pub(super) what: String,
    /// Of several things at once: what was still waited for at last.
    pub(super) last: Option<String>,
    pub(super) seconds: f64,
}

/// What was noted.
#[derive(Debug, Default)]
pub(super) struct Noted {
    begun: Option<f64>,
    /// When each step began, in seconds since the run did.
    pub(super) steps: Vec<(String, f64)>,
    pub(super) waits: Vec<Wait>,
    /// What was last said of each thing that is waited for.
    progress: HashMap<String, String>,
}

/// Notes what the sink is told. Clones note the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Noted>>);

impl Notes {
    pub(super) fn sink(&self) -> impl Fn(&Event) + Send + Sync + use<> {
        let notes = self.clone();
        move |event: &Event| notes.take(event)
    }

    fn take(&self, event: &Event) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = event.at.as_duration().as_secs_f64();
        match &event.what {
            What::RunStarted { .. } => noted.begun = Some(at),
            What::StepStarted { step, attempt: 1, .. } => {
                let since = at - noted.begun.unwrap_or(at);
                noted.steps.push((step.clone(), since));
            }
            What::Progress { subject, text } => drop(noted.progress.insert(subject.clone(), text.clone())),
            What::Waited { primitive, about, virtual_s } => {
                let one = about.contains('/');
                // "3 objects in shop" are followed as "3 objects".
                let subject = about.split_once(" in ").filter(|_| !one).map_or(about.as_str(), |(subject, _)| subject);
                let last = noted.progress.remove(subject).filter(|_| !one);
                let what = match about.as_str() {
                    "" => primitive.clone(),
                    about if primitive.starts_with("wait::") => about.to_owned(),
                    about => format!("{primitive} {about}"),
                };
                // "20 of 21 done; " is said before it.
                let last =
                    last.map(|last| last.rsplit_once(" done; ").map_or(last.clone(), |(_, rest)| rest.to_owned()));
                let step = event.step.clone().unwrap_or_default();
                noted.waits.push(Wait { step, what, last, seconds: *virtual_s });
            }
            _ => {}
        }
    }

    /// Looks at what was noted.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Noted) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
