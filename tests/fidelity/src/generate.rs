//! Requests made up from a seed: objects of the types that the server describes, edited here and there, created, replaced,
//! patched, applied by several managers, selected and deleted. Much of it is refused, which is as good a thing to compare.

mod chance;
mod edit;

use crate::Json;
use crate::case::{Case, Step};
use crate::kinds::{Kind, Kinds};
pub use chance::Chance;
use edit::Editor;

/// How many requests a sequence has.
const LENGTH: usize = 10;

/// So many sequences of requests, each about one object, which begins as one of these manifests.
#[must_use]
pub fn sequences(kinds: &Kinds, manifests: &[(String, Json)], seed: u64, count: u64) -> Vec<Case> {
    let usable: Vec<(&Kind, &Json)> =
        manifests.iter().filter_map(|(_, manifest)| Some((kinds.of_object(manifest)?, manifest))).collect();
    let sequence = |number: u64| {
        let mut chance = Chance::new(seed, number);
        let (kind, manifest) = *chance.of(&usable)?;
        let steps = sequence(kinds, kind, manifest, &mut chance)?;
        Some(Case { alone: false, name: format!("generated {}: seed {seed}, sequence {number}", kind.kind), steps })
    };
    (0..count).filter_map(sequence).collect()
}

fn sequence(kinds: &Kinds, kind: &Kind, manifest: &Json, chance: &mut Chance) -> Option<Vec<Step>> {
    let mut object = manifest.clone();
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.remove("namespace");
    metadata.insert("name".into(), if kind.namespaced { "a".into() } else { "$ns-a".into() });
    let editor = Editor { kinds, kind };
    let mut steps = vec![write(kind, &object, "", chance)];
    for _ in 1..LENGTH {
        let mut edited = object.clone();
        editor.edit(&mut edited, chance);
        steps.push(step(kind, &object, &edited, chance));
        if chance.one_in(3) {
            object = edited;
        }
    }
    steps.push(Step { send: format!("GET {}", one(kind, &object)), any: true, ..Step::default() });
    steps.push(Step { send: format!("DELETE {}", one(kind, &object)), any: true, ..Step::default() });
    Some(steps)
}

fn one(kind: &Kind, object: &Json) -> String {
    let name = object.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
    format!("{}/{name}", kind.path())
}

/// The parameters that any write may have.
fn options(chance: &mut Chance) -> String {
    let mut options =
        vec![format!("fieldManager={}", chance.of(&["one", "two", "three"]).copied().unwrap_or_default())];
    if chance.one_in(5) {
        options.push("dryRun=All".into());
    }
    if chance.one_in(4) {
        let how = chance.of(&["Strict", "Ignore", "Warn"]).copied().unwrap_or_default();
        options.push(format!("fieldValidation={how}"));
    }
    options.join("&")
}

fn write(kind: &Kind, object: &Json, content: &str, chance: &mut Chance) -> Step {
    let options = options(chance);
    let send = match content {
        "" => format!("POST {}?{options}", kind.path()),
        "put" => format!("PUT {}?{options}", one(kind, object)),
        _ => {
            let force = if content == "apply" && chance.one_in(2) { "&force=true" } else { "" };
            format!("PATCH {}?{options}{force}", one(kind, object))
        }
    };
    let content = if content == "put" { String::new() } else { content.to_owned() };
    Step { send, content, body: Some(object.clone()), any: true, ..Step::default() }
}

/// A request that makes the edited object of the other, or asks for it.
fn step(kind: &Kind, object: &Json, edited: &Json, chance: &mut Chance) -> Step {
    let patch = |body: Json, content: &str, chance: &mut Chance| Step {
        body: Some(body),
        ..write(kind, object, content, chance)
    };
    match chance.below(10) {
        0 => write(kind, edited, "", chance),
        1 | 2 => write(kind, edited, "put", chance),
        3 | 4 => write(kind, edited, "apply", chance),
        5 | 6 => patch(edit::merge_patch(object, edited), "merge", chance),
        7 => patch(edit::merge_patch(object, edited), "strategic", chance),
        8 => patch(edit::operations(object, edited), "json-patch", chance),
        _ => select(kind, object, chance),
    }
}

fn select(kind: &Kind, object: &Json, chance: &mut Chance) -> Step {
    let selectors = [
        "labelSelector=app",
        "labelSelector=!app",
        "labelSelector=app%3Dweb",
        "labelSelector=app+in+(web,db)",
        "labelSelector=app+notin+(web)",
        "labelSelector=app%3E1",
        "fieldSelector=metadata.name%3Da",
        "fieldSelector=metadata.namespace!%3D$ns",
        "fieldSelector=status.phase%3DPending",
        "limit=1",
    ];
    let accept = chance.of(&["", "table", "metadata-list"]).copied().unwrap_or_default();
    let send = match chance.below(3) {
        0 => format!("GET {}", one(kind, object)),
        1 => format!("DELETE {}?dryRun=All&propagationPolicy=Foreground", one(kind, object)),
        _ => format!("GET {}?{}", kind.path(), chance.of(&selectors).copied().unwrap_or_default()),
    };
    let lists = send.contains('?') && send.starts_with("GET");
    let accept = if accept == "metadata-list" && !lists { "metadata" } else { accept };
    Step { send, accept: accept.into(), any: true, ..Step::default() }
}
