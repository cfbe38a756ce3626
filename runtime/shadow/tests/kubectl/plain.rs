//! What kubectl prints, without what is never the same.

use std::sync::OnceLock;

use regex::Regex;

/// Patterns and what stands in their place, one after the other.
const PATTERNS: [(&str, &str); 17] = [
    (r"(?s)(-----BEGIN CERTIFICATE-----).*?(-----END)", "$1 CERTIFICATE $2"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)?( UTC)?", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]+ [+-]\d{4}", "TIME"),
    (r#"resourceVersion(\\?"?): ?\\?"?\d+\\?"?"#, "resourceVersion: VERSION"),
    (r"Resource Version: +\d+", "Resource Version: VERSION"),
    // Before ages: a name may end in -8m42s.
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-RANDOM"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}\b", "-HASH"),
    (r"<invalid>|\b\d+(s|m|m\d+s|h|h\d+m)\b", "AGE"),
    (r"\b(10|192\.168)(\.\d+){2,3}\b", "ADDRESS"),
    (r"(localhost|127\.0\.0\.1):\d+", "SERVER"),
    (r#"pod-template-hash("?)(=|: )"?\w+"?"#, "pod-template-hash HASH"),
    (r"\b3[012]\d{3}/TCP", "PORT/TCP"),
    (r"/tmp/[\w./-]+|(LIVE|MERGED)-\d+", "FILE"),
    (r"node-\d\b", "NODE"),
    (r"-{3,}", "---"),
    (r"[ \t]+", " "),
];

/// What kubectl prints in a form that can be compared; JSON on one line is laid out on many, with its fields sorted.
pub fn plain(text: &str) -> String {
    static COMPILED: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let compiled =
        COMPILED.get_or_init(|| PATTERNS.map(|(pattern, plain)| (Regex::new(pattern).unwrap(), plain)).into());
    let mut text = by_lines(text);
    for (pattern, plain) in compiled {
        text = pattern.replace_all(&text, *plain).into_owned();
    }
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Texts of which more pairs of lines would have to be looked at are not compared line by line.
const MOST_COMPARED: usize = 10_000_000;

/// The lines that are in one of two texts only: those of the first after `-`, those of the other after `+`, each with the
/// number of its line.
pub fn difference(first: &str, second: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (first.lines().collect(), second.lines().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    if a.len() * b.len() > MOST_COMPARED {
        let few = |sign: char, lines: &[&str]| -> String {
            lines.iter().take(20).map(|line| format!("{sign}{line}\n")).collect()
        };
        return format!("from line {} on:\n{}{}", same + 1, few('-', a), few('+', b));
    }
    // How long the longest common rest is, from each pair of places.
    let mut longest = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for (i, x) in a.iter().enumerate().rev() {
        for (j, y) in b.iter().enumerate().rev() {
            longest[i][j] = if x == y { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut found) = (0, 0, String::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || longest[i + 1][j] >= longest[i][j + 1]) {
            found += &format!("-{}: {}\n", same + i + 1, a[i]);
            i += 1;
        } else {
            found += &format!("+{}: {}\n", same + j + 1, b[j]);
            j += 1;
        }
    }
    found
}

fn by_lines(text: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(text).ok().filter(|_| text.lines().count() == 1);
    json.map_or_else(|| text.to_owned(), |json| format!("{json:#}"))
}
