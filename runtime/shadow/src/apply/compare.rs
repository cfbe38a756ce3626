//! Which fields differ between two states of an object.

use std::collections::BTreeMap;

use super::element::{Element, Path, same};
use super::merge::{fields, items};
use super::reset::Reset;
use super::set::Set;
use super::types::{Form, Forms, Kind, List, Map, Types};
use crate::Json;

/// The differences. No field is in two of the sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) removed: Set,
    pub(crate) modified: Set,
    pub(crate) added: Set,
}

impl Comparison {
    /// Without the fields that a writer cannot set.
    pub(crate) fn without(self, reset: &Reset) -> Self {
        Self { removed: reset.keep(self.removed), modified: reset.keep(self.modified), added: reset.keep(self.added) }
    }
}

/// Compares two states; both must be [valid](super::validate::validate), with duplicates let through.
pub(crate) fn compare(types: Types<'_>, before: &Json, after: &Json) -> Comparison {
    let mut walk = Walk { types, path: Path::new(), found: Comparison::default() };
    walk.part(types.root(), Some(before), Some(after));
    walk.found
}

struct Walk<'a> {
    types: Types<'a>,
    path: Path,
    found: Comparison,
}

impl<'a> Walk<'a> {
    fn part(&mut self, kind: Kind, before: Option<&Json>, after: Option<&Json>) {
        let forms: Forms<'a> = self.types.forms(kind);
        let (old, new) = (forms.of(before), forms.of(after));
        let leaf = if after.is_none() {
            self.as_form(old, before, after)
        } else if before.is_none() || old.same(&new) {
            self.as_form(new, before, after)
        } else {
            self.as_form(old, before, after);
            self.as_form(new, before, after)
        };
        if !leaf {
            match (before, after) {
                (None, _) => self.found.added.insert(&self.path),
                (_, None) => self.found.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    /// Whether it was compared as one value.
    fn as_form(&mut self, forms: Forms<'a>, before: Option<&Json>, after: Option<&Json>) -> bool {
        match forms.first() {
            Some(Form::List(list)) => {
                let (old, new) = (items(before), items(after));
                if list.keys.is_some() && !(old.is_empty() && new.is_empty()) {
                    self.items(&list, old, new);
                    return false;
                }
            }
            Some(Form::Map(map)) => {
                let (old, new) = (fields(before), fields(after));
                if !map.atomic && !(old.is_none() && new.is_none()) {
                    self.fields(&map, old, new);
                    return false;
                }
            }
            Some(Form::Scalar(_)) | None => {}
        }
        match (before, after) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(before), Some(after)) if !same(before, after) => self.found.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn below(&mut self, step: Element, kind: Kind, before: Option<&Json>, after: Option<&Json>) {
        self.path.push(step);
        self.part(kind, before, after);
        self.path.pop();
    }

    fn fields(
        &mut self,
        map: &Map<'_>,
        old: Option<&serde_json::Map<String, Json>>,
        new: Option<&serde_json::Map<String, Json>>,
    ) {
        for (name, value) in old.into_iter().flatten() {
            let kind = map.at(name).unwrap_or(Kind::Deduced);
            self.below(Element::field(name), kind, Some(value), new.and_then(|new| new.get(name)));
        }
        for (name, value) in new.into_iter().flatten() {
            if old.is_none_or(|old| !old.contains_key(name)) {
                self.below(Element::field(name), map.at(name).unwrap_or(Kind::Deduced), None, Some(value));
            }
        }
    }

    /// Items of the same name are compared as one value: all of them together.
    fn items(&mut self, list: &List<'_>, old: &[Json], new: &[Json]) {
        let (mut old, new) = (self.by_step(list, old), self.by_step(list, new));
        for (step, after) in new {
            let before = old.remove(&step).unwrap_or_default();
            self.named_alike(list, step, &before, &after);
        }
        for (step, before) in old {
            self.named_alike(list, step, &before, &[]);
        }
    }

    fn by_step<'b>(&self, list: &List<'_>, items: &'b [Json]) -> BTreeMap<Element, Vec<&'b Json>> {
        let mut by_step: BTreeMap<Element, Vec<&Json>> = BTreeMap::new();
        for item in items {
            if let Ok(step) = self.types.item(list, item) {
                by_step.entry(step).or_default().push(item);
            }
        }
        by_step
    }

    fn named_alike(&mut self, list: &List<'_>, step: Element, before: &[&Json], after: &[&Json]) {
        let mut path = self.path.clone();
        path.push(step.clone());
        match (before, after) {
            ([] | [_], [] | [_]) => self.below(step, list.items, before.first().copied(), after.first().copied()),
            ([_, _, ..], [_, _, ..]) => {
                let equal = before.len() == after.len() && before.iter().zip(after).all(|(a, b)| same(a, b));
                if !equal {
                    self.found.modified.insert(&path);
                }
            }
            ([_, _, ..], single) => {
                if let Some(after) = single.first() {
                    self.below(step, list.items, None, Some(after));
                }
                self.found.removed.insert(&path);
            }
            (single, _) => {
                if let Some(before) = single.first() {
                    self.below(step, list.items, Some(before), None);
                }
                self.found.added.insert(&path);
            }
        }
    }
}
