//! The words of a script, for colours: what an editor shows while it is not whole yet.

use std::collections::BTreeSet;
use std::ops::Range;

use rhai::{MultiInputsStream, Token};

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
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (mut lexer, control) = self.engine().lex(lines.iter());
        let ends: Vec<usize> = line_ends(text);
        // How many braces are open in each interpolation that is: its text goes on behind the last one.
        let mut braces: Vec<usize> = Vec::new();
        let mut found: Vec<(Range<usize>, Token)> = Vec::new();
        let (mut end, mut goes_on) = (0, false);
        while let Some((token, _)) = lexer.next().filter(|(token, _)| *token != Token::EOF) {
            let start = if goes_on { end } else { end + before_token(text.get(end..).unwrap_or_default()) };
            end = taken(&lexer.stream, &ends);
            goes_on = false;
            // That of a function's documentation.
            if matches!(token, Token::Comment(_)) {
                continue;
            }
            match (&token, braces.last_mut()) {
                (Token::InterpolatedString(_), _) => braces.push(0),
                (Token::LeftBrace | Token::MapStart, Some(open)) => *open += 1,
                (Token::RightBrace, Some(open)) if *open > 1 => *open -= 1,
                (Token::RightBrace, Some(_)) => {
                    braces.pop();
                    goes_on = true;
                    control.borrow_mut().is_within_text = true;
                }
                _ => {}
            }
            found.push((start..end, token));
        }
        let mut pieces = Vec::with_capacity(found.len());
        for (index, (range, token)) in found.iter().enumerate() {
            let Some(piece) = text.get(range.clone()) else { continue };
            let is_module = found.get(index + 1).is_some_and(|(_, next)| *next == Token::DoubleColon);
            pieces.push((range.start..range.start + piece.trim_end().len(), sort(token, is_module)));
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

fn line_ends(text: &str) -> Vec<usize> {
    let mut end = 0;
    let after = |line: &str| {
        end += line.len();
        end
    };
    text.split_inclusive('\n').map(after).collect()
}

/// How many bytes of the script are read. Positions of tokens do not say it: they miscount behind an escaped `${`.
fn taken(stream: &MultiInputsStream<'_>, ends: &[usize]) -> usize {
    let length = |chars: &mut dyn Iterator<Item = char>| chars.map(char::len_utf8).sum::<usize>();
    let until = ends.get(stream.index).or(ends.last()).copied().unwrap_or_default();
    let ahead = stream.streams.get(stream.index).map_or(0, |line| length(&mut line.clone()));
    until - ahead - length(&mut stream.buf.iter().flatten().copied())
}

/// How many bytes of blanks and comments come before the next token.
fn before_token(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            rest = after_comment(rest);
        } else {
            return text.len() - rest.len();
        }
    }
}

/// What comes after the comment in stars with which a text begins; comments stand in one another.
fn after_comment(text: &str) -> &str {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(rest) = text.get(at..) {
        let Some(mark) = rest.find(['/', '*']) else { break };
        let rest = &rest[mark..];
        at += mark + if rest.starts_with("/*") || rest.starts_with("*/") { 2 } else { 1 };
        if rest.starts_with("/*") {
            depth += 1;
        } else if rest.starts_with("*/") {
            depth -= 1;
        }
        if depth == 0 {
            return &text[at..];
        }
    }
    ""
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
        assert_eq!(said("1 /// doc\n/** too */ f"), of(&[("1", Value), ("f", Name)]));
        assert_eq!(
            said("f(\"x\" // y\n, /* /* */ */ 1)"),
            of(&[("f", Name), ("(", Sign), ("\"x\"", Text), (",", Sign), ("1", Value), (")", Sign)])
        );
        assert_eq!(said("if x { \"open"), of(&[("if", Keyword), ("x", Name), ("{", Sign), ("\"open", Wrong)]));
        assert_eq!(
            said("`open ${x} still"),
            of(&[("`open $", Text), ("{", Sign), ("x", Name), ("}", Sign), (" still", Wrong)])
        );
        assert!(said("").is_empty() && said("// only a comment").is_empty());
    }

    #[test]
    fn a_text_goes_on_after_what_stands_in_it() {
        use TokenSort::{Name, Text};
        let runtime = Runtime::builder().build().unwrap();
        let said = |text: &str| -> Vec<(String, TokenSort)> {
            let all = runtime.tokens(text).into_iter();
            all.map(|(range, sort)| (text[range].to_owned(), sort))
                .filter(|(_, sort)| matches!(sort, Text | Name))
                .collect()
        };
        let of = |expected: &[(&str, TokenSort)]| -> Vec<(String, TokenSort)> {
            expected.iter().map(|(text, sort)| ((*text).to_owned(), *sort)).collect()
        };
        let url = of(&[
            ("u", Name),
            ("`$", Text),
            ("scheme", Name),
            ("://é/$", Text),
            ("host", Name),
            ("`", Text),
            ("v", Name),
        ]);
        assert_eq!(said("let u = `${scheme}://é/${host}` + v // `note"), url);
        // Another text and a map stand inside.
        let nested = of(&[
            ("`a$", Text),
            ("m", Name),
            ("k", Name),
            ("`b$", Text),
            ("c", Name),
            ("d`", Text),
            (" e`", Text),
            ("f", Name),
        ]);
        assert_eq!(said("`a${ m[#{ k: `b${c}d` }] } e` + f"), nested);
        // What is no interpolation, and texts over lines.
        let lines =
            of(&[("`\\${x}\n``$", Text), ("y", Name), ("\n`", Text), ("z", Name), ("\"a\\\"b\"", Text), ("w", Name)]);
        assert_eq!(said("`\\${x}\n``${y}\n`; z; \"a\\\"b\"; w"), lines);
        assert_eq!(said("`\\${x}`; z"), of(&[("`\\${x}`", Text), ("z", Name)]));
    }

    #[test]
    fn variables_are_told_from_fields_keys_and_modules() {
        let runtime = Runtime::builder().build().unwrap();
        let text = "let s = #{ a: b.c, d: cluster::get(e)?.f }; s == `x ${g}://${h}` + i";
        let named: Vec<&str> = runtime.variables_named(text).into_iter().collect();
        assert_eq!(named, ["b", "e", "g", "h", "i", "s"]);
    }
}
