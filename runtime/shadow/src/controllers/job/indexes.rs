//! The indexes of an Indexed Job, as ranges: `0,2-5`.

use std::collections::BTreeSet;

/// Reads ranges; what is none is left out.
pub(super) fn read(said: &str) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for part in said.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<i64>(), to.parse::<i64>()) {
            all.extend(from..=to);
        }
    }
    all
}

/// Writes ranges.
pub(super) fn write(all: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for index in all {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == *index => *to = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let said = ranges.iter().map(|(from, to)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    });
    said.collect::<Vec<_>>().join(",")
}

/// The first indexes that are neither done nor being worked on.
pub(super) fn free(completions: i64, done: &BTreeSet<i64>, busy: impl Iterator<Item = i64>, most: usize) -> Vec<i64> {
    let taken: BTreeSet<i64> = done.iter().copied().chain(busy).collect();
    (0..completions).filter(|index| !taken.contains(index)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_go_both_ways() {
        let all: BTreeSet<i64> = [0, 2, 3, 5, 6, 7].into();
        assert_eq!(write(&all), "0,2,3,5-7");
        assert_eq!(read("0,2,3,5-7"), all);
        assert_eq!(read(""), BTreeSet::new());
        assert_eq!(free(9, &all, [1].into_iter(), 5), [4, 8]);
    }
}
