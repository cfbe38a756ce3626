//! Quantities: `100m`, `1.5Gi`, `1e3`.

use std::cmp::Ordering;
use std::fmt;

use crate::Json;

/// What a quantity that is none is called.
const WRONG_FORMAT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_NUMBER: &str = "unable to parse numeric part of quantity";
const WRONG_SUFFIX: &str = "unable to parse quantity's suffix";

const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// How a quantity was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `12M`.
    Decimal,
    /// `12e6`.
    Exponent,
    /// `12Mi`.
    Binary,
}

/// An amount: `mantissa` × 10^`exponent`. Equal ones may be written differently.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantity {
    mantissa: i128,
    exponent: i32,
    format: Format,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos() == other.nanos()
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos().cmp(&other.nanos())
    }
}

/// A text as the API server writes it again.
///
/// # Errors
/// Its words about what is no quantity.
pub(crate) fn canonical(text: &str) -> Result<String, &'static str> {
    let (quantity, kept) = read(text)?;
    Ok(if kept { text.to_owned() } else { quantity.to_string() })
}

/// What a text or a number says, in thousandths, rounded up; nothing for what is no quantity.
pub(crate) fn milli(value: &Json) -> Option<i128> {
    let quantity = match value {
        Json::String(text) => Quantity::parse(text.trim()),
        Json::Number(number) => Quantity::parse(&number.to_string()),
        _ => return None,
    };
    quantity.ok().map(Quantity::milli)
}

/// The quantity, and whether its text is canonical, so far as the API server looks: what is short enough to be an int64 it
/// keeps as it came.
fn read(text: &str) -> Result<(Quantity, bool), &'static str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let integer_end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (integer, rest) = unsigned.split_at(integer_end);
    let integer = integer.trim_start_matches('0');
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (base, power, format) = read_suffix(suffix)?;
    if text.is_empty() {
        return Err(WRONG_FORMAT);
    }
    let digits = format!("{}{fraction}", if integer.is_empty() { "0" } else { integer });
    let mut mantissa: i128 = digits.parse().map_err(|_| WRONG_NUMBER)?;
    let places = i32::try_from(fraction.len()).map_err(|_| WRONG_NUMBER)?;
    let exponent = if base == 10 { power } else { 0 };
    let exponent = exponent.checked_sub(places).ok_or(WRONG_NUMBER)?;
    let kept = digits.len() <= 18
        && exponent >= -9
        && match format {
            Format::Binary => fraction.is_empty() && mantissa & 7 != 0 && digits.len() as i32 + power * 3 / 10 < 15,
            _ => exponent % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0'),
        };
    if base == 2 {
        mantissa = mantissa.checked_mul(1 << power).ok_or(WRONG_NUMBER)?;
    }
    let mut quantity = Quantity { mantissa, exponent, format };
    if !kept {
        quantity.limit();
    }
    if text.starts_with('-') {
        quantity.mantissa = -quantity.mantissa;
    }
    Ok((quantity, kept))
}

impl Quantity {
    pub(crate) const ZERO: Self = Self::whole(0);

    /// A whole number.
    pub(crate) const fn whole(number: i64) -> Self {
        Self { mantissa: number as i128, exponent: 0, format: Format::Decimal }
    }

    /// So many thousandths, to be written with binary suffixes or decimal ones.
    pub(crate) fn of_milli(milli: i128, binary: bool) -> Self {
        let format = if binary { Format::Binary } else { Format::Decimal };
        Self { mantissa: milli, exponent: -3, format }
    }

    /// Reads a quantity; the error is in the API server's words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        read(text).map(|(quantity, _)| quantity)
    }

    /// Nothing below 10^-9, rounded away from zero; no binary amount above the largest int64.
    fn limit(&mut self) {
        if self.exponent < -9 {
            self.mantissa = scaled(self.mantissa, self.exponent.saturating_add(9)).0;
            self.exponent = -9;
        }
        if self.format == Format::Binary {
            match scaled(self.mantissa, self.exponent) {
                (value, _) if value > i128::from(i64::MAX) => (self.mantissa, self.exponent) = (i64::MAX.into(), 0),
                (1, false) => self.format = Format::Decimal,
                _ => {}
            }
        }
    }

    /// In billionths, the finest that there is.
    fn nanos(self) -> i128 {
        scaled(self.mantissa, self.exponent.saturating_add(9)).0
    }

    /// In thousandths, rounded up.
    pub(crate) fn milli(self) -> i128 {
        if self.exponent >= -3 {
            return scaled(self.mantissa, self.exponent.saturating_add(3)).0;
        }
        let nanos = self.nanos();
        nanos.div_euclid(1_000_000) + i128::from(nanos.rem_euclid(1_000_000) != 0)
    }

    /// In whole units, rounded up.
    pub(crate) fn value(self) -> i64 {
        let milli = self.milli();
        let up = milli.div_euclid(1000) + i128::from(milli.rem_euclid(1000) != 0);
        i64::try_from(up).unwrap_or(if up > 0 { i64::MAX } else { i64::MIN })
    }

    /// Rounded up to thousandths, as resources are; nothing where it has nothing finer.
    pub(crate) fn rounded_to_milli(self) -> Option<Self> {
        (self.exponent < -3).then(|| Self { mantissa: self.milli(), exponent: -3, ..self })
    }

    pub(crate) fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    pub(crate) fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(self) -> bool {
        scaled(self.mantissa, self.exponent).1
    }

    /// The sum, in the format of the first that is not zero.
    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, self.nanos().saturating_add(other.nanos()))
    }

    /// The difference.
    pub(crate) fn minus(self, other: Self) -> Self {
        self.with(other, self.nanos().saturating_sub(other.nanos()))
    }

    fn with(self, other: Self, nanos: i128) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { mantissa: nanos, exponent: -9, format }
    }

    /// The ratio, or nothing for a zero.
    pub(crate) fn ratio(self, other: Self) -> Option<f64> {
        (!other.is_zero()).then(|| self.nanos() as f64 / other.nanos() as f64)
    }
}

/// As the API server writes it.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        let (mut value, exact) = scaled(self.mantissa, self.exponent);
        if self.format == Format::Binary && exact && value.abs() >= 1024 {
            let mut suffix = "";
            for larger in BINARY.iter().skip(1) {
                if value % 1024 != 0 {
                    break;
                }
                value /= 1024;
                suffix = larger;
            }
            return write!(f, "{value}{suffix}");
        }
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        while exponent % 3 != 0 {
            mantissa = mantissa.saturating_mul(10);
            exponent = exponent.saturating_sub(1);
        }
        match (self.format, DECIMAL.iter().find(|(_, power)| *power == exponent)) {
            (Format::Exponent, _) if exponent == 0 => write!(f, "{mantissa}"),
            (Format::Exponent, _) => write!(f, "{mantissa}e{exponent}"),
            (_, found) => write!(f, "{mantissa}{}", found.map_or("", |(suffix, _)| suffix)),
        }
    }
}

/// `mantissa` × 10^`exponent`, rounded away from zero, and whether that is exact.
fn scaled(mantissa: i128, exponent: i32) -> (i128, bool) {
    let Some(factor) = 10_i128.checked_pow(exponent.unsigned_abs()) else {
        let huge = if mantissa > 0 { i128::MAX } else { i128::MIN };
        return if mantissa == 0 {
            (0, true)
        } else if exponent > 0 {
            (huge, false)
        } else {
            (mantissa.signum(), false)
        };
    };
    if exponent >= 0 {
        return (mantissa.saturating_mul(factor), mantissa.checked_mul(factor).is_some());
    }
    let exact = mantissa % factor == 0;
    (mantissa / factor + if exact { 0 } else { mantissa.signum() }, exact)
}

/// The base, the power of it, and the format.
fn read_suffix(suffix: &str) -> Result<(i32, i32, Format), &'static str> {
    let letters = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let digits = letters.strip_prefix(['-', '+']).unwrap_or(letters);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WRONG_FORMAT);
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((10, *power, Format::Decimal));
    }
    if let Some(place) = BINARY.iter().position(|name| *name == suffix) {
        return Ok((2, place as i32 * 10, Format::Binary));
    }
    let power = suffix.strip_prefix(['e', 'E']).and_then(|power| power.parse().ok());
    power.map(|power| (10, power, Format::Exponent)).ok_or(WRONG_SUFFIX)
}

#[cfg(test)]
mod tests;
