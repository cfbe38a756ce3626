//! The forms in which a secret's value may turn up in a text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::MIN_MASKED;

/// Shorter lines of a value of several lines are too common to be masked.
const MIN_LINE: usize = 6;

/// Of values of more bytes, fewer forms are made.
const LONG: usize = 16 * 1024;

/// One form of a value.
pub(super) struct Form {
    pub(super) text: Zeroizing<String>,
    pub(super) base64: Option<Edges>,
}

/// Which ends of a base64 form have one more character that depends on the value and on its neighbour.
#[derive(Clone, Copy, Default)]
pub(super) struct Edges {
    pub(super) before: bool,
    pub(super) after: bool,
}

/// Every form of `value`, each once.
pub(super) fn forms(value: &str) -> Vec<Form> {
    let mut forms = Forms::default();
    let trimmed = value.trim();
    if trimmed.chars().count() < MIN_MASKED {
        return Vec::new();
    }
    for value in [Some(value), (trimmed.len() < value.len()).then_some(trimmed)].into_iter().flatten() {
        forms.quoted(value);
        forms.url(value);
        forms.hex(value);
        forms.base64(value);
        if value.contains('\n') {
            for line in value.lines().map(str::trim) {
                // A key's first and last line are the same in every key, and rules of one character are everywhere.
                let mut characters = line.chars();
                let first = characters.next();
                if line.chars().count() >= MIN_LINE
                    && !line.starts_with("-----")
                    && characters.any(|c| Some(c) != first)
                {
                    forms.quoted(line);
                }
            }
        }
    }
    forms.list.sort_by(|a, b| a.text.cmp(&b.text));
    forms.list.dedup_by(|a, b| a.text == b.text);
    forms.list
}

#[derive(Default)]
struct Forms {
    list: Vec<Form>,
}

impl Forms {
    fn add(&mut self, text: impl Into<String>, base64: Option<Edges>) {
        let text = Zeroizing::new(text.into());
        if text.len() >= MIN_MASKED {
            self.list.push(Form { text, base64 });
        }
    }

    /// In clear, and as a string in the usual languages: JSON (as serde, Go and an ASCII writer have it, once and twice),
    /// Rust, HTML, and between single quotes in a shell and in YAML.
    fn quoted(&mut self, value: &str) {
        self.add(value, None);
        if is_plain(value) {
            return;
        }
        for once in [json(value), go_json(value), ascii_json(value)] {
            self.add(json(&once), None);
            self.add(once.replace('/', "\\/"), None);
            self.add(once, None);
        }
        self.add(value.escape_debug().to_string(), None);
        self.add(value.escape_default().to_string(), None);
        self.add(value.replace('\'', "'\\''"), None);
        self.add(value.replace('\'', "''"), None);
        let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.add(html.replace('"', "&quot;").replace('\'', "&#39;"), None);
        self.add(html.replace('"', "&#34;").replace('\'', "&#39;"), None);
        self.add(html, None);
    }

    /// URL-encoded. Encoders differ in what they leave as it is, in the case of the digits, and in the space.
    fn url(&mut self, value: &str) {
        const KEPT: [&str; 8] = [
            "-._~",
            "-._*",
            "-._~!*'()",
            "-._~!$&'()*+,;=",
            "-._~!$&'()*+,;=:@",
            "-._~!$&'()*+,;=:@/",
            "-._~$&+=:@",
            "-._~/",
        ];
        if is_plain(value) {
            return;
        }
        // A whole file is not put into a URL piece by piece; its forms would take their time.
        let usual = if value.len() > LONG { &KEPT[..1] } else { &KEPT[..] };
        for kept in usual {
            for space in ["%20", "+"] {
                let encoded = percent(value, kept, space);
                self.add(lower_hex(&encoded), None);
                self.add(encoded, None);
            }
        }
    }

    fn hex(&mut self, value: &str) {
        let mut hex = String::with_capacity(value.len() * 2);
        for byte in value.bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
        self.add(hex.to_ascii_uppercase(), None);
        self.add(hex, None);
    }

    /// What base64 makes of the value whatever stands before and after it: one text for each alignment and alphabet.
    fn base64(&mut self, value: &str) {
        for (alignment, first) in [(0, 0), (1, 2), (2, 3)] {
            let mut bytes = Zeroizing::new(vec![0_u8; alignment]);
            bytes.extend_from_slice(value.as_bytes());
            let whole = bytes.len() * 8 / 6;
            let edges = Edges { before: alignment > 0, after: !bytes.len().is_multiple_of(3) };
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let text = Zeroizing::new(engine.encode(&*bytes));
                self.add(&text[first..whole], Some(edges));
            }
        }
    }
}

/// Whether neither URLs nor the usual languages write it otherwise.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// The inside of the string that `value` is in JSON.
fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    // One quote at each end, and no more: the value may end in one itself.
    quoted[1..quoted.len() - 1].to_owned()
}

/// Go's encoder escapes what is special in HTML, too.
fn go_json(value: &str) -> String {
    json(value)
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn ascii_json(value: &str) -> String {
    let mut out = String::new();
    for c in json(value).chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn percent(value: &str, kept: &str, space: &str) -> String {
    let mut out = String::with_capacity(value.len() * 3);
    for byte in value.bytes() {
        match byte {
            b' ' => out.push_str(space),
            _ if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The digits after each percent sign in lower case. (A percent sign of the value itself is encoded, so there is no other.)
fn lower_hex(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len());
    let mut digits = 0;
    for c in encoded.chars() {
        let lower = digits > 0;
        digits = if c == '%' { 2 } else { usize::saturating_sub(digits, 1) };
        out.push(if lower { c.to_ascii_lowercase() } else { c });
    }
    out
}
