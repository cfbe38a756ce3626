//! `tls::self_signed`.

use windlass_runtime::{Call, Options, Result, primitive};

use super::certificate::Certificate;
use super::made::{KeySort, Wanted, made};

/// The options of `tls::self_signed`.
#[derive(Debug, Clone, Options)]
pub struct SelfSignedOptions {
    /// For how many days it is valid.
    #[option(default = "3650")]
    pub days: u32,
    /// The host names and addresses that it is for; by default the common name.
    pub sans: Option<Vec<String>>,
    /// The sort of key: `rsa-4096`, `rsa-3072`, `rsa-2048`, `ecdsa-p256` or `ecdsa-p384`.
    #[option(default = "\"rsa-4096\"")]
    pub key: KeySort,
    /// The common name; by default the name under which it is kept.
    pub cn: Option<String>,
}

/// Makes a self-signed certificate once and keeps it: under the same name, later calls and runs get the same one.
///
/// It is kept where `secret::generate` keeps secrets. It is made anew when the common name, the names of hosts or the sort
/// of key have become others, or when less than 30 days (or a tenth of its time, if that is less) are left of it; other
/// `days` alone are no reason. An RSA key of 4096 bits takes some seconds to make.
///
/// The result goes into `cluster::tls_secret`. Scripts can read `pem`, `fqdns`, `not_after` and `fingerprint`; `key` is a
/// secret.
///
/// # Errors
/// `usage` for what is no host's name, a common name of more than 64 characters, or days out of range; `system`, `denied` or
/// `malformed` if it cannot be kept.
///
/// # Example
/// ```rhai
/// let certificate = tls::self_signed("cx.example.com", #{ days: 3650, sans: ["www.cx.example.com", "cx.example.com"] });
/// log::info(`${certificate.fingerprint} is valid until ${certificate.not_after}`);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn self_signed(call: &Call<'_>, name: String, options: SelfSignedOptions) -> Result<Certificate> {
    let cn = options.cn.unwrap_or_else(|| name.clone());
    let wanted = Wanted::server("tls::self_signed", cn, options.sans, options.key, options.days)?;
    made(call, &name, &wanted, None)
}

#[cfg(test)]
pub(in crate::tls) mod tests;
