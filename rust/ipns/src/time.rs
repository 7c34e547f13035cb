//! Points in time as records write them: RFC 3339 with as many digits as they need.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::IpnsError;

const DAY: i64 = 86_400;
/// Days from the first of March of the year 0 to 1970.
const DAYS_TO_1970: i64 = 719_468;
/// Days in 400 years.
const ERA: i64 = 146_097;
/// The first second of the year 10000, which has five digits.
const END: i64 = 253_402_300_800;
/// The first second of the year 0.
const BEGIN: i64 = -62_167_219_200;

/// A point in time between the years 0 and 9999, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// A number of seconds since 1970, and nanoseconds behind them.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        let is_known = (BEGIN..END).contains(&seconds) && nanoseconds < 1_000_000_000;
        is_known.then_some(Self { seconds, nanoseconds })
    }

    /// The time it is, as far as the clock is right.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(END - 1).min(END - 1);
        Self { seconds, nanoseconds: since.subsec_nanos() }
    }

    /// So much later; `None` beyond the year 9999.
    pub fn after(self, time: Duration) -> Option<Self> {
        let nanoseconds = self.nanoseconds + time.subsec_nanos();
        let whole = i64::try_from(time.as_secs()).ok()?;
        let seconds = self.seconds.checked_add(whole)?;
        let carried = i64::from(nanoseconds / 1_000_000_000);
        Self::new(seconds.checked_add(carried)?, nanoseconds % 1_000_000_000)
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds behind them.
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Reads a time in RFC 3339, in any zone.
    pub fn parse(text: &str) -> Result<Self, IpnsError> {
        read(text.as_bytes()).ok_or_else(|| IpnsError::Time(text.to_owned()))
    }
}

fn read(text: &[u8]) -> Option<Timestamp> {
    let (date, mut rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| date[*at] != *mark) {
        return None;
    }
    let (year, month, day) =
        (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..10])?);
    let (hour, minute, second) =
        (digits(&date[11..13])?, digits(&date[14..16])?, digits(&date[17..19])?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    if day == 0 || date_of(days) != (year, month, day) {
        return None;
    }
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        let scale = 10_i64.pow(9 - u32::try_from(length).ok()?);
        nanoseconds = u32::try_from(digits(&fraction[..length])? * scale).ok()?;
        rest = &fraction[length..];
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    Timestamp::new(seconds - zone(rest)?, nanoseconds)
}

/// How many seconds a zone is ahead of UTC.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, time) = match text {
        b"Z" => return Some(0),
        [b'+', time @ ..] => (1, time),
        [b'-', time @ ..] => (-1, time),
        _ => return None,
    };
    if time.len() != 5 || time[2] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(&time[..2])?, digits(&time[3..])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Days from 1970 to a date, by counting years from March, when leap days end them.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970
}

/// The date so many days after 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.seconds.div_euclid(DAY));
        let of_day = self.seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanoseconds > 0 {
            let fraction = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_400, 500_000_000, "2000-02-29T00:00:00.5Z"),
            (1_795_320_797, 803_619_656, "2026-11-22T04:13:17.803619656Z"),
            (END - 1, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
            (BEGIN, 10, "0000-01-01T00:00:00.00000001Z"),
        ] {
            let time = Timestamp::new(seconds, nanoseconds).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse(text), Ok(time));
        }
    }

    #[test]
    fn zones_count() {
        let time = Timestamp::parse("2000-01-01T01:30:00+01:30").unwrap();
        assert_eq!(time.to_string(), "2000-01-01T00:00:00Z");
        let time = Timestamp::parse("1999-12-31T16:00:00.25-08:00").unwrap();
        assert_eq!(time.to_string(), "2000-01-01T00:00:00.25Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2000-01-01",
            "2000-01-01T00:00:00",
            "2000-01-01 00:00:00Z",
            "2000-13-01T00:00:00Z",
            "2000-00-01T00:00:00Z",
            "2000-01-00T00:00:00Z",
            "2001-02-29T00:00:00Z",
            "2000-01-01T24:00:00Z",
            "2000-01-01T00:60:00Z",
            "2000-01-01T00:00:60Z",
            "2000-01-01T00:00:00.Z",
            "2000-01-01T00:00:00.0000000001Z",
            "2000-01-01T00:00:00+1:00",
            "2000-01-01T00:00:00ZZ",
            "-200-01-01T00:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "200\u{f6}-01-01T00:00:0Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(IpnsError::Time(text.to_owned())));
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_itself() {
        for days in -ERA..ERA {
            let (year, month, day) = date_of(days);
            assert_eq!(days_since_1970(year, month, day), days);
        }
    }

    #[test]
    fn later_is_carried_over() {
        let time = Timestamp::new(1, 900_000_000).unwrap();
        let later = time.after(Duration::new(2, 200_000_000)).unwrap();
        assert_eq!((later.seconds(), later.nanoseconds()), (4, 100_000_000));
        assert_eq!(time.after(Duration::MAX), None);
    }
}
