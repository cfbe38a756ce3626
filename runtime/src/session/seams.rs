//! Where others may have a say in a session: persons who are asked, failures that are decided on, changes that are let
//! pass.

use crate::change::Change;
use crate::playbook::{Console, Upcoming};
use crate::value::Value;
use crate::{Error, Place, Result};

/// The limits of what a script may compute.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Operations of the engine between two calls of primitives.
    pub operations: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { operations: 2_000_000 }
    }
}

/// Who is asked when a script needs a person.
pub trait Prompter: crate::secret::Prompter + 'static {
    /// Asks for approval.
    ///
    /// # Errors
    /// Where nobody can be asked.
    fn confirm(&self, key: &str, text: &str) -> Result<bool>;

    /// Asks what to do about a failed step (`on_error: "ask"`).
    ///
    /// # Errors
    /// Where nobody can be asked.
    fn step_failed(&self, step: &str, error: &Error) -> Result<AfterFailure>;

    /// Asks what to do about a step that runs next (`--step`).
    ///
    /// # Errors
    /// Where nobody can be asked.
    fn before_step(&self, upcoming: &Upcoming<'_>) -> Result<BeforeStep> {
        let _ = upcoming;
        Ok(BeforeStep::Run)
    }

    /// Asks at a `breakpoint` of a script whether it goes on.
    ///
    /// # Errors
    /// Where nobody can be asked.
    fn breakpoint(&self, breakpoint: &Breakpoint<'_>) -> Result<bool> {
        let _ = breakpoint;
        Ok(true)
    }
}

/// Where a script stands at a `breakpoint`.
#[derive(Debug)]
pub struct Breakpoint<'a> {
    /// The step.
    pub step: &'a str,
    /// Where the call stands.
    pub place: &'a Place,
    /// What the script says there.
    pub text: Option<&'a str>,
}

/// What to do about a step that runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeStep {
    /// Run it.
    Run,
    /// Go on without it.
    Skip,
    /// Run it and all that come after it, without asking.
    GoOn,
    /// End the run here.
    Stop,
}

/// What to do about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Run it again.
    Retry,
    /// Go on without it.
    Continue,
    /// Stop here.
    Stop,
}

/// A failed primitive, before its error enters the script.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The primitive.
    pub primitive: &'a str,
    /// The step.
    pub step: &'a str,
    /// What went wrong, with its place.
    pub error: &'a Error,
    /// How often it has been tried.
    pub attempt: u32,
}

/// What becomes of a failed primitive.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Its error enters the script.
    Fail,
    /// It is called again.
    Retry,
    /// The script gets this value in its place.
    Take(Value),
}

/// Is asked about each failure of an outermost primitive.
pub trait OnFailure: Send + Sync + 'static {
    /// Decides.
    fn decide(&self, failure: &Failure<'_>) -> Decision;
}

/// A statement of a step that is about to be evaluated.
#[derive(Debug)]
pub struct Statement<'a> {
    /// The step.
    pub step: &'a str,
    /// The script in which it stands.
    pub source: &'a str,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// How many calls of functions it is inside of.
    pub depth: usize,
}

impl Statement<'_> {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { source: self.source.to_owned(), line: self.line, column: self.column }
    }
}

/// Is asked before each statement of a step, in a runtime that is [followed](crate::RuntimeBuilder::followed).
pub trait Follower: Send + Sync + 'static {
    /// Whether to stop there: must be quick.
    fn stops_at(&self, statement: &Statement<'_>) -> bool;

    /// Stops there, while the deadlines of the step rest. What is typed in the console acts on the step's own variables.
    ///
    /// # Errors
    /// The error with which the step then ends.
    fn stop(&self, statement: &Statement<'_>, console: &mut Console) -> Result<()>;
}

/// Is asked before each change acts.
pub trait ChangeGate: Send + Sync + 'static {
    /// Lets it pass.
    ///
    /// # Errors
    /// The error that the change then ends with.
    fn before_change(&self, change: &Change) -> Result<()>;
}
