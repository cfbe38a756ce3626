//! `windlass schemas`, and the schemas that lie in customer folders so that editors complete their files.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use windlass_runtime::customer::{CUSTOMER_FILE, CUSTOMER_SCHEMA, Customer};
use windlass_runtime::hosts::HOSTS_SCHEMA;
use windlass_runtime::playbook::{Layers, Playbook, choose};
use windlass_runtime::values::Schema;
use windlass_runtime::{Error, Kind, Result};

use crate::args::Schemas;
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::{Ui, json_escaped};

/// Where they lie in a customer folder.
pub(crate) const FOLDER: &str = ".windlass/schemas";

/// The line by which a file names its schema to editors.
pub(crate) fn modeline(schema: &str) -> String {
    format!("# yaml-language-server: $schema={FOLDER}/{schema}.schema.json\n")
}

/// The schema of a playbook's values, as an editor needs it for a file that stands above the playbook's defaults: in one
/// piece, and without asking for what the defaults give.
pub(crate) fn for_editors(schema: &Schema, defaults: &Json) -> Json {
    let mut bundled = schema.bundled();
    if let Some(required) = bundled.get_mut("required").and_then(Json::as_array_mut) {
        required.retain(|key| key.as_str().is_none_or(|key| defaults.get(key).is_none()));
    }
    bundled
}

/// A schema's file name and text.
type File = (String, String);

fn file(name: &str, schema: &Json) -> Result<File> {
    let text = serde_json::to_string_pretty(schema)
        .map_err(|e| Error::internal("a schema cannot be written as JSON").source(e))?;
    Ok((format!("{name}.schema.json"), format!("{}\n", json_escaped(&text))))
}

/// The schemas of a customer folder with this playbook.
pub(crate) fn of_folder(playbook: &Playbook, schema: Option<&Schema>) -> Result<Vec<File>> {
    let mut files = fixed();
    if let Some(schema) = schema {
        let defaults = playbook.values(None, &Layers::default())?.to_json();
        files.push(file("values", &for_editors(schema, &defaults))?);
    }
    Ok(files)
}

fn fixed() -> Vec<File> {
    let name = |name: &str| format!("{name}.schema.json");
    vec![(name("customer"), CUSTOMER_SCHEMA.to_owned()), (name("hosts"), HOSTS_SCHEMA.to_owned())]
}

/// Writes those that are not there or not the same.
pub(crate) fn write(files: &[File], folder: &Path) -> Result<()> {
    let fault = |path: &Path, error: std::io::Error| {
        Error::new(Kind::System, format!("{} cannot be written", path.display())).source(error)
    };
    std::fs::create_dir_all(folder).map_err(|e| fault(folder, e))?;
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|known| known == *text) {
            continue;
        }
        // Whole or not at all: an editor may be reading it.
        let staged = tempfile::NamedTempFile::new_in(folder).map_err(|e| fault(&path, e))?;
        std::fs::write(staged.path(), text).map_err(|e| fault(&path, e))?;
        staged.persist(&path).map_err(|e| fault(&path, e.error))?;
    }
    Ok(())
}

/// Renews the schemas of a customer folder whose files name them, after an update or in a fresh clone. A folder that
/// cannot be written to has those that it has: only editors use them.
pub(crate) fn renew(customer: &Customer, playbook: &Playbook, schema: Option<&Schema>) {
    let named = |file: &str| {
        std::fs::read_to_string(customer.folder.join(file))
            .is_ok_and(|text| text.contains(&format!("$schema={FOLDER}/")))
    };
    if (named(CUSTOMER_FILE) || named("values.yaml"))
        && let Ok(files) = of_folder(playbook, schema)
    {
        let _ = write(&files, &customer.folder.join(FOLDER));
    }
}

pub(crate) fn run(arguments: &Schemas, ui: &Ui) -> std::result::Result<u8, Failed> {
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Kind::System, "the current folder cannot be found").source(e))?;
    let tree = windlass_playbooks::tree();
    let around = || {
        Customer::around(&here).ok_or_else(|| {
            Error::usage("it is not said where to write the schemas, and this is no customer folder")
                .hint("windlass schemas DIR writes those of all stock playbooks there")
        })
    };
    let folder: PathBuf = match &arguments.folder {
        Some(folder) => here.join(folder),
        None => around()?,
    };
    let (files, folder) = if Customer::is_at(&folder) {
        let playbook = choose(None, Some(&folder), &here, Some(tree))?.playbook;
        (of_folder(&playbook, playbook.schema(Some(tree))?.as_ref())?, folder.join(FOLDER))
    } else {
        let mut files = fixed();
        for name in tree.playbooks() {
            let playbook = Playbook::stock(tree, name)?;
            if let Some(schema) = playbook.schema(Some(tree))? {
                let defaults = playbook.values(None, &Layers::default())?.to_json();
                files.push(file(&format!("{name}.values"), &for_editors(&schema, &defaults))?);
            }
        }
        (files, folder)
    };
    write(&files, &folder)?;
    let shown = crate::workspace::shown_here(&folder.display().to_string());
    for (name, _) in &files {
        ui.out(&format!("{}\n", line(&format!("{shown}/{name}"))));
    }
    Ok(exit::OK)
}
