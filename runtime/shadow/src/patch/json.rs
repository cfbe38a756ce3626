//! JSON patch (RFC 6902), as the API server understands it: it replaces fields that are not there, and counts negative
//! indices from the end.

use crate::Json;
use crate::apply::printed::go_kind;
use crate::error::ApiError;
use crate::object::{DEEPEST, is_deeper};

use super::rejected;

/// How many operations a patch may have.
const MOST: usize = 10_000;

/// Applies a JSON patch.
///
/// # Errors
/// 400 if the patch is no list of operations, 413 if it has too many, 422 if one of them fails (the real server does not
/// say which).
pub(crate) fn json(object: &Json, patch: &Json) -> Result<Json, ApiError> {
    let operations =
        operations(patch).map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    if operations.len() > MOST {
        return Err(ApiError::new(
            413,
            "RequestEntityTooLarge",
            format!(
                "Request entity is too large: The allowed maximum operations in a JSON patch is {MOST}, got {}",
                operations.len()
            ),
        ));
    }
    let mut document = object.clone();
    let mut copied = 0;
    for operation in operations {
        if operation.run(&mut document, &mut copied).is_none() {
            return Err(rejected());
        }
        if copied > MOST_COPIED {
            let grown = "Unable to complete the copy, the accumulated size increase of copy is";
            let said = format!("{grown} {copied}, exceeding the limit {MOST_COPIED}");
            return Err(ApiError::new(413, "RequestEntityTooLarge", format!("Request entity is too large: {said}")));
        }
    }
    Ok(document)
}

/// How much may be copied within an object, in bytes: a copy of all into itself doubles it.
const MOST_COPIED: usize = 3 * 1024 * 1024;

struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: &'a Json,
}

fn operations(patch: &Json) -> Result<Vec<Operation<'_>>, String> {
    let wrong = |value: &Json, what: &str| format!("json: cannot unmarshal {} into Go {what}", go_kind(value));
    let list = match patch {
        Json::Array(list) => list.as_slice(),
        Json::Null => &[],
        other => return Err(wrong(other, "value of type []handlers.jsonPatchOp")),
    };
    let mut operations = Vec::with_capacity(list.len());
    for item in list {
        let Json::Object(fields) = item else { return Err(wrong(item, "value of type handlers.jsonPatchOp")) };
        let text = |name: &str| match fields.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(wrong(other, &format!("struct field jsonPatchOp.{name} of type string"))),
        };
        operations.push(Operation {
            op: text("op")?.unwrap_or_default(),
            path: text("path")?,
            from: text("from")?,
            value: fields.get("value").unwrap_or(&Json::Null),
        });
    }
    Ok(operations)
}

impl Operation<'_> {
    /// Nothing where it does not apply.
    fn run(&self, document: &mut Json, copied: &mut usize) -> Option<()> {
        match self.op {
            "add" => add(document, self.path?, self.value.clone()),
            "remove" => remove(document, self.path?).map(|_| ()),
            "replace" => replace(document, self.path?, self.value),
            "move" => {
                let value = remove(document, self.from?)?;
                add(document, self.path?, value)
            }
            "copy" => {
                let value = get(document, self.from?)?;
                *copied += value.to_string().len();
                if *copied > MOST_COPIED {
                    return Some(());
                }
                add(document, self.path?, value)
            }
            "test" => {
                let path = self.path?;
                let found = if path.is_empty() { document.clone() } else { get(document, path)? };
                (&found == self.value).then_some(())
            }
            _ => None,
        }
    }
}

/// The map or list that holds what a path leads to, and its key there.
fn holder<'a>(document: &'a mut Json, path: &str) -> Option<(&'a mut Json, String)> {
    let mut steps = path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).peekable();
    let mut holder = document;
    loop {
        let step = steps.next()?;
        if steps.peek().is_none() {
            return Some((holder, step));
        }
        holder = match holder {
            Json::Object(fields) => fields.get_mut(&step)?,
            Json::Array(items) => {
                let index = index(&step, items.len())?;
                items.get_mut(index)?
            }
            _ => return None,
        };
        if !holder.is_object() && !holder.is_array() {
            return None;
        }
    }
}

/// The place of an item in a list of this length; a negative one is counted from the end.
fn index(step: &str, length: usize) -> Option<usize> {
    let index: i64 = step.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

/// What is there; null for a field that is not.
fn get(document: &mut Json, path: &str) -> Option<Json> {
    let (holder, key) = holder(document, path)?;
    match holder {
        Json::Object(fields) => Some(fields.get(&key).cloned().unwrap_or(Json::Null)),
        Json::Array(items) => items.get(index(&key, items.len())?).cloned(),
        _ => None,
    }
}

fn add(document: &mut Json, path: &str, value: Json) -> Option<()> {
    let below = DEEPEST.saturating_sub(path.matches('/').count());
    if is_deeper(&value, below) {
        return None;
    }
    let (holder, key) = holder(document, path)?;
    match holder {
        Json::Object(fields) => {
            fields.insert(key, value);
        }
        Json::Array(items) if key == "-" => items.push(value),
        Json::Array(items) => {
            let index = index(&key, items.len() + 1).filter(|index| *index <= items.len())?;
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Json, path: &str) -> Option<Json> {
    let (holder, key) = holder(document, path)?;
    match holder {
        Json::Object(fields) => fields.shift_remove(&key),
        Json::Array(items) => {
            let index = index(&key, items.len()).filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}

fn replace(document: &mut Json, path: &str, value: &Json) -> Option<()> {
    if path.is_empty() {
        if !value.is_object() && !value.is_array() {
            return None;
        }
        *document = value.clone();
        return Some(());
    }
    let (holder, key) = holder(document, path)?;
    match holder {
        Json::Object(fields) => {
            fields.insert(key, value.clone());
        }
        Json::Array(items) => {
            let index = index(&key, items.len())?;
            *items.get_mut(index)? = value.clone();
        }
        _ => return None,
    }
    Some(())
}
