//! The reference as Markdown: an index, and a page for each module.

use std::fmt::Write as _;

use super::parts::one_line;
use super::{Choice, Entry, GLOBAL, Reference};

const NOTE: &str = "<!-- Written by `cargo xtask docs` from the doc comments. Do not edit. -->\n";

/// The folder of the modules' pages.
const FOLDER: &str = "reference";

impl Reference {
    /// The pages, by their paths below `docs/`: the index, and one for each module.
    #[must_use]
    pub fn markdown(&self) -> Vec<(String, String)> {
        let page = |module: &&str| (format!("{FOLDER}/{module}.md"), self.page(module));
        std::iter::once(("reference.md".to_owned(), self.index())).chain(self.modules().iter().map(page)).collect()
    }

    fn index(&self) -> String {
        let mut text = format!("# Reference\n\n{NOTE}\n");
        let _ = writeln!(
            text,
            "Everything that a script can call and read. Beside this, there is all of [Rhai](https://rhai.rs/book/).\n\n\
             The effect says what a function does to the world: `pure` computes, `read` looks, `change` changes, `wait` \
             waits, `control` directs the script. What reads, changes or waits stands inside a step.\n\n\
             `windlass docs WORDS` searches this in the terminal."
        );
        for module in self.modules() {
            let _ = writeln!(
                text,
                "\n## [{module}]({FOLDER}/{module}.md)\n\n| name | effect | what it does |\n|---|---|---|"
            );
            for entry in self.of_module(module) {
                let link = format!("[{}]({FOLDER}/{module}.md#{})", entry.id, anchor(&entry.id));
                let _ = writeln!(text, "| {link} | {} | {} |", entry.effect, cell(&entry.text.summary));
            }
        }
        text
    }

    fn page(&self, module: &str) -> String {
        let about = if module == GLOBAL { "without a module" } else { "of this module" };
        let mut text = format!("# {module}\n\n{NOTE}\nThe functions {about}. [All modules](../reference.md)\n");
        for entry in self.of_module(module) {
            text.push('\n');
            entry.write_markdown(&mut text);
        }
        text
    }
}

impl Entry {
    fn write_markdown(&self, text: &mut String) {
        let _ = writeln!(text, "## {}\n\n{}\n", self.id, self.text.description);
        if self.is_function() {
            let _ = writeln!(text, "```text\n{}\n```\n", self.signature);
            if let Some(call) = self.method_call() {
                let _ = writeln!(text, "Or as a method: `{call}`.\n");
            }
            let _ =
                writeln!(text, "Effect: {}. Returns {}.", self.effect, self.returns.as_deref().unwrap_or("nothing"));
        }
        if !self.parameters.is_empty() {
            text.push_str("\n| argument | type |\n|---|---|\n");
            for parameter in &self.parameters {
                let _ = writeln!(text, "| `{}` | {} |", parameter.name, cell(&parameter.expects));
            }
        }
        if !self.options.is_empty() {
            text.push_str("\n| option | type | default | description |\n|---|---|---|---|\n");
            for option in &self.options {
                let (name, default) = (&option.name, default_of(option));
                let _ = writeln!(
                    text,
                    "| `{name}` | {} | {default} | {} |",
                    cell(&option.expects),
                    cell(&option.description)
                );
            }
        }
        if !self.text.errors.is_empty() {
            let _ = writeln!(text, "\n**Errors**\n\n{}", self.text.errors);
        }
        for (index, example) in self.text.examples.iter().enumerate() {
            let heading = if index == 0 { "\n**Example**\n" } else { "" };
            let _ = writeln!(text, "{heading}\n```rhai\n{example}\n```");
        }
    }
}

fn default_of(option: &Choice) -> String {
    match option.written_default {
        Some(default) => format!("`{}`", cell(default)),
        None if option.required => "must be given".to_owned(),
        None => String::new(),
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

/// The anchor that a heading gets: its letters, digits and underscores.
fn anchor(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}
