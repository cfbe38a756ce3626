//! The words of a script, for colours: what an editor shows while it is not whole yet.

use std::collections::BTreeSet;
use std::ops::Range;

use rhai::Token;

use crate::Runtime;

/// What a piece of a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSort {
    /// A word of the language.
    Keyword,
    /// A module's name.
    Module,
    /// A text in quotes or backticks.
    Text,
    /// A number, or `true` and `false`.
    Value,
    /// A name.
    Name,
    /// Punctuation and operators.
    Sign,
    /// What is no word of the language.
    Wrong,
}

impl Runtime {
    /// The pieces of a script in their order, as ranges of bytes; blanks and comments are in none.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<(Range<usize>, TokenSort)> {
        let starts = line_starts(text);
        let texts = [text];
        let (tokens, _control) = self.engine().lex(texts.iter());
        let found: Vec<(usize, Token)> = tokens
            .take_while(|(token, _)| *token != Token::EOF)
            .filter_map(|(token, position)| {
                let (line, column) = (position.line()?, position.position()?);
                let start = *starts.get(line.checked_sub(1)?)?;
                let before: usize = text[start..].chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
                Some((start + before, token))
            })
            .collect();
        let mut pieces = Vec::with_capacity(found.len());
        for (index, (start, token)) in found.iter().enumerate() {
            let next = found.get(index + 1);
            let until = next.map_or(text.len(), |(next, _)| *next);
            let Some(piece) = text.get(*start..until) else { continue };
            let length = without_comment(piece, token).trim_end().len();
            let is_module = next.is_some_and(|(_, next)| *next == Token::DoubleColon);
            pieces.push((*start..*start + length, sort(token, is_module)));
        }
        pieces
    }
}

impl Runtime {
    /// The names in a script that can be those of variables, each once; modules, fields and keys are none.
    #[must_use]
    pub fn variables_named<'a>(&self, text: &'a str) -> BTreeSet<&'a str> {
        let tokens = self.tokens(text);
        let piece = |index: Option<usize>| index.and_then(|i| tokens.get(i)).map(|(range, _)| &text[range.clone()]);
        let can_be = |(index, (_, sort)): &(usize, &(Range<usize>, TokenSort))| {
            let is_field = matches!(piece(index.checked_sub(1)), Some("." | "?." | "::"));
            *sort == TokenSort::Name && !is_field && piece(Some(index + 1)) != Some(":")
        };
        tokens.iter().enumerate().filter(can_be).map(|(_, (range, _))| &text[range.clone()]).collect()
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// A piece up to the comment that follows it.
fn without_comment<'a>(piece: &'a str, token: &Token) -> &'a str {
    if matches!(token, Token::StringConstant(..) | Token::InterpolatedString(..) | Token::CharConstant(..)) {
        return piece;
    }
    let comment = ["//", "/*"].iter().filter_map(|mark| piece.find(mark)).min();
    comment.map_or(piece, |at| &piece[..at])
}

fn sort(token: &Token, is_module: bool) -> TokenSort {
    match token {
        Token::Identifier(_) if is_module => TokenSort::Module,
        Token::Identifier(_) | Token::Custom(_) => TokenSort::Name,
        Token::StringConstant(_) | Token::InterpolatedString(_) | Token::CharConstant(_) => TokenSort::Text,
        Token::IntegerConstant(_) | Token::FloatConstant(_) | Token::True | Token::False => TokenSort::Value,
        Token::LexError(_) | Token::Reserved(_) => TokenSort::Wrong,
        token if token.is_standard_keyword() => TokenSort::Keyword,
        _ => TokenSort::Sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_their_sorts_and_places() {
        use TokenSort::{Keyword, Module, Name, Sign, Text, Value, Wrong};
        let runtime = Runtime::builder().build().unwrap();
        let said = |text: &str| -> Vec<(String, TokenSort)> {
            runtime.tokens(text).into_iter().map(|(range, sort)| (text[range].to_owned(), sort)).collect()
        };
        let of = |expected: &[(&str, TokenSort)]| -> Vec<(String, TokenSort)> {
            expected.iter().map(|(text, sort)| ((*text).to_owned(), *sort)).collect()
        };
        assert_eq!(
            said("let u = cluster::get(\"Pod/x\"); // why\n  1.5"),
            of(&[
                ("let", Keyword),
                ("u", Name),
                ("=", Sign),
                ("cluster", Module),
                ("::", Sign),
                ("get", Name),
                ("(", Sign),
                ("\"Pod/x\"", Text),
                (")", Sign),
                (";", Sign),
                ("1.5", Value),
            ])
        );
        assert_eq!(said("if x { \"open"), of(&[("if", Keyword), ("x", Name), ("{", Sign), ("\"open", Wrong)]));
        assert!(said("").is_empty() && said("// only a comment").is_empty());
    }

    #[test]
    fn variables_are_told_from_fields_keys_and_modules() {
        let runtime = Runtime::builder().build().unwrap();
        let text = "let s = #{ a: b.c, d: cluster::get(e)?.f }; s == `x ${g}`";
        let named: Vec<&str> = runtime.variables_named(text).into_iter().collect();
        assert_eq!(named, ["b", "e", "g", "s"]);
    }
}
