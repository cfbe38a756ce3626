//! What a session tells: events go from the engine to its sinks (terminal, log, journal, embedder). Primitives never
//! print.

use std::sync::Arc;

use serde::Serialize;

use crate::change::OutcomeItem;
use crate::report::{Report, StepReport};

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only for who looks closely.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warn,
    /// Something is wrong.
    Error,
}

/// One thing that happened. Texts are masked before a sink sees them.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A run has started.
    RunStarted {
        /// The run's id.
        run: String,
        /// The playbook's name.
        playbook: String,
        /// What it acts on: a context's name, or `simulated`.
        target: String,
        /// The steps in the order in which they will run: key and title.
        steps: Vec<(String, String)>,
    },
    /// A step, or a new attempt at it, has started.
    StepStarted {
        /// The step's key, which is the event's as well.
        #[serde(skip)]
        step: String,
        /// Its title.
        title: String,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// A step has ended, in whatever way.
    StepEnded {
        /// The step's report.
        report: StepReport,
    },
    /// A change was made, or was not necessary.
    Outcome {
        /// What came of it.
        outcome: OutcomeItem,
    },
    /// Something longer than a second is under way.
    Progress {
        /// What it is about: `Deployment/web in shop`.
        subject: String,
        /// How far it is.
        text: String,
    },
    /// A call has ended that took a second or more of simulated time by itself, and not by the calls inside it.
    Waited {
        /// The primitive: `wait::ready`.
        primitive: String,
        /// What it was about: `Deployment/web in shop`; empty where it does not say.
        about: String,
        /// How long, in seconds.
        virtual_s: f64,
    },
    /// A request is repeated, or a connection was lost or found again.
    Connection {
        /// The cluster or host.
        peer: String,
        /// What happened.
        text: String,
    },
    /// A log line of a script, or of the engine.
    Log {
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
    },
    /// A run has ended.
    RunEnded {
        /// Its report.
        report: Report,
    },
}

/// An event: what, when, and in which step.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When it happened, on the target's clock.
    pub at: jiff::Timestamp,
    /// The step in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Who is told. Called from script and worker threads, several at a time: be quick, and never call back into the session.
pub trait Sink: Send + Sync + 'static {
    /// Takes one event.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync + 'static> Sink for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

/// Several sinks as one.
#[derive(Clone, Default)]
pub struct Sinks(Vec<Arc<dyn Sink>>);

impl Sinks {
    /// Adds one.
    pub fn push(&mut self, sink: impl Sink) {
        self.0.push(Arc::new(sink));
    }

    /// Tells all.
    pub fn tell(&self, event: &Event) {
        for sink in &self.0 {
            sink.event(event);
        }
    }
}
