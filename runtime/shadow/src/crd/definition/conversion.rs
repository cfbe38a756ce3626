//! What may be wrong with the conversion between versions.

use super::super::fault::{self, Path};
use super::super::spec::Spec;
use crate::Json;
use crate::error::Cause;
use crate::validation::names::dns_1035_label;

pub(super) fn check(spec: &Spec, at: &Path, wrong: &mut Vec<Cause>) {
    let Some(conversion) = &spec.conversion else { return };
    let strategy = conversion.get("strategy").and_then(Json::as_str).unwrap_or_default();
    match strategy {
        "None" | "Webhook" => {}
        "" => wrong.push(fault::required(&at.child("strategy"), "")),
        other => {
            let supported = ["None".to_owned(), "Webhook".to_owned()];
            wrong.push(fault::not_supported(&at.child("strategy"), &other.into(), &supported));
        }
    }
    let config = conversion.pointer("/webhook/clientConfig").filter(|config| !config.is_null());
    let versions = conversion.pointer("/webhook/conversionReviewVersions").and_then(Json::as_array);
    let versions: Vec<&str> = versions.into_iter().flatten().filter_map(Json::as_str).collect();
    let (config_at, versions_at) = (at.child("webhookClientConfig"), at.child("conversionReviewVersions"));
    if strategy != "Webhook" {
        let detail = "should not be set when strategy is not set to Webhook";
        if config.is_some() {
            wrong.push(fault::forbidden(&config_at, detail));
        }
        if !versions.is_empty() {
            wrong.push(fault::forbidden(&versions_at, detail));
        }
        return;
    }
    match config {
        None => wrong.push(fault::required(&config_at, "required when strategy is set to Webhook")),
        Some(config) if config.get("url").is_some() == config.get("service").is_some() => {
            wrong.push(fault::required(&config_at, "exactly one of url or service is required"));
        }
        Some(_) => {}
    }
    review_versions(&versions, &versions_at, wrong);
}

fn review_versions(versions: &[&str], at: &Path, wrong: &mut Vec<Cause>) {
    if versions.is_empty() {
        wrong.push(fault::required(at, ""));
        return;
    }
    for (index, version) in versions.iter().enumerate() {
        if versions.iter().take(index).any(|earlier| earlier == version) {
            wrong.push(fault::invalid(&at.index(index), &(*version).into(), "duplicate version"));
            continue;
        }
        for why in dns_1035_label(version) {
            wrong.push(fault::invalid(&at.index(index), &(*version).into(), &why));
        }
    }
    if !versions.iter().any(|version| matches!(*version, "v1" | "v1beta1")) {
        wrong.push(fault::invalid(at, &versions.iter().copied().collect(), "must include at least one of v1, v1beta1"));
    }
}
