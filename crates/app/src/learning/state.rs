//! Everything that was learned, as it is held in memory: a sum over the store, in its order.

use std::collections::{BTreeMap, BTreeSet};

use facts::names::{InstanceType, OperatingSystem, Region};
use jiff::{SignedDuration, Timestamp};
use learning::cross_customer::{AlarmBudget, Assessment, Baseline, Level, PoolExposure, ZoneKey};
use learning::patterns::{CalendarEntry, factor_at};
use learning::{ClassEvidence, ClassPriors, Evidence, LearnedRisk, Origin, PoolEvidence};
use market::{AdvisorBucket, Market};
use store::{
    CalendarRow, ExposureSource, Followed, InterruptionEvent, LevelKey, LevelRow, LoadedFeedback,
};

use super::RECENT;
use super::pool::{Pool, PoolKey};

/// What was learned.
#[derive(Default)]
pub(crate) struct State {
    sequence: Option<u64>,
    origin: Option<Origin>,
    pub(super) names: Names,
    pub(super) clusters: Names,
    zones: BTreeMap<(u32, Region, String), String>,
    pub(super) pools: BTreeMap<PoolKey, Pool>,
    /// Customers that were read anew, and up to which place.
    read_until: BTreeMap<u32, u64>,
    pub(super) levels: BTreeMap<LevelKey, LevelRow>,
    calendar: Vec<CalendarEntry>,
    priors: Option<(Timestamp, ClassPriors)>,
    regions: BTreeMap<Region, Relatives>,
    hours: Option<(Timestamp, Believed)>,
    pub(super) budget: AlarmBudget,
    revision: u64,
}

/// Texts by number.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_name: BTreeMap<String, u32>,
    names: Vec<String>,
}

/// What is known of the types and families of a region on a day.
#[derive(Debug, Default)]
pub(super) struct Relatives {
    revision: u64,
    until: Option<Timestamp>,
    types: BTreeMap<InstanceType, Evidence>,
    families: BTreeMap<String, Evidence>,
}

/// Hours and interruptions altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Believed {
    /// Instance-hours of everybody, no single customer counting for more than all others.
    pub(crate) hours: u64,
    /// Instance-hours as reported.
    pub(crate) reported_hours: u64,
    /// Interruptions as reported.
    pub(crate) interruptions: u64,
    /// Customers that told of anything.
    pub(crate) customers: u64,
}

/// How long hazards of classes, sums over all customers and what is usual are believed.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_secs(60);
const RELATIVES_FOR: SignedDuration = SignedDuration::from_secs(1);
const USUAL_FOR: SignedDuration = SignedDuration::from_mins(30);

/// No level lasts longer behind its last report, in seconds.
const LEVELS_LAST: i64 = 2 * 3600;

impl Names {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), number);
        number
    }

    pub(crate) fn known(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }
}

impl State {
    pub(super) fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin.unwrap_or(Origin::at(Timestamp::UNIX_EPOCH))
    }

    /// Changes whenever anything that decisions look at does.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes everything that is kept.
    pub(super) fn load(&mut self, all: LoadedFeedback, levels: Vec<LevelRow>, now: Timestamp) {
        self.origin = Some(Origin::at(now));
        self.sequence = Some(all.sequence);
        self.take(all, now);
        self.set_levels(levels);
    }

    /// Takes everything that is kept of one customer, in the place of what was held of it.
    pub(super) fn load_customer(&mut self, customer: &str, all: LoadedFeedback, now: Timestamp) {
        let number = self.names.number(customer);
        for pool in self.pools.values_mut() {
            pool.forget(number);
        }
        self.zones.retain(|(whose, _, _), _| *whose != number);
        self.read_until.insert(number, all.sequence);
        self.take(all, now);
    }

    fn take(&mut self, all: LoadedFeedback, now: Timestamp) {
        let origin = self.origin();
        for zone in all.zones {
            let customer = self.customer(zone.customer_id.as_deref());
            if let Ok(region) = zone.region.parse() {
                self.zones.insert((customer, region, zone.availability_zone), zone.zone_id);
            }
        }
        // How much is believed depends on the most instances, so these are learned first.
        for (is_first, day) in
            all.days.iter().map(|day| (true, day)).chain(all.days.iter().map(|day| (false, day)))
        {
            let customer = self.customer(day.customer_id.as_deref());
            let pool = (&*day.region, &*day.availability_zone, &*day.instance_type);
            let Some((_, pool)) = self.pool(customer, pool) else { continue };
            if is_first {
                pool.raise_most(customer, day.most_instances);
            } else {
                pool.add_day(customer, origin, day);
            }
        }
        for row in &all.recent {
            let customer = self.customer(row.customer_id.as_deref());
            let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
            if row.event == InterruptionEvent::Interruption
                && let Some((_, pool)) = self.pool(customer, named)
            {
                pool.note(customer, row);
            }
        }
        for row in &all.current {
            let customer = self.customer(row.customer_id.as_deref());
            let cluster = self.clusters.number(&row.cluster_id);
            let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
            if let Some((_, pool)) = self.pool(customer, named) {
                pool.hold(customer, cluster, row);
            }
        }
        self.forget_old(now);
        self.changed();
    }

    /// Takes what came behind. Customers of whom everything is to be read anew.
    pub(super) fn follow(&mut self, followed: &Followed, now: Timestamp) -> BTreeSet<String> {
        let origin = self.origin();
        let mut anew = BTreeSet::new();
        let oldest = now.checked_sub(RECENT).unwrap_or(now);
        for row in &followed.exposures {
            let customer = self.customer(row.customer_id.as_deref());
            if self.was_read(customer, row.sequence) {
                continue;
            }
            let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
            let moved = self.learn_zone(customer, named, row.zone_id.as_deref());
            if moved || row.source == ExposureSource::SnapshotCut {
                anew.insert(row.customer_id.clone().unwrap_or_default());
            }
            let cluster = self.clusters.number(&row.cluster_id);
            if let Some((_, pool)) = self.pool(customer, named) {
                pool.expose(customer, origin, row);
                pool.hold(customer, cluster, row);
                if pool.raise_most(customer, row.instances) {
                    anew.insert(row.customer_id.clone().unwrap_or_default());
                }
            }
        }
        for row in &followed.reports {
            let customer = self.customer(row.customer_id.as_deref());
            if self.was_read(customer, row.sequence) {
                continue;
            }
            let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
            if self.learn_zone(customer, named, row.zone_id.as_deref()) {
                anew.insert(row.customer_id.clone().unwrap_or_default());
            }
            if row.event != InterruptionEvent::Interruption {
                continue;
            }
            if let Some((_, pool)) = self.pool(customer, named) {
                pool.interrupt(customer, origin, row);
                if row.happened_at > oldest {
                    pool.note(customer, row);
                }
            }
        }
        self.sequence = Some(followed.sequence);
        self.changed();
        anew
    }

    fn was_read(&self, customer: u32, sequence: u64) -> bool {
        self.read_until.get(&customer).is_some_and(|until| sequence <= *until)
    }

    /// Learns which zone a name means. Whether that is news, so that what was counted under the name
    /// belongs elsewhere.
    fn learn_zone(&mut self, customer: u32, pool: (&str, &str, &str), id: Option<&str>) -> bool {
        let (Some(id), Ok(region)) = (id, pool.0.parse::<Region>()) else { return false };
        let zone = (customer, region, pool.1.to_owned());
        self.zones.insert(zone, id.to_owned()).as_deref() != Some(id)
    }

    /// Forgets reports that are too old to be held one by one.
    pub(super) fn forget_old(&mut self, now: Timestamp) {
        let oldest = now.checked_sub(RECENT).unwrap_or(now).as_second();
        for pool in self.pools.values_mut().filter(|pool| !pool.recent.is_empty()) {
            pool.recent.retain(|one| one.second > oldest);
        }
    }

    pub(super) fn set_levels(&mut self, levels: Vec<LevelRow>) {
        let levels: BTreeMap<LevelKey, LevelRow> =
            levels.into_iter().map(|row| (row.key.clone(), row)).collect();
        if levels != self.levels {
            self.levels = levels;
            self.changed();
        }
    }

    pub(super) fn set_level(&mut self, row: LevelRow) {
        self.levels.insert(row.key.clone(), row);
        self.changed();
    }

    pub(super) fn set_calendar(&mut self, rows: Vec<CalendarRow>) {
        let entries: Vec<CalendarEntry> = rows
            .into_iter()
            .map(|row| CalendarEntry {
                name: row.name,
                from: row.from,
                until: row.until,
                factor: row.factor,
            })
            .collect();
        if entries != self.calendar {
            self.calendar = entries;
            self.changed();
        }
    }

    pub(super) fn calendar(&self) -> &[CalendarEntry] {
        &self.calendar
    }

    pub(super) fn changed(&mut self) {
        self.revision += 1;
    }

    pub(super) fn customer(&mut self, name: Option<&str>) -> u32 {
        self.names.number(name.unwrap_or_default())
    }

    /// The key of a pool as a customer names it.
    pub(crate) fn key(&self, customer: Option<u32>, pool: (&str, &str, &str)) -> Option<PoolKey> {
        let region: Region = pool.0.parse().ok()?;
        let id = customer.and_then(|customer| {
            self.zones.get(&(customer, region.clone(), pool.1.to_owned())).map(String::as_str)
        });
        let zone_key = match ZoneKey::of(id, pool.1) {
            ZoneKey::Id(key) | ZoneKey::Name(key) => key,
        };
        Some(PoolKey { region, zone_key, instance_type: pool.2.parse().ok()? })
    }

    fn pool(&mut self, customer: u32, named: (&str, &str, &str)) -> Option<(PoolKey, &mut Pool)> {
        let key = self.key(Some(customer), named)?;
        Some((key.clone(), self.pools.entry(key).or_default()))
    }

    /// A customer's own name of a zone.
    pub(super) fn zone_name<'a>(&'a self, customer: u32, key: &'a PoolKey) -> Option<&'a str> {
        if key.is_by_name() {
            return Some(&key.zone_key);
        }
        let named = self.zones.iter().find(|((whose, region, _), id)| {
            *whose == customer && *region == key.region && **id == key.zone_key
        });
        named.map(|((_, _, name), _)| name.as_str())
    }

    /// Reckons anew what classes mean, now and then.
    pub(super) fn renew_priors(&mut self, market: &Market, now: Timestamp) {
        if self.priors.as_ref().is_some_and(|(until, _)| now < *until) {
            return;
        }
        let origin = self.origin();
        let mut classes: [ClassEvidence; 5] = Default::default();
        for (key, pool) in &mut self.pools {
            let Some(class) = class_of(market, key, now) else { continue };
            let evidence = pool.learned_by(None, origin, now);
            classes[usize::from(class.index()).min(4)].pools.push(evidence);
        }
        let until = now.checked_add(BELIEVED_FOR).unwrap_or(now);
        self.priors = Some((until, ClassPriors::learned(&classes)));
    }

    pub(super) fn priors(&self) -> ClassPriors {
        self.priors.as_ref().map_or_else(ClassPriors::published, |(_, priors)| *priors)
    }

    /// By how much the operator's calendar raises hazards now.
    pub(super) fn season(&self, now: Timestamp) -> f64 {
        factor_at(&self.calendar, now)
    }

    /// What is known of the relatives of the pools of a region.
    pub(super) fn relatives(&mut self, region: &Region, now: Timestamp) -> &Relatives {
        let (origin, revision) = (self.origin(), self.revision);
        let held = self.regions.entry(region.clone()).or_default();
        // A pool's own reports count at once; those of its relatives may be a second old.
        let is_due = held.until.is_none_or(|until| now >= until);
        if held.revision != revision && is_due {
            let until = now.checked_add(RELATIVES_FOR).ok();
            let mut found = Relatives { revision, until, ..Relatives::default() };
            for (key, pool) in self.pools.iter_mut().filter(|(key, _)| key.region == *region) {
                let evidence = pool.learned_by(None, origin, now);
                let of_type = found.types.entry(key.instance_type.clone()).or_default();
                *of_type = of_type.plus(evidence);
                let family = key.instance_type.family().to_owned();
                let of_family = found.families.entry(family).or_default();
                *of_family = of_family.plus(evidence);
            }
            *held = found;
        }
        held
    }

    /// What a customer learns of a pool, with its relatives.
    pub(super) fn evidence(
        &mut self,
        key: &PoolKey,
        customer: Option<u32>,
        now: Timestamp,
    ) -> PoolEvidence {
        let origin = self.origin();
        let (own, shown) = self.pools.get_mut(key).map_or_else(Default::default, |pool| {
            (pool.learned_by(customer, origin, now), pool.learned_by(None, origin, now))
        });
        let relatives = self.relatives(&key.region, now);
        let of_type = relatives.types.get(&key.instance_type).copied().unwrap_or_default();
        let family = relatives.families.get(key.instance_type.family());
        PoolEvidence {
            own,
            other_zones: of_type.minus(shown),
            other_types: family.copied().unwrap_or_default().minus(of_type),
        }
    }

    /// What a customer believes of a pool.
    pub(super) fn risk(
        &mut self,
        key: &PoolKey,
        customer: Option<u32>,
        class: AdvisorBucket,
        now: Timestamp,
    ) -> LearnedRisk {
        let evidence = self.evidence(key, customer, now);
        LearnedRisk::of(&self.priors(), class, &evidence)
    }

    /// The status of a pool by its reports. A pool that nobody told of is asked about and not remembered.
    pub(super) fn assess(&mut self, market: &Market, key: &PoolKey, now: Timestamp) -> Assessment {
        let budget = self.budget;
        let Some(pool) = self.pools.get(key) else {
            return Baseline::of(PoolExposure::default(), budget).assess(&[], now);
        };
        if pool.usual.as_ref().is_none_or(|(until, _)| now >= *until) {
            let usual = self.usual(market, key, now);
            let until = now.checked_add(USUAL_FOR).unwrap_or(now);
            if let Some(pool) = self.pools.get_mut(key) {
                pool.usual = Some((until, usual));
            }
        }
        let Some((pool, (_, usual))) =
            self.pools.get(key).and_then(|pool| Some((pool, pool.usual.as_ref()?)))
        else {
            return Baseline::of(PoolExposure::default(), budget).assess(&[], now);
        };
        usual.assess(&pool.reports(now), now)
    }

    /// What is usual for a pool: its exposure, and its hazard without what happened today.
    fn usual(&mut self, market: &Market, key: &PoolKey, now: Timestamp) -> Baseline {
        let class = class_of(market, key, now).unwrap_or_else(middle_class);
        let mut evidence = self.evidence(key, None, now);
        let (priors, season) = (self.priors(), self.season(now));
        let (today, instances) = self.pools.get(key).map_or_else(Default::default, |pool| {
            (pool.within(now, 24 * 3600, None), pool.instances(now))
        });
        let today = Evidence { interruptions: today as f64, exposure_hours: 0.0 };
        evidence.own = evidence.own.minus(today);
        let risk = LearnedRisk::of(&priors, class, &evidence);
        let mut exposure = PoolExposure::cautious(instances, &risk);
        exposure.hazard *= season.max(1.0);
        Baseline::of(exposure, self.budget)
    }

    /// The pools of the same type in other zones of the region.
    pub(super) fn siblings<'a>(
        &'a self,
        key: &'a PoolKey,
    ) -> impl Iterator<Item = (&'a PoolKey, &'a Pool)> {
        let from = PoolKey { zone_key: String::new(), ..key.clone() };
        let of_type = self.pools.range(from..).take_while(|(other, _)| {
            other.region == key.region && other.instance_type == key.instance_type
        });
        of_type.filter(|(other, _)| other.zone_key != key.zone_key)
    }

    /// Customers with capacity in a pool that lost none within the hour: how many instances, and the
    /// cluster with most of them.
    pub(super) fn holders(&self, key: &PoolKey, now: Timestamp) -> Vec<(u32, u32, Option<u32>)> {
        let Some(pool) = self.pools.get(key) else { return Vec::new() };
        let since = now.as_second() - 3600;
        let hit = pool.recent.iter().filter(|one| one.second > since);
        let hit: BTreeSet<u32> = hit.map(|one| one.customer).collect();
        pool.holdings
            .iter()
            .map(|(customer, held)| (*customer, held.instances(now), held.largest_cluster(now)))
            .filter(|(customer, instances, _)| *instances > 0 && !hit.contains(customer))
            .collect()
    }

    /// Pools of which something was reported within the last hours, that are not normal, or that an
    /// operator says something of.
    pub(super) fn restless_pools(&self, now: Timestamp) -> Vec<PoolKey> {
        let reported =
            self.pools.iter().filter(|(_, pool)| pool.within(now, LEVELS_LAST, None) > 0);
        let mut found: BTreeSet<PoolKey> = reported.map(|(key, _)| key.clone()).collect();
        let is_unquiet =
            |row: &&LevelRow| row.level != Level::Normal.name() || row.overridden.is_some();
        let unquiet = self.levels.values().filter(is_unquiet);
        found.extend(unquiet.filter_map(|row| PoolKey::of_level(&row.key)));
        found.into_iter().collect()
    }

    /// Hours and interruptions altogether.
    pub(crate) fn believed(&mut self, now: Timestamp) -> Believed {
        if let Some((_, believed)) = self.hours.filter(|(until, _)| now < *until) {
            return believed;
        }
        let mut seconds: BTreeMap<u32, u64> = BTreeMap::new();
        let mut interruptions = 0_u64;
        for pool in self.pools.values() {
            for (customer, holding) in &pool.holdings {
                let sum = seconds.entry(*customer).or_default();
                *sum = sum.saturating_add(holding.exposure_seconds);
                interruptions = interruptions.saturating_add(holding.interruptions());
            }
        }
        let all: u64 = seconds.values().sum();
        let largest = seconds.values().copied().max().unwrap_or(0);
        let is_alone = seconds.len() <= 1;
        // One that is alone learns from itself.
        let kept = if is_alone { largest } else { largest.min(all - largest) };
        let believed = Believed {
            hours: (all - largest + kept) / 3600,
            reported_hours: all / 3600,
            interruptions,
            customers: seconds.len() as u64,
        };
        let until = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
        self.hours = Some((until, believed));
        believed
    }
}

/// The class that is taken for a type that the advisor does not list.
pub(super) fn middle_class() -> AdvisorBucket {
    AdvisorBucket::ALL[AdvisorBucket::ALL.len() / 2]
}

/// The class of a type in a region; `None` where the advisor does not list it.
pub(super) fn class_of(market: &Market, key: &PoolKey, now: Timestamp) -> Option<AdvisorBucket> {
    let linux = OperatingSystem::Linux;
    let quote = market.advisor(&key.instance_type, &key.region, linux, now)?;
    quote.bucket
}
