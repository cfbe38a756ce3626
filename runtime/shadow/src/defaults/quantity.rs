//! Quantities, such as `500m` and `1Gi`: read, compared, and written the one way that the API server writes them.

use std::cmp::Ordering;
use std::fmt;

/// What the API server says of a text that is no quantity.
const WRONG: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";

/// Billionths, the finest that there is.
const NANO: i128 = 1_000_000_000;

/// How it was written, which it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Binary,
    Decimal,
    Exponent,
}

/// A quantity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantity {
    nanos: i128,
    format: Format,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
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
        self.nanos.cmp(&other.nanos)
    }
}

impl Quantity {
    /// Zero.
    pub(crate) const ZERO: Self = Self { nanos: 0, format: Format::Decimal };

    /// Reads one.
    ///
    /// # Errors
    /// The API server's words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let number_ends = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_ends);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
            return Err(WRONG);
        }
        if !suffix.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-')) {
            return Err(WRONG);
        }
        let (base, power, format) = read_suffix(suffix)?;
        let mut nanos: i128 = 0;
        let digits = whole.len() + fraction.len();
        let mut rest = false;
        for (at, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
            // 27 digits before what is lost for good: beyond that, the API server caps as well.
            if digits > 27 && at >= 27 {
                rest |= digit != b'0';
                continue;
            }
            nanos = nanos.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
        }
        let lost = digits.saturating_sub(27);
        let fraction_digits = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        let mut ten = 9 - fraction_digits + i32::try_from(lost).unwrap_or(i32::MAX);
        if base == 10 {
            ten = ten.saturating_add(power);
        } else {
            nanos = nanos.saturating_mul(1_i128 << power);
        }
        let (scaled, inexact) = scale(nanos, ten);
        // What is finer than a billionth is rounded away from zero.
        let nanos = scaled + i128::from(inexact || rest);
        let cap = i128::from(i64::MAX) * NANO;
        let nanos = nanos.min(cap);
        Ok(Self { nanos: if text.starts_with('-') { -nanos } else { nanos }, format })
    }

    /// Rounded up to thousandths, as resources are.
    pub(crate) fn rounded_to_milli(self) -> Self {
        let milli = NANO / 1000;
        let rest = self.nanos.rem_euclid(milli);
        let nanos = if rest == 0 { self.nanos } else { self.nanos - rest + milli };
        Self { nanos, ..self }
    }

    /// Whether it is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Whether it is zero.
    pub(crate) fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// Whether it is a whole number of thousandths.
    pub(crate) fn is_whole_milli(self) -> bool {
        self.nanos % (NANO / 1000) == 0
    }

    /// The sum, in the format of the first that is not zero.
    pub(crate) fn plus(self, other: Self) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_add(other.nanos), format }
    }

    /// The difference.
    pub(crate) fn minus(self, other: Self) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: self.nanos.saturating_sub(other.nanos), format }
    }

    /// The ratio, or nothing for a zero.
    pub(crate) fn ratio(self, other: Self) -> Option<f64> {
        (other.nanos != 0).then(|| self.nanos as f64 / other.nanos as f64)
    }

    /// A whole number.
    pub(crate) fn whole(number: i64) -> Self {
        Self { nanos: i128::from(number) * NANO, format: Format::Decimal }
    }

    /// Rounded up to a whole number.
    pub(crate) fn value(self) -> i64 {
        let up = self.nanos.div_euclid(NANO) + i128::from(self.nanos.rem_euclid(NANO) != 0);
        i64::try_from(up).unwrap_or(if up < 0 { i64::MIN } else { i64::MAX })
    }
}

/// Multiplies with a power of ten, and says whether something was lost.
fn scale(value: i128, ten: i32) -> (i128, bool) {
    let factor = 10_i128.checked_pow(ten.unsigned_abs());
    match (ten >= 0, factor) {
        (true, Some(factor)) => (value.saturating_mul(factor), false),
        (true, None) => (if value == 0 { 0 } else { i128::MAX }, false),
        (false, Some(factor)) => (value / factor, value % factor != 0),
        (false, None) => (0, value != 0),
    }
}

fn read_suffix(suffix: &str) -> Result<(u8, i32, Format), &'static str> {
    const DECIMAL: [(&str, i32); 10] =
        [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    const BINARY: [(&str, i32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Ok((10, *power, Format::Decimal));
    }
    if let Some((_, power)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        return Ok((2, *power, Format::Binary));
    }
    let exponent = suffix.strip_prefix(['e', 'E']).ok_or(SUFFIX)?;
    let power: i32 = exponent.parse().map_err(|_| SUFFIX)?;
    Ok((10, power.clamp(-1000, 1000), Format::Exponent))
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.is_whole() {
            let mut number = self.nanos / NANO;
            let mut at = 0;
            while number % 1024 == 0 && at < 6 {
                number /= 1024;
                at += 1;
            }
            return write!(f, "{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][at]);
        }
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let mut number = self.nanos;
        let mut power = -9;
        while number % 1000 == 0 && (power < 18 || self.format == Format::Exponent) {
            number /= 1000;
            power += 3;
        }
        if self.format == Format::Exponent {
            return if power == 0 { write!(f, "{number}") } else { write!(f, "{number}e{power}") };
        }
        let suffix = match power {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            _ => "",
        };
        write!(f, "{number}{suffix}")
    }
}
