//! `tls::`.

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    Vec::new()
}
