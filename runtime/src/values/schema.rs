//! The JSON Schema of a playbook's values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Retrieve, Uri, Validator};
use serde_json::Value;

use super::path::{Path, Segment};
use super::{Values, problem};
use crate::error::{Error, Kind, Result};

/// The scheme under which the schema's own files are known while it is compiled. It leads nowhere else.
pub(super) const BASE: &str = "values://playbook/";

/// A compiled JSON Schema (draft 2020-12) for [`Values`].
pub struct Schema {
    validator: Validator,
    pub(super) documents: BTreeMap<String, Value>,
    pub(super) root: String,
    file: Option<String>,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").field("documents", &self.documents.keys()).finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles a schema. `name` is its path among its neighbours (`single-node/values.schema.json`); a `$ref` to a file
    /// (`../common.schema.json`) is made relative to it, and `resolve` is asked for that path (`common.schema.json`).
    /// Nothing else is read: a `$ref` to a URL is an error. A `$id` of a whole file is ignored.
    ///
    /// # Errors
    /// Of [`Kind::Malformed`] for what is no schema; the error of `resolve` for a file that it refuses.
    pub fn load(
        schema: Value,
        name: &str,
        resolve: impl Fn(&str) -> Result<Value> + Send + Sync + 'static,
    ) -> Result<Self> {
        let root = format!("{BASE}{}", encode(name));
        let schema = without_id(schema);
        let files = Files { resolve: Box::new(resolve), found: Arc::default(), failed: Arc::default() };
        let (found, failed) = (files.found.clone(), files.failed.clone());
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_base_uri(root.clone())
            .with_retriever(files)
            .should_validate_formats(true)
            .build(&schema);
        let failed = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let validator = built.map_err(|e| match failed {
            Some(error) => error.context(format!("the schema {name}")),
            None => Error::new(Kind::Malformed, format!("{name} is no valid JSON Schema: {e}"))
                .hint("the values' schema is JSON Schema, draft 2020-12"),
        })?;
        let mut documents = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        documents.insert(root.clone(), schema);
        Ok(Self { validator, documents, root, file: None })
    }

    /// Says that the values all stand in this file, for the hints.
    #[must_use]
    pub fn for_file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// The file in which the values all stand.
    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Compares values with the schema, and says all that is wrong: the path, what was expected, which layer set the
    /// value, and what to do. Values that the schema marks as `writeOnly` are not shown.
    ///
    /// # Errors
    /// One of [`Kind::Values`] for each problem.
    pub fn validate(&self, values: &Values) -> std::result::Result<(), Vec<Error>> {
        let json = values.to_json();
        let mut errors: Vec<Error> = Vec::new();
        for error in self.validator.iter_errors(&json) {
            for problem in problem::describe(self, values, &json, &error) {
                if !errors.iter().any(|known| known.message() == problem.message()) {
                    errors.push(problem);
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Whether what stands at the path, or something that it is a part of, is marked as `writeOnly`. Where a `$ref`
    /// cannot be followed, the answer is yes.
    #[must_use]
    pub fn is_secret(&self, path: &Path) -> bool {
        self.walk(path).secret
    }

    /// Whether a map at this path replaces the one of a lower layer as a whole: `x-windlass-replace`.
    #[must_use]
    pub fn is_replaced(&self, path: &Path) -> bool {
        self.says(path, "x-windlass-replace", &Value::Bool(true))
    }

    /// Whether a text at this path is the path of a file or folder: `format: path`.
    #[must_use]
    pub fn is_path(&self, path: &Path) -> bool {
        self.says(path, "format", &Value::String("path".into()))
    }

    fn says(&self, path: &Path, keyword: &str, value: &Value) -> bool {
        self.walk(path).here.iter().any(|part| part.schema.get(keyword) == Some(value))
    }

    /// Whether the schema has a map at this path, or may have one.
    pub(super) fn takes_map(&self, path: &Path) -> bool {
        let object = Value::String("object".into());
        self.walk(path).here.iter().any(|part| {
            part.schema.get("properties").is_some()
                || match part.schema.get("type") {
                    Some(Value::Array(all)) => all.contains(&object),
                    Some(one) => *one == object,
                    None => false,
                }
        })
    }

    /// What the schema says the value at this path is.
    #[must_use]
    pub fn description(&self, path: &Path) -> Option<&str> {
        self.walk(path).here.iter().find_map(|part| part.schema.get("description")?.as_str())
    }

    /// The keys that a map at this path may have.
    #[must_use]
    pub fn known_keys(&self, path: &Path) -> Vec<&str> {
        let mut keys: Vec<&str> = self
            .walk(path)
            .here
            .iter()
            .filter_map(|part| part.schema.get("properties")?.as_object())
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The keys that a map at this path may have, and whether it may have no others.
    pub(crate) fn keys_at(&self, path: &Path) -> (Vec<&str>, bool) {
        let says_no = |part: &Part<'_>, keyword| part.schema.get(keyword) == Some(&Value::Bool(false));
        let closed = self
            .walk(path)
            .here
            .iter()
            .any(|part| says_no(part, "additionalProperties") || says_no(part, "unevaluatedProperties"));
        (self.known_keys(path), closed)
    }

    fn walk(&self, path: &Path) -> Walk<'_> {
        let mut walk = Walk { here: Vec::new(), secret: false };
        if let Some((uri, root)) = self.documents.get_key_value(&self.root) {
            self.expand(Part { schema: root, uri }, &mut walk);
        }
        for segment in path.segments() {
            let parts = std::mem::take(&mut walk.here);
            for part in parts {
                for schema in inner(part.schema, segment) {
                    self.expand(Part { schema, uri: part.uri }, &mut walk);
                }
            }
        }
        walk
    }

    /// Adds a schema and all that it takes in.
    fn expand<'s>(&'s self, part: Part<'s>, walk: &mut Walk<'s>) {
        let mut waiting = vec![part];
        while let Some(part) = waiting.pop() {
            if walk.here.iter().any(|known| std::ptr::eq(known.schema, part.schema)) {
                continue;
            }
            walk.here.push(part);
            let Some(keywords) = part.schema.as_object() else { continue };
            walk.secret |= keywords.get("writeOnly").and_then(Value::as_bool) == Some(true);
            let mut add = |schema| waiting.push(Part { schema, uri: part.uri });
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => all.iter().rev().for_each(&mut add),
                    ("if" | "then" | "else", schema) => add(schema),
                    ("dependentSchemas", Value::Object(all)) => all.values().for_each(&mut add),
                    _ => {}
                }
            }
            if keywords.contains_key("$dynamicRef") {
                walk.secret = true;
            }
            if let Some(Value::String(reference)) = keywords.get("$ref") {
                match self.follow(part.uri, reference) {
                    Some(target) => waiting.push(target),
                    None => walk.secret = true,
                }
            }
        }
    }

    fn follow(&self, uri: &str, reference: &str) -> Option<Part<'_>> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let uri = if file.is_empty() { uri.to_owned() } else { join(uri, file)? };
        let (uri, document) = self.documents.get_key_value(&uri)?;
        let schema = document.pointer(&decode(fragment)?)?;
        Some(Part { schema, uri })
    }
}

/// All problems as one error: their lines, and `details` with each of them.
#[must_use]
pub fn combine(errors: Vec<Error>) -> Error {
    combine_as("the values have", errors)
}

/// As [`combine`], where `they_have` begins the first line: `customer.yaml has`.
pub(crate) fn combine_as(they_have: &str, mut errors: Vec<Error>) -> Error {
    if errors.len() == 1
        && let Some(error) = errors.pop()
    {
        return error;
    }
    let line = |e: &Error| match e.hint_text() {
        Some(hint) => format!("\n  {} ({hint})", e.message()),
        None => format!("\n  {}", e.message()),
    };
    let message = format!("{they_have} {} problems:{}", errors.len(), errors.iter().map(line).collect::<String>());
    let details: Vec<Value> = errors.iter().map(Error::to_json).collect();
    Error::new(Kind::Values, message).details(serde_json::json!({ "problems": details }))
}

#[derive(Clone, Copy)]
struct Part<'s> {
    schema: &'s Value,
    uri: &'s str,
}

/// The schemas that may apply at a path.
struct Walk<'s> {
    here: Vec<Part<'s>>,
    secret: bool,
}

/// The schemas for what stands one step further in.
fn inner<'s>(schema: &'s Value, segment: &Segment) -> Vec<&'s Value> {
    let get = |keyword: &str| schema.get(keyword);
    let mut all = Vec::new();
    match segment {
        Segment::Key(key) => {
            let named = get("properties").and_then(|p| p.get(key));
            all.extend(named);
            // Which patterns match does not matter here: to hide too much is better than to show too much.
            all.extend(get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|p| p.values()));
            if named.is_none() {
                all.extend(get("additionalProperties"));
                all.extend(get("unevaluatedProperties"));
            }
        }
        Segment::Index(index) => {
            all.extend(get("prefixItems").and_then(|items| items.get(index)));
            all.extend(["items", "contains", "unevaluatedItems"].iter().filter_map(|keyword| get(keyword)));
        }
    }
    all
}

fn without_id(mut schema: Value) -> Value {
    if let Value::Object(map) = &mut schema {
        map.shift_remove("$id");
    }
    schema
}

type Resolve = Box<dyn Fn(&str) -> Result<Value> + Send + Sync>;

/// Gives the schema's compiler what the caller's closure gives, and nothing else.
struct Files {
    resolve: Resolve,
    found: Arc<Mutex<BTreeMap<String, Value>>>,
    failed: Arc<Mutex<Option<Error>>>,
}

impl Retrieve for Files {
    fn retrieve(&self, uri: &Uri<String>) -> std::result::Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let uri = uri.as_str();
        let result = match uri.strip_prefix(BASE).and_then(decode) {
            Some(path) => (self.resolve)(&path),
            None => Err(Error::new(Kind::Malformed, format!("it refers to {uri}, which is not read"))
                .hint("refer to a file of the playbook by its relative path, or copy that schema into the playbook")),
        };
        match result {
            Ok(schema) => {
                let schema = without_id(schema);
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(uri.to_owned(), schema.clone());
                Ok(schema)
            }
            Err(error) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| error.clone());
                Err(Box::new(error))
            }
        }
    }
}

fn encode(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            b => b,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A relative reference, resolved against the address of the document that holds it (RFC 3986, 5.2).
pub(super) fn join(uri: &str, file: &str) -> Option<String> {
    if file.contains(':') {
        return Some(file.to_owned());
    }
    let folder = uri.strip_prefix(BASE)?;
    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if file.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in file.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(format!("{BASE}{}", parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("/")))
}
