//! Modules, and the functions that they have.

use std::collections::BTreeMap;

use windlass_runtime::Runtime;
use windlass_runtime::primitive::Primitive;

use super::Item;
use super::place::Bracket;

/// What stands at the top level of a playbook only.
const DECLARING: [&str; 8] = ["after", "before", "include_steps", "insert", "replace", "skip", "step", "wrap"];

/// The modules, and the functions that are in none.
pub(super) fn at_top(runtime: &Runtime) -> Vec<Item> {
    let mut modules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for primitive in runtime.primitives().iter().filter(|primitive| !primitive.module.is_empty()) {
        modules.entry(primitive.module).or_default().push(primitive.name);
    }
    let is_global = |primitive: &&Primitive| primitive.module.is_empty() && !DECLARING.contains(&primitive.name);
    let global = runtime.primitives().iter().filter(is_global).map(item);
    modules.into_iter().map(|(name, has)| Item::new(format!("{name}::"), has.join(", "))).chain(global).collect()
}

/// Those of scripts, by their signatures.
pub(super) fn of_scripts(signatures: &[String]) -> Vec<Item> {
    let name = |signature: &String| Some(signature.get(..=signature.find('(')?)?.to_owned());
    signatures.iter().filter_map(|own| Some(Item::new(name(own)?, own.clone()))).collect()
}

/// The functions of a module.
pub(super) fn of_module(runtime: &Runtime, module: &str) -> Vec<Item> {
    runtime.primitives().iter().filter(|primitive| primitive.module == module).map(item).collect()
}

/// All of them, by their whole names.
pub(super) fn names(runtime: &Runtime) -> Vec<Item> {
    runtime.primitives().iter().map(|primitive| Item::new(primitive.id(), primitive.summary())).collect()
}

/// The function that a call means.
pub(super) fn called<'a>(runtime: &'a Runtime, module: &str, name: &str, method: bool) -> Option<&'a Primitive> {
    if method {
        return runtime.primitives().iter().find(|primitive| primitive.method && primitive.name == name);
    }
    runtime.primitive(module, name)
}

/// What a call returns, in words. Of what Rhai brings, the usual ones that give lists.
pub(super) fn returns<'a>(runtime: &'a Runtime, call: &Bracket<'_>) -> &'a str {
    match call {
        Bracket::Call { name: "filter" | "map", method: true, .. } => "a list",
        Bracket::Call { module, name, method } => {
            called(runtime, module, name, *method).map_or("", |primitive| &primitive.returns)
        }
        _ => "",
    }
}

pub(super) fn item(primitive: &Primitive) -> Item {
    Item::new(format!("{}(", primitive.name), format!("{} {}", primitive.summary(), primitive.signature()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repl::complete::testing::{runtime, values};

    #[test]
    fn modules_have_their_functions_with_a_line_of_the_docs() {
        let runtime = runtime();
        let top = at_top(&runtime);
        assert!(values(&top).contains(&"cluster::") && values(&top).contains(&"confirm("), "{top:?}");
        assert!(!values(&top).contains(&"step("), "{top:?}");
        let cluster = of_module(&runtime, "cluster");
        let get = cluster.iter().find(|item| item.value == "get(").unwrap();
        let summary = runtime.primitive("cluster", "get").unwrap().summary();
        assert!(get.about.starts_with(&summary) && get.about.contains(" cluster::get(target"), "{get:?}");
        assert!(!values(&cluster).contains(&"upgrade("));
        assert!(of_module(&runtime, "nothing").is_empty());
    }

    #[test]
    fn a_call_means_a_function_or_a_method() {
        let runtime = runtime();
        assert!(called(&runtime, "", "replace_text", true).is_some() && called(&runtime, "", "get", true).is_none());
        assert!(called(&runtime, "cluster", "get", false).is_some() && called(&runtime, "", "get", false).is_none());
    }
}
