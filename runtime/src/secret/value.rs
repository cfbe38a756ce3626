//! The secret itself.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Origin;

struct Inner {
    origin: Origin,
    value: Zeroizing<String>,
}

/// A secret: a value that is never shown, and where it comes from.
///
/// It cannot be serialised, neither `Debug` nor `Display` shows the value, and the memory is wiped when the last copy goes.
///
/// ```
/// use windlass_runtime::secret::{Origin, Secret};
/// let secret = Secret::new(Origin::Env("DB_PASSWORD".into()), "correct horse");
/// assert_eq!(secret.to_string(), "[secret DB_PASSWORD]");
/// assert_eq!(secret.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

impl Secret {
    /// A secret of this origin. A `String` is moved, not copied.
    pub fn new(origin: Origin, value: impl Into<String>) -> Self {
        Self(Arc::new(Inner { origin, value: Zeroizing::new(value.into()) }))
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The value, for a sink that is made for secrets and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.value
    }

    /// The same value under another origin.
    #[must_use]
    pub fn with_origin(&self, origin: Origin) -> Self {
        Self::new(origin, self.expose())
    }

    pub(super) fn is_same(&self, other: &Secret) -> bool {
        self.origin() == other.origin() && self.expose() == other.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin.mark())
    }
}
