//! Quantities: `100m`, `1.5Gi`, `1e3`.

/// What a quantity that is none is called.
pub(crate) const WRONG_FORMAT: &str =
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

/// An amount: `mantissa` × 10^`exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantity {
    mantissa: i128,
    exponent: i32,
    format: Format,
    /// The text, where the API server keeps it as it came.
    text: Option<String>,
}

impl Quantity {
    /// Reads a quantity; the error is in the API server's words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
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
        let mut amount: i128 = digits.parse().map_err(|_| WRONG_NUMBER)?;
        let mut exponent = if base == 10 { power } else { 0 };
        let places = i32::try_from(fraction.len()).map_err(|_| WRONG_NUMBER)?;
        exponent = exponent.checked_sub(places).ok_or(WRONG_NUMBER)?;
        // What is short enough to be an int64 is kept as it is written, where that is canonical already.
        let fits = digits.len() <= 18 && exponent >= -9;
        let kept = fits
            && match format {
                Format::Binary => fraction.is_empty() && amount & 7 != 0 && digits.len() as i32 + power * 3 / 10 < 15,
                _ => exponent % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0'),
            };
        if base == 2 {
            amount = amount.checked_mul(1 << power).ok_or(WRONG_NUMBER)?;
        }
        let mut quantity = Self { mantissa: amount, exponent, format, text: kept.then(|| text.to_owned()) };
        if !kept {
            quantity.limit();
        }
        if text.starts_with('-') {
            quantity.mantissa = -quantity.mantissa;
        }
        Ok(quantity)
    }

    /// Nothing below 10^-9, rounded away from zero; no binary amount above the largest int64.
    fn limit(&mut self) {
        if self.exponent < -9 {
            self.mantissa = scaled(self.mantissa, self.exponent.saturating_add(9)).0;
            self.exponent = -9;
        }
        if self.format == Format::Binary {
            match self.whole() {
                (value, _) if value > i128::from(i64::MAX) => (self.mantissa, self.exponent) = (i64::MAX.into(), 0),
                (1, false) => self.format = Format::Decimal,
                _ => {}
            }
        }
    }

    /// In whole units, rounded away from zero, and whether that is exact.
    fn whole(&self) -> (i128, bool) {
        scaled(self.mantissa, self.exponent)
    }

    /// In whole units, rounded up.
    pub(crate) fn value(&self) -> i64 {
        clamp(self.whole().0)
    }

    /// In thousandths, rounded up.
    pub(crate) fn milli_value(&self) -> i64 {
        clamp(scaled(self.mantissa, self.exponent.saturating_add(3)).0)
    }

    /// As the API server writes it.
    pub(crate) fn canonical(&self) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if self.mantissa == 0 {
            return "0".to_owned();
        }
        if self.format == Format::Binary {
            let (mut value, exact) = self.whole();
            if exact && value.abs() >= 1024 {
                let mut suffix = 0;
                while value % 1024 == 0 && suffix + 1 < BINARY.len() {
                    value /= 1024;
                    suffix += 1;
                }
                return format!("{value}{}", BINARY[suffix]);
            }
        }
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.saturating_add(1);
        }
        while exponent % 3 != 0 {
            mantissa *= 10;
            exponent -= 1;
        }
        match (self.format, DECIMAL.iter().find(|(_, power)| *power == exponent)) {
            (Format::Exponent, _) if exponent == 0 => mantissa.to_string(),
            (Format::Exponent, _) => format!("{mantissa}e{exponent}"),
            (_, found) => format!("{mantissa}{}", found.map_or("", |(suffix, _)| suffix)),
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

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value > 0 { i64::MAX } else { i64::MIN })
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
