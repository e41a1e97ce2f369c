//! Findings as rows of FOCUS.

use app::findings::FindingItem;
use facts::finding::CostCategory;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use units::{Confidence, Usd};

use super::{COLUMNS, FocusRow, month_of};
use crate::table::Table;

/// Findings as a file.
pub(crate) const FINDINGS_FOCUS: Table = Table { name: "findings-focus", first: COLUMNS };

/// What we say of a finding beside the columns of FOCUS.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FindingColumns {
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
pub(crate) fn row(item: FindingItem, cost: Option<Usd>) -> Option<FocusRow<FindingColumns>> {
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
        more: FindingColumns {
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
        },
    })
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
