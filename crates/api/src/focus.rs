//! Findings and costs as rows of FOCUS 1.2, for tools that take bills.
//!
//! Neither is a bill: what was invoiced is not known here and stays null, and so does every other
//! column that a snapshot does not tell.

pub(crate) mod costs;
pub(crate) mod findings;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use units::Usd;

/// The columns in their order: the mandatory ones and those that a snapshot can tell; ours follow.
const COLUMNS: &[&str] = &[
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SubAccountId",
    "Tags",
];

/// A row: the columns of FOCUS, and further ones of whoever writes it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FocusRow<More> {
    billed_cost: Option<Usd>,
    billing_account_id: Option<String>,
    billing_account_name: Option<String>,
    billing_currency: &'static str,
    billing_period_end: Option<Timestamp>,
    billing_period_start: Option<Timestamp>,
    charge_category: &'static str,
    charge_class: Option<String>,
    charge_description: String,
    charge_period_end: Option<Timestamp>,
    charge_period_start: Option<Timestamp>,
    contracted_cost: Option<Usd>,
    effective_cost: Option<Usd>,
    invoice_issuer_name: Option<String>,
    /// An estimate: of findings for a month of 730 hours, of costs for the hour of the charge.
    list_cost: Option<Usd>,
    pricing_quantity: Option<f64>,
    pricing_unit: Option<String>,
    provider_name: &'static str,
    publisher_name: &'static str,
    region_id: Option<String>,
    resource_id: Option<String>,
    resource_name: Option<String>,
    resource_type: Option<String>,
    service_category: &'static str,
    service_name: Option<&'static str>,
    sub_account_id: Option<String>,
    tags: Option<String>,
    #[serde(flatten)]
    more: More,
}

/// The month in UTC around an instant, its end excluded.
fn month_of(at: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
    let day = at.to_zoned(TimeZone::UTC).date();
    let midnight = |day: jiff::civil::Date| {
        day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
    };
    let next = day.last_of_month().tomorrow().ok();
    (midnight(day.first_of_month()), next.and_then(midnight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let check = |at: &str, start: &str, end: &str| {
            let expected = (start.parse().ok(), end.parse().ok());
            assert_eq!(at.parse().ok().map(month_of), Some(expected));
        };
        check("2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
        check("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    }
}
