//! When a Job has failed or succeeded before all of its pods have ended, and who looks after it.

use super::causes::Causes;
use super::names;
use crate::Json;
use crate::defaults::fields::{get, items, number, text};
use crate::schema::internal::printed;

const MOST_RULES: usize = 20;

/// The policies in a Job's spec, and who manages it.
pub(super) fn check(spec: &Json, path: &str, causes: &mut Causes) {
    if let Some(manager) = get(spec, "managedBy").as_str() {
        let field = format!("{path}.managedBy");
        domain_prefixed(manager, &field, causes);
        if manager.len() > 63 {
            causes.too_long(&field, 63);
        }
    }
    if let Some(policy) = spec.get("podFailurePolicy") {
        let rules = format!("{path}.podFailurePolicy.rules");
        causes.not_more_than(&rules, items(policy, "rules").len(), MOST_RULES);
        for (at, rule) in items(policy, "rules").iter().enumerate() {
            check_failure(spec, rule, &format!("{rules}[{at}]"), causes);
        }
    }
    if let Some(policy) = spec.get("successPolicy") {
        check_success(spec, policy, &format!("{path}.successPolicy"), causes);
    }
}

fn domain_prefixed(value: &str, field: &str, causes: &mut Causes) {
    if value.is_empty() {
        return causes.required(field, "");
    }
    match value.split_once('/') {
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
            causes.each(field, host, names::dns_subdomain(host));
            let known = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
            if !rest.chars().all(known) {
                let words = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
                causes.invalid(field, rest, words);
            }
        }
        _ => causes.invalid(field, value, "must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

fn check_failure(spec: &Json, rule: &Json, path: &str, causes: &mut Causes) {
    let field = format!("{path}.action");
    match text(rule, "action") {
        "" => causes.required(&field, r#"valid values: ["Count" "FailIndex" "FailJob" "Ignore"]"#),
        "FailIndex" if number(spec, "backoffLimitPerIndex").is_none() => {
            causes.invalid(&field, "FailIndex", "requires the backoffLimitPerIndex to be set");
        }
        action => {
            causes.one_of(&field, action, &["Count", "FailIndex", "FailJob", "Ignore"]);
        }
    }
    let (codes, conditions) = (rule.get("onExitCodes"), items(rule, "onPodConditions"));
    if let Some(codes) = codes {
        check_exit_codes(spec, codes, &format!("{path}.onExitCodes"), causes);
    }
    let list = format!("{path}.onPodConditions");
    causes.not_more_than(&list, conditions.len(), MOST_RULES);
    for (at, condition) in conditions.iter().enumerate() {
        let kind = text(condition, "type");
        causes.each(&format!("{list}[{at}].type"), kind, names::qualified(kind));
        let field = format!("{list}[{at}].status");
        match text(condition, "status") {
            "" => causes.required(&field, r#"valid values: ["False" "True" "Unknown"]"#),
            status => {
                causes.one_of(&field, status, &["False", "True", "Unknown"]);
            }
        }
    }
    match (codes, conditions) {
        (Some(_), [_, ..]) => {
            let words = "specifying both OnExitCodes and OnPodConditions is not supported";
            causes.invalid_unnamed(path, words);
        }
        (None, []) => causes.invalid_unnamed(path, "specifying one of OnExitCodes and OnPodConditions is required"),
        _ => {}
    }
}

fn check_exit_codes(spec: &Json, codes: &Json, path: &str, causes: &mut Causes) {
    let operator = text(codes, "operator");
    let field = format!("{path}.operator");
    if operator.is_empty() {
        causes.required(&field, r#"valid values: ["In" "NotIn"]"#);
    } else {
        causes.one_of(&field, operator, &["In", "NotIn"]);
    }
    let pod = get(get(spec, "template"), "spec");
    let mut containers = items(pod, "containers").iter().chain(items(pod, "initContainers"));
    if let Some(name) = get(codes, "containerName").as_str()
        && !containers.any(|container| text(container, "name") == name)
    {
        let words = "must be one of the container or initContainer names in the pod template";
        causes.invalid(&format!("{path}.containerName"), name, words);
    }
    let field = format!("{path}.values");
    let values: Vec<i64> = items(codes, "values").iter().filter_map(Json::as_i64).collect();
    if values.is_empty() {
        causes.invalid(&field, get(codes, "values").clone(), "at least one value is required");
    }
    causes.not_more_than(&field, values.len(), 255);
    let mut seen = vec![];
    for (at, value) in values.iter().enumerate() {
        if operator == "In" && *value == 0 {
            causes.invalid(&format!("{field}[{at}]"), 0, "must not be 0 for the In operator");
        }
        if seen.contains(value) {
            causes.duplicate(&format!("{field}[{at}]"), *value);
        }
        seen.push(*value);
    }
    if !values.is_sorted() {
        causes.invalid(&field, get(codes, "values").clone(), "must be ordered");
    }
}

fn check_success(spec: &Json, policy: &Json, path: &str, causes: &mut Causes) {
    if text(spec, "completionMode") != "Indexed" {
        return causes.invalid(path, printed("SuccessPolicy", policy), "requires indexed completion mode");
    }
    let all = items(policy, "rules");
    let rules = format!("{path}.rules");
    if all.is_empty() {
        let words = "at least one rules must be specified when the successPolicy is specified";
        causes.required(&rules, words);
    }
    causes.not_more_than(&rules, all.len(), MOST_RULES);
    let completions = number(spec, "completions").unwrap_or_default();
    for (at, rule) in all.iter().enumerate() {
        let path = format!("{rules}[{at}]");
        let (count, indexes) = (number(rule, "succeededCount"), get(rule, "succeededIndexes").as_str());
        if count.is_none() && indexes.is_none() {
            let words = "at least one of succeededCount or succeededIndexes must be specified";
            causes.required(&path, words);
        }
        let mut total = 0;
        if let Some(indexes) = indexes {
            let field = format!("{path}.succeededIndexes");
            if indexes.len() > 64 * 1024 {
                causes.too_long(&field, 64 * 1024);
            }
            match count_indexes(indexes, completions) {
                Ok(found) => total = found,
                Err(words) => causes.invalid(&field, indexes, &format!("error parsing succeededIndexes: {words}")),
            }
        }
        let Some(count) = count else { continue };
        let field = format!("{path}.succeededCount");
        causes.not_negative(&field, Some(count));
        let mut above = |most: i64, what: &str| {
            if count > most {
                causes.invalid(&field, count, &format!("must be less than or equal to {most} ({what})"));
            }
        };
        above(completions, "the number of specified completions");
        if indexes.is_some() {
            above(total, "the number of indexes in the specified succeededIndexes field");
        }
    }
}

/// How many indexes there are in a list such as `1,3-5`.
fn count_indexes(list: &str, completions: i64) -> Result<i64, String> {
    let index = |text: &str| -> Result<i64, String> {
        let index = text.parse().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))?;
        if index >= completions { Err(format!("too large index: {text:?}")) } else { Ok(index) }
    };
    let disorder = |last: i64, next: i64| format!("non-increasing order, previous: {last}, current: {next}");
    let (mut total, mut last) = (0, None);
    for part in list.split(',').filter(|_| !list.is_empty()) {
        let (first, end) = match part.split('-').collect::<Vec<_>>().as_slice() {
            [one] => (index(one)?, index(one)?),
            [first, end] => {
                let (first, end) = (index(first)?, index(end)?);
                if first >= end {
                    return Err(disorder(first, end));
                }
                (first, end)
            }
            _ => {
                return Err(format!(
                    "the fragment {part:?} violates the requirement that an index interval can have at most two parts \
                     separated by '-'"
                ));
            }
        };
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(disorder(last, first));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}
