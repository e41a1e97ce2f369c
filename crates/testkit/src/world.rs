//! Everything that the fake knows: prices, files and the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::names::{Region, Zone, ZoneId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::Offer;

/// What the fake serves. Start from [`crate::generated`] or [`crate::from_reference`] and change it.
#[derive(Clone, Debug)]
pub struct World {
    /// What the fake takes for the present: its `Date`, and the end of history.
    pub now: Timestamp,
    /// How far back spot prices go; AWS has 90 days. `None` serves everything.
    pub horizon: Option<SignedDuration>,
    /// Requests signed for a time further from `now` are refused, as AWS does at five minutes;
    /// `None` takes every time.
    pub clock_tolerance: Option<SignedDuration>,
    /// Spot prices in any order.
    pub spot: Vec<SpotPrice>,
    /// Zones and their identifiers.
    pub zones: BTreeMap<Zone, ZoneId>,
    /// The Spot Advisor file.
    pub advisor: Vec<u8>,
    /// The bulk offer file of each region.
    pub offers: BTreeMap<Region, Offer>,
    /// Whether offer files are sent compressed to whoever accepts that.
    pub gzip: bool,
    /// Entries of `GetProducts`, decoded.
    pub products: Vec<Value>,
    /// Entries of `DescribeInstanceTypes`, as the JSON of the AWS command line has them.
    pub instance_types: Vec<Value>,
}

/// One row of spot history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotPrice {
    /// From when.
    pub at: Timestamp,
    /// Where.
    pub zone: Arc<str>,
    /// What.
    pub instance_type: Arc<str>,
    /// The product description.
    pub product: Arc<str>,
    /// Dollars an hour, as a text.
    pub price: Box<str>,
}

impl World {
    /// Nothing but the time.
    #[must_use]
    pub fn empty(now: Timestamp) -> World {
        World {
            now,
            horizon: Some(SignedDuration::from_hours(90 * 24)),
            clock_tolerance: None,
            spot: Vec::new(),
            zones: BTreeMap::new(),
            advisor: br#"{"spot_advisor":{}}"#.to_vec(),
            offers: BTreeMap::new(),
            gzip: false,
            products: Vec::new(),
            instance_types: Vec::new(),
        }
    }

    /// The same world at another time: all spot prices move with it.
    #[must_use]
    pub fn moved_to(mut self, now: Timestamp) -> World {
        let step = now.duration_since(self.now);
        for row in &mut self.spot {
            row.at = row.at.saturating_add(step).unwrap_or(row.at);
        }
        self.now = now;
        self
    }

    /// The identifier of a zone.
    pub(crate) fn zone_id(&self, zone: &str) -> Option<&str> {
        self.zones.get(zone).map(ZoneId::as_str)
    }
}
