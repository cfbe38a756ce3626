//! Definitions for editors: what the Rhai language server reads (`.d.rhai`). Rhai's own facility knows neither our docs nor
//! our options, and so gives only what is Rhai's.

use std::fmt::Write as _;

use super::{Entry, GLOBAL, Reference};

impl Reference {
    /// The files, by name: one for each module, and those of Rhai's own functions.
    #[must_use]
    pub fn definitions(&self) -> Vec<(String, String)> {
        let mut files = self.builtin.clone();
        for module in self.modules() {
            let global = module == GLOBAL;
            let mut text = format!("module {};\n", if global { "static" } else { module });
            self.of_module(module).for_each(|entry| entry.write_definitions(&mut text));
            if global {
                // Methods are found without their module.
                let methods = self.entries.iter().filter(|e| e.method && e.module != GLOBAL);
                methods.for_each(|entry| entry.write_definitions(&mut text));
            }
            let name = if global { "__static__".to_owned() } else { module.to_owned() };
            files.push((format!("{name}.d.rhai"), text));
        }
        files
    }
}

impl Entry {
    fn write_definitions(&self, text: &mut String) {
        let Some(returns) = &self.returns else {
            // `ctx` is a parameter, which the script itself declares.
            if self.name == "values" {
                let _ = writeln!(text, "\n{}\nlet values: Map;", self.comment());
            }
            return;
        };
        let mut forms = vec![self.arguments(false)];
        if self.parameters.last().is_some_and(|last| last.optional) {
            let all = self.arguments(false);
            forms.insert(0, all.rsplit_once(", ").map(|(rest, _)| rest.to_owned()).unwrap_or_default());
        }
        if self.options_at.is_some() {
            if self.options.iter().any(|o| o.required) {
                forms.clear();
            }
            forms.push(self.arguments(true));
        }
        for form in forms {
            let _ = writeln!(text, "\n{}\nfn {}({form}) -> {};", self.comment(), self.name, type_of(returns));
        }
    }

    fn arguments(&self, with_options: bool) -> String {
        let mut arguments: Vec<String> =
            self.parameters.iter().map(|p| format!("{}: {}", p.name, type_of(&p.expects))).collect();
        if let Some(at) = self.options_at.filter(|_| with_options) {
            arguments.insert(at.min(arguments.len()), "options: Map".to_owned());
        }
        arguments.join(", ")
    }

    /// Its documentation as comments.
    fn comment(&self) -> String {
        let mut doc = format!("{}\n\n`{}`, effect: {}", self.text.description, self.signature, self.effect);
        if !self.options.is_empty() {
            doc.push_str("\n\n# Options");
            for option in &self.options {
                let default = option.written_default.map(|d| format!(", default `{d}`")).unwrap_or_default();
                let _ = write!(doc, "\n- `{}`: {}{default}. {}", option.name, option.expects, option.description);
            }
        }
        if !self.text.errors.is_empty() {
            let _ = write!(doc, "\n\n# Errors\n{}", self.text.errors);
        }
        for example in &self.text.examples {
            let _ = write!(doc, "\n\n# Example\n```rhai\n{example}\n```");
        }
        doc.lines().map(|line| format!("/// {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

/// The language server's type for a description in words; `?` is any.
fn type_of(words: &str) -> &'static str {
    match words {
        "a text" | "a path" => "String",
        "true or false" => "bool",
        "a whole number" | "a whole number from 0 up" => "int",
        "a number" => "float",
        "nothing" => "()",
        _ if words.starts_with("one of ") => "String",
        _ if words.starts_with("a list, each item") && !words.contains(", or") => "Array",
        _ if words.starts_with("a map, each value") && !words.contains(", or") => "Map",
        _ if words.starts_with("an outcome") => "Map",
        _ if words.starts_with("a closure") => "FnPtr",
        _ => "?",
    }
}
