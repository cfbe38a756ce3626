//! `report::`: what a run's report has to say beside changes.

mod accepted;
mod manual;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![accepted::primitive(), manual::primitive()]
}
