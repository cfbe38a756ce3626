//! Lists that are merged: items by a key, or scalars.

use super::{DIRECTIVE, Fields, Type, merge_map, no_merge_key, not_a_map, unexpected, unknown_directive};
use crate::Json;
use crate::apply::printed::{plain, type_name};
use crate::error::ApiError;

/// A list's items: their type, and the key they are merged by.
pub(super) struct List<'a> {
    pub(super) items: Type<'a>,
    pub(super) key: Option<&'a str>,
}

/// Merges items: those of the patch change those of the same key, or are new.
pub(super) fn merge_list(original: Vec<Json>, patch: Vec<Json>, list: &List<'_>) -> Result<Vec<Json>, ApiError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let maps = are_maps(&[&original, &patch])?;
    let (original, patch, merged) = if maps {
        let Some(key) = list.key else {
            return Err(unexpected("cannot merge lists without merge key for struct"));
        };
        let (original, patch) = directives(original, patch, key)?;
        let merged = merge_items(original.clone(), &patch, key, list)?;
        (original, patch, merged)
    } else {
        let both = original.iter().chain(&patch).cloned().collect();
        let merged = deduplicated(both);
        (original, patch, merged)
    };
    list.ordered_as(merged, &patch, &original, maps)
}

/// Takes scalars out of a list.
pub(super) fn delete_from(original: Vec<Json>, gone: Vec<Json>, list: &List<'_>) -> Result<Vec<Json>, ApiError> {
    if original.is_empty() && gone.is_empty() {
        return Ok(original);
    }
    if are_maps(&[&original, &gone])? {
        return merge_list(original, gone, list);
    }
    Ok(original.into_iter().filter(|item| !gone.contains(item)).collect())
}

/// Whether the items are maps; all have to be of one type.
fn are_maps(lists: &[&[Json]]) -> Result<bool, ApiError> {
    let mut items = lists.iter().copied().flatten();
    let Some(first) = items.next() else {
        return Err(unexpected("no elements in any of the given slices"));
    };
    if first.is_array() {
        return Err(crate::patch::rejected());
    }
    if items.any(|item| type_name(item) != type_name(first)) {
        let lists: Vec<String> = lists.iter().map(|list| plain(&Json::Array(list.to_vec()))).collect();
        return Err(unexpected(format!("list element types are not identical: [{}]", lists.join(" "))));
    }
    Ok(first.is_object())
}

fn as_map(item: &Json) -> Result<&Fields, ApiError> {
    item.as_object().ok_or_else(|| not_a_map(item))
}

fn key_of<'a>(item: &'a Json, key: &str) -> Result<&'a Json, ApiError> {
    let map = as_map(item)?;
    map.get(key).ok_or_else(|| no_merge_key(map, key))
}

/// The order of a list of the live object by which the real server puts a merged one in order: its own memory, in which
/// items that are deleted make room for new ones.
pub(super) fn overwritten(original: &[Json], patch: &[Json], key: Option<&str>) -> Vec<Json> {
    let Some(key) = key else { return original.to_vec() };
    let is = |item: &Json, directive: &str| item.get(DIRECTIVE).and_then(Json::as_str) == Some(directive);
    if patch.iter().any(|item| is(item, "replace")) {
        return original.to_vec();
    }
    let (gone, rest): (Vec<&Json>, Vec<&Json>) = patch.iter().partition(|item| is(item, "delete"));
    let has = |list: &[&Json], item: &Json| list.iter().any(|other| other.get(key) == item.get(key));
    let kept: Vec<&Json> = original.iter().filter(|item| !has(&gone, item)).collect();
    let new = rest.into_iter().filter(|item| !has(&kept, item));
    let room = original.len() - kept.len();
    kept.iter().copied().chain(new.take(room)).cloned().collect()
}

/// Obeys the items with directives, and gives the others: what there is, and what is to be merged into it.
fn directives(mut original: Vec<Json>, patch: Vec<Json>, key: &str) -> Result<(Vec<Json>, Vec<Json>), ApiError> {
    let (mut rest, mut replace) = (Vec::new(), false);
    for item in patch {
        let map = as_map(&item)?;
        match map.get(DIRECTIVE) {
            None => rest.push(item),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    let gone = key_of(&item, key)?;
                    original.retain(|held| held.get(key) != Some(gone));
                }
                Some("replace") => replace = true,
                Some("merge") => return Err(unexpected("merging lists cannot yet be specified in the patch")),
                _ => return Err(unknown_directive(directive, map)),
            },
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (original, rest) })
}

fn merge_items(mut original: Vec<Json>, patch: &[Json], key: &str, list: &List<'_>) -> Result<Vec<Json>, ApiError> {
    for item in patch {
        let (value, changes) = (key_of(item, key)?, as_map(item)?);
        match original.iter_mut().find(|held| held.get(key) == Some(value)) {
            Some(Json::Object(held)) => *held = merge_map(std::mem::take(held), changes.clone(), list.items)?,
            _ => original.push(item.clone()),
        }
    }
    Ok(original)
}

/// Each scalar once; the last one takes the place of one that goes.
fn deduplicated(mut items: Vec<Json>) -> Vec<Json> {
    let mut i = 0;
    while i < items.len() {
        let mut j = i + 1;
        while j < items.len() {
            if items.get(i) == items.get(j) {
                items.swap_remove(j);
            } else {
                j += 1;
            }
        }
        i += 1;
    }
    items
}

impl List<'_> {
    /// Checks that the items of a patch are in the order that it gives.
    pub(super) fn check_order(&self, patch: &[Json], order: &[Json]) -> Result<(), ApiError> {
        if patch.is_empty() || order.is_empty() {
            return Ok(());
        }
        if self.key.is_some()
            && let Some(wrong) = patch.iter().find(|item| !item.is_object())
        {
            return Err(not_a_map(wrong));
        }
        let deletes = |item: &Json| item.get(DIRECTIVE).and_then(Json::as_str) == Some("delete");
        let mut left = patch.iter().filter(|item| self.key.is_none() || !deletes(item)).peekable();
        let mut wanted = order.iter().peekable();
        while let (Some(item), Some(next)) = (left.peek(), wanted.peek()) {
            if item.get(DIRECTIVE).is_some() {
                left.next();
                continue;
            }
            let same = match self.key {
                Some(key) => key_of(item, key)? == key_of(next, key)?,
                None => item == next,
            };
            if same {
                left.next();
            }
            wanted.next();
        }
        if left.peek().is_some() {
            let (patch, order) = (plain(&Json::Array(patch.to_vec())), plain(&Json::Array(order.to_vec())));
            return Err(unexpected(format!(
                "The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n"
            )));
        }
        Ok(())
    }

    /// Puts merged items in order: `order` for those it names, `held` for the others. `all` are the lists they come from.
    pub(super) fn ordered(
        &self,
        merged: Vec<Json>,
        order: &[Json],
        held: &[Json],
        all: &[&[Json]],
    ) -> Result<Vec<Json>, ApiError> {
        let parts = self.parted(merged, order)?;
        let maps = are_maps(all)?;
        self.interleaved(parts, order, held, maps)
    }

    fn ordered_as(&self, merged: Vec<Json>, order: &[Json], held: &[Json], maps: bool) -> Result<Vec<Json>, ApiError> {
        let parts = self.parted(merged, order)?;
        self.interleaved(parts, order, held, maps)
    }

    /// The items that `order` names, and the others.
    fn parted(&self, merged: Vec<Json>, order: &[Json]) -> Result<(Vec<Json>, Vec<Json>), ApiError> {
        let Some(key) = self.key else {
            return Ok(merged.into_iter().partition(|item| order.contains(item)));
        };
        let (mut named, mut others) = (Vec::new(), Vec::new());
        for item in merged {
            let value = key_of(&item, key)?;
            let mut found = false;
            for (index, other) in order.iter().enumerate() {
                let other = other.as_object();
                let other = other.ok_or_else(|| unexpected(format!("value for key {index} is not a map")))?;
                if other.get(key) == Some(value) {
                    found = true;
                    break;
                }
            }
            if found { named.push(item) } else { others.push(item) }
        }
        Ok((named, others))
    }

    /// Sorts both parts, and puts the second into the first: each before the first one that stood behind it.
    fn interleaved(
        &self,
        (named, others): (Vec<Json>, Vec<Json>),
        order: &[Json],
        held: &[Json],
        maps: bool,
    ) -> Result<Vec<Json>, ApiError> {
        let place = |item: &Json, list: &[Json]| {
            let value = |item: &Json| match self.key {
                Some(key) if maps => item.get(key).cloned(),
                _ => Some(item.clone()),
            };
            let value = value(item);
            list.iter().position(|other| match self.key {
                Some(key) if maps => other.get(key).cloned() == value,
                _ => Some(other) == value.as_ref(),
            })
        };
        let named = self.sorted(named, order, maps, &place)?;
        let others = self.sorted(others, held, maps, &place)?;
        let mut all = Vec::with_capacity(named.len() + others.len());
        let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
        while let (Some(wanted), Some(other)) = (named.peek(), others.peek()) {
            let first = match (place(other, held), place(wanted, held)) {
                (Some(other), Some(wanted)) if other < wanted => others.next(),
                _ => named.next(),
            };
            all.extend(first);
        }
        all.extend(named);
        all.extend(others);
        Ok(all)
    }

    /// Sorted by an order; items to be deleted come last.
    fn sorted(
        &self,
        items: Vec<Json>,
        order: &[Json],
        maps: bool,
        place: &dyn Fn(&Json, &[Json]) -> Option<usize>,
    ) -> Result<Vec<Json>, ApiError> {
        if maps {
            let key = self.key.unwrap_or_default();
            for item in items.iter().chain(order) {
                key_of(item, key)?;
            }
        }
        let is_deleted = |item: &Json| maps && item.get(DIRECTIVE).and_then(Json::as_str) == Some("delete");
        let (deleted, kept): (Vec<Json>, Vec<Json>) = items.into_iter().partition(is_deleted);
        let mut placed: Vec<(Option<usize>, Json)> = kept.into_iter().map(|item| (place(&item, order), item)).collect();
        sort(&mut placed);
        Ok(placed.into_iter().map(|(_, item)| item).chain(deleted).collect())
    }
}

/// Sorts by place. An item that has none goes before all that stand in front of it, as in the real server, whose sort
/// takes it for the smaller one in every comparison.
fn sort(items: &mut [(Option<usize>, Json)]) {
    if items.iter().all(|(place, _)| place.is_some()) {
        return items.sort_by_key(|(place, _)| *place);
    }
    for end in 1..items.len() {
        for at in (1..=end).rev() {
            let is_less = match (items.get(at).and_then(|i| i.0), items.get(at - 1).and_then(|i| i.0)) {
                (Some(this), Some(before)) => this < before,
                _ => true,
            };
            if !is_less {
                break;
            }
            items.swap(at, at - 1);
        }
    }
}
