//! Reading what is open anew, in the middle of its steps.

use serde_json::Value as Json;
use windlass_runtime::Error;

use super::{Book, none_open};
use crate::args;
use crate::clean::line;
use crate::failed::Failed;
use crate::repl::desk::Desk;
use crate::workspace::Workspace;

impl Book {
    /// Reads the playbook and its values anew; what was done stays done.
    pub(in crate::repl) fn reload(&mut self, desk: &Desk, args: &args::Repl) -> Result<(), Failed> {
        if self.workspace.is_none() {
            return Err(none_open().into());
        }
        match Workspace::open(self.what.as_deref(), &args.what.values) {
            Ok(fresh) => self.take(desk, fresh),
            Err(failed) => {
                self.is_stale(failed.errors.first());
                Err(failed)
            }
        }
    }

    /// The same, but refuses values that are wrong and were not before.
    pub(in crate::repl) fn reload_checked(&mut self, desk: &Desk, args: &args::Repl) -> Result<(), Failed> {
        if self.workspace.is_none() {
            return self.reload(desk, args);
        }
        let fresh = Workspace::open(self.what.as_deref(), &args.what.values)?;
        let problems: Vec<Error> = fresh.value_problems().into_iter().filter(|p| !desk.knows_problem(p)).collect();
        if problems.is_empty() { self.take(desk, fresh) } else { Err(Failed::before(problems, fresh.sources.clone())) }
    }

    /// Goes on with what was read anew.
    fn take(&mut self, desk: &Desk, fresh: Workspace) -> Result<(), Failed> {
        desk.add_sources(&fresh.sources);
        let former = self.session.values();
        let changed = self.session.replace_values(fresh.values_json());
        let read = self.session.prepare(&fresh.playbook).and_then(|prepared| match &mut self.walk {
            Some(walk) => walk.replace(prepared),
            None => {
                self.walk = Some(prepared.walk()?);
                Ok(())
            }
        });
        if let Err(error) = read {
            self.session.replace_values(Json::clone(&former));
            self.is_stale(Some(&error));
            return Err(Failed::before(vec![error], desk.sources()));
        }
        (self.unready, self.broken_at, self.workspace) = (None, None, Some(fresh));
        // Where there were none at all, all of them are new.
        let changed: Vec<String> = changed.into_iter().filter(|path| !path.is_empty()).collect();
        if !changed.is_empty() {
            desk.say(&format!("these values are new: {}\n", line(&changed.join(", "))));
        }
        let steps = self.walk.as_ref().map(|walk| walk.steps().len()).unwrap_or_default();
        let name = self.workspace.as_ref().map(|workspace| line(&workspace.playbook.name)).unwrap_or_default();
        desk.say(&format!("{name} was read anew: {steps} {}\n", if steps == 1 { "step" } else { "steps" }));
        self.say_problems(desk);
        desk.knows(self.known());
        Ok(())
    }

    /// Takes note that what is open is not what is in the files: nothing runs by scripts of which a person thinks that they are
    /// mended.
    fn is_stale(&mut self, why: Option<&Error>) {
        self.broken_at = why.and_then(Error::place).cloned();
        self.unready = Some(
            Error::usage("the playbook could not be read anew, and what was read before is not run")
                .hint("mend it (:edit), and :reload"),
        );
    }
}
