//! Times as the API carries them, read as Go reads RFC 3339.

use jiff::Timestamp;
use jiff::tz::Offset;

/// Reads a time; the error is Go's. `layout` is what Go's error calls the format.
pub(super) fn parse(text: &str, micro: bool) -> Result<Timestamp, String> {
    let layout = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
    let about = format!("parsing time {}", super::quoted(text));
    let cannot = |rest: &str, part: &str| {
        format!("{about} as {}: cannot parse {} as {}", super::quoted(layout), super::quoted(rest), super::quoted(part))
    };
    let mut rest = text;
    let mut numbers = [0_i16; 6];
    let parts = [("2006", 4, "-"), ("01", 2, "-"), ("02", 2, "T"), ("15", 2, ":"), ("04", 2, ":"), ("05", 2, "")];
    for (number, (part, width, then)) in numbers.iter_mut().zip(parts) {
        let digits = rest.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let read = digits.and_then(|digits| digits.parse().ok());
        *number = read.ok_or_else(|| cannot(rest, part))?;
        rest = &rest[width..];
        rest = rest.strip_prefix(then).ok_or_else(|| cannot(rest, then))?;
    }
    let mut nanoseconds = 0;
    let fraction = rest.strip_prefix('.').map(|rest| &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()]);
    match fraction {
        Some(digits) if !digits.is_empty() && (!micro || digits.len() == 6) => {
            nanoseconds = format!("{digits:0<9}")[..9].parse().unwrap_or(0);
            rest = &rest[1 + digits.len()..];
        }
        _ if micro => return Err(cannot(rest, ".000000")),
        _ => {}
    }
    let (offset, rest) = zone(rest).ok_or_else(|| cannot(rest, "Z07:00"))?;
    if !rest.is_empty() {
        return Err(format!("{about}: extra text: {}", super::quoted(rest)));
    }
    let [year, month, day, hour, minute, second] = numbers;
    let range = |part: &str| format!("{about}: {part} out of range");
    if !(1..=12).contains(&month) {
        return Err(range("month"));
    }
    let small = |number: i16| i8::try_from(number).unwrap_or(i8::MAX);
    if hour > 23 {
        return Err(range("hour"));
    }
    if minute > 59 {
        return Err(range("minute"));
    }
    if second > 59 {
        return Err(range("second"));
    }
    let date = jiff::civil::Date::new(year, small(month), small(day)).map_err(|_| range("day"))?;
    let time = date.at(small(hour), small(minute), small(second), nanoseconds);
    offset.to_timestamp(time).map_err(|_| range("year"))
}

/// `Z` or `+02:00`, and what follows it.
fn zone(text: &str) -> Option<(Offset, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((Offset::UTC, rest));
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours: i32 = text.get(1..3)?.parse().ok()?;
    let minutes: i32 = text.get(3..6)?.strip_prefix(':')?.parse().ok()?;
    let offset = Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    Some((offset, &text[6..]))
}

/// As the API writes it: in UTC, to the second or the microsecond.
pub(super) fn write(time: Timestamp, micro: bool) -> String {
    time.strftime(if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, micro: bool) -> String {
        parse(text, micro).map_or_else(|error| error, |time| write(time, micro))
    }

    #[test]
    fn times_are_in_utc_and_whole_seconds() {
        assert_eq!(read("2024-05-06T07:08:09Z", false), "2024-05-06T07:08:09Z");
        assert_eq!(read("2024-05-06T07:08:09.987+02:00", false), "2024-05-06T05:08:09Z");
        assert_eq!(read("2024-05-06T07:08:09.123456Z", true), "2024-05-06T07:08:09.123456Z");
    }

    #[test]
    fn errors_are_those_of_go() {
        let layout = r#"as "2006-01-02T15:04:05Z07:00": cannot parse"#;
        assert_eq!(read("yesterday", false), format!(r#"parsing time "yesterday" {layout} "yesterday" as "2006""#));
        assert_eq!(read("2024-05-06", false), format!(r#"parsing time "2024-05-06" {layout} "" as "T""#));
        assert_eq!(
            read("2024-05-06T07:08:09", false),
            format!(r#"parsing time "2024-05-06T07:08:09" {layout} "" as "Z07:00""#)
        );
        assert_eq!(read("2024-13-06T07:08:09Z", false), r#"parsing time "2024-13-06T07:08:09Z": month out of range"#);
    }
}
