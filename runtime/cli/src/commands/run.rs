//! `windlass run`.

use std::sync::Arc;

use windlass_runtime::Error;
use windlass_runtime::access::Access;

use crate::args::{Run, RunOutput};
use crate::failed::Failed;
use crate::io::Ui;
use crate::launch::{Launch, tell_failed};
use crate::prompt::Terminal;
use crate::workspace::Workspace;
use crate::{vault, workspace};

pub(crate) fn run(run: &Run, ui: &Ui) -> Result<u8, Failed> {
    attempt(run, ui).inspect_err(|failed| tell_failed(failed, run.telling.output, ui))
}

fn attempt(run: &Run, ui: &Ui) -> Result<u8, Failed> {
    let someone = ui.io.process && Terminal::is_there();
    if run.step && !someone {
        let error = Error::usage("--step asks a person before each step, and there is no terminal to ask on");
        return Err(error.hint("run it at a terminal, or leave --step out; --only STEP runs one step").into());
    }
    let workspace = Workspace::open(run.what.what.as_deref(), &run.what.values)?;
    let target = workspace::target(&run.cluster, workspace.customer.as_ref())?;
    let launch = Launch::new(ui, &workspace, &run.steps, &run.telling)?;
    let report = launch.run(
        target,
        |mut builder, progress| {
            builder = builder.vault(vault::of(workspace.customer.as_ref()));
            if run.read_only {
                builder = builder.access(Access::read_only());
            }
            for key in &run.yes_to {
                builder = builder.yes_to(key);
            }
            if someone {
                let (cancel, progress) = (launch.cancel.clone(), progress.clone());
                let values = workspace.shown_values();
                builder = builder.prompter(Arc::new(Terminal { cancel, progress, style: ui.err_style, values }));
            }
            if run.step {
                builder = builder.step_by_step();
            }
            builder
        },
        |_| Ok(()),
    )?;
    if run.telling.output == RunOutput::Json {
        ui.out_json(&report);
    }
    Ok(launch.code(report.status))
}
