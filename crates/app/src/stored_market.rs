//! The market in memory as the store has it: loaded once, followed from then on, and put by in a file
//! so that the next start is quick.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engines::bin_packing::to_the_hour;
use facts::names::OperatingSystem;
use jiff::{SignedDuration, Timestamp};
use market::{
    AdvisorBucket, AdvisorFile, AdvisorRow, ImportReport, Market, MarketBuilder, MarketFile,
    OnDemandFile, OnDemandRow, Origin, Place, Product, SeriesKey, SpotFile, SpotPoint,
};
use serde::{Deserialize, Serialize};
use store::{KnownSeries, ListFilter, Store};

use crate::Error;

/// The days of spot prices that decisions look at: statistics over a week, and two days for which a
/// price counts that was not seen again.
pub const SPOT_DAYS: i64 = 10;

/// Series whose points are read at once.
const SERIES_AT_ONCE: usize = 5000;

/// Rows of a list that are read at once.
const ROWS_AT_ONCE: u64 = 50_000;

/// After this time everything is loaded anew, so that old points go.
const RELOAD_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A market that follows the store.
pub struct StoredMarket {
    store: Store,
    file: Option<PathBuf>,
    market: Arc<Market>,
    seen: Seen,
    /// The version of the market that is in the file.
    put_by: Option<String>,
}

/// Up to where the store was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// The name of the database.
    installation: String,
    /// Digest of the bundled tables.
    bundled: String,
    /// Revisions of the datasets; 0 before anything was read.
    spot: u64,
    on_demand: u64,
    advisor: u64,
    /// When everything was loaded.
    loaded_at: Option<Timestamp>,
}

impl StoredMarket {
    /// The market of a store. `file` is where it is put by; one that does not fit is passed over.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn open(
        store: &Store,
        file: Option<PathBuf>,
        now: Timestamp,
    ) -> Result<StoredMarket, Error> {
        let seen = Seen {
            installation: store.installation().await?.to_string(),
            bundled: market::bundled_digest(),
            ..Seen::default()
        };
        let found = file.as_deref().and_then(|file| read(file, &seen));
        let (market, seen, put_by) = match found {
            Some((market, seen)) => {
                let version = market.version().to_owned();
                (market, seen, Some(version))
            }
            None => (market::bundled(), seen, None),
        };
        let mut opened =
            StoredMarket { store: store.clone(), file, market: Arc::new(market), seen, put_by };
        opened.follow(now).await?;
        Ok(opened)
    }

    /// The market.
    #[must_use]
    pub fn market(&self) -> &Arc<Market> {
        &self.market
    }

    /// Reads what is new in the store. Whether the market has changed.
    ///
    /// # Errors
    /// A store that does not answer; the market stays as it was.
    pub async fn follow(&mut self, now: Timestamp) -> Result<bool, Error> {
        let totals = self.store.totals().await?;
        let revision = |dataset: &str| {
            totals.iter().find(|one| one.dataset == dataset).map_or(0, |one| one.revision)
        };
        let mut seen = Seen {
            spot: revision("spot_prices"),
            on_demand: revision("on_demand_prices"),
            advisor: revision("spot_advisor"),
            ..self.seen.clone()
        };
        let is_old = |loaded: Timestamp| now.duration_since(loaded) > RELOAD_AFTER;
        let anew = self.seen.loaded_at.is_none_or(is_old) || seen.spot < self.seen.spot;
        if anew {
            seen.loaded_at = Some(now);
        }
        if seen == self.seen {
            return Ok(false);
        }
        let mut market = Arc::clone(&self.market);
        let lists = (seen.on_demand, seen.advisor) != (self.seen.on_demand, self.seen.advisor);
        if lists {
            market = Arc::new(market.with_lists_of(&self.lists(now).await?));
        }
        if anew || seen.spot != self.seen.spot {
            let after = if anew { 0 } else { self.seen.spot };
            let file = self.spot(after, anew, now).await?;
            market = Arc::new(market.with_spot(file));
        }
        let changed = market.version() != self.market.version();
        self.market = market;
        self.seen = seen;
        Ok(changed)
    }

    /// Puts the market by, if it is not in its file already.
    pub async fn put_by(&mut self) {
        let Some(file) = self.file.clone() else { return };
        if self.put_by.as_deref() == Some(self.market.version()) {
            return;
        }
        let (market, seen) = (Arc::clone(&self.market), self.seen.clone());
        let written = tokio::task::spawn_blocking(move || write(&file, &market, &seen)).await;
        match written {
            Ok(Ok(())) => self.put_by = Some(self.market.version().to_owned()),
            Ok(Err(error)) => tracing::warn!(%error, "the market could not be put by"),
            Err(error) => tracing::warn!(%error, "the market could not be put by"),
        }
    }

    /// The bundled tables with the list prices and the advice of the store on top.
    async fn lists(&self, now: Timestamp) -> Result<Market, Error> {
        let mut builder = MarketBuilder::new();
        for file in market::bundled_files() {
            builder.add(file);
        }
        builder.add(MarketFile::OnDemand(self.on_demand(now).await?));
        builder.add(MarketFile::Advisor(self.advisor(now).await?));
        Ok(builder.build())
    }

    async fn on_demand(&self, now: Timestamp) -> Result<OnDemandFile, Error> {
        let mut filter = ListFilter { limit: ROWS_AT_ONCE, ..ListFilter::default() };
        let mut rows = Vec::new();
        loop {
            let page = self.store.on_demand(&filter).await?;
            let all = page.len() as u64;
            rows.extend(page.into_iter().filter(|row| row.tenancy == "shared").filter_map(|row| {
                Some(OnDemandRow {
                    region: row.region.parse().ok()?,
                    operating_system: operating_system(&row.operating_system)?,
                    instance_type: row.instance_type.parse().ok()?,
                    since_ms: row.effective_at.as_millisecond(),
                    price: row.price,
                })
            }));
            if all < ROWS_AT_ONCE {
                break;
            }
            filter.offset += all;
        }
        let report = report(rows.len());
        Ok(OnDemandFile { rows, origin: origin(now), report })
    }

    async fn advisor(&self, now: Timestamp) -> Result<AdvisorFile, Error> {
        let mut filter = ListFilter { limit: ROWS_AT_ONCE, ..ListFilter::default() };
        let mut rows = Vec::new();
        loop {
            let page = self.store.advisor(&filter).await?;
            let all = page.len() as u64;
            rows.extend(page.into_iter().filter_map(|row| {
                Some(AdvisorRow {
                    region: row.region.parse().ok()?,
                    operating_system: operating_system(&row.operating_system)?,
                    instance_type: row.instance_type.parse().ok()?,
                    bucket: AdvisorBucket::try_from(row.bucket).ok(),
                    savings_percent: row.savings_percent.and_then(|one| i16::try_from(one).ok()),
                    // Evidence is drawn as of the start of the hour: what was heard in an hour is
                    // known in all of it.
                    observed_at: to_the_hour(row.observed_at),
                })
            }));
            if all < ROWS_AT_ONCE {
                break;
            }
            filter.offset += all;
        }
        let report = report(rows.len());
        Ok(AdvisorFile { rows, origin: origin(now), report })
    }

    /// The points of the series that changed after a revision, as far back as decisions look. With
    /// `anew` also those series that the market has and the store has not.
    async fn spot(&self, after: u64, anew: bool, now: Timestamp) -> Result<SpotFile, Error> {
        let from = now.checked_sub(SignedDuration::from_hours(24 * SPOT_DAYS)).unwrap_or(now);
        let known = self.store.price_series(after).await?;
        let mut series: Vec<SeriesKey> = Vec::new();
        let mut positions: BTreeMap<i64, u32> = BTreeMap::new();
        let mut zone_ids = BTreeMap::new();
        for one in &known {
            let Some(key) = key(one) else { continue };
            if let (Place::Zone(zone), Some(id)) = (&key.place, &one.series.zone_id)
                && let Ok(id) = id.parse()
            {
                zone_ids.insert(zone.clone(), id);
            }
            positions.insert(one.series_id, u32::try_from(series.len()).unwrap_or(u32::MAX));
            series.push(key);
        }
        let ids: Vec<i64> = positions.keys().copied().collect();
        let mut points = Vec::new();
        for chunk in ids.chunks(SERIES_AT_ONCE) {
            let rows = self.store.price_points(chunk, from, Timestamp::MAX).await?;
            points.extend(rows.into_iter().filter_map(|row| {
                let series = *positions.get(&row.series_id)?;
                Some(SpotPoint {
                    series,
                    at_ms: row.observed_at.as_millisecond(),
                    price: row.price,
                })
            }));
        }
        if anew {
            series.extend(self.market.spot_keys().iter().cloned());
        }
        let report = report(points.len());
        Ok(SpotFile { series, zone_ids, points, origin: origin(now), report })
    }
}

/// What the market calls a series; `None` for products that it does not price.
fn key(known: &KnownSeries) -> Option<SeriesKey> {
    let series = &known.series;
    let product: Product = series.product.parse().ok()?;
    let place = if series.zone == series.region {
        Place::Region
    } else if series.zone_id.as_ref() == Some(&series.zone) {
        Place::ZoneId(series.zone.parse().ok()?)
    } else {
        Place::Zone(series.zone.parse().ok()?)
    };
    Some(SeriesKey {
        region: series.region.parse().ok()?,
        operating_system: product.operating_system()?,
        instance_type: series.instance_type.parse().ok()?,
        place,
    })
}

fn operating_system(name: &str) -> Option<OperatingSystem> {
    match name {
        "Linux" => Some(OperatingSystem::Linux),
        "Windows" => Some(OperatingSystem::Windows),
        _ => None,
    }
}

fn origin(now: Timestamp) -> Origin {
    Origin::new("store", now)
}

fn report(rows: usize) -> ImportReport {
    let rows = rows as u64;
    ImportReport { rows_read: rows, rows_used: rows, ..ImportReport::default() }
}

/// The market of a file, where it was written for this database and these tables.
fn read(file: &Path, expected: &Seen) -> Option<(Market, Seen)> {
    let bytes = std::fs::read(file).ok()?;
    let found = Market::from_bytes(&bytes).map_err(|error| error.to_string());
    let fits = |(market, note): (Market, String)| {
        let seen: Seen = serde_json::from_str(&note).map_err(|error| error.to_string())?;
        if (&seen.installation, &seen.bundled) == (&expected.installation, &expected.bundled) {
            Ok((market, seen))
        } else {
            Err("it is of another database or another version".to_owned())
        }
    };
    match found.and_then(fits) {
        Ok(found) => Some(found),
        Err(why) => {
            tracing::info!(file = %file.display(), why, "the market is loaded from the database");
            None
        }
    }
}

fn write(file: &Path, market: &Market, seen: &Seen) -> std::io::Result<()> {
    let note = serde_json::to_string(seen)?;
    let fresh = file.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&fresh, market.to_bytes(&note))?;
    std::fs::rename(&fresh, file)
}
