//! Merging what somebody intends into what there is.

use std::collections::BTreeMap;

use super::element::Element;
use super::types::{Form, Forms, Kind, List, Map, Types};
use crate::Json;

/// Merges `intent` into `live`: no field goes away, what the intent says counts, and lists are in the order of the intent
/// where it changes them. Both must be [valid](super::validate::validate), the intent without duplicates.
pub(crate) fn merge(types: Types<'_>, live: &Json, intent: &Json) -> Json {
    part(types, types.root(), Some(live), Some(intent)).unwrap_or(Json::Null)
}

fn part(types: Types<'_>, kind: Kind, live: Option<&Json>, intent: Option<&Json>) -> Option<Json> {
    let forms: Forms<'_> = types.forms(kind).of(if intent.is_some() { intent } else { live });
    match forms.first()? {
        Form::Scalar(_) => leaf(live, intent),
        Form::List(list) => {
            let (old, new) = (items(live), items(intent));
            if list.keys.is_none() || (old.is_empty() && new.is_empty()) {
                return leaf(live, intent);
            }
            let merged = merge_items(types, &list, old, new);
            (!merged.is_empty()).then_some(Json::Array(merged))
        }
        Form::Map(map) => {
            let (old, new) = (fields(live), fields(intent));
            if map.atomic || (old.is_none() && new.is_none()) {
                return leaf(live, intent);
            }
            let merged = merge_fields(types, &map, old, new);
            (!merged.is_empty()).then_some(Json::Object(merged))
        }
    }
}

fn leaf(live: Option<&Json>, intent: Option<&Json>) -> Option<Json> {
    intent.or(live).cloned()
}

/// The items of a list; none where there is none.
pub(super) fn items(value: Option<&Json>) -> &[Json] {
    value.and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// A map's fields, if it has any.
pub(super) fn fields(value: Option<&Json>) -> Option<&serde_json::Map<String, Json>> {
    value.and_then(Json::as_object).filter(|map| !map.is_empty())
}

type Fields = serde_json::Map<String, Json>;

fn merge_fields(types: Types<'_>, map: &Map<'_>, old: Option<&Fields>, new: Option<&Fields>) -> Fields {
    let mut merged = Fields::new();
    let mut add = |name: &String, live: Option<&Json>, intent: Option<&Json>| {
        let kind = map.at(name).unwrap_or(Kind::Deduced);
        if let Some(value) = part(types, kind, live, intent) {
            merged.insert(name.clone(), value);
        }
    };
    for (name, value) in old.into_iter().flatten() {
        add(name, Some(value), new.and_then(|new| new.get(name)));
    }
    for (name, value) in new.into_iter().flatten().filter(|(name, _)| old.is_none_or(|old| !old.contains_key(*name))) {
        add(name, None, Some(value));
    }
    merged
}

/// The items of a list by their steps. One that is there twice is not merged with anything: it counts as null.
fn indexed<'a>(
    types: Types<'_>,
    list: &List<'_>,
    items: &'a [Json],
) -> (Vec<(Element, &'a Json)>, BTreeMap<Element, &'a Json>) {
    let (mut order, mut by_step) = (Vec::with_capacity(items.len()), BTreeMap::new());
    for item in items {
        let Ok(step) = types.item(list, item) else { continue };
        by_step.entry(step.clone()).and_modify(|held| *held = &Json::Null).or_insert(item);
        order.push((step, item));
    }
    (order, by_step)
}

/// Walks along both lists. An item of one only is taken when its turn comes; what both have stands in the order of the
/// intent, so an old item that is to come later is passed over.
fn merge_items(types: Types<'_>, list: &List<'_>, old: &[Json], new: &[Json]) -> Vec<Json> {
    let (old, old_by_step) = indexed(types, list, old);
    let (new, new_by_step) = indexed(types, list, new);
    let both = |step: &Element| part(types, list.items, old_by_step.get(step).copied(), new_by_step.get(step).copied());
    let mut shared = new.iter().map(|(step, _)| step).filter(|step| old_by_step.contains_key(*step)).peekable();
    let mut done: std::collections::BTreeSet<&Element> = std::collections::BTreeSet::new();
    let (mut merged, mut o, mut n) = (Vec::with_capacity(old.len().max(new.len())), 0, 0);
    loop {
        match (old.get(o), new.get(n)) {
            (None, None) => return merged,
            (Some((step, _)), Some((wanted, _))) if step == wanted => {
                done.insert(step);
                merged.extend(both(step));
                (o, n) = (o + 1, n + 1);
                shared.next();
                continue;
            }
            (Some((step, _)), Some(_))
                if new_by_step.contains_key(step) && shared.peek().is_some_and(|next| *next != step) =>
            {
                o += 1;
                continue;
            }
            _ => {}
        }
        if let Some((step, item)) = old.get(o) {
            if !new_by_step.contains_key(step) {
                merged.extend(part(types, list.items, Some(item), None));
                o += 1;
                continue;
            }
            if done.contains(step) {
                o += 1;
            }
        }
        if let Some((step, _)) = new.get(n) {
            done.insert(step);
            merged.extend(both(step));
            n += 1;
            shared.next_if(|next| *next == step);
        }
    }
}
