//! Who is asked before a request is sent that changes something.

use std::time::Duration;

use super::Cluster;
use crate::clock::BoxFuture;
use crate::error::Result;

/// Lets requests pass that change something, each directly before it is sent.
pub trait Fence: Send + Sync + 'static {
    /// Lets a request pass that is given this time, and says how much of it the request may take.
    ///
    /// The error, if there is one, is why the request is not sent.
    fn pass(&self, within: Duration) -> BoxFuture<Result<Duration>>;
}

impl Cluster {
    /// The same cluster, with everything learned about it, where `fence` is asked before each request that changes something.
    #[must_use]
    pub fn fenced(mut self, fence: std::sync::Arc<dyn Fence>) -> Self {
        self.fence = Some(fence);
        self
    }

    /// The same cluster without a fence.
    #[must_use]
    pub(crate) fn unfenced(&self) -> Self {
        Self { fence: None, ..self.clone() }
    }

    /// Asks the fence, if there is one.
    pub(super) async fn pass(&self, within: Duration) -> Result<Duration> {
        match &self.fence {
            Some(fence) => fence.pass(within).await,
            None => Ok(within),
        }
    }
}
