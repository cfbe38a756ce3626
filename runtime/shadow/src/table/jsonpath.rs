//! JSON paths as kubectl and custom columns have them: `.spec.x`, `.a['b.c']`, `.list[0]`, `[*]`,
//! `.conditions[?(@.type=="Ready")].status`, `..name`.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

use crate::Json;

/// A path that has been read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// All fields of an object, all items of a list.
    All,
    /// The value itself and all that is in it.
    Deep,
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: usize,
    },
    /// One item: from the end where negative.
    Item(i64),
    Filter {
        left: Operand,
        compare: Option<(Compare, Operand)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(JsonPath),
    Value(Json),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// More filters, which may stand in each other, or steps into all that is below, are in no path that is meant: each of
/// them costs as much again.
const MOST_FILTERS: usize = 8;
const MOST_DEEP: usize = 2;

impl JsonPath {
    /// Reads a path without its braces; nothing where it is not one, or uses what no column needs (unions, ranges).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.matches('?').count() > MOST_FILTERS || text.matches("..").count() > MOST_DEEP {
            return None;
        }
        let mut chars = text.trim().chars().peekable();
        let mut steps = Vec::new();
        while let Some(&next) = chars.peek() {
            chars.next();
            match next {
                '$' | '@' if steps.is_empty() => {}
                '.' if chars.peek() == Some(&'.') => {
                    chars.next();
                    steps.push(Step::Deep);
                    if chars.peek().is_some_and(|c| *c != '[') {
                        steps.push(field(&mut chars));
                    }
                }
                '.' => match field(&mut chars) {
                    Step::Field(name) if name.is_empty() => {}
                    step => steps.push(step),
                },
                '[' => steps.push(bracket(&bracketed(&mut chars)?)?),
                _ => return None,
            }
        }
        Some(Self(steps))
    }

    /// What the path leads to, in order; nothing where it cannot be followed (an index beyond the end, say). A field that
    /// is not there leads to nothing, which is an empty list.
    pub(crate) fn find<'a>(&self, root: &'a Json) -> Option<Vec<&'a Json>> {
        let mut found = vec![root];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in found {
                step.follow(value, &mut next)?;
            }
            found = next;
        }
        Some(found)
    }
}

fn field(chars: &mut Peekable<Chars<'_>>) -> Step {
    let mut name = String::new();
    while let Some(&next) = chars.peek() {
        match next {
            '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | ' ' | '\n' => break,
            '\\' => {
                chars.next();
                name.extend(chars.next());
            }
            _ => name.extend(chars.next()),
        }
    }
    if name == "*" { Step::All } else { Step::Field(name) }
}

/// The text up to the bracket's end; brackets inside texts and filters do not end it.
fn bracketed(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let (mut text, mut depth, mut quote) = (String::new(), 0, None);
    loop {
        let next = chars.next()?;
        match (next, quote) {
            ('\'' | '"', None) => quote = Some(next),
            (c, Some(open)) if c == open => quote = None,
            ('[' | '(', None) => depth += 1,
            (')', None) => depth -= 1,
            (']', None) if depth == 0 => return Some(text),
            (']', None) => depth -= 1,
            _ => {}
        }
        text.push(next);
    }
}

fn bracket(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|t| t.strip_suffix(')')) {
        return filter_step(filter);
    }
    if let Some(Json::String(name)) = quoted(text) {
        return Some(Step::Field(name));
    }
    let mut parts = text.split(':');
    let number = |part: Option<&str>| match part {
        None | Some("") => Some(None),
        Some(part) => part.trim().parse::<i64>().ok().map(Some),
    };
    let (from, to, step) = (number(parts.next())?, number(parts.next())?, number(parts.next())?);
    if parts.next().is_some() {
        return None;
    }
    match from {
        Some(index) if !text.contains(':') => Some(Step::Item(index)),
        _ => Some(Step::Slice { from, to, step: usize::try_from(step.unwrap_or(1)).ok().filter(|s| *s > 0)? }),
    }
}

fn quoted(text: &str) -> Option<Json> {
    let inner = ['\'', '"'].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q))?;
    Some(Json::String(inner.to_owned()))
}

fn filter_step(filter: &str) -> Option<Step> {
    let operators = [
        ("==", Compare::Equal),
        ("!=", Compare::NotEqual),
        ("<=", Compare::LessOrEqual),
        (">=", Compare::GreaterOrEqual),
        ("<", Compare::Less),
        (">", Compare::Greater),
    ];
    for (sign, compare) in operators {
        if let Some((left, right)) = filter.split_once(sign) {
            return Some(Step::Filter { left: operand(left)?, compare: Some((compare, operand(right)?)) });
        }
    }
    Some(Step::Filter { left: operand(filter)?, compare: None })
}

fn operand(text: &str) -> Option<Operand> {
    let text = text.trim();
    if text.starts_with(['@', '.', '$']) {
        return JsonPath::parse(text).map(Operand::Path);
    }
    quoted(text).or_else(|| serde_json::from_str(text).ok()).map(Operand::Value)
}

impl Operand {
    /// Its one value for an item; `Some(None)` where there is none, `None` where there are several.
    fn of<'a>(&'a self, item: &'a Json) -> Option<Option<&'a Json>> {
        match self {
            Self::Value(value) => Some(Some(value)),
            Self::Path(path) => match path.find(item)?.as_slice() {
                [] => Some(None),
                [one] => Some(Some(one)),
                _ => None,
            },
        }
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Json, found: &mut Vec<&'a Json>) -> Option<()> {
        match (self, value) {
            (Self::Field(name), Json::Object(fields)) => found.extend(fields.get(name)),
            (Self::All, Json::Object(fields)) => found.extend(fields.values()),
            (Self::All, Json::Array(items)) => found.extend(items),
            (Self::Deep, _) => deep(value, found),
            (Self::Item(index), Json::Array(items)) => {
                let index = if *index < 0 { *index + items.len() as i64 } else { *index };
                found.push(items.get(usize::try_from(index).ok()?)?);
            }
            (Self::Slice { from, to, step }, Json::Array(items)) => {
                let len = items.len() as i64;
                let place = |at: i64| if at < 0 { at + len } else { at };
                let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(len)));
                if from != to {
                    let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
                    found.extend(items.get(range)?.iter().step_by(*step));
                }
            }
            (Self::Filter { left, compare }, Json::Array(items)) => {
                for item in items {
                    if passes(item, left, compare.as_ref())? {
                        found.push(item);
                    }
                }
            }
            (Self::Item(_) | Self::Slice { .. }, Json::Null) | (Self::Field(_) | Self::All, _) => {}
            _ => return None,
        }
        Some(())
    }
}

fn deep<'a>(value: &'a Json, found: &mut Vec<&'a Json>) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            found.push(value);
            fields.values().for_each(|inner| deep(inner, found));
        }
        Json::Array(items) if !items.is_empty() => {
            found.push(value);
            items.iter().for_each(|inner| deep(inner, found));
        }
        _ => {}
    }
}

fn passes(item: &Json, left: &Operand, compare: Option<&(Compare, Operand)>) -> Option<bool> {
    let Some((compare, right)) = compare else {
        return Some(left.of(item).is_none_or(|value| value.is_some()));
    };
    let (Some(left), Some(right)) = (left.of(item)?, right.of(item)?) else { return Some(false) };
    let order = match (left, right) {
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Number(a), Json::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?)?,
        (Json::Bool(a), Json::Bool(b)) if matches!(compare, Compare::Equal | Compare::NotEqual) => a.cmp(b),
        // Values of different types cannot be compared at all.
        _ => return None,
    };
    Some(match compare {
        Compare::Equal => order == Ordering::Equal,
        Compare::NotEqual => order != Ordering::Equal,
        Compare::Less => order == Ordering::Less,
        Compare::LessOrEqual => order != Ordering::Greater,
        Compare::Greater => order == Ordering::Greater,
        Compare::GreaterOrEqual => order != Ordering::Less,
    })
}
