//! What the restricted standard forbids besides, in the words of the API server.

use super::baseline::{added, must_not_add, profile, seccomp};
use super::name;
use super::standards::{Pod, Texts, Violation, many, named, quoted, setters, uses, violation};
use crate::Json;
use crate::defaults::fields::{get, items, number};

pub(super) fn all_capabilities(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let kept = pod.containers(|_, context| !items(get(context, "capabilities"), "drop").contains(&"ALL".into()));
    let mut found = Texts::new();
    let adding = pod.containers(|_, context| {
        let more = added(context, &["NET_BIND_SERVICE"]);
        found.extend(&more);
        !more.is_empty()
    });
    let mut details = vec![];
    if !kept.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named(&kept)));
    }
    if !adding.is_empty() {
        details.push(must_not_add(&adding, &found));
    }
    if details.is_empty() { None } else { violation("unrestricted capabilities", details.join("; ")) }
}

pub(super) fn needs_seccomp(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    if let Some(violation) = seccomp(pod) {
        return Some(violation);
    }
    if profile(pod.context()).is_some() {
        return None;
    }
    let without = pod.containers(|_, context| profile(context).is_none());
    let said = || {
        let must = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
        format!("pod or {} {must}", named(&without))
    };
    if without.is_empty() { None } else { violation("seccompProfile", said()) }
}

pub(super) fn privilege_escalation(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_windows() {
        return None;
    }
    let bad = pod.containers(|_, context| get(context, "allowPrivilegeEscalation") != &Json::Bool(false));
    let said = || format!("{} must set securityContext.allowPrivilegeEscalation=false", named(&bad));
    if bad.is_empty() { None } else { violation("allowPrivilegeEscalation != false", said()) }
}

pub(super) fn volumes(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let source = |volume: &'_ Json| {
        let mut fields = volume.as_object().into_iter().flatten().map(|(field, _)| field.clone());
        fields.find(|field| field != "name").unwrap_or_else(|| "unknown".to_owned())
    };
    let bad: Vec<(&str, String)> = items(pod.spec, "volumes")
        .iter()
        .map(|volume| (name(volume), source(volume)))
        .filter(|(_, source)| !ALLOWED.contains(&source.as_str()))
        .collect();
    if bad.is_empty() {
        return None;
    }
    let kinds: Texts<'_> = bad.iter().map(|(_, source)| source.as_str()).collect();
    let (volumes, word) = (many("volume", bad.len()), many("restricted volume type", kinds.len()));
    let names = quoted(bad.iter().map(|(name, _)| *name));
    violation("restricted volume types", format!("{volumes} {names} {} {word} {}", uses(bad.len()), quoted(kinds)))
}

pub(super) fn non_root(pod: &Pod<'_>) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    if pod.is_in_user_namespace() {
        return None;
    }
    let says = |context: &Json| get(context, "runAsNonRoot").as_bool();
    let explicit = pod.containers(|_, context| says(context) == Some(false));
    if let Some(who) = setters(says(pod.context()) == Some(false), &explicit) {
        return violation(REASON, format!("{who} must not set securityContext.runAsNonRoot=false"));
    }
    let silent = pod.containers(|_, context| says(context).is_none());
    if says(pod.context()) == Some(true) || silent.is_empty() {
        return None;
    }
    violation(REASON, format!("pod or {} must set securityContext.runAsNonRoot=true", named(&silent)))
}

pub(super) fn user(pod: &Pod<'_>) -> Option<Violation> {
    if pod.is_in_user_namespace() {
        return None;
    }
    let root = |context: &Json| number(context, "runAsUser") == Some(0);
    let who = setters(root(pod.context()), &pod.containers(|_, context| root(context)))?;
    violation("runAsUser=0", format!("{who} must not set runAsUser=0"))
}
