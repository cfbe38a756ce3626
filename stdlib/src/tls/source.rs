//! Where certificates are to be read from: a text, a file, a Secret of a cluster.

use base64::Engine as _;
use serde_json::Value as Json;
use windlass_runtime::cluster::ResourceRef;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Kind, Result, Value};

use super::certificate::Certificate;
use super::pem::{self, Block};
use crate::cluster::{OnCluster, Target};

/// What a script names.
#[derive(Debug, Clone)]
pub enum Source {
    /// The certificates themselves.
    Pem(String),
    /// A file with them.
    File(String),
    /// A Secret of type `kubernetes.io/tls`.
    Secret(Target),
}

impl FromValue for Source {
    fn expects() -> String {
        "certificates as PEM, the path of a file, a Secret such as \"Secret/web-tls\", or a certificate".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Text(text) = &value else {
            return Certificate::from_value(value).map(|c| Self::Pem(c.cert_pem().to_owned()));
        };
        if text.contains("-----BEGIN") {
            return Ok(Self::Pem(text.clone()));
        }
        match text.split_once('/') {
            Some((kind, _)) if matches!(kind.to_ascii_lowercase().as_str(), "secret" | "secrets") => {
                ResourceRef::parse(text).map(|name| Self::Secret(Target(name))).map_err(Mismatch::Refused)
            }
            _ => Ok(Self::File(text.clone())),
        }
    }
}

impl Source {
    /// Reads it: the blocks, and what it is called in errors.
    ///
    /// # Errors
    /// Where it is not there, or no PEM.
    pub(super) fn read(&self, call: &Call<'_>, on: &OnCluster) -> Result<(Vec<Block>, String)> {
        match self {
            Source::Pem(text) => Ok((pem::blocks(text, "the text")?, "the text".to_owned())),
            Source::File(path) => {
                let located = call.locate(path)?;
                let shown = located.shown();
                let bytes = zeroize::Zeroizing::new(located.read()?);
                Ok((pem::blocks(&String::from_utf8_lossy(&bytes), &shown)?, shown))
            }
            Source::Secret(target) => {
                let (cluster, id) = on.find(call, target)?;
                let asked = id.clone();
                let secret = call.wait(async move { cluster.get(&asked).await })?;
                let secret = secret.ok_or_else(|| crate::cluster::edit::absent(&id))?;
                let text = secret.pointer("/data/tls.crt").and_then(Json::as_str);
                let bytes = text.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
                let bytes = bytes.ok_or_else(|| {
                    Error::new(Kind::Malformed, format!("{id} has no certificate in `tls.crt`"))
                        .hint("certificates of servers are in Secrets of type kubernetes.io/tls")
                        .resource(&id)
                })?;
                let shown = id.to_string();
                Ok((pem::blocks(&String::from_utf8_lossy(&bytes), &shown)?, shown))
            }
        }
    }
}
