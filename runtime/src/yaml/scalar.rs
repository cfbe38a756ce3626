//! What a scalar means: the rules of `goyaml.v2`, through which kubectl and Helm read.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Number, Value};

use super::fault::Fault;

/// As Go's `base64.StdEncoding` decodes: padding is required, trailing bits are not looked at.
const GO_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

const CORE: &str = "tag:yaml.org,2002:";

/// A scalar after its type was found. Kept apart from JSON, because a key is printed differently from a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// As a JSON value, numbers as Go's `encoding/json` prints them.
    pub(super) fn into_value(self) -> Result<Value, Fault> {
        Ok(match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => Value::Bool(b),
            Scalar::Int(i) => i.into(),
            Scalar::Uint(u) => u.into(),
            Scalar::Float(f) => Value::Number(float(f)?),
            Scalar::Text(text) => Value::String(text),
        })
    }

    /// As the key of a JSON object, in the words of `sigs.k8s.io/yaml`.
    pub(super) fn into_key(self) -> Result<String, Fault> {
        match self {
            Scalar::Text(text) => Ok(text),
            Scalar::Bool(b) => Ok(b.to_string()),
            Scalar::Int(i) => Ok(i.to_string()),
            Scalar::Float(f) => Ok(float_key(f)),
            Scalar::Uint(u) => Err(Fault::Key(format!("{u} is too large for a number as a key"))),
            Scalar::Null => Err(Fault::Key("an empty key".into())),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Scalar::Text(text) => text.len(),
            _ => 0,
        }
    }
}

/// The meaning of a scalar. `tag` is the full tag (`tag:yaml.org,2002:int`), `plain` says that it stands without quotes.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Scalar, Fault> {
    let Some(tag) = tag.filter(|t| !t.is_empty()) else {
        return Ok(if plain { untagged(text) } else { Scalar::Text(text.into()) });
    };
    let refuse = || Fault::Tag { text: shorten(text), tag: tag.replacen(CORE, "!!", 1) };
    match tag.strip_prefix(CORE) {
        Some("binary") => binary(text).map(Scalar::Text).ok_or_else(refuse),
        Some("timestamp") if is_timestamp(text) => Ok(Scalar::Text(text.into())),
        Some("timestamp") => Err(refuse()),
        Some(kind @ ("int" | "float" | "bool" | "null")) => match (kind, untagged(text)) {
            ("float", Scalar::Int(i)) => Ok(Scalar::Float(i as f64)),
            ("int", s @ (Scalar::Int(_) | Scalar::Uint(_)))
            | ("float", s @ Scalar::Float(_))
            | ("bool", s @ Scalar::Bool(_))
            | ("null", s @ Scalar::Null) => Ok(s),
            _ => Err(refuse()),
        },
        // `!!str`, and a tag that nobody knows, leave the text as it is.
        _ => Ok(Scalar::Text(text.into())),
    }
}

/// A text for a message.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 { text.into() } else { text.chars().take(39).chain(['…']).collect() }
}

/// A plain scalar without a tag.
fn untagged(text: &str) -> Scalar {
    let word = match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Scalar::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        ".nan" | ".NaN" | ".NAN" => Some(Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => None,
    };
    if let Some(word) = word {
        return word;
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => go_float(text).map(Scalar::Float),
        Some(b'0'..=b'9' | b'+' | b'-') => number(text),
        _ => None,
    };
    number.unwrap_or_else(|| Scalar::Text(text.into()))
}

fn number(text: &str) -> Option<Scalar> {
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return Some(integer);
    }
    if is_yaml_float(&plain) {
        return plain.parse::<f64>().ok().filter(|f| f.is_finite()).map(Scalar::Float);
    }
    // Go's rule for `0b` takes a sign after the prefix as well.
    let signed = plain.strip_prefix("0b")?;
    i64::from_str_radix(signed, 2).ok().map(Scalar::Int)
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, signed, rest) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', b'b' | b'B', ..] => (2, &rest[2..]),
        [b'0', b'o' | b'O', ..] => (8, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    match (i64::try_from(size), negative) {
        (Ok(i), false) => Some(Scalar::Int(i)),
        (Ok(i), true) => Some(Scalar::Int(-i)),
        (Err(_), true) => (size == i64::MIN.unsigned_abs()).then_some(Scalar::Int(i64::MIN)),
        // ParseUint takes no sign.
        (Err(_), false) => (!signed).then_some(Scalar::Uint(size)),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_yaml_float(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mantissa = match unsigned.split_once(['e', 'E']) {
        None => unsigned,
        Some((mantissa, exponent)) => {
            if !digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)) {
                return false;
            }
            mantissa
        }
    };
    match mantissa.split_once('.') {
        None => digits(mantissa),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
    }
}

/// Go's `strconv.ParseFloat` for a text that starts with a point: underscores may stand between digits.
fn go_float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let between = |i: usize| i > 0 && digit(i - 1) && digit(i + 1);
    if !(0..bytes.len()).all(|i| bytes[i] != b'_' || between(i)) {
        return None;
    }
    let plain = text.replace('_', "");
    if !is_yaml_float(&plain) {
        return None;
    }
    plain.parse::<f64>().ok().filter(|f| f.is_finite())
}

/// As Go's `encoding/json` prints a float64: a whole number has no point, so that it is read back as an integer.
fn float(f: f64) -> Result<Number, Fault> {
    if !f.is_finite() {
        return Err(Fault::NotInJson(if f.is_nan() { ".nan" } else { ".inf" }));
    }
    if f == 0.0 {
        return Ok(0.into());
    }
    if f.fract() == 0.0 && f.abs() < 1e21 {
        // The shortest digits that mean this float, filled up with zeros: what stands in the JSON text.
        let text = format!("{f}");
        if let Ok(i) = text.parse::<i64>() {
            return Ok(i.into());
        }
        if let Ok(u) = text.parse::<u64>() {
            return Ok(u.into());
        }
    }
    Number::from_f64(f).ok_or(Fault::NotInJson(".nan"))
}

/// Go's `strconv.FormatFloat(f, 'g', -1, 32)`, by which a float becomes a key.
fn float_key(f: f64) -> String {
    let single = f as f32;
    if single.is_nan() {
        return ".nan".into();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf".into() } else { "-.inf".into() };
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if single != 0.0 && !(-4..6).contains(&exponent) {
        let mut text = mantissa.to_owned();
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a String cannot fail.
        let _ = write!(text, "e{sign}{:02}", exponent.abs());
        return text;
    }
    format!("{single}")
}

/// Bytes as text, each byte that is no UTF-8 replaced as Go's JSON encoder does.
fn binary(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = GO_BASE64.decode(text).ok()?;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(std::iter::repeat_n('\u{fffd}', chunk.invalid().len()));
    }
    Some(out)
}

/// Whether Go's `time.Parse` takes the text in one of the four forms of `goyaml.v2`.
fn is_timestamp(text: &str) -> bool {
    let mut rest = text;
    let mut number = |widths: std::ops::RangeInclusive<usize>, after: Option<&[char]>| -> Option<u32> {
        let width = rest.bytes().take_while(u8::is_ascii_digit).count().min(*widths.end());
        let value = rest.get(..width).filter(|_| widths.contains(&width))?.parse().ok()?;
        rest = rest.get(width..)?;
        if let Some(after) = after {
            rest = rest.strip_prefix(after)?;
        }
        Some(value)
    };
    let Some(year) = number(4..=4, Some(&['-'])) else { return false };
    let Some(month) = number(1..=2, Some(&['-'])) else { return false };
    let Some(day) = number(1..=2, None) else { return false };
    let (Ok(year), Ok(month), Ok(day)) = (i16::try_from(year), i8::try_from(month), i8::try_from(day)) else {
        return false;
    };
    if jiff::civil::Date::new(year, month, day).is_err() {
        return false;
    }
    rest.is_empty() || is_time_of_day(rest)
}

fn is_time_of_day(text: &str) -> bool {
    let (zoned, time) = match (text.strip_prefix(['T', 't']), text.strip_prefix(' ')) {
        (Some(time), _) => (true, time),
        (None, Some(time)) => (false, time),
        (None, None) => return false,
    };
    let (clock, zone) = match (zoned, time.find(['Z', '+', '-'])) {
        (true, Some(at)) => time.split_at(at),
        (false, None) => (time, ""),
        _ => return false,
    };
    let (seconds, fraction) = match clock.split_once(['.', ',']) {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (clock, None),
    };
    let parts: Vec<&str> = seconds.split(':').collect();
    let within = |part: &str, top: u8| {
        (1..=2).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|n| n <= top)
    };
    let clock_fits = matches!(parts[..], [h, m, s] if within(h, 23) && within(m, 59) && within(s, 59));
    let fraction_fits = fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    let zone_fits = match zone.as_bytes() {
        [] => !zoned,
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    clock_fits && fraction_fits && zone_fits
}
