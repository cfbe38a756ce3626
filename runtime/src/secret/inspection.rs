//! What an inspected text turned out to be.

use super::{Origin, Template};
use crate::{Error, Kind, Result};

/// What [`super::Registry::inspect`] found in a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Inspection {
    /// No secret is in it.
    Clean,
    /// Whole placeholders are in it, and no other trace of one.
    Template(Template),
    /// A piece of a placeholder is in it, or a placeholder that the script has changed.
    Damaged {
        /// The secrets whose placeholders were damaged.
        of: Vec<Origin>,
    },
}

impl Inspection {
    /// The template, where there is one. A damaged text is an error that names the secrets and `sink`, the place that the
    /// text was meant for.
    ///
    /// # Errors
    /// [`Kind::Secret`] when the text is damaged.
    pub fn template(self, sink: &str) -> Result<Option<Template>> {
        match self {
            Inspection::Clean => Ok(None),
            Inspection::Template(template) => Ok(Some(template)),
            Inspection::Damaged { of } => Err(damaged(&of, sink)),
        }
    }

    /// For a sink where no secret may go: an error names the secrets unless the text is clean.
    ///
    /// # Errors
    /// [`Kind::Secret`] when a secret, or a trace of one, is in the text.
    pub fn clean(self, sink: &str) -> Result<()> {
        match self.template(sink)? {
            None => Ok(()),
            Some(template) => Err(template.refused(sink)),
        }
    }
}

fn damaged(of: &[Origin], sink: &str) -> Error {
    let names = super::template::listed(of.iter());
    Error::new(Kind::Secret, format!("{sink} was given a part or an altered form of {names}")).hint(
        "a script holds a placeholder, not the value: pass it on whole; Windlass encodes it where the target needs it",
    )
}
