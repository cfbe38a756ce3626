//! Secrets: where they come from, how scripts pass them on without seeing them, and how they are kept out of sight.
//!
//! A script never holds a secret's value. It holds a [`Placeholder`], an unguessable word that the session's
//! [`Registry`] gives for each [`Secret`]. At the boundary [`Registry::inspect`] turns a text with placeholders into a
//! [`Template`]; a sink that is made for secrets resolves it, every other sink refuses it by name. What the script has cut
//! up or encoded is recognised as [`Inspection::Damaged`], so that a wrong password is never sent. Whatever is printed or
//! kept in clear goes through [`Registry::mask`] first.

mod decode;
mod forms;
mod generate;
mod grams;
mod inspection;
mod intervals;
mod mask;
mod origin;
mod placeholder;
mod random;
mod read;
mod registry;
mod template;
mod value;
pub(crate) mod vault;

pub use generate::{Alphabet, GenerateOptions, Kept, generate, generate_in};
pub use inspection::Inspection;
pub use origin::Origin;
pub use placeholder::Placeholder;
pub use read::{Prompter, from_env, from_file, from_prompt};
pub use registry::{MIN_MASKED, Registry};
pub use template::{Piece, StoredPiece, StoredTemplate, Template};
pub use value::Secret;
pub use vault::{AgeVault, Identity, Keys, MemoryVault, Opened, Vault};

#[cfg(test)]
mod tests;
