//! The parts of a text that are masked.

use std::ops::Range;

/// A part of a text that belongs to a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    /// The secret's index.
    pub(super) secret: usize,
}

/// Joins what overlaps, and what touches and belongs to the same secret. The longest part gives the secret's name.
pub(super) fn merged(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
    let mut merged: Vec<Hit> = Vec::new();
    let mut longest = 0;
    for hit in hits {
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

/// Leaves out the hits that lie inside one of the `kept` ranges (in order, none overlapping).
pub(super) fn outside(hits: Vec<Hit>, kept: &[Range<usize>]) -> Vec<Hit> {
    let inside = |hit: &Hit| {
        let next = kept.partition_point(|k| k.start <= hit.range.start);
        next > 0 && kept[next - 1].end >= hit.range.end
    };
    if kept.is_empty() { hits } else { hits.into_iter().filter(|hit| !inside(hit)).collect() }
}
