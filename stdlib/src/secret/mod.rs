//! `secret::`: passwords, tokens and keys, which a script passes on without seeing them.

mod env;
mod file;
mod generate;
mod prompt;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![env::primitive(), file::primitive(), generate::primitive(), prompt::primitive()]
}

#[cfg(test)]
mod tests;
