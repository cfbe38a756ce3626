//! The parts of a text that are masked.

use std::ops::Range;

/// A part of a text that belongs to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    /// The secret's index.
    pub(super) secret: usize,
}

/// Collects hits. Those that say nothing new are joined to the last one at once, so that a text of nothing but hits needs
/// no more memory than its own size.
pub(super) struct Hits {
    /// Ranges that stay as they are, in order, none overlapping.
    kept: Vec<Range<usize>>,
    list: Vec<Hit>,
}

impl Hits {
    pub(super) fn new(kept: Vec<Range<usize>>) -> Self {
        Self { kept, list: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn add(&mut self, range: Range<usize>, secret: usize) {
        let next = self.kept.partition_point(|kept| kept.start <= range.start);
        if next > 0 && self.kept[next - 1].end >= range.end {
            return;
        }
        if let Some(Hit { range: last, secret: of }) = self.list.last_mut() {
            if *of == secret && range.start <= last.end && last.start <= range.end {
                *last = last.start.min(range.start)..last.end.max(range.end);
                return;
            }
            if last.start <= range.start && range.end <= last.end {
                return;
            }
        }
        self.list.push(Hit { range, secret });
    }

    /// The hits in order, those joined that overlap, or that touch and belong to the same secret. The longest part gives
    /// the secret's name.
    pub(super) fn merged(self) -> Vec<Hit> {
        let mut list = self.list;
        list.sort_by_key(|hit| (hit.range.start, hit.range.end));
        let mut merged: Vec<Hit> = Vec::new();
        let mut longest = 0;
        for hit in list {
            let length = hit.range.len();
            match merged.last_mut() {
                Some(last)
                    if hit.range.start < last.range.end
                        || (hit.range.start == last.range.end && hit.secret == last.secret) =>
                {
                    last.range.end = last.range.end.max(hit.range.end);
                    if length > longest {
                        (last.secret, longest) = (hit.secret, length);
                    }
                }
                _ => {
                    longest = length;
                    merged.push(hit);
                }
            }
        }
        merged
    }
}
