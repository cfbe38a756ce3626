//! The types of objects, as the API's own OpenAPI documents describe them: what server-side apply, the strategic patch,
//! pruning and field validation go by.

mod assets;
mod builtin;
pub(crate) mod convert;
mod decode;
pub(crate) mod documents;
mod go;
pub(crate) mod internal;
mod openapi;
pub(crate) mod protobuf;
mod time;

use std::collections::{BTreeMap, HashMap};

use crate::Json;
use crate::error::ApiError;

pub(crate) use builtin::{builtin, group_version};

/// A place in a [`Schemas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

/// Types that refer to each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schemas {
    nodes: Vec<Node>,
    /// By the name in `components.schemas`, such as `io.k8s.api.apps.v1.Deployment`.
    names: HashMap<String, Id>,
    /// How Go sees Kubernetes' own types, and which of them is which.
    go: go::GoTypes,
    go_ids: HashMap<Id, go::GoId>,
}

/// One type.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it looks like.
    pub shape: Shape,
    /// Whether `null` is a value of it (custom resources only).
    pub nullable: bool,
}

/// What a type looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Anything: an unknown structure, which is merged as one value unless `x-kubernetes-preserve-unknown-fields` says
    /// otherwise (then `Object { open: true }`).
    Any,
    /// A text. `byte` marks base64, `time` an RFC 3339 time.
    String {
        /// The format: `byte`, `date-time` and so on; empty without.
        format: String,
    },
    /// A whole number; `bits` is 32 or 64.
    Integer {
        /// Its size.
        bits: u8,
    },
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A whole number or a text.
    IntOrString,
    /// A quantity, such as `100m`: a text or a number, kept as a text.
    Quantity,
    /// Fields with names of their own, or values of one type under any name, or both.
    Object(Object),
    /// A list.
    List {
        /// What it holds.
        items: Id,
        /// How server-side apply merges it.
        merge: ListMerge,
    },
}

/// An object's fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object {
    /// By name.
    pub fields: BTreeMap<String, Field>,
    /// The type of the values under other names (a map such as `labels`).
    pub values: Option<Id>,
    /// Keeps fields that it does not know.
    pub open: bool,
    /// `x-kubernetes-map-type: atomic`: owned and replaced as one value.
    pub atomic: bool,
    /// Fields that have to be there.
    pub required: Vec<String>,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub id: Id,
    /// How the strategic merge patch merges it (not always as server-side apply does).
    pub patch: PatchStrategy,
    /// What the schema gives where it is absent.
    pub default: Option<Json>,
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchStrategy {
    /// `merge`.
    pub merge: bool,
    /// `retainKeys`.
    pub retain_keys: bool,
    /// The merge key of a list of objects; a list of scalars has none.
    pub merge_key: Option<String>,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListMerge {
    /// One value.
    Atomic,
    /// Scalars, each owned by itself.
    Set,
    /// Objects under the values of these keys.
    Map(Vec<String>),
}

impl Schemas {
    /// The type at a place.
    ///
    /// An `Id` is only good for the [`Schemas`] that gave it; a foreign one may be another type or panic.
    #[must_use]
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The type of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Id> {
        self.names.get(name).copied()
    }

    /// Adds a type.
    pub fn add(&mut self, node: Node) -> Id {
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    /// Replaces a type: for types that refer to themselves.
    pub fn set(&mut self, id: Id, node: Node) {
        self.nodes[id.0 as usize] = node;
    }

    /// Gives a type a name.
    pub fn name(&mut self, name: impl Into<String>, id: Id) {
        self.names.insert(name.into(), id);
    }
}

/// Reads an object of a built-in type as the API server does, in place: fields that the type does not know are removed, and
/// returned as `unknown field "spec.replcas"`, in the order in which they stood; what Go's encoder leaves out (`labels: {}`)
/// is gone, what it writes without having got it (`status: {}`, `rules: null`) is there; quantities and times are in their
/// normal form; fields stand in the real order.
///
/// Any of Kubernetes' own types may be read so, a pod's spec by itself too. Others (custom resources) stay as they are.
///
/// # Errors
/// The sentence of Go's decoder about a value of a wrong type. The object is lost then.
pub fn check_fields(schemas: &Schemas, id: Id, object: &mut Json) -> Result<Vec<String>, String> {
    read(schemas, id, object, false)
}

/// The same for an object that has just been given: lists and maps that are there but empty stay, as in the API server before
/// it stores them.
pub(crate) fn check_given(schemas: &Schemas, id: Id, object: &mut Json) -> Result<Vec<String>, String> {
    read(schemas, id, object, true)
}

fn read(schemas: &Schemas, id: Id, object: &mut Json, given: bool) -> Result<Vec<String>, String> {
    let Some(go) = schemas.go_ids.get(&id) else { return Ok(Vec::new()) };
    let (read, unknown) = decode::decode(&schemas.go, *go, object.take(), given)?;
    *object = read;
    Ok(unknown)
}

/// The 400 of the API server for an object that could not be read: `words` are those of [`check_fields`], or
/// [`strict`]'s.
pub(crate) fn cannot_be_handled(kind: &str, version: &str, words: &str) -> ApiError {
    ApiError::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {words}"))
}

/// What `fieldValidation=Strict` says about unknown and duplicate fields.
pub(crate) fn strict(unknown: &[String]) -> String {
    format!("strict decoding error: {}", unknown.join(", "))
}

#[cfg(test)]
mod live;
