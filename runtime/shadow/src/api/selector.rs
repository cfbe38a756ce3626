//! Label and field selectors.

use std::sync::Arc;

use crate::Json;
use crate::catalog::ResourceType;
use crate::crd::Version;
use crate::error::ApiError;
use crate::store::{Stored, selectable};
use crate::validation::names;

/// Which objects a list or a watch is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
    /// Of a custom kind.
    definition: Option<Arc<Version>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Exists,
    Absent,
    In,
    NotIn,
    Above,
    Below,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldTerm {
    field: Field,
    value: String,
    equal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
    /// A place in the store's index.
    Indexed(usize),
    /// One of those that the definition of a custom kind names.
    Custom(usize),
}

impl Selection {
    /// By `labelSelector` and `fieldSelector`, of a resource.
    pub(crate) fn parse(kind: &ResourceType, labels: &str, fields: &str) -> Result<Self, ApiError> {
        let labels = parse_labels(labels).map_err(ApiError::bad_request)?;
        let fields = parse_fields(kind, fields).map_err(ApiError::bad_request)?;
        Ok(Self { labels, fields, definition: kind.definition.clone() })
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The one name that it asks for, where it does.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = self.fields.iter().find(|term| term.field == Field::Name && term.equal);
        named.map(|term| term.value.as_str())
    }

    pub(crate) fn matches(&self, stored: &Stored) -> bool {
        let custom = self.fields.iter().any(|term| matches!(term.field, Field::Custom(_)));
        let object = if custom { stored.json() } else { Json::Null };
        let field = |term: &FieldTerm| {
            let value = match (term.field, &self.definition) {
                (Field::Name, _) => stored.name(),
                (Field::Namespace, _) => stored.namespace(),
                (Field::Indexed(at), _) => stored.index.fields.get(at).map(|value| &**value).unwrap_or_default(),
                (Field::Custom(at), Some(definition)) => &definition.selected(at, &object),
                (Field::Custom(_), None) => "",
            };
            (value == term.value) == term.equal
        };
        self.labels.iter().all(|r| r.matches(stored.index.label(&r.key))) && self.fields.iter().all(field)
    }
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let among = |value: &str| self.values.iter().any(|wanted| wanted == value);
        let number = |text: &str| text.parse::<i64>().ok();
        let limit = self.values.first().and_then(|text| number(text));
        match self.operator {
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
            Operator::In => value.is_some_and(among),
            Operator::NotIn => !value.is_some_and(among),
            Operator::Above => value.and_then(number).zip(limit).is_some_and(|(value, limit)| value > limit),
            Operator::Below => value.and_then(number).zip(limit).is_some_and(|(value, limit)| value < limit),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// One of `= == != ! < > ( ) ,`.
    Symbol(&'a str),
    Bad(&'a str),
    End,
}

impl Token<'_> {
    fn said(self) -> String {
        match self {
            Self::Word(text) | Self::Symbol(text) => text.to_owned(),
            Self::Bad(text) => format!("error expected: keyword found '{text}'"),
            Self::End => String::new(),
        }
    }
}

const SYMBOLS: &str = "=!(),><";

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\r', '\n']);
    while !rest.is_empty() {
        let special = rest.starts_with(|c| SYMBOLS.contains(c));
        let (token, after) = if special {
            let known = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"].into_iter().find(|s| rest.starts_with(s));
            let (symbol, after) = rest.split_at(known.map_or(1, str::len));
            (if known.is_some() { Token::Symbol(symbol) } else { Token::Bad(symbol) }, after)
        } else {
            let end = rest.find(|c: char| SYMBOLS.contains(c) || " \t\r\n".contains(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            (Token::Word(word), after)
        };
        tokens.push(token);
        rest = after.trim_start_matches([' ', '\t', '\r', '\n']);
    }
    tokens
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        self.tokens.next().unwrap_or(Token::End)
    }

    fn peek(&mut self) -> Token<'a> {
        self.tokens.peek().copied().unwrap_or(Token::End)
    }
}

fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { tokens: tokens(text).into_iter().peekable() };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Symbol("!") => {}
            other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.said())),
        }
        let requirement = parse_requirement(&mut parser);
        requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") => match parser.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                other => return Err(format!("found '{}', expected: identifier after ','", other.said())),
            },
            other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.said())),
        }
    }
}

fn parse_requirement(parser: &mut Parser<'_>) -> Result<Requirement, String> {
    let absent = parser.peek() == Token::Symbol("!");
    if absent {
        parser.next();
    }
    let key = match parser.next() {
        Token::Word(key) => key.to_owned(),
        other => return Err(format!("found '{}', expected: identifier", other.said())),
    };
    let wrong = names::qualified(&key);
    if !wrong.is_empty() {
        return Err(format!("key: Invalid value: {key:?}: {}", wrong.join("; ")));
    }
    if absent {
        return Ok(Requirement { key, operator: Operator::Absent, values: Vec::new() });
    }
    if matches!(parser.peek(), Token::End | Token::Symbol(",")) {
        return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() });
    }
    let (operator, mut values) = match parser.next() {
        Token::Symbol("=" | "==") => (Operator::In, vec![parse_value(parser)?]),
        Token::Symbol("!=") => (Operator::NotIn, vec![parse_value(parser)?]),
        Token::Symbol(">") => (Operator::Above, vec![parse_value(parser)?]),
        Token::Symbol("<") => (Operator::Below, vec![parse_value(parser)?]),
        Token::Word("in") => (Operator::In, parse_values(parser)?),
        Token::Word("notin") => (Operator::NotIn, parse_values(parser)?),
        other => return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.said())),
    };
    values.sort();
    values.dedup();
    for (at, value) in values.iter().enumerate() {
        if matches!(operator, Operator::Above | Operator::Below) && value.parse::<i64>().is_err() {
            let rule = "for 'Gt', 'Lt' operators, the value must be an integer";
            return Err(format!("values[{at}]: Invalid value: {value:?}: {rule}"));
        }
        let wrong = names::label_value(value);
        if !wrong.is_empty() {
            return Err(format!("values[{at}][{key}]: Invalid value: {value:?}: {}", wrong.join("; ")));
        }
    }
    Ok(Requirement { key, operator, values })
}

fn parse_value(parser: &mut Parser<'_>) -> Result<String, String> {
    match parser.peek() {
        Token::End | Token::Symbol(",") => Ok(String::new()),
        Token::Word(word) => {
            parser.next();
            Ok(word.to_owned())
        }
        other => Err(format!("found '{}', expected: identifier", other.said())),
    }
}

fn parse_values(parser: &mut Parser<'_>) -> Result<Vec<String>, String> {
    match parser.next() {
        Token::Symbol("(") => {}
        other => return Err(format!("found '{}' expected: '('", other.said())),
    }
    let first = parser.peek();
    let mut values = Vec::new();
    let mut open = true;
    loop {
        match parser.next() {
            Token::Word(word) if open => {
                values.push(word.to_owned());
                open = false;
            }
            Token::Symbol(",") => {
                if open {
                    values.push(String::new());
                }
                open = true;
            }
            Token::Symbol(")") => {
                if open {
                    values.push(String::new());
                }
                return Ok(values);
            }
            other if !open => return Err(format!("found '{}', expected: ',' or ')'", other.said())),
            other if other == first => {
                return Err(format!("found '{}', expected: ',', ')' or identifier", other.said()));
            }
            other => return Err(format!("found '{}', expected: ',', or identifier", other.said())),
        }
    }
}

fn parse_fields(kind: &ResourceType, text: &str) -> Result<Vec<FieldTerm>, String> {
    let mut parts = split_terms(text);
    parts.sort_unstable();
    let mut terms = Vec::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let split = part.char_indices().find_map(|(at, _)| {
            let (before, rest) = part.split_at(at);
            let operator = ["!=", "==", "="].into_iter().find(|operator| rest.starts_with(operator))?;
            Some((before, operator, rest.get(operator.len()..)?))
        });
        let Some((field, operator, value)) = split else {
            return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
        };
        let (field, value) = (place(kind, field)?, unescape(value)?);
        terms.push(FieldTerm { field, value, equal: operator != "!=" });
    }
    Ok(terms)
}

fn place(kind: &ResourceType, field: &str) -> Result<Field, String> {
    if let Some(definition) = &kind.definition {
        return match field {
            "metadata.name" => Ok(Field::Name),
            "metadata.namespace" if kind.namespaced => Ok(Field::Namespace),
            _ => {
                let at = definition.selectable.iter().position(|(name, _)| name == field);
                at.map(Field::Custom).ok_or_else(|| format!("field label not supported: {field}"))
            }
        };
    }
    let (resource, group) = (&*kind.name, &*kind.group);
    let known = selectable(resource);
    let renamed = match (resource, group, field) {
        // Old clients of pods, and the newer version of Events, have names of their own.
        ("pods", _, "spec.host") => "spec.nodeName",
        ("events", "events.k8s.io", "reportingController") => "reportingComponent",
        ("events", "events.k8s.io", field) => match field.strip_prefix("regarding.") {
            Some(rest) => {
                let at = known.iter().position(|(name, _)| name.strip_prefix("involvedObject.") == Some(rest));
                return at.map(Field::Indexed).ok_or_else(|| format!("field label not supported: {field}"));
            }
            None => field,
        },
        _ => field,
    };
    if let Some(at) = known.iter().position(|(name, _)| *name == renamed) {
        return Ok(Field::Indexed(at));
    }
    let cluster_wide = matches!(resource, "nodes" | "namespaces" | "certificatesigningrequests.certificates.k8s.io");
    match field {
        "metadata.name" => Ok(Field::Name),
        "metadata.namespace" if !cluster_wide => Ok(Field::Namespace),
        _ if resource == "jobs.batch" => Err(format!("field label {field:?} not supported for Job")),
        _ if known.is_empty() => {
            Err(format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""))
        }
        _ => Err(format!("field label not supported: {field}")),
    }
}

fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.extend(text.get(start..));
    terms
}

fn unescape(value: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut letters = value.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some(c @ ('\\' | ',' | '=')) => text.push(c),
                Some(c) => return Err(format!("invalid field selector: invalid escape sequence: \\{c}")),
                None => return Err("invalid field selector: unterminated escape sequence".into()),
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {}", u32::from(c))),
            c => text.push(c),
        }
    }
    Ok(text)
}
