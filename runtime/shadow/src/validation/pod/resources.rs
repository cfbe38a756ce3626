//! What containers ask for and are limited to.

use super::super::causes::Causes;
use super::super::names;
use crate::Json;
use crate::defaults::fields::{entries, get, items, text};
use crate::quantity::Quantity;
use crate::schema::internal::printed;

fn read(quantity: &Json) -> Quantity {
    quantity.as_str().and_then(|text| Quantity::parse(text).ok()).unwrap_or(Quantity::ZERO)
}

fn is_huge(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Resources of which more may be promised than there are.
fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge(name)
}

/// The requests and limits of a container.
pub(in crate::validation) fn check(resources: &Json, path: &str, causes: &mut Causes) {
    let limits = get(resources, "limits");
    let mut basic = false;
    let mut huge = false;
    for (name, quantity) in entries(resources, "limits") {
        let field = format!("{path}.limits[{name}]");
        check_name(name, &field, causes);
        check_quantity(name, quantity, &field, causes);
        basic |= matches!(name.as_str(), "cpu" | "memory");
        huge |= is_huge(name);
    }
    let requests = format!("{path}.requests");
    for (name, quantity) in entries(resources, "requests") {
        let field = format!("{requests}[{name}]");
        check_name(name, &field, causes);
        check_quantity(name, quantity, &field, causes);
        let value = read(quantity);
        match limits.get(name) {
            Some(limit) if value != read(limit) && !may_overcommit(name) => {
                let words = format!("must be equal to {name} limit of {}", read(limit));
                causes.invalid(&requests, value.to_string(), &words);
            }
            Some(limit) if value > read(limit) => {
                let words = format!("must be less than or equal to {name} limit of {}", read(limit));
                causes.invalid(&requests, value.to_string(), &words);
            }
            None if !may_overcommit(name) => {
                causes.required(&format!("{path}.limits"), "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
        basic |= matches!(name.as_str(), "cpu" | "memory");
        huge |= is_huge(name);
    }
    if huge && !basic {
        causes.forbidden(path, "HugePages require cpu or memory");
    }
}

/// The name of a resource of a container.
pub(in crate::validation) fn check_name(name: &str, field: &str, causes: &mut Causes) {
    check_any_name(name, field, causes);
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge(name) {
            causes.invalid(field, name, "must be a standard resource for containers");
        }
    } else if !is_native(name)
        && (name.starts_with("requests.") || !names::qualified(&format!("requests.{name}")).is_empty())
    {
        causes.invalid(field, name, "doesn't follow extended resource name standard");
    }
}

/// The name of any resource.
pub(crate) fn check_any_name(name: &str, field: &str, causes: &mut Causes) {
    let words = names::qualified(name);
    if words.is_empty() && !name.contains('/') && !is_standard(name) {
        causes.invalid(field, name, "must be a standard resource type or fully qualified");
    }
    causes.each(field, name, words);
}

/// Names that stand for something without a domain, in quotas as well.
pub(crate) fn is_standard(name: &str) -> bool {
    const KNOWN: [&str; 20] = [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    KNOWN.contains(&name) || is_huge(name) || name.starts_with("requests.hugepages-")
}

/// The amount of a resource.
pub(crate) fn check_quantity(name: &str, quantity: &Json, field: &str, causes: &mut Causes) {
    let value = read(quantity);
    causes.quantity_not_negative(field, value);
    let countable = matches!(
        name,
        "pods"
            | "services"
            | "replicationcontrollers"
            | "resourcequotas"
            | "secrets"
            | "configmaps"
            | "persistentvolumeclaims"
            | "services.nodeports"
            | "services.loadbalancers"
    ) || name.starts_with("count/")
        || !is_native(name);
    if countable && !value.is_whole() {
        causes.invalid(field, quantity.clone(), "must be an integer");
    }
}

/// What a pod costs besides its containers.
pub(super) fn check_overhead(spec: &Json, field: &str, causes: &mut Causes) {
    for (name, quantity) in entries(spec, "overhead") {
        let field = format!("{field}.overhead.limits[{name}]");
        check_name(name, &field, causes);
        check_quantity(name, quantity, &field, causes);
    }
}

/// What happens to a container whose resources change.
pub(super) fn check_resize(container: &Json, path: &str, restart: &str, causes: &mut Causes) {
    let mut seen = vec![];
    for (at, policy) in items(container, "resizePolicy").iter().enumerate() {
        let field = format!("{path}.resizePolicy");
        let name = text(policy, "resourceName");
        if seen.contains(&name) {
            causes.duplicate(&format!("{field}[{at}]"), name);
        }
        seen.push(name);
        let then = text(policy, "restartPolicy");
        for (value, known) in [(name, ["cpu", "memory"]), (then, ["NotRequired", "RestartContainer"])] {
            if value.is_empty() {
                causes.required(&field, "");
            } else {
                causes.one_of(&field, value, &known);
            }
        }
        if restart == "Never" && then != "NotRequired" {
            causes.invalid(&field, then, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
        }
    }
}

/// The claims of devices that a pod makes.
pub(super) fn check_claims(spec: &Json, field: &str, causes: &mut Causes) {
    let mut taken = vec![];
    for (at, claim) in items(spec, "resourceClaims").iter().enumerate() {
        let path = format!("{field}.resourceClaims[{at}]");
        let name = text(claim, "name");
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        } else if taken.contains(&name) {
            causes.duplicate(&format!("{path}.name"), name);
        } else {
            causes.each(&format!("{path}.name"), name, names::dns_label(name));
            taken.push(name);
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"].map(|name| (name, get(claim, name).as_str()));
        let words = match sources.iter().filter(|(_, source)| source.is_some()).count() {
            0 => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            1 => "",
            _ => "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        };
        if !words.is_empty() {
            causes.invalid(&path, printed("PodResourceClaim", claim), words);
        }
        for (name, source) in sources {
            if let Some(source) = source {
                causes.each(&format!("{path}.{name}"), source, names::dns_subdomain(source));
            }
        }
    }
}
