//! Moments as people write them.

/// A moment in milliseconds since 1970, to the minute, in UTC.
pub(super) fn date(since_1970_ms: u64) -> String {
    const MINUTE_MS: u64 = 60_000;
    let minutes = since_1970_ms / MINUTE_MS;
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    let mut day = minutes / (60 * 24);
    let mut year = 1970;
    while day >= days_of(year).iter().sum() {
        day -= days_of(year).iter().sum::<u64>();
        year += 1;
    }
    let mut month = 1;
    for days in days_of(year) {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02} UTC", day + 1)
}

/// How many days each month of a year has.
fn days_of(year: u64) -> [u64; 12] {
    let is_multiple = |of: u64| year.is_multiple_of(of);
    let is_leap = is_multiple(4) && (!is_multiple(100) || is_multiple(400));
    let february = if is_leap { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_and_minutes() {
        for (since_1970_ms, shown) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_827_640_000, "2000-02-29 12:34 UTC"),
            (1_735_689_599_999, "2024-12-31 23:59 UTC"),
            (1_735_689_600_000, "2025-01-01 00:00 UTC"),
        ] {
            assert_eq!(date(since_1970_ms), shown);
        }
    }
}
