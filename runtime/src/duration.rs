//! Durations as people write them: `"90s"`, `"10m"`, `"1h30m"`, `"500ms"`.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::suggest;

/// Longer than any run: some hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

const NANOS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// Words for which the unit is meant.
const WORDS: [(&str, &str); 16] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("millis", "ms"),
    ("milliseconds", "ms"),
];

/// Reads a duration: numbers, whole or with a point, each with its unit `d`, `h`, `m`, `s`, `ms`, `us` or `ns`, from the
/// largest unit to the smallest.
///
/// ```
/// use std::time::Duration;
/// use windlass_runtime::duration::parse;
/// assert_eq!(parse("1h30m")?, Duration::from_secs(5400));
/// assert_eq!(parse("0.5s")?, Duration::from_millis(500));
/// assert!(parse("90").is_err());
/// # Ok::<(), windlass_runtime::Error>(())
/// ```
///
/// # Errors
/// Of [`crate::Kind::Usage`] for a missing or unknown unit, a negative duration, or one of more than a hundred years.
pub fn parse(text: &str) -> Result<Duration> {
    let trimmed = text.trim();
    let refuse = |why: &str| Error::usage(format!("{} is no duration: {why}", quoted(text)));
    const EXAMPLE: &str = "write it as \"90s\", \"10m\" or \"1h30m\"";
    if trimmed.is_empty() {
        return Err(refuse("it is empty").hint(EXAMPLE));
    }
    if trimmed.starts_with('-') {
        return Err(refuse("it is negative").hint("a duration is zero or more"));
    }
    let mut total = 0_u128;
    let mut smallest = u128::MAX;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.' && !c.is_whitespace());
        if number.is_empty() {
            return Err(refuse(&format!("a number is missing before {}", quoted(rest))).hint(EXAMPLE));
        }
        if unit.is_empty() && rest == trimmed && after.is_empty() {
            let hint = format!("give a unit: \"{number}s\" for seconds, \"{number}m\" for minutes");
            return Err(refuse("it has no unit").hint(hint));
        }
        if unit.is_empty() {
            return Err(refuse(&format!("{number} has no unit")).hint("give a unit to each number: \"1h30m\""));
        }
        let Some((_, nanos)) = NANOS.iter().find(|(name, _)| *name == unit) else {
            return Err(refuse(&format!("{} is no unit", quoted(unit))).hint(unit_hint(number, unit)));
        };
        if *nanos >= smallest {
            return Err(refuse("its units do not go from large to small, each once").hint(EXAMPLE));
        }
        smallest = *nanos;
        let part = scaled(number, *nanos).ok_or_else(|| refuse(&format!("{} is no number", quoted(number))))?;
        total = total.saturating_add(part);
        rest = after.trim_start();
    }
    if total > LONGEST.as_nanos() {
        return Err(refuse("it is longer than 100 years").hint("leave the option out where no limit is meant"));
    }
    // Below a hundred years, the seconds fit into 64 bits and the rest into 32.
    Ok(Duration::new((total / 1_000_000_000) as u64, (total % 1_000_000_000) as u32))
}

/// A duration given as a number of seconds.
///
/// # Errors
/// Of [`crate::Kind::Usage`] for a number that is negative, not finite, or more than a hundred years.
pub fn from_seconds_f64(seconds: f64) -> Result<Duration> {
    let refuse = |why: &str| Error::usage(format!("{seconds} seconds are no duration: {why}"));
    if seconds.is_nan() {
        return Err(refuse("it is not a number").hint("give a number of seconds, or a text such as \"10m\""));
    }
    if seconds < 0.0 {
        return Err(refuse("it is negative").hint("a duration is zero or more"));
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(refuse("it is longer than 100 years").hint("leave the option out where no limit is meant")),
    }
}

/// A duration in short: `1m30s`, `0.4s`, `2h`. Below ten seconds with one digit after the point, above in whole seconds;
/// below a tenth of a second in milliseconds.
#[must_use]
pub fn display(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if duration.is_zero() {
        return "0s".into();
    }
    if millis < 100 {
        return format!("{millis}ms");
    }
    let tenths = (millis + 50) / 100;
    if tenths < 100 {
        return match (tenths / 10, tenths % 10) {
            (whole, 0) => format!("{whole}s"),
            (whole, tenth) => format!("{whole}.{tenth}s"),
        };
    }
    let seconds = (millis + 500) / 1000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("\"{}…\"", text[..at].escape_debug()),
        None => format!("{text:?}"),
    }
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn unit_hint(number: &str, unit: &str) -> String {
    let lower = unit.to_lowercase();
    let meant = WORDS.iter().find(|(word, _)| *word == lower).map(|(_, unit)| *unit);
    let meant = meant.or_else(|| NANOS.iter().map(|(name, _)| *name).find(|name| *name == lower));
    let meant = meant.or_else(|| {
        let word = suggest::nearest(&lower, WORDS.iter().map(|(word, _)| *word))?;
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, unit)| *unit)
    });
    match meant {
        Some(meant) => format!("did you mean \"{number}{meant}\"?"),
        None => "the units are d, h, m, s, ms, us and ns".into(),
    }
}

/// `number` × `nanos`, exactly up to the nanosecond. None for what is no number; too large a number saturates.
fn scaled(number: &str, nanos: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits = |text: &str| {
        text.bytes().fold(0_u128, |sum, b| sum.saturating_mul(10).saturating_add(u128::from(b.saturating_sub(b'0'))))
    };
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.pow(fraction.len() as u32);
    let below = digits(fraction).saturating_mul(nanos) / scale;
    Some(digits(whole).saturating_mul(nanos).saturating_add(below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write() {
        for (text, millis) in [
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("0s", 0),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("2d", 172_800_000),
            (" 1h 2m 3s ", 3_723_000),
            ("1m0.25s", 60_250),
            ("36500d", 3_153_600_000_000),
        ] {
            assert_eq!(parse(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        assert_eq!(parse("1us500ns").unwrap(), Duration::from_nanos(1500));
    }

    #[test]
    fn what_is_refused_says_why_and_what_to_write() {
        for (text, why, hint) in [
            ("90", "has no unit", "\"90s\""),
            ("", "is empty", "90s"),
            ("   ", "is empty", "90s"),
            ("-5s", "negative", "zero or more"),
            ("5 minutes", "5 has no unit", "unit"),
            ("5minutes", "\"minutes\" is no unit", "\"5m\""),
            ("5minuts", "\"minuts\" is no unit", "\"5m\""),
            ("5M", "\"M\" is no unit", "\"5m\""),
            ("5x", "\"x\" is no unit", "the units are"),
            ("1h30", "30 has no unit", "1h30m"),
            ("ten", "number is missing", "90s"),
            ("s", "number is missing", "90s"),
            ("30m1h", "large to small", "1h30m"),
            ("1m1m", "large to small", "1h30m"),
            ("99999999999999999999999999999999999999999999d", "100 years", "leave the option out"),
            ("101y", "\"y\" is no unit", "units are"),
            ("36601d", "100 years", "leave"),
            ("٣s", "number is missing", "90s"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Usage);
            assert!(error.message().contains(why), "{text}: {error:?}");
            assert!(error.hint_text().unwrap_or_default().contains(hint), "{text}: {error:?}");
        }
        for text in ["1.2.3s", ".s", "1e3s", "+5s", "5s\u{0}", "∞s", "NaN", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let long = parse(&"9".repeat(1_000_000)).unwrap_err();
        assert!(long.message().len() < 200, "{}", long.message().len());
    }

    #[test]
    fn seconds() {
        assert_eq!(from_seconds_f64(1.5).unwrap(), Duration::from_millis(1500));
        assert_eq!(from_seconds_f64(0.0).unwrap(), Duration::ZERO);
        for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 3.2e9] {
            assert!(from_seconds_f64(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shown_short() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ms"),
            (12_000_000, "12ms"),
            (99_500_000, "0.1s"),
            (400_000_000, "0.4s"),
            (1_000_000_000, "1s"),
            (9_960_000_000, "10s"),
            (59_600_000_000, "1m"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h"),
            (90_061_000_000_000, "1d1h1m1s"),
        ] {
            assert_eq!(display(Duration::from_nanos(nanos)), text);
        }
    }

    proptest! {
        #[test]
        fn whole_seconds_read_back(seconds in 0_u64..3_000_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&display(duration)).unwrap(), duration);
        }

        #[test]
        fn no_text_panics(text in "[0-9.smhduń -]{0,40}") {
            let _ = parse(&text);
        }
    }
}
