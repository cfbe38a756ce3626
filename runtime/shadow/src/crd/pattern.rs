//! Go's regular expressions, for the crate `regex`: nearly the same language.

use regex::Regex;

/// Compiles an expression as Go reads it; nothing where this crate cannot.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&translate(pattern)).ok()
}

/// In Go, `\d`, `\s`, `\w` and `\b` mean ASCII only, and a class knows neither classes within nor set operations.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    // Inside of a class, and whether its first character is still to come.
    let (mut class, mut first) = (false, false);
    while let Some(c) = chars.next() {
        let begins = first;
        first = false;
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str(if class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('s') => out.push_str(if class { "\\t\\n\\x0C\\r\\x20" } else { "[\\t\\n\\x0C\\r\\x20]" }),
                Some('D') if !class => out.push_str("[^0-9]"),
                Some('W') if !class => out.push_str("[^0-9A-Za-z_]"),
                Some('S') if !class => out.push_str("[^\\t\\n\\x0C\\r\\x20]"),
                Some(b @ ('b' | 'B')) => {
                    out.push_str("(?-u:\\");
                    out.push(b);
                    out.push(')');
                }
                Some('z') => out.push_str("\\z"),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if !class => {
                (class, first) = (true, true);
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
            }
            '[' if chars.peek() == Some(&':') => out.push('['),
            '[' => out.push_str("\\["),
            ']' if class && begins => out.push_str("\\]"),
            ']' if class => {
                // `[:alpha:]` ends with its own bracket.
                class = out.ends_with(':') && out.rfind("[:").is_some_and(|at| at + 2 < out.len());
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !class && !is_repetition(chars.clone()) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    out
}

/// Whether what follows a brace makes it a repetition: `3}`, `3,}`, `3,5}`.
fn is_repetition(rest: impl Iterator<Item = char>) -> bool {
    let inside: String = rest.take_while(|c| *c != '}').take(12).collect();
    let (low, high) = inside.split_once(',').unwrap_or((&inside, "0"));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// Why an expression is none, in Go's words; nothing where it is one, or where this crate cannot tell.
pub(crate) fn fault(pattern: &str) -> Option<String> {
    let error = Regex::new(&translate(pattern)).err()?.to_string();
    let why = match () {
        () if error.contains("unclosed group") => format!("missing closing ): `{pattern}`"),
        () if error.contains("unopened group") => format!("unexpected ): `{pattern}`"),
        () if error.contains("unclosed character class") => {
            let class = pattern.rfind('[').and_then(|at| pattern.get(at..)).unwrap_or(pattern);
            format!("missing closing ]: `{class}`")
        }
        () if error.contains("repetition operator missing expression") => {
            let at = pattern.find(['*', '+', '?']).unwrap_or_default();
            format!("missing argument to repetition operator: `{}`", pattern.get(at..=at).unwrap_or_default())
        }
        () => return None,
    };
    Some(format!("error parsing regexp: {why}"))
}
