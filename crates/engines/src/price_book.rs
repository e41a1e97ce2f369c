//! Prices of AWS that are no prices of machines: storage, addresses, transfer, gateways.
//!
//! The defaults are list prices of us-east-1 in dollars, each from a page of AWS that its comment
//! names; an operator lays regional or negotiated ones over them. A gigabyte is 10⁹ bytes where AWS
//! bills bytes, and a gibibyte where it bills the size of a volume.

use std::collections::BTreeMap;

use facts::decision::RateUsed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Usd, UsdPerHour};

/// Prices of AWS that are no prices of machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PriceBook {
    /// A public IPv4 address for an hour, used or idle, since 2024-02-01
    /// (<https://aws.amazon.com/vpc/pricing/>).
    pub public_ipv4_usd_per_hour: UsdPerHour,
    /// A gigabyte between zones of a region, for each of the two sides
    /// (<https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer>).
    pub cross_zone_usd_per_gb: Usd,
    /// Gigabytes to the internet that are free in a month (same page).
    pub internet_free_gb_per_month: u64,
    /// Gigabytes to the internet beyond the free ones: each tier ends at so many gigabytes a month;
    /// the last one never (same page).
    pub internet_tiers: Vec<TransferTier>,
    /// A NAT gateway for an hour (<https://aws.amazon.com/vpc/pricing/>).
    pub nat_gateway_usd_per_hour: UsdPerHour,
    /// A gigabyte through a NAT gateway (same page).
    pub nat_gateway_usd_per_gb: Usd,
    /// An interface endpoint for an hour in each zone
    /// (<https://aws.amazon.com/privatelink/pricing/>).
    pub interface_endpoint_usd_per_hour: UsdPerHour,
    /// A gigabyte through an interface endpoint (same page).
    pub interface_endpoint_usd_per_gb: Usd,
    /// An application or network load balancer for an hour, without capacity units
    /// (<https://aws.amazon.com/elasticloadbalancing/pricing/>).
    pub load_balancer_usd_per_hour: UsdPerHour,
    /// A classic load balancer for an hour (same page).
    pub classic_load_balancer_usd_per_hour: UsdPerHour,
    /// A gigabyte in a private registry for a month, compressed and each layer once
    /// (<https://aws.amazon.com/ecr/pricing/>).
    pub registry_usd_per_gb_month: Usd,
    /// A gibibyte of a volume for a month, by type (<https://aws.amazon.com/ebs/pricing/>).
    pub volume_usd_per_gib_month: BTreeMap<String, Usd>,
    /// An operation per second of io1 and io2 for a month, and one of gp3 beyond the free 3,000
    /// (same page).
    pub volume_usd_per_iops_month: BTreeMap<String, Usd>,
    /// A mebibyte per second of gp3 beyond the free 125 for a month (same page).
    pub gp3_usd_per_mib_per_second_month: Usd,
    /// A gibibyte of a snapshot for a month, by storage tier (same page).
    pub snapshot_usd_per_gib_month: BTreeMap<String, Usd>,
}

/// A tier of a price that falls with the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferTier {
    /// Where the tier ends, in gigabytes a month; absent for the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to_gb: Option<u64>,
    /// A gigabyte in it.
    pub usd_per_gb: Usd,
}

const fn cents_hundredths(amount: i64) -> Usd {
    Usd::from_nanos(amount * 100_000)
}

impl Default for PriceBook {
    fn default() -> PriceBook {
        let dollars = cents_hundredths;
        let hourly = |amount| UsdPerHour::new(cents_hundredths(amount));
        let named = |prices: &[(&str, i64)]| {
            prices.iter().map(|(name, amount)| ((*name).to_owned(), dollars(*amount))).collect()
        };
        let tier = |up_to_gb, amount| TransferTier { up_to_gb, usd_per_gb: dollars(amount) };
        PriceBook {
            public_ipv4_usd_per_hour: hourly(50),
            cross_zone_usd_per_gb: dollars(100),
            internet_free_gb_per_month: 100,
            internet_tiers: vec![
                tier(Some(10_240), 900),
                tier(Some(51_200), 850),
                tier(Some(153_600), 700),
                tier(None, 500),
            ],
            nat_gateway_usd_per_hour: hourly(450),
            nat_gateway_usd_per_gb: dollars(450),
            interface_endpoint_usd_per_hour: hourly(100),
            interface_endpoint_usd_per_gb: dollars(100),
            load_balancer_usd_per_hour: hourly(225),
            classic_load_balancer_usd_per_hour: hourly(250),
            registry_usd_per_gb_month: dollars(1_000),
            volume_usd_per_gib_month: named(&[
                ("gp2", 1_000),
                ("gp3", 800),
                ("io1", 1_250),
                ("io2", 1_250),
                ("sc1", 150),
                ("st1", 450),
                ("standard", 500),
            ]),
            volume_usd_per_iops_month: named(&[("gp3", 50), ("io1", 650), ("io2", 650)]),
            gp3_usd_per_mib_per_second_month: dollars(400),
            snapshot_usd_per_gib_month: named(&[("archive", 125), ("standard", 500)]),
        }
    }
}

/// Operations per second that a gp3 volume has for nothing.
const GP3_FREE_IOPS: i64 = 3_000;
/// Mebibytes per second that a gp3 volume has for nothing.
const GP3_FREE_THROUGHPUT: i64 = 125;

impl PriceBook {
    /// What a volume of a kind and size costs a month: its size, and what was provisioned beyond.
    /// `None` for a kind without a price.
    #[must_use]
    pub fn volume_month(&self, volume: &facts::cluster::EbsVolume) -> Option<VolumeCost> {
        let rate = *self.volume_usd_per_gib_month.get(&volume.kind)?;
        let storage = times(rate, volume.size_gib);
        let per_iops = self.volume_usd_per_iops_month.get(&volume.kind).copied();
        let free = if volume.kind == "gp3" { GP3_FREE_IOPS } else { 0 };
        let billed = volume.iops.unwrap_or(0).saturating_sub(free).max(0);
        let mut performance = per_iops.map_or(Usd::ZERO, |rate| times(rate, billed));
        if volume.kind == "gp3" {
            let fast = volume.throughput.unwrap_or(0).saturating_sub(GP3_FREE_THROUGHPUT).max(0);
            performance += times(self.gp3_usd_per_mib_per_second_month, fast);
        }
        Some(VolumeCost { rate, storage, performance })
    }

    /// What so many bytes a month cost between zones, both sides together.
    #[must_use]
    pub fn cross_zone_month(&self, bytes: f64) -> Option<Usd> {
        Usd::from_dollars(self.cross_zone_usd_per_gb.dollars() * 2.0 * bytes / 1e9)
    }

    /// What so many bytes a month to the internet cost, when nothing else goes there.
    #[must_use]
    pub fn internet_month(&self, bytes: f64) -> Option<Usd> {
        let mut left = (bytes / 1e9 - self.internet_free_gb_per_month as f64).max(0.0);
        let mut begun = 0.0;
        let mut dollars = 0.0;
        for tier in &self.internet_tiers {
            let room = tier.up_to_gb.map_or(f64::INFINITY, |end| (end as f64 - begun).max(0.0));
            let here = left.min(room);
            dollars += here * tier.usd_per_gb.dollars();
            left -= here;
            begun += here;
        }
        Usd::from_dollars(dollars)
    }

    /// The line of the book that says what a gibibyte of a kind of volume costs.
    #[must_use]
    pub fn volume_rate(&self, kind: &str) -> Option<RateUsed> {
        let usd = *self.volume_usd_per_gib_month.get(kind)?;
        Some(rate(kind, usd, "GiB-month", "https://aws.amazon.com/ebs/pricing/"))
    }
}

/// What a volume costs a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeCost {
    /// A gibibyte.
    pub rate: Usd,
    /// Its size.
    pub storage: Usd,
    /// What was provisioned beyond.
    pub performance: Usd,
}

impl VolumeCost {
    /// Both together.
    #[must_use]
    pub fn total(self) -> Usd {
        self.storage + self.performance
    }
}

/// A price times a whole number, held at the largest amount there is.
#[must_use]
pub fn times(price: Usd, count: i64) -> Usd {
    Usd::from_nanos(price.nanos().saturating_mul(count))
}

/// A price times bytes counted in units of `10⁹`.
#[must_use]
pub fn per_gigabyte(price: Usd, bytes: i64) -> Usd {
    let nanos = i128::from(price.nanos()) * i128::from(bytes) / 1_000_000_000;
    Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// A line for the list of prices that a sum was made with.
#[must_use]
pub fn rate(item: &str, usd: Usd, unit: &str, source: &str) -> RateUsed {
    RateUsed {
        item: item.to_owned(),
        usd,
        unit: unit.to_owned(),
        source: format!("price book: {source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::cluster::EbsVolume;

    fn dollars(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn volumes_cost_size_and_performance() {
        let book = PriceBook::default();
        let check = |kind: &str, gib, iops, throughput, expected: &str| {
            let volume = EbsVolume {
                kind: kind.to_owned(),
                size_gib: gib,
                iops,
                throughput,
                ..EbsVolume::default()
            };
            let total = book.volume_month(&volume).unwrap().total();
            assert_eq!(total, dollars(expected), "{kind}");
        };
        check("gp2", 100, Some(300), None, "10");
        check("gp3", 100, Some(3_000), Some(125), "8");
        check("gp3", 100, Some(4_000), Some(225), "17");
        check("io1", 8, Some(100), None, "7.5");
        assert_eq!(book.volume_month(&EbsVolume::default()), None);
    }

    #[test]
    fn transfer_is_billed_on_both_sides_and_in_tiers() {
        let book = PriceBook::default();
        assert_eq!(book.cross_zone_month(3_000e9), Some(dollars("60")));
        assert_eq!(book.internet_month(100e9), Some(Usd::ZERO));
        assert_eq!(book.internet_month(2_100e9), Some(dollars("180")));
        let much = 100.0 + 10_240.0 + 1_000.0;
        assert_eq!(book.internet_month(much * 1e9), Some(dollars("1006.6")));
    }

    #[test]
    fn addresses_cost_what_aws_says() {
        let book = PriceBook::default();
        assert_eq!(book.public_ipv4_usd_per_hour.per_month(), dollars("3.65"));
        assert_eq!(times(book.public_ipv4_usd_per_hour.per_month(), 12), dollars("43.8"));
    }
}
