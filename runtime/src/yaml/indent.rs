//! Lines inside of brackets and quotes that stand less deep than YAML 1.2 asks for.
//!
//! kubectl's reader does not look at the indentation there, and people write such lines: a closing bracket under its
//! key's parent, a quoted text that goes on at the start of the line. Blanks at the start of such a line mean nothing,
//! so the line is moved to the right, and the text is read again.

use crate::error::Error;

/// Why a text could not be read to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Fault(Error),
    Shallow(Shallow),
}

/// A line that does not stand deep enough.
#[derive(Debug)]
pub(super) struct Shallow {
    /// Where the parser stopped, counted from 1: the line itself, or the start of the quoted text that it is a part of.
    line: usize,
    quoted: bool,
    /// The column to which the line must be moved.
    column: usize,
    /// What to say where that does not help.
    pub(super) error: Error,
}

impl Stop {
    /// `info` is what the parser says, `deepest` the deepest column at which something is open.
    pub(super) fn of(info: &str, line: usize, deepest: usize, error: Error) -> Self {
        // All three come from inside of brackets or quotes only.
        let quoted = match info {
            "invalid indentation" | "invalid indentation in flow construct" => false,
            "invalid indentation in quoted scalar" => true,
            _ => return Stop::Fault(error),
        };
        Stop::Shallow(Shallow { line, quoted, column: deepest + 2, error })
    }
}

impl Shallow {
    /// The text with the line moved to the right; nothing where that would change its meaning.
    pub(super) fn deepen(&self, text: &str) -> Option<String> {
        let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let mut start = 0;
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let found = match self.quoted {
                false => number == self.line,
                true => number > self.line && !line.trim().is_empty() && depth(line) < self.column,
            };
            if found {
                let marker = line.starts_with("---") || line.starts_with("...");
                let (before, after) = text.split_at(start);
                // A line that is deep enough already would come back again and again.
                let missing = self.column.checked_sub(depth(line)).filter(|n| *n > 0)?;
                return (!marker).then(|| format!("{before}{}{after}", " ".repeat(missing)));
            }
            start += line.len();
        }
        None
    }
}
