//! `tls::`: certificates of servers, with their keys.

mod ca;
pub mod certificate;
mod chain;
mod csr;
mod expiry;
mod load;
mod made;
mod names;
mod parse;
mod pem;
mod self_signed;
mod signed;
mod source;

use time::OffsetDateTime;
use windlass_runtime::primitive::Primitive;
use windlass_runtime::{Call, Error, Result};

pub use certificate::Certificate;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        ca::primitive(),
        csr::primitive(),
        expiry::primitive(),
        load::primitive(),
        parse::primitive(),
        self_signed::primitive(),
        signed::primitive(),
    ]
}

/// Now, by the session's clock.
fn now(call: &Call<'_>) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(call.clock().wall().as_second())
        .map_err(|e| Error::internal("the clock shows a time that no certificate can have").source(e))
}
