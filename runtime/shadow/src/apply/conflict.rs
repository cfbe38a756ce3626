//! Fields that somebody applies with another value than the one who owns them.

use super::element::{Path, display};
use super::managed::Owner;
use super::set::Set;
use crate::error::{ApiError, Cause};

/// Whose field it is, and which.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conflict {
    pub(crate) owner: Owner,
    pub(crate) path: Path,
}

/// What stands in the way of an apply.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Fields of others, sorted by owner.
    Conflicts(Vec<Conflict>),
    /// Something else.
    Error(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl Refusal {
    /// What the client gets.
    pub(crate) fn into_error(self) -> ApiError {
        let conflicts = match self {
            Self::Error(error) => return error,
            Self::Conflicts(conflicts) => conflicts,
        };
        let causes: Vec<Cause> = conflicts
            .iter()
            .map(|conflict| Cause {
                reason: "FieldManagerConflict",
                message: format!("conflict with {}", conflict.owner.described()),
                field: display(&conflict.path),
            })
            .collect();
        ApiError::apply_conflict(message(&conflicts), &causes)
    }
}

fn message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        let (owner, path) = (one.owner.described(), display(&one.path));
        return format!("Apply failed with 1 conflict: conflict with {owner}: {path}");
    }
    let mut lines = Vec::new();
    let mut last = None;
    for conflict in conflicts {
        if last != Some(&conflict.owner) {
            lines.push(format!("conflicts with {}:", conflict.owner.described()));
            last = Some(&conflict.owner);
        }
        lines.push(format!("- {}", display(&conflict.path)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// All fields of conflicts.
pub(crate) fn fields(conflicts: &[Conflict]) -> Set {
    let mut set = Set::default();
    for conflict in conflicts {
        set.insert(&conflict.path);
    }
    set
}
