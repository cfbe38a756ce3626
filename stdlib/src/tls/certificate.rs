//! A certificate as scripts hold it.

use std::fmt;
use std::sync::Arc;

use rhai::{Dynamic, Engine};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::secret::Placeholder;
use windlass_runtime::{IntoValue, Value};

/// A server's certificate with its chain, and its private key by reference.
///
/// Scripts read its properties: `pem` (the chain, the server's certificate first), `key` (a secret), `fqdns`, `not_after`,
/// `fingerprint` (SHA-256).
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    pem: String,
    key: Placeholder,
    fqdns: Vec<String>,
    not_after: OffsetDateTime,
    fingerprint: String,
}

impl Certificate {
    /// A certificate: the chain as PEM, the first one's DER form, the hosts that it is for, its end, and its key.
    pub(super) fn new(
        pem: String,
        der: &[u8],
        fqdns: Vec<String>,
        not_after: OffsetDateTime,
        key: Placeholder,
    ) -> Self {
        let digest: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
        Self(Arc::new(Inner { pem, key, fqdns, not_after, fingerprint: digest.join(":") }))
    }

    /// The chain as PEM, the server's certificate first: `tls.crt` of a Secret.
    #[must_use]
    pub fn cert_pem(&self) -> &str {
        &self.0.pem
    }

    /// What stands for the private key (PEM) in the session's registry: `tls.key` of a Secret.
    #[must_use]
    pub fn key(&self) -> &Placeholder {
        &self.0.key
    }

    /// The host names and addresses that it is for.
    #[must_use]
    pub fn fqdns(&self) -> &[String] {
        &self.0.fqdns
    }

    /// When it ends.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.0.not_after
    }

    /// Its SHA-256 fingerprint, as openssl shows it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// Registers the type and its properties.
    pub fn register(engine: &mut Engine) {
        engine
            .register_type_with_name::<Certificate>("Certificate")
            .register_get("pem", |c: &mut Certificate| c.cert_pem().to_owned())
            .register_get("key", |c: &mut Certificate| c.key().clone())
            .register_get("fqdns", |c: &mut Certificate| {
                c.fqdns().iter().map(|name| Dynamic::from(name.clone())).collect::<rhai::Array>()
            })
            .register_get("not_after", |c: &mut Certificate| shown(c.not_after()))
            .register_get("fingerprint", |c: &mut Certificate| c.fingerprint().to_owned())
            .register_fn("to_string", |c: &mut Certificate| c.to_string())
            .register_fn("to_debug", |c: &mut Certificate| c.to_string());
    }
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate of {} until {}", self.fqdns().join(", "), shown(self.not_after()))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

impl FromValue for Certificate {
    fn expects() -> String {
        "a certificate, as tls::load, tls::self_signed, tls::signed or tls::ca give it".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Handle(handle) => handle.clone().try_cast::<Certificate>().ok_or_else(|| Mismatch::sort(&value)),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}

impl IntoValue for Certificate {
    fn into_value(self) -> Value {
        Value::Handle(Dynamic::from(self))
    }
    fn describes() -> String {
        "a certificate with `pem`, `key`, `fqdns`, `not_after`, `fingerprint`".to_owned()
    }
}

/// A time as people write it: `2036-11-19T11:00:00Z`.
pub(super) fn shown(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
