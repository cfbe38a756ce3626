//! A command that did not do what it was asked: what is said, and the exit code.

use windlass_runtime::{Error, Kind};

use crate::exit;
use crate::io::Ui;
use crate::render::{Shown, Sources, diagnostic};

/// What went wrong.
pub(crate) struct Failed {
    pub(crate) errors: Vec<Error>,
    pub(crate) code: u8,
    pub(crate) sources: Sources,
}

impl Failed {
    /// What could be known before anything ran.
    pub(crate) fn before(errors: Vec<Error>, sources: Sources) -> Self {
        let is = |kind: Kind| errors.iter().any(|e| e.kind() == kind);
        let code = match (is(Kind::Cancelled), is(Kind::Locked)) {
            (true, _) => exit::CANCELLED,
            (false, true) => exit::LOCKED,
            (false, false) => exit::USAGE,
        };
        Self { errors, code, sources }
    }

    /// What went wrong on the way.
    pub(crate) fn while_running(error: Error, sources: Sources) -> Self {
        let code = match error.kind() {
            Kind::Cancelled => exit::CANCELLED,
            Kind::Locked => exit::LOCKED,
            _ => exit::FAILED,
        };
        Self { errors: vec![error], code, sources }
    }

    /// What went wrong with a line that was typed.
    pub(crate) fn of_line(error: Error, sources: Sources) -> Self {
        match error.kind() {
            Kind::Usage => Self::before(vec![error], sources),
            _ => Self::while_running(error, sources),
        }
    }

    /// What was said already.
    pub(crate) fn told(code: u8) -> Self {
        Self { errors: Vec::new(), code, sources: Sources::default() }
    }

    /// Says it, and gives the exit code.
    pub(crate) fn report(self, ui: &Ui) -> u8 {
        for error in &self.errors {
            ui.err(&diagnostic(&Shown::of(error), &self.sources, ui.err_style));
        }
        self.code
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::before(vec![error], Sources::default())
    }
}
