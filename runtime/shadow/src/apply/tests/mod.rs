pub(crate) mod openapi;
#[cfg(oracle)]
mod oracle;
