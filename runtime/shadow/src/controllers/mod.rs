//! The controllers: what a cluster does by itself after a write.

use std::time::Duration;

use crate::error::ApiError;
use crate::store::{Change, Key};
use crate::world::Objects;

/// What is to be done about an object after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing until something changes.
    Wait,
    /// Look again after this time.
    After(Duration),
}

/// One controller: a function from what there is to writes, called again and again.
pub(crate) trait Controller: Send {
    /// Such as `deployment-controller`: the manager in managedFields and the component in Events.
    fn name(&self) -> &'static str;
    /// The resources whose changes matter to it.
    fn watches(&self) -> &'static [&'static str];
    /// Which objects have to be looked at after a change.
    fn keys(&self, world: &dyn Objects, change: &Change) -> Vec<Key>;
    /// Looks at one object, and brings the world one step nearer to what it asks for. Idempotent. A conflict is repeated by
    /// whoever calls.
    fn reconcile(&mut self, world: &mut dyn Objects, key: &Key) -> Result<Next, ApiError>;
}
