//! From the parser's events to JSON values, without recursion.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::indent::Stop;
use super::scalar::{Scalar, resolve, shorten};
use super::{Document, Limits};
use crate::error::{Error, Place, Result};

/// A finished node. A scalar keeps its type, since as a key it is printed differently from a value.
#[derive(Clone)]
enum Item {
    Scalar(Scalar),
    Tree(Value),
}

/// What a node costs when it is repeated.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
    /// How many levels of sequences and mappings it has.
    depth: usize,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.depth = self.depth.max(other.depth);
    }
}

/// The key that waits for its value.
enum Key {
    Merge,
    Named(String, Marker),
}

enum Content {
    Sequence(Vec<Value>),
    Mapping { entries: Map<String, Value>, explicit: HashMap<String, Marker>, key: Option<Key> },
}

/// A sequence or mapping that is not finished.
struct Frame {
    content: Content,
    anchor: usize,
    start: Marker,
    /// Whether it stands in brackets.
    flow: bool,
    cost: Cost,
}

pub(super) struct Builder<'a> {
    source: &'a str,
    limits: &'a Limits,
    open: Vec<Frame>,
    /// What each anchor stands for; nothing while its node is open.
    anchors: BTreeMap<usize, Option<(Item, Cost)>>,
    total: Cost,
    root: Option<Document>,
    done: Vec<Document>,
    cursor: Cursor<'a>,
}

/// Finds the place in the text of a character index, in one pass; indices grow from event to event.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    index: usize,
}

impl<'a> Cursor<'a> {
    /// The text before and from this index on.
    fn split(&mut self, index: usize) -> (&'a str, &'a str) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let ahead = index.saturating_sub(self.index);
        self.at += rest.char_indices().nth(ahead).map_or(rest.len(), |(at, _)| at);
        self.index = self.index.max(index);
        self.text.split_at(self.at)
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, source: &'a str, limits: &'a Limits) -> Self {
        Self {
            source,
            limits,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            total: Cost::default(),
            root: None,
            done: Vec::new(),
            cursor: Cursor { text, at: 0, index: 0 },
        }
    }

    /// Reads all documents, or stops at a line that kubectl would take as it is.
    pub(super) fn documents(mut self) -> Result<Vec<Document>, Stop> {
        for event in Parser::new_from_str(self.cursor.text) {
            let (event, span) = event.map_err(|e| {
                let error = self.fail(Fault::Syntax(e.info().to_owned()), *e.marker());
                Stop::of(e.info(), e.marker().line(), self.deepest(), error)
            })?;
            self.event(event, span).map_err(Stop::Fault)?;
        }
        Ok(self.done)
    }

    /// The deepest column at which something is open.
    fn deepest(&self) -> usize {
        let frame = |frame: &Frame| match &frame.content {
            Content::Mapping { key: Some(Key::Named(_, marker)), .. } => frame.start.col().max(marker.col()),
            _ => frame.start.col(),
        };
        self.open.iter().map(frame).max().unwrap_or_default()
    }

    fn place(&self, marker: Marker) -> Place {
        Place { source: self.source.into(), line: marker.line(), column: marker.col() + 1 }
    }

    fn fail(&self, fault: Fault, marker: Marker) -> Error {
        fault.at(self.place(marker))
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let marker = span.start;
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::DocumentEnd => self.done.extend(self.root.take().filter(|d| !d.value.is_null())),
            Event::Scalar(text, style, anchor, tag) => {
                if text.len() > self.limits.scalar {
                    return Err(self.fail(Fault::LongScalar(self.limits.scalar), marker));
                }
                let tag = tag.map(|t| full(&t));
                let plain = style == ScalarStyle::Plain;
                self.check_layout(&text, plain, span)?;
                if self.is_merge(&text, plain, tag.as_deref()) {
                    return self.await_merge(marker);
                }
                let scalar = resolve(&text, plain, tag.as_deref()).map_err(|f| self.fail(f, marker))?;
                let cost = Cost { nodes: 1, bytes: scalar.bytes(), depth: 0 };
                self.spend(cost, marker)?;
                let item = Item::Scalar(scalar);
                if anchor > 0 {
                    self.anchors.insert(anchor, Some((item.clone(), cost)));
                }
                self.put(item, cost, false, marker)?;
            }
            Event::SequenceStart(anchor, _) => self.start(Content::Sequence(Vec::new()), anchor, span)?,
            Event::MappingStart(anchor, _) => {
                let content = Content::Mapping { entries: Map::new(), explicit: HashMap::new(), key: None };
                self.start(content, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(frame) = self.open.pop() {
                    let value = match frame.content {
                        Content::Sequence(items) => Value::Array(items),
                        Content::Mapping { entries, .. } => Value::Object(entries),
                    };
                    let item = Item::Tree(value);
                    if frame.anchor > 0 {
                        self.anchors.insert(frame.anchor, Some((item.clone(), frame.cost)));
                    }
                    self.put(item, frame.cost, false, frame.start)?;
                }
            }
            Event::Alias(anchor) => {
                let (item, cost) = match self.anchors.get(&anchor) {
                    None => return Err(self.fail(Fault::UnknownAnchor, marker)),
                    Some(None) => return Err(self.fail(Fault::SelfReference, marker)),
                    Some(Some((_, cost))) if self.open.len() + cost.depth > self.limits.depth => {
                        return Err(self.fail(Fault::TooDeep(self.limits.depth), marker));
                    }
                    Some(Some((item, cost))) => {
                        let cost = *cost;
                        Self::fits(self.limits, self.total, cost).map_err(|f| self.fail(f, marker))?;
                        (item.clone(), cost)
                    }
                };
                self.spend(cost, marker)?;
                self.put(item, cost, true, marker)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        Ok(())
    }

    fn fits(limits: &Limits, mut total: Cost, cost: Cost) -> Result<(), Fault> {
        total.add(cost);
        if total.nodes > limits.nodes {
            return Err(Fault::TooMany(limits.nodes));
        }
        if total.bytes > limits.expanded {
            return Err(Fault::TooMuch(limits.expanded));
        }
        Ok(())
    }

    fn spend(&mut self, cost: Cost, marker: Marker) -> Result<()> {
        Self::fits(self.limits, self.total, cost).map_err(|f| self.fail(f, marker))?;
        self.total.add(cost);
        Ok(())
    }

    fn start(&mut self, content: Content, anchor: usize, span: Span) -> Result<()> {
        let marker = span.start;
        if self.awaits_key() {
            let what = if matches!(content, Content::Sequence(_)) { "a sequence" } else { "a mapping" };
            return Err(self.fail(Fault::Key(what.into()), marker));
        }
        if self.open.len() >= self.limits.depth {
            return Err(self.fail(Fault::TooDeep(self.limits.depth), marker));
        }
        let own = Cost { nodes: 1, bytes: 0, depth: 1 };
        self.spend(own, marker)?;
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.check_tabs(marker)?;
        let flow = self.in_flow() || self.cursor.split(span.end.index().saturating_sub(1)).1.starts_with(['[', '{']);
        self.open.push(Frame { content, anchor, start: marker, flow, cost: own });
        Ok(())
    }

    /// Refuses what the parser takes, by YAML 1.2, and kubectl does not, or takes for something else.
    fn check_layout(&mut self, text: &str, plain: bool, span: Span) -> Result<()> {
        self.check_tabs(span.start)?;
        if !plain || text.is_empty() {
            return Ok(());
        }
        let (_, from) = self.cursor.split(span.start.index());
        let start = self.cursor.at;
        let (_, after) = self.cursor.split(span.end.index());
        if self.in_flow() {
            let glued = matches!(after.as_bytes(), [b':', b',' | b'[' | b']' | b'{' | b'}', ..]);
            if glued || text.starts_with(':') {
                return Err(self.fail(Fault::GluedColon(shorten(text)), span.start));
            }
        } else if span.end.line() > span.start.line() {
            let mut lines = from[..self.cursor.at - start].split('\n').skip(1);
            if lines.any(|line| indentation(line).contains('\t')) {
                return Err(self.fail(Fault::Tab, span.start));
            }
        }
        Ok(())
    }

    /// Refuses a tab between the start of the line and a node, outside of brackets.
    fn check_tabs(&mut self, marker: Marker) -> Result<()> {
        if self.in_flow() {
            return Ok(());
        }
        let (before, _) = self.cursor.split(marker.index());
        let line = || before.chars().rev().take(marker.col());
        if line().all(|c| matches!(c, ' ' | '\t' | '-' | '?')) && line().any(|c| c == '\t') {
            return Err(self.fail(Fault::Tab, marker));
        }
        Ok(())
    }

    /// Whether the current place is inside brackets.
    fn in_flow(&self) -> bool {
        self.open.last().is_some_and(|frame| frame.flow)
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { content: Content::Mapping { key: None, .. }, .. }))
    }

    fn is_merge(&self, text: &str, plain: bool, tag: Option<&str>) -> bool {
        text == "<<" && self.awaits_key() && (tag == Some("tag:yaml.org,2002:merge") || (plain && tag.is_none()))
    }

    fn await_merge(&mut self, marker: Marker) -> Result<()> {
        self.spend(Cost { nodes: 1, bytes: 2, depth: 0 }, marker)?;
        if let Some(Frame { content: Content::Mapping { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(Key::Merge);
        }
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn put(&mut self, item: Item, cost: Cost, aliased: bool, marker: Marker) -> Result<()> {
        let source = self.source;
        let place = |marker: Marker| Place { source: source.into(), line: marker.line(), column: marker.col() + 1 };
        let Some(frame) = self.open.last_mut() else {
            let value = into_value(item).map_err(|f| f.at(place(marker)))?;
            self.root = Some(Document { value, line: marker.line() });
            return Ok(());
        };
        frame.cost.nodes = frame.cost.nodes.saturating_add(cost.nodes);
        frame.cost.bytes = frame.cost.bytes.saturating_add(cost.bytes);
        frame.cost.depth = frame.cost.depth.max(cost.depth + 1);
        match &mut frame.content {
            Content::Sequence(items) => items.push(into_value(item).map_err(|f| f.at(place(marker)))?),
            Content::Mapping { entries, explicit, key } => match key.take() {
                None => {
                    let name = match item {
                        Item::Scalar(scalar) => scalar.into_key(),
                        Item::Tree(_) => Err(Fault::Key("a sequence or mapping".into())),
                    };
                    *key = Some(Key::Named(name.map_err(|f| f.at(place(marker)))?, marker));
                }
                Some(Key::Merge) => {
                    let merged = merge(item, aliased).map_err(|f| f.at(place(marker)))?;
                    for (name, value) in merged {
                        entries.insert(name, value);
                    }
                }
                Some(Key::Named(name, at)) => {
                    if let Some(first) = explicit.get(&name).filter(|_| !self.limits.twice) {
                        let first = place(*first);
                        return Err(Fault::Duplicate { key: shorten(&name), first }.at(place(at)));
                    }
                    let value = into_value(item).map_err(|f| f.at(place(marker)))?;
                    explicit.insert(name.clone(), at);
                    entries.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn full(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn into_value(item: Item) -> Result<Value, Fault> {
    match item {
        Item::Scalar(scalar) => scalar.into_value(),
        Item::Tree(value) => Ok(value),
    }
}

/// The entries that a merge key brings, in the order in which they are set: of a list, the first mapping has the last
/// word. As in kubectl, an entry that stands *before* the merge key is replaced as well.
fn merge(item: Item, aliased: bool) -> Result<Vec<(String, Value)>, Fault> {
    match item {
        Item::Tree(Value::Object(map)) => Ok(map.into_iter().collect()),
        Item::Tree(Value::Array(items)) if !aliased => {
            let mut all = Vec::new();
            for item in items.into_iter().rev() {
                let Value::Object(map) = item else { return Err(Fault::Merge) };
                all.extend(map);
            }
            Ok(all)
        }
        _ => Err(Fault::Merge),
    }
}
