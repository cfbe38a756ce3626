//! The `fieldPath` of a rule: `.a.b`, `.a['b.c']`.

use super::super::fault::Path;
use super::super::props::Props;

/// One step of a path: a field, or an entry of a map.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Step {
    Field(String),
    Entry(String),
}

/// Follows a path from a schema; nothing where it leads to no field.
pub(in super::super) fn field_path(path: &str, schema: &Props) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let (mut schema, mut rest) = (schema, path);
    while !rest.is_empty() {
        let (name, tail) = if let Some(quoted) = rest.strip_prefix("['") {
            let end = quoted.find("']")?;
            (quoted.get(..end)?.replace("\\'", "'"), quoted.get(end + 2..)?)
        } else {
            let plain = rest.strip_prefix('.')?;
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            (plain.get(..end)?.to_owned(), plain.get(end..)?)
        };
        if schema.properties.is_empty() {
            schema = schema.value()?;
            steps.push(Step::Entry(name));
        } else {
            schema = schema.properties.get(&name)?;
            steps.push(Step::Field(name));
        }
        rest = tail;
    }
    Some(steps)
}

impl Path {
    /// The path below this one that a rule's `fieldPath` names.
    pub(super) fn below(&self, path: &str, schema: &Props) -> Path {
        let steps = field_path(path, schema).unwrap_or_default();
        steps.into_iter().fold(self.clone(), |path, step| match step {
            Step::Field(name) => path.child(&name),
            Step::Entry(key) => path.key(&key),
        })
    }
}
