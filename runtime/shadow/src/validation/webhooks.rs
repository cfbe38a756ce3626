//! What admission is registered: webhooks, and policies.

use std::collections::BTreeSet;

use super::causes::Causes;
use super::{names, selector};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const FAILURES: [&str; 2] = ["Fail", "Ignore"];
const MATCHES: [&str; 2] = ["Equivalent", "Exact"];

/// Webhooks of either kind.
pub(super) fn webhooks(object: &Json, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (at, hook) in items(object, "webhooks").iter().enumerate() {
        let path = format!("webhooks[{at}]");
        webhook(hook, &path, causes);
        review_versions(hook, &format!("{path}.admissionReviewVersions"), causes);
        let name = text(hook, "name");
        if !name.is_empty() && !taken.insert(name) {
            causes.duplicate(&format!("{path}.name"), name);
        }
    }
}

fn webhook(hook: &Json, path: &str, causes: &mut Causes) {
    let (name, field) = (text(hook, "name"), format!("{path}.name"));
    let words = names::dns_subdomain(name);
    if name.is_empty() {
        causes.required(&field, "");
    } else if !words.is_empty() {
        causes.invalid(&field, name, &words.join(","));
    } else if name.split('.').count() < 3 {
        causes.invalid(&field, name, "should be a domain with at least three segments separated by dots");
    }
    for (at, rule) in items(hook, "rules").iter().enumerate() {
        check_rule(rule, &format!("{path}.rules[{at}]"), causes);
    }
    one_of_given(hook, "failurePolicy", path, &FAILURES, causes);
    one_of_given(hook, "matchPolicy", path, &MATCHES, causes);
    if get(hook, "sideEffects").is_null() {
        causes.required(&format!("{path}.sideEffects"), "must specify one of None, NoneOnDryRun");
    }
    one_of_given(hook, "sideEffects", path, &["None", "NoneOnDryRun"], causes);
    if let Some(seconds) = number(hook, "timeoutSeconds").filter(|seconds| !(1..=30).contains(seconds)) {
        let words = "the timeout value must be between 1 and 30 seconds";
        causes.invalid(&format!("{path}.timeoutSeconds"), seconds, words);
    }
    for name in ["namespaceSelector", "objectSelector"] {
        if let Some(of) = hook.get(name) {
            selector::check(of, &format!("{path}.{name}"), causes);
        }
    }
    one_of_given(hook, "reinvocationPolicy", path, &["IfNeeded", "Never"], causes);
    let client = get(hook, "clientConfig");
    let path = format!("{path}.clientConfig");
    match (client.get("url").and_then(Json::as_str), client.get("service")) {
        (Some(url), None) => check_url(url, &format!("{path}.url"), causes),
        (None, Some(service)) => check_service(service, &format!("{path}.service"), causes),
        _ => causes.required(&path, "exactly one of url or service is required"),
    }
}

fn one_of_given(of: &Json, name: &str, path: &str, known: &[&str], causes: &mut Causes) {
    if let Some(given) = get(of, name).as_str() {
        causes.one_of(&format!("{path}.{name}"), given, known);
    }
}

fn check_rule(rule: &Json, path: &str, causes: &mut Causes) {
    let operations = items(rule, "operations");
    let alone = |name: &str, what: &str, causes: &mut Causes| {
        let given = items(rule, name);
        if given.is_empty() {
            causes.required(&format!("{path}.{name}"), "");
        }
        if given.len() > 1 && given.iter().any(|one| one == "*") {
            let words = format!("if '*' is present, must not specify other {what}");
            causes.invalid(&format!("{path}.{name}"), given, &words);
        }
    };
    alone("operations", "operations", causes);
    for (at, operation) in operations.iter().filter_map(Json::as_str).enumerate() {
        causes.one_of(&format!("{path}.operations[{at}]"), operation, &OPERATIONS);
    }
    alone("apiGroups", "API groups", causes);
    alone("apiVersions", "API versions", causes);
    for (at, _) in items(rule, "apiVersions").iter().enumerate().filter(|(_, version)| *version == "") {
        causes.required(&format!("{path}.apiVersions[{at}]"), "");
    }
    check_resources(items(rule, "resources"), &format!("{path}.resources"), causes);
    one_of_given(rule, "scope", path, &["*", "Cluster", "Namespaced"], causes);
}

fn check_resources(resources: &[Json], field: &str, causes: &mut Causes) {
    if resources.is_empty() {
        causes.required(field, "");
    }
    let (mut wholes, mut parts) = (BTreeSet::new(), BTreeSet::new());
    for (at, resource) in resources.iter().filter_map(Json::as_str).enumerate() {
        let field = format!("{field}[{at}]");
        if resource.is_empty() {
            causes.required(&field, "");
        }
        let Some((whole, part)) = resource.split_once('/') else { continue };
        for (known, shown) in
            [(wholes.contains(whole), format!("{whole}/*")), (parts.contains(part), format!("*/{part}"))]
        {
            if known {
                causes.invalid(&field, resource, &format!("if '{shown}' is present, must not specify {resource}"));
            }
        }
        if part == "*" {
            wholes.insert(whole);
        }
        if whole == "*" {
            parts.insert(part);
        }
    }
    let plain = |resource: &&str| !resource.is_empty() && !resource.contains('/');
    let last = resources.iter().filter_map(Json::as_str).rfind(plain);
    if resources.len() > 1 && resources.iter().any(|one| one == "*/*") {
        causes.invalid(field, resources, "if '*/*' is present, must not specify other resources");
    }
    // As the real one has it: the last resource without a part decides.
    if resources.iter().any(|one| one == "*") && last.is_some_and(|last| last != "*") {
        let words = "if '*' is present, must not specify other resources without subresources";
        causes.invalid(field, resources, words);
    }
}

fn review_versions(hook: &Json, field: &str, causes: &mut Causes) {
    let versions = items(hook, "admissionReviewVersions");
    if versions.is_empty() {
        return causes.required(field, "must specify one of v1, v1beta1");
    }
    let mut seen = BTreeSet::new();
    for (at, version) in versions.iter().filter_map(Json::as_str).enumerate() {
        let field = format!("{field}[{at}]");
        if seen.insert(version) {
            causes.each(&field, version, names::dns_1035_label(version));
        } else {
            causes.invalid(&field, version, "duplicate version");
        }
    }
    if !seen.contains("v1") && !seen.contains("v1beta1") {
        causes.invalid(field, versions, "must include at least one of v1, v1beta1");
    }
}

fn check_url(url: &str, field: &str, causes: &mut Causes) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or_default());
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if scheme != "https" {
        causes.invalid(field, scheme, &format!("'https' is the only allowed URL scheme{FORM}"));
    }
    if host.is_empty() {
        causes.invalid(field, host, &format!("host must be specified{FORM}"));
    }
    if let Some(user) = user {
        causes.invalid(field, user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        causes.invalid(field, fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        causes.invalid(field, query, "query parameters are not permitted in the URL");
    }
}

fn check_service(service: &Json, path: &str, causes: &mut Causes) {
    // The real one takes each of the two for the other.
    for (name, field) in [("namespace", "name"), ("name", "namespace")] {
        if text(service, name).is_empty() {
            causes.required(&format!("{path}.{field}"), "");
        }
    }
    let port = number(service, "port").unwrap_or_default();
    for words in names::port_number(port) {
        causes.invalid(&format!("{path}.port"), port, &format!("port is not valid: {words}"));
    }
    let given = text(service, "path");
    let field = format!("{path}.path");
    if given.is_empty() || given == "/" {
        return;
    }
    if !given.starts_with('/') {
        causes.invalid(&field, given, "must start with a '/'");
    }
    let mut letters = given.chars();
    letters.next();
    let steps = letters.as_str();
    for (at, step) in steps.strip_suffix('/').unwrap_or(steps).split('/').enumerate() {
        if step.is_empty() {
            causes.invalid(&field, given, &format!("segment[{at}] may not be empty"));
        } else {
            let wrong = names::dns_subdomain(step).into_iter().map(|words| format!("segment[{at}]: {words}"));
            causes.each(&field, given, wrong.collect());
        }
    }
}

/// A policy of admission. Its expressions are not judged here.
pub(super) fn policy(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    one_of_given(spec, "failurePolicy", "spec", &FAILURES, causes);
    match spec.get("matchConstraints") {
        None => causes.required("spec.matchConstraints", ""),
        Some(constraints) => {
            match_resources(constraints, "spec.matchConstraints", causes);
            if items(constraints, "resourceRules").is_empty() {
                causes.required("spec.matchConstraints.resourceRules", "");
            }
        }
    }
    if items(spec, "validations").is_empty() && items(spec, "auditAnnotations").is_empty() {
        for name in ["validations", "auditAnnotations"] {
            let words = "validations or auditAnnotations must contain at least one item";
            causes.required(&format!("spec.{name}"), words);
        }
    }
    for (at, validation) in items(spec, "validations").iter().enumerate() {
        if text(validation, "expression").trim().is_empty() {
            causes.required(&format!("spec.validations[{at}].expression"), "expression is not specified");
        }
    }
}

fn match_resources(of: &Json, path: &str, causes: &mut Causes) {
    one_of_given(of, "matchPolicy", path, &MATCHES, causes);
    for name in ["namespaceSelector", "objectSelector"] {
        selector::check(get(of, name), &format!("{path}.{name}"), causes);
    }
    for list in ["resourceRules", "excludeResourceRules"] {
        for (at, rule) in items(of, list).iter().enumerate() {
            check_rule(rule, &format!("{path}.{list}[{at}]"), causes);
        }
    }
}

/// Where a policy counts.
pub(super) fn policy_binding(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    match text(spec, "policyName") {
        "" => causes.required("spec.policyName", ""),
        name => causes.each("spec.policyName", name, names::dns_subdomain(name)),
    }
    if let Some(of) = spec.get("matchResources") {
        match_resources(of, "spec.matchResources", causes);
    }
    const FIELD: &str = "spec.validationActions";
    let mut seen = BTreeSet::new();
    for (at, action) in items(spec, "validationActions").iter().filter_map(Json::as_str).enumerate() {
        let field = format!("{FIELD}[{at}]");
        causes.one_of(&field, action, &["Audit", "Deny", "Warn"]);
        if !seen.insert(action) {
            causes.duplicate(&field, action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let words = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                     response and headers serves no purpose)";
        causes.invalid(FIELD, get(spec, "validationActions").clone(), words);
    }
    if seen.is_empty() {
        causes.required(FIELD, "at least one validation action is required");
    }
}
