//! What a playbook can be told: its defaults, its schema, and the layers above them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::Playbook;
use crate::customer::Customer;
use crate::files::{Home, Located, Tree};
use crate::values::{Schema, Typing, Values};
use crate::{Error, Kind, Result, yaml};

/// One `--set` or `--set-string`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What stands behind the option: `a.b=1,c=2`.
    pub text: String,
    /// Whether its right sides have types.
    pub typing: Typing,
}

/// What stands above a playbook's defaults, from the lowest layer to the highest.
#[derive(Debug, Clone, Default)]
pub struct Layers<'a> {
    /// The customer folder, whose `values.yaml` comes first.
    pub customer: Option<&'a Customer>,
    /// Files.
    pub files: Vec<PathBuf>,
    /// Single values.
    pub settings: Vec<Setting>,
}

impl Playbook {
    /// The playbook's schema: its `values.schema.json`, if there is one. A `$ref` leads to files of the playbook's folder,
    /// of the folder beside it, or of the stock playbooks.
    ///
    /// # Errors
    /// [`Kind::Malformed`] for what is no schema, [`Kind::NotFound`] for a `$ref` to a file that is not there.
    pub fn schema(&self, stock: Option<Tree>) -> Result<Option<Schema>> {
        let file = self.file("values.schema.json")?;
        if !self.is_folder() || !file.exists() {
            return Ok(None);
        }
        let home = self.home.clone();
        let own = match &home {
            Home::Disk(folder) => folder.canonicalize().unwrap_or_else(|_| folder.clone()),
            Home::Built(_, folder) => folder.into(),
        };
        let name = match &home {
            Home::Built(_, folder) => format!("{folder}/values.schema.json"),
            Home::Disk(_) => {
                format!("{}/values.schema.json", own.file_name().unwrap_or_default().to_string_lossy())
            }
        };
        let read = json(&file)?;
        let resolve = move |path: &str| {
            let candidates = match &home {
                Home::Built(tree, _) => vec![Located::Built(*tree, path.to_owned())],
                Home::Disk(_) => {
                    let beside = Located::Disk(own.parent().unwrap_or(Path::new("/")).join(path));
                    std::iter::once(beside).chain(stock.map(|t| Located::Built(t, path.to_owned()))).collect()
                }
            };
            match candidates.iter().find(|c| c.exists()) {
                Some(found) => json(found),
                None => Err(Error::new(Kind::NotFound, format!("it refers to {path}, which does not exist"))),
            }
        };
        Schema::load(read, &name, resolve).map(Some)
    }

    /// The playbook's values: its defaults (`values.yaml`) and the layers above them. Not validated.
    ///
    /// # Errors
    /// Those of the layers, as [`crate::values::Builder::build`] has them.
    pub fn values(&self, schema: Option<Arc<Schema>>, layers: &Layers<'_>) -> Result<Values> {
        let mut builder = Values::builder();
        if let Some(schema) = schema {
            builder = builder.schema(schema);
        }
        let defaults = self.file("values.yaml")?;
        if self.is_folder() && defaults.exists() {
            builder = match &defaults {
                Located::Disk(path) => builder.file(path),
                Located::Built(..) => {
                    builder.layer(&defaults.shown(), yaml::read_one(&defaults.read_text()?, &defaults.shown())?)
                }
            };
        }
        if let Some(file) = layers.customer.and_then(Customer::values_file) {
            builder = builder.file(&file);
        }
        for file in &layers.files {
            builder = builder.file(file);
        }
        for setting in &layers.settings {
            builder = builder.set(&setting.text, setting.typing);
        }
        builder.build()
    }

    /// Whether it is a folder with a `playbook.rhai`, and no single script: only a folder has values beside it.
    fn is_folder(&self) -> bool {
        Path::new(&self.source).file_name().is_some_and(|n| n == "playbook.rhai")
    }
}

fn json(file: &Located) -> Result<serde_json::Value> {
    let text = file.read_text()?;
    serde_json::from_str(&text).map_err(|e| {
        let place = crate::Place { source: file.shown(), line: e.line(), column: e.column() };
        Error::new(Kind::Malformed, format!("{} is no JSON", file.shown())).source(e).at(place)
    })
}
