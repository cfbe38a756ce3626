//! Where a secret comes from.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How every mark begins.
pub(super) const MARK: &str = "[secret ";

/// Where a secret comes from. It holds no value, so it may be shown, journaled and kept in a run's state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The environment variable of this name.
    Env(String),
    /// The file at this path.
    File(PathBuf),
    /// Asked for on the terminal with this text.
    Prompt(String),
    /// The output of a command, under a label that the caller chose (never the command's arguments).
    Command(String),
    /// A Kubernetes Secret's key: `namespace/name/key`, with the cluster before it where there are several.
    Kubernetes(String),
    /// The entry of this name in an age-encrypted file.
    Age(String),
    /// Made by Windlass and kept in the vault under this name.
    Generated(String),
}

impl Origin {
    /// What the secret is called in messages and in masked text: `[secret NAME]`.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        let name = match self {
            Origin::Env(name)
            | Origin::Prompt(name)
            | Origin::Command(name)
            | Origin::Kubernetes(name)
            | Origin::Age(name)
            | Origin::Generated(name) => Cow::Borrowed(name.as_str()),
            Origin::File(path) => path.to_string_lossy(),
        };
        if name.chars().any(char::is_control) {
            Cow::Owned(name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
        } else {
            name
        }
    }

    /// The sort of origin, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Origin::Env(_) => "env",
            Origin::File(_) => "file",
            Origin::Prompt(_) => "prompt",
            Origin::Command(_) => "command",
            Origin::Kubernetes(_) => "kubernetes",
            Origin::Age(_) => "age",
            Origin::Generated(_) => "generated",
        }
    }

    /// What stands in a text in the secret's place.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{MARK}{}]", self.name())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Origin::Env(_) => write!(f, "the environment variable {name}"),
            Origin::File(_) => write!(f, "the file {name}"),
            Origin::Prompt(_) => write!(f, "the answer to “{name}”"),
            Origin::Command(_) => write!(f, "the output of {name}"),
            Origin::Kubernetes(_) => write!(f, "the Kubernetes Secret {name}"),
            Origin::Age(_) => write!(f, "the entry {name} of the encrypted secrets"),
            Origin::Generated(_) => write!(f, "the generated secret {name}"),
        }
    }
}
