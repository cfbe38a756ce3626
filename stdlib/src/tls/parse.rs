//! `tls::parse`.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use windlass_runtime::{Call, Result, primitive};
use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::certificate::shown;
use super::chain::{self, Chain};
use super::now;
use super::source::Source;
use crate::cluster::OnCluster;

/// What stands in certificates: a list of `#{subject, issuer, fqdns, not_before, not_after, days_left, serial, fingerprint,
/// is_ca, key}`, in their order.
///
/// They are given as PEM, as the path of a file, as a Secret of type `kubernetes.io/tls`, or as what the other functions of
/// `tls` return. Nothing is checked: see `tls::load`. `days_left` is negative for one that has ended, `key` the sort of key,
/// such as `"rsa-4096"`.
///
/// # Errors
/// `not_found` where there is no such file or Secret; `malformed` for what holds no certificate.
///
/// # Example
/// ```rhai
/// for c in tls::parse("certs/server.crt") { log::info(`${c.subject}, by ${c.issuer}, for ${c.fqdns}: ${c.days_left} days left`); }
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn parse(call: &Call<'_>, source: Source, options: OnCluster) -> Result<Vec<Json>> {
    let (blocks, shown) = source.read(call, &options)?;
    let at = now(call)?;
    Ok(Chain::read(&blocks, &shown)?.certificates().iter().map(|certificate| row(certificate, at)).collect())
}

fn row(certificate: &X509Certificate<'_>, now: time::OffsetDateTime) -> Json {
    let (begins, ends) = chain::validity(certificate);
    let digest: Vec<String> = Sha256::digest(certificate.as_raw()).iter().map(|byte| format!("{byte:02X}")).collect();
    let key = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("rsa-{}", key.key_size()),
        Ok(PublicKey::EC(key)) => format!("ecdsa-p{}", key.key_size()),
        Ok(PublicKey::DSA(_)) => "dsa".to_owned(),
        _ => certificate.public_key().algorithm.algorithm.to_string(),
    };
    json!({
        "subject": certificate.subject().to_string(), "issuer": certificate.issuer().to_string(),
        "fqdns": chain::hosts(certificate), "not_before": shown(begins), "not_after": shown(ends),
        "days_left": (ends - now).whole_seconds().div_euclid(86_400), "serial": certificate.raw_serial_as_string(),
        "fingerprint": digest.join(":"), "is_ca": certificate.is_ca(), "key": key,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::super::self_signed::tests::On;
    use crate::testing::{Bed, Scripting as _, on, run_on};

    fn pem() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["cx.example.com".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "cx");
        (params.not_before, params.not_after) = (datetime!(2029-12-31 0:00 UTC), datetime!(2030-01-11 0:00 UTC));
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn certificates_are_read_from_texts_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.crt");
        std::fs::write(&path, pem()).unwrap();
        let parsed = run_on(On::day(0), &format!("tls::parse(\"{}\")", path.display()), |b| b).value();
        let one = &parsed[0];
        assert_eq!((&one["fqdns"], &one["days_left"]), (&json!(["cx.example.com"]), &json!(10)));
        assert_eq!((&one["key"], &one["is_ca"]), (&json!("ecdsa-p256"), &json!(false)));
        assert_eq!(one["not_after"], "2030-01-11T00:00:00Z");
        let late = run_on(On::day(11), &format!("tls::parse(`{}`)", pem()), |b| b).value();
        assert_eq!(late[0]["days_left"], -1);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for (source, kind) in
            [("/nowhere/x.crt", "not_found"), ("/dev/null", "malformed"), ("-----BEGIN X-----", "malformed")]
        {
            let error = run_on(On::day(0), &format!("tls::parse(\"{source}\")"), |b| b).error();
            assert_eq!(error["kind"], kind, "{error}");
        }
        assert_eq!(run_on(On::day(0), "tls::parse(1)", |b| b).error()["kind"], "usage");
    }

    #[on(shadow, live)]
    fn those_of_a_secret_are_read_too(bed: Bed) {
        let namespace = bed.namespace();
        let script = format!(
            "let c = tls::self_signed(\"cx.example.com\", #{{ key: \"ecdsa-p256\" }}); cluster::tls_secret(\"web\", c, #{{ namespace: \"{namespace}\" }}); \
             [tls::parse(\"Secret/web\", #{{ namespace: \"{namespace}\" }})[0].fingerprint == c.fingerprint, tls::expiry(\"Secret/web\", #{{ namespace: \"{namespace}\" }}).expired]"
        );
        assert_eq!(bed.run(&script).value(), json!([true, false]));
        let error = bed.run(&format!("tls::parse(\"Secret/nobody\", #{{ namespace: \"{namespace}\" }})")).error();
        assert_eq!(error["kind"], "not_found");
    }
}
