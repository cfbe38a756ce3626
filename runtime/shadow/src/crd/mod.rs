//! Custom resources: from a CustomResourceDefinition to resources, and what their objects are checked by.

mod cel;
mod controller;
mod defaulting;
mod definition;
mod embedded;
mod fault;
mod finalizers;
mod formats;
mod lists;
mod metadata;
mod number;
mod openapi;
mod pattern;
mod props;
mod prune;
mod scale;
mod schemas;
mod spec;
mod status;
mod types;
mod version;

#[cfg(test)]
mod live;
#[cfg(test)]
mod tests;

pub(crate) use controller::CustomResources;
pub(crate) use definition::{format_warnings, prepare, validate};
pub(crate) use finalizers::warnings as finalizer_warnings;
pub(crate) use metadata::check as check_metadata;
pub(crate) use status::deleting;
pub(crate) use types::define;
pub(crate) use version::{Verdict, Version};
