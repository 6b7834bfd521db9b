//! The days that a workbook counts, as text.

/// Such as `2024-01-31`, `2024-01-31 12:30:00`, or `12:30:00` for less than a day; `None` beyond the
/// year 9999 and for what is before the first day.
///
/// Day 60 of the calendar from 1900 is a 29th of February that never was, as Lotus 1-2-3 had it.
pub(super) fn text(serial: f64, from_1904: bool) -> Option<String> {
    const MILLISECONDS: f64 = 86_400_000.0;
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 2.6e14")]
    let all = (serial * MILLISECONDS).round() as i64;
    let (day, rest) = (all / 86_400_000, all % 86_400_000);
    let time = time(rest);
    if day == 0 && !from_1904 {
        return Some(time);
    }
    // Days from 1970-01-01 to the day 0.
    let zero = match (from_1904, day < 60) {
        (true, _) => -24_107,
        (false, true) => -25_568,
        (false, false) => -25_569,
    };
    let date = date(day + zero);
    Some(if rest == 0 { date } else { format!("{date} {time}") })
}

fn time(milliseconds: i64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { clock } else { format!("{clock}.{rest:03}") }
}

/// The date so many days after 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`).
fn date(days: i64) -> String {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year_of_era + era * 400 + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_that_excel_shows() {
        for (serial, from_1904, shown) in [
            (45_322.0, false, "2024-01-31"),
            (45_323.5, false, "2024-02-01 12:00:00"),
            (1.0, false, "1900-01-01"),
            (59.0, false, "1900-02-28"),
            (61.0, false, "1900-03-01"),
            (0.25, false, "06:00:00"),
            (36_526.000_011_574_074, false, "2000-01-01 00:00:01"),
            (0.0, true, "1904-01-01"),
            (43_860.0, true, "2024-01-31"),
            (2_958_465.0, false, "9999-12-31"),
        ] {
            assert_eq!(text(serial, from_1904).as_deref(), Some(shown));
        }
        for serial in [-1.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
            assert_eq!(text(serial, false), None);
        }
    }
}
