//! `cluster::tls_secret`.

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Error, Result, primitive};

use super::secret::apply_secret;
use super::whole::{WholeOptions, encoded};
use crate::tls::Certificate;

/// Makes a Secret of the type `kubernetes.io/tls` from a certificate, as `kubectl create secret tls` does.
///
/// # Errors
/// As `cluster::secret`.
///
/// # Example
/// ```rhai
/// let certificate = tls::self_signed("shop.example.com", #{ key: "ecdsa-p256" });
/// cluster::tls_secret("ingress-tls", certificate);
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn tls_secret(call: &Call<'_>, name: String, certificate: Certificate, options: WholeOptions) -> Result<Outcome> {
    let registry = call.session().secrets();
    let key = registry
        .secret(certificate.key().as_str())
        .ok_or_else(|| Error::internal("a certificate's key is not known to this session"))?;
    let data = vec![
        ("tls.crt".to_owned(), encoded(certificate.cert_pem().as_bytes())),
        ("tls.key".to_owned(), encoded(key.expose().as_bytes())),
    ];
    apply_secret(call, &name, options, "kubernetes.io/tls", data)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn a_certificate_arrives_with_its_key_and_the_key_shows_nowhere(bed: Bed) {
        let ns = bed.namespace();
        let ran = bed.run(&format!(
            "let c = tls::self_signed(\"{ns}.example.com\", #{{ key: \"ecdsa-p256\" }}); print(c);
             cluster::tls_secret(\"t\", c, #{{ namespace: \"{ns}\" }}); cluster::tls_secret(\"t\", c, #{{ namespace: \"{ns}\" }}).changed"
        ));
        assert_eq!(ran.value(), false);
        let object = bed.get("secret/t", &ns);
        assert_eq!(object["type"], "kubernetes.io/tls");
        let key = object["data"]["tls.key"].as_str().unwrap();
        let told =
            format!("{} {}", serde_json::to_string(&ran.report).unwrap(), serde_json::to_string(&ran.events).unwrap());
        assert!(!told.contains(key) && !told.contains("PRIVATE KEY"), "{told}");
    }
}
