//! Where the cursor is: in a name, a key or a text, and in which call.

use std::ops::Range;

use windlass_runtime::{Runtime, TokenSort};

/// Where the cursor is in a script.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Where what is being typed begins.
    pub(super) start: usize,
    /// As much of it as there is.
    pub(super) word: &'a str,
    pub(super) sort: Sort<'a>,
    /// Whether a statement can begin here.
    pub(super) begins: bool,
    /// The brackets that are open, the innermost last.
    pub(super) open: Vec<Open<'a>>,
}

/// What is being typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sort<'a> {
    /// A name, or the beginning of anything else.
    Name,
    /// What a module has.
    InModule(&'a str),
    /// What stands after a dot; what is before it, where that is no more than names and items of lists.
    Member(Option<Vec<Link<'a>>>),
    /// What stands after a dot behind a call.
    Returned(Bracket<'a>),
    /// The key of a map.
    Key,
    /// A text in quotes.
    Text,
}

/// A part of a path: `pods[0].metadata` has three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link<'a> {
    Name(&'a str),
    Item,
}

/// A bracket that is open.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) bracket: Bracket<'a>,
    /// Where it is.
    pub(super) at: usize,
    /// How many commas were in it.
    pub(super) commas: usize,
    /// In a map, the key whose value is being typed.
    pub(super) key: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bracket<'a> {
    /// A call: the module is empty where there is none.
    Call {
        module: &'a str,
        name: &'a str,
        method: bool,
    },
    Map,
    List,
    Other,
}

type Piece = (Range<usize>, TokenSort);

impl<'a> Place<'a> {
    /// The place at the end of this text; none where nothing can be completed: in a comment, a number, a name that is new.
    pub(super) fn at_end(runtime: &Runtime, text: &'a str) -> Option<Self> {
        let mut pieces = runtime.tokens(text);
        let of = |piece: &Piece| text.get(piece.0.clone()).unwrap_or_default();
        let last = pieces.last().cloned();
        let is_at_cursor = last.as_ref().is_some_and(|last| last.0.end == text.len());
        if let Some(start) = open_text(text, &pieces) {
            pieces.pop();
            let (open, word) = (brackets(text, &pieces), text.get(start..)?);
            return Some(Self { start, word, sort: Sort::Text, begins: false, open });
        }
        let mut start = text.len();
        match last {
            Some((range, sort)) if is_at_cursor => match sort {
                TokenSort::Sign => {}
                _ if of(&(range.clone(), sort)).starts_with(is_of_name) && sort != TokenSort::Value => {
                    start = range.start;
                    pieces.pop();
                }
                _ => return None,
            },
            last => {
                let between = text.get(last.map_or(0, |last| last.0.end)..)?;
                if between.contains("//") || between.contains("/*") {
                    return None;
                }
            }
        }
        let before = pieces.last().map(|piece| (of(piece), piece.1));
        if matches!(before, Some(("let" | "const" | "fn" | "for" | "catch", TokenSort::Keyword))) {
            return None;
        }
        // Nothing begins behind a name or a value.
        let ends_a_value = |(piece, sort): (&str, TokenSort)| match sort {
            TokenSort::Name | TokenSort::Value => true,
            TokenSort::Text => !piece.ends_with("${"),
            _ => matches!(piece, ")" | "]"),
        };
        if before.is_some_and(ends_a_value) {
            return None;
        }
        let open = brackets(text, &pieces);
        let is_key = open.last().is_some_and(|open| open.bracket == Bracket::Map && open.key.is_none());
        let sort = match before.map(|before| before.0) {
            Some("::") => {
                let module = pieces.len().checked_sub(2).and_then(|at| pieces.get(at));
                Sort::InModule(module.map(of)?)
            }
            Some("." | "?.") => {
                let before = pieces.get(..pieces.len().saturating_sub(1))?;
                match returned(text, before) {
                    Some(call) => Sort::Returned(call),
                    None => Sort::Member(links(text, before)),
                }
            }
            _ if is_key => Sort::Key,
            _ => Sort::Name,
        };
        let is_in_block = open.last().is_none_or(|open| open.bracket == Bracket::Other);
        let begins = is_in_block && before.is_none_or(|(piece, _)| matches!(piece, ";" | "{" | "}"));
        Some(Self { start, word: text.get(start..)?, sort, begins, open })
    }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the last piece begins behind its quote, if it is a text that is not closed: one in backticks can go on after a value.
fn open_text(text: &str, pieces: &[Piece]) -> Option<usize> {
    let ((range, _), before) = pieces.split_last().filter(|((_, sort), _)| *sort == TokenSort::Wrong)?;
    if text.get(range.clone())?.starts_with(['"', '`']) {
        return Some(range.start + 1);
    }
    let (value, _) = before.last()?;
    (value.end == range.start && text.get(value.clone()) == Some("}")).then_some(range.start)
}

/// The brackets that are open after these pieces.
fn brackets<'a>(text: &'a str, pieces: &[Piece]) -> Vec<Open<'a>> {
    let mut open: Vec<Open<'a>> = Vec::new();
    for (index, (range, sort)) in pieces.iter().enumerate() {
        let Some(piece) = text.get(range.clone()).filter(|_| *sort == TokenSort::Sign) else { continue };
        let bracket = match piece {
            "(" => call(text, pieces.get(..index).unwrap_or_default()),
            "#{" => Bracket::Map,
            "[" => Bracket::List,
            "{" | "?[" => Bracket::Other,
            ")" | "]" | "}" => {
                open.pop();
                continue;
            }
            _ => {
                match (piece, open.last_mut()) {
                    (",", Some(within)) => (within.commas, within.key) = (within.commas + 1, None),
                    (":", Some(within)) if within.bracket == Bracket::Map && within.key.is_none() => {
                        let key = index.checked_sub(1).and_then(|at| pieces.get(at));
                        within.key =
                            key.and_then(|key| text.get(key.0.clone())).map(|key| key.trim_matches(['"', '`']));
                    }
                    _ => {}
                }
                continue;
            }
        };
        open.push(Open { bracket, at: range.start, commas: 0, key: None });
    }
    open
}

/// What is called by a parenthesis after these pieces.
fn call<'a>(text: &'a str, before: &[Piece]) -> Bracket<'a> {
    let of = |back: usize| {
        let (range, sort) = before.get(before.len().checked_sub(back)?)?;
        Some((text.get(range.clone())?, *sort))
    };
    let Some((name, TokenSort::Name)) = of(1) else { return Bracket::Other };
    match (of(3), of(2)) {
        (Some((module, TokenSort::Module)), Some(("::", _))) => Bracket::Call { module, name, method: false },
        (_, Some(("." | "?.", _))) => Bracket::Call { module: "", name, method: true },
        _ => Bracket::Call { module: "", name, method: false },
    }
}

/// What these pieces call, if they end with the end of a call.
fn returned<'a>(text: &'a str, pieces: &[Piece]) -> Option<Bracket<'a>> {
    let (last, before) = pieces.split_last()?;
    if text.get(last.0.clone()) != Some(")") {
        return None;
    }
    let mut depth = 1_usize;
    for (index, (range, sort)) in before.iter().enumerate().rev() {
        match text.get(range.clone()).filter(|_| *sort == TokenSort::Sign) {
            Some(")" | "]" | "}") => depth += 1,
            Some("(" | "[" | "{" | "#{" | "?[") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(call(text, before.get(..index)?));
        }
    }
    None
}

/// The path that these pieces end with, if it is nothing more.
fn links<'a>(text: &'a str, pieces: &[Piece]) -> Option<Vec<Link<'a>>> {
    let mut links = Vec::new();
    let mut pieces = pieces.iter().rev().map(|(range, sort)| (text.get(range.clone()).unwrap_or_default(), *sort));
    loop {
        match pieces.next()? {
            (name, TokenSort::Name) => links.push(Link::Name(name)),
            ("]", _) => {
                let mut depth = 1;
                while depth > 0 {
                    match pieces.next()?.0 {
                        "]" => depth += 1,
                        "[" => depth -= 1,
                        _ => {}
                    }
                }
                links.push(Link::Item);
                continue;
            }
            _ => return None,
        }
        match pieces.next() {
            Some(("." | "?.", _)) => {}
            Some(("::", _)) => return None,
            _ => break,
        }
    }
    links.reverse();
    Some(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let runtime = Runtime::builder().build().unwrap();
        match Place::at_end(&runtime, text) {
            None => "nothing".to_owned(),
            Some(place) => {
                let open: Vec<String> = place
                    .open
                    .iter()
                    .map(|open| {
                        let bracket = match open.bracket {
                            Bracket::Call { module, name, method } => {
                                format!("{module}:{name}{}", if method { "!" } else { "" })
                            }
                            other => format!("{other:?}"),
                        };
                        format!("{bracket}{}{}", open.commas, open.key.unwrap_or_default())
                    })
                    .collect();
                assert_eq!(&text[place.start..], place.word);
                format!("{:?} {:?} {}", place.word, place.sort, open.join(" ")).trim_end().to_owned()
            }
        }
    }

    #[test]
    fn names_modules_and_members() {
        assert_eq!(said(""), "\"\" Name");
        assert_eq!(said("let a = clu"), "\"clu\" Name");
        assert_eq!(said("cluster::"), "\"\" InModule(\"cluster\")");
        assert_eq!(said("if x { cluster::ge"), "\"ge\" InModule(\"cluster\") Other0");
        assert_eq!(said("values.a.b"), "\"b\" Member(Some([Name(\"values\"), Name(\"a\")]))");
        assert_eq!(said("x = pods[f(1)][0].na"), "\"na\" Member(Some([Name(\"pods\"), Item, Item]))");
        let list = "Returned(Call { module: \"cluster\", name: \"list\", method: false })";
        assert_eq!(said("cluster::list(\"Pod\", #{ a: [f(1)] })."), format!("\"\" {list}"));
        assert_eq!(said("(a + b).le"), "\"le\" Returned(Other)");
        assert_eq!(said("f({ 1 }.a"), "\"a\" Member(None) :f0");
        assert_eq!(said("x?.le"), "\"le\" Member(Some([Name(\"x\")]))");
    }

    #[test]
    fn calls_with_their_arguments_and_maps_with_their_keys() {
        assert_eq!(said("cluster::get(\"Deployment/w"), "\"Deployment/w\" Text cluster:get0");
        assert_eq!(said("cluster::get(\"a\", #{ na"), "\"na\" Key cluster:get1 Map0");
        assert_eq!(said("cluster::get(\"a\", #{ namespace: \"x y "), "\"x y \" Text cluster:get1 Map0namespace");
        assert_eq!(said("f(#{ a: [1, 2], b: g(3), \"c\": "), "\"\" Name :f0 Map2c");
        assert_eq!(said("x.replace(1, `ab"), "\"ab\" Text :replace!1");
        assert_eq!(said("a(b(1, 2), "), "\"\" Name :a1");
        assert_eq!(said("step(\"x\", #{ needs: [\"a\", \"b"), "\"b\" Text :step1 Map0needs List1");
        assert_eq!(said("`one ${cluster::ge"), "\"ge\" InModule(\"cluster\") Other0");
        assert_eq!(said("f(`one ${x} clu"), "\" clu\" Text :f0");
        assert_eq!(said("f(`one ${x}"), "\"\" Text :f0");
        assert_eq!(said("f(`one ${x}://${y}`, clu"), "\"clu\" Name :f1");
        assert_eq!(said("let f = |x| {\n  wait::ready(\"é\", #{"), "\"\" Key Other0 wait:ready1 Map0");
    }

    #[test]
    fn statements_begin_where_others_end() {
        let runtime = Runtime::builder().build().unwrap();
        let begins = |text: &str| Place::at_end(&runtime, text).unwrap().begins;
        assert!(["", "l", "1; ", "if x { ", "while a { b(); r", "f(|x| { "].into_iter().all(begins));
        assert!(!["x = ", "f(", "#{ a: ", "[", "if "].into_iter().any(begins));
    }

    #[test]
    fn nothing_is_completed_in_comments_numbers_and_new_names() {
        let texts = [
            "// clu",
            "a /* b",
            "12",
            "1.5",
            "\"closed\"",
            "let ab",
            "for ",
            "fn f",
            "a ",
            "f(1) x",
            "x[0] ",
            "\"a\" ",
        ];
        for text in texts {
            assert_eq!(said(text), "nothing", "{text}");
        }
        assert_eq!(said("\"// in a text"), "\"// in a text\" Text");
    }
}
