//! `tls::expiry`.

use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::event::Level;
use windlass_runtime::{Call, Options, Result, primitive};

use super::certificate::shown;
use super::chain::{self, Chain};
use super::now;
use super::source::Source;
use crate::cluster::OnCluster;

/// The options of `tls::expiry`.
#[derive(Debug, Clone, Options)]
pub struct ExpiryOptions {
    /// Where the Secret is, if it is one.
    #[option(flatten)]
    pub on: OnCluster,
    /// A line in the log warns if it ends sooner than this.
    #[option(default = "\"30d\"")]
    pub warn_within: Duration,
}

/// When the first certificate of a chain ends: `#{not_after, days_left, expired, soon, subject}`.
///
/// It is given as for `tls::parse`. `soon` says whether it ends within `warn_within`; a warning is logged then.
///
/// # Errors
/// As `tls::parse`.
///
/// # Example
/// ```rhai
/// if tls::expiry("certs/server.crt", #{ warn_within: "60d" }).soon { log::info("time to renew"); }
/// ```
#[primitive(module = "tls", effect = Read)]
pub fn expiry(call: &Call<'_>, source: Source, options: ExpiryOptions) -> Result<Json> {
    let (blocks, file) = source.read(call, &options.on)?;
    let at = now(call)?;
    let chain = Chain::read(&blocks, &file)?;
    // The one that ends first: a server with an expired authority is not trusted either.
    let all = chain.certificates().iter().map(|certificate| (chain::validity(certificate).1, certificate));
    let (ends, certificate) = all.min_by_key(|(ends, _)| *ends).unwrap_or_else(|| (at, chain.server()));
    let soon = ends - at < options.warn_within;
    let subject = certificate.subject().to_string();
    if soon {
        let word = if ends <= at { "has ended" } else { "ends soon" };
        call.log(Level::Warn, format!("the certificate {subject} in {file} {word}: {}", shown(ends)));
    }
    Ok(json!({
        "not_after": shown(ends), "days_left": (ends - at).whole_seconds().div_euclid(86_400), "expired": ends <= at,
        "soon": soon, "subject": subject,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::self_signed::tests::On;
    use crate::testing::run_on;

    #[test]
    fn what_ends_soon_is_warned_about() {
        let script = |options: &str| {
            format!(
                "tls::expiry(tls::self_signed(\"cx.example.com\", #{{ key: \"ecdsa-p256\", days: 40 }}).pem, #{{ {options} }})"
            )
        };
        let ran = run_on(On::day(0), &script(""), |b| b);
        let found = ran.value();
        assert_eq!(
            (&found["soon"], &found["expired"], &found["days_left"]),
            (&json!(false), &json!(false), &json!(39))
        );
        assert_eq!(found["subject"], "CN=cx.example.com");
        assert!(ran.logs().iter().all(|line| !line.contains("ends soon")));
        let ran = run_on(On::day(0), &script("warn_within: \"50d\""), |b| b);
        assert_eq!(ran.value()["soon"], true);
        assert!(
            ran.logs()
                .iter()
                .any(|line| line.contains("the certificate CN=cx.example.com in the text ends soon: 2030-"))
        );
    }
}
