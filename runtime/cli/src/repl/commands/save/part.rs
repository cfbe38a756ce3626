//! What was typed at once, in its parts: functions, imports, and the statements between them.

use std::collections::BTreeSet;

use windlass_runtime::playbook::parse_error;
use windlass_runtime::{Runtime, TokenSort};

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sort<'a> {
    Statements,
    /// A function; those of one name differ by the number of their parameters.
    Function {
        name: &'a str,
        parameters: usize,
    },
    /// An import of a module that is told by a text.
    Import {
        name: &'a str,
    },
}

/// A part of what was typed at once.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) sort: Sort<'a>,
    pub(super) pieces: Vec<Piece<'a>>,
    /// Where the last piece ends.
    end: usize,
}

/// A word or a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) sort: TokenSort,
    start: usize,
}

impl Piece<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn is(&self, sign: &str) -> bool {
        self.text == sign && self.sort != TokenSort::Text
    }

    /// How many brackets it opens, or closes.
    pub(super) fn depth(&self) -> isize {
        match self.text {
            "(" | "[" | "?[" | "{" | "#{" if self.sort == TokenSort::Sign => 1,
            ")" | "]" | "}" if self.sort == TokenSort::Sign => -1,
            _ => 0,
        }
    }
}

/// What reads a value and leaves it as it is.
const READS: &[&str] = &[
    "len",
    "keys",
    "values",
    "contains",
    "is_empty",
    "to_string",
    "type_of",
    "print",
    "debug",
    "map",
    "filter",
    "for_each",
    "call",
];

const ASSIGNS: &[&str] = &["=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", "|=", "&=", "^=", "??="];

impl<'a> Part<'a> {
    /// The parts of a text that parses.
    pub(super) fn split(runtime: &Runtime, text: &'a str) -> Vec<Self> {
        let tokens = runtime.tokens(text).into_iter();
        let pieces: Vec<Piece<'a>> =
            tokens.map(|(range, sort)| Piece { start: range.start, text: &text[range], sort }).collect();
        let mut cuts = Vec::new();
        let (mut first, mut at, mut depth) = (0, 0, 0);
        while let Some(piece) = pieces.get(at) {
            match definition(&pieces[at..]).filter(|_| depth == 0) {
                Some((sort, count)) => {
                    cuts.push((first..at, Sort::Statements));
                    cuts.push((at..at + count, sort));
                    at += count;
                    first = at;
                }
                None => {
                    depth += piece.depth();
                    at += 1;
                }
            }
        }
        cuts.push((first..pieces.len(), Sort::Statements));
        cuts.retain(|(range, _)| pieces[range.clone()].iter().any(|piece| !piece.is(";")));
        if cuts.is_empty() {
            // A comment alone.
            let all = Self { text, sort: Sort::Statements, pieces: Vec::new(), end: 0 };
            return vec![all];
        }
        let part = |(index, (range, sort)): (usize, &(std::ops::Range<usize>, Sort<'a>))| {
            let from = if index == 0 { 0 } else { boundary(text, &pieces, range.start) };
            let until =
                cuts.get(index + 1).map_or(text.len(), |(next, _)| boundary(text, &pieces, next.start)).max(from);
            let until = if index + 1 < cuts.len() { until } else { text.len() };
            let blank = text[from..until].len() - text[from..until].trim_start_matches('\n').len();
            let from = from + blank;
            let own = pieces[range.clone()].iter().map(|piece| Piece { start: piece.start - from, ..*piece });
            let pieces: Vec<Piece<'a>> = own.collect();
            let end = pieces.last().map_or(0, Piece::end);
            Self { text: text[from..until].trim_end(), sort: sort.clone(), pieces, end }
        };
        cuts.iter().enumerate().map(part).collect()
    }

    /// What it defines for the whole script.
    pub(super) fn key(&self) -> Option<String> {
        match &self.sort {
            Sort::Statements => None,
            Sort::Function { name, parameters } => Some(format!("{name}/{parameters}")),
            Sort::Import { name } => Some(format!("import {name}")),
        }
    }

    /// Whether the two say the same, whatever their blanks and comments are.
    pub(super) fn says_as(&self, other: &Part<'_>) -> bool {
        let words = |part: &Part<'_>| part.pieces.iter().map(|piece| piece.text.to_owned()).collect::<Vec<_>>();
        words(self) == words(other)
    }

    /// The text, so that another can follow.
    pub(super) fn ended(&self, runtime: &Runtime) -> String {
        let (line, comment) = self.text.split_at(self.end);
        let is_open = parse_error(runtime, &format!("{}\n0", self.text)).is_some();
        if is_open && !line.ends_with(';') { format!("{line};{comment}") } else { self.text.to_owned() }
    }

    /// Whether it can stand in braces, with others after it.
    pub(super) fn fits_a_block(&self, runtime: &Runtime) -> bool {
        parse_error(runtime, &format!("{{\n{}\n}}", self.ended(runtime))).is_none()
    }

    /// The same from this piece on.
    pub(super) fn after(&self, from: usize) -> Self {
        let pieces = self.pieces.get(from..).unwrap_or_default().to_vec();
        Self { pieces, sort: self.sort.clone(), ..*self }
    }

    fn at(&self, index: usize) -> &'a str {
        self.pieces.get(index).map_or("", |piece| piece.text)
    }

    /// Whether arguments stand at this place.
    fn calls(&self, index: usize) -> bool {
        matches!(self.at(index), "(" | "()")
    }

    fn before(&self, index: usize) -> &'a str {
        index.checked_sub(1).map_or("", |index| self.at(index))
    }

    /// The names that can be those of variables, functions and modules, each with its place.
    fn names(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let is_name = |(index, piece): &(usize, &Piece<'a>)| {
            let is_field = matches!(self.before(*index), "." | "?." | "::");
            match piece.sort {
                TokenSort::Module => !is_field,
                TokenSort::Name => !is_field && self.at(index + 1) != ":",
                _ => false,
            }
        };
        self.pieces.iter().enumerate().filter(is_name).map(|(index, piece)| (index, piece.text))
    }

    /// The variables and modules that there are after it.
    pub(super) fn made(&self) -> BTreeSet<&'a str> {
        if let Sort::Import { name } = self.sort {
            return BTreeSet::from([name]);
        }
        let mut depth = 0;
        let mut made = BTreeSet::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            depth += piece.depth();
            if depth == 0 && matches!(piece.text, "let" | "const" | "as") && piece.sort == TokenSort::Keyword {
                made.insert(self.at(index + 1));
            }
        }
        made
    }

    /// The names that it needs: not those that it has made before.
    pub(super) fn uses(&self) -> BTreeSet<&'a str> {
        let names: Vec<(usize, &str)> = self.names().collect();
        let (mut depth, mut made, mut begun, mut uses) = (0, BTreeSet::new(), None, BTreeSet::new());
        for (index, piece) in self.pieces.iter().enumerate() {
            depth += piece.depth();
            let is_new = matches!(self.before(index), "let" | "const" | "as");
            if depth == 0 && is_new {
                begun = Some(piece.text);
            }
            if depth == 0 && piece.is(";") {
                made.extend(begun.take());
            }
            if !is_new && names.binary_search(&(index, piece.text)).is_ok() && !made.contains(piece.text) {
                uses.insert(piece.text);
            }
        }
        uses
    }

    /// The constants of the whole script that it names as such.
    pub(super) fn constants(&self) -> impl Iterator<Item = &'a str> {
        self.modules().filter(|(_, module)| *module == "global").map(|(index, _)| self.at(index + 2))
    }

    fn is_one_statement(&self) -> bool {
        let mut depth = 0;
        let end = self.pieces.iter().position(|piece| {
            depth += piece.depth();
            depth == 0 && piece.is(";")
        });
        end.is_none_or(|end| end + 1 == self.pieces.len())
    }

    /// Whether it does no more than give a closure a name.
    pub(super) fn only_names_a_closure(&self) -> bool {
        let words: Vec<&str> = self.pieces.iter().take(4).map(|piece| piece.text).collect();
        matches!(words[..], ["let" | "const", _, "=", "|" | "||"]) && self.is_one_statement()
    }

    /// The variables that it may change. A function of a script has copies.
    pub(super) fn changes(&self, is_script: impl Fn(&str) -> bool) -> BTreeSet<&'a str> {
        let may_change = |(index, _): &(usize, &str)| {
            let is_argument = self.before(*index) == "("
                && index.checked_sub(2).and_then(|called| self.pieces.get(called)).is_some_and(|called| {
                    called.sort == TokenSort::Name
                        && self.before(index - 2) != "::"
                        && !READS.contains(&called.text)
                        && !is_script(called.text)
                });
            let mut next = index + 1;
            loop {
                match self.at(next) {
                    "[" | "?[" => next = self.closed(next) + 1,
                    "." | "?." if self.calls(next + 2) => return !READS.contains(&self.at(next + 1)),
                    "." | "?." => next += 2,
                    sign => return is_argument || ASSIGNS.contains(&sign),
                }
            }
        };
        let is_new = |index: usize| matches!(self.before(index), "let" | "const");
        self.names().filter(|(index, _)| !is_new(*index)).filter(may_change).map(|(_, name)| name).collect()
    }

    /// The variables that are not what they were, where it has failed: what a single statement begins with, it changes
    /// last.
    pub(super) fn left_by_failure(&self, is_script: impl Fn(&str) -> bool) -> BTreeSet<&'a str> {
        let mut left = self.changes(is_script);
        if !self.is_one_statement() {
            left.extend(self.made());
        } else if matches!(self.at(1), "[" | ".") || ASSIGNS.contains(&self.at(1)) {
            left.remove(self.at(0));
        }
        left
    }

    /// Whether it calls this function, or takes it for a value, or says this module.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let takes_by_text = self.pieces.iter().any(|piece| piece.text == "Fn");
        self.pieces.iter().enumerate().any(|(index, piece)| match piece.sort {
            TokenSort::Name if matches!(self.before(index), "." | "?.") => piece.text == name && self.calls(index + 1),
            TokenSort::Name => piece.text == name && self.before(index) != "::" && self.at(index + 1) != ":",
            TokenSort::Module => piece.text == name,
            TokenSort::Text => takes_by_text && piece.text.trim_matches(['"', '`']) == name,
            _ => false,
        })
    }

    /// The calls of modules, each with the place of its module.
    pub(super) fn modules(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.sort == TokenSort::Module)
            .map(|(index, piece)| (index, piece.text))
    }

    /// What is called of the module at this place, and whether the call itself has an option of this name.
    pub(super) fn called(&self, module: usize, option: &str) -> (&'a str, bool) {
        let (name, open) = (self.at(module + 2), module + 3);
        if self.at(open) != "(" {
            return (name, false);
        }
        let (mut depth, mut in_map, mut has) = (0, false, false);
        for index in open..=self.closed(open) {
            let Some(piece) = self.pieces.get(index) else { break };
            depth += piece.depth();
            match depth {
                1 if piece.is(",") => has = false,
                2 if piece.depth() == 1 => in_map = piece.is("#{"),
                2 if in_map && piece.text.trim_matches('"') == option && self.at(index + 1) == ":" => has = true,
                _ => {}
            }
        }
        (name, has)
    }

    /// Where the bracket at this place is closed.
    fn closed(&self, open: usize) -> usize {
        let mut depth = 0;
        let closed = self.pieces.iter().enumerate().skip(open).find(|(_, piece)| {
            depth += piece.depth();
            depth == 0
        });
        closed.map_or(self.pieces.len(), |(index, _)| index)
    }

    /// The place from which on something in it can be called later, if anything can: a closure's beginning, or all of it where
    /// functions are taken for values.
    pub(super) fn kept_for_later(&self, is_script: impl Fn(&str) -> bool) -> Option<usize> {
        let is_value = |(index, name): (usize, &str)| is_script(name) && !self.calls(index + 1);
        if self.names().any(is_value) || self.pieces.iter().any(|piece| piece.text == "Fn") {
            return Some(0);
        }
        self.pieces.iter().position(|piece| piece.is("|") || piece.is("||"))
    }

    /// Whether it may end the whole script: a closure ends itself alone.
    pub(super) fn ends_script(&self) -> bool {
        let mut open = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece.depth() {
                1 => open.push(piece.is("{") && matches!(self.before(index), "|" | "||")),
                -1 => drop(open.pop()),
                _ if piece.is("return") && !open.contains(&true) => return true,
                _ if piece.is("exit") && self.calls(index + 1) => return true,
                _ => {}
            }
        }
        false
    }

    /// The text with each line this much further in, but for those that begin inside of a text.
    pub(super) fn indented(runtime: &Runtime, text: &str, by: &str) -> String {
        let tokens = runtime.tokens(text);
        let mut at = 0;
        let mut indented = String::new();
        for line in text.split_inclusive('\n') {
            let in_text = tokens.iter().any(|(range, _)| range.start < at && at < range.end);
            if !in_text && !line.trim().is_empty() {
                indented.push_str(by);
            }
            indented.push_str(line);
            at += line.len();
        }
        indented
    }
}

/// What these pieces define first, and in how many pieces.
fn definition<'a>(pieces: &[Piece<'a>]) -> Option<(Sort<'a>, usize)> {
    let at = |index: usize| pieces.get(index).map_or("", |piece: &Piece<'a>| piece.text);
    let is_private = usize::from(at(0) == "private");
    if at(is_private) == "fn" {
        // Without anything between them, the two are one piece.
        let open = pieces.iter().position(|piece| piece.is("(") || piece.is("()"))?;
        let name = at(open.checked_sub(1)?);
        let closed = pieces.iter().position(|piece| piece.is(")") || piece.is("()"))?;
        let parameters = pieces.get(open + 1..closed).unwrap_or_default();
        let parameters = parameters.iter().filter(|piece| !piece.is(",")).count();
        let mut depth = 0;
        let end = pieces.iter().enumerate().skip(closed + 1).find(|(_, piece)| {
            depth += piece.depth();
            depth == 0
        })?;
        return Some((Sort::Function { name, parameters }, end.0 + 1));
    }
    let is_text = pieces.get(1).is_some_and(|piece| piece.sort == TokenSort::Text && !piece.text.ends_with('$'));
    if at(0) != "import" || !is_text || at(2) != "as" {
        return None;
    }
    Some((Sort::Import { name: at(3) }, if at(4) == ";" { 5 } else { 4 }))
}

/// Where the part ends that is before this piece: a comment behind it is its own, what stands in lines before the piece is not.
fn boundary(text: &str, pieces: &[Piece<'_>], index: usize) -> usize {
    let end = index.checked_sub(1).and_then(|before| pieces.get(before)).map_or(0, Piece::end);
    let start = pieces.get(index).map_or(text.len(), |piece| piece.start);
    let gap = text.get(end..start).unwrap_or_default();
    gap.find('\n').filter(|line| !gap[..*line].contains("/*")).map_or(start, |line| end + line + 1)
}
