//! The functions that expressions may use: CEL's own and those that Kubernetes adds.

use ::cel::{Env, extensions};

/// The environment of all rules.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    // A name that is taken would be a fault of the crate; what is missing then makes rules unvalidated.
    let _ = env.add_extension(extensions::strings);
    let _ = env.add_extension(extensions::lists);
    let _ = env.add_extension(extensions::math);
    env
}
