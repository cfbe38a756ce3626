//! `windlass show`.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use windlass_runtime::files::Located;
use windlass_runtime::playbook::{Hook, Prepared};
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Error, yaml};

use super::list::{hook_json, prepare, steps_json, stock, table};
use crate::args::{Format, Show};
use crate::clean::{clean, line};
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{self, HIDDEN, Workspace};

pub(crate) fn run(show: &Show, ui: &Ui) -> Result<u8, Failed> {
    if show.what.is_none() && show.values.customer.is_none() && !workspace::in_customer_folder() {
        stock(show.output, ui);
        return Ok(exit::OK);
    }
    let workspace = Workspace::open(show.what.as_deref(), &show.values)?;
    let prepared = prepare(&workspace)?;
    match &show.step {
        Some(key) => step(&workspace, &prepared, key, show.output, ui),
        None => playbook(&workspace, &prepared, show.output, ui),
    }
}

fn playbook(workspace: &Workspace, prepared: &Prepared, output: Format, ui: &Ui) -> Result<u8, Failed> {
    let readme = workspace.playbook.file("README.md").ok().filter(Located::exists).and_then(|f| f.read_text().ok());
    let leaves = workspace.values.explain(workspace.schema.as_deref());
    if output == Format::Json {
        let values: Vec<Json> = leaves
            .iter()
            .map(|leaf| json!({ "path": leaf.path.to_string(), "value": leaf.value, "from": leaf.layer }))
            .collect();
        ui.out_json(&json!({
            "playbook": workspace.playbook.name, "source": workspace.playbook.source, "readme": readme,
            "customer": workspace.customer.as_ref().map(|c| &c.name), "values": values, "steps": steps_json(prepared),
        }));
        return Ok(exit::OK);
    }
    let style = ui.out_style;
    let mut text = String::new();
    if let Some(readme) = readme {
        let _ = writeln!(text, "{}\n", clean(readme.trim_end()));
    }
    if !leaves.is_empty() {
        let _ = writeln!(text, "{}\n", style.bold("VALUES"));
        for leaf in &leaves {
            let value = match leaf.value {
                Some(value) => yaml::write(value).unwrap_or_default(),
                None => HIDDEN.to_owned(),
            };
            let from = style.dim(format!("# {}", line(leaf.layer)));
            let _ = writeln!(text, "  {}: {}  {from}", line(&leaf.path.to_string()), line(&value));
        }
        text.push('\n');
    }
    for problem in workspace.value_problems() {
        let _ = writeln!(text, "  {} {}", style.yellow("not yet:"), line(problem.message()));
    }
    let _ = writeln!(text, "{}\n\n{}", style.bold("STEPS"), table(prepared.steps(), ui));
    ui.out(&text);
    Ok(exit::OK)
}

fn step(workspace: &Workspace, prepared: &Prepared, key: &str, output: Format, ui: &Ui) -> Result<u8, Failed> {
    let Some(step) = prepared.steps().iter().find(|s| s.key == key) else {
        let error = Error::usage(format!("there is no step \"{key}\""));
        let known = prepared.steps().iter().map(|s| s.key.as_str());
        let hint = did_you_mean(key, known).unwrap_or_else(|| "windlass list shows the keys of all steps".to_owned());
        return Err(Failed::before(vec![error.hint(hint)], workspace.sources.clone()));
    };
    let source = workspace.sources.step(step);
    // An inserted step is its hook.
    let others: Vec<(&Hook, String)> = step
        .hooks
        .iter()
        .filter(|hook| hook.place != step.place)
        .map(|hook| (hook, workspace.sources.call_at(&hook.place)))
        .collect();
    if output == Format::Json {
        let hook = |(hook, source): &(&Hook, String)| {
            let mut json = hook_json(hook);
            json["source"] = json!(source);
            json
        };
        ui.out_json(&json!({
            "key": step.key, "title": step.title(), "place": step.place.to_string(), "source": source,
            "hooks": others.iter().map(hook).collect::<Vec<_>>(),
        }));
        return Ok(exit::OK);
    }
    let style = ui.out_style;
    let texts = std::iter::once((&step.place, &source)).chain(others.iter().map(|(hook, text)| (&hook.place, text)));
    let texts = texts
        .map(|(place, text)| format!("{}\n{}\n", style.dim(format!("// {}", line(&place.to_string()))), clean(text)));
    ui.out(&texts.collect::<Vec<_>>().join("\n"));
    Ok(exit::OK)
}
