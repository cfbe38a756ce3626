//! Cron schedules, as CronJobs have them: five fields, names, ranges, steps, and `@hourly` and the like. What is none is
//! refused in the words of the parser that Kubernetes uses.

use jiff::civil::Weekday;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan, Zoned};

/// When something is due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Schedule {
    /// After so many seconds, again and again.
    Every(i64),
    /// At the times that all fields name.
    Fields(Box<Fields>),
}

/// A schedule of five fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    /// Bits of minute, hour, day of the month, month, day of the week.
    bits: [u64; 5],
    /// Whether all days of the month, or of the week, are meant: with both given, either will do.
    any_day: bool,
    /// The schedule's own.
    zone: Option<TimeZone>,
}

/// A field of a schedule: its least and greatest value, and names for its values, from the least on.
struct Bounds {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Bounds; 5] = [
    Bounds { least: 0, most: 59, names: &[] },
    Bounds { least: 0, most: 23, names: &[] },
    Bounds { least: 1, most: 31, names: &[] },
    Bounds { least: 1, most: 12, names: MONTHS },
    Bounds { least: 0, most: 6, names: DAYS },
];

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// The API server's words.
    pub(crate) fn read(said: &str) -> Result<Self, String> {
        let (mut rest, mut zone) = (said, None);
        if let Some(named) = said.strip_prefix("TZ=").or_else(|| said.strip_prefix("CRON_TZ=")) {
            let (name, after) = named.split_once(' ').unwrap_or((named, ""));
            if name != "Local" {
                let wrong = |_| format!("provided bad location {name}: unknown time zone {name}");
                zone = Some(TimeZoneDatabase::bundled().get(name).map_err(wrong)?);
            }
            rest = after.trim();
        }
        let fields = match rest {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            word if word.starts_with('@') => return every(word),
            fields => fields,
        };
        let parts: Vec<&str> = fields.split_whitespace().collect();
        if parts.len() != FIELDS.len() {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", parts.len(), parts.join(" ")));
        }
        let (mut bits, mut any_day) = ([0; 5], false);
        for (at, ((part, bounds), bits)) in parts.iter().zip(&FIELDS).zip(&mut bits).enumerate() {
            // Go splits by commas and leaves out what is empty.
            for range in part.split(',').filter(|range| !range.is_empty()) {
                let (more, all) = read_range(range, bounds)?;
                *bits |= more;
                any_day |= all && matches!(at, 2 | 4);
            }
        }
        Ok(Self::Fields(Box::new(Fields { bits, any_day, zone })))
    }

    /// The first time after this one; nothing if there is none within five years.
    pub(crate) fn after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => Timestamp::from_second(time.as_second().checked_add(*seconds)?).ok(),
            Self::Fields(fields) => fields.after(time, zone),
        }
    }
}

impl Fields {
    fn after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let [minutes, hours, days, months, weekdays] = self.bits;
        let start = time.to_zoned(self.zone.as_ref().unwrap_or(zone).clone());
        let mut at: Zoned = start.checked_add(1.minute()).ok()?.with().second(0).subsec_nanosecond(0).build().ok()?;
        let end = start.year() + 5;
        while at.year() <= end {
            if months >> at.month() & 1 == 0 {
                at = at.first_of_month().ok()?.checked_add(1.month()).ok()?.start_of_day().ok()?;
            } else if !self.is_day(days >> at.day() & 1 == 1, weekdays >> weekday(at.weekday()) & 1 == 1) {
                at = at.checked_add(1.day()).ok()?.start_of_day().ok()?;
            } else if hours >> at.hour() & 1 == 0 {
                at = at.checked_add(1.hour()).ok()?.with().minute(0).build().ok()?;
            } else if minutes >> at.minute() & 1 == 0 {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                return Some(at.timestamp());
            }
        }
        None
    }

    fn is_day(&self, of_month: bool, of_week: bool) -> bool {
        if self.any_day { of_month && of_week } else { of_month || of_week }
    }
}

fn weekday(day: Weekday) -> u32 {
    u32::from(day.to_sunday_zero_offset().unsigned_abs())
}

fn every(word: &str) -> Result<Schedule, String> {
    let Some(time) = word.strip_prefix("@every ") else { return Err(format!("unrecognized descriptor: {word}")) };
    match seconds(time) {
        // Whole seconds, and one at least.
        Some(seconds) => Ok(Schedule::Every(seconds.max(1))),
        None => Err(format!("failed to parse duration {word}: time: invalid duration {time:?}")),
    }
}

/// The whole seconds of a duration of Go, such as `1h30m`.
fn seconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, unit) = rest.split_at(number);
        let (name, factor) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
        sum += digits.parse::<f64>().ok()? * factor;
        rest = unit.strip_prefix(name)?;
    }
    let sum = if text.starts_with('-') { -sum } else { sum };
    (!text.is_empty()).then_some(sum as i64)
}

/// The bits of a range, and whether it is all of its field.
fn read_range(range: &str, bounds: &Bounds) -> Result<(u64, bool), String> {
    let parts: Vec<&str> = range.split('/').collect();
    let (span, step) = match parts.as_slice() {
        [span] => (*span, None),
        [span, step] => (*span, Some(*step)),
        _ => return Err(format!("too many slashes: {range}")),
    };
    let ends: Vec<&str> = span.split('-').collect();
    let (start, end) = match ends.as_slice() {
        ["*" | "?"] | ["*" | "?", _] => (bounds.least, bounds.most),
        [one] => {
            let value = read_value(one, bounds)?;
            (value, if step.is_some() { bounds.most } else { value })
        }
        [from, to] => (read_value(from, bounds)?, read_value(to, bounds)?),
        _ => return Err(format!("too many hyphens: {range}")),
    };
    let step = step.map_or(Ok(1), number)?;
    if start < bounds.least {
        return Err(format!("beginning of range ({start}) below minimum ({}): {range}", bounds.least));
    }
    if end > bounds.most {
        return Err(format!("end of range ({end}) above maximum ({}): {range}", bounds.most));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {range}"));
    }
    let steps = (start..=end).filter(|value| (value - start).is_multiple_of(step));
    let all = span.starts_with(['*', '?']) && step == 1;
    Ok((steps.fold(0, |bits, value| bits | 1 << value), all))
}

fn read_value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let named = bounds.names.iter().position(|name| *name == text.to_lowercase());
    match named.and_then(|at| u32::try_from(at).ok()) {
        Some(at) => Ok(at + bounds.least),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        Err(_) => Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, from: &str) -> Option<String> {
        let schedule = Schedule::read(schedule).unwrap();
        schedule.after(from.parse().unwrap(), &TimeZone::UTC).map(|time| time.to_string())
    }

    #[test]
    fn the_next_time_is_found() {
        for (schedule, from, to) in [
            ("*/15 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z"),
            ("0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"),
            ("0 0 29 feb *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 12 * * mon-fri", "2026-01-02T12:30:00Z", "2026-01-05T12:00:00Z"),
            ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            // Each second day is not any day: either will do.
            ("0 0 */2 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            ("@monthly", "2026-12-15T08:00:00Z", "2027-01-01T00:00:00Z"),
            ("5/20 1,2 * * *", "2026-01-01T01:25:30Z", "2026-01-01T01:45:00Z"),
            ("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"),
            ("@every 1h30m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"),
            ("@every 10ms", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
            ("TZ=Europe/Berlin 0 12 * * *", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00Z"),
        ] {
            assert_eq!(next(schedule, from).as_deref(), Some(to), "{schedule}");
        }
        assert_eq!(next("0 0 31 2 *", "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for said in ["", "* * * *", "60 * * * *", "* * 0 * *", "a * * * *", "*/0 * * * *", "5-1 * * * *", "@every x"] {
            assert!(Schedule::read(said).is_err(), "{said}");
        }
    }
}
