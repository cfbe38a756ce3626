//! `tls::signed`.

use windlass_runtime::{Call, Options, Result, primitive};

use super::certificate::Certificate;
use super::made::{KeySort, Signer, Wanted, made};

/// The options of `tls::signed`.
#[derive(Debug, Clone, Options)]
pub struct SignedOptions {
    /// For how many days it is valid; never longer than its authority.
    #[option(default = "825")]
    pub days: u32,
    /// The host names and addresses that it is for; by default the common name.
    pub sans: Option<Vec<String>>,
    /// The sort of key: `rsa-4096`, `rsa-3072`, `rsa-2048`, `ecdsa-p256` or `ecdsa-p384`.
    #[option(default = "\"ecdsa-p256\"")]
    pub key: KeySort,
    /// The common name; by default the name under which it is kept.
    pub cn: Option<String>,
}

/// Makes a server's certificate that an authority of one's own has signed, once, and keeps it: under the same name, later
/// calls and runs get the same one.
///
/// It is kept, and made anew, as `tls::self_signed` says, and also when the authority has become another one. Its `pem` has
/// the authority's certificate behind it. The result goes into `cluster::tls_secret`.
///
/// # Errors
/// As `tls::self_signed`; `usage` for an authority that may not sign.
///
/// # Example
/// ```rhai
/// let ca = tls::ca("Acme deployment CA");
/// let certificate = tls::signed("cx.example.com", ca, #{ sans: ["cx.example.com", "10.0.0.4"] });
/// log::info(`valid until ${certificate.not_after}`);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn signed(call: &Call<'_>, name: String, ca: Certificate, options: SignedOptions) -> Result<Certificate> {
    let cn = options.cn.unwrap_or_else(|| name.clone());
    let wanted = Wanted::server("tls::signed", cn, options.sans, options.key, options.days)?;
    made(call, &format!("{name}/signed"), &wanted, Some(&Signer::of(call, &ca)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use windlass_runtime::secret::MemoryVault;

    use super::super::self_signed::tests::On;
    use crate::testing::{Ran, run_on};

    fn run(vault: &Arc<MemoryVault>, day: i64, script: &str) -> Ran {
        run_on(On::day(day), script, |b| b.vault(vault.clone()))
    }

    #[test]
    fn it_is_signed_once_and_anew_with_another_authority() {
        let vault = Arc::new(MemoryVault::default());
        let script = r#"
            let c = tls::signed("cx.example.com", tls::ca("our ca"), #{ sans: ["cx.example.com", "10.0.0.4"] });
            #{ fingerprint: c.fingerprint, fqdns: c.fqdns, not_after: c.not_after, chain: tls::parse(c.pem) }
        "#;
        let first = run(&vault, 0, script).value();
        assert_eq!(first["fqdns"], json!(["cx.example.com", "10.0.0.4"]));
        assert_eq!(first["not_after"], "2032-04-04T23:55:00Z");
        let chain = first["chain"].as_array().unwrap();
        assert_eq!((chain.len(), &chain[0]["issuer"], &chain[1]["is_ca"]), (2, &json!("CN=our ca"), &json!(true)));
        assert_eq!(run(&vault, 1, script).value()["fingerprint"], first["fingerprint"]);
        let other = run(&vault, 1, &script.replace("our ca", "another ca"));
        assert_ne!(other.value()["fingerprint"], first["fingerprint"]);
        assert!(other.logs()[0].contains("it was signed by another authority"), "{:?}", other.logs());
        let late = run(&vault, 3640, &script.replace("\"our ca\"", "\"late\", #{ days: 1 }"));
        assert_eq!(late.value()["not_after"], late.value()["chain"][1]["not_after"]);
    }

    #[test]
    fn a_servers_certificate_signs_nothing() {
        let vault = Arc::new(MemoryVault::default());
        let script = "tls::signed(\"a.example.com\", tls::self_signed(\"b.example.com\", #{ key: \"ecdsa-p256\" }))";
        let error = run(&vault, 0, script).error();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().unwrap().contains("is no authority"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("tls::ca"), "{error}");
    }

    #[test]
    fn the_keys_show_nowhere() {
        let vault = Arc::new(MemoryVault::default());
        let ran = run(
            &vault,
            0,
            "let ca = tls::ca(\"ours\"); let c = tls::signed(\"a.example.com\", ca); `${ca.key} ${c.key}`",
        );
        assert!(!ran.everything().contains("PRIVATE KEY"));
    }
}
