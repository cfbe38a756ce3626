//! What can be known to be wrong with a playbook without running a step of it: all of it at once, each with its place.

mod calls;
mod literal;
mod names;
mod units;
mod values;

use crate::playbook::{Playbook, Prepared};
use crate::session::Session;
use crate::values::Schema;
use crate::{Error, Kind, Place};

use calls::Calls;
use names::Names;
use units::Units;
pub(crate) use values::value_path;

/// Collects problems, each once.
#[derive(Default)]
struct Problems(Vec<Error>);

impl Problems {
    fn add(&mut self, error: Error) {
        let same = |known: &Error| known.place() == error.place() && known.message() == error.message();
        if !self.0.iter().any(same) {
            self.0.push(error);
        }
    }

    /// Adds what running the top level found, unless something was found at that place already.
    fn add_late(&mut self, late: Vec<Error>) {
        let line = |e: &Error| e.place().map(|p| (p.source.clone(), p.line));
        let known: Vec<_> = self.0.iter().filter_map(line).collect();
        for error in late {
            if line(&error).is_none_or(|line| !known.contains(&line)) {
                self.add(error);
            }
        }
    }
}

impl Session {
    /// Checks a playbook and all that belongs to it: the step files that it includes, the modules that it imports. Only
    /// their top levels run, in which nothing can act. The session's values count as the playbook's.
    ///
    /// Found are: what does not parse, unknown functions and methods, wrong numbers of arguments, unknown or missing
    /// options, literals that a primitive refuses, imports that are missing or lead out, `values.` paths that neither the
    /// values nor the schema know, steps that are declared twice, need what is no step, or need each other in a circle, and
    /// what acts at the top level. Empty where nothing is wrong; otherwise by file and line.
    #[must_use]
    pub fn check(&self, playbook: &Playbook, schema: Option<&Schema>) -> Vec<Error> {
        self.prepare_checked(playbook, schema).err().unwrap_or_default()
    }

    /// Checks a playbook as [`Session::check`] does, and prepares it where nothing is wrong.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn prepare_checked(&self, playbook: &Playbook, schema: Option<&Schema>) -> Result<Prepared, Vec<Error>> {
        let mut problems = Problems::default();
        let units = Units::find(self, playbook, &mut problems);
        let names = Names::of(self.runtime());
        for unit in units.iter() {
            Calls { runtime: self.runtime(), names: &names, units: &units, unit, problems: &mut problems }.check();
            values::check(unit, &self.values(), schema, &mut problems);
        }
        if units.are_whole() {
            match self.declare(playbook) {
                Ok(prepared) if problems.0.is_empty() => {
                    let uses_cluster = units.iter().any(|unit| calls::uses_cluster(self.runtime(), &names, unit));
                    return Ok(Prepared { uses_cluster, ..prepared });
                }
                Ok(_) => {}
                Err(late) => problems.add_late(late),
            }
        }
        let order = |e: &Error| {
            let unknown = (usize::MAX, 0, 0);
            e.place().map_or(unknown, |place| (units.position(&place.source), place.line, place.column))
        };
        problems.0.sort_by_key(order);
        Err(problems.0.into_iter().map(|e| self.mask_error(e)).collect())
    }
}

fn place_at(source: &str, position: rhai::Position) -> Place {
    Place { source: source.to_owned(), line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
}

/// The nearest word as a hint, or this one.
fn hinted<'a>(
    error: Error,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> Error {
    match crate::suggest::did_you_mean(word, known) {
        Some(hint) => error.hint(hint),
        None => error.hint(otherwise()),
    }
}

fn script(message: String) -> Error {
    Error::new(Kind::Script, message)
}

#[cfg(test)]
mod tests;
