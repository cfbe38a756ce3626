//! `tls::`: certificates of servers, with their keys.

pub mod certificate;
mod chain;
mod load;
mod names;
mod pem;
mod self_signed;

use time::OffsetDateTime;
use windlass_runtime::primitive::Primitive;
use windlass_runtime::{Call, Error, Result};

pub use certificate::Certificate;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![load::primitive(), self_signed::primitive()]
}

/// Now, by the session's clock.
fn now(call: &Call<'_>) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(call.clock().wall().as_second())
        .map_err(|e| Error::internal("the clock shows a time that no certificate can have").source(e))
}
