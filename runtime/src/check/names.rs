//! The functions that the engine knows.

use std::collections::{BTreeMap, BTreeSet};

use rhai::FnNamespace;

use crate::runtime::Runtime;

/// Functions of Rhai's that stand in no table, and take any number of arguments.
const KEYWORDS: [&str; 9] =
    ["call", "curry", "print", "debug", "type_of", "Fn", "is_def_fn", "is_def_var", "is_shared"];

/// The engine's functions and the numbers of their arguments.
pub(super) struct Names {
    /// Those that are called without a module.
    global: BTreeMap<String, BTreeSet<usize>>,
    /// Those of them that are Rhai's, and no methods of ours.
    rhai: BTreeMap<String, BTreeSet<usize>>,
    /// Those of modules.
    modules: BTreeMap<String, BTreeMap<String, BTreeSet<usize>>>,
}

impl Names {
    pub(super) fn of(runtime: &Runtime) -> Self {
        let all = runtime.engine().collect_fn_metadata(
            None,
            |info| {
                let global = info.namespace.is_empty() || info.metadata.namespace == FnNamespace::Global;
                Some((info.namespace.to_string(), info.metadata.name.to_string(), info.metadata.num_params, global))
            },
            true,
        );
        let mut names = Self { global: BTreeMap::new(), rhai: BTreeMap::new(), modules: BTreeMap::new() };
        for (module, name, count, global) in all {
            if !is_name(&name) {
                continue;
            }
            if global {
                names.global.entry(name.clone()).or_default().insert(count);
            }
            if module.is_empty() {
                names.rhai.entry(name).or_default().insert(count);
            } else {
                names.modules.entry(module).or_default().entry(name).or_default().insert(count);
            }
        }
        names
    }

    /// Whether Rhai itself treats the name specially.
    pub(super) fn is_keyword(name: &str) -> bool {
        KEYWORDS.contains(&name)
    }

    /// How many arguments a function without a module takes.
    pub(super) fn global(&self, name: &str) -> Option<&BTreeSet<usize>> {
        self.global.get(name)
    }

    /// Whether Rhai has a function of this name that takes so many arguments.
    pub(super) fn is_rhai(&self, name: &str, count: usize) -> bool {
        self.rhai.get(name).is_some_and(|counts| counts.contains(&count))
    }

    /// How many arguments a module's function takes.
    pub(super) fn of_module(&self, module: &str, name: &str) -> Option<&BTreeSet<usize>> {
        self.modules.get(module)?.get(name)
    }

    pub(super) fn has_module(&self, module: &str) -> bool {
        self.modules.contains_key(module)
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// The functions of a module.
    pub(super) fn functions(&self, module: &str) -> impl Iterator<Item = &str> {
        self.modules.get(module).into_iter().flat_map(|m| m.keys()).map(String::as_str)
    }

    pub(super) fn globals(&self) -> impl Iterator<Item = &str> {
        self.global.keys().map(String::as_str).chain(KEYWORDS).filter(|name| !name.starts_with('_'))
    }
}

/// Whether it is a name that a script can call, and no operator or accessor.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
