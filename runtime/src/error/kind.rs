//! What sort of failure an error is.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kinds, each with its word.
macro_rules! kinds {
    ($(#[$meta:meta])* pub enum Kind { $($(#[$about:meta])* $kind:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$about])* $kind),+ }

        impl Kind {
            /// The word for it in scripts and in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$kind => $word),+ }
            }

            /// The kind that a script names, where there is one of that name.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Kind::$kind),)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// What sort of failure an [`Error`](crate::Error) is. A script branches on it as `e.kind`, in the words of
    /// [`Kind::as_str`].
    pub enum Kind {
        /// A call that is wrong in itself: an unknown option, a wrong type, a value out of range.
        Usage = "usage",
        /// A script that does not parse, or fails by itself.
        Script = "script",
        /// A file, value or manifest that cannot be read as what it should be.
        Malformed = "malformed",
        /// Values that the playbook's schema refuses.
        Values = "values",
        /// What was named does not exist.
        NotFound = "not_found",
        /// What should be made exists already.
        AlreadyExists = "already_exists",
        /// Somebody else owns or has changed it.
        Conflict = "conflict",
        /// Another run has the lock, or this one has lost it.
        Locked = "locked",
        /// The session's own access rules refuse it.
        Denied = "denied",
        /// The cluster's access rules refuse it.
        Forbidden = "forbidden",
        /// The cluster finds the object invalid, or an admission rule refuses it.
        Rejected = "rejected",
        /// A server that cannot be reached or does not answer.
        Unavailable = "unavailable",
        /// A wait that ended without what was waited for.
        Timeout = "timeout",
        /// A wait that cannot succeed any more.
        Hopeless = "hopeless",
        /// The deadline of a step or a run has passed.
        Deadline = "deadline",
        /// Stopped by a person or a signal.
        Cancelled = "cancelled",
        /// A computation that exceeded its limits.
        Budget = "budget",
        /// The result depends on something that was not done (in a plan).
        Undecided = "undecided",
        /// A secret would have gone where no secret may go.
        Secret = "secret",
        /// The machine's own files, processes, network.
        System = "system",
        /// A defect of Windlass.
        Internal = "internal",
    }
}

impl Kind {
    /// Whether a script's `catch` may not take it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Kind::Cancelled | Kind::Denied | Kind::Locked | Kind::Budget | Kind::Undecided | Kind::Deadline)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
