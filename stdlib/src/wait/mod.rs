//! `wait::`: waiting for what a cluster or a script says, by watching; a wait that fails says why.

mod aim;
mod all;
mod any;
mod around;
mod ask;
mod attempts;
mod board;
mod condition;
mod contact;
mod count;
mod deleted;
pub(crate) mod description;
mod diagnosis;
mod discovery;
mod evidence;
mod exists;
mod field;
mod http;
mod lookup;
mod port;
mod readiness;
mod ready;
mod rollout;
mod run;
pub(crate) mod several;
mod terms;
pub(crate) mod trouble;
mod until;
mod vigil;

use windlass_runtime::primitive::Primitive;

pub(crate) use around::label_selector;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        all::primitive(),
        any::primitive(),
        condition::primitive(),
        count::primitive(),
        deleted::primitive(),
        exists::primitive(),
        field::primitive(),
        http::primitive(),
        port::primitive(),
        ready::primitive(),
        rollout::primitive(),
        until::primitive(),
    ]
}
