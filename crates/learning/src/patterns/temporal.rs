//! Hours of the day and days of the week.

use super::{Finding, LEAST_EXPECTED, Rate, deviations, overall};
use crate::class_prior::OVER_DISPERSION;
use crate::history::Evidence;

/// Interruptions and exposure by hour of the week, in whatever time zone the caller counts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekCounts {
    interruptions: [u64; HOURS],
    exposure_seconds: [u64; HOURS],
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// The 24 hours of the day.
    HourOfDay,
    /// The 7 days of the week, Monday first.
    DayOfWeek,
}

/// One hour or one day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The hour from 0 to 23, or the day from 0 (Monday) to 6.
    pub index: u8,
    /// Its rate.
    pub rate: Rate,
    /// Whether it is riskier than the mean, all cells of the cycle being tested together at 5 %.
    pub is_high: bool,
}

const HOURS: usize = 168;

impl Default for WeekCounts {
    fn default() -> WeekCounts {
        WeekCounts { interruptions: [0; HOURS], exposure_seconds: [0; HOURS] }
    }
}

impl WeekCounts {
    /// Counts an interruption on a weekday (0 is Monday) at an hour; nothing for numbers that are
    /// neither.
    pub fn interrupted(&mut self, weekday: u8, hour: u8) {
        if let Some(count) = place(weekday, hour).and_then(|at| self.interruptions.get_mut(at)) {
            *count = count.saturating_add(1);
        }
    }

    /// Counts several interruptions and instance-seconds at risk in an hour of the week: 0 is midnight on
    /// Monday, 167 the last hour of Sunday; nothing beyond.
    pub fn add(&mut self, hour_of_week: usize, interruptions: u64, instance_seconds: u64) {
        let counts = self.interruptions.get_mut(hour_of_week);
        if let (Some(count), Some(seconds)) = (counts, self.exposure_seconds.get_mut(hour_of_week))
        {
            *count = count.saturating_add(interruptions);
            *seconds = seconds.saturating_add(instance_seconds);
        }
    }

    /// Counts instance-seconds at risk on a weekday (0 is Monday) within an hour.
    pub fn exposed(&mut self, weekday: u8, hour: u8, instance_seconds: u64) {
        if let Some(count) = place(weekday, hour).and_then(|at| self.exposure_seconds.get_mut(at)) {
            *count = count.saturating_add(instance_seconds);
        }
    }

    /// Whether the cells of a cycle differ by more than chance: Pearson's statistic over the
    /// over-dispersion against the 99th percentile of chi-squared. Cells without exposure are left
    /// out. Too few interruptions, or one cell only, cannot tell.
    #[must_use]
    pub fn pattern(&self, cycle: Cycle) -> Finding<Vec<Cell>> {
        let cells: Vec<(u8, u64, f64)> = self
            .folded(cycle)
            .into_iter()
            .filter(|(_, _, exposure_hours)| *exposure_hours > 0.0)
            .collect();
        let interruptions: u64 = cells.iter().map(|cell| cell.1).sum();
        let exposure_hours: f64 = cells.iter().map(|cell| cell.2).sum();
        let least = cells.iter().map(|cell| cell.2).fold(f64::INFINITY, f64::min);
        if cells.len() < 2 {
            return Finding::NotEnoughData { interruptions, needed: None };
        }
        let needed = LEAST_EXPECTED * OVER_DISPERSION * exposure_hours / least;
        let all = Evidence { interruptions: interruptions as f64, exposure_hours };
        let rate = overall(all).filter(|_| all.interruptions >= needed);
        let Some(rate) = rate else {
            return Finding::NotEnoughData { interruptions, needed: Some(needed.ceil() as u64) };
        };
        let limit = match cycle {
            Cycle::HourOfDay => ONE_OF_24,
            Cycle::DayOfWeek => ONE_OF_7,
        };
        let mut statistic = 0.0;
        let found = cells
            .iter()
            .map(|(index, count, hours)| {
                let off = deviations(*count, rate * hours);
                statistic += off * off;
                Cell { index: *index, rate: Rate::of(*count, *hours, rate), is_high: off >= limit }
            })
            .collect();
        if statistic >= ninety_ninth(cells.len() as f64 - 1.0) {
            Finding::Pattern(found)
        } else {
            Finding::NoPattern(found)
        }
    }

    fn folded(&self, cycle: Cycle) -> Vec<(u8, u64, f64)> {
        let (cells, place): (u8, fn(usize) -> usize) = match cycle {
            Cycle::HourOfDay => (24, |at| at % 24),
            Cycle::DayOfWeek => (7, |at| at / 24),
        };
        (0..cells)
            .map(|cell| {
                let of = |counts: &[u64; HOURS]| {
                    let own = counts.iter().enumerate();
                    let own = own.filter(|(at, _)| place(*at) == usize::from(cell));
                    own.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count))
                };
                (cell, of(&self.interruptions), of(&self.exposure_seconds) as f64 / 3600.0)
            })
            .collect()
    }
}

fn place(weekday: u8, hour: u8) -> Option<usize> {
    (weekday < 7 && hour < 24).then(|| usize::from(weekday) * 24 + usize::from(hour))
}

/// Normal deviations that one of 24 and one of 7 cells exceeds by chance with 5 % (Bonferroni).
const ONE_OF_24: f64 = 2.865;
const ONE_OF_7: f64 = 2.450;

/// The 99th percentile of chi-squared by degrees of freedom (Wilson and Hilferty 1931).
fn ninety_ninth(freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    let root = 1.0 - part + 2.326_348 * part.sqrt();
    freedom * root * root * root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A year of ten instances; every hour of the week with so many interruptions.
    fn year(count: impl Fn(u8, u8) -> u64) -> WeekCounts {
        let mut counts = WeekCounts::default();
        for weekday in 0..7 {
            for hour in 0..24 {
                counts.exposed(weekday, hour, 52 * 10 * 3600);
                (0..count(weekday, hour)).for_each(|_| counts.interrupted(weekday, hour));
            }
        }
        counts
    }

    #[test]
    fn percentiles_are_those_of_tables() {
        assert!((ninety_ninth(23.0) - 41.638).abs() < 0.1);
        assert!((ninety_ninth(6.0) - 16.812).abs() < 0.1);
    }

    #[test]
    fn busy_hours_are_found() {
        let counts = year(|_, hour| if (14..17).contains(&hour) { 6 } else { 2 });
        let Finding::Pattern(cells) = counts.pattern(Cycle::HourOfDay) else {
            panic!("no pattern")
        };
        let high: Vec<u8> =
            cells.iter().filter(|cell| cell.is_high).map(|cell| cell.index).collect();
        assert_eq!(high, [14, 15, 16]);
        let rate = cells[14].rate;
        assert_eq!((rate.interruptions, rate.exposure_hours), (42, 3640.0));
        assert!(rate.interval.low < rate.per_hour && rate.per_hour < rate.interval.high);
        assert!(matches!(counts.pattern(Cycle::DayOfWeek), Finding::NoPattern(_)));
    }

    #[test]
    fn few_interruptions_tell_nothing() {
        let few = year(|weekday, hour| u64::from(weekday == 2 && hour > 12));
        assert_eq!(
            few.pattern(Cycle::HourOfDay),
            Finding::NotEnoughData { interruptions: 11, needed: Some(240) }
        );
        let none = WeekCounts::default().pattern(Cycle::DayOfWeek);
        assert_eq!(none, Finding::NotEnoughData { interruptions: 0, needed: None });
    }

    #[test]
    fn nonsense_is_not_counted() {
        let mut counts = WeekCounts::default();
        counts.interrupted(7, 3);
        counts.exposed(2, 24, 10);
        assert_eq!(counts, WeekCounts::default());
    }
}
