//! Finds traces of placeholders in a text.
//!
//! Every eight characters in a row of each placeholder, forwards and backwards, stand in a set. A text is read with upper
//! case folded and everything but letters and digits left out, first as it is, then as what its encodings give; eight
//! characters in a row that are in the set are a trace. A text of random letters and digits has one by chance about once in
//! 10⁹ characters a secret; ordinary text never.

use std::collections::{BTreeSet, HashMap};

use super::{Placeholder, decode};

/// The length of the shortest trace.
pub(super) const PIECE: usize = 8;

/// The length of the shortest trace in base64, the shortest of the encodings.
const ENCODED: usize = 11;

/// How many encodings inside one another are undone: a registry's login in base64, in JSON, in base64 is two.
const DEPTH: usize = 3;

/// The set of traces. Secrets go by their index.
#[derive(Default, Clone)]
pub(super) struct Grams {
    /// A bitmap that rules out nearly everything at once.
    filter: Vec<u64>,
    shift: u32,
    exact: HashMap<u64, usize>,
}

impl Grams {
    pub(super) fn add(&mut self, secret: usize, placeholder: &Placeholder) {
        let mut new = Vec::new();
        for gram in placeholder.as_str().as_bytes().windows(PIECE) {
            new.push(gram.iter().fold(0, |w, b| push(w, *b)));
            new.push(gram.iter().rev().fold(0, |w, b| push(w, *b)));
        }
        self.exact.extend(new.iter().map(|gram| (*gram, secret)));
        // Some 64 bits a trace, so that one window in 64 or fewer goes on to the exact set.
        let bits = (self.exact.len() * 64).next_power_of_two().clamp(1 << 12, 1 << 23);
        if bits > self.filter.len() * 64 {
            self.filter = vec![0; bits / 64];
            self.shift = 64 - bits.trailing_zeros();
            new = self.exact.keys().copied().collect();
        }
        for gram in new {
            let bit = slot(gram, self.shift);
            self.filter[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// The secrets whose whole placeholders begin in `text`, where, in order. `whole` says whether a secret's does.
    pub(super) fn starts(&self, text: &[u8], whole: impl Fn(usize, &[u8]) -> bool) -> Vec<(usize, usize)> {
        let mut starts = Vec::new();
        let mut window = 0;
        for (i, byte) in text.iter().enumerate() {
            window = push(window, *byte);
            if i + 1 >= PIECE
                && let Some(secret) = self.exact.get(&window)
                && whole(*secret, &text[i + 1 - PIECE..])
            {
                starts.push((i + 1 - PIECE, *secret));
            }
        }
        starts
    }

    /// The secrets whose placeholders have left a trace in `text`.
    pub(super) fn traces(&self, text: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.look(text.as_bytes(), DEPTH, &mut found);
        found
    }

    fn look(&self, text: &[u8], depth: usize, found: &mut BTreeSet<usize>) {
        if text.len() < PIECE {
            return;
        }
        self.scan(text, found);
        if let Some(unescaped) = decode::unescaped(text) {
            self.scan(&unescaped, found);
        }
        if depth > 0 && text.len() >= ENCODED {
            decode::decoded_runs(text, |run| self.look(run, depth - 1, found));
        }
    }

    fn scan(&self, text: &[u8], found: &mut BTreeSet<usize>) {
        let mut window = 0;
        for byte in text {
            let folded = FOLD[usize::from(*byte)];
            if folded == 0 {
                continue;
            }
            window = push(window, folded);
            let bit = slot(window, self.shift);
            if self.filter[bit / 64] & 1 << (bit % 64) != 0
                && let Some(secret) = self.exact.get(&window)
            {
                found.insert(*secret);
            }
        }
    }
}

/// The window moves on by one character; it holds the last eight.
fn push(window: u64, byte: u8) -> u64 {
    window << 8 | u64::from(byte)
}

fn slot(window: u64, shift: u32) -> usize {
    // The bitmap has at most 2^23 bits, so the value fits any usize.
    (window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

/// Letters in lower case and digits; 0 for everything else.
const FOLD: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        if byte.is_ascii_alphanumeric() {
            table[b] = byte.to_ascii_lowercase();
        }
        b += 1;
    }
    table
};
