//! Which fields a value sets, and taking fields out of it.

use std::collections::BTreeMap;

use super::element::{Element, Path};
use super::set::Set;
use super::types::{Form, Kind, List, Map, Types};
use crate::Json;

/// Every leaf and every item that a [valid](super::validate::validate) value names.
pub(crate) fn fields_of(types: Types<'_>, value: &Json) -> Set {
    let mut walk = Walk { types, path: Path::new(), set: Set::default() };
    walk.value(types.root(), value);
    walk.set
}

struct Walk<'a> {
    types: Types<'a>,
    path: Path,
    set: Set,
}

impl Walk<'_> {
    fn value(&mut self, kind: Kind, value: &Json) {
        match self.types.forms(kind).of(Some(value)).first() {
            Some(Form::List(list)) if list.keys.is_some() => self.items(&list, value),
            Some(Form::Map(map)) if !map.atomic => self.map(&map, value),
            Some(_) => self.set.insert(&self.path),
            None => {}
        }
    }

    fn items(&mut self, list: &List<'_>, value: &Json) {
        let Json::Array(items) = value else { return };
        let steps: Vec<(Element, &Json)> =
            items.iter().filter_map(|item| Some((self.types.item(list, item).ok()?, item))).collect();
        let mut counts: BTreeMap<&Element, usize> = BTreeMap::new();
        for (step, _) in &steps {
            *counts.entry(step).or_default() += 1;
        }
        for (step, item) in &steps {
            self.path.push(step.clone());
            if counts.get(step) == Some(&1) {
                self.value(list.items, item);
            }
            self.set.insert(&self.path);
            self.path.pop();
        }
    }

    fn map(&mut self, map: &Map<'_>, value: &Json) {
        for (name, value) in value.as_object().into_iter().flatten() {
            self.path.push(Element::field(name));
            self.value(map.at(name).unwrap_or(Kind::Deduced), value);
            let hollow = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            if hollow || map.named(name).is_none() {
                self.set.insert(&self.path);
            }
            self.path.pop();
        }
    }
}

/// The set with the named fields on the way to its members: a set of `a.b.c` has `a` too if the schema names it, but not
/// `a.b` if that is a key of a map.
pub(crate) fn with_named(types: Types<'_>, set: &Set) -> Set {
    let mut full = set.clone();
    add_named(types, Some(types.root()), set, &mut Path::new(), &mut full);
    full
}

fn add_named(types: Types<'_>, kind: Option<Kind>, set: &Set, path: &mut Path, full: &mut Set) {
    let forms = kind.map(|kind| types.forms(kind)).unwrap_or_default();
    for (step, _, below) in set.steps().filter(|(_, _, below)| !below.is_empty()) {
        path.push(step.clone());
        let kind = match step {
            Element::Field(name) => {
                if forms.map.is_some_and(|map| map.named(name).is_some()) {
                    full.insert(path);
                }
                forms.map.and_then(|map| map.at(name))
            }
            Element::Key(_) => forms.list.map(|list| list.items),
            _ => None,
        };
        add_named(types, kind, below, path, full);
        path.pop();
    }
}

/// The value without these fields and items.
pub(crate) fn remove(types: Types<'_>, value: &Json, fields: &Set) -> Json {
    remove_from(types, types.root(), value, fields)
}

/// What is left empty becomes null: whoever decodes it takes that for absent.
fn remove_from(types: Types<'_>, kind: Kind, value: &Json, gone: &Set) -> Json {
    match types.forms(kind).of(Some(value)).first() {
        Some(Form::Scalar(_)) => value.clone(),
        Some(Form::List(list)) if list.keys.is_some() => {
            let kept = value.as_array().into_iter().flatten().filter_map(|item| {
                let Ok(step) = types.item(&list, item) else { return Some(item.clone()) };
                if gone.has_step(&step) {
                    return None;
                }
                Some(gone.below(&step).map_or_else(|| item.clone(), |gone| remove_from(types, list.items, item, gone)))
            });
            let kept: Vec<Json> = kept.collect();
            if kept.is_empty() { Json::Null } else { Json::Array(kept) }
        }
        Some(Form::Map(map)) if !map.atomic => {
            let kept = value.as_object().into_iter().flatten().filter_map(|(name, value)| {
                let step = Element::field(name);
                if gone.has_step(&step) {
                    return None;
                }
                let kind = map.at(name).unwrap_or(Kind::Deduced);
                let value =
                    gone.below(&step).map_or_else(|| value.clone(), |gone| remove_from(types, kind, value, gone));
                Some((name.clone(), value))
            });
            let kept: serde_json::Map<String, Json> = kept.collect();
            if kept.is_empty() { Json::Null } else { Json::Object(kept) }
        }
        _ => Json::Null,
    }
}

/// The set of fields as it is after the schema has made lists or maps atomic since it was written: whoever owned a part
/// of one owns the whole.
pub(crate) fn reconcile(types: Types<'_>, set: Set) -> Set {
    let mut whole = Set::default();
    find_atomic(types, types.root(), &set, false, &mut Path::new(), &mut whole);
    if whole.is_empty() {
        return set;
    }
    set.without_trees(&whole).union(&whole)
}

fn find_atomic(types: Types<'_>, kind: Kind, set: &Set, is_leaf: bool, path: &mut Path, whole: &mut Set) {
    let (items, map): (Option<Kind>, Option<Map<'_>>) = match types.forms(kind).first() {
        Some(Form::List(list)) if list.keys.is_none() => {
            if !is_leaf {
                whole.insert(path);
            }
            return;
        }
        Some(Form::List(list)) => (Some(list.items), None),
        Some(Form::Map(map)) if map.is_unknown() => return,
        Some(Form::Map(map)) if map.atomic => {
            if !is_leaf && !set.is_empty() {
                whole.insert(path);
            }
            return;
        }
        Some(Form::Map(map)) => (None, Some(map)),
        Some(Form::Scalar(_)) | None => return,
    };
    for (step, member, below) in set.steps() {
        let kind = match (items, map, step) {
            (Some(items), _, _) => Some(items),
            (None, Some(map), Element::Field(name)) => map.at(name),
            _ => None,
        };
        if let Some(kind) = kind {
            path.push(step.clone());
            find_atomic(types, kind, below, member && below.is_empty(), path, whole);
            path.pop();
        }
    }
}
