//! Puts `[secret NAME]` in the place of values.
//!
//! Forms of a value of up to [`LONG`] bytes are found by one automaton for all. Of longer ones (keys, certificates, whole
//! files) the automaton would take gigabytes; they are cut into blocks of [`BLOCK`] bytes, whose hashes are looked up for
//! each position of the text by a rolling hash. A block alone is masked too, so that a value that was cut off is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::forms::{Edges, forms};
use super::intervals::{Hit, merged, outside};
use super::{MIN_MASKED, Placeholder, Secret};

const LONG: usize = 100;
const BLOCK: usize = 32;

/// Shorter pieces of base64 are not looked for across line breaks.
const WRAPPED: usize = 16;

#[derive(Clone, Copy)]
struct Pattern {
    secret: usize,
    base64: Option<Edges>,
}

/// Masks the values of a fixed set of secrets.
pub(super) struct Masker {
    marks: Vec<String>,
    /// The marks themselves, which stay as they are.
    kept: Option<AhoCorasick>,
    short: Option<AhoCorasick>,
    patterns: Vec<Pattern>,
    blocks: HashMap<u64, Pattern>,
}

impl Masker {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = (&'a Secret, &'a Placeholder)>) -> Self {
        let mut masker =
            Self { marks: Vec::new(), kept: None, short: None, patterns: Vec::new(), blocks: HashMap::new() };
        let mut texts = Vec::new();
        for (index, (secret, placeholder)) in secrets.enumerate() {
            masker.marks.push(secret.origin().mark());
            masker.patterns.push(Pattern { secret: index, base64: None });
            texts.push(zeroize::Zeroizing::new(placeholder.as_str().to_owned()));
            for form in forms(secret.expose()) {
                let pattern = Pattern { secret: index, base64: form.base64 };
                if form.text.len() > LONG {
                    masker.add_blocks(form.text.as_bytes(), pattern);
                } else {
                    masker.patterns.push(pattern);
                    texts.push(form.text);
                }
            }
        }
        // Building fails only beyond 2^31 states; each secret has at most some thousands.
        masker.short =
            AhoCorasick::builder().match_kind(MatchKind::Standard).build(texts.iter().map(|t| t.as_bytes())).ok();
        masker.kept = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&masker.marks).ok();
        masker
    }

    fn add_blocks(&mut self, form: &[u8], pattern: Pattern) {
        let last = form.len() - BLOCK;
        for start in (0..last).step_by(BLOCK).chain([last]) {
            let edges =
                |edges: Edges| Edges { before: edges.before && start == 0, after: edges.after && start == last };
            let pattern = Pattern { secret: pattern.secret, base64: pattern.base64.map(edges) };
            let hash = form[start..start + BLOCK].iter().fold(0, |hash, byte| roll(hash, *byte));
            self.blocks.entry(hash).or_insert(pattern);
        }
    }

    pub(super) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut hits = Vec::new();
        self.find(text.as_bytes(), |range, pattern| hits.push(Hit { range, secret: pattern.secret }));
        self.find_wrapped(text.as_bytes(), &mut hits);
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        let kept: Vec<Range<usize>> =
            self.kept.iter().flat_map(|kept| kept.find_iter(text)).map(|found| found.range()).collect();
        let hits = merged(outside(hits, &kept));
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for hit in hits {
            let start = text.floor_char_boundary(hit.range.start).max(from);
            out.push_str(&text[from..start]);
            out.push_str(&self.marks[hit.secret]);
            from = text.ceil_char_boundary(hit.range.end);
        }
        out.push_str(&text[from..]);
        Cow::Owned(out)
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

    /// Finds base64 that is wrapped over lines (as `base64`, PEM and YAML do), also where line breaks stand as `\n`.
    fn find_wrapped(&self, text: &[u8], hits: &mut Vec<Hit>) {
        if !text.iter().any(|b| matches!(b, b'\n' | b'\\')) {
            return;
        }
        let mut joined = Vec::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len());
        let mut i = 0;
        while let Some(&byte) = text.get(i) {
            if byte == b'\\' && matches!(text.get(i + 1), Some(b'n' | b'r')) {
                i += 2;
                continue;
            }
            if !byte.is_ascii_whitespace() {
                joined.push(byte);
                places.push(i);
            }
            i += 1;
        }
        self.find(&joined, |range, pattern| {
            if pattern.base64.is_some() && range.len() >= WRAPPED {
                hits.push(Hit { range: places[range.start]..places[range.end - 1] + 1, secret: pattern.secret });
            }
        });
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
