//! What is filled into containers.

use super::fields::{each_resource_list, fill, items_mut, text};
use crate::Json;

pub(super) fn apply(container: &mut Json) {
    fill(container, "imagePullPolicy", pull_policy(text(container, "image")));
    fill(container, "terminationMessagePath", "/dev/termination-log");
    fill(container, "terminationMessagePolicy", "File");
    items_mut(container, "ports").for_each(|port| fill(port, "protocol", "TCP"));
    for source in items_mut(container, "env").filter_map(|variable| variable.get_mut("valueFrom")) {
        if let Some(field) = source.get_mut("fieldRef") {
            fill(field, "apiVersion", "v1");
        }
        if let Some(file) = source.get_mut("fileKeyRef") {
            fill(file, "optional", false);
        }
    }
    if let Some(resources) = container.get_mut("resources") {
        round(resources);
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(name) {
            apply_probe(probe);
        }
    }
    for name in ["postStart", "preStop"] {
        if let Some(http) = container.pointer_mut(&format!("/lifecycle/{name}/httpGet")) {
            apply_http_get(http);
        }
    }
}

pub(super) fn round(resources: &mut Json) {
    each_resource_list(resources, "limits");
    each_resource_list(resources, "requests");
}

fn apply_probe(probe: &mut Json) {
    for (name, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        fill(probe, name, value);
    }
    if let Some(http) = probe.get_mut("httpGet") {
        apply_http_get(http);
    }
    if let Some(grpc) = probe.get_mut("grpc") {
        fill(grpc, "service", "");
    }
}

fn apply_http_get(http: &mut Json) {
    fill(http, "path", "/");
    fill(http, "scheme", "HTTP");
}

/// By the image's tag: none, or `latest`, is pulled each time; what has a digest or another tag only where it is not there.
pub(super) fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let after_host = name.rsplit('/').next().unwrap_or(name);
    let tag = after_host.split_once(':').map(|(_, tag)| tag);
    let readable = is_image_name(image);
    match tag {
        _ if !readable => "IfNotPresent",
        Some("latest") => "Always",
        None if !digest => "Always",
        _ => "IfNotPresent",
    }
}

/// Whether it can be a reference to an image: upper case and blanks can't.
fn is_image_name(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (path, last) = name.rsplit_once('/').map_or(("", name), |(path, last)| (path, last));
    let (last, tag) = last.split_once(':').map_or((last, None), |(last, tag)| (last, Some(tag)));
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
    };
    let host = |host: &str| {
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']'))
            && port.is_none_or(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_digit()))
    };
    let parts: Vec<&str> = if path.is_empty() { vec![] } else { path.split('/').collect() };
    let path_ok = parts.iter().enumerate().all(|(at, p)| part(p) || at == 0 && host(p));
    let tag_ok = tag.is_none_or(|tag| {
        (1..=128).contains(&tag.len())
            && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
            && !tag.starts_with(['.', '-'])
    });
    let digest_ok = digest.is_none_or(|digest| {
        digest.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32 && hex.chars().all(|c| c.is_ascii_hexdigit()))
    });
    path_ok && part(last) && tag_ok && digest_ok
}
