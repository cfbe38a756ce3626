//! Services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::json;

use super::causes::Causes;
use super::{metadata, names, pod};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

pub(super) fn update(service: &Json, old: &Json, causes: &mut Causes) {
    let (spec, before) = (get(service, "spec"), get(old, "spec"));
    let external = |spec: &Json| text(spec, "type") == "ExternalName";
    let (now, then) = (items(spec, "clusterIPs"), items(before, "clusterIPs"));
    let both_headless = is_headless(spec) && is_headless(before);
    if !external(spec) && !external(before) && !both_headless {
        let value = || get(spec, "clusterIPs").clone();
        if now.is_empty() && !then.is_empty() {
            causes.invalid("spec.clusterIPs[0]", value(), "primary clusterIP can not be unset");
        } else if now.len() == then.len() {
            for (at, (now, then)) in now.iter().zip(then).enumerate() {
                if now != then {
                    causes.invalid(&format!("spec.clusterIPs[{at}]"), value(), "may not change once set");
                }
            }
        } else if then.first().is_some_and(|then| now.first() != Some(then)) {
            causes.invalid("spec.clusterIPs[0]", value(), "may not change once set");
        }
    }
    if needs_health_port(spec)
        && needs_health_port(before)
        && get(spec, "healthCheckNodePort") != get(before, "healthCheckNodePort")
    {
        causes.forbidden("spec.healthCheckNodePort", "field is immutable");
    }
    if text(before, "type") == "LoadBalancer" && text(spec, "type") == "LoadBalancer" {
        let class = |spec: &Json| get(spec, "loadBalancerClass").clone();
        if class(spec) != class(before) {
            causes.invalid("spec.loadBalancerClass", class(spec), "may not change once set");
        }
    }
    // It is judged beside the old one, and then by itself.
    check_class(spec, causes);
    check(service, causes);
}

fn is_headless(spec: &Json) -> bool {
    items(spec, "clusterIPs") == ["None"]
}

fn needs_health_port(spec: &Json) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

pub(super) fn check(service: &Json, causes: &mut Causes) {
    let spec = get(service, "spec");
    let kind = text(spec, "type");
    let ports = items(spec, "ports");
    if ports.is_empty() && !is_headless(spec) && kind != "ExternalName" {
        causes.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(spec) => {
            let words = format!("may not be set to 'None' for {kind} services");
            causes.invalid("spec.clusterIPs[0]", "None", &words);
        }
        "ExternalName" => external_name(spec, causes),
        _ => {}
    }
    let mut taken = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        check_port(port, ports.len() > 1, &mut taken, &format!("spec.ports[{at}]"), causes);
    }
    metadata::labels(get(spec, "selector"), "spec.selector", causes);
    check_affinity(spec, causes);
    check_addresses(spec, causes);
    for (at, address) in items(spec, "externalIPs").iter().enumerate() {
        pod::check_address(address, &format!("spec.externalIPs[{at}]"), causes);
    }
    causes.one_of("spec.type", kind, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    check_node_ports(spec, causes);
    check_balancer(spec, causes);
    check_policies(spec, causes);
}

fn external_name(spec: &Json, causes: &mut Causes) {
    for name in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if !matches!(get(spec, name), Json::Null) && *get(spec, name) != json!([]) {
            causes.forbidden(&format!("spec.{name}"), "may not be set for ExternalName services");
        }
    }
    let name = text(spec, "externalName");
    match name.strip_suffix('.').unwrap_or(name) {
        "" => causes.required("spec.externalName", ""),
        name => causes.each("spec.externalName", name, names::dns_subdomain(name)),
    }
}

fn check_port<'a>(port: &'a Json, several: bool, taken: &mut BTreeSet<&'a str>, path: &str, causes: &mut Causes) {
    let name = text(port, "name");
    let field = format!("{path}.name");
    if name.is_empty() {
        if several {
            causes.required(&field, "");
        }
    } else {
        causes.each(&field, name, names::dns_label(name));
        if !taken.insert(name) {
            causes.duplicate(&field, name);
        }
    }
    let number = number(port, "port").unwrap_or_default();
    for words in names::port_number(number) {
        causes.invalid(&format!("{path}.port"), number, &words);
    }
    causes.one_of(&format!("{path}.protocol"), text(port, "protocol"), &["SCTP", "TCP", "UDP"]);
    pod::check_port(get(port, "targetPort"), &format!("{path}.targetPort"), causes);
    if let Some(protocol) = get(port, "appProtocol").as_str() {
        causes.each(&format!("{path}.appProtocol"), protocol, names::qualified(protocol));
    }
}

fn check_affinity(spec: &Json, causes: &mut Causes) {
    let affinity = text(spec, "sessionAffinity");
    causes.one_of("spec.sessionAffinity", affinity, &["ClientIP", "None"]);
    if affinity == "ClientIP" {
        let seconds = spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").and_then(Json::as_i64);
        if let Some(seconds) = seconds.filter(|seconds| !(1..=86400).contains(seconds)) {
            let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
            causes.invalid(field, seconds, "must be greater than 0 and less than 86400");
        }
    }
}

pub(super) fn check_addresses(spec: &Json, causes: &mut Causes) {
    if text(spec, "type") == "ExternalName" {
        return;
    }
    let field = "spec.clusterIPs";
    let all = items(spec, "clusterIPs");
    match (text(spec, "clusterIP"), all.first().and_then(Json::as_str)) {
        ("", Some(_)) => {
            causes.invalid(field, get(spec, "clusterIPs").clone(), "must be empty when `clusterIP` is not specified");
        }
        (own, Some(first)) if own != first => {
            causes.invalid(field, get(spec, "clusterIPs").clone(), "first value must match `clusterIP`");
        }
        _ => {}
    }
    for (at, family) in items(spec, "ipFamilies").iter().filter_map(Json::as_str).enumerate() {
        causes.one_of(&format!("spec.ipFamilies[{at}]"), family, &["IPv4", "IPv6"]);
    }
    if let Some(policy) = get(spec, "ipFamilyPolicy").as_str() {
        causes.one_of("spec.ipFamilyPolicy", policy, &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    }
    let mut readable = true;
    for (at, address) in all.iter().enumerate() {
        if at == 0 && address == "None" {
            if all.len() > 1 {
                readable = false;
                causes.invalid(field, get(spec, "clusterIPs").clone(), "'None' must be the first and only value");
            }
            continue;
        }
        let before = causes.0.len();
        pod::check_address(address, &format!("{field}[{at}]"), causes);
        readable &= causes.0.len() == before;
    }
    if !readable || is_headless(spec) {
        return;
    }
    for (at, (address, family)) in all.iter().zip(items(spec, "ipFamilies")).enumerate() {
        let six = address.as_str().is_some_and(|a| matches!(a.parse(), Ok(IpAddr::V6(_))));
        if six != (family == "IPv6") {
            let family = family.as_str().unwrap_or_default();
            let words = format!("expected an {family} value as indicated by `ipFamilies[{at}]`");
            causes.invalid(&format!("{field}[{at}]"), address.clone(), &words);
        }
    }
}

fn check_node_ports(spec: &Json, causes: &mut Causes) {
    let ports = items(spec, "ports");
    let node = |port: &Json| number(port, "nodePort").filter(|node| *node != 0);
    if text(spec, "type") == "ClusterIP" {
        for (at, _) in ports.iter().enumerate().filter(|(_, port)| node(port).is_some()) {
            let words = "may not be used when `type` is 'ClusterIP'";
            causes.forbidden(&format!("spec.ports[{at}].nodePort"), words);
        }
    }
    let mut taken = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        if let Some(node) = node(port)
            && !taken.insert((text(port, "protocol"), node))
        {
            causes.duplicate(&format!("spec.ports[{at}].nodePort"), node);
        }
    }
    let mut taken = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        let (protocol, number) = (text(port, "protocol"), number(port, "port").unwrap_or_default());
        if !taken.insert((protocol, number)) {
            // By the names of the API server's own type.
            let value = json!({
                "Name": "", "Protocol": protocol, "AppProtocol": null, "Port": number, "TargetPort": 0, "NodePort": 0,
            });
            causes.duplicate(&format!("spec.ports[{at}]"), value);
        }
    }
}

fn check_balancer(spec: &Json, causes: &mut Causes) {
    let balanced = text(spec, "type") == "LoadBalancer";
    let ranges = items(spec, "loadBalancerSourceRanges");
    if !ranges.is_empty() {
        let field = "spec.LoadBalancerSourceRanges";
        if !balanced {
            causes.forbidden(field, ONLY_BALANCED);
        }
        for (at, range) in ranges.iter().enumerate() {
            let range = range.as_str().unwrap_or_default().trim();
            check_range(range, &format!("{field}[{at}]"), causes);
        }
    }
    if !balanced && spec.get("allocateLoadBalancerNodePorts").is_some() {
        causes.forbidden("spec.allocateLoadBalancerNodePorts", ONLY_BALANCED);
    }
    check_class(spec, causes);
}

fn check_class(spec: &Json, causes: &mut Causes) {
    let Some(class) = get(spec, "loadBalancerClass").as_str() else { return };
    if text(spec, "type") == "LoadBalancer" {
        causes.each("spec.loadBalancerClass", class, names::qualified(class));
    } else {
        causes.forbidden("spec.loadBalancerClass", ONLY_BALANCED);
    }
}

const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";

/// A network, such as `10.0.0.0/8`.
pub(super) fn check_range(range: &str, field: &str, causes: &mut Causes) {
    let read = range.split_once('/').and_then(|(address, bits)| {
        let address: IpAddr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok()?;
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(())
    });
    if read.is_none() {
        causes.invalid(field, range, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    }
}

fn check_policies(spec: &Json, causes: &mut Causes) {
    let kind = text(spec, "type");
    let external =
        matches!(kind, "LoadBalancer" | "NodePort") || kind == "ClusterIP" && !items(spec, "externalIPs").is_empty();
    let policy = text(spec, "externalTrafficPolicy");
    if external {
        causes.one_of("spec.externalTrafficPolicy", policy, &["Cluster", "Local"]);
    } else if !policy.is_empty() {
        let words = "may only be set for externally-accessible services";
        causes.invalid("spec.externalTrafficPolicy", policy, words);
    }
    let port = number(spec, "healthCheckNodePort").unwrap_or_default();
    if !needs_health_port(spec) && port != 0 {
        let words = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        causes.invalid("spec.healthCheckNodePort", port, words);
    }
    if let Some(policy) = get(spec, "internalTrafficPolicy").as_str() {
        causes.one_of("spec.internalTrafficPolicy", policy, &["Cluster", "Local"]);
    }
    if let Some(distribution) = get(spec, "trafficDistribution").as_str() {
        let known = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        causes.one_of("spec.trafficDistribution", distribution, &known);
    }
}
