//! The functions that expressions may use: CEL's own and those that Kubernetes adds.

use ::cel::{DeclarationError, Env, extensions};

/// The environment of all rules.
pub(super) fn environment() -> Env {
    let mut env = Env::stdlib();
    let libraries: [fn(&mut Env) -> Result<(), DeclarationError>; 3] =
        [extensions::strings, extensions::lists, extensions::math];
    for library in libraries {
        // A name that is taken would be a fault of the crate; what is missing then makes rules unvalidated.
        let _ = env.add_extension(library);
    }
    env
}
