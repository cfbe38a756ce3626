//! Quantities, such as `100m` and `1Gi`, as whole thousandths.

use crate::Json;

/// A quantity in thousandths: of a core, of a byte, of a piece. Nothing for what is no quantity.
pub(crate) fn milli(value: &Json) -> Option<i128> {
    match value {
        Json::String(said) => parse(said),
        Json::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

fn parse(said: &str) -> Option<i128> {
    let said = said.trim();
    let end = said.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(said.len());
    // An exponent's sign belongs to the suffix: "1e-3" ends at "e".
    let (digits, suffix) = said.split_at(end);
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (times, over) = scale(suffix)?;
    let mut amount: i128 = format!("{whole}{fraction}").parse().ok()?;
    amount = amount.checked_mul(times)?.checked_mul(1000)?;
    let under = over.checked_mul(10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?)?;
    // Kubernetes rounds up.
    let rounded = amount.div_euclid(under) + i128::from(amount.rem_euclid(under) != 0);
    Some(if negative { -rounded } else { rounded })
}

/// A suffix as a factor and a divisor.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        other => {
            let exponent: i32 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10i128.checked_pow(exponent.unsigned_abs())?;
            if exponent >= 0 { (power, 1) } else { (1, power) }
        }
    })
}

/// Writes thousandths as Kubernetes does; `like` says in which family (binary, as `Gi`, or decimal).
pub(crate) fn write(milli: i128, binary: bool) -> String {
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let whole = milli / 1000;
    let (base, names): (i128, [&str; 7]) = if binary {
        (1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
    } else {
        (1000, ["", "k", "M", "G", "T", "P", "E"])
    };
    let (mut left, mut step) = (whole, 0);
    while left != 0 && left % base == 0 && step < 6 {
        left /= base;
        step += 1;
    }
    format!("{left}{}", names[step])
}

/// Whether a quantity is written in the binary family.
pub(crate) fn is_binary(value: &Json) -> bool {
    value.as_str().is_some_and(|said| said.ends_with('i'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_kubernetes_reads() {
        for (said, amount) in [
            (json!("100m"), 100),
            (json!("0.5"), 500),
            (json!(2), 2000),
            (json!("1Ki"), 1_024_000),
            (json!("1.5Gi"), 1_610_612_736_000),
            (json!("1e3"), 1_000_000),
            (json!("1e-3"), 1),
            (json!("1n"), 1),
            (json!("-2"), -2000),
        ] {
            assert_eq!(milli(&said), Some(amount), "{said}");
        }
        assert_eq!(milli(&json!("x")), None);
        assert_eq!(milli(&json!("")), None);
    }

    #[test]
    fn writes_the_shortest_form() {
        assert_eq!(write(1500, false), "1500m");
        assert_eq!(write(2000, false), "2");
        assert_eq!(write(1_024_000 * 1024 * 3, true), "3Mi");
        assert_eq!(write(0, true), "0");
        assert_eq!(write(1_000_000, false), "1k");
    }
}
