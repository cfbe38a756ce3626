//! Addresses and ranges that are written in an old or unusual way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as old clients wrote it: with leading zeros.
fn sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [a, b, c, d] = parts[..] else { return None };
    let number = |part: &str| part.trim_start_matches('0').parse::<u8>().or_else(|_| part.parse());
    Some(Ipv4Addr::new(number(a).ok()?, number(b).ok()?, number(c).ok()?, number(d).ok()?).into())
}

/// IPv4 in IPv6 is IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_mapped(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(six) if six.to_ipv4_mapped().is_some())
}

pub(super) fn warn_of_address(path: &str, text: &str, said: &mut Vec<String>) {
    let Some(address) = sloppy(text) else { return };
    let parsed = text.parse::<IpAddr>().ok().filter(|parsed| !is_mapped(parsed));
    match parsed {
        None => {
            let better = plain(address);
            said.push(format!("{path}: non-standard IP address \"{text}\" is invalid: use \"{better}\""));
        }
        Some(IpAddr::V6(six)) if six.to_string() != text => {
            said.push(format!("{path}: IPv6 address \"{text}\" should be in RFC 5952 canonical format (\"{six}\")"));
        }
        Some(_) => {}
    }
}

/// The first address of a range.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(four.to_bits() & mask).into()
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(six.to_bits() & mask).into()
        }
    }
}

pub(super) fn warn_of_range(path: &str, text: &str, said: &mut Vec<String>) {
    let Some((address, bits)) = text.split_once('/') else { return };
    let (Some(read), Ok(length)) = (sloppy(address), bits.parse::<u8>()) else { return };
    let before = said.len();
    let mapped = is_mapped(&read);
    let better = plain(read);
    let length = if mapped { length.saturating_sub(96) } else { length };
    let network = masked(better, length);
    if network != better {
        let single = if better.is_ipv4() { 32 } else { 128 };
        said.push(format!(
            "{path}: CIDR value \"{text}\" is ambiguous in this context (should be \"{network}/{length}\" or \
             \"{better}/{single}\"?)"
        ));
    }
    let standard = address.parse::<IpAddr>().is_ok() && !mapped && (bits == "0" || !bits.starts_with('0'));
    if !standard {
        said.push(format!("{path}: non-standard CIDR value \"{text}\" is invalid: use \"{network}/{length}\""));
    }
    let canonical = format!("{better}/{length}");
    if said.len() == before && better.is_ipv6() && canonical != text {
        said.push(format!(
            "{path}: IPv6 CIDR value \"{text}\" should be in RFC 5952 canonical format (\"{canonical}\")"
        ));
    }
}
