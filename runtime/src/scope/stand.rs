//! Where a script stands that is followed: the statements that are under way, with copies of their variables.

use std::sync::Arc;

use rhai::{Dynamic, GlobalRuntimeState, Scope as Names};

use super::{LastStatement, Scope, current};
use crate::Place;
use crate::closure::equal;
use crate::session;
use crate::sync::lock;

/// How many values of lists and maps are copied at a statement: what is beyond it costs more than the statement.
const COPIED: usize = 1000;
/// How many of them are looked at between two primitives, which takes some milliseconds. A loop that goes on is followed with a few,
/// and takes hardly longer than without: what is not copied counts as too large, and is never shown as it was before.
const MANY: usize = 40_000;
/// How many looks take as long as a copy.
const COPY: usize = 5;
/// How many values are a few, whose copies take no longer than a statement does.
const FEW: usize = 32;

/// Where a script stands.
#[derive(Default)]
pub(super) struct Stand {
    /// The statements that are under way, the outermost first.
    frames: Vec<Frame>,
}

/// A statement that is under way. It is made once for each function that is open, and then follows from statement to statement.
struct Frame {
    /// The number of the calls that it is inside of.
    depth: usize,
    place: Place,
    /// The variables that can be seen there, the oldest first, and behind them what is kept for more of them.
    variables: Vec<Variable>,
    /// How many of them there are.
    seen: usize,
    /// What the script can call there.
    callable: Arc<GlobalRuntimeState>,
}

#[derive(Default)]
struct Variable {
    name: String,
    constant: bool,
    /// A copy of what it holds, unless that is too large.
    value: Option<Dynamic>,
}

impl Stand {
    /// The functions that were called from inside of so many calls have returned, or are about to be called.
    pub(super) fn has_returned(&mut self, depth: usize) {
        while self.frames.last().is_some_and(|frame| frame.depth > depth) {
            self.frames.pop();
        }
    }

    /// Where the script stood last; inside of no more than so many calls, from its own first statement on.
    pub(super) fn last(&self, calls: Option<usize>) -> Option<LastStatement> {
        let first = self.frames.first()?.depth;
        let deepest = calls.map_or(usize::MAX, |calls| first + calls);
        self.frames.iter().rev().find(|frame| frame.depth <= deepest).map(Frame::statement)
    }

    /// What the script can call with this state, as it is known of a statement that is under way, if that is the same.
    fn callable(&self, global: &GlobalRuntimeState) -> Option<Arc<GlobalRuntimeState>> {
        let mut known = self.frames.iter().rev().map(|frame| &frame.callable);
        known.find(|known| calls_the_same(known, global)).cloned()
    }
}

impl Scope {
    /// The script is about to evaluate a statement, inside of so many calls. One that calls a primitive may be where somebody stops.
    pub(crate) fn stands_at(
        &self,
        statement: &session::Statement<'_>,
        names: &Names<'_>,
        global: &GlobalRuntimeState,
        calls_out: bool,
    ) {
        let (depth, mut stand) = (statement.depth, lock(&self.stand));
        stand.has_returned(depth);
        let known = stand.frames.last().filter(|frame| frame.depth == depth);
        if known.is_none_or(|frame| !calls_the_same(&frame.callable, global)) {
            let callable = stand.callable(global).unwrap_or_else(|| self.callable(global).into());
            stand.frames.retain(|frame| frame.depth < depth);
            stand.frames.push(Frame { depth, place: statement.place(), variables: Vec::new(), seen: 0, callable });
        }
        let Some(frame) = stand.frames.last_mut() else { return };
        frame.stand_at(statement);
        let lists_or_maps = frame.see(names);
        if lists_or_maps {
            let room = if calls_out || current::looked_at() < MANY { COPIED } else { FEW };
            current::add_looked_at(frame.copy(names, room));
        }
    }
}

impl Frame {
    fn stand_at(&mut self, statement: &session::Statement<'_>) {
        statement.source.clone_into(&mut self.place.source);
        (self.place.line, self.place.column) = (statement.line, statement.column);
    }

    /// Sees which variables there are, copies those that are single values, and says whether there are others.
    fn see(&mut self, names: &Names<'_>) -> bool {
        let (count, mut others) = (names.len(), false);
        if self.variables.len() < count {
            self.variables.resize_with(count, Variable::default);
        }
        for (variable, (name, constant, value)) in self.variables[..count].iter_mut().rev().zip(names.iter_raw()) {
            if variable.name != name {
                name.clone_into(&mut variable.name);
            }
            variable.constant = constant;
            if is_single(value) {
                variable.value = Some(value.clone());
            } else {
                others = true;
            }
        }
        self.variables[count..self.seen.max(count)].iter_mut().for_each(|gone| gone.value = None);
        self.seen = count;
        others
    }

    /// Copies the lists and maps of which there is room for all values, where they are no longer as they were at the statement before.
    /// It says how many values it has looked at, or what was as much work.
    fn copy(&mut self, names: &Names<'_>, room: usize) -> usize {
        let (mut left, mut looked_at) = (room, 0);
        for (variable, (.., value)) in self.variables[..self.seen].iter_mut().rev().zip(names.iter_raw()) {
            if is_single(value) {
                continue;
            }
            let mut rest = left;
            let copied = renew(variable.value.get_or_insert(Dynamic::UNIT), value, &mut rest);
            looked_at += left - rest + COPY * copied.unwrap_or(0);
            match copied {
                Some(_) => left = rest,
                // What does not fit takes nothing from the others.
                None => variable.value = None,
            }
        }
        looked_at
    }

    fn statement(&self) -> LastStatement {
        let (kept, too_large): (Vec<_>, Vec<_>) =
            self.variables[..self.seen].iter().partition(|variable| variable.value.is_some());
        let kept =
            kept.into_iter().map(|kept| (kept.name.as_str(), kept.constant, kept.value.clone().unwrap_or_default()));
        LastStatement {
            place: self.place.clone(),
            names: super::names(kept),
            too_large: too_large.into_iter().map(|variable| variable.name.clone()).collect(),
            callable: self.callable.clone(),
        }
    }
}

/// Whether a value has no parts, or is the same in a copy: what is captured is the same cell.
fn is_single(value: &Dynamic) -> bool {
    value.is_shared() || !(value.is_array() || value.is_map() || value.is_blob())
}

/// Makes a copy the same as its value again, and says how many values were copied for it: those that have changed. A value that is,
/// with all of its parts, more values than are left is not copied; what was looked at is no longer left.
fn renew(copy: &mut Dynamic, value: &Dynamic, left: &mut usize) -> Option<usize> {
    if copy.is_shared() || value.is_shared() || copy.tag() != value.tag() {
        return copy_whole(copy, value, left);
    }
    if value.is_array()
        && let (Ok(mut kept), Ok(items)) = (copy.as_array_mut(), value.as_array_ref())
    {
        take(1, left)?;
        if items.len() > *left {
            return None;
        }
        kept.truncate(items.len());
        let mut copied = 0;
        for (copy, item) in kept.iter_mut().zip(items.iter()) {
            copied += renew(copy, item, left)?;
        }
        for item in &items[kept.len()..] {
            let mut copy = Dynamic::UNIT;
            copied += copy_whole(&mut copy, item, left)?;
            kept.push(copy);
        }
        return Some(copied);
    }
    if value.is_map()
        && let (Ok(mut kept), Ok(entries)) = (copy.as_map_mut(), value.as_map_ref())
        && kept.keys().eq(entries.keys())
    {
        take(1, left)?;
        let mut copied = 0;
        for (copy, entry) in kept.values_mut().zip(entries.values()) {
            copied += renew(copy, entry, left)?;
        }
        return Some(copied);
    }
    if is_single(value) && equal(copy, value) == Some(true) {
        take(1, left)?;
        return Some(0);
    }
    copy_whole(copy, value, left)
}

fn copy_whole(copy: &mut Dynamic, value: &Dynamic, left: &mut usize) -> Option<usize> {
    let before = *left;
    count(value, left)?;
    *copy = value.clone();
    Some(before - *left)
}

/// Takes from what is left as many values as a value is with all of its parts.
fn count(value: &Dynamic, left: &mut usize) -> Option<()> {
    take(1, left)?;
    if is_single(value) {
        return Some(());
    }
    if let Ok(items) = value.as_array_ref() {
        return if items.len() <= *left { items.iter().try_for_each(|item| count(item, left)) } else { None };
    }
    if let Ok(entries) = value.as_map_ref() {
        return if entries.len() <= *left { entries.values().try_for_each(|item| count(item, left)) } else { None };
    }
    take(value.as_blob_ref().map_or(0, |blob| blob.len() / 64), left)
}

fn take(count: usize, left: &mut usize) -> Option<()> {
    left.checked_sub(count).map(|rest| *left = rest)
}

/// Whether the same functions, imports and constants are there.
fn calls_the_same(one: &GlobalRuntimeState, other: &GlobalRuntimeState) -> bool {
    let constants = match (&one.constants, &other.constants) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    let imports = || one.scan_imports_raw().zip(other.scan_imports_raw());
    constants
        && one.lib.len() == other.lib.len()
        && one.lib.iter().zip(&other.lib).all(|(one, other)| Arc::ptr_eq(one, other))
        && one.num_imports() == other.num_imports()
        && imports().all(|((name, one), (other_name, other))| name == other_name && Arc::ptr_eq(one, other))
}
