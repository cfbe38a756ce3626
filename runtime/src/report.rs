//! What came of a run: the shape of `--output json` (design: the command).

use serde::{Deserialize, Serialize};

use crate::change::OutcomeItem;

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
