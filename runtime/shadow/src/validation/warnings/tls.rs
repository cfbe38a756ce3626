//! Whether a Secret holds a key pair, as Go's `tls.X509KeyPair` says it. Whether the certificate is good, and the key its
//! own, is not looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Json;
use crate::defaults::fields::text;

pub(super) fn warn(data: &Json) -> Option<String> {
    let blocks = |key: &str| {
        let bytes = STANDARD.decode(text(data, key)).unwrap_or_default();
        blocks(&String::from_utf8_lossy(&bytes))
    };
    let certificates = blocks("tls.crt");
    if !certificates.iter().any(|kind| kind == "CERTIFICATE") {
        return Some(match certificates.as_slice() {
            [] => "tls: failed to find any PEM data in certificate input".into(),
            [only] if only.ends_with("PRIVATE KEY") => {
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs \
                 may have been switched"
                    .into()
            }
            others => format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the \
                 following types: [{}]",
                others.join(" ")
            ),
        });
    }
    let keys = blocks("tls.key");
    if keys.iter().any(|kind| kind == "PRIVATE KEY" || kind.ends_with(" PRIVATE KEY")) {
        return None;
    }
    Some(match keys.as_slice() {
        [] => "tls: failed to find any PEM data in key input".into(),
        [only] if only == "CERTIFICATE" => {
            "tls: found a certificate rather than a key in the PEM for the private key".into()
        }
        others => format!(
            "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of \
             the following types: [{}]",
            others.join(" ")
        ),
    })
}

/// The kinds of the PEM blocks in a text.
fn blocks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        rest = after;
        let Some((kind, body)) = after.split_once("-----") else { continue };
        let Some((body, end)) = body.split_once(&format!("-----END {kind}-----")) else { continue };
        let body = body.rsplit_once("\n\n").map_or(body, |(_, body)| body);
        let body: String = body.split_whitespace().collect();
        if STANDARD.decode(body).is_ok() {
            found.push(kind.to_owned());
            rest = end;
        }
    }
    found
}
