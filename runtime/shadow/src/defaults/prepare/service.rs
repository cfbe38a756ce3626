//! The addresses and ports of Services.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use crate::defaults::fields::{drop, get, items, items_mut, number, set, text};
use crate::error::Cause;
use crate::{ApiError, Json};

/// The addresses that Services get: the first sixteen bits of a private network.
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 0);
const NETWORK_BITS: u32 = 16;
const FIRST_PORT: i64 = 30_000;
const LAST_PORT: i64 = 32_767;

/// What Services have already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    addresses: BTreeSet<Ipv4Addr>,
    ports: BTreeSet<i64>,
}

impl Taken {
    /// By these Services.
    pub(crate) fn by<'a>(services: impl IntoIterator<Item = &'a Json>) -> Self {
        let mut taken = Self::default();
        for service in services {
            let spec = get(service, "spec");
            taken
                .addresses
                .extend(items(spec, "clusterIPs").iter().filter_map(|a| a.as_str()?.parse::<Ipv4Addr>().ok()));
            taken.addresses.extend(text(spec, "clusterIP").parse::<Ipv4Addr>().ok());
            taken.ports.extend(items(spec, "ports").iter().filter_map(|port| number(port, "nodePort")));
            taken.ports.extend(number(spec, "healthCheckNodePort"));
        }
        taken
    }

    /// A free address: where to begin looking depends on `chance`.
    fn address(&mut self, chance: u64) -> Option<Ipv4Addr> {
        let hosts = (1_u64 << (32 - NETWORK_BITS)) - 2;
        let base = u64::from(u32::from(NETWORK)) + 1;
        // The first is the API server's own.
        let at =
            |offset: u64| u32::try_from(base + 1 + (chance % hosts + offset) % (hosts - 1)).ok().map(Ipv4Addr::from);
        let free = (0..hosts).filter_map(at).find(|address| !self.addresses.contains(address))?;
        self.addresses.insert(free);
        Some(free)
    }

    fn port(&mut self, chance: u64) -> Option<i64> {
        let count = LAST_PORT - FIRST_PORT + 1;
        let start = i64::try_from(chance % count.unsigned_abs()).unwrap_or_default();
        let free = (0..count).map(|o| FIRST_PORT + (start + o) % count).find(|port| !self.ports.contains(port))?;
        self.ports.insert(free);
        Some(free)
    }
}

fn needs_address(spec: &Json) -> bool {
    matches!(text(spec, "type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Any but one type has addresses, one that there is not included.
fn may_have_address(spec: &Json) -> bool {
    text(spec, "type") != "ExternalName"
}

fn needs_ports(spec: &Json) -> bool {
    match text(spec, "type") {
        "NodePort" => true,
        "LoadBalancer" => get(spec, "allocateLoadBalancerNodePorts") != false,
        _ => false,
    }
}

fn may_have_ports(spec: &Json) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

fn needs_health_port(spec: &Json) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Gives a Service what it needs: address, address family and ports. `old` is the Service as it was, `taken` what others
/// have, `chance` decides which free ones it gets.
///
/// # Errors
/// 422, where it asks for what it can't have.
pub(crate) fn allocate(service: &mut Json, old: Option<&Json>, mut taken: Taken, chance: u64) -> Result<(), ApiError> {
    let name = crate::object::name(service).to_owned();
    let refuse = |reason, field: String, message: String| {
        Err(ApiError::invalid("", "Service", &name, &[Cause { reason, message, field }]))
    };
    let Some(spec) = service.get_mut("spec") else { return Ok(()) };
    if let Some(old) = old.map(|old| get(old, "spec")) {
        keep_allocated(old, spec);
    }
    if !text(spec, "clusterIP").is_empty() && items(spec, "clusterIPs").is_empty() {
        let address = get(spec, "clusterIP").clone();
        set(spec, "clusterIPs", json!([address]));
    }
    if !needs_address(spec) {
        return Ok(());
    }
    let headless = text(spec, "clusterIP") == "None";
    let selectorless = get(spec, "selector").as_object().is_none_or(serde_json::Map::is_empty);
    if text(spec, "ipFamilyPolicy").is_empty() {
        set(spec, "ipFamilyPolicy", if headless && selectorless { "RequireDualStack" } else { "SingleStack" });
    }
    let wrong = crate::validation::service_addresses(spec);
    if !wrong.is_empty() {
        return Err(ApiError::invalid("", "Service", &name, &wrong));
    }
    let policy = text(spec, "ipFamilyPolicy").to_owned();
    if policy == "RequireDualStack" && !(headless && selectorless) {
        let message = "Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services";
        return refuse("FieldValueInvalid", "spec.ipFamilyPolicy".to_owned(), message.to_owned());
    }
    if items(spec, "ipFamilies").is_empty() {
        set(spec, "ipFamilies", json!(["IPv4"]));
    }
    if headless && selectorless {
        if policy != "SingleStack" && items(spec, "ipFamilies").len() == 1 {
            let other =
                if items(spec, "ipFamilies") == ["IPv4"] { json!(["IPv4", "IPv6"]) } else { json!(["IPv6", "IPv4"]) };
            set(spec, "ipFamilies", other);
        }
    } else if let Some(at) = items(spec, "ipFamilies").iter().position(|family| family == "IPv6") {
        let message = "Invalid value: \"IPv6\": not configured on this cluster".to_owned();
        return refuse("FieldValueInvalid", format!("spec.ipFamilies[{at}]"), message);
    }
    allocate_address(spec, old, &mut taken, chance).or_else(|why| {
        let given = text(spec, "clusterIP");
        refuse("FieldValueInvalid", "spec.clusterIPs".to_owned(), format!("Invalid value: [{given:?}]: {why}"))
    })?;
    if let Err((at, port, why)) = allocate_ports(spec, old, &mut taken, chance) {
        let message = format!("Invalid value: {port}: {why}");
        return refuse("FieldValueInvalid", format!("spec.ports[{at}].nodePort"), message);
    }
    if needs_health_port(spec) && number(spec, "healthCheckNodePort").unwrap_or_default() == 0 {
        match taken.port(chance.rotate_left(17)) {
            Some(port) => set(spec, "healthCheckNodePort", port),
            None => return Err(full("failed to allocate a HealthCheck NodePort: range is full")),
        }
    }
    Ok(())
}

fn full(message: &str) -> ApiError {
    ApiError::new(500, "InternalError", format!("Internal error occurred: {message}"))
}

fn allocate_address(spec: &mut Json, old: Option<&Json>, taken: &mut Taken, chance: u64) -> Result<(), String> {
    let given = text(spec, "clusterIP").to_owned();
    if given == "None" {
        return Ok(());
    }
    if given.is_empty() {
        let Some(address) = taken.address(chance) else {
            return Err("failed to allocate IP: range is full".to_owned());
        };
        set(spec, "clusterIP", address.to_string());
        set(spec, "clusterIPs", json!([address.to_string()]));
        return Ok(());
    }
    // What it has may not change, which is told by the validation.
    if old.is_some_and(|old| !text(get(old, "spec"), "clusterIP").is_empty()) {
        return Ok(());
    }
    let Ok(address) = given.parse::<IpAddr>() else { return Ok(()) };
    let mask = u32::MAX << (32 - NETWORK_BITS);
    let inside = matches!(address, IpAddr::V4(a) if u32::from(a) & mask == u32::from(NETWORK));
    if !inside {
        return Err(format!(
            "failed to allocate IP {given}: the provided IP ({given}) is not in the valid range. \
             The range of valid IPs is {NETWORK}/{NETWORK_BITS}"
        ));
    }
    if matches!(address, IpAddr::V4(a) if taken.addresses.contains(&a)) {
        return Err(format!("failed to allocate IP {given}: provided IP is already allocated"));
    }
    Ok(())
}

fn allocate_ports(
    spec: &mut Json,
    old: Option<&Json>,
    taken: &mut Taken,
    chance: u64,
) -> Result<(), (usize, i64, String)> {
    if !may_have_ports(spec) {
        return Ok(());
    }
    let own: BTreeSet<i64> = old
        .map(|old| get(old, "spec"))
        .into_iter()
        .flat_map(|spec| items(spec, "ports"))
        .filter_map(|port| number(port, "nodePort"))
        .collect();
    let allocates = needs_ports(spec);
    let asked: Vec<(i64, i64)> = items(spec, "ports")
        .iter()
        .filter_map(|p| Some((number(p, "port")?, number(p, "nodePort").unwrap_or_default())))
        .collect();
    let mut by_port: Vec<(i64, i64)> = vec![];
    for (at, port) in items_mut(spec, "ports").enumerate() {
        let of = number(port, "port").unwrap_or_default();
        let wanted = number(port, "nodePort").unwrap_or_default();
        if wanted == 0 && !allocates {
            continue;
        }
        let shared = by_port.iter().find(|(p, _)| *p == of).map(|(_, node)| *node);
        let explicit = asked.iter().find(|(p, node)| *p == of && *node != 0).map(|(_, node)| *node);
        let node = match (shared, wanted) {
            (Some(node), 0) => node,
            (Some(node), wanted) if node == wanted => node,
            (_, wanted) => match if wanted == 0 { explicit } else { Some(wanted) } {
                Some(node) if !(FIRST_PORT..=LAST_PORT).contains(&node) => {
                    let why = format!(
                        "provided port is not in the valid range. The range of valid ports is {FIRST_PORT}-{LAST_PORT}"
                    );
                    return Err((at, node, why));
                }
                Some(node) if !own.contains(&node) && taken.ports.contains(&node) => {
                    return Err((at, node, "provided port is already allocated".to_owned()));
                }
                Some(node) => node,
                None => taken
                    .port(chance.rotate_left(u32::try_from(at % 64).unwrap_or_default()))
                    .ok_or_else(|| (at, 0, "failed to allocate a nodePort: range is full".to_owned()))?,
            },
        };
        set(port, "nodePort", node);
        by_port.push((of, node));
    }
    Ok(())
}

/// What a client left out of an update stays as it was allocated.
fn keep_allocated(old: &Json, new: &mut Json) {
    if may_have_address(old) && may_have_address(new) {
        for name in ["clusterIP", "clusterIPs"] {
            let absent =
                new.get(name).is_none_or(|v| v.is_null() || *v == "" || v.as_array().is_some_and(Vec::is_empty));
            if let (true, Some(value)) = (absent, old.get(name)) {
                set(new, name, value.clone());
            }
        }
        for name in ["ipFamilies", "ipFamilyPolicy"] {
            if let (None, Some(value)) = (new.get(name), old.get(name)) {
                set(new, name, value.clone());
            }
        }
        if text(old, "clusterIP") != text(new, "clusterIP") && old.get("clusterIPs") == new.get("clusterIPs") {
            let address = get(new, "clusterIP").clone();
            set(new, "clusterIPs", json!([address]));
        }
    }
    if may_have_ports(old) && may_have_ports(new) {
        let before: Vec<(String, i64)> = items(old, "ports")
            .iter()
            .map(|p| (text(p, "name").to_owned(), number(p, "nodePort").unwrap_or_default()))
            .collect();
        let given: BTreeSet<i64> = items(new, "ports").iter().filter_map(|p| number(p, "nodePort")).collect();
        for port in items_mut(new, "ports") {
            let name = text(port, "name").to_owned();
            let was = before.iter().rfind(|(n, _)| *n == name).map_or(0, |(_, node)| *node);
            if number(port, "nodePort").unwrap_or_default() == 0 && was != 0 && !given.contains(&was) {
                set(port, "nodePort", was);
            }
        }
    }
    if needs_health_port(old)
        && needs_health_port(new)
        && number(new, "healthCheckNodePort").unwrap_or_default() == 0
        && let Some(port) = old.get("healthCheckNodePort")
    {
        set(new, "healthCheckNodePort", port.clone());
    }
}

/// Takes away what belongs to the type that a Service had, unless the client changed it.
pub(super) fn drop_by_type(old: &Json, service: &mut Json) {
    let before = get(old, "spec");
    let Some(spec) = service.get_mut("spec") else { return };
    let take = |spec: &mut Json, name: &str| {
        if spec.get(name) == before.get(name) {
            drop(spec, name);
        }
    };
    if may_have_address(before) && !may_have_address(spec) {
        for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            take(spec, name);
        }
    }
    if may_have_ports(before) && !may_have_ports(spec) {
        let ports = |spec: &Json| items(spec, "ports").iter().map(|p| number(p, "nodePort")).collect::<Vec<_>>();
        if ports(before) == ports(spec) {
            items_mut(spec, "ports").for_each(|port| {
                drop(port, "nodePort");
            });
        }
    }
    if needs_health_port(before) && !needs_health_port(spec) {
        take(spec, "healthCheckNodePort");
    }
    if text(before, "type") == "LoadBalancer" && text(spec, "type") != "LoadBalancer" {
        take(spec, "allocateLoadBalancerNodePorts");
        take(spec, "loadBalancerClass");
    }
    if is_external(before) && !is_external(spec) {
        take(spec, "externalTrafficPolicy");
    }
    if may_have_address(before) && !may_have_address(spec) {
        take(spec, "internalTrafficPolicy");
    }
    let balanced = text(spec, "type") == "LoadBalancer";
    if !balanced {
        set(service, "status", json!({"loadBalancer": {}}));
    }
}

fn is_external(spec: &Json) -> bool {
    may_have_ports(spec) || text(spec, "type") == "ClusterIP" && !items(spec, "externalIPs").is_empty()
}
