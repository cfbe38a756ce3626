//! Helm, made ready when it is first needed: what is unchanged does not need it.

use std::cell::OnceCell;
use std::sync::Arc;

use windlass_runtime::{Call, Result};

use super::program::Helm;

/// Helm for one call, opened at its first use.
#[derive(Default)]
pub(super) struct Lazy(OnceCell<Arc<Helm>>);

impl Lazy {
    /// Helm, ready to be run.
    ///
    /// # Errors
    /// As [`Helm::open`].
    pub fn get(&self, call: &Call<'_>) -> Result<&Arc<Helm>> {
        match self.0.get() {
            Some(helm) => Ok(helm),
            None => {
                let helm = Arc::new(Helm::open(call)?);
                Ok(self.0.get_or_init(|| helm))
            }
        }
    }

    /// The same, if it was needed: as long as somebody holds it, what lies in its folder stays.
    pub fn opened(&self) -> Option<Arc<Helm>> {
        self.0.get().cloned()
    }
}
