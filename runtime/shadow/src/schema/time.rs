//! Times as the API carries them, read as Go reads RFC 3339.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::Json;

/// The beginning of the year 1, in nanoseconds.
const ZERO: i128 = -62_135_596_800 * 1_000_000_000;

/// Reads a time; the error is Go's. `layout` is what Go's error calls the format.
pub(super) fn parse(text: &str, micro: bool) -> Result<Timestamp, String> {
    let layout = if micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
    let about = format!("parsing time {}", crate::go::quote(text));
    let cannot = |rest: &str, part: &str| {
        format!(
            "{about} as {}: cannot parse {} as {}",
            crate::go::quote(layout),
            crate::go::quote(rest),
            crate::go::quote(part)
        )
    };
    let mut rest = text;
    let mut numbers = [0_i16; 6];
    let parts = [("2006", 4, "-"), ("01", 2, "-"), ("02", 2, "T"), ("15", 2, ":"), ("04", 2, ":"), ("05", 2, "")];
    for (number, (part, width, then)) in numbers.iter_mut().zip(parts) {
        let digits = |width| rest.get(..width).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        // Go takes an hour of one digit.
        let short = || digits(1).filter(|_| part == "15");
        let digits = digits(width).or_else(short).ok_or_else(|| cannot(rest, part))?;
        *number = digits.parse().map_err(|_| cannot(rest, part))?;
        rest = &rest[digits.len()..];
        rest = rest.strip_prefix(then).ok_or_else(|| cannot(rest, then))?;
    }
    let mut nanoseconds = 0;
    let fraction = rest.strip_prefix(['.', ',']).unwrap_or_default();
    let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if micro && length < 6 {
        return Err(cannot(rest, ".000000"));
    }
    let length = if micro { 6 } else { length };
    if length > 0 {
        nanoseconds = format!("{:0<9}", &fraction[..length])[..9].parse().unwrap_or(0);
        rest = &fraction[length..];
    }
    let (hours, minutes, rest) = zone(rest).ok_or_else(|| cannot(rest, "Z07:00"))?;
    if !rest.is_empty() {
        return Err(format!("{about}: extra text: {}", crate::go::quote(rest)));
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
    if hours.abs() > 24 {
        return Err(range("time zone offset hour"));
    }
    if minutes.abs() > 60 {
        return Err(range("time zone offset minute"));
    }
    let offset = Offset::from_seconds(hours * 3600 + minutes * 60).map_err(|_| range("time zone offset hour"))?;
    let date = jiff::civil::Date::new(year, small(month), small(day)).map_err(|_| range("day"))?;
    let time = date.at(small(hour), small(minute), small(second), nanoseconds);
    offset.to_timestamp(time).map_err(|_| range("year"))
}

/// The hours and minutes of `Z` or `+02:00`, and what follows it.
fn zone(text: &str) -> Option<(i32, i32, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, 0, rest));
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i32>().ok());
    let hours = number(text.get(1..3)?)??;
    let minutes = number(text.get(3..6)?.strip_prefix(':')?)??;
    Some((sign * hours, sign * minutes, &text[6..]))
}

/// As the API writes it: in UTC, to the second or the microsecond. Go's zero time is null.
pub(super) fn write(time: Timestamp, micro: bool) -> Json {
    if time.as_nanosecond() == ZERO {
        return Json::Null;
    }
    time.strftime(if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" }).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, micro: bool) -> String {
        parse(text, micro).map_or_else(|error| error, |time| write(time, micro).as_str().unwrap_or("null").to_owned())
    }

    #[test]
    fn times_are_in_utc_and_whole_seconds() {
        assert_eq!(read("2024-05-06T07:08:09Z", false), "2024-05-06T07:08:09Z");
        assert_eq!(read("2024-05-06T07:08:09.987+02:00", false), "2024-05-06T05:08:09Z");
        assert_eq!(read("0001-01-01T00:00:00Z", false), "null");
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
