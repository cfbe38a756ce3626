//! Endpoints and EndpointSlices.

use std::net::IpAddr;

use super::causes::Causes;
use super::{names, pod};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// Endpoints; subsets that were there before are not judged again.
pub(super) fn endpoints(object: &Json, old: Option<&Json>, causes: &mut Causes) {
    if old.is_some_and(|old| get(old, "subsets") == get(object, "subsets")) {
        return;
    }
    for (at, subset) in items(object, "subsets").iter().enumerate() {
        let path = format!("subsets[{at}]");
        let lists = ["addresses", "notReadyAddresses"];
        if lists.iter().all(|list| items(subset, list).is_empty()) {
            causes.required(&path, "must specify `addresses` or `notReadyAddresses`");
        }
        for list in lists {
            for (at, address) in items(subset, list).iter().enumerate() {
                let path = format!("{path}.{list}[{at}]");
                let ip = text(address, "ip");
                pod::check_address(get(address, "ip"), &format!("{path}.ip"), causes);
                named(address, &path, causes);
                reachable(ip, &format!("{path}.ip"), causes);
            }
        }
        let ports = items(subset, "ports");
        for (at, port) in ports.iter().enumerate() {
            let path = format!("{path}.ports[{at}]");
            let name = text(port, "name");
            if !name.is_empty() {
                causes.each(&format!("{path}.name"), name, names::dns_label(name));
            } else if ports.len() > 1 {
                causes.required(&format!("{path}.name"), "");
            }
            let number = number(port, "port").unwrap_or_default();
            for words in names::port_number(number) {
                causes.invalid(&format!("{path}.port"), number, &words);
            }
            port_kind(port, &path, causes);
        }
    }
}

fn named(address: &Json, path: &str, causes: &mut Causes) {
    let host = text(address, "hostname");
    if !host.is_empty() {
        causes.each(&format!("{path}.hostname"), host, names::dns_label(host));
    }
    if let Some(node) = get(address, "nodeName").as_str() {
        causes.each(&format!("{path}.nodeName"), node, names::dns_subdomain(node));
    }
}

fn port_kind(port: &Json, path: &str, causes: &mut Causes) {
    let field = format!("{path}.protocol");
    match text(port, "protocol") {
        "" => causes.required(&field, ""),
        protocol => drop(causes.one_of(&field, protocol, &PROTOCOLS)),
    }
    if let Some(protocol) = get(port, "appProtocol").as_str() {
        causes.each(&format!("{path}.appProtocol"), protocol, names::qualified(protocol));
    }
}

/// An address that others can reach.
fn reachable(ip: &str, field: &str, causes: &mut Causes) {
    let Ok(address) = ip.parse::<IpAddr>() else {
        return causes.invalid(field, ip, "must be a valid IP address");
    };
    let (local, multicast) = match address {
        IpAddr::V4(four) => (four.is_link_local(), four.octets().starts_with(&[224, 0, 0])),
        IpAddr::V6(six) => (six.is_unicast_link_local(), six.segments().first() == Some(&0xff02)),
    };
    if address.is_unspecified() {
        causes.invalid(field, ip, &format!("may not be unspecified ({ip})"));
    }
    for (is, words) in [
        (address.is_loopback(), "loopback range (127.0.0.0/8, ::1/128)"),
        (local, "link-local range (169.254.0.0/16, fe80::/10)"),
        (multicast, "link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ] {
        if is {
            causes.invalid(field, ip, &format!("may not be in the {words}"));
        }
    }
}

/// An EndpointSlice; endpoints that were there before are not judged again.
pub(super) fn slice(object: &Json, old: Option<&Json>, causes: &mut Causes) {
    let kind = text(object, "addressType");
    if kind.is_empty() {
        causes.required("addressType", "");
    } else {
        causes.one_of("addressType", kind, &["FQDN", "IPv4", "IPv6"]);
    }
    let mut taken = vec![];
    for (at, port) in items(object, "ports").iter().enumerate() {
        let path = format!("ports[{at}]");
        let name = text(port, "name");
        if !name.is_empty() {
            causes.each(&format!("{path}.name"), name, names::dns_label(name));
        }
        if taken.contains(&name) {
            causes.duplicate(&format!("{path}.name"), name);
        }
        taken.push(name);
        port_kind(port, &path, causes);
    }
    if old.is_none_or(|old| get(old, "endpoints") != get(object, "endpoints")) {
        for (at, endpoint) in items(object, "endpoints").iter().enumerate() {
            slice_endpoint(endpoint, kind, &format!("endpoints[{at}]"), causes);
        }
    }
    if let Some(old) = old {
        causes.immutable("addressType", get(object, "addressType"), get(old, "addressType"));
    }
}

fn slice_endpoint(endpoint: &Json, kind: &str, path: &str, causes: &mut Causes) {
    let field = format!("{path}.addresses");
    let addresses = items(endpoint, "addresses");
    if addresses.is_empty() {
        causes.required(&field, "must contain at least 1 address");
    }
    for (at, address) in addresses.iter().filter_map(Json::as_str).enumerate() {
        let place = format!("{field}[{at}]");
        if kind == "FQDN" {
            domain(address, &place, causes);
            continue;
        }
        let before = causes.0.len();
        pod::check_address(&Json::from(address), &place, causes);
        if causes.0.len() == before && matches!(kind, "IPv4" | "IPv6") {
            if address.contains(':') != (kind == "IPv6") {
                causes.invalid(&field, address, &format!("must be an {kind} address"));
            }
            reachable(address, &place, causes);
        }
    }
    named(endpoint, path, causes);
}

fn domain(name: &str, field: &str, causes: &mut Causes) {
    if name.is_empty() {
        return causes.required(field, "");
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let words = names::dns_subdomain(name);
    if words.is_empty() && name.split('.').count() < 2 {
        return causes.invalid(field, name, "should be a domain with at least two segments separated by dots");
    }
    causes.each(field, name, words);
}
