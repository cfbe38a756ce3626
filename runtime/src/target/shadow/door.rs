//! Simulated clusters listen for other programs from when the first one needs it.

use windlass_shadow::listen::{Listener, Options};
use zeroize::Zeroizing;

use super::{NAME, Shadow};
use crate::sync::lock;
use crate::{Error, Kind, Result};

/// Where a cluster listens, for as long as this lives.
pub(super) type Door = Listener;

/// A kubeconfig of a cluster, which listens from now on.
pub(super) async fn kubeconfig(target: &Shadow, name: Option<&str>) -> Result<Zeroizing<String>> {
    let cluster = target.begun(name);
    let name = name.unwrap_or(NAME);
    if let Some(door) = lock(&target.inner.doors).get(name) {
        return Ok(Zeroizing::new(door.kubeconfig().to_owned()));
    }
    let clock = Some(target.inner.simulation.clock().clone());
    let listener = Listener::open(&cluster, &Options { port: 0, name: name.to_owned(), clock }).await.map_err(|e| {
        Error::new(Kind::System, "the simulated cluster cannot listen on 127.0.0.1 for other programs").source(e)
    })?;
    // Should two have come at once, the first one stays.
    let mut doors = lock(&target.inner.doors);
    Ok(Zeroizing::new(doors.entry(name.to_owned()).or_insert(listener).kubeconfig().to_owned()))
}
