//! The metadata of custom objects: a type that all kinds have in common.

use crate::Json;
use crate::schema::{builtin, check_fields};

/// Whether the metadata of a custom object can be read.
///
/// # Errors
/// If not, in the words of Go's JSON decoder.
pub(crate) fn check(object: &Json) -> Result<(), String> {
    let schemas = &builtin().schemas;
    let id = schemas.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    match (id, object.get("metadata")) {
        (Some(id), Some(metadata)) => check_fields(schemas, id, &mut metadata.clone()).map(drop),
        _ => Ok(()),
    }
}
