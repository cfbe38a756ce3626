//! What is wrong with what is open, as far as it can be known before anything runs.

use windlass_runtime::Error;
use windlass_runtime::target::NoTarget;

use super::Book;
use crate::clean::line;
use crate::repl::desk::Desk;

/// So many of them are said at most.
const MOST: usize = 5;

impl Book {
    /// What is wrong with the values, and what `windlass check` finds in the scripts: a step fails where it comes to that.
    fn problems(&self, desk: &Desk) -> Vec<Error> {
        let Some(workspace) = &self.workspace else { return Vec::new() };
        let mut problems = workspace.value_problems();
        if self.walk.is_some() {
            let session = desk.runtime().session(NoTarget::new()).values(workspace.values_json()).open();
            let checked = session.prepare_checked(&workspace.playbook, workspace.schema.as_deref());
            problems.extend(checked.err().unwrap_or_default());
        }
        problems
    }

    /// What is wrong with what is open is known again.
    pub(in crate::repl) fn recalls_problems(&self, desk: &Desk) {
        desk.knows_problems(self.problems(desk));
    }

    /// Says what is wrong, and was not said yet.
    pub(super) fn say_problems(&self, desk: &Desk) {
        let problems = self.problems(desk);
        let (mut said, mut more) = (0, 0);
        for problem in problems.iter().filter(|problem| !desk.knows_problem(problem)) {
            let (word, place) = match problem.place() {
                Some(_) if said == MOST => {
                    more += 1;
                    continue;
                }
                Some(place) => {
                    said += 1;
                    ("check:", format!(" ({place})"))
                }
                None => ("value:", String::new()),
            };
            let text = line(&format!("{}{place}", problem.message()));
            desk.say_prose(&format!("{} {text}", desk.ui().err_style.yellow(word)));
        }
        if more > 0 {
            desk.say(&format!("and {more} more: `windlass check` says all\n"));
        }
        desk.knows_problems(problems);
    }
}
