//! Answers of `describe-reserved-instances`, `describe-capacity-reservations` and
//! `savingsplans describe-savings-plans`.

use facts::cluster::{Commitment, CommitmentKind};
use jiff::Timestamp;
use serde::Deserialize;
use units::{Usd, UsdPerHour};

use super::{filled, parse};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Reserved {
    instance_type: Option<String>,
    instance_count: Option<u64>,
    #[serde(deserialize_with = "lenient::time")]
    end: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Capacity {
    instance_type: Option<String>,
    total_instance_count: Option<u64>,
    #[serde(deserialize_with = "lenient::time")]
    end_date: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Plan {
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    ec2_instance_family: Option<String>,
    commitment: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    end: Option<Timestamp>,
}

/// Reads one commitment; `None` for one that is not in force.
pub(super) fn read(key: &str, text: &str) -> Result<Option<Commitment>, String> {
    let blank = |kind| Commitment {
        kind,
        instance_type: None,
        count: None,
        usd_per_hour: None,
        discount: None,
        ends_at: None,
    };
    Ok(match key {
        "ReservedInstances" => {
            let one: Reserved = parse(text)?;
            (one.state == "active").then(|| Commitment {
                instance_type: filled(one.instance_type),
                count: one.instance_count,
                ends_at: one.end,
                ..blank(CommitmentKind::ReservedInstances)
            })
        }
        "CapacityReservations" => {
            let one: Capacity = parse(text)?;
            (one.state == "active").then(|| Commitment {
                instance_type: filled(one.instance_type),
                count: one.total_instance_count,
                ends_at: one.end_date,
                ..blank(CommitmentKind::CapacityReservation)
            })
        }
        _ => {
            let one: Plan = parse(text)?;
            let hourly = one.commitment.as_deref().and_then(|text| text.parse::<Usd>().ok());
            (one.state == "active").then(|| Commitment {
                instance_type: filled(one.ec2_instance_family),
                usd_per_hour: hourly.map(UsdPerHour::new),
                ends_at: one.end,
                ..blank(CommitmentKind::SavingsPlan)
            })
        }
    })
}
