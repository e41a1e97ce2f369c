//! Calendars of days off (iCalendar, RFC 5545), as far as whole days go.

use facts::cluster::{Calendar, DayOff};
use jiff::ToSpan;
use jiff::civil::Date;

/// Whether a text is a calendar.
pub(crate) fn is_calendar(text: &str) -> bool {
    text.trim_start().get(..15).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:VCALENDAR"))
}

/// Reads a calendar; what has no date is left out.
pub(crate) fn read(text: &str, name: &str) -> Calendar {
    let mut calendar = Calendar { name: name.to_owned(), days: Vec::new() };
    let mut event: Option<Event> = None;
    for line in unfolded(text) {
        let Some((head, value)) = line.split_once(':') else { continue };
        let property = head.split(';').next().unwrap_or("").to_ascii_uppercase();
        match (property.as_str(), &mut event) {
            ("BEGIN", _) if value.eq_ignore_ascii_case("VEVENT") => event = Some(Event::default()),
            ("END", Some(_)) if value.eq_ignore_ascii_case("VEVENT") => {
                calendar.days.extend(event.take().and_then(Event::into_day));
            }
            ("X-WR-CALNAME", None) => value.trim().clone_into(&mut calendar.name),
            ("SUMMARY", Some(event)) => event.name = plain(value),
            ("DTSTART", Some(event)) => event.from = date(value),
            ("DTEND", Some(event)) => event.until = date(value),
            ("RRULE", Some(event)) => {
                event.yearly = value.to_ascii_uppercase().contains("FREQ=YEARLY");
            }
            _ => {}
        }
    }
    calendar.days.sort_by(|a, b| (a.from, &a.name).cmp(&(b.from, &b.name)));
    calendar
}

#[derive(Default)]
struct Event {
    name: String,
    from: Option<Date>,
    until: Option<Date>,
    yearly: bool,
}

impl Event {
    fn into_day(self) -> Option<DayOff> {
        let from = self.from?;
        let next = from.checked_add(1.day()).ok()?;
        // An end on the day itself, or none, means that day.
        let until = self.until.filter(|until| *until > from).unwrap_or(next);
        Some(DayOff { name: self.name, from, until, yearly: self.yearly })
    }
}

/// Lines with those put together that were folded (RFC 5545, 3.1).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.push_str(rest),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A date, or the date of an instant: `20261225` or `20261225T000000Z`.
fn date(value: &str) -> Option<Date> {
    let digits = value.trim().get(..8)?;
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn plain(value: &str) -> String {
    value.trim().replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn whole_days_are_read() {
        let text = "BEGIN:VCALENDAR\r\nX-WR-CALNAME:Germany\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, both\r\n  days\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20260501T000000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:no date\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        assert!(is_calendar(text));
        let calendar = read(text, "file");
        assert_eq!(calendar.name, "Germany");
        assert_eq!(calendar.days.len(), 2);
        assert_eq!(
            (calendar.days[0].from, calendar.days[0].until),
            (date(2026, 5, 1), date(2026, 5, 2))
        );
        let both = &calendar.days[1];
        assert_eq!((both.name.as_str(), both.yearly), ("Christmas, both days", true));
        assert_eq!(both.until, date(2026, 12, 27));
    }
}
