//! Colours for what is typed.

use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};
use windlass_runtime::{Runtime, TokenSort};

/// Colours Rhai as its own tokenizer sees it.
pub(super) struct Rhai {
    pub(super) runtime: Runtime,
    pub(super) coloured: bool,
}

impl Highlighter for Rhai {
    fn highlight(&self, line: &str, _: usize) -> StyledText {
        let mut styled = StyledText::new();
        if !self.coloured || line.trim_start().starts_with(':') {
            styled.push((Style::new(), line.to_owned()));
            return styled;
        }
        let mut at = 0;
        for (range, sort) in self.runtime.tokens(line) {
            let (Some(before), Some(piece)) = (line.get(at..range.start), line.get(range.clone())) else { continue };
            // What is between tokens is blank, or a comment.
            styled.push((Color::DarkGray.normal(), before.to_owned()));
            styled.push((style(sort), piece.to_owned()));
            at = range.end;
        }
        styled.push((Color::DarkGray.normal(), line.get(at..).unwrap_or_default().to_owned()));
        styled
    }
}

fn style(sort: TokenSort) -> Style {
    match sort {
        TokenSort::Keyword => Color::Purple.normal(),
        TokenSort::Module => Color::Blue.normal(),
        TokenSort::Text => Color::Green.normal(),
        TokenSort::Value => Color::Cyan.normal(),
        TokenSort::Wrong => Color::Red.normal(),
        TokenSort::Name | TokenSort::Sign => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_the_line_is_shown_whatever_is_typed() {
        let runtime = Runtime::builder().build().unwrap();
        let rhai = Rhai { runtime, coloured: true };
        for line in [
            "let x = \"a\" // c",
            "`a${b}c` // d",
            "`a${b}",
            ":next",
            "  ",
            "`${",
            "a::b(#{ c: 1 })",
            "é 漢 \u{1b}[2J",
            "fn f() {\n  1\n}",
        ] {
            assert_eq!(rhai.highlight(line, 0).raw_string(), line);
        }
    }
}
