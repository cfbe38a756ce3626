//! `windlass show`.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use windlass_runtime::files::Located;
use windlass_runtime::playbook::{Prepared, Step};
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::{Error, yaml};

use super::list::{prepare, steps_json, stock, table};
use crate::args::{Format, Show};
use crate::clean::{clean, line};
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{self, Workspace};

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
                None => "(secret)".to_owned(),
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
    let source = source_of(workspace, step);
    if output == Format::Json {
        ui.out_json(
            &json!({ "key": step.key, "title": step.title(), "place": step.place.to_string(), "source": source }),
        );
        return Ok(exit::OK);
    }
    let style = ui.out_style;
    ui.out(&format!("{}\n{}\n", style.dim(format!("// {}", line(&step.place.to_string()))), clean(&source)));
    Ok(exit::OK)
}

/// The text of a step's declaration; the whole script where that cannot be told.
fn source_of(workspace: &Workspace, step: &Step) -> String {
    let text = workspace.sources.text(&step.place.source).unwrap_or_default();
    if step.key == "main" && step.place.line <= 1 && step.place.column <= 1 {
        return text;
    }
    let skipped = step.place.line.saturating_sub(1);
    let rest: String = text.split_inclusive('\n').skip(skipped).collect();
    let from: usize = rest.chars().take(step.place.column.saturating_sub(1)).map(char::len_utf8).sum();
    let declaration = rest.get(from..).unwrap_or_default();
    match crate::declaration::call_length(declaration) {
        Some(length) => declaration[..length].to_owned(),
        None => declaration.to_owned(),
    }
}
