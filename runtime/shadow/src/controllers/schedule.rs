//! Cron schedules: five fields, names, ranges, steps, and `@hourly` and the like.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// When something is due.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// Bits of minute, hour, day of the month, month, day of the week.
    fields: [u64; 5],
    /// Whether days of the month, and of the week, are all meant: with both given, either will do.
    any_day: [bool; 2],
    every: Option<i64>,
}

const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads a schedule; nothing for what is none.
    pub(super) fn read(said: &str) -> Option<Self> {
        let said = match said.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if let Some(every) = said.strip_prefix("@every ") {
            let every: jiff::SignedDuration = every.trim().parse().ok()?;
            let seconds = every.as_secs();
            return (seconds > 0).then_some(Self { fields: [0; 5], any_day: [true; 2], every: Some(seconds) });
        }
        let parts: Vec<&str> = said.split_whitespace().collect();
        let parts: [&str; 5] = parts.try_into().ok()?;
        let mut fields = [0; 5];
        for (place, part) in parts.iter().enumerate() {
            fields[place] = field(part, place)?;
        }
        let any = |part: &str| part.starts_with('*') || part.starts_with('?');
        Some(Self { fields, any_day: [any(parts[2]), any(parts[4])], every: None })
    }

    /// The first time after this one; nothing if there is none within five years.
    pub(super) fn after(&self, time: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if let Some(every) = self.every {
            return Timestamp::from_second(time.as_second() + every).ok();
        }
        let start = time.to_zoned(zone.clone());
        let mut at: Zoned = start.checked_add(1.minute()).ok()?.with().second(0).subsec_nanosecond(0).build().ok()?;
        let end = start.year() + 5;
        while at.year() <= end {
            if self.fields[3] >> at.month() & 1 == 0 {
                at = at.first_of_month().ok()?.checked_add(1.month()).ok()?.start_of_day().ok()?;
            } else if !self.is_day(&at) {
                at = at.checked_add(1.day()).ok()?.start_of_day().ok()?;
            } else if self.fields[1] >> at.hour() & 1 == 0 {
                at = at.checked_add(1.hour()).ok()?.with().minute(0).build().ok()?;
            } else if self.fields[0] >> at.minute() & 1 == 0 {
                at = at.checked_add(1.minute()).ok()?;
            } else {
                return Some(at.timestamp());
            }
        }
        None
    }

    fn is_day(&self, at: &Zoned) -> bool {
        let of_month = self.fields[2] >> at.day() & 1 == 1;
        let of_week = self.fields[4] >> weekday(at.weekday()) & 1 == 1;
        if self.any_day[0] || self.any_day[1] { of_month && of_week } else { of_month || of_week }
    }
}

fn weekday(day: Weekday) -> u32 {
    u32::from(day.to_sunday_zero_offset().unsigned_abs())
}

fn field(said: &str, place: usize) -> Option<u64> {
    let (least, most) = RANGES[place];
    let mut bits = 0;
    for part in said.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range {
            "*" | "?" => (least, most),
            range => match range.split_once('-') {
                Some((from, to)) => (value(from, place)?, value(to, place)?),
                None => {
                    let from = value(range, place)?;
                    (from, if step.is_some() { most } else { from })
                }
            },
        };
        if from < least || to > most || from > to {
            return None;
        }
        for number in (from..=to).step_by(step.unwrap_or(1)) {
            bits |= 1 << number;
        }
    }
    Some(bits)
}

fn value(said: &str, place: usize) -> Option<u32> {
    let said = said.to_ascii_lowercase();
    let named = match place {
        3 => MONTHS.iter().position(|name| *name == said).map(|place| place + 1),
        4 => DAYS.iter().position(|name| *name == said),
        _ => None,
    };
    named.and_then(|number| u32::try_from(number).ok()).or_else(|| said.parse().ok())
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
            ("@monthly", "2026-12-15T08:00:00Z", "2027-01-01T00:00:00Z"),
            ("5/20 1,2 * * *", "2026-01-01T01:25:30Z", "2026-01-01T01:45:00Z"),
            ("@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"),
        ] {
            assert_eq!(next(schedule, from).as_deref(), Some(to), "{schedule}");
        }
        assert_eq!(next("0 0 31 2 *", "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_schedule_is_none() {
        for said in ["", "* * * *", "60 * * * *", "* * 0 * *", "a * * * *", "*/0 * * * *", "5-1 * * * *", "@every x"] {
            assert_eq!(Schedule::read(said), None, "{said}");
        }
    }
}
