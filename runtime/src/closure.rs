//! Closures of scripts, with captures of their own.
//!
//! Rhai's closures share what they capture: a `for` loop overwrites the one cell that all its closures see, and two
//! threads that touch one cell fail. So a closure is copied, captures and all, when it is taken and again before each
//! call; the copy is compared afterwards, and a changed capture is an error instead of a lost write.

use std::collections::HashMap;

use rhai::{Array, Dynamic, FnPtr, Map};

use crate::{Error, Kind, Result};

/// A closure that a primitive has been given. Its captures are nobody else's.
#[derive(Clone, Debug)]
pub struct Closure {
    pointer: FnPtr,
}

impl Closure {
    /// Takes a closure: from here on, nothing that the script does changes what it sees.
    #[must_use]
    pub fn take(pointer: &FnPtr) -> Self {
        Self { pointer: private(pointer) }
    }

    /// The function's name: `anon$…` for a closure.
    #[must_use]
    pub fn name(&self) -> &str {
        self.pointer.fn_name()
    }

    /// How many values it captured.
    #[must_use]
    pub fn captures(&self) -> usize {
        self.pointer.curry().len()
    }

    /// As a script has it.
    #[must_use]
    pub fn into_pointer(self) -> FnPtr {
        self.pointer
    }

    /// A copy for one call.
    #[must_use]
    pub fn for_call(&self) -> FnPtr {
        private(&self.pointer)
    }

    /// Compares the copy after its call with what it was.
    ///
    /// # Errors
    /// [`Kind::Script`] if the call changed a captured value; `names` gives the captures' names, where known.
    pub fn check_unchanged(&self, called: &FnPtr, names: impl FnOnce() -> Vec<String>) -> Result<()> {
        let pairs = self.pointer.curry().iter().zip(called.curry());
        let mut seen = Seen::default();
        let changed = pairs.enumerate().find(|(_, (before, after))| !same(before, after, &mut seen, 0));
        let Some((index, _)) = changed else { return Ok(()) };
        let which = names()
            .get(index)
            .map_or_else(|| "a captured variable".to_owned(), |n| format!("the captured variable `{n}`"));
        Err(Error::new(Kind::Script, format!("the closure changed {which}, and the change would be lost"))
            .hint("use `ctx.state` for what later steps need, or return it"))
    }
}

type Memo = HashMap<usize, Dynamic>;

fn private(pointer: &FnPtr) -> FnPtr {
    copy_pointer(pointer, &mut Memo::new())
}

/// Copies that share nothing with these values, but with each other what these share.
pub(crate) fn copies<'a>(values: impl Iterator<Item = &'a Dynamic>) -> Vec<Dynamic> {
    let mut memo = Memo::new();
    values.map(|value| copy_value(value, &mut memo)).collect()
}

fn copy_pointer(pointer: &FnPtr, memo: &mut Memo) -> FnPtr {
    let mut copy = pointer.clone();
    for capture in copy.iter_curry_mut() {
        *capture = copy_value(capture, memo);
    }
    copy
}

/// The address of the cell of a shared value.
fn cell(value: &Dynamic) -> Option<usize> {
    if !value.is_shared() {
        return None;
    }
    let guard = value.read_lock::<Dynamic>()?;
    Some(std::ptr::from_ref::<Dynamic>(&guard) as usize)
}

fn copy_value(value: &Dynamic, memo: &mut Memo) -> Dynamic {
    let Some(address) = cell(value) else { return copy_inner(value, memo) };
    if let Some(copied) = memo.get(&address) {
        return copied.clone();
    }
    // The copy's cell is known before its content is, so that a value that holds itself ends in itself.
    let mut copied = Dynamic::UNIT.into_shared();
    memo.insert(address, copied.clone());
    let inner = match value.read_lock::<Dynamic>() {
        Some(inner) => copy_inner(&inner, memo),
        None => Dynamic::UNIT,
    };
    if let Some(mut slot) = copied.write_lock::<Dynamic>() {
        *slot = inner;
    }
    copied
}

fn copy_inner(value: &Dynamic, memo: &mut Memo) -> Dynamic {
    if let Some(array) = value.read_lock::<Array>() {
        return Dynamic::from_array(array.iter().map(|item| copy_value(item, memo)).collect());
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Dynamic::from_map(map.iter().map(|(k, v)| (k.clone(), copy_value(v, memo))).collect());
    }
    if let Some(pointer) = value.read_lock::<FnPtr>() {
        return Dynamic::from(copy_pointer(&pointer, memo));
    }
    value.clone()
}

#[derive(Default)]
struct Seen(std::collections::HashSet<(usize, usize)>);

fn same(a: &Dynamic, b: &Dynamic, seen: &mut Seen, depth: usize) -> bool {
    if depth > crate::value::MAX_DEPTH {
        return true;
    }
    if let (Some(left), Some(right)) = (cell(a), cell(b))
        && !seen.0.insert((left, right))
    {
        return true;
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Array>(), b.read_lock::<Array>()) {
        return a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b, seen, depth + 1));
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Map>(), b.read_lock::<Map>()) {
        return a.len() == b.len()
            && a.iter().zip(b.iter()).all(|((k, a), (l, b))| k == l && same(a, b, seen, depth + 1));
    }
    if let (Some(a), Some(b)) = (a.read_lock::<FnPtr>(), b.read_lock::<FnPtr>()) {
        return a.fn_name() == b.fn_name()
            && a.curry().len() == b.curry().len()
            && a.curry().iter().zip(b.curry()).all(|(a, b)| same(a, b, seen, depth + 1));
    }
    // Handles of Rust's have no content that a script could change unseen.
    equal(a, b).unwrap_or(a.type_id() == b.type_id())
}

/// Whether two values without parts are equal, as far as they are data.
pub(crate) fn equal(a: &Dynamic, b: &Dynamic) -> Option<bool> {
    if a.type_id() != b.type_id() {
        return Some(false);
    }
    if a.is_unit() {
        return Some(true);
    }
    if a.is_string() {
        let (a, b) = (a.as_immutable_string_ref().ok()?, b.as_immutable_string_ref().ok()?);
        return Some(std::ptr::eq(a.as_str(), b.as_str()) || *a == *b);
    }
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Some(a == b);
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Some(a == b);
    }
    if let (Ok(a), Ok(b)) = (a.as_float(), b.as_float()) {
        return Some(a.to_bits() == b.to_bits());
    }
    if let (Ok(a), Ok(b)) = (a.as_char(), b.as_char()) {
        return Some(a == b);
    }
    let (a, b) = (a.read_lock::<rhai::Blob>()?, b.read_lock::<rhai::Blob>()?);
    Some(*a == *b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhai::Engine;

    fn closure(script: &str) -> FnPtr {
        Engine::new().eval::<FnPtr>(script).unwrap()
    }

    #[test]
    fn a_loop_that_goes_on_does_not_reach_a_taken_closure() {
        let pointer = closure("let x = 1; let f = || x; f");
        let taken = Closure::take(&pointer);
        *pointer.curry()[0].clone().write_lock::<Dynamic>().unwrap() = 2.into();
        assert_eq!(taken.for_call().curry()[0].as_int().unwrap(), 1);
        assert_eq!(pointer.curry()[0].as_int().unwrap(), 2);
    }

    #[test]
    fn a_change_in_a_call_is_found_however_deep() {
        let taken = Closure::take(&closure("let x = #{ a: [1, #{ b: 2 }] }; || x"));
        let called = taken.for_call();
        assert!(taken.check_unchanged(&called, Vec::new).is_ok());
        {
            let mut slot = called.curry()[0].clone();
            let mut map = slot.write_lock::<Map>().unwrap();
            let mut list = map.get_mut("a").unwrap().write_lock::<Array>().unwrap();
            list.push(3.into());
        }
        let error = taken.check_unchanged(&called, || vec!["x".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("`x`"), "{error}");
        assert!(taken.check_unchanged(&taken.for_call(), Vec::new).is_ok(), "a retry starts clean");
    }

    #[test]
    fn aliases_stay_aliases_and_cycles_end() {
        let pointer = closure("let x = [1]; let f = || x; let g = || { x; f.call() }; g");
        let copy = Closure::take(&pointer).for_call();
        assert_eq!(copy.curry().len(), 2);
        let mut x = copy.curry().iter().find(|c| !c.is_fnptr()).unwrap().clone();
        x.write_lock::<Array>().unwrap().push(2.into());
        let f = copy.curry().iter().find_map(|c| c.read_lock::<FnPtr>().map(|f| f.clone())).unwrap();
        assert_eq!(f.curry()[0].read_lock::<Array>().unwrap().len(), 2, "f sees the same x");

        let mut holder = Dynamic::from_array(vec![]).into_shared();
        let again = holder.clone();
        holder.write_lock::<Array>().unwrap().push(again);
        let mut cyclic = FnPtr::new("f").unwrap();
        cyclic.add_curry(holder);
        let taken = Closure::take(&cyclic);
        assert!(taken.check_unchanged(&taken.for_call(), Vec::new).is_ok());
    }
}
