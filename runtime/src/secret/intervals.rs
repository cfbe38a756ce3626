//! The parts of a text that are masked.

use std::ops::Range;

/// A part of a text that belongs to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    /// The secret's index.
    pub(super) secret: usize,
    /// Whether it counts only beside another hit: a run of one character stands in many texts.
    pub(super) weak: bool,
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

    pub(super) fn add(&mut self, hit: Hit) {
        let next = self.kept.partition_point(|kept| kept.start <= hit.range.start);
        if next > 0 && self.kept[next - 1].end >= hit.range.end {
            return;
        }
        if let Some(last) = self.list.last_mut() {
            let (old, new) = (&last.range, &hit.range);
            if last.secret == hit.secret && new.start <= old.end && old.start <= new.end {
                last.range = old.start.min(new.start)..old.end.max(new.end);
                last.weak &= hit.weak;
                return;
            }
            if old.start <= new.start && new.end <= old.end && (hit.weak || !last.weak) {
                return;
            }
        }
        self.list.push(hit);
    }

    /// The hits in order, those joined that overlap, or that touch and belong to the same secret. The longest part gives
    /// the secret's name. What is weak altogether is left out.
    pub(super) fn merged(self) -> Vec<Hit> {
        let mut list = self.list;
        list.sort_by_key(|hit| (hit.range.start, hit.range.end));
        let mut merged: Vec<Hit> = Vec::new();
        let mut longest = (false, 0);
        for hit in list {
            let rank = (!hit.weak, hit.range.len());
            match merged.last_mut() {
                Some(last)
                    if hit.range.start < last.range.end
                        || (hit.range.start == last.range.end && hit.secret == last.secret) =>
                {
                    last.range.end = last.range.end.max(hit.range.end);
                    last.weak &= hit.weak;
                    if rank > longest {
                        (last.secret, longest) = (hit.secret, rank);
                    }
                }
                _ => {
                    longest = rank;
                    merged.push(hit);
                }
            }
        }
        merged.retain(|hit| !hit.weak);
        merged
    }
}
