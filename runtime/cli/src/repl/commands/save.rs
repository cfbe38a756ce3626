//! What was typed, as a script.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use windlass_runtime::playbook::{Console, parse_error};
use windlass_runtime::{Error, Kind, Result, Runtime, TokenSort};

use crate::repl::desk::{Desk, Input};
use crate::repl::form::Form;

/// Writes what was typed and came to its end as a script; with `step`, as a step of that key.
///
/// A line that was typed in the middle of a step is one of it where it can be: a step comes after that step in a playbook, and a
/// real cluster still has what that step has made. A script of a rehearsal has nothing of it.
pub(super) fn save(desk: &Desk, console: &Console, file: &Path, step: Option<&str>, force: bool) -> Result<()> {
    let has_steps = step.is_some() || console.session().target().is_live();
    let text = Writer { runtime: desk.runtime(), has_steps }.script(&desk.inputs(), step);
    if text.is_empty() {
        return Err(Error::usage("there is nothing to save yet").hint("lines of Rhai are saved, and no commands"));
    }
    if let Some(error) = parse_error(desk.runtime(), &text) {
        return Err(error.hint("nothing was written: :history shows what was typed"));
    }
    let mut options = std::fs::OpenOptions::new();
    let options =
        if force { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) };
    let written = options.open(file).and_then(|mut open| std::io::Write::write_all(&mut open, text.as_bytes()));
    written.map_err(|error| {
        let said = Error::new(Kind::System, format!("{} cannot be written", file.display()));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => said.hint("it is there already: --force writes it anew"),
            std::io::ErrorKind::NotFound => said.hint("is the folder there?"),
            _ => said,
        }
        .source(error)
    })?;
    let count = text.lines().count();
    let lines = if count == 1 { "line" } else { "lines" };
    desk.say(&format!("{} has {count} {lines}\n", crate::clean::line(&file.display().to_string())));
    Ok(())
}

/// Writes lines as a script.
struct Writer<'a> {
    runtime: &'a Runtime,
    /// Whether there will be what steps have made.
    has_steps: bool,
}

impl Writer<'_> {
    fn script(&self, inputs: &[Input], step: Option<&str>) -> String {
        // Functions and imports stand at the top level of a script.
        let (mut outside, mut inside) = (String::new(), String::new());
        // The variables that are not there, because the line is left out that makes them.
        let mut lost = BTreeSet::new();
        let mut within: Option<&str> = None;
        let lines = inputs.iter().filter(|input| input.ok && !input.text.starts_with(':'));
        let lines: Vec<(&Input, &str)> = lines.map(|input| (input, Form::split(&input.text).0.trim_end())).collect();
        // Of a function that was typed anew, the last one counts.
        let last: HashMap<String, usize> =
            lines.iter().enumerate().filter_map(|(index, (_, text))| Some((self.signature(text)?, index))).collect();
        let is_last =
            |index: usize, text: &str| self.signature(text).is_none_or(|name| last.get(&name) == Some(&index));
        for (index, (input, text)) in lines.iter().copied().enumerate() {
            if !is_last(index, text) {
                continue;
            }
            let part = if is_function(text) || text.starts_with("import ") { &mut outside } else { &mut inside };
            if input.step.as_deref() != within {
                within = input.step.as_deref();
                let gone = if self.has_steps { "" } else { ", whose objects were simulated" };
                let said = within.map(|step| format!("// In the middle of step {step}{gone}:\n"));
                part.push_str(said.as_deref().unwrap_or("// After that:\n"));
            }
            let chosen = self.chosen(input, text);
            if let Some(chosen) = &chosen {
                part.push_str(&format!("// With `:use {chosen}`, which a script has not: the line must name it.\n"));
            }
            let named = self.runtime.variables_named(text);
            let made = self.made(text);
            let is_lost = |name: &&str| lost.contains(name) && !made.contains(name);
            let needs_step = input.needs_step || (input.step.is_some() && !self.has_steps);
            if input.is_secret || needs_step || chosen.is_some() || named.iter().any(is_lost) {
                lost.extend(made);
                part.push_str(&match input.is_secret {
                    true => "// A line is left out that holds a secret: take it by reference, secret::env(\"NAME\").\n"
                        .to_owned(),
                    false => text.lines().map(|line| format!("// {line}\n")).collect(),
                });
                continue;
            }
            lost.retain(|name| !made.contains(name));
            part.push_str(&format!("{}\n", self.ended(text)));
        }
        match step {
            None => format!("{outside}{inside}"),
            Some(key) => {
                // A text that goes over lines is as it is.
                let indent = if inside.contains('`') { "" } else { "    " };
                let body: String = inside.lines().map(|line| format!("{indent}{line}\n")).collect();
                format!("{outside}step({key:?}, |ctx| {{\n{body}}});\n")
            }
        }
    }

    /// What `:use` had chosen for a line that calls functions and does not say it itself: it would act elsewhere in a script.
    fn chosen(&self, input: &Input, text: &str) -> Option<String> {
        let tokens = self.runtime.tokens(text);
        let has = |wanted: &str| {
            let is_key = |pair: &[(Range<usize>, TokenSort)]| {
                let word = text[pair[0].0.clone()].trim_matches('"');
                word == wanted && &text[pair[1].0.clone()] == ":"
            };
            tokens.windows(2).any(is_key)
        };
        let calls = tokens.iter().any(|(_, sort)| *sort == TokenSort::Module);
        let names = |what: &str, name: &Option<String>| {
            name.as_ref().filter(|_| calls && !has(what)).map(|name| format!("{what} {name}"))
        };
        names("namespace", &input.using.namespace).or_else(|| names("cluster", &input.using.cluster))
    }

    /// A line that another can follow.
    fn ended(&self, text: &str) -> String {
        let end = self.runtime.tokens(text).last().map_or(0, |(range, _)| range.end);
        let (line, comment) = text.split_at(end);
        let is_open = parse_error(self.runtime, &format!("{text}\n0")).is_some();
        if is_open && !line.ends_with(';') { format!("{line};{comment}") } else { text.to_owned() }
    }

    /// The name of the function that a line defines, with the number of its parameters.
    fn signature(&self, text: &str) -> Option<String> {
        if !is_function(text) {
            return None;
        }
        let tokens = self.runtime.tokens(text);
        let pieces: Vec<&str> = tokens.into_iter().map(|(range, _)| &text[range]).collect();
        let open = pieces.iter().position(|piece| *piece == "(")?;
        let parameters = pieces.iter().skip(open + 1).take_while(|piece| **piece != ")").filter(|piece| **piece != ",");
        Some(format!("{}/{}", pieces.get(open.checked_sub(1)?)?, parameters.count()))
    }

    /// The variables that a line makes.
    fn made<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let pieces: Vec<&str> = self.runtime.tokens(text).into_iter().map(|(range, _)| &text[range]).collect();
        pieces.windows(2).filter(|pair| matches!(pair[0], "let" | "const")).map(|pair| pair[1]).collect()
    }
}

fn is_function(text: &str) -> bool {
    text.starts_with("fn ") || text.starts_with("private fn ")
}

#[cfg(test)]
mod tests {
    use windlass_runtime::playbook::Using;

    use super::*;

    fn typed(text: &str, step: Option<&str>, needs_step: bool) -> Input {
        Input { text: text.to_owned(), ok: true, step: step.map(str::to_owned), needs_step, ..Input::default() }
    }

    #[test]
    fn what_came_to_its_end_is_a_script_or_a_step() {
        let outside = |text| typed(text, None, false);
        let inputs = [
            outside("let n = 1"),
            outside("fn twice(n) {\n  n * 2\n}"),
            outside("twice(n) | json"),
            Input { ok: false, ..outside("nonsense(") },
            outside(":next"),
            Input { is_secret: true, ..outside("let p = \"[secret P]\"") },
            outside("show(p)"),
            typed("manifests.len()", Some("storage"), true),
            typed("let m = manifests", Some("storage"), true),
            typed("m.len()", Some("storage"), false),
            typed("let size = \"1G\"", Some("storage"), false),
            typed("grow(size);", Some("storage"), false),
            outside("let p = secret::env(\"P\")"),
            outside("if n > 1 { show(p) }"),
            outside("let m = #{ a: 1 }"),
            outside("m.a // that is 1"),
        ];
        let runtime = Runtime::builder().build().unwrap();
        let lines = Writer { runtime: &runtime, has_steps: true };
        let expected = r#"fn twice(n) {
  n * 2
}
let n = 1;
twice(n);
// A line is left out that holds a secret: take it by reference, secret::env("NAME").
// show(p)
// In the middle of step storage:
// manifests.len()
// let m = manifests
// m.len()
let size = "1G";
grow(size);
// After that:
let p = secret::env("P");
if n > 1 { show(p) }
let m = #{ a: 1 };
m.a; // that is 1
"#;
        assert_eq!(lines.script(&inputs, None), expected);
        let shop = Using { namespace: Some("shop".to_owned()), ..Using::default() };
        let in_shop = |text| Input { using: shop.clone(), ..outside(text) };
        let inputs_in_shop = [
            in_shop("cluster::scale(\"Deployment/web\", 5)"),
            in_shop("cluster::scale(\"Deployment/web\", 5, #{ namespace: \"other\" })"),
            in_shop("1 + 1"),
            outside("fn f(a) { 1 }"),
            outside("fn f(a) { 2 }"),
            outside("fn f(a, b) { 3 }"),
        ];
        assert_eq!(
            lines.script(&inputs_in_shop, None),
            "fn f(a) { 2 }\nfn f(a, b) { 3 }\n// With `:use namespace shop`, which a script has not: the line must name it.\n// cluster::scale(\"Deployment/web\", 5)\ncluster::scale(\"Deployment/web\", 5, #{ namespace: \"other\" });\n1 + 1;\n"
        );
        let alone = Writer { has_steps: false, ..lines }.script(&inputs, None);
        assert!(alone.contains("// In the middle of step storage, whose objects were simulated:\n"), "{alone}");
        assert!(alone.contains("// grow(size);\n// After that:\n"), "{alone}");
        let step = lines.script(&inputs, Some("mend"));
        assert!(step.starts_with("fn twice") && step.contains("step(\"mend\", |ctx| {\n    let n = 1;\n"), "{step}");
        // A text that goes over lines is not indented.
        let step = lines.script(&[outside("let t = `a\nb`")], Some("t"));
        assert_eq!(step, "step(\"t\", |ctx| {\nlet t = `a\nb`;\n});\n");
    }
}
