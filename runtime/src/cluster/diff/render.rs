//! Differences as text.

use std::fmt::Write as _;

use similar::TextDiff;

use super::{Change, FieldPath, HIDDEN, Json, Segment};

/// Set behind a hidden value that differs from the other state's, so that its line differs too; never shown.
pub(super) const MARK: &str = "\u{f8ff}";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const BRIEF: usize = 80;

/// The places of a Secret that hold its values; the annotation is kubectl's copy of all of it.
fn holders() -> [FieldPath; 3] {
    [FieldPath::of(["data"]), FieldPath::of(["stringData"]), FieldPath::of(["metadata", "annotations", LAST_APPLIED])]
}

/// Takes a Secret's values out of a difference.
pub(super) fn hide(change: &mut Change) {
    let path = change.path.clone();
    for value in [&mut change.before, &mut change.after].into_iter().flatten() {
        for holder in holders() {
            if path.starts_with(&holder) {
                blank(value, "");
            } else if holder.starts_with(&path)
                && let Some(inner) = below(value, &holder.segments()[path.segments().len()..])
            {
                blank(inner, "");
            }
        }
    }
}

fn below<'a>(value: &'a mut Json, segments: &[Segment]) -> Option<&'a mut Json> {
    segments.iter().try_fold(value, |at, segment| match segment {
        Segment::Field(name) => at.get_mut(name),
        _ => None,
    })
}

fn blank(value: &mut Json, mark: &str) {
    match value {
        Json::Object(values) => values.values_mut().for_each(|v| blank(v, mark)),
        Json::Array(values) => values.iter_mut().for_each(|v| blank(v, mark)),
        other => *other = Json::String(format!("{HIDDEN}{mark}")),
    }
}

/// A Secret without its values; those that differ from `other`'s are marked.
pub(super) fn without_values(secret: &Json, other: Option<&Json>, mark: &str) -> Json {
    let mut shown = secret.clone();
    for holder in holders() {
        let own = holder.get(secret).cloned().unwrap_or_default();
        let theirs = other.and_then(|o| holder.get(o));
        let Some(place) = below(&mut shown, holder.segments()) else { continue };
        match (place, own) {
            (Json::Object(values), Json::Object(own)) => {
                for (name, value) in values {
                    let same = theirs.and_then(|t| t.get(name)) == own.get(name);
                    blank(value, if same { "" } else { mark });
                }
            }
            (place, own) => blank(place, if theirs == Some(&own) { "" } else { mark }),
        }
    }
    shown
}

/// `diff -u` without the file names.
pub(super) fn unified(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    text.replace(MARK, "")
}

/// A value in one short line.
pub(super) fn brief(value: &Json) -> String {
    let text = match value {
        Json::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= BRIEF {
        return text;
    }
    let cut: String = text.chars().take(BRIEF).collect();
    format!("{cut}…")
}

/// An object as people read it.
pub(super) fn yaml(value: &Json) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Json, depth: usize, into: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Json::Object(fields) => {
            for (name, value) in fields {
                let _ = write!(into, "{indent}{}:", key(name));
                after_colon(value, depth, into);
            }
        }
        Json::Array(elements) => {
            for element in elements {
                let start = into.len();
                match element {
                    Json::Object(o) if !o.is_empty() => block(element, depth + 1, into),
                    Json::Array(a) if !a.is_empty() => block(element, depth + 1, into),
                    plain => {
                        let _ = write!(into, "{indent}  ");
                        scalar(plain, depth + 1, into);
                    }
                }
                // The first line's indentation makes room for the dash.
                into.replace_range(start + indent.len()..=start + indent.len(), "-");
            }
        }
        plain => scalar(plain, depth, into),
    }
}

fn after_colon(value: &Json, depth: usize, into: &mut String) {
    match value {
        Json::Object(o) if !o.is_empty() => {
            into.push('\n');
            block(value, depth + 1, into);
        }
        Json::Array(a) if !a.is_empty() => {
            into.push('\n');
            block(value, depth, into);
        }
        plain => {
            into.push(' ');
            scalar(plain, depth + 1, into);
        }
    }
}

fn scalar(value: &Json, depth: usize, into: &mut String) {
    match value {
        Json::String(text) if text.trim_end_matches('\n').contains('\n') && is_block(text) => {
            into.push_str(if text.ends_with('\n') { "|" } else { "|-" });
            for line in text.lines() {
                let _ = write!(into, "\n{}{line}", if line.is_empty() { String::new() } else { "  ".repeat(depth) });
            }
            into.push('\n');
        }
        Json::String(text) if is_plain(text) => {
            let _ = writeln!(into, "{text}");
        }
        other => {
            let _ = writeln!(into, "{other}");
        }
    }
}

fn key(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { Json::String(name.to_owned()).to_string() }
}

/// Whether a text can stand as a YAML block: no control characters, no trailing blank lines to lose.
fn is_block(text: &str) -> bool {
    !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Whether a text means itself in YAML without quotes.
fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '('));
    let quiet = !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\'' | '\\')) && !text.ends_with([' ', ':']);
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    starts && quiet && !word && !text.contains(": ") && !text.contains(" #")
}
