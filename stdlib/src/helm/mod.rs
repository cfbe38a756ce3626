//! `helm::`: releases of charts, by the `helm` program.
//!
//! Helm renders charts and keeps releases; what a release is is read from the cluster, where Helm keeps it. Helm runs in a
//! folder of its own, with values, kubeconfig and credentials in files that only their owner can read and that are gone
//! afterwards. Waiting is our own.

mod chart;
mod dependency_build;
mod diff;
mod fault;
mod given;
mod handler;
mod history;
mod hooks;
mod images;
mod index;
mod lazy;
mod list;
mod manifest;
mod objects;
mod operation;
mod placing;
mod program;
mod pull;
mod recover;
mod release;
mod rendered;
mod repo;
mod repositories;
mod rollback;
mod status;
mod surroundings;
mod template;
mod test;
mod uninstall;
mod upgrade;
mod values;
mod version;

use windlass_runtime::Package;
use windlass_runtime::primitive::Primitive;

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        dependency_build::primitive(),
        diff::primitive(),
        history::primitive(),
        list::primitive(),
        manifest::primitive(),
        pull::primitive(),
        recover::primitive(),
        repo::primitive(),
        rollback::primitive(),
        status::primitive(),
        template::primitive(),
        test::primitive(),
        uninstall::primitive(),
        upgrade::primitive(),
        values::primitive(),
        version::primitive(),
    ]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package.handler(handler::Releases).handler(placing::Files)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
