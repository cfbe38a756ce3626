//! The pod security standards that a namespace's labels ask for: enforced on pods, told about what makes pods.

mod baseline;
mod pods;
mod restricted;
mod standards;

use std::collections::BTreeMap;

use super::Request;
use crate::defaults::fields::{get, items, text};
use crate::error::Cause;
use crate::world::Objects;
use crate::{ApiError, Json, object};

const PREFIX: &str = "pod-security.kubernetes.io";

/// How much is allowed, from the most to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// A standard: a level, as it was in a version of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standard {
    level: Level,
    /// The minor version; none for the latest.
    minor: Option<u32>,
}

impl Standard {
    const NONE: Self = Self { level: Level::Privileged, minor: None };

    /// What a pod does against it, in words; empty if nothing.
    fn violations(self, metadata: &Json, spec: &Json) -> Vec<standards::Violation> {
        standards::violations(self.level, self.minor.unwrap_or(u32::MAX), metadata, spec)
    }

    fn said(violations: &[standards::Violation]) -> String {
        violations.iter().map(|v| format!("{} ({})", v.reason, v.detail)).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for Standard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        match self.minor {
            Some(minor) => write!(f, "{level}:v1.{minor}"),
            None => write!(f, "{level}:latest"),
        }
    }
}

/// What a namespace asks for.
struct Policy {
    enforce: Standard,
    warn: Standard,
    /// What is wrong with its labels.
    wrong: Vec<Cause>,
}

impl Policy {
    fn of(namespace: &Json) -> Self {
        let labels = namespace.pointer("/metadata/labels").unwrap_or(&Json::Null);
        let mut wrong = Vec::new();
        let mut read = |mode: &str, unknown: Level| {
            let mut standard = Standard::NONE;
            let key = |part: &str| format!("{PREFIX}/{mode}{part}");
            let mut say = |key: &str, value: &str, why: &str| {
                let message = format!("Invalid value: {value:?}: {why}");
                wrong.push(Cause { reason: "FieldValueInvalid", message, field: format!("metadata.labels[{key}]") });
            };
            let level = labels.get(key("")).and_then(Json::as_str);
            let known = level.map(read_level);
            if let (Some(given), Some(found)) = (level, known) {
                standard.level = found.unwrap_or(unknown);
                if found.is_none() {
                    say(&key(""), given, "must be one of privileged, baseline, restricted");
                }
            }
            let version = labels.get(key("-version")).and_then(Json::as_str);
            if let Some(given) = version {
                match read_version(given) {
                    Some(minor) => standard.minor = minor,
                    None => say(&key("-version"), given, "must be \"latest\" or \"v1.x\""),
                }
            }
            (standard, known.flatten().is_some(), level.is_some(), version.is_some())
        };
        let (enforce, enforces, ..) = read("enforce", Level::Restricted);
        read("audit", Level::Privileged);
        let (mut warn, _, has_level, has_version) = read("warn", Level::Privileged);
        // What is enforced is told as well.
        if !has_level && enforces && enforce.level > warn.level {
            warn.level = enforce.level;
            if !has_version {
                warn.minor = enforce.minor;
            }
        }
        Self { enforce, warn, wrong }
    }
}

fn read_level(text: &str) -> Option<Level> {
    match text {
        "privileged" => Some(Level::Privileged),
        "baseline" => Some(Level::Baseline),
        "restricted" => Some(Level::Restricted),
        _ => None,
    }
}

fn read_version(text: &str) -> Option<Option<u32>> {
    if text == "latest" {
        return Some(None);
    }
    let minor = text.strip_prefix("v1.")?;
    let plain = minor.bytes().all(|b| b.is_ascii_digit()) && (minor == "0" || !minor.starts_with('0'));
    Some(Some(minor.parse().ok().filter(|_| plain)?))
}

/// Judges pods, what makes them, and namespaces; gives warnings.
pub(super) fn check(
    request: &Request<'_>,
    object: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<Vec<String>, ApiError> {
    if request.is("", "namespaces") {
        return namespace(request, object, old, objects);
    }
    let Some((metadata, spec)) = pods::template(request, object) else { return Ok(Vec::new()) };
    let Some(namespace) = objects.get("namespaces", "", request.namespace) else { return Ok(Vec::new()) };
    let policy = Policy::of(&namespace);
    let is_pod = request.is("", "pods");
    if is_pod && old.is_some_and(|old| !pods::runs_something_else(spec, get(old, "spec"))) {
        return Ok(Vec::new());
    }
    let enforced = if is_pod { policy.enforce.violations(metadata, spec) } else { Vec::new() };
    if !enforced.is_empty() {
        let words = Standard::said(&enforced);
        return request.forbid(object, format!("violates PodSecurity \"{}\": {words}", policy.enforce));
    }
    let told = policy.warn.violations(metadata, spec);
    let words = || format!("would violate PodSecurity \"{}\": {}", policy.warn, Standard::said(&told));
    Ok(if told.is_empty() { Vec::new() } else { vec![words()] })
}

/// Labels that are wrong are refused; pods that are there already and break a new standard are told.
fn namespace(
    request: &Request<'_>,
    object: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<Vec<String>, ApiError> {
    let policy = Policy::of(object);
    let before = old.map(Policy::of);
    let same = before.as_ref().is_some_and(|before| before.wrong == policy.wrong);
    if !policy.wrong.is_empty() && !same {
        return Err(ApiError::invalid(request.group, request.kind, object::name(object), &policy.wrong));
    }
    let Some(before) = before else { return Ok(Vec::new()) };
    let (was, is) = (before.enforce, policy.enforce);
    if was == is || is.level == Level::Privileged || was.minor == is.minor && is.level <= was.level {
        return Ok(Vec::new());
    }
    let name = object::name(object);
    // The first pod by name, and how many, by what they do.
    let mut violating: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut said = Vec::new();
    for pod in objects.list("pods", Some(name)) {
        let found = is.violations(get(&pod, "metadata"), get(&pod, "spec"));
        if !found.is_empty() {
            let reasons = found.iter().map(|v| v.reason.as_str()).collect::<Vec<_>>().join(", ");
            violating.entry(reasons).or_insert_with(|| (object::name(&pod).to_owned(), 0)).1 += 1;
        }
    }
    if !violating.is_empty() {
        said.push(format!("existing pods in namespace \"{name}\" violate the new PodSecurity enforce level \"{is}\""));
    }
    let mut pods: Vec<String> = violating
        .into_iter()
        .map(|(reasons, (first, count))| match count {
            1 => format!("{first}: {reasons}"),
            2 => format!("{first} (and 1 other pod): {reasons}"),
            _ => format!("{first} (and {} other pods): {reasons}", count - 1),
        })
        .collect();
    pods.sort();
    said.extend(pods);
    Ok(said)
}

/// The containers of a pod of every kind.
fn containers(spec: &Json) -> impl Iterator<Item = &Json> {
    ["initContainers", "containers", "ephemeralContainers"].into_iter().flat_map(|list| items(spec, list))
}

fn name(of: &Json) -> &str {
    text(of, "name")
}
