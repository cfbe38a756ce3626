#[cfg(oracle)]
mod oracle;
