//! Ingresses, their classes, and network policies.

use std::net::IpAddr;

use serde_json::json;

use super::causes::Causes;
use super::{names, pod, selector, service};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

pub(super) fn create_ingress(object: &Json, causes: &mut Causes) {
    ingress(object, causes);
    let former = crate::object::annotation(object, "kubernetes.io/ingress.class");
    let class = get(get(object, "spec"), "ingressClassName").as_str();
    if let (Some(former), Some(class)) = (former, class)
        && former != class
    {
        let words = "must match `ingressClassName` when both are specified";
        causes.invalid("annotations.kubernetes.io/ingress.class", former, words);
    }
}

pub(super) fn ingress(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let rules = items(spec, "rules");
    if rules.is_empty() && spec.get("defaultBackend").is_none() {
        let words = "either `defaultBackend` or `rules` must be specified";
        causes.invalid("spec", get(spec, "rules").clone(), words);
    }
    if let Some(backend) = spec.get("defaultBackend") {
        check_backend(backend, "spec.defaultBackend", causes);
    }
    for (at, rule) in rules.iter().enumerate() {
        check_rule(rule, &format!("spec.rules[{at}]"), causes);
    }
    for (at, tls) in items(spec, "tls").iter().enumerate() {
        for (host_at, host) in items(tls, "hosts").iter().enumerate() {
            check_host(host.as_str().unwrap_or_default(), &format!("spec.tls[{at}].hosts[{host_at}]"), causes);
        }
        let secret = text(tls, "secretName");
        if !secret.is_empty() {
            causes.each(&format!("spec.tls[{at}].secretName"), secret, names::dns_subdomain(secret));
        }
    }
    if let Some(class) = get(spec, "ingressClassName").as_str() {
        causes.each("spec.ingressClassName", class, names::dns_subdomain(class));
    }
}

fn check_host(host: &str, field: &str, causes: &mut Causes) {
    let words = if host.contains('*') { names::wildcard_subdomain(host) } else { names::dns_subdomain(host) };
    causes.each(field, host, words);
}

fn check_rule(rule: &Json, path: &str, causes: &mut Causes) {
    let host = text(rule, "host");
    if !host.is_empty() {
        let field = format!("{path}.host");
        if host.parse::<IpAddr>().is_ok() {
            causes.invalid(&field, host, "must be a DNS name, not an IP address");
        }
        check_host(host, &field, causes);
    }
    let Some(http) = rule.get("http") else { return };
    let paths = items(http, "paths");
    if paths.is_empty() {
        causes.required(&format!("{path}.http.paths"), "");
    }
    for (at, of) in paths.iter().enumerate() {
        check_path(of, &format!("{path}.http.paths[{at}]"), causes);
    }
}

fn check_path(of: &Json, path: &str, causes: &mut Causes) {
    let Some(kind) = get(of, "pathType").as_str() else {
        return causes.required(&format!("{path}.pathType"), "pathType must be specified");
    };
    let value = text(of, "path");
    let field = format!("{path}.path");
    match kind {
        "Exact" | "Prefix" => {
            if !value.starts_with('/') {
                causes.invalid(&field, value, "must be an absolute path");
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"].into_iter().filter(|part| value.contains(part)) {
                causes.invalid(&field, value, &format!("must not contain '{part}'"));
            }
            for end in ["/..", "/."].into_iter().filter(|end| value.ends_with(end)) {
                causes.invalid(&field, value, &format!("cannot end with '{end}'"));
            }
        }
        "ImplementationSpecific" => {
            if !value.is_empty() && !value.starts_with('/') {
                causes.invalid(&field, value, "must be an absolute path");
            }
        }
        other => {
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            causes.unsupported(&format!("{path}.pathType"), other, &known);
        }
    }
    check_backend(get(of, "backend"), &format!("{path}.backend"), causes);
}

fn check_backend(backend: &Json, path: &str, causes: &mut Causes) {
    match (backend.get("resource"), backend.get("service")) {
        (Some(_), Some(_)) => causes.invalid(path, "", "cannot set both resource and service backends"),
        (Some(resource), None) => {
            for name in ["kind", "name"] {
                let field = format!("{path}.resource.{name}");
                match text(resource, name) {
                    "" => causes.required(&field, ""),
                    value => causes.each(&field, value, names::path_segment(value)),
                }
            }
        }
        (None, Some(service)) => {
            let field = format!("{path}.service.name");
            match text(service, "name") {
                "" => causes.required(&field, ""),
                name => causes.each(&field, name, names::dns_label(name)),
            }
            let port = get(service, "port");
            let (name, number) = (text(port, "name"), number(port, "number").unwrap_or_default());
            match (name, number) {
                ("", 0) => causes.required(path, "port name or number is required"),
                ("", number) => {
                    for words in names::port_number(number) {
                        causes.invalid(&format!("{path}.service.port.number"), number, &words);
                    }
                }
                (name, 0) => causes.each(&format!("{path}.service.port.name"), name, names::port_name(name)),
                _ => causes.invalid(path, "", "cannot set both port name & port number"),
            }
        }
        (None, None) => causes.invalid(path, "", "resource or service backend is required"),
    }
}

pub(super) fn ingress_class(object: &Json, old: Option<&Json>, causes: &mut Causes) {
    let spec = get(object, "spec");
    let controller = text(spec, "controller");
    if let Some(old) = old {
        causes.immutable("spec.controller", get(spec, "controller"), get(get(old, "spec"), "controller"));
    }
    if controller.is_empty() {
        causes.required("spec.controller", "");
    } else if !controller.split_once('/').is_some_and(|(host, rest)| !host.is_empty() && !rest.is_empty()) {
        let words = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        causes.invalid("spec.controller", controller, words);
    }
    class_parameters(spec, causes);
}

fn class_parameters(spec: &Json, causes: &mut Causes) {
    let Some(parameters) = spec.get("parameters") else { return };
    const FIELD: &str = "spec.parameters";
    let (group, kind, name) = (text(parameters, "apiGroup"), text(parameters, "kind"), text(parameters, "name"));
    if !group.is_empty() {
        causes.each(&format!("{FIELD}.apiGroup"), group, names::dns_subdomain(group));
    }
    for (field, value) in [("kind", kind), ("name", name)] {
        match value {
            "" => causes.required(&format!("{FIELD}.{field}"), ""),
            value => causes.each(&format!("{FIELD}.{field}"), value, names::path_segment(value)),
        }
    }
    let namespace = get(parameters, "namespace").as_str();
    match get(parameters, "scope").as_str() {
        None => causes.required(&format!("{FIELD}.scope"), ""),
        Some("Cluster") if namespace.is_some() => {
            let words = "`parameters.scope` is set to 'Cluster'";
            causes.forbidden(&format!("{FIELD}.namespace"), words);
        }
        Some("Namespace") => match namespace {
            None | Some("") => {
                let words = "`parameters.scope` is set to 'Namespace'";
                causes.required(&format!("{FIELD}.namespace"), words);
            }
            Some(namespace) => causes.each(&format!("{FIELD}.namespace"), namespace, names::dns_label(namespace)),
        },
        Some(scope) => drop(causes.one_of(&format!("{FIELD}.scope"), scope, &["Cluster", "Namespace"])),
    }
}

pub(super) fn network_policy(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    selector::check(get(spec, "podSelector"), "spec.podSelector", causes);
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for (at, rule) in items(spec, rules).iter().enumerate() {
            let path = format!("spec.{rules}[{at}]");
            for (at, port) in items(rule, "ports").iter().enumerate() {
                check_policy_port(port, &format!("{path}.ports[{at}]"), causes);
            }
            for (at, peer) in items(rule, peers).iter().enumerate() {
                check_peer(peer, &format!("{path}.{peers}[{at}]"), causes);
            }
        }
    }
    let kinds = items(spec, "policyTypes");
    if kinds.len() > 2 {
        let words = "may not specify more than two policyTypes";
        return causes.invalid("spec.policyTypes", get(spec, "policyTypes").clone(), words);
    }
    for (at, kind) in kinds.iter().filter_map(Json::as_str).enumerate() {
        causes.one_of(&format!("spec.policyTypes[{at}]"), kind, &["Ingress", "Egress"]);
    }
}

fn check_policy_port(port: &Json, path: &str, causes: &mut Causes) {
    causes.one_of(&format!("{path}.protocol"), text(port, "protocol"), &["TCP", "UDP", "SCTP"]);
    let end = number(port, "endPort");
    let end_field = format!("{path}.endPort");
    match (get(port, "port"), end) {
        (Json::Null, Some(end)) => {
            causes.invalid(&end_field, end, "may not be specified when `port` is not specified");
        }
        (Json::String(name), end) => {
            if let Some(end) = end {
                causes.invalid(&end_field, end, "may not be specified when `port` is non-numeric");
            }
            causes.each(&format!("{path}.port"), name, names::port_name(name));
        }
        (Json::Number(start), end) => {
            let start = start.as_i64().unwrap_or_default();
            for words in names::port_number(start) {
                causes.invalid(&format!("{path}.port"), start, &words);
            }
            if let Some(end) = end {
                if end < start {
                    causes.invalid(&end_field, start, "must be greater than or equal to `port`");
                }
                for words in names::port_number(end) {
                    causes.invalid(&end_field, end, &words);
                }
            }
        }
        _ => {}
    }
}

fn check_peer(peer: &Json, path: &str, causes: &mut Causes) {
    let mut count = 0;
    for name in ["podSelector", "namespaceSelector"] {
        if let Some(of) = peer.get(name) {
            count += 1;
            selector::check(of, &format!("{path}.{name}"), causes);
        }
    }
    if let Some(block) = peer.get("ipBlock") {
        count += 1;
        check_block(block, &format!("{path}.ipBlock"), causes);
    }
    if count == 0 {
        causes.required(path, "must specify a peer");
    } else if count > 1 && peer.get("ipBlock").is_some() {
        causes.forbidden(path, "may not specify both ipBlock and another peer");
    }
}

fn check_block(block: &Json, path: &str, causes: &mut Causes) {
    let whole = text(block, "cidr");
    if whole.is_empty() {
        return causes.required(&format!("{path}.cidr"), "");
    }
    service::check_range(whole, &format!("{path}.cidr"), causes);
    let Some(whole) = read(whole) else { return };
    for (at, except) in items(block, "except").iter().enumerate() {
        let field = format!("{path}.except[{at}]");
        let except = except.as_str().unwrap_or_default();
        service::check_range(except, &field, causes);
        let Some(part) = read(except) else { continue };
        let shift = whole.2 - whole.1;
        let inside = part.2 == whole.2 && part.1 > whole.1 && (shift >= 128 || part.0 >> shift == whole.0 >> shift);
        if !inside {
            causes.invalid(&field, except, "must be a strict subset of `cidr`");
        }
    }
}

/// A network's address, its bits, and how many there are.
fn read(range: &str) -> Option<(u128, u32, u32)> {
    let (address, bits) = range.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => (u128::from(u32::from(address)), bits, 32),
        IpAddr::V6(address) => (u128::from(address), bits, 128),
    })
}

/// An address that belongs to somebody.
pub(super) fn ip_address(object: &Json, causes: &mut Causes) {
    pod::check_address(&crate::object::name(object).into(), "metadata.name", causes);
    let Some(parent) = get(object, "spec").get("parentRef") else {
        return causes.required("spec.parentRef", "");
    };
    let group = text(parent, "group");
    if !group.is_empty() {
        causes.each("spec.parentRef.group", group, names::dns_subdomain(group));
    }
    for name in ["resource", "name", "namespace"] {
        let field = format!("spec.parentRef.{name}");
        match text(parent, name) {
            "" if name == "namespace" => {}
            "" => causes.required(&field, ""),
            given => causes.each(&field, given, names::path_segment(given)),
        }
    }
}

/// The networks from which Services get their addresses.
pub(super) fn service_cidr(object: &Json, causes: &mut Causes) {
    const FIELD: &str = "spec.cidrs";
    let all = items(get(object, "spec"), "cidrs");
    if all.is_empty() {
        return causes.required(FIELD, "at least one CIDR required");
    }
    for (at, network) in all.iter().filter_map(Json::as_str).enumerate() {
        let field = format!("{FIELD}[{at}]");
        let before = causes.0.len();
        service::check_range(network, &field, causes);
        if causes.0.len() == before && !is_network(network) {
            causes.invalid(&field, network, "must not have bits set beyond the prefix length");
        }
    }
    let six = |network: &Json| network.as_str().is_some_and(|network| network.contains(':'));
    if let [one, other] = all
        && six(one) == six(other)
        && causes.0.is_empty()
    {
        let words = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        causes.invalid(FIELD, all, words);
    }
}

/// Whether nothing is set in an address but what belongs to the network.
fn is_network(network: &str) -> bool {
    let read = network.split_once('/').and_then(|(address, bits)| {
        let address: std::net::IpAddr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok()?;
        Some(match address {
            std::net::IpAddr::V4(four) => u32::from(four).checked_shl(bits).unwrap_or_default() == 0,
            std::net::IpAddr::V6(six) => u128::from(six).checked_shl(bits).unwrap_or_default() == 0,
        })
    });
    read.unwrap_or_default()
}

pub(super) fn update_ip_address(object: &Json, old: &Json, causes: &mut Causes) {
    ip_address(object, causes);
    let parent = |object: &Json| get(get(object, "spec"), "parentRef").clone();
    if parent(object) != parent(old) {
        let now = parent(object);
        let value = json!({
            "Group": text(&now, "group"), "Resource": text(&now, "resource"), "Namespace": text(&now, "namespace"),
            "Name": text(&now, "name"),
        });
        causes.invalid("spec.parentRef", value, "field is immutable");
    }
}

/// One network may come to the one that is there.
pub(super) fn update_service_cidr(object: &Json, old: &Json, causes: &mut Causes) {
    let (now, before) = (items(get(object, "spec"), "cidrs"), items(get(old, "spec"), "cidrs"));
    if now.len() != before.len() && (now.len(), before.len()) != (2, 1) {
        return causes.invalid("spec.cidrs", now, "field is immutable");
    }
    for (at, (now, before)) in now.iter().zip(before).enumerate() {
        causes.immutable(&format!("spec.cidrs[{at}]"), now, before);
    }
    if now.len() != before.len() {
        service_cidr(object, causes);
    }
}
