//! `manifest::`.

use windlass_runtime::primitive::Primitive;

/// Reads manifests.
pub(crate) fn read(_: &windlass_runtime::Call<'_>, _: &str) -> windlass_runtime::Result<Vec<windlass_runtime::Value>> {
    Ok(Vec::new())
}

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    Vec::new()
}
