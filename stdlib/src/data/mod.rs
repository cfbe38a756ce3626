//! `data::`: files beside the script.

mod exists;
mod yaml;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![exists::primitive(), yaml::primitive()]
}
