//! What a cluster costs as rows of FOCUS: one for each group and service, for the
//! hour of the report. What has no price makes no row.

use engines::cost_allocation::{CostReport, CostRow};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use units::UsdPerHour;

use super::{COLUMNS, FocusRow, month_of};
use crate::table::Table;

/// Costs as a file.
pub(crate) const COSTS_FOCUS: Table = Table { name: "costs-focus", first: COLUMNS };

/// What we say of a cost beside the columns of FOCUS.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostColumns {
    #[serde(rename = "x_AllocatedBy")]
    allocated_by: String,
    #[serde(rename = "x_AllocatedTo")]
    allocated_to: String,
    #[serde(rename = "x_ClusterId")]
    cluster_id: Option<String>,
    #[serde(rename = "x_IsEstimate")]
    is_estimate: bool,
    #[serde(rename = "x_Reason")]
    reason: Option<String>,
}

/// The rows of a report.
pub(crate) fn rows(report: &CostReport) -> Vec<FocusRow<CostColumns>> {
    report.rows.iter().flat_map(|row| of_group(report, row)).collect()
}

fn of_group(report: &CostReport, row: &CostRow) -> Vec<FocusRow<CostColumns>> {
    let machines =
        row.on_demand_usd_per_hour.zip(row.spot_usd_per_hour).map(|(bought, spot)| bought + spot);
    let services = [
        Service {
            list: machines,
            effective: row.effective_machines_usd_per_hour,
            category: "Compute",
            name: "Amazon Elastic Compute Cloud",
            kind: "instance share",
        },
        Service {
            list: row.storage_usd_per_hour,
            effective: row.effective_storage_usd_per_hour,
            category: "Storage",
            name: "Amazon Elastic Block Store",
            kind: "volume share",
        },
        Service {
            list: row.load_balancer_usd_per_hour,
            effective: row.effective_load_balancer_usd_per_hour,
            category: "Networking",
            name: "Elastic Load Balancing",
            kind: "load balancer share",
        },
    ];
    let costs = |one: &Service| one.list.is_some_and(|list| list != UsdPerHour::ZERO);
    services.iter().filter(|one| costs(one)).map(|one| focus_row(report, row, one)).collect()
}

/// What a group costs of a service.
struct Service {
    list: Option<UsdPerHour>,
    effective: Option<UsdPerHour>,
    category: &'static str,
    name: &'static str,
    kind: &'static str,
}

fn focus_row(report: &CostReport, row: &CostRow, service: &Service) -> FocusRow<CostColumns> {
    let (start, end) = month_of(report.priced_at);
    let hour = hour_of(report.priced_at);
    let tag = report.by.strip_prefix("label:").filter(|_| !row.group.starts_with("__"));
    FocusRow {
        billed_cost: None,
        billing_account_id: None,
        billing_account_name: None,
        billing_currency: "USD",
        billing_period_end: end,
        billing_period_start: start,
        charge_category: "Usage",
        charge_class: None,
        charge_description: format!("{} of {} {}", service.kind, report.by, row.group),
        charge_period_end: hour
            .and_then(|hour| hour.checked_add(SignedDuration::from_hours(1)).ok()),
        charge_period_start: hour,
        contracted_cost: None,
        effective_cost: service.effective.map(UsdPerHour::per_hour),
        invoice_issuer_name: None,
        list_cost: service.list.map(UsdPerHour::per_hour),
        pricing_quantity: None,
        pricing_unit: None,
        provider_name: "AWS",
        publisher_name: "AWS",
        region_id: report.region.as_ref().map(ToString::to_string),
        resource_id: None,
        resource_name: Some(row.group.clone()),
        resource_type: Some(service.kind.to_owned()),
        service_category: service.category,
        service_name: Some(service.name),
        sub_account_id: None,
        tags: tag.map(|key| json!({ (key): row.group }).to_string()),
        more: CostColumns {
            allocated_by: report.by.clone(),
            allocated_to: row.group.clone(),
            cluster_id: report.cluster_id.clone(),
            is_estimate: true,
            reason: row.reason.clone(),
        },
    }
}

/// The start of the hour (UTC) of an instant.
fn hour_of(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(3600)).ok()
}
