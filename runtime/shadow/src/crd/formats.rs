//! The formats of texts that are checked.

use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::OnceLock;

use jiff::civil::Date;
use regex::Regex;

use super::pattern;

/// Whether texts of this format are checked at all; unknown formats are ignored.
pub(crate) fn is_known(format: &str) -> bool {
    let name = format.replace('-', "");
    matches!(
        name.as_str(),
        "bsonobjectid"
            | "uri"
            | "email"
            | "hostname"
            | "ipv4"
            | "ipv6"
            | "cidr"
            | "mac"
            | "uuid"
            | "uuid3"
            | "uuid4"
            | "uuid5"
            | "isbn"
            | "isbn10"
            | "isbn13"
            | "creditcard"
            | "ssn"
            | "hexcolor"
            | "rgbcolor"
            | "byte"
            | "password"
            | "date"
            | "duration"
            | "datetime"
            | "k8sshortname"
            | "k8slongname"
    )
}

/// Whether a text is of this format.
pub(crate) fn holds(format: &str, text: &str) -> bool {
    match format.replace('-', "").as_str() {
        "bsonobjectid" => text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit()),
        "uri" => is_uri(text),
        "email" => is_email(text),
        "hostname" => is_hostname(text),
        "ipv4" => text.contains('.') && is_ip(text),
        "ipv6" => text.contains(':') && text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "mac" => is_mac(text),
        "uuid" => is_uuid(text, None),
        "uuid3" => is_uuid(text, Some('3')),
        "uuid4" => is_uuid(text, Some('4')),
        "uuid5" => is_uuid(text, Some('5')),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "creditcard" => is_credit_card(text),
        "ssn" => text.len() == 11 && matches(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$", text),
        "hexcolor" => matches("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", text),
        "rgbcolor" => is_rgb(text),
        "byte" => matches("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$", text),
        "date" => text.len() == 10 && text.parse::<Date>().is_ok(),
        "duration" => is_duration(text),
        "datetime" => is_date_time(text),
        "k8sshortname" => text.len() <= 63 && is_short_name(text),
        "k8slongname" => text.len() <= 253 && text.split('.').all(is_short_name),
        _ => true,
    }
}

/// Few texts are checked by an expression; each is small, and compiled when it is needed.
fn matches(expression: &str, text: &str) -> bool {
    pattern::compile(expression).is_some_and(|regex| regex.is_match(text))
}

/// What Go's `url.ParseRequestURI` reads: an absolute URI, or an absolute path.
fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.chars().any(|c| c.is_ascii_control()) || bad_escape(text) {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut scheme = scheme.chars();
    if !scheme.next().is_some_and(|c| c.is_ascii_alphabetic())
        || !scheme.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        return false;
    }
    let Some(rest) = rest.strip_prefix("//") else { return true };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (host, port) = match host.rfind(']') {
        Some(end) if host.starts_with('[') => (host.get(1..end).unwrap_or_default(), host.get(end + 1..)),
        _ => host.split_once(':').map_or((host, None), |(name, _)| (name, host.get(name.len()..))),
    };
    let port_fits =
        port.is_none_or(|p| p.is_empty() || p.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit())));
    port_fits && !host.contains([' ', '"', '<', '>', '^', '`', '{', '|', '}', '\\'])
}

fn bad_escape(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| {
        let hex = text.get(at + 1..at + 3);
        !hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// `name@host`, also with a name before it: `A B <a@b.c>`.
fn is_email(text: &str) -> bool {
    let address = match text.trim().strip_suffix('>') {
        Some(open) => match open.rsplit_once('<') {
            Some((_, address)) => address,
            None => return false,
        },
        None => text.trim(),
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let dotted = |part: &str| !part.is_empty() && part.split('.').all(|p| !p.is_empty() && p.chars().all(atom));
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let literal = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
    (dotted(local) || quoted) && (dotted(domain) || literal.is_some_and(is_ip))
}

fn is_hostname(text: &str) -> bool {
    static HOSTNAME: OnceLock<Option<Regex>> = OnceLock::new();
    let expression = r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$";
    let regex = HOSTNAME.get_or_init(|| pattern::compile(expression));
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
        && text.len() <= 255
        && text.split('.').all(|part| part.len() <= 63)
}

/// An address; zeros before a number are read over, as the server has always done.
fn is_ip(text: &str) -> bool {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().is_ok();
    }
    let part =
        |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u32>().is_ok_and(|n| n < 256);
    text.split('.').count() == 4 && text.split('.').all(part)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let limit = if address.contains(':') { 128 } else { 32 };
    is_ip(address) && bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u32>().is_ok_and(|bits| bits <= limit)
}

fn is_mac(text: &str) -> bool {
    let parts = |separator: char, size: usize, counts: &[usize]| {
        counts.contains(&text.split(separator).count())
            && text.split(separator).all(|p| p.len() == size && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    parts(':', 2, &[6, 8, 20]) || parts('-', 2, &[6, 8, 20]) || parts('.', 4, &[3, 4, 10])
}

fn is_uuid(text: &str, version: Option<char>) -> bool {
    let third = version.map_or_else(|| "[0-9a-f]{4}".to_owned(), |version| format!("{version}[0-9a-f]{{3}}"));
    let fourth = if matches!(version, Some('4' | '5')) { "[89ab][0-9a-f]{3}" } else { "[0-9a-f]{4}" };
    matches(&format!("(?i)^[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{third}-?{fourth}-?[0-9a-f]{{12}}$"), text)
}

fn digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

fn is_isbn10(text: &str) -> bool {
    let text = digits(text);
    let sum: u32 =
        (1u32..).zip(text.chars()).map(|(at, c)| at * if c == 'X' { 10 } else { c.to_digit(10).unwrap_or(0) }).sum();
    matches("^(?:[0-9]{9}X|[0-9]{10})$", &text) && sum.is_multiple_of(11)
}

fn is_isbn13(text: &str) -> bool {
    let text = digits(text);
    let weighed = text.chars().zip([1, 3].iter().cycle());
    let sum: u32 = weighed.map(|(c, weight)| c.to_digit(10).unwrap_or(0) * weight).sum();
    matches("^[0-9]{13}$", &text) && sum.is_multiple_of(10)
}

fn is_credit_card(text: &str) -> bool {
    let text: String = text.chars().filter(char::is_ascii_digit).collect();
    let doubled =
        text.chars().rev().filter_map(|c| c.to_digit(10)).zip([1, 2].iter().cycle()).map(|(d, times)| d * times);
    let sum: u32 = doubled.map(|d| if d > 9 { d - 9 } else { d }).sum();
    let issuers = r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$";
    matches(issuers, &text) && sum.is_multiple_of(10)
}

fn is_rgb(text: &str) -> bool {
    let part = r"\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*";
    matches(&format!(r"^rgb\({part},{part},{part}\)$"), text)
}

/// As Go reads it (`1h30m`), or as Scala does (`2 days`).
fn is_duration(text: &str) -> bool {
    let number = r"(\d+\.?\d*|\.\d+)";
    if matches(&format!("^[-+]?(0|({number}(ns|us|µs|μs|ms|s|m|h))+)$"), text) {
        return true;
    }
    let exact = ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"];
    let begins = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
    pattern::compile(r"(\d+)\s*([A-Za-zµ]+)").is_some_and(|regex| {
        regex.captures_iter(text).filter_map(|found| found.get(2)).any(|unit| {
            let unit = unit.as_str().to_lowercase();
            exact.contains(&unit.as_str()) || begins.iter().any(|name| unit.starts_with(name))
        })
    })
}

fn is_date_time(text: &str) -> bool {
    if text.len() < 4 {
        return false;
    }
    let lower = text.to_lowercase();
    let Some((date, time)) = lower.split_once('t') else { return false };
    let limits = time.get(0..2).is_some_and(|h| h <= "23")
        && time.get(3..5).is_some_and(|m| m <= "59")
        && time.get(6..8).is_some_and(|s| s <= "59");
    date.len() == 10
        && Date::from_str(date).is_ok()
        && limits
        && matches("^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$", time)
}

fn is_short_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
