//! Names of hosts, and what a certificate says of them.

use std::net::IpAddr;

use windlass_runtime::{Error, Result};

/// Checks that this is a host's name or address, and gives it in lower case. A star may stand for the first label.
///
/// # Errors
/// [`windlass_runtime::Kind::Usage`] for anything else.
pub fn checked(name: &str) -> Result<String> {
    if name.parse::<IpAddr>().is_ok() {
        return Ok(name.to_owned());
    }
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&label.len()) && inside && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() <= 253 && rest.split('.').all(is_label) {
        return Ok(name.to_ascii_lowercase());
    }
    let error = Error::usage(format!("{name:?} is neither a host's name nor an address"));
    Err(error.hint(if name.contains("://") || name.contains('/') {
        "give the name alone, without https:// and path"
    } else if !name.is_ascii() {
        "write an international name in its ASCII form: xn--…"
    } else {
        "a name looks like cx.example.com, *.example.com or 10.0.0.7"
    }))
}

/// Whether a name in a certificate covers a host, as browsers judge it: a star covers one label, and no address.
#[must_use]
pub fn covers(in_certificate: &str, host: &str) -> bool {
    if let (Ok(own), Ok(asked)) = (in_certificate.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return own == asked;
    }
    let (own, host) = (in_certificate.trim_end_matches('.'), host.trim_end_matches('.'));
    if own.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(suffix), Some((first, rest))) = (own.strip_prefix("*."), host.split_once('.')) else { return false };
    !first.is_empty()
        && first != "*"
        && suffix.contains('.')
        && suffix.eq_ignore_ascii_case(rest)
        && host.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_one_label() {
        for (own, host, fits) in [
            ("cx.ef.com", "cx.ef.com", true),
            ("CX.ef.com", "cx.EF.com", true),
            ("*.ef.com", "cx.ef.com", true),
            ("*.ef.com", "a.cx.ef.com", false),
            ("*.ef.com", "ef.com", false),
            ("*.com", "ef.com", false),
            ("*.0.0.7", "10.0.0.7", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("::1", "0:0:0:0:0:0:0:1", true),
            ("ef.com", "cx.ef.com", false),
            ("x*.ef.com", "xa.ef.com", false),
        ] {
            assert_eq!(covers(own, host), fits, "{own} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for good in ["ef.com", "ingress", "*.ef.com", "10.0.0.7", "fe80::1", "a-b.c_d"] {
            assert_eq!(checked(good).unwrap(), good);
        }
        assert_eq!(checked("CX.EF.com").unwrap(), "cx.ef.com");
        for bad in
            ["", ".", "a..b", "*", "a.*.b", "https://ef.com", "ef.com/x", "-a.b", "a b", "ü.de", "a,b", &"a".repeat(64)]
        {
            assert!(checked(bad).unwrap_err().hint_text().is_some(), "{bad}");
        }
    }
}
