//! What kubectl prints, without what is never the same.

use std::sync::OnceLock;

use regex::Regex;

/// Patterns and what stands in their place, one after the other.
const PATTERNS: [(&str, &str); 15] = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)?( UTC)?", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} [\d:]+ [+-]\d{4}", "TIME"),
    (r#"resourceVersion(\\?"?): ?\\?"?\d+\\?"?"#, "resourceVersion: VERSION"),
    (r"<invalid>|\b\d+(s|m|m\d+s|h|h\d+m)\b", "AGE"),
    (r"\b(10|192\.168)(\.\d+){2,3}\b", "ADDRESS"),
    (r"(localhost|127\.0\.0\.1):\d+", "SERVER"),
    (r"pod-template-hash(=|: )\w+", "pod-template-hash HASH"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-RANDOM"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}\b", "-HASH"),
    (r"\b3[012]\d{3}/TCP", "PORT/TCP"),
    (r"/tmp/[\w./-]+|(LIVE|MERGED)-\d+", "FILE"),
    (r"node-\d\b", "NODE"),
    (r"-{3,}", "---"),
    (r"[ \t]+", " "),
];

pub fn plain(text: &str) -> String {
    static COMPILED: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let compiled =
        COMPILED.get_or_init(|| PATTERNS.map(|(pattern, plain)| (Regex::new(pattern).unwrap(), plain)).into());
    let mut text = text.to_owned();
    for (pattern, plain) in compiled {
        text = pattern.replace_all(&text, *plain).into_owned();
    }
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
