//! The scripts that a playbook is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::AST;

use super::declare::Unit;
use crate::engine::check_import;
use crate::session::Session;

/// The texts of units and of what they import, by the names of their files. A name begins in the folder of the unit, so that
/// it stays the same where the folder is moved, or named from elsewhere.
pub(super) fn declared_scripts(session: &Session, units: &[Arc<Unit>]) -> BTreeMap<String, String> {
    fn add(session: &Session, source: &str, text: String, ast: &AST, into: &mut BTreeMap<String, String>) {
        if into.insert(source.to_owned(), text).is_some() {
            return;
        }
        for import in crate::analysis::calls_and_imports(ast).imports {
            // One that is not there fails where it is imported.
            if let Ok((name, text)) = check_import(session, source, &import)
                && let Ok(ast) = session.runtime().engine().compile(&text)
            {
                add(session, &name, text, &ast, into);
            }
        }
    }
    let mut by_source = BTreeMap::new();
    units.iter().for_each(|unit| add(session, &unit.source, unit.text.clone(), &unit.ast, &mut by_source));
    let folders: Vec<PathBuf> = units
        .iter()
        .filter_map(|unit| Some(Path::new(&unit.source).canonicalize().ok()?.parent()?.to_owned()))
        .collect();
    let mut scripts = BTreeMap::new();
    for (source, text) in by_source {
        let path = Path::new(&source).canonicalize().ok();
        let below = |folder: &PathBuf| Some(path.as_ref()?.strip_prefix(folder).ok()?.display().to_string());
        let name = folders.iter().find_map(below).unwrap_or(source);
        let mut unique = name.clone();
        for number in 2.. {
            match scripts.contains_key(&unique) {
                true => unique = format!("{name} ({number})"),
                false => break,
            }
        }
        scripts.insert(unique, text);
    }
    scripts
}
