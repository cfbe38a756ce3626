//! `secret::`: passwords, tokens and keys, which a script passes on without seeing them.

mod age;
mod command;
mod env;
mod file;
mod from;
mod generate;
mod kubernetes;
mod prompt;

use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        age::primitive(),
        command::primitive(),
        env::primitive(),
        file::primitive(),
        from::primitive(),
        generate::primitive(),
        kubernetes::primitive(),
        prompt::primitive(),
    ]
}

#[cfg(test)]
mod tests;
