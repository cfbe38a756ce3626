//! What the API server is told about itself: other servers, shares of its attention, certificates to sign.

use std::collections::BTreeSet;

use base64::Engine;

use super::causes::Causes;
use super::names;
use crate::Json;
use crate::defaults::fields::{get, items, number, text, truth};

/// A version of a group, and who serves it.
pub(super) fn api_service(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let (group, version) = (text(spec, "group"), text(spec, "version"));
    let (name, wanted) = (crate::object::name(object), format!("{version}.{group}"));
    if names::path_segment(name).is_empty() && name != wanted {
        let words = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
        causes.invalid("metadata.name", name, &words);
    }
    if group.is_empty() && version != "v1" {
        causes.required("spec.group", "only v1 may have an empty group and it better be legacy kube");
    }
    if !group.is_empty() {
        causes.each("spec.group", group, names::dns_subdomain(group));
    }
    causes.each("spec.version", version, names::dns_1035_label(version));
    for (name, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        let value = number(spec, name).unwrap_or_default();
        if !(1..=most).contains(&value) {
            causes.invalid(&format!("spec.{name}"), value, &format!("must be positive and less than {most}"));
        }
    }
    let (bundle, insecure) = (text(spec, "caBundle"), truth(spec, "insecureSkipTLSVerify"));
    let Some(service) = spec.get("service") else {
        if !bundle.is_empty() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(bundle).unwrap_or_default().len();
            let words = "local APIServices may not have a caBundle";
            causes.invalid("spec.caBundle", format!("{bytes} bytes"), words);
        }
        if insecure {
            let words = "local APIServices may not have insecureSkipTLSVerify";
            causes.invalid("spec.insecureSkipTLSVerify", true, words);
        }
        return;
    };
    for name in ["namespace", "name"] {
        if text(service, name).is_empty() {
            causes.required(&format!("spec.service.{name}"), "");
        }
    }
    let port = number(service, "port").unwrap_or_default();
    for words in names::port_number(port) {
        causes.invalid("spec.service.port", port, &format!("port is not valid: {words}"));
    }
    if insecure && !bundle.is_empty() {
        causes.invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present");
    }
}

/// Which requests belong to which share.
pub(super) fn flow_schema(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let rank = number(spec, "matchingPrecedence").unwrap_or_default();
    const RANK: &str = "spec.matchingPrecedence";
    if rank <= 0 {
        causes.invalid(RANK, rank, "must be a positive value");
    }
    if rank > 10_000 {
        causes.invalid(RANK, rank, "must not be greater than 10000");
    }
    if rank == 1 && crate::object::name(object) != "exempt" {
        causes.invalid(RANK, rank, "only the schema named 'exempt' may have matchingPrecedence 1");
    }
    const LEVEL: &str = "spec.priorityLevelConfiguration.name";
    match text(get(spec, "priorityLevelConfiguration"), "name") {
        "" => causes.required(LEVEL, "must reference a priority level"),
        level => causes.each(LEVEL, level, names::dns_subdomain(level)),
    }
    for (at, rule) in items(spec, "rules").iter().enumerate() {
        let path = format!("spec.rules[{at}]");
        if items(rule, "subjects").is_empty() {
            causes.required(&format!("{path}.subjects"), "subjects must contain at least one value");
        }
        for (at, subject) in items(rule, "subjects").iter().enumerate() {
            check_subject(subject, &format!("{path}.subjects[{at}]"), causes);
        }
        if items(rule, "resourceRules").is_empty() && items(rule, "nonResourceRules").is_empty() {
            let words = "at least one of resourceRules and nonResourceRules has to be non-empty";
            causes.required(&path, words);
        }
    }
}

fn check_subject(subject: &Json, path: &str, causes: &mut Causes) {
    const KINDS: [(&str, &str); 3] = [("ServiceAccount", "serviceAccount"), ("User", "user"), ("Group", "group")];
    let kind = text(subject, "kind");
    let Some((_, own)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return causes.unsupported(&format!("{path}.kind"), kind, &["Group", "ServiceAccount", "User"]);
    };
    match subject.get(*own) {
        None => causes.required(&format!("{path}.{own}"), &format!("{own} is required when subject kind is '{kind}'")),
        Some(given) => {
            if text(given, "name").is_empty() {
                causes.required(&format!("{path}.{own}.name"), "");
            }
            if kind == "ServiceAccount" && text(given, "namespace").is_empty() {
                let words = "must specify namespace for service account";
                causes.required(&format!("{path}.{own}.namespace"), words);
            }
        }
    }
    for (other, field) in KINDS.iter().filter(|(_, field)| field != own && subject.get(*field).is_some()) {
        causes
            .forbidden(&format!("{path}.{field}"), &format!("{field} is forbidden when subject kind is not '{other}'"));
    }
}

/// A share of the API server's attention.
pub(super) fn priority_level(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let kind = text(spec, "type");
    if (crate::object::name(object) == "exempt") != (kind == "Exempt") {
        causes.invalid("spec.type", kind, "must be 'Exempt' if and only if `name` is 'exempt'");
    }
    match kind {
        "Exempt" if spec.get("limited").is_some() => {
            causes.forbidden("spec.limited", "must be nil if the type is not Limited");
        }
        "Exempt" => {}
        "Limited" => {
            if spec.get("exempt").is_some() {
                causes.forbidden("spec.exempt", "must be nil if the type is Limited");
            }
            match spec.get("limited") {
                None => causes.required("spec.limited", "must not be empty when type is Limited"),
                Some(limited) => check_limited(limited, causes),
            }
        }
        "" => causes.required("spec.type", ""),
        other => causes.unsupported("spec.type", other, &["Exempt", "Limited"]),
    }
}

fn check_limited(limited: &Json, causes: &mut Causes) {
    const PATH: &str = "spec.limited";
    if let Some(shares) = number(limited, "nominalConcurrencyShares").filter(|shares| *shares < 0) {
        let words = "must be a non-negative integer";
        causes.invalid(&format!("{PATH}.nominalConcurrencyShares"), shares, words);
    }
    let response = get(limited, "limitResponse");
    let field = format!("{PATH}.limitResponse");
    match (text(response, "type"), response.get("queuing")) {
        ("Reject", Some(_)) => {
            let words = "must be nil if limited.limitResponse.type is not Limited";
            causes.forbidden(&format!("{field}.queuing"), words);
        }
        ("Queue", None) => {
            let words = "must not be empty if limited.limitResponse.type is Limited";
            causes.required(&format!("{field}.queuing"), words);
        }
        ("Reject" | "Queue", _) => {}
        ("", _) => causes.required(&format!("{field}.type"), ""),
        (other, _) => causes.unsupported(&format!("{field}.type"), other, &["Queue", "Reject"]),
    }
    if let Some(share) = number(limited, "lendablePercent").filter(|share| !(0..=100).contains(share)) {
        causes.invalid(&format!("{PATH}.lendablePercent"), share, "must be between 0 and 100, inclusive");
    }
}

/// A certificate to be signed; of the request itself, only its wrapping is judged.
pub(super) fn signing_request(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let request = text(spec, "request");
    let bytes = base64::engine::general_purpose::STANDARD.decode(request).unwrap_or_default();
    if !String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE REQUEST-----") {
        causes.invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST");
    }
    let usages = items(spec, "usages");
    if usages.is_empty() {
        causes.required("spec.usages", "");
    }
    let mut seen = BTreeSet::new();
    for (at, usage) in usages.iter().filter_map(Json::as_str).enumerate() {
        if !seen.insert(usage) {
            causes.duplicate(&format!("spec.usages[{at}]"), usage);
        }
    }
    if let Some(seconds) = number(spec, "expirationSeconds").filter(|seconds| *seconds < 600) {
        let words = "may not specify a duration less than 600 seconds (10 minutes)";
        causes.invalid("spec.expirationSeconds", seconds, words);
    }
}
