//! `windlass diff-stock`: what a customer folder changes about its playbook.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use windlass_runtime::playbook::{Layers, Prepared, Step, Unmatched};
use windlass_runtime::values::{self, Leaf, Values};
use windlass_runtime::{Error, yaml};

use super::list::{hook_json, hook_words, prepare};
use crate::args::{DiffStock, Format, ValuesFrom};
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::workspace::{HIDDEN, Workspace};

/// The version that the stock playbooks are of.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn run(diff: &DiffStock, ui: &Ui) -> Result<u8, Failed> {
    let mut workspace = Workspace::open(diff.customer.as_deref(), &ValuesFrom::default())?;
    // All hooks that do not match are to be told, and what the others do besides.
    if let Some(hooks) = &mut workspace.playbook.hooks {
        hooks.strict = false;
    }
    let Some(customer) = workspace.customer.as_ref() else {
        let error = Error::usage(format!("{} is no customer folder", diff.customer.as_deref().unwrap_or(".")));
        return Err(Failed::before(
            vec![error.hint("a customer folder has a customer.yaml that names its playbook")],
            workspace.sources,
        ));
    };
    let (folder, name, made_for) = (customer.folder.clone(), customer.name.clone(), customer.made_for.clone());
    let failed = |error: Error| Failed::before(vec![error], workspace.sources.clone());
    let stock = workspace.playbook.values(workspace.schema.clone(), &Layers::default()).map_err(failed)?;
    let differences = Differences {
        values: values(&stock, &workspace),
        prepared: prepare(&workspace)?,
        modules: modules(&folder).map_err(failed)?,
    };
    let code = if differences.prepared.unmatched().is_empty() { exit::OK } else { exit::USAGE };
    if diff.output == Format::Json {
        let mut report = json!({
            "customer": name, "playbook": workspace.playbook.name, "made_for": made_for, "version": VERSION,
        });
        differences.put_into(&mut report);
        ui.out_json(&report);
        return Ok(code);
    }
    let style = ui.out_style;
    let of = format!("{} changes {}", line(&name), line(&workspace.playbook.name));
    let versions = match &made_for {
        Some(made_for) if made_for == VERSION => format!("made for {VERSION}, and this is {VERSION}"),
        Some(made_for) => format!("made for {}, and this is {VERSION}", line(made_for)),
        None => format!("this is {VERSION}; customer.yaml does not say which version it was made for (made_for)"),
    };
    ui.out(&format!("{} {}\n{}", style.bold(of), style.dim(format!("({versions})")), differences.text(ui)));
    let lost = differences.prepared.unmatched();
    if !lost.is_empty() {
        let errors = lost.iter().map(|hook| hook.error.clone()).collect();
        Failed::before(errors, workspace.sources.clone()).report(ui);
    }
    Ok(code)
}

/// A value that the customer has otherwise than the playbook, as it is shown; nothing where there is none.
struct Changed {
    path: String,
    stock: Option<Json>,
    customer: Option<Json>,
}

/// What the customer's values have otherwise, in the order of the text; what they do not have any more at the end.
fn values(stock: &Values, workspace: &Workspace) -> Vec<Changed> {
    let schema = workspace.schema.as_deref();
    let (before, after) = (stock.explain(schema), workspace.values.explain(schema));
    let shown = |leaf: &Leaf<'_>| leaf.value.cloned().unwrap_or_else(|| HIDDEN.into());
    let at = |leaves: &[Leaf<'_>], path: &values::Path| leaves.iter().find(|leaf| leaf.path == *path).map(shown);
    let is_other = |leaf: &&Leaf<'_>| stock.at(&leaf.path) != workspace.values.at(&leaf.path);
    let changed = |leaf: &Leaf<'_>| Changed {
        path: leaf.path.to_string(),
        stock: at(&before, &leaf.path),
        customer: at(&after, &leaf.path),
    };
    let gone = before.iter().filter(|leaf| !after.iter().any(|other| other.path == leaf.path));
    after.iter().filter(is_other).chain(gone).map(changed).collect()
}

/// The modules in the folder's `lib/`, as paths in the folder.
fn modules(folder: &Path) -> windlass_runtime::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.join("lib")];
    while let Some(next) = open.pop().filter(|next| next.is_dir()) {
        for file in windlass_runtime::files::Located::Disk(next).list()? {
            let path = file.on_disk()?;
            // A link to a folder could lead round in a circle.
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rhai") {
                found.push(path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path));
            }
        }
    }
    found.sort();
    Ok(found)
}

struct Differences {
    values: Vec<Changed>,
    prepared: Prepared,
    modules: Vec<PathBuf>,
}

impl Differences {
    /// The steps that the customer's hooks change.
    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.prepared.steps().iter().filter(|step| step.hooks.iter().any(|hook| hook.customer))
    }

    fn put_into(&self, report: &mut Json) {
        let value =
            |changed: &Changed| json!({ "path": changed.path, "stock": changed.stock, "customer": changed.customer });
        let step = |step: &Step| {
            let hooks = step.hooks.iter().filter(|hook| hook.customer);
            json!({ "key": step.key, "title": step.title(), "hooks": hooks.map(hook_json).collect::<Vec<_>>() })
        };
        let lost = |lost: &Unmatched| {
            json!({
                "hook": lost.sort.as_str(), "step": lost.key, "place": lost.place.to_string(),
                "message": lost.error.message(), "hint": lost.error.hint_text(),
            })
        };
        report["values"] = self.values.iter().map(value).collect();
        report["steps"] = self.steps().map(step).collect();
        report["modules"] = self.modules.iter().map(|path| json!(path.display().to_string())).collect();
        report["unmatched"] = self.prepared.unmatched().iter().map(lost).collect();
    }

    fn text(&self, ui: &Ui) -> String {
        let style = ui.out_style;
        let mut text = String::new();
        if !self.values.is_empty() {
            let _ = writeln!(text, "\n{}\n", style.bold("VALUES"));
            for changed in &self.values {
                let shown = |value: &Option<Json>| match value {
                    Some(Json::String(text)) if text == HIDDEN => text.clone(),
                    Some(value) => line(yaml::write(value).unwrap_or_default().trim_end()),
                    None => "(none)".to_owned(),
                };
                let (stock, customer) = (shown(&changed.stock), shown(&changed.customer));
                let _ = writeln!(text, "  {}: {stock} → {customer}", line(&changed.path));
            }
        }
        let mut steps = self.steps().peekable();
        if steps.peek().is_some() {
            let _ = writeln!(text, "\n{}\n", style.bold("STEPS"));
        }
        for step in steps {
            let _ = writeln!(text, "  {}: {}", style.bold(line(&step.key)), line(&hook_words(step)));
            for hook in step.hooks.iter().filter(|hook| hook.customer) {
                let _ = writeln!(
                    text,
                    "    {}",
                    style.dim(format!("{} at {}", hook.sort.as_str(), line(&hook.place.to_string())))
                );
            }
        }
        if !self.modules.is_empty() {
            let _ = writeln!(text, "\n{}\n", style.bold("OWN MODULES"));
            for path in &self.modules {
                let _ = writeln!(text, "  {}", line(&path.display().to_string()));
            }
        }
        if text.is_empty() {
            text.push_str("\nnothing\n");
        }
        text
    }
}
