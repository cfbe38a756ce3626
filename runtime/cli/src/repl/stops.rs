//! Where a person wants to stop.

use std::collections::BTreeSet;

use windlass_runtime::session::Statement;

use crate::render::ends_with_parts;

/// Where a person wants to stop.
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// The keys of the steps before which a walk stops.
    pub(super) steps: BTreeSet<String>,
    /// Places of statements: the end of the script's name, and the line.
    pub(super) lines: BTreeSet<(String, usize)>,
    /// Whether it stops where a primitive fails.
    pub(super) at_failures: bool,
    /// Whether it stops before each change.
    pub(super) at_changes: bool,
    /// Whether it is said after a step which one comes next, and what that would do.
    pub(super) says_next: bool,
    /// How it goes on from the last statement.
    pub(super) pace: Pace,
}

/// How it goes on from a statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pace {
    /// To the next stop that was asked for.
    #[default]
    Run,
    /// To the next statement, in functions too.
    Into,
    /// To the next statement that is so many calls deep, or less.
    To(usize),
}

impl Stops {
    /// Whether it stops at this statement.
    pub(super) fn at(&self, statement: &Statement<'_>) -> bool {
        let is_wanted =
            |(source, line): &(String, usize)| *line == statement.line && ends_with_parts(statement.source, source);
        let by_pace = match self.pace {
            Pace::Run => false,
            Pace::Into => true,
            Pace::To(depth) => statement.depth <= depth,
        };
        by_pace || (!self.lines.is_empty() && self.lines.iter().any(is_wanted))
    }

    /// Whether it goes through statements.
    pub(super) fn is_stepping(&self) -> bool {
        self.pace != Pace::Run
    }
}
