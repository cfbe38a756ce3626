//! How two texts differ, as Go's `difflib` says it (Python's algorithm): the longest equal block first, then what is before
//! and behind it.

use std::collections::HashMap;
use std::fmt::Write;

use crate::Json;

/// How many equal lines stand around a difference.
const CONTEXT: usize = 3;
/// From this many lines on, those that are frequent are no longer looked for.
const LONG: usize = 200;

/// The lines of a value, as Go indents it.
pub(super) fn lines(value: &Json) -> Vec<String> {
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, format);
    // Writing into memory does not fail.
    drop(serde::Serialize::serialize(value, &mut writer));
    let text = String::from_utf8_lossy(&text);
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// A run of lines, equal or not: `a[0]..a[1]` became `b[0]..b[1]`.
#[derive(Debug, Clone, Copy)]
struct Run {
    equal: bool,
    a: [usize; 2],
    b: [usize; 2],
}

/// The differences, with the lines around them.
pub(super) fn unified(a: &[String], b: &[String]) -> String {
    let mut text = String::new();
    for group in groups(&runs(a, b)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let range = |from: usize, to: usize| match to - from {
            1 => (from + 1).to_string(),
            0 => format!("{from},0"),
            length => format!("{},{length}", from + 1),
        };
        let (old, new) = (range(first.a[0], last.a[1]), range(first.b[0], last.b[1]));
        // Writing into a text does not fail.
        let _ = writeln!(text, "@@ -{old} +{new} @@");
        for run in &group {
            let mut put = |mark: char, lines: Option<&[String]>| {
                for line in lines.unwrap_or_default() {
                    text.push(mark);
                    text.push_str(line);
                }
            };
            if run.equal {
                put(' ', a.get(run.a[0]..run.a[1]));
            } else {
                put('-', a.get(run.a[0]..run.a[1]));
                put('+', b.get(run.b[0]..run.b[1]));
            }
        }
    }
    text
}

/// The runs that belong together, without what is equal for long.
fn groups(runs: &[Run]) -> Vec<Vec<Run>> {
    let mut groups = Vec::new();
    let mut group: Vec<Run> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let mut run = *run;
        let length = run.a[1] - run.a[0];
        if run.equal && place == 0 {
            run = tail(run, length.min(CONTEXT));
        } else if run.equal && length > 2 * CONTEXT && place + 1 < runs.len() {
            group.push(head(run, CONTEXT));
            groups.push(std::mem::take(&mut group));
            run = tail(run, CONTEXT);
        }
        if run.equal && place + 1 == runs.len() {
            let length = run.a[1] - run.a[0];
            run = head(run, length.min(CONTEXT));
        }
        group.push(run);
    }
    if group.iter().any(|run| !run.equal) {
        groups.push(group);
    }
    groups
}

fn head(run: Run, length: usize) -> Run {
    Run { a: [run.a[0], run.a[0] + length], b: [run.b[0], run.b[0] + length], ..run }
}

fn tail(run: Run, length: usize) -> Run {
    Run { a: [run.a[1] - length, run.a[1]], b: [run.b[1] - length, run.b[1]], ..run }
}

fn runs(a: &[String], b: &[String]) -> Vec<Run> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, line) in b.iter().enumerate() {
        places.entry(line).or_default().push(place);
    }
    if b.len() >= LONG {
        let most = b.len() / 100 + 1;
        places.retain(|_, places| places.len() <= most);
    }
    let mut blocks = Vec::new();
    Blocks { a, b, places }.find([0, a.len()], [0, b.len()], &mut blocks);
    blocks.push((a.len(), b.len(), 0));
    let mut runs: Vec<Run> = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (at, bt, length) in blocks {
        if i < at || j < bt {
            runs.push(Run { equal: false, a: [i, at], b: [j, bt] });
        }
        (i, j) = (at + length, bt + length);
        match runs.last_mut() {
            _ if length == 0 => {}
            // Blocks side by side are one.
            Some(last) if last.equal => (last.a[1], last.b[1]) = (i, j),
            _ => runs.push(Run { equal: true, a: [at, i], b: [bt, j] }),
        }
    }
    runs
}

struct Blocks<'a> {
    a: &'a [String],
    b: &'a [String],
    /// Where a line of `b` is; nowhere, if it is frequent.
    places: HashMap<&'a str, Vec<usize>>,
}

impl Blocks<'_> {
    /// The equal blocks within these parts, in order.
    fn find(&self, in_a: [usize; 2], in_b: [usize; 2], found: &mut Vec<(usize, usize, usize)>) {
        let (i, j, length) = self.longest(in_a, in_b);
        if length == 0 {
            return;
        }
        if in_a[0] < i && in_b[0] < j {
            self.find([in_a[0], i], [in_b[0], j], found);
        }
        found.push((i, j, length));
        if i + length < in_a[1] && j + length < in_b[1] {
            self.find([i + length, in_a[1]], [j + length, in_b[1]], found);
        }
    }

    fn longest(&self, in_a: [usize; 2], in_b: [usize; 2]) -> (usize, usize, usize) {
        let mut best = (in_a[0], in_b[0], 0);
        let mut lengths: HashMap<usize, usize> = HashMap::new();
        for (i, line) in self.a.iter().enumerate().take(in_a[1]).skip(in_a[0]) {
            let mut next = HashMap::new();
            let places = self.places.get(line.as_str()).map_or(&[][..], Vec::as_slice);
            for &j in places.iter().filter(|j| (in_b[0]..in_b[1]).contains(*j)) {
                let length = j.checked_sub(1).and_then(|before| lengths.get(&before)).copied().unwrap_or_default() + 1;
                next.insert(j, length);
                if length > best.2 {
                    best = (i + 1 - length, j + 1 - length, length);
                }
            }
            lengths = next;
        }
        // Frequent lines count where they are beside others.
        let (mut i, mut j, mut length) = best;
        while i > in_a[0] && j > in_b[0] && self.a.get(i - 1) == self.b.get(j - 1) {
            (i, j, length) = (i - 1, j - 1, length + 1);
        }
        while i + length < in_a[1] && j + length < in_b[1] && self.a.get(i + length) == self.b.get(j + length) {
            length += 1;
        }
        (i, j, length)
    }
}
