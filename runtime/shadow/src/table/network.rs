//! Rows of services and what leads to them.

use super::row::{Row, cells, joined, list, number, scalar, some_of, sorted, text};
use super::{Cells, selector};
use crate::Json;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "services" => services,
        "endpoints" => endpoints,
        "endpointslices.discovery.k8s.io" => endpoint_slices,
        "ingresses.networking.k8s.io" => ingresses,
        "ingressclasses.networking.k8s.io" => ingress_classes,
        "networkpolicies.networking.k8s.io" => network_policies,
        "servicecidrs.networking.k8s.io" => service_cidrs,
        "ipaddresses.networking.k8s.io" => ip_addresses,
        _ => return None,
    })
}

fn services(row: &Row<'_>) -> Vec<Json> {
    let ports: Vec<String> = row.list("/spec/ports").iter().map(port).collect();
    cells![
        row.name(),
        row.text("/spec/type"),
        if row.has("/spec/clusterIPs/0") { row.text("/spec/clusterIPs/0") } else { "<none>" },
        external_ip(row),
        if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") },
        row.age(),
        selector::labels(row.object.pointer("/spec/selector")),
    ]
}

fn port(port: &Json) -> String {
    let (number, node, protocol) = (number(port, "/port"), number(port, "/nodePort"), text(port, "/protocol"));
    if node > 0 { format!("{number}:{node}/{protocol}") } else { format!("{number}/{protocol}") }
}

fn external_ip(row: &Row<'_>) -> String {
    let external = joined(row.list("/spec/externalIPs"));
    match row.text("/spec/type") {
        "ClusterIP" | "NodePort" if external.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => external,
        "LoadBalancer" => match (load_balancer(row), external) {
            (balancer, external) if balancer.is_empty() && external.is_empty() => "<pending>".to_owned(),
            (balancer, external) if balancer.is_empty() => external,
            (balancer, external) if external.is_empty() => balancer,
            (balancer, external) => format!("{balancer},{external}"),
        },
        "ExternalName" => row.text("/spec/externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// The addresses that a load balancer has given.
fn load_balancer(row: &Row<'_>) -> String {
    let entries = row.list("/status/loadBalancer/ingress").iter();
    sorted(
        entries
            .map(|e| if text(e, "/ip").is_empty() { text(e, "/hostname") } else { text(e, "/ip") })
            .filter(|a| !a.is_empty()),
    )
}

fn endpoints(row: &Row<'_>) -> Vec<Json> {
    let mut all = Vec::new();
    for subset in row.list("/subsets") {
        let addresses = list(subset, "/addresses").iter().map(|a| text(a, "/ip"));
        let ports = list(subset, "/ports");
        if ports.is_empty() {
            all.extend(addresses.map(str::to_owned));
            continue;
        }
        for port in ports {
            let number = number(port, "/port");
            all.extend(
                addresses
                    .clone()
                    .map(|ip| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") }),
            );
        }
    }
    let said = if row.list("/subsets").is_empty() { "<none>".to_owned() } else { some_of(&all, 3, ",") };
    cells![row.name(), said, row.age()]
}

fn endpoint_slices(row: &Row<'_>) -> Vec<Json> {
    let ports = row.list("/ports").iter();
    let ports: Vec<String> =
        ports.map(|p| p.get("port").or(p.get("name")).map_or_else(|| "*".to_owned(), scalar)).collect();
    let addresses = row.list("/endpoints").iter().flat_map(|e| list(e, "/addresses"));
    let addresses: Vec<String> = addresses.map(scalar).collect();
    let some = |all: &[String]| match some_of(all, 3, ",") {
        said if said.is_empty() => "<unset>".to_owned(),
        said => said,
    };
    cells![row.name(), row.text("/addressType"), some(&ports), some(&addresses), row.age()]
}

fn ingresses(row: &Row<'_>) -> Vec<Json> {
    cells![
        row.name(),
        if row.has("/spec/ingressClassName") { row.text("/spec/ingressClassName") } else { "<none>" },
        hosts(row.list("/spec/rules")),
        load_balancer(row),
        if row.list("/spec/tls").is_empty() { "80" } else { "80, 443" },
        row.age(),
    ]
}

fn hosts(rules: &[Json]) -> String {
    const SHOWN: usize = 3;
    let all = rules.iter().map(|rule| text(rule, "/host")).enumerate().filter(|(_, host)| !host.is_empty());
    let hosts: Vec<(usize, &str)> = all.collect();
    let first = hosts.iter().take(SHOWN).map(|(_, host)| *host).collect::<Vec<_>>().join(",");
    // There is "more" as soon as a rule follows the third host, even one without a host.
    match hosts.get(SHOWN - 1) {
        _ if first.is_empty() => "*".to_owned(),
        Some((third, _)) if rules.len() > third + 1 => format!("{first} + {} more...", rules.len() - SHOWN),
        _ => first,
    }
}

fn ingress_classes(row: &Row<'_>) -> Vec<Json> {
    let default = crate::object::annotation(row.object, "ingressclass.kubernetes.io/is-default-class") == Some("true");
    let parameters = if row.has("/spec/parameters") {
        let group = row.text("/spec/parameters/apiGroup");
        let dot = if row.has("/spec/parameters/apiGroup") { "." } else { "" };
        format!("{}{dot}{group}/{}", row.text("/spec/parameters/kind"), row.text("/spec/parameters/name"))
    } else {
        "<none>".to_owned()
    };
    let name = if default { format!("{} (default)", row.name()) } else { row.name().to_owned() };
    cells![name, row.text("/spec/controller"), parameters, row.age()]
}

fn network_policies(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), selector::selector(row.object.pointer("/spec/podSelector")), row.age()]
}

fn service_cidrs(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), joined(row.list("/spec/cidrs")), row.age()]
}

/// The server gives an age here that has no column.
fn ip_addresses(row: &Row<'_>) -> Vec<Json> {
    let parent = if row.has("/spec/parentRef") {
        let (group, namespace) = (row.text("/spec/parentRef/group"), row.text("/spec/parentRef/namespace"));
        let dot = if group.is_empty() { "" } else { "." };
        let slash = if namespace.is_empty() { "" } else { "/" };
        let resource = format!("{}{dot}{group}", row.text("/spec/parentRef/resource")).to_lowercase();
        format!("{resource}{slash}{namespace}/{}", row.text("/spec/parentRef/name"))
    } else {
        "<none>".to_owned()
    };
    cells![row.name(), parent, row.age()]
}
