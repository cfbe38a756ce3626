//! ConfigMaps and Secrets.

use base64::Engine;

use super::causes::Causes;
use super::metadata;
use super::names;
use crate::Json;
use crate::apply::printed::go_kind;
use crate::defaults::fields::{entries, get, number, text, truth};

const MOST: usize = 1024 * 1024;
const FIXED: &str = "field is immutable when `immutable` is set";

pub(super) fn config_map(object: &Json, causes: &mut Causes) {
    let binary = get(object, "binaryData");
    let mut size = 0;
    for (key, value) in metadata::texts(object, "data") {
        let field = format!("data[{key}]");
        causes.each(&field, key, names::config_key(key));
        if binary.get(key).is_some() {
            causes.invalid(&field, key, "duplicate of key present in binaryData");
        }
        size += value.len();
    }
    for (key, value) in metadata::texts(object, "binaryData") {
        causes.each(&format!("binaryData[{key}]"), key, names::config_key(key));
        size += decoded(value).len();
    }
    if size > MOST {
        causes.too_long("", MOST);
    }
}

fn decoded(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default()
}

pub(super) fn secret(object: &Json, causes: &mut Causes) {
    let mut size = 0;
    for (key, value) in metadata::texts(object, "data") {
        causes.each(&format!("data[{key}]"), key, names::config_key(key));
        size += decoded(value).len();
    }
    if size > MOST {
        causes.too_long("data", MOST);
    }
    let data = get(object, "data");
    let missing = |key: &str| data.get(key).is_none();
    match text(object, "type") {
        "kubernetes.io/service-account-token" => {
            let account = "kubernetes.io/service-account.name";
            if crate::object::annotation(object, account).unwrap_or_default().is_empty() {
                causes.required(&format!("metadata.annotations[{account}]"), "");
            }
        }
        "kubernetes.io/dockercfg" => json_of(data, ".dockercfg", causes),
        "kubernetes.io/dockerconfigjson" => json_of(data, ".dockerconfigjson", causes),
        "kubernetes.io/basic-auth" if missing("username") && missing("password") => {
            causes.required("data[username]", "");
            causes.required("data[password]", "");
        }
        "kubernetes.io/ssh-auth" if text(data, "ssh-privatekey").is_empty() => {
            causes.required("data[ssh-privatekey]", "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if missing(key) {
                    causes.required(&format!("data[{key}]"), "");
                }
            }
        }
        _ => {}
    }
}

fn json_of(data: &Json, key: &str, causes: &mut Causes) {
    let field = format!("data[{key}]");
    let Some(value) = data.get(key).and_then(Json::as_str) else { return causes.required(&field, "") };
    let words = match crate::api::json::read(&decoded(value)) {
        Ok((Json::Object(_) | Json::Null, _)) => return,
        Ok((other, _)) => {
            format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", go_kind(&other))
        }
        Err(words) => words,
    };
    causes.invalid(&field, "<secret contents redacted>", &words);
}

/// What may not change in a Secret or a ConfigMap.
pub(super) fn update(object: &Json, old: &Json, fields: &[&str], causes: &mut Causes) {
    if fields.contains(&"type") {
        causes.immutable("type", get(object, "type"), get(old, "type"));
    }
    if !truth(old, "immutable") {
        return;
    }
    if !truth(object, "immutable") {
        causes.forbidden("immutable", FIXED);
    }
    for name in fields.iter().filter(|name| **name != "type") {
        if !entries(object, name).eq(entries(old, name)) {
            causes.forbidden(name, FIXED);
        }
    }
}

/// An Event: it stands in the namespace of what it is about, or in `default`.
pub(super) fn event(object: &Json, causes: &mut Causes) {
    check_event(object, "reportingComponent", causes);
}

/// An Event as those who write the newer version have to.
pub(super) fn strict_event(object: &Json, causes: &mut Causes) {
    check_event(object, "reportingController", causes);
    if let Some(series) = object.get("series") {
        if number(series, "count").unwrap_or_default() < 2 {
            causes.invalid("series.count", "", "should be at least 2");
        }
        if get(series, "lastObservedTime").is_null() {
            causes.required("series.lastObservedTime", "");
        }
    }
    if get(object, "eventTime").is_null() {
        causes.required("eventTime", "");
    }
    let kind = text(object, "type");
    if !matches!(kind, "Normal" | "Warning") {
        causes.invalid("type", "", &format!("has invalid value: {kind}"));
    }
    let source = get(object, "source");
    for (name, given) in [
        ("firstTimestamp", !get(object, "firstTimestamp").is_null()),
        ("lastTimestamp", !get(object, "lastTimestamp").is_null()),
        ("count", number(object, "count").unwrap_or_default() != 0),
        ("source", ["component", "host"].iter().any(|part| !text(source, part).is_empty())),
    ] {
        if given {
            causes.invalid(name, "", "needs to be unset");
        }
    }
}

fn check_event(object: &Json, reporter: &str, causes: &mut Causes) {
    let metadata = get(object, "metadata");
    let (own, about) = (text(metadata, "namespace"), text(get(object, "involvedObject"), "namespace"));
    let dated = object.get("eventTime").is_some_and(|time| !time.is_null());
    let misplaced = if dated {
        about.is_empty() && !matches!(own, "default" | "kube-system")
    } else if about.is_empty() {
        !matches!(own, "" | "default")
    } else {
        own != about
    };
    if misplaced {
        causes.invalid("involvedObject.namespace", about, "does not match event.namespace");
    }
    if !dated {
        return;
    }
    let controller = text(object, "reportingComponent");
    if controller.is_empty() {
        causes.required(reporter, "");
    }
    causes.each(reporter, controller, names::qualified(controller));
    for (field, most) in [("reportingInstance", 128), ("action", 128), ("reason", 128)] {
        let value = text(object, field);
        if value.is_empty() {
            causes.required(field, "");
        }
        if value.len() > most {
            causes.invalid(field, "", &format!("can have at most {most} characters"));
        }
    }
    if text(object, "message").len() > 1024 {
        causes.invalid("message", "", "can have at most 1024 characters");
    }
}
