//! `text::`: looking at texts.

mod matches;
pub(crate) mod pattern;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![matches::primitive()]
}
