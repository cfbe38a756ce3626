//! What may be wrong with the names of a resource.

use serde::Deserialize;

use super::super::fault::{self, Path};
use super::super::spec::Names;
use crate::Json;
use crate::error::Cause;
use crate::validation::names::dns_1035_label;

/// The names of a spec; all but the lists have to be there.
pub(super) fn check(names: &Names, at: &Path, needed: bool, wrong: &mut Vec<Cause>) {
    let all = [
        ("plural", &names.plural),
        ("singular", &names.singular),
        ("kind", &names.kind),
        ("listKind", &names.list_kind),
    ];
    if needed {
        let absent = all.iter().filter(|(_, name)| name.is_empty());
        wrong.extend(absent.map(|(field, _)| fault::required(&at.child(field), "")));
    }
    for (field, name) in all.iter().filter(|(_, name)| !name.is_empty()) {
        let mixed = matches!(*field, "kind" | "listKind");
        let faults = if mixed { dns_1035_label(&name.to_lowercase()) } else { dns_1035_label(name) };
        if !faults.is_empty() {
            let prefix = if mixed { "may have mixed case, but should otherwise match: " } else { "" };
            let detail = format!("{prefix}{}", faults.join(","));
            wrong.push(fault::invalid(&at.child(field), &name.as_str().into(), &detail));
        }
    }
    labels(&names.short_names, &at.child("shortNames"), wrong);
    if !names.kind.is_empty() && names.kind == names.list_kind {
        let detail = "kind and listKind may not be the same";
        wrong.push(fault::invalid(&at.child("listKind"), &names.list_kind.as_str().into(), detail));
    }
    labels(&names.categories, &at.child("categories"), wrong);
}

fn labels(names: &[String], at: &Path, wrong: &mut Vec<Cause>) {
    for (index, name) in names.iter().enumerate() {
        let faults = dns_1035_label(name);
        if !faults.is_empty() {
            wrong.push(fault::invalid(&at.index(index), &name.as_str().into(), &faults.join(",")));
        }
    }
}

/// The names in the status.
pub(super) fn check_accepted(definition: &Json, wrong: &mut Vec<Cause>) {
    let names = definition.pointer("/status/acceptedNames").and_then(|names| Names::deserialize(names).ok());
    if let Some(names) = names {
        check(&names, &Path::new("status.acceptedNames"), false, wrong);
    }
}
