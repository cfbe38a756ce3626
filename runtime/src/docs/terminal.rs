//! The reference for a terminal.

use std::fmt::Write as _;

use super::parts::one_line;
use super::{Choice, Entry};

/// What a piece of text is, for whoever paints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A name.
    Name,
    /// A heading.
    Heading,
    /// Code.
    Code,
    /// What is less important.
    Quiet,
}

/// Paints a piece of text, or leaves it as it is.
pub(super) type Paint<'a> = &'a dyn Fn(Tone, &str) -> String;

impl Entry {
    /// Its page, at most so many columns wide. `paint` may add escape sequences that take no room.
    #[must_use]
    pub fn page(&self, width: usize, paint: Paint<'_>) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}  {}\n", paint(Tone::Name, &self.signature), paint(Tone::Quiet, self.effect));
        write_prose(&mut text, &self.text.description, "", width, paint);
        if let Some(call) = self.method_call() {
            let _ = writeln!(text, "\nOr as a method: {}", paint(Tone::Code, &call));
        }
        if !self.parameters.is_empty() {
            let _ = writeln!(text, "\n{}", paint(Tone::Heading, "ARGUMENTS"));
            let longest = self.parameters.iter().map(|p| p.name.len()).max().unwrap_or_default();
            for parameter in &self.parameters {
                let gap = " ".repeat(longest - parameter.name.len());
                let _ = writeln!(text, "  {}{gap}  {}", paint(Tone::Name, &parameter.name), parameter.expects);
            }
        }
        if !self.options.is_empty() {
            let _ = writeln!(text, "\n{}", paint(Tone::Heading, "OPTIONS"));
            for option in &self.options {
                let about = format!("{}{}", option.expects, default_of(option));
                let _ = writeln!(text, "  {}: {}", paint(Tone::Name, &option.name), paint(Tone::Quiet, &about));
                write_prose(&mut text, &option.description, "      ", width, paint);
            }
        }
        if let Some(returns) = &self.returns {
            let _ = writeln!(text, "\n{}", paint(Tone::Heading, "RETURNS"));
            write_prose(&mut text, returns, "  ", width, paint);
        }
        if !self.text.errors.is_empty() {
            let _ = writeln!(text, "\n{}", paint(Tone::Heading, "ERRORS"));
            write_prose(&mut text, &self.text.errors, "  ", width, paint);
        }
        for example in &self.text.examples {
            let _ = writeln!(text, "\n{}", paint(Tone::Heading, "EXAMPLE"));
            for line in example.lines() {
                let _ = writeln!(text, "  {}", paint(Tone::Code, line));
            }
        }
        text
    }

    /// Its name and first sentence, in one line where that fits: the names of a list are `name_width` wide.
    #[must_use]
    pub fn line(&self, name_width: usize, width: usize, paint: Paint<'_>) -> String {
        let gap = " ".repeat(name_width.saturating_sub(self.id.chars().count()));
        let mut summary = String::new();
        let indent = " ".repeat(name_width + 2);
        write_prose(&mut summary, &self.text.summary, &indent, width, paint);
        format!("{}{gap}  {}", paint(Tone::Name, &self.id), summary.trim_start())
    }
}

fn default_of(option: &Choice) -> String {
    match option.written_default {
        Some(default) => format!(" (default {default})"),
        None if option.required => " (must be given)".to_owned(),
        None => String::new(),
    }
}

/// Writes paragraphs and lists, broken into lines; `code` is painted.
fn write_prose(text: &mut String, prose: &str, indent: &str, width: usize, paint: Paint<'_>) {
    for (index, paragraph) in prose.split("\n\n").enumerate() {
        if index > 0 {
            text.push('\n');
        }
        for item in items(paragraph) {
            let hanging = if item.starts_with("- ") { "  " } else { "" };
            for (number, line) in wrapped(&item, width.saturating_sub(indent.len() + hanging.len())).iter().enumerate()
            {
                let hanging = if number == 0 { "" } else { hanging };
                let _ = writeln!(text, "{indent}{hanging}{}", painted(line, paint));
            }
        }
    }
}

/// The items of a list and the text around them, each in one line.
fn items(paragraph: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in paragraph.lines() {
        match items.last_mut() {
            Some(last) if !line.trim_start().starts_with("- ") => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => items.push(line.trim().to_owned()),
        }
    }
    items.iter().map(|item| one_line(item)).collect()
}

/// Breaks a text at its blanks into lines of this width; a blank inside `code` stays.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut word = String::new();
    let mut in_code = false;
    for c in text.chars().chain([' ']) {
        in_code ^= c == '`';
        if c != ' ' || in_code {
            word.push(c);
            continue;
        }
        let fits = |line: &String| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width;
        match lines.last_mut() {
            Some(line) if fits(line) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(&word);
            }
            _ => lines.push(word.clone()),
        }
        word.clear();
    }
    // A backtick without its fellow.
    if let Some(last) = lines.last_mut() {
        last.push_str(&word);
    }
    lines
}

fn painted(line: &str, paint: Paint<'_>) -> String {
    let mut text = String::new();
    for (index, piece) in line.split('`').enumerate() {
        if index % 2 == 0 {
            text.push_str(piece);
        } else {
            text.push_str(&paint(Tone::Code, piece));
        }
    }
    text
}
