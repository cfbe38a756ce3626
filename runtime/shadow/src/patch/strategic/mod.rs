//! Strategic merge patch: a merge patch that knows which lists are merged, and by what.

mod list;

use list::{List, delete_from, merge_list, overwritten};

use crate::Json;
use crate::apply::printed::{go_kind, go_text, plain, type_name};
use crate::error::ApiError;
use crate::schema::{Field, Id, PatchStrategy, Schemas, Shape};

type Fields = serde_json::Map<String, Json>;

/// What to do with a map or an item: `replace`, `delete`.
const DIRECTIVE: &str = "$patch";
/// `…/FIELD`: scalars to be taken out of a list.
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
/// `…/FIELD`: the order of a list's items.
const ORDER: &str = "$setElementOrder";
/// The fields that a map keeps.
const RETAIN: &str = "$retainKeys";

/// Applies a strategic merge patch to an object of a built-in kind.
///
/// # Errors
/// 400 if the patch or one of its directives is malformed, 422 if it says what cannot be, 500 for mistakes that the real
/// server did not expect.
pub(crate) fn strategic(object: &Json, patch: &Json, schemas: &Schemas, id: Id) -> Result<Json, ApiError> {
    let patch = match patch {
        Json::Object(fields) => fields.clone(),
        Json::Null => Fields::new(),
        other => {
            let kind = go_kind(other);
            let message = format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}");
            return Err(ApiError::bad_request(message));
        }
    };
    let Json::Object(original) = object.clone() else { return Err(unexpected("invalid JSON document")) };
    merge_map(original, patch, Type { schemas, id }).map(Json::Object)
}

/// A mistake that the real server did not expect.
fn unexpected(message: impl Into<String>) -> ApiError {
    ApiError::new(500, "", message)
}

fn bad_argument(expected: &str, actual: &Json) -> ApiError {
    let actual = if actual.is_null() { "%!s(<nil>)" } else { type_name(actual) };
    unexpected(format!("expected a {expected}, but received a {actual}"))
}

fn not_a_list(actual: &Json) -> ApiError {
    bad_argument("[]interface {}", actual)
}

fn not_a_map(actual: &Json) -> ApiError {
    bad_argument("map[string]interface {}", actual)
}

fn no_merge_key(map: &Fields, key: &str) -> ApiError {
    let map = plain(&Json::Object(map.clone()));
    unexpected(format!("map: {map} does not contain declared merge key: {key}"))
}

fn unknown_directive(directive: &Json, map: &Fields) -> ApiError {
    let map = plain(&Json::Object(map.clone()));
    unexpected(format!("unknown patch type: {} in map: {map}", go_text(directive)))
}

/// A type, and where it stands.
#[derive(Clone, Copy)]
struct Type<'a> {
    schemas: &'a Schemas,
    id: Id,
}

impl<'a> Type<'a> {
    fn field(self, name: &str) -> Result<&'a Field, ApiError> {
        let not_found = || unexpected(format!("unable to find api field in struct for the json field {name:?}"));
        match &self.schemas.node(self.id).shape {
            Shape::Object(object) => match object.fields.get(name) {
                Some(field) => Ok(field),
                None if object.fields.is_empty() => {
                    Err(unexpected("merging an object in json but data type is not struct, instead is: map"))
                }
                None => Err(not_found()),
            },
            _ => Err(not_found()),
        }
    }

    fn map(self, name: &str) -> Result<Self, ApiError> {
        Ok(Self { id: self.field(name)?.id, ..self })
    }

    /// The type of a list's items, and how the list is merged.
    fn list(self, name: &str) -> Result<(Self, &'a PatchStrategy), ApiError> {
        let field = self.field(name)?;
        match &self.schemas.node(field.id).shape {
            Shape::List { items, .. } => Ok((Self { id: *items, ..self }, &field.patch)),
            _ => Err(unexpected("expected slice or array type, but got: struct")),
        }
    }
}

fn merge_map(mut original: Fields, mut patch: Fields, schema: Type<'_>) -> Result<Fields, ApiError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.shift_remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Fields::new()),
            _ => Err(unknown_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch)?;
    order_lists(&mut original, &mut patch, schema)?;
    for (name, value) in patch {
        if name.starts_with(DELETE_FROM) {
            let Some(name) = name.strip_prefix(DELETE_FROM).and_then(|rest| rest.strip_prefix('/')) else {
                return Err(ApiError::bad_request("invalid patch format of primitive list"));
            };
            delete_items(&mut original, name, value, schema)?;
        } else if value.is_null() {
            original.shift_remove(&name);
        } else {
            let merged = match (original.get_mut(&name), value) {
                (Some(Json::Object(held)), Json::Object(value)) => {
                    let below = schema.map(&name)?;
                    Some(Json::Object(merge_map(std::mem::take(held), value, below)?))
                }
                (Some(Json::Array(held)), Json::Array(value)) => {
                    let (items, strategy) = schema.list(&name)?;
                    Some(Json::Array(merge_or_replace(std::mem::take(held), value, items, strategy)?))
                }
                (_, value) => without_directives(without_nulls(value)),
            };
            match merged {
                Some(merged) => {
                    original.insert(name, merged);
                }
                None => {
                    original.shift_remove(&name);
                }
            }
        }
    }
    Ok(original)
}

fn merge_or_replace(
    original: Vec<Json>,
    patch: Vec<Json>,
    items: Type<'_>,
    strategy: &PatchStrategy,
) -> Result<Vec<Json>, ApiError> {
    if strategy.merge {
        merge_list(original, patch, &List { items, key: strategy.merge_key.as_deref() })
    } else {
        Ok(patch)
    }
}

/// `$deleteFromPrimitiveList/NAME`.
fn delete_items(original: &mut Fields, name: &str, gone: Json, schema: Type<'_>) -> Result<(), ApiError> {
    if gone.is_null() {
        original.shift_remove(name);
        return Ok(());
    }
    let (Some(Json::Array(held)), Json::Array(gone)) = (original.get_mut(name), gone) else { return Ok(()) };
    let (items, strategy) = schema.list(name)?;
    let kept = delete_from(std::mem::take(held), gone, &List { items, key: strategy.merge_key.as_deref() })?;
    original.insert(name.to_owned(), Json::Array(kept));
    Ok(())
}

/// `$retainKeys`: fields that it does not name go.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), ApiError> {
    let Some(retained) = patch.shift_remove(RETAIN) else { return Ok(()) };
    let malformed = || ApiError::bad_request("invalid patch format of retainKeys");
    let Json::Array(retained) = retained else { return Err(malformed()) };
    let is_retained = |name: &str| retained.iter().any(|key| key == name);
    for (name, value) in &*patch {
        let is_directive = name.starts_with(DELETE_FROM) || name.starts_with(ORDER);
        if !value.is_null() && !is_directive && !is_retained(name) {
            return Err(malformed());
        }
    }
    original.retain(|name, _| is_retained(name));
    Ok(())
}

/// `$setElementOrder/NAME`: merges those lists, and puts them in order.
fn order_lists(original: &mut Fields, patch: &mut Fields, schema: Type<'_>) -> Result<(), ApiError> {
    let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(ORDER)).cloned().collect();
    for directive in directives {
        let order = match patch.shift_remove(&directive) {
            Some(Json::Array(order)) => order,
            other => return Err(not_a_list(&other.unwrap_or_default())),
        };
        let Some(name) = directive.strip_prefix(ORDER).and_then(|rest| rest.strip_prefix('/')) else {
            return Err(ApiError::bad_request("invalid patch format of setElementOrder list"));
        };
        let list_of = |value: Option<&Json>| match value {
            None => Ok(None),
            Some(Json::Array(items)) => Ok(Some(items.clone())),
            Some(other) => Err(not_a_list(other)),
        };
        let (old, new) = (list_of(original.get(name))?, list_of(patch.get(name))?);
        let (items, strategy) = schema.list(name)?;
        let list = List { items, key: strategy.merge_key.as_deref() };
        list.check_order(new.as_deref().unwrap_or_default(), &order)?;
        let merged = match (&old, &new) {
            (None, None) => continue,
            (Some(old), None) => old.clone(),
            (None, Some(new)) => match without_directives(Json::Array(new.clone())) {
                Some(Json::Array(new)) => new,
                _ => continue,
            },
            (Some(old), Some(new)) => merge_or_replace(old.clone(), new.clone(), items, strategy)?,
        };
        let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
        let held = if strategy.merge { overwritten(&old, &new, list.key) } else { old.clone() };
        let ordered = list.ordered(merged, &order, &held, &[&old, &new])?;
        original.insert(name.to_owned(), Json::Array(ordered));
        patch.shift_remove(name);
    }
    Ok(())
}

/// Without null fields, at any depth.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Without maps that are directives; nothing if it is one itself.
fn without_directives(value: Json) -> Option<Json> {
    match value {
        Json::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Json::Object(fields) => {
            Some(fields.into_iter().filter_map(|(name, value)| Some((name, without_directives(value)?))).collect())
        }
        Json::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}
