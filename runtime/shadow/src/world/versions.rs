//! The versions of a kind, for those who own its fields in one or another.

use crate::Json;
use crate::apply::{Types, Versions};
use crate::catalog::{Catalog, ResourceType};

/// The versions of one kind.
pub(super) struct Kinds<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) kind: &'a ResourceType,
}

impl Kinds<'_> {
    fn version(&self, api_version: &str) -> Option<&ResourceType> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = self.catalog.known(group, version, &self.kind.plural).map(AsRef::as_ref);
        kind.filter(|kind| kind.name == self.kind.name)
    }
}

impl Versions for Kinds<'_> {
    fn types(&self, api_version: &str) -> Option<Types<'_>> {
        let kind = self.version(api_version)?;
        let schema = kind.schema.as_ref().map(|(schemas, id)| (schemas.as_ref(), *id));
        match (&kind.definition, schema) {
            (Some(_), schema) => Some(Types::custom(schema)),
            (None, Some((schemas, id))) => Some(Types::built_in(schemas, id)),
            (None, None) => None,
        }
    }

    fn convert(&self, object: &Json, api_version: &str) -> Option<Json> {
        self.version(crate::object::text(object, "/apiVersion")?)?;
        let to = self.version(api_version)?;
        if to.definition.is_none() {
            return Some(super::parts::convert(object.clone(), to));
        }
        // Where owners are compared, a custom object only changes its version: what that does not know stays, and is an error.
        let mut object = object.clone();
        object.as_object_mut()?.insert("apiVersion".into(), api_version.into());
        Some(object)
    }
}
