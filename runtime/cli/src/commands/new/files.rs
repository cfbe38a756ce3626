//! The texts of a new customer folder.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};
use windlass_runtime::{Result, yaml};

use super::outline::Part;
use crate::commands::schemas::modeline;

/// How wide a comment may be.
const WIDTH: usize = 110;

/// Text as lines of a comment.
pub(super) fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.len() + 1 + word.len() <= WIDTH || last.len() == 1 => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn described(part: &Part<'_>) -> String {
    let choices: Vec<String> = part.choices().iter().map(plain).collect();
    let choices = if choices.is_empty() { String::new() } else { format!(" One of: {}.", choices.join(", ")) };
    let text = format!("{}{choices}", part.description());
    if text.trim().is_empty() { String::new() } else { comment(&text) }
}

/// A value as people write it.
pub(super) fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn entry(key: &str, value: &Json) -> Result<String> {
    yaml::write(&json!({ key: value }))
}

/// `values.yaml`: what is given, and as comments what else there is. `examples` are the keys whose values are examples.
pub(super) fn values(
    playbook: &str,
    root: Option<&Part<'_>>,
    given: &Map<String, Json>,
    examples: &[String],
    defaults: &Json,
) -> Result<String> {
    let mut text = root.map(|_| modeline("values")).unwrap_or_default();
    text.push_str(&comment(&format!(
        "What differs from the values of {playbook} itself. All of them, and where each comes from: windlass values --explain"
    )));
    let properties = root.map(Part::properties).unwrap_or_default();
    let known = |key: &str| properties.iter().any(|(known, _)| known == key);
    for (key, part) in &properties {
        if let Some(value) = given.get(key) {
            let _ = write!(text, "\n{}", described(part));
            if examples.contains(key) {
                text.push_str("# This is an example: change it.\n");
            }
            text.push_str(&entry(key, value)?);
        }
    }
    for (key, value) in given.iter().filter(|(key, _)| !known(key)) {
        let _ = write!(text, "\n{}", entry(key, value)?);
    }
    let mut others = String::new();
    for (key, part) in properties.iter().filter(|(key, _)| !given.contains_key(key)) {
        let own = defaults.get(key).cloned();
        let value = own.or_else(|| part.example(key)).unwrap_or_else(|| "…".into());
        let _ = write!(others, "\n{}", described(part));
        for line in entry(key, &value)?.lines() {
            let _ = writeln!(others, "# {line}");
        }
    }
    if !others.is_empty() {
        text.push_str("\n# What follows is as the playbook has it, or an example of what it may be told: take the # away to change it.\n");
        text.push_str(&others);
    }
    Ok(text)
}

/// `customer.yaml`.
pub(super) fn customer(name: &str, playbook: &str, context: Option<&str>) -> Result<String> {
    let mut text = modeline("customer");
    text.push_str("# What this folder is: a customer of Windlass. The customer's values stand in values.yaml.\n");
    text.push_str(&entry("name", &name.into())?);
    text.push_str("# A stock playbook (windlass list), or the path of one's own.\n");
    text.push_str(&entry("playbook", &playbook.into())?);
    text.push_str("# The version of Windlass that the folder was made with.\n");
    text.push_str(&entry("made_for", &env!("CARGO_PKG_VERSION").into())?);
    text.push_str("\n# Which cluster each name of the playbook means, by the context of the kubeconfig. Without an entry, `default` is the\n# current context.\n");
    match context {
        Some(context) => text.push_str(&entry("clusters", &json!({ "default": { "context": context } }))?),
        None => text.push_str("# clusters:\n#   default: { context: NAME }\n"),
    }
    text.push_str("\n# Public keys of colleagues who can read the secrets and undo the runs of this folder. Each prints theirs by\n# `windlass secrets key`; after a change: windlass secrets rekey.\n# recipients:\n#   - age1…\n");
    Ok(text)
}

/// `hosts.yaml`.
pub(super) fn hosts(hosts: &Json) -> Result<String> {
    let mut text = modeline("hosts");
    text.push_str("# The machines, in the order in which they join the cluster. A rehearsal makes them the nodes of the simulated one.\n# These are examples: change them. For each: address, site, roles, labels, taints, cpu, memory, disk.\n");
    text.push_str(&entry("hosts", hosts)?);
    Ok(text)
}

/// `hooks.rhai`, in which nothing stands yet but comments. `step` is one of the playbook's.
pub(super) fn hooks(playbook: &str, step: &str) -> String {
    format!(
        "// What this customer does otherwise than {playbook}, step by step; windlass list shows the keys of the steps.\n\
         // Modules of one's own stand in lib/: import \"lib/NAME\" as name;\n\
         //\n\
         // before({step:?}, || log::info(\"about to begin\"));\n\
         // after({step:?}, || log::info(\"done\"));\n\
         // skip({step:?}, \"the customer does it\");\n\
         // replace({step:?}, || log::info(\"this, in its place\"));\n"
    )
}

/// `README.md`.
pub(super) fn readme(name: &str, playbook: &str, has_hosts: bool) -> String {
    let hosts = if has_hosts { "- `hosts.yaml`: the machines.\n" } else { "" };
    format!(
        "# {name}\n\nDeployed by Windlass with the playbook `{playbook}`. In this folder:\n\n\
         ```\nwindlass check       # every mistake, before anything runs\nwindlass rehearse    # the whole run on a simulated cluster\nwindlass run         # for real\n```\n\n\
         - `customer.yaml`: which playbook, which clusters, who can read the secrets.\n\
         - `values.yaml`: what differs from the playbook's own values.\n{hosts}\
         - `hooks.rhai`: what is done otherwise than in the playbook.\n\
         - `secrets.age`: secrets, encrypted (`windlass secrets set NAME`). It may be committed.\n"
    )
}
