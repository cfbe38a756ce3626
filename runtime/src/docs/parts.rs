//! The parts of a doc comment.

use serde::Serialize;

/// A doc comment, in its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// The first sentence, in one line.
    pub summary: String,
    /// All that stands before the first heading, the summary included.
    pub description: String,
    /// What stands below `# Errors`.
    pub errors: String,
    /// The scripts below `# Example`.
    pub examples: Vec<String>,
}

impl Parts {
    /// The parts of this doc comment.
    #[must_use]
    pub fn of(doc: &str) -> Self {
        let mut parts = Self::default();
        let (mut description, mut errors, mut example) = (Vec::new(), Vec::new(), None::<Vec<&str>>);
        let mut section = "";
        for line in doc.lines() {
            match (&mut example, line.trim_start()) {
                (Some(lines), fence) if fence.starts_with("```") => {
                    parts.examples.push(lines.join("\n"));
                    example = None;
                }
                (Some(lines), _) => lines.push(line),
                (None, fence) if section == "Example" && fence.starts_with("```") => example = Some(Vec::new()),
                (None, heading) if heading.starts_with("# ") => section = heading.trim_start_matches("# ").trim(),
                (None, _) if section.is_empty() => description.push(line),
                (None, _) if section == "Errors" => errors.push(line),
                (None, _) => {}
            }
        }
        parts.description = description.join("\n").trim().to_owned();
        parts.errors = errors.join("\n").trim().to_owned();
        parts.summary = first_sentence(&parts.description);
        parts
    }
}

/// A text of several lines in one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_sentence(text: &str) -> String {
    let paragraph = one_line(text.split("\n\n").next().unwrap_or_default());
    // A full stop inside `code` ends nothing.
    let mut in_code = false;
    for (at, c) in paragraph.char_indices() {
        in_code ^= c == '`';
        let rest = &paragraph[at + c.len_utf8()..];
        if c == '.' && !in_code && (rest.is_empty() || rest.starts_with(' ')) {
            return paragraph[..=at].to_owned();
        }
    }
    paragraph.trim_end_matches(':').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_falls_into_its_parts() {
        let doc = "Does `a. b` to it,\nand that. More of it.\n\n- one\n- two\n\n# Errors\n`usage`.\n\n# Example\n```rhai\nlet a = 1;\n# no heading\n```\nAnd:\n```rhai\nb()\n```\n";
        let parts = Parts::of(doc);
        assert_eq!(parts.summary, "Does `a. b` to it, and that.");
        assert_eq!(parts.description, "Does `a. b` to it,\nand that. More of it.\n\n- one\n- two");
        assert_eq!(parts.errors, "`usage`.");
        assert_eq!(parts.examples, ["let a = 1;\n# no heading", "b()"]);
    }

    #[test]
    fn a_sentence_without_an_end_is_the_paragraph() {
        assert_eq!(Parts::of("Does it").summary, "Does it");
        assert_eq!(Parts::of("Does it:\n- a\n").summary, "Does it: - a");
        assert_eq!(Parts::of("").summary, "");
    }
}
