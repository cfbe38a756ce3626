//! `wait::`: waiting for what a cluster or a script says, by watching; a wait that fails says why.

mod aim;
mod all;
mod any;
mod around;
mod ask;
mod board;
mod condition;
mod contact;
mod deleted;
pub(crate) mod description;
mod diagnosis;
mod discovery;
mod evidence;
mod exists;
mod field;
pub(crate) mod fields;
mod lookup;
mod readiness;
mod ready;
mod rollout;
mod run;
pub(crate) mod several;
mod terms;
mod trouble;
mod until;
mod vigil;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        all::primitive(),
        any::primitive(),
        condition::primitive(),
        deleted::primitive(),
        exists::primitive(),
        field::primitive(),
        ready::primitive(),
        rollout::primitive(),
        until::primitive(),
    ]
}
