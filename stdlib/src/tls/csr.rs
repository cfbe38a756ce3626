//! `tls::csr`.

use windlass_runtime::event::Level;
use windlass_runtime::secret::{Origin, Placeholder, Secret};
use windlass_runtime::{Call, IntoValue, Options, Result, Value, primitive};
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};
use zeroize::Zeroizing;

use super::chain;
use super::made::{KeySort, Wanted, entry, keep, latest, never_kept};
use super::pem;

/// The options of `tls::csr`.
#[derive(Debug, Clone, Options)]
pub struct CsrOptions {
    /// The host names and addresses that the certificate is to be for; by default the common name.
    pub sans: Option<Vec<String>>,
    /// The sort of key: `rsa-4096`, `rsa-3072`, `rsa-2048`, `ecdsa-p256` or `ecdsa-p384`.
    #[option(default = "\"rsa-4096\"")]
    pub key: KeySort,
    /// The common name; by default the name under which it is kept.
    pub cn: Option<String>,
}

/// A request for a certificate, and its key.
#[derive(Debug, Clone)]
pub struct Request {
    pem: String,
    key: Placeholder,
}

impl IntoValue for Request {
    fn into_value(self) -> Value {
        Value::Map([("pem".to_owned(), Value::Text(self.pem)), ("key".to_owned(), self.key.into_value())].into())
    }
    fn describes() -> String {
        "a map with `pem` and `key`".to_owned()
    }
}

/// Makes a key and a request for a certificate (PKCS #10), for an authority of the customer's, once, and keeps both. Returns
/// `#{pem, key}`: the request as PEM, and the key as a secret.
///
/// They are kept where `secret::generate` keeps secrets, and made anew when the names or the sort of key have become others.
/// What the authority sends back is read with `tls::load`, which finds the key by the same name: its option `csr`.
///
/// # Errors
/// As `tls::self_signed`.
///
/// # Example
/// ```rhai
/// let request = tls::csr("cx.example.com", #{ sans: ["www.cx.example.com", "cx.example.com"], key: "ecdsa-p256" });
/// log::info(request.pem);
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn csr(call: &Call<'_>, name: String, options: CsrOptions) -> Result<Request> {
    let cn = options.cn.unwrap_or_else(|| name.clone());
    let wanted = Wanted::server("tls::csr", cn, options.sans, options.key, 1)?;
    let vault = call.session().vault().clone();
    let kept_as = kept_as(&name);
    // More than once only if another process makes the same one at the same time.
    for _ in 0..5 {
        let (number, kept) = latest(&*vault, &kept_as, "csr")?;
        if let Some((request, key)) = kept {
            // What it was for stands before the PEM, where every reader of PEM passes over it.
            if let Some(pem) = request.expose().strip_prefix(&format!("{}\n", wanted.in_words()))
                && is_of_key(pem, &key)
            {
                let origin = Origin::Generated(entry(&kept_as, number, "key"));
                let key = call.session().secrets().register(key.with_origin(origin))?;
                return Ok(Request { pem: pem.to_owned(), key });
            }
            call.log(
                Level::Info,
                format!("the request {name} is made anew: it was for other names, or has another key"),
            );
        }
        call.progress(&name, format!("making a key ({})", wanted.key().as_str()));
        let making = wanted.clone();
        let (request, key) = call.compute(move || making.request())?;
        let request = Zeroizing::new(format!("{}\n{}", wanted.in_words(), *request));
        keep(&*vault, &kept_as, number + 1, [("csr", &request), ("key", &key)])?;
    }
    Err(never_kept(&name, &*vault))
}

/// Whether a request was made with this key: two processes at once may have kept one part each.
fn is_of_key(request: &str, key: &Secret) -> bool {
    let is_same = || -> Option<bool> {
        let (request, key) = (pem::blocks(request, "it").ok()?, pem::blocks(key.expose(), "its key").ok()?);
        let (_, request) = X509CertificationRequest::from_der(&request.first()?.der).ok()?;
        let (_, pair) = chain::key(&key, "its key").ok()?;
        let asked = &request.certification_request_info.subject_pki.subject_public_key.data;
        Some(**asked == *pair.public_key_raw())
    };
    is_same().unwrap_or(false)
}

fn kept_as(name: &str) -> String {
    format!("{name}/request")
}

/// The key of the latest request of this name.
///
/// # Errors
/// The vault's.
pub(super) fn key_of(call: &Call<'_>, name: &str) -> Result<Option<Secret>> {
    let (number, kept) = latest(&**call.session().vault(), &kept_as(name), "csr")?;
    let origin = Origin::Generated(entry(&kept_as(name), number, "key"));
    Ok(kept.map(|(_, key)| key.with_origin(origin)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use windlass_runtime::secret::MemoryVault;
    use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

    use super::super::pem;
    use super::super::self_signed::tests::On;
    use crate::testing::{Ran, run_on};

    fn run(vault: &Arc<MemoryVault>, script: &str) -> Ran {
        run_on(On::day(0), script, |b| b.vault(vault.clone()))
    }

    const SCRIPT: &str =
        "tls::csr(\"cx.example.com\", #{ key: \"ecdsa-p256\", sans: [\"cx.example.com\", \"10.0.0.4\"] }).pem";

    #[test]
    fn a_request_is_made_once_and_anew_for_other_names() {
        let vault = Arc::new(MemoryVault::default());
        let first = run(&vault, SCRIPT);
        let pem = first.value().as_str().unwrap().to_owned();
        let blocks = pem::blocks(&pem, "it").unwrap();
        let (_, request) = X509CertificationRequest::from_der(&blocks[0].der).unwrap();
        assert_eq!(request.certification_request_info.subject.to_string(), "CN=cx.example.com");
        assert!(request.verify_signature().is_ok());
        assert!(!first.everything().contains("PRIVATE KEY"));
        assert_eq!(run(&vault, SCRIPT).value(), pem);
        assert_ne!(run(&vault, &SCRIPT.replace("10.0.0.4", "10.0.0.5")).value(), pem);
    }

    #[test]
    fn what_the_authority_sends_back_finds_its_key() {
        let vault = Arc::new(MemoryVault::default());
        let pem = run(&vault, SCRIPT).value().as_str().unwrap().to_owned();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::Issuer::new(params, key);
        let mut request = rcgen::CertificateSigningRequestParams::from_pem(&pem).unwrap();
        request.params.not_before = time::macros::datetime!(2029-01-01 0:00 UTC);
        request.params.not_after = time::macros::datetime!(2039-01-01 0:00 UTC);
        let certificate = request.signed_by(&issuer).unwrap().pem();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.crt");
        std::fs::write(&path, certificate).unwrap();
        let load = |csr: &str| {
            let script = format!(
                "tls::load(#{{ cert: \"{}\", csr: \"{csr}\", fqdn: \"cx.example.com\" }}).fqdns",
                path.display()
            );
            run(&vault, &script)
        };
        assert_eq!(load("cx.example.com").value(), serde_json::json!(["cx.example.com", "10.0.0.4"]));
        let error = load("other").error();
        assert_eq!(error["kind"], "not_found");
        assert!(error["message"].as_str().unwrap().contains("no request other is kept"), "{error}");
    }
}
