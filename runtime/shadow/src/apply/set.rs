//! Sets of fields.

use std::collections::BTreeMap;

use super::element::{Element, Path};
use crate::Json;

/// A set of paths. A path is a member by itself: what is below it need not be, nor what is above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    nodes: BTreeMap<Element, Node>,
}

/// What a set says of one step. Never empty: either it is a member, or something below is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Node {
    member: bool,
    below: Set,
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl Set {
    /// A set of paths through fields.
    pub(crate) fn of(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Path = path.iter().map(|name| Element::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path; the root is never a member.
    pub(crate) fn insert(&mut self, path: &[Element]) {
        let Some((last, way)) = path.split_last() else { return };
        let mut set = self;
        for step in way {
            set = &mut set.nodes.entry(step.clone()).or_default().below;
        }
        set.nodes.entry(last.clone()).or_default().member = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether this path is a member.
    pub(crate) fn has(&self, path: &[Element]) -> bool {
        let Some((last, way)) = path.split_last() else { return false };
        let mut set = self;
        for step in way {
            let Some(node) = set.nodes.get(step) else { return false };
            set = &node.below;
        }
        set.has_step(last)
    }

    /// Whether the path of this one step is a member.
    pub(crate) fn has_step(&self, step: &Element) -> bool {
        self.nodes.get(step).is_some_and(|node| node.member)
    }

    /// What is below a step.
    pub(crate) fn below(&self, step: &Element) -> Option<&Self> {
        self.nodes.get(step).map(|node| &node.below).filter(|set| !set.is_empty())
    }

    /// All members: those of one level before those below them.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let (mut all, mut at) = (Vec::new(), Vec::new());
        self.collect(&mut at, &mut all);
        all
    }

    fn collect(&self, at: &mut Path, all: &mut Vec<Path>) {
        for (step, _) in self.nodes.iter().filter(|(_, node)| node.member) {
            at.push(step.clone());
            all.push(at.clone());
            at.pop();
        }
        for (step, node) in &self.nodes {
            at.push(step.clone());
            node.below.collect(at, all);
            at.pop();
        }
    }

    /// The steps on this level: each with whether it is a member, and with what is below.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&Element, bool, &Self)> {
        self.nodes.iter().map(|(step, node)| (step, node.member, &node.below))
    }

    /// What is in either.
    pub(crate) fn union(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    /// Adds all of another set.
    pub(crate) fn add(&mut self, other: &Self) {
        for (step, theirs) in &other.nodes {
            if let Some(ours) = self.nodes.get_mut(step) {
                ours.member |= theirs.member;
                ours.below.add(&theirs.below);
            } else {
                self.nodes.insert(step.clone(), theirs.clone());
            }
        }
    }

    /// What is in both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.both(|step, ours| {
            let theirs = other.nodes.get(step)?;
            Some(Node { member: ours.member && theirs.member, below: ours.below.intersection(&theirs.below) })
        })
    }

    /// What is in this one only. A parent in `other` does not take its children out.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        self.both(|step, ours| match other.nodes.get(step) {
            None => Some(ours.clone()),
            Some(theirs) => {
                Some(Node { member: ours.member && !theirs.member, below: ours.below.difference(&theirs.below) })
            }
        })
    }

    /// What is in this one only, where a parent in `other` takes out all that is below it.
    pub(crate) fn without_trees(&self, other: &Self) -> Self {
        self.both(|step, ours| match other.nodes.get(step) {
            None => Some(ours.clone()),
            Some(theirs) if theirs.member => None,
            Some(theirs) => Some(Node { member: ours.member, below: ours.below.without_trees(&theirs.below) }),
        })
    }

    fn both(&self, keep: impl Fn(&Element, &Node) -> Option<Node>) -> Self {
        let nodes = self.nodes.iter().filter_map(|(step, node)| {
            let kept = keep(step, node).filter(|kept| !kept.is_empty())?;
            Some((step.clone(), kept))
        });
        Self { nodes: nodes.collect() }
    }

    /// As `fieldsV1`.
    pub(crate) fn to_fields(&self) -> Json {
        Json::Object(self.fields(false))
    }

    fn fields(&self, itself: bool) -> serde_json::Map<String, Json> {
        let mut map = serde_json::Map::new();
        if itself && !self.is_empty() {
            map.insert(".".into(), Json::Object(serde_json::Map::new()));
        }
        for (step, node) in &self.nodes {
            map.insert(step.to_key(), Json::Object(node.below.fields(node.member)));
        }
        map
    }

    /// Reads `fieldsV1`.
    ///
    /// # Errors
    /// If a key is not one, or something in it is no object.
    pub(crate) fn from_fields(fields: &Json) -> Result<Self, String> {
        Ok(Self::read(fields)?.0)
    }

    /// The set, and whether the path that leads here is a member itself.
    fn read(fields: &Json) -> Result<(Self, bool), String> {
        let Json::Object(map) = fields else { return Err("expect { or n".into()) };
        let (mut set, mut itself) = (Self::default(), false);
        for (key, value) in map {
            if key == "." {
                itself = true;
                continue;
            }
            let Some(step) = Element::from_key(key)? else { continue };
            let (below, member) = Self::read(value)?;
            set.nodes.insert(step, Node { member, below });
        }
        itself |= set.is_empty();
        Ok((set, itself))
    }
}
