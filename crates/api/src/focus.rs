//! Findings as rows of FOCUS 1.2, for tools that take bills.
//!
//! A finding is no bill: what was invoiced is not known here and stays null, and so does every other
//! column that a snapshot does not tell.

use app::findings::FindingItem;
use facts::finding::CostCategory;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use units::{Confidence, Usd};

use crate::table::Table;

/// The columns in their order: the mandatory ones and those that a finding can tell, then ours.
pub(crate) const FOCUS: Table = Table {
    name: "findings-focus",
    first: &[
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
    ],
};

/// A finding as a row.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FocusRow {
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
    /// An estimate for a month of 730 hours.
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
    #[serde(rename = "x_ClusterId")]
    cluster_id: String,
    #[serde(rename = "x_Confidence")]
    confidence: Confidence,
    #[serde(rename = "x_CostCategory")]
    cost_category: CostCategory,
    #[serde(rename = "x_CustomerId")]
    customer_id: Option<String>,
    #[serde(rename = "x_DecisionId")]
    decision_id: String,
    #[serde(rename = "x_DecisionType")]
    decision_type: String,
    #[serde(rename = "x_Finding")]
    finding: String,
    #[serde(rename = "x_FindingId")]
    finding_id: String,
    #[serde(rename = "x_FirstSeen")]
    first_seen: Timestamp,
    #[serde(rename = "x_IsEstimate")]
    is_estimate: bool,
    #[serde(rename = "x_LastSeen")]
    last_seen: Timestamp,
    #[serde(rename = "x_Owner")]
    owner: Option<String>,
    #[serde(rename = "x_SavingsUsdPerMonth")]
    savings_usd_per_month: Option<Usd>,
    #[serde(rename = "x_State")]
    state: String,
}

/// The row of a finding whose subject costs so much; `None` where the finding is no matter of money, or
/// nothing is known of it.
pub(crate) fn row(item: FindingItem, cost: Option<Usd>) -> Option<FocusRow> {
    let has_savings = item.savings_usd_per_month.is_some_and(|savings| savings != Usd::ZERO);
    if cost.is_none() && !has_savings {
        return None;
    }
    let (start, end) = month_of(item.last_seen);
    let (service_category, service_name) = service(item.cost_category);
    let (region, account) = place_of(item.subject.arn.as_deref().unwrap_or_default());
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    Some(FocusRow {
        billed_cost: None,
        billing_account_id: None,
        billing_account_name: None,
        billing_currency: "USD",
        billing_period_end: end,
        billing_period_start: start,
        charge_category: "Usage",
        charge_class: None,
        charge_description: item.summary,
        charge_period_end: end,
        charge_period_start: start,
        contracted_cost: None,
        effective_cost: None,
        invoice_issuer_name: None,
        list_cost: cost,
        pricing_quantity: None,
        pricing_unit: None,
        provider_name: "AWS",
        publisher_name: "AWS",
        region_id: region,
        resource_id: item.subject.arn,
        resource_name: said(item.subject.name),
        resource_type: said(item.subject.kind),
        service_category,
        service_name,
        sub_account_id: account,
        tags: None,
        cluster_id: item.cluster_id,
        confidence: item.confidence,
        cost_category: item.cost_category,
        customer_id: item.customer_id,
        decision_id: item.decision_id,
        decision_type: item.decision_type,
        finding: item.finding,
        finding_id: item.finding_id,
        first_seen: item.first_seen,
        is_estimate: true,
        last_seen: item.last_seen,
        owner: item.owner,
        savings_usd_per_month: item.savings_usd_per_month,
        state: item.state,
    })
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

/// Category and name of a service; no name where a part of the bill holds several services.
fn service(category: CostCategory) -> (&'static str, Option<&'static str>) {
    match category {
        CostCategory::Compute => ("Compute", Some("Amazon Elastic Compute Cloud")),
        CostCategory::Storage => ("Storage", Some("Amazon Elastic Block Store")),
        CostCategory::Addresses => ("Networking", Some("Amazon Virtual Private Cloud")),
        CostCategory::NetworkDevices | CostCategory::Transfer => ("Networking", None),
        CostCategory::Images => ("Compute", Some("Amazon Elastic Container Registry")),
        CostCategory::Databases => ("Databases", Some("Amazon Relational Database Service")),
    }
}

/// Region and account of an Amazon Resource Name.
fn place_of(arn: &str) -> (Option<String>, Option<String>) {
    let mut parts = arn.split(':').skip(3).map(|part| Some(part).filter(|part| !part.is_empty()));
    let (region, account) = (parts.next().flatten(), parts.next().flatten());
    (region.map(str::to_owned), account.map(str::to_owned))
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

    #[test]
    fn a_place_is_what_the_resource_name_says() {
        let check = |arn: &str, region: Option<&str>, account: Option<&str>| {
            let expected = (region.map(str::to_owned), account.map(str::to_owned));
            assert_eq!(place_of(arn), expected, "{arn}");
        };
        let volume = "arn:aws:ec2:us-east-1:123456789012:volume/vol-1";
        check(volume, Some("us-east-1"), Some("123456789012"));
        check("arn:aws:s3:::bucket", None, None);
        check("", None, None);
    }
}
