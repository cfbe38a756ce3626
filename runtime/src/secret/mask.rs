//! Puts `[secret NAME]` in the place of values.
//!
//! Forms of a value of up to [`LONG`] bytes are found by one automaton for all. Of longer ones (keys, certificates, whole
//! files) the automaton would take gigabytes; they are cut into blocks of [`BLOCK`] bytes, whose hashes are looked up for
//! each position of the text by a rolling hash. A block alone is masked too, so that a value that was cut off is.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use zeroize::Zeroizing;

use super::MIN_MASKED;
use super::forms::{Edges, forms};
use super::intervals::{Hit, Hits};
use super::origin::MARK;
use super::registry::Entry;

const LONG: usize = 100;
const BLOCK: usize = 32;

/// A block of no more different bytes (a rule, an indentation) counts only beside other blocks.
const PLAIN: usize = 3;

/// Shorter pieces of base64 are not looked for across line breaks.
const WRAPPED: usize = 16;

#[derive(Clone, Copy)]
struct Pattern {
    secret: usize,
    base64: Option<Edges>,
    weak: bool,
}

impl Pattern {
    fn hit(&self, range: Range<usize>) -> Hit {
        Hit { range, secret: self.secret, weak: self.weak }
    }
}

/// Finds the values of some of the session's secrets.
pub(super) struct Matcher {
    /// The secrets' indices.
    secrets: Range<usize>,
    short: Option<AhoCorasick>,
    patterns: Vec<Pattern>,
    blocks: HashMap<u64, Pattern>,
}

impl Matcher {
    fn new(secrets: Range<usize>, entries: &[Entry]) -> Self {
        let mut matcher = Self { secrets: secrets.clone(), short: None, patterns: Vec::new(), blocks: HashMap::new() };
        let mut texts = Vec::new();
        for secret in secrets {
            let Entry { placeholder, secret: value, is_in_clear } = &entries[secret];
            matcher.patterns.push(Pattern { secret, base64: None, weak: false });
            texts.push(Zeroizing::new(placeholder.as_str().to_owned()));
            for form in if *is_in_clear { Vec::new() } else { forms(value.expose()) } {
                let pattern = Pattern { secret, base64: form.base64, weak: false };
                if form.text.len() > LONG {
                    matcher.add_blocks(form.text.as_bytes(), pattern);
                } else {
                    matcher.patterns.push(pattern);
                    texts.push(form.text);
                }
            }
        }
        // Building fails only beyond 2^31 states; each secret has at most some thousands.
        // A chart or a program may write them in capitals.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true);
        matcher.short = builder.build(texts.iter().map(|text| text.as_bytes())).ok();
        matcher
    }

    fn add_blocks(&mut self, form: &[u8], pattern: Pattern) {
        let last = form.len() - BLOCK;
        let starts = || (0..last).step_by(BLOCK).chain([last]);
        let plain = |start: usize| {
            let mut seen = form[start..start + BLOCK].to_vec();
            seen.sort_unstable();
            seen.dedup();
            seen.len() <= PLAIN
        };
        let all = starts().all(plain);
        for start in starts() {
            let edges =
                |edges: Edges| Edges { before: edges.before && start == 0, after: edges.after && start == last };
            let pattern =
                Pattern { base64: pattern.base64.map(edges), weak: !all && plain(start), secret: pattern.secret };
            let hash = form[start..start + BLOCK].iter().fold(0, |hash, byte| roll(hash, *byte));
            self.blocks.entry(hash).and_modify(|known| known.weak &= pattern.weak).or_insert(pattern);
        }
    }

    fn find(&self, text: &[u8], mut each: impl FnMut(Range<usize>, &Pattern)) {
        for found in self.short.iter().flat_map(|short| short.find_overlapping_iter(text)) {
            let pattern = &self.patterns[found.pattern().as_usize()];
            each(widened(text, found.range(), pattern), pattern);
        }
        if self.blocks.is_empty() || text.len() < BLOCK {
            return;
        }
        let mut hash = 0;
        for (i, byte) in text.iter().enumerate() {
            hash = roll(hash, *byte);
            if i >= BLOCK {
                hash = hash.wrapping_sub(LEAVES[usize::from(text[i - BLOCK])]);
            }
            if i + 1 >= BLOCK
                && let Some(pattern) = self.blocks.get(&hash)
            {
                each(widened(text, i + 1 - BLOCK..i + 1, pattern), pattern);
            }
        }
    }
}

/// The matchers of all secrets. A new secret does not have all of them made anew: matchers of few secrets are joined when
/// as many have come in, so that each secret is worked in at most log₂ n times.
#[derive(Default)]
pub(super) struct Matchers {
    list: Vec<Arc<Matcher>>,
}

impl Matchers {
    /// The matchers that together know all of `entries`.
    pub(super) fn of(&mut self, entries: &[Entry]) -> Vec<Arc<Matcher>> {
        let mut start = self.list.last().map_or(0, |last| last.secrets.end);
        if start < entries.len() {
            while let Some(last) = self.list.pop_if(|last| last.secrets.len() <= entries.len() - start) {
                start = last.secrets.start;
            }
            self.list.push(Arc::new(Matcher::new(start..entries.len(), entries)));
        }
        self.list.clone()
    }
}

/// The text with the marks of the secrets in the place of what `matchers` find.
pub(super) fn mask<'t>(
    text: &'t str,
    matchers: &[Arc<Matcher>],
    entries: &[Entry],
    marks: &HashSet<String>,
) -> Cow<'t, str> {
    let mut hits = Hits::new(marked(text, marks));
    let wrapped = Joined::new(text.as_bytes());
    for matcher in matchers {
        matcher.find(text.as_bytes(), |range, pattern| hits.add(pattern.hit(range)));
        if let Some(wrapped) = &wrapped {
            matcher.find(&wrapped.text, |range, pattern| {
                if pattern.base64.is_some() && range.len() >= WRAPPED {
                    hits.add(pattern.hit(wrapped.places[range.start]..wrapped.places[range.end - 1] + 1));
                }
            });
        }
    }
    let hits = hits.merged();
    if hits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        let start = text.floor_char_boundary(hit.range.start).max(from);
        out.push_str(&text[from..start]);
        out.push_str(&entries[hit.secret].secret.origin().mark());
        from = text.ceil_char_boundary(hit.range.end);
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// Where the text has marks already.
fn marked(text: &str, marks: &HashSet<String>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let longest = marks.iter().map(String::len).max().unwrap_or(0);
    for (start, _) in text.match_indices(MARK) {
        if ranges.last().is_some_and(|last| start < last.end) {
            continue;
        }
        let end = text.floor_char_boundary(start + longest);
        let mut ends = text[start..end].match_indices(']').map(|(at, _)| start + at + 1);
        ranges.extend(ends.rfind(|end| marks.contains(&text[start..*end])).map(|end| start..end));
    }
    ranges
}

/// A text without its white space, also where that stands as `\n`: base64 that is wrapped over lines (as `base64`, PEM and
/// YAML do) is in one piece in it.
struct Joined {
    text: Vec<u8>,
    /// Where each byte stands in the text.
    places: Vec<usize>,
}

impl Joined {
    fn new(text: &[u8]) -> Option<Self> {
        if !text.iter().any(|b| matches!(b, b'\n' | b'\\')) {
            return None;
        }
        let mut joined = Self { text: Vec::with_capacity(text.len()), places: Vec::with_capacity(text.len()) };
        let mut i = 0;
        while let Some(&byte) = text.get(i) {
            if byte == b'\\' && matches!(text.get(i + 1), Some(b'n' | b'r')) {
                i += 2;
                continue;
            }
            if !byte.is_ascii_whitespace() {
                joined.text.push(byte);
                joined.places.push(i);
            }
            i += 1;
        }
        Some(joined)
    }
}

/// Takes in the characters at the ends of a base64 form that hold a part of the value, and the padding.
fn widened(text: &[u8], range: Range<usize>, pattern: &Pattern) -> Range<usize> {
    let Some(edges) = pattern.base64 else { return range };
    let digit =
        |i: usize| text.get(i).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_'));
    let Range { mut start, mut end } = range;
    if edges.before && start > 0 && digit(start - 1) {
        start -= 1;
    }
    if edges.after && digit(end) {
        end += 1;
        while text.get(end) == Some(&b'=') {
            end += 1;
        }
    }
    start..end
}

/// An odd number, so that no byte of a block loses its weight.
const BASE: u64 = 0x5851_f42d_4c95_7f2d;

fn roll(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(WEIGHTS[byte as usize])
}

/// What each byte counts: scattered, so that texts of few different bytes do not collide.
const WEIGHTS: [u64; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let mut x = (b as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[b] = x ^ (x >> 31);
        b += 1;
    }
    table
};

/// What each byte still counts when it leaves a block.
const LEAVES: [u64; 256] = {
    let mut power: u64 = 1;
    let mut i = 0;
    while i < BLOCK {
        power = power.wrapping_mul(BASE);
        i += 1;
    }
    let mut table = WEIGHTS;
    let mut b = 0;
    while b < 256 {
        table[b] = table[b].wrapping_mul(power);
        b += 1;
    }
    table
};

// A value that is masked has at least as many characters as the shortest form.
const _: () = assert!(MIN_MASKED <= BLOCK && BLOCK < LONG);
