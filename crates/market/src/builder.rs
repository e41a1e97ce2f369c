//! Merges parsed files into one market. The order in which files are added has no effect.

use std::collections::BTreeMap;

use facts::names::{Zone, ZoneId};
use jiff::Timestamp;

use crate::fields::{ceil_ms, from_ms};
use crate::series::{Observation, SeriesTable};
use crate::{
    AdvisorRow, Dataset, Instance, Market, MarketFile, OnDemandRow, Provenance, SeriesKey, digest,
};

/// Collects files, then builds a [`Market`].
///
/// Where two files disagree about the same thing at the same instant, the one observed later
/// stands; where they were observed at once, the dearer price and the riskier class.
#[derive(Clone, Debug, Default)]
pub struct MarketBuilder {
    instances: Vec<(Instance, Timestamp)>,
    on_demand: Vec<(OnDemandRow, Timestamp)>,
    advisor: Vec<AdvisorRow>,
    spot: BTreeMap<SeriesKey, Vec<Observation>>,
    zone_ids: Vec<(Zone, ZoneId, Timestamp)>,
    provenance: Vec<Provenance>,
}

impl MarketBuilder {
    /// A builder without files.
    #[must_use]
    pub fn new() -> MarketBuilder {
        MarketBuilder::default()
    }

    /// Adds the content of one file.
    #[must_use]
    pub fn with(mut self, file: MarketFile) -> MarketBuilder {
        self.add(file);
        self
    }

    /// Adds the content of one file.
    pub fn add(&mut self, file: MarketFile) {
        let observed = match &file {
            MarketFile::Advisor(file) => file.origin.observed_at,
            MarketFile::OnDemand(file) => file.origin.observed_at,
            MarketFile::Spot(file) => file.origin.observed_at,
            MarketFile::Catalogue(file) => file.origin.observed_at,
        };
        self.note(&file);
        match file {
            MarketFile::Advisor(file) => self.advisor.extend(file.rows),
            MarketFile::Catalogue(file) => self
                .instances
                .extend(file.instances.into_iter().map(|instance| (instance, observed))),
            MarketFile::OnDemand(file) => {
                self.on_demand.extend(file.rows.into_iter().map(|row| (row, observed)));
            }
            MarketFile::Spot(file) => {
                self.zone_ids
                    .extend(file.zone_ids.into_iter().map(|(zone, id)| (zone, id, observed)));
                let observed_ms = ceil_ms(observed);
                let mut columns: Vec<Vec<Observation>> = vec![Vec::new(); file.series.len()];
                for point in file.points {
                    if let Some(column) = columns.get_mut(point.series as usize) {
                        let (at_ms, price) = (point.at_ms, point.price);
                        column.push(Observation { at_ms, price, observed_ms });
                    }
                }
                for (key, column) in file.series.into_iter().zip(columns) {
                    self.spot.entry(key).or_default().extend(column);
                }
            }
        }
    }

    /// The market of everything that was added.
    #[must_use]
    pub fn build(self) -> Market {
        let MarketBuilder {
            mut instances,
            mut on_demand,
            mut advisor,
            spot,
            mut zone_ids,
            mut provenance,
        } = self;
        // The latest observation comes first in each group of equals, then the greatest value.
        instances.sort_unstable_by(|(left, left_at), (right, right_at)| {
            (&left.instance_type, right_at, right).cmp(&(&right.instance_type, left_at, left))
        });
        instances.dedup_by(|(later, _), (first, _)| later.instance_type == first.instance_type);

        on_demand.sort_unstable_by(|(left, left_at), (right, right_at)| {
            price_key(left)
                .cmp(&price_key(right))
                .then_with(|| (right_at, right.price).cmp(&(left_at, left.price)))
        });
        on_demand.dedup_by(|(later, _), (first, _)| price_key(later) == price_key(first));

        advisor.sort_unstable_by(|left, right| {
            advisor_key(left).cmp(&advisor_key(right)).then_with(|| {
                (right.bucket, right.savings_percent).cmp(&(left.bucket, left.savings_percent))
            })
        });
        advisor.dedup_by(|later, first| advisor_key(later) == advisor_key(first));

        zone_ids.sort_unstable_by(|left, right| {
            (&left.0, right.2, &right.1).cmp(&(&right.0, left.2, &left.1))
        });
        zone_ids.dedup_by(|later, first| later.0 == first.0);

        provenance.sort_unstable();
        provenance.dedup();
        let mut market = Market {
            instances: instances.into_iter().map(|(instance, _)| instance).collect(),
            on_demand: on_demand.into_iter().map(|(row, _)| row).collect(),
            advisor,
            spot: SeriesTable::build(spot),
            zone_ids: zone_ids.into_iter().map(|(zone, id, _)| (zone, id)).collect(),
            provenance,
            version: String::new(),
        };
        market.version = digest::of_market(&market);
        market
    }

    /// Remembers where the facts of a file came from and what span of time they are about.
    fn note(&mut self, file: &MarketFile) {
        let (dataset, origin, span) = match file {
            MarketFile::Advisor(file) => {
                let span = span(file.rows.iter().map(|row| row.observed_at));
                (Dataset::Advisor, &file.origin, span)
            }
            MarketFile::OnDemand(file) => {
                let span = span(file.rows.iter().map(|row| from_ms(row.since_ms)));
                (Dataset::OnDemand, &file.origin, span)
            }
            MarketFile::Spot(file) => {
                let span = span(file.points.iter().map(|point| from_ms(point.at_ms)));
                (Dataset::SpotHistory, &file.origin, span)
            }
            MarketFile::Catalogue(file) => (Dataset::Catalogue, &file.origin, None),
        };
        let (oldest, newest) = span.unwrap_or((origin.observed_at, origin.observed_at));
        self.provenance.push(Provenance {
            dataset,
            source: origin.source.clone(),
            oldest,
            newest,
            rows: file.report().rows_used,
        });
    }
}

fn price_key(row: &OnDemandRow) -> impl Ord + '_ {
    (&row.region, row.operating_system, &row.instance_type, row.since_ms)
}

fn advisor_key(row: &AdvisorRow) -> impl Ord + '_ {
    (&row.region, row.operating_system, &row.instance_type, row.observed_at)
}

fn span(instants: impl Iterator<Item = Timestamp>) -> Option<(Timestamp, Timestamp)> {
    instants.fold(None, |span, at| {
        let (oldest, newest) = span.unwrap_or((at, at));
        Some((oldest.min(at), newest.max(at)))
    })
}
