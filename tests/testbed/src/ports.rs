//! Free ports for the servers.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::Error;

/// A free port below those that the system gives to outgoing connections: one of them could otherwise take the API
/// server's port while it is stopped.
pub(crate) fn free_port() -> Result<u16, Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    const FIRST: u64 = 20_000;
    const COUNT: u64 = 10_000;
    let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| u64::from(time.subsec_nanos()));
    let start = u64::from(std::process::id()) * 7919 + time;
    for _ in 0..COUNT {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let Ok(port) = u16::try_from(FIRST + (start + offset) % COUNT) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Usage(format!("no free port between {FIRST} and {}", FIRST + COUNT)))
}
