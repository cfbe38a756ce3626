//! How pods resolve names.

use std::net::IpAddr;

use super::super::causes::Causes;
use super::super::names;
use crate::Json;
use crate::defaults::fields::{get, items, text, truth};

const ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

pub(super) fn check(spec: &Json, field: &str, causes: &mut Causes) {
    let path = format!("{field}.dnsConfig");
    let config = get(spec, "dnsConfig");
    let servers = items(config, "nameservers");
    if text(spec, "dnsPolicy") == "None" {
        if config.is_null() {
            return causes.required(&path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.is_empty() {
            let words = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return causes.required(&format!("{path}.nameservers"), words);
        }
    }
    if servers.len() > 3 {
        let words = "must not have more than 3 nameservers";
        causes.invalid(&format!("{path}.nameservers"), get(config, "nameservers").clone(), words);
    }
    for (at, server) in servers.iter().enumerate() {
        check_address(server, &format!("{path}.nameservers[{at}]"), causes);
    }
    let searches = items(config, "searches");
    if searches.len() > 32 {
        let words = "must not have more than 32 search paths";
        causes.invalid(&format!("{path}.searches"), get(config, "searches").clone(), words);
    }
    for (at, search) in searches.iter().enumerate() {
        let search = search.as_str().unwrap_or_default();
        let plain = search.trim_end_matches('.').replace('_', "a");
        if search != "." && !names::dns_subdomain(&plain).is_empty() {
            let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or \
                           '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                           validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
            causes.invalid(&format!("{path}.searches[{at}]"), search.trim_end_matches('.'), message);
        }
    }
    for (at, option) in items(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            causes.required(&format!("{path}.options[{at}]"), "must not be empty");
        }
    }
}

/// An address of version 4 or 6.
pub(crate) fn check_address(address: &Json, field: &str, causes: &mut Causes) {
    let address = address.as_str().unwrap_or_default();
    if address.parse::<IpAddr>().is_err() {
        causes.invalid(field, address, ADDRESS);
    }
}

pub(super) fn check_host_aliases(spec: &Json, field: &str, causes: &mut Causes) {
    for (at, alias) in items(spec, "hostAliases").iter().enumerate() {
        let path = format!("{field}.hostAliases[{at}]");
        check_address(get(alias, "ip"), &format!("{path}.ip"), causes);
        for (name_at, name) in items(alias, "hostnames").iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            causes.each(&format!("{path}.hostnames[{name_at}]"), name, names::dns_subdomain(name));
        }
    }
}

/// The name that a pod has instead of its own.
pub(super) fn check_host_name(spec: &Json, field: &str, causes: &mut Causes) {
    let Some(name) = get(spec, "hostnameOverride").as_str() else { return };
    let field = format!("{field}.hostnameOverride");
    for other in ["setHostnameAsFQDN", "hostNetwork"].into_iter().filter(|other| truth(spec, other)) {
        causes.forbidden(&field, &format!("may not be specified when {other} is true"));
    }
    if name.len() > 64 {
        causes.too_long(&field, 64);
    }
    causes.each(&field, name, names::dns_subdomain(name));
}
