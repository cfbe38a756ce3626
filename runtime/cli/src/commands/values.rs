//! `windlass values`.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::suggest::did_you_mean;
use windlass_runtime::values::{Former, Path};
use windlass_runtime::{Error, Kind, yaml};

use crate::args::{DataFormat, Values as Arguments};
use crate::clean::{clean, line};
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{HIDDEN, Workspace, shown_here};

/// How far to the right the layers begin, at most.
const COLUMN: usize = 60;

pub(crate) fn run(arguments: &Arguments, ui: &Ui) -> Result<u8, Failed> {
    let workspace = Workspace::open(arguments.what.what.as_deref(), &arguments.what.values)?;
    let only = match &arguments.only {
        Some(text) => path(text, &workspace).map_err(|e| Failed::before(vec![e], workspace.sources.clone()))?,
        None => Path::default(),
    };
    match (arguments.explain, arguments.output) {
        (false, output) => {
            let values = workspace.seen();
            let chosen = if only.segments().is_empty() { Some(&values) } else { only.find(&values) };
            let chosen = chosen.cloned().unwrap_or_default();
            match output {
                DataFormat::Json => ui.out_json(&chosen),
                DataFormat::Yaml => ui.out(&clean(&yaml::write(&chosen)?)),
            }
        }
        (true, DataFormat::Json) => ui.out_json(&explained_json(&workspace, &only)),
        (true, DataFormat::Yaml) => ui.out(&explained(&workspace, &only, ui)),
    }
    for problem in workspace.value_problems() {
        ui.err(&format!("{} {}\n", ui.err_style.yellow("not yet:"), line(problem.message())));
    }
    Ok(exit::OK)
}

/// The path that `--only` names, at which something stands.
fn path(text: &str, workspace: &Workspace) -> Result<Path, Error> {
    let path = Path::parse(text)?;
    if path.segments().is_empty() || workspace.values.at(&path).is_some() {
        return Ok(path);
    }
    let mut known: Vec<String> = Vec::new();
    for leaf in workspace.values.explain(workspace.schema.as_deref()) {
        let segments = leaf.path.segments();
        known.extend((1..=segments.len()).map(|length| Path::from(&segments[..length]).to_string()));
    }
    let hint = did_you_mean(text, known.iter().map(String::as_str));
    let hint = hint.unwrap_or_else(|| "without --only, all values are shown".to_owned());
    Err(Error::new(Kind::NotFound, format!("--only {text}: nothing stands there in the values")).hint(hint))
}

/// Each value in a line, and the layer that set it, over which others.
fn explained(workspace: &Workspace, only: &Path, ui: &Ui) -> String {
    let schema = workspace.schema.as_deref();
    let style = ui.out_style;
    let mut lines: Vec<(String, String)> = Vec::new();
    for leaf in workspace.values.explain(schema).iter().filter(|leaf| leaf.path.is_within(only)) {
        let mut from = shown_here(leaf.layer);
        for former in workspace.values.former(&leaf.path, schema) {
            let at = if former.path == &leaf.path { String::new() } else { format!("{}: ", former.path) };
            let _ = write!(from, ", over {at}{} ({})", written(former.value), shown_here(former.layer));
        }
        lines.push((format!("{}: {}", leaf.path, written(leaf.value)), from));
    }
    for former in removed(workspace, only) {
        let from = format!("{}, over {} ({})", shown_here(former.by), written(former.value), shown_here(former.layer));
        lines.push((format!("{}: (removed)", former.path), from));
    }
    let lines: Vec<(String, String)> = lines.into_iter().map(|(value, from)| (line(&value), line(&from))).collect();
    let width = lines.iter().map(|(value, _)| value.width()).filter(|width| *width <= COLUMN).max().unwrap_or(0);
    let mut text = String::new();
    for (value, from) in lines {
        let gap = " ".repeat(width.saturating_sub(value.width()) + 2);
        let _ = writeln!(text, "{value}{gap}{}", style.dim(format!("# {from}")));
    }
    text
}

fn explained_json(workspace: &Workspace, only: &Path) -> Json {
    let schema = workspace.schema.as_deref();
    let json = |former: &Former<'_>| json!({ "path": former.path.to_string(), "value": former.value, "secret": former.value.is_none(), "from": former.layer });
    let leaves = workspace.values.explain(schema);
    let values = leaves.iter().filter(|leaf| leaf.path.is_within(only)).map(|leaf| {
        let over: Vec<Json> = workspace.values.former(&leaf.path, schema).iter().map(json).collect();
        json!({
            "path": leaf.path.to_string(), "value": leaf.value, "secret": leaf.value.is_none(), "from": leaf.layer,
            "over": over,
        })
    });
    let gone = removed(workspace, only).into_iter().map(|former| {
        let mut entry = json(&former);
        if let Some(map) = entry.as_object_mut() {
            map.insert("by".to_owned(), former.by.into());
        }
        entry
    });
    let mut report = Map::new();
    report.insert("playbook".to_owned(), workspace.playbook.name.clone().into());
    report.insert("values".to_owned(), values.collect());
    report.insert("removed".to_owned(), gone.collect());
    Json::Object(report)
}

fn removed<'w>(workspace: &'w Workspace, only: &Path) -> Vec<Former<'w>> {
    let all = workspace.values.removed(workspace.schema.as_deref());
    all.into_iter().filter(|former| former.path.is_within(only)).collect()
}

fn written(value: Option<&Json>) -> String {
    match value {
        Some(value) => yaml::write(value).unwrap_or_default().trim_end().to_owned(),
        None => HIDDEN.to_owned(),
    }
}
