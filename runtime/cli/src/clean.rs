//! Nothing that comes from an object, a script or a file may move the cursor, change colours or turn the text around.

/// A text whose control characters are shown instead of obeyed. Line breaks and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    filtered(text, |c| c == '\n')
}

/// As [`clean`], in one line.
pub(crate) fn line(text: &str) -> String {
    let text = text.trim_end();
    filtered(text, |_| false)
}

/// As [`clean`], but colours stay: for a text of our own that repeats what was typed.
pub(crate) fn but_styles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        kept.push_str(&clean(&rest[..at]));
        let escape = &rest[at..];
        let body = escape.strip_prefix("\u{1b}[").unwrap_or_default();
        let digits = body.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
        let length = if body[digits..].starts_with('m') { 2 + digits + 1 } else { 0 };
        if length == 0 {
            kept.push_str("\\u{1b}");
            rest = &escape[1..];
        } else {
            kept.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    kept.push_str(&clean(rest));
    kept
}

fn filtered(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if stays(c) => shown.push(c),
            '\n' => shown.push_str(" ⏎ "),
            '\t' => shown.push_str("    "),
            '\r' => {}
            c if c.is_control() || turns(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters that change the direction of a text, or break lines where nobody expects it.
pub(crate) fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_and_not_obeyed() {
        assert_eq!(clean("a\u{1b}[31mred\u{7}\nb\tc\r\n"), "a\\u{1b}[31mred\\u{7}\nb    c\n");
        assert_eq!(clean("\u{9b}2J\u{202e}x\u{7f}"), "\\u{9b}2J\\u{202e}x\\u{7f}");
        assert_eq!(line("a\nb\n"), "a ⏎ b");
        assert_eq!(line("grün ✓ 漢字"), "grün ✓ 漢字");
    }

    #[test]
    fn our_own_colours_stay() {
        assert_eq!(
            but_styles("\u{1b}[1;31merror\u{1b}[0m: \u{1b}]0;title\u{7} \u{1b}[2J\u{1b}"),
            "\u{1b}[1;31merror\u{1b}[0m: \\u{1b}]0;title\\u{7} \\u{1b}[2J\\u{1b}"
        );
    }
}
