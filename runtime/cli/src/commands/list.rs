//! `windlass list`.

use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::playbook::{Hook, HookSort, Prepared, Step};
use windlass_runtime::target::NoTarget;

use crate::args::{Format, List};
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{self, Workspace};

pub(crate) fn run(list: &List, ui: &Ui) -> Result<u8, Failed> {
    let what = &list.what;
    if what.what.is_none() && what.values.customer.is_none() && !workspace::in_customer_folder() {
        stock(list.output, ui);
        return Ok(exit::OK);
    }
    let workspace = Workspace::open(what.what.as_deref(), &what.values)?;
    let prepared = prepare(&workspace)?;
    if list.output == Format::Json {
        ui.out_json(&json!({ "playbook": workspace.playbook.name, "steps": steps_json(&prepared) }));
    } else {
        ui.out(&table(prepared.steps(), ui));
    }
    Ok(exit::OK)
}

/// The playbooks that are built in.
pub(super) fn stock(output: Format, ui: &Ui) {
    let tree = windlass_playbooks::tree();
    let about = |name: &str| {
        let readme = tree.get(&format!("{name}/README.md")).map(String::from_utf8_lossy).unwrap_or_default();
        first_sentence(&readme)
    };
    let names = windlass_playbooks::names();
    if output == Format::Json {
        let all: Vec<Json> = names.iter().map(|name| json!({ "name": name, "about": about(name) })).collect();
        ui.out_json(&json!({ "playbooks": all }));
        return;
    }
    let width = names.iter().map(|n| n.width()).max().unwrap_or_default();
    for name in names {
        let gap = " ".repeat(width - name.width());
        ui.out(&format!("{}{gap}  {}\n", ui.out_style.bold(name), about(name)));
    }
}

/// The first sentence of a Markdown text that is no heading.
fn first_sentence(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim);
    let first =
        paragraphs.filter(|p| !p.is_empty() && !p.starts_with(['#', '`', '|'])).map(line).next().unwrap_or_default();
    let first = first.replace(" ⏎ ", " ");
    match first.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => first,
    }
}

/// Declares the steps; the values need not be whole for that.
pub(super) fn prepare(workspace: &Workspace) -> Result<Prepared, Failed> {
    let session = workspace::runtime()?.session(NoTarget::new()).values(workspace.values_json()).open();
    session.prepare(&workspace.playbook).map_err(|e| Failed::before(vec![e], workspace.sources.clone()))
}

pub(super) fn steps_json(prepared: &Prepared) -> Vec<Json> {
    let step = |s: &Step| {
        json!({
            "key": s.key, "title": s.title(), "tags": s.options.tags, "needs": s.options.needs,
            "on_error": s.options.on_error.as_str(), "retries": s.options.retries,
            "timeout_s": s.options.timeout.map(|t| t.as_secs_f64()), "irreversible": s.options.irreversible,
            "place": s.place.to_string(), "hooks": s.hooks.iter().map(hook_json).collect::<Vec<_>>(),
        })
    };
    prepared.steps().iter().map(step).collect()
}

/// A hook on a step.
pub(super) fn hook_json(hook: &Hook) -> Json {
    let mut json = json!({ "hook": hook.sort.as_str(), "place": hook.place.to_string() });
    if let Some(reason) = &hook.reason {
        json["reason"] = json!(reason);
    }
    json
}

/// What hooks make of a step, in a few words.
pub(crate) fn hook_words(step: &Step) -> String {
    let mut words: Vec<String> = Vec::new();
    for hook in &step.hooks {
        let word = match (hook.sort, &hook.reason) {
            (HookSort::Skip, Some(reason)) => format!("skipped: {reason}"),
            (HookSort::Replace, _) => "replaced".to_owned(),
            (HookSort::Insert, _) => "inserted".to_owned(),
            (HookSort::Wrap, _) => "wrapped".to_owned(),
            (sort, _) => format!("with {}", sort.as_str()),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// The steps in the order in which they run.
pub(super) fn table(steps: &[Step], ui: &Ui) -> String {
    let style = ui.out_style;
    let width = steps.iter().map(|s| line(&s.key).width()).max().unwrap_or_default();
    let digits = steps.len().to_string().len();
    let mut text = String::new();
    for (index, step) in steps.iter().enumerate() {
        let key = line(&step.key);
        let gap = " ".repeat(width - key.width());
        let mut notes = Vec::new();
        if !step.options.needs.is_empty() {
            notes.push(format!("needs {}", step.options.needs.join(", ")));
        }
        if !step.options.tags.is_empty() {
            notes.push(format!("tags {}", step.options.tags.join(", ")));
        }
        if step.options.irreversible {
            notes.push("irreversible".to_owned());
        }
        if !step.hooks.is_empty() {
            notes.push(hook_words(step));
        }
        let title = if step.title() == step.key { String::new() } else { line(step.title()) };
        let notes =
            if notes.is_empty() { String::new() } else { style.dim(format!("  ({})", line(&notes.join("; ")))) };
        let number = style.dim(format!("{:digits$}", index + 1));
        text.push_str(format!("{number} {}{gap}  {title}{notes}", style.bold(key)).trim_end());
        text.push('\n');
    }
    text
}
