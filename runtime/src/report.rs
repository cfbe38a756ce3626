//! What came of a run: the shape of `--output json` (design: the command).

use serde::{Deserialize, Serialize};

use crate::change::{OutcomeItem, ResultWord};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every step is done, or its failure was to be ignored.
    Ok,
    /// A step failed.
    Failed,
    /// Stopped by a person, a signal or a refused confirmation.
    Cancelled,
}

/// How a step ended, or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Done.
    Ok,
    /// Failed.
    Failed,
    /// Left out, as asked.
    Skipped,
    /// Not run, because what it needs failed.
    Blocked,
    /// Stopped.
    Cancelled,
    /// Not reached.
    Pending,
    /// Ended where a plan cannot know more.
    Undecided,
}

impl RunStatus {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl StepStatus {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
            Self::Undecided => "undecided",
        }
    }
}

/// What came of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepReport {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// How it ended.
    pub status: StepStatus,
    /// Why it was skipped or blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long it took on the machine's clock, in seconds.
    pub elapsed_s: f64,
    /// How long it took on the target's clock, in seconds, where that is simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_s: Option<f64>,
    /// How many of its outcomes changed something.
    pub changed: usize,
    /// How many found nothing to change.
    pub unchanged: usize,
    /// How many were not done, but taken to be: nothing can do them here.
    pub assumed: usize,
    /// The outcomes, in order.
    pub outcome: Vec<OutcomeItem>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<serde_json::Value>,
}

/// What came of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// The playbook.
    pub playbook: String,
    /// What it acted on.
    pub target: String,
    /// How it ended.
    pub status: RunStatus,
    /// How many outcomes changed something.
    pub changed: usize,
    /// How many found nothing to change.
    pub unchanged: usize,
    /// How many were not done, but taken to be: nothing can do them here.
    pub assumed: usize,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// How long it took on the target's clock, in seconds, where that is simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_s: Option<f64>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
    /// What failed outside a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<serde_json::Value>,
}

impl StepReport {
    /// That of a step of which there is nothing to say but how it ended.
    #[must_use]
    pub fn of(key: &str, title: &str, status: StepStatus) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            status,
            reason: None,
            attempts: 0,
            elapsed_s: 0.0,
            virtual_s: None,
            changed: 0,
            unchanged: 0,
            assumed: 0,
            outcome: Vec::new(),
            error: None,
        }
    }

    /// Counts its outcomes.
    pub(crate) fn count(&mut self) {
        let with = |is: fn(ResultWord) -> bool| self.outcome.iter().filter(|item| is(item.result)).count();
        let (changed, unchanged, assumed) = (
            with(ResultWord::took_effect),
            with(|word| word == ResultWord::Unchanged),
            with(|word| word == ResultWord::Assumed),
        );
        (self.changed, self.unchanged, self.assumed) = (changed, unchanged, assumed);
    }
}

impl Report {
    /// That of a run with these steps.
    pub(crate) fn of(run: &str, playbook: &str, target: String, status: RunStatus, steps: Vec<StepReport>) -> Self {
        Self {
            run: run.to_owned(),
            playbook: playbook.to_owned(),
            target,
            status,
            changed: steps.iter().map(|step| step.changed).sum(),
            unchanged: steps.iter().map(|step| step.unchanged).sum(),
            assumed: steps.iter().map(|step| step.assumed).sum(),
            elapsed_s: 0.0,
            virtual_s: None,
            steps,
            error: None,
        }
    }
}
