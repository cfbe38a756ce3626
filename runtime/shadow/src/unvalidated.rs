//! What was accepted though not every rule about it could be judged.

use crate::Shadow;

/// How a warning begins that tells the writer of an object which rule about it could not be judged.
pub const UNVALIDATED: &str = "unvalidated: ";

/// An object that is there, though the real API server might have refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unvalidated {
    /// Its resource, such as `widgets.example.com`.
    pub resource: String,
    /// Its namespace; empty for what is cluster-wide.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What could not be judged, as its writer was told: each begins with [`UNVALIDATED`].
    pub why: Vec<String>,
}

impl Shadow {
    /// The objects about which some rule could not be judged when they were last written, by resource, namespace and name.
    /// A write with `dryRun=All` only tells its writer.
    #[must_use]
    pub fn unvalidated(&self) -> Vec<Unvalidated> {
        self.with(|world| {
            let objects = world.unvalidated.iter().map(|(key, why)| Unvalidated {
                resource: key.resource.to_string(),
                namespace: key.namespace.to_string(),
                name: key.name.to_string(),
                why: why.clone(),
            });
            objects.collect()
        })
    }
}
