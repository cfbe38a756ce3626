//! The primitives of Windlass, one file each.

pub mod cluster;
pub mod data;
pub(crate) mod fields;
pub mod helm;
pub mod log;
pub mod manifest;
pub mod path;
pub mod secret;
pub mod text;
pub mod tls;
pub mod wait;

#[cfg(test)]
pub(crate) mod testing;

use windlass_runtime::Package;

/// Every primitive, with the handlers that probe and take back their changes.
#[must_use]
pub fn all() -> Package {
    let modules = [
        cluster::primitives(),
        data::primitives(),
        helm::primitives(),
        log::primitives(),
        manifest::primitives(),
        secret::primitives(),
        text::primitives(),
        tls::primitives(),
        wait::primitives(),
    ];
    let package = Package::new(modules.into_iter().flatten().collect()).type_of(tls::Certificate::register);
    helm::with_handlers(cluster::with_handlers(package))
}
