//! `tls::ca`.

use windlass_runtime::{Call, Options, Result, primitive};

use super::certificate::Certificate;
use super::made::{KeySort, Wanted, made};

/// The options of `tls::ca`.
#[derive(Debug, Clone, Options)]
pub struct CaOptions {
    /// For how many days it is valid.
    #[option(default = "3650")]
    pub days: u32,
    /// The sort of key: `rsa-4096`, `rsa-3072`, `rsa-2048`, `ecdsa-p256` or `ecdsa-p384`.
    #[option(default = "\"ecdsa-p384\"")]
    pub key: KeySort,
    /// The common name; by default the name under which it is kept.
    pub cn: Option<String>,
}

/// Makes an authority of one's own once and keeps it: under the same name, later calls and runs get the same one.
///
/// It signs the certificates of servers (`tls::signed`), and no further authorities. Clients must be given its `pem`. It is
/// kept, and made anew, as `tls::self_signed` says; what it has signed is then signed anew too.
///
/// # Errors
/// As `tls::self_signed`.
///
/// # Example
/// ```rhai
/// let ca = tls::ca("Acme deployment CA", #{ days: 3650 });
/// let certificate = tls::signed("cx.example.com", ca);
/// log::info(`clients trust ${ca.fingerprint}`);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn ca(call: &Call<'_>, name: String, options: CaOptions) -> Result<Certificate> {
    let cn = options.cn.unwrap_or_else(|| name.clone());
    made(call, &format!("{name}/ca"), &Wanted::authority(cn, options.key, options.days)?, None)
}
