//! The market with a part of it exchanged. A market that is held for long follows its sources without
//! being built anew from the beginning.

use std::collections::BTreeMap;

use crate::fields::from_ms;
use crate::series::{Observation, SeriesTable};
use crate::{Dataset, Market, Provenance, SeriesKey, SpotFile, digest};

impl Market {
    /// The same market, in which the series of a file have the points of the file and no others. A
    /// series without points is forgotten.
    #[must_use]
    pub fn with_spot(&self, file: SpotFile) -> Market {
        let source = file.origin.source.clone();
        let mut changed: BTreeMap<SeriesKey, Vec<Observation>> = BTreeMap::new();
        let mut columns: Vec<Vec<Observation>> = vec![Vec::new(); file.series.len()];
        for point in file.points {
            if let Some(column) = columns.get_mut(point.series as usize) {
                let (at_ms, price) = (point.at_ms, point.price);
                column.push(Observation { at_ms, price, observed_ms: 0 });
            }
        }
        for (key, column) in file.series.into_iter().zip(columns) {
            changed.entry(key).or_default().extend(column);
        }
        let mut market = self.clone_without_spot();
        market.spot = self.spot.exchanged(SeriesTable::build(changed));
        let mut zone_ids: BTreeMap<_, _> = self.zone_ids.iter().cloned().collect();
        zone_ids.extend(file.zone_ids);
        market.zone_ids = zone_ids.into_iter().collect();
        market.provenance.retain(|part| part.dataset != Dataset::SpotHistory);
        market.provenance.extend(provenance(&market.spot, source));
        market.provenance.sort_unstable();
        market.version = digest::of_market(&market);
        market
    }

    /// The spot prices of this market with everything else of another one.
    #[must_use]
    pub fn with_lists_of(&self, lists: &Market) -> Market {
        let mut market = lists.clone_without_spot();
        market.spot = self.spot.clone();
        market.zone_ids.clone_from(&self.zone_ids);
        let spot = |part: &&Provenance| part.dataset == Dataset::SpotHistory;
        market.provenance.retain(|part| !spot(&part));
        market.provenance.extend(self.provenance.iter().filter(spot).cloned());
        market.provenance.sort_unstable();
        market.version = digest::of_market(&market);
        market
    }

    fn clone_without_spot(&self) -> Market {
        Market {
            instances: self.instances.clone(),
            on_demand: self.on_demand.clone(),
            advisor: self.advisor.clone(),
            spot: SeriesTable::default(),
            zone_ids: Vec::new(),
            provenance: self.provenance.clone(),
            version: String::new(),
        }
    }
}

fn provenance(spot: &SeriesTable, source: String) -> Option<Provenance> {
    let (oldest, newest) = spot.span()?;
    let (changes, repeats) = spot.counts();
    Some(Provenance {
        dataset: Dataset::SpotHistory,
        source,
        oldest: from_ms(oldest),
        newest: from_ms(newest),
        rows: (changes + repeats) as u64,
    })
}
