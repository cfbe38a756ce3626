//! `windlass check`.

use serde_json::json;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Session};

use crate::args::{Check, Format};
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{self, Workspace};

pub(crate) fn run(check: &Check, ui: &Ui) -> Result<u8, Failed> {
    let (workspace, problems, steps) = match look(check) {
        Ok(looked) => looked,
        Err(failed) if check.output == Format::Json => {
            ui.out_json(&report(None, &failed.errors));
            return Ok(failed.code);
        }
        Err(failed) => return Err(failed),
    };
    if check.output == Format::Json {
        ui.out_json(&report(Some(&workspace), &problems));
        return Ok(if problems.is_empty() { exit::OK } else { exit::USAGE });
    }
    if problems.is_empty() {
        let steps = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
        ui.out(&format!(
            "{}: {}, {steps}, nothing wrong\n",
            ui.out_style.bold_green("ok"),
            line(&workspace.playbook.name)
        ));
        return Ok(exit::OK);
    }
    let count = problems.len();
    Failed::before(problems, workspace.sources).report(ui);
    if count > 1 {
        ui.err(&format!("{count} problems\n"));
    }
    Ok(exit::USAGE)
}

fn look(check: &Check) -> Result<(Workspace, Vec<Error>, usize), Failed> {
    let workspace = Workspace::open(check.what.what.as_deref(), &check.what.values)?;
    let session = workspace::runtime()?.session(NoTarget::new()).values(workspace.values_json()).open();
    let (problems, steps) = problems(&workspace, &session);
    Ok((workspace, problems, steps))
}

/// All that is wrong with the values and the scripts, and how many steps there are.
fn problems(workspace: &Workspace, session: &Session) -> (Vec<Error>, usize) {
    let mut problems = workspace.value_problems();
    let steps = match session.prepare_checked(&workspace.playbook, workspace.schema.as_deref()) {
        Ok(prepared) => {
            problems.extend(prepared.state_problems());
            prepared.steps().len()
        }
        Err(found) => {
            problems.extend(found);
            0
        }
    };
    (problems, steps)
}

fn report(workspace: Option<&Workspace>, problems: &[Error]) -> serde_json::Value {
    let problems: Vec<_> = problems.iter().map(Error::to_json).collect();
    json!({ "playbook": workspace.map(|w| &w.playbook.name), "ok": problems.is_empty(), "problems": problems })
}
