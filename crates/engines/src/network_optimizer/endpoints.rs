//! Traffic to services of the cloud that goes through NAT gateways and need not.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::ClusterState;
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use units::{Confidence, Fraction, Usd};

use super::{NetworkFinding, NetworkPolicy, NetworkRemedy};
use crate::account_view::accounts;
use crate::bin_packing::region_of;
use crate::findings::{Collected, cloud_target};
use crate::price_book::{rate, times};
use crate::traffic_view::TrafficView;

/// Judges what goes to services of the cloud, service by service.
pub(super) fn judge(
    state: &ClusterState,
    policy: &NetworkPolicy,
    view: &TrafficView<'_>,
    collected: &mut Collected<NetworkFinding>,
) {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut senders: BTreeSet<u32> = BTreeSet::new();
    for flow in &view.flows {
        // Both directions through a NAT gateway are processed and billed.
        let ends = [&flow.flow.source, &flow.flow.destination];
        let service = ends.iter().find_map(|end| end.cloud_service.as_deref());
        let Some(service) = service else { continue };
        *bytes.entry(service.to_ascii_lowercase()).or_default() += flow.flow.bytes;
        senders.extend(flow.source_zone);
        senders.extend(flow.destination_zone);
    }
    if bytes.is_empty() {
        return;
    }
    let gateways = accounts(state)
        .iter()
        .flat_map(|account| account.nat_gateways.iter().flatten())
        .filter(|one| one.state == "available");
    let vpcs: BTreeSet<&str> = gateways.filter_map(|one| one.vpc.as_deref()).collect();
    let endpoints: Vec<&str> = accounts(state)
        .iter()
        .flat_map(|account| account.endpoints.iter().flatten())
        .filter(|one| one.state.eq_ignore_ascii_case("available"))
        .map(|one| one.service.as_str())
        .collect();
    let listed = accounts(state).iter().any(|account| account.endpoints.is_some());
    let region = region_of(state).map_or_else(|| "REGION".to_owned(), |region| region.to_string());
    let book = &policy.price_book;
    for (service, sum) in bytes {
        let month = view.a_month(sum) / 1e9;
        let name = format!("com.amazonaws.{region}.{}", endpoint_name(&service));
        let subject = cloud_target("VpcEndpoint", &name, None);
        if vpcs.is_empty() {
            let detail = "no NAT gateway is known through which it would go".to_owned();
            collected.refuse(&subject, ReasonCode::NotWorthIt, detail);
            continue;
        }
        if endpoints.iter().any(|known| known.ends_with(&format!(".{}", endpoint_name(&service)))) {
            let detail = "there is an endpoint for it already".to_owned();
            collected.refuse(&subject, ReasonCode::WithinTolerance, detail);
            continue;
        }
        let now = Usd::from_dollars(book.nat_gateway_usd_per_gb.dollars() * month);
        collected.look_at(now);
        let page = "https://aws.amazon.com/vpc/pricing/";
        let line = rate("NAT gateway", book.nat_gateway_usd_per_gb, "GB", page);
        collected.rates.insert(line.item.clone(), line);
        let gateway = matches!(service.as_str(), "s3" | "dynamodb");
        let zones = senders.len().max(1) as i64;
        let then = if gateway {
            Some(Usd::ZERO)
        } else {
            let hourly = times(book.interface_endpoint_usd_per_hour.per_month(), zones);
            Usd::from_dollars(book.interface_endpoint_usd_per_gb.dollars() * month)
                .map(|bytes| hourly + bytes)
        };
        let (Some(now), Some(then)) = (now, then) else { continue };
        let hourly = book.interface_endpoint_usd_per_hour.per_month();
        let per_gb = book.nat_gateway_usd_per_gb - book.interface_endpoint_usd_per_gb;
        let pays_from = times(hourly, zones).dollars() / per_gb.dollars();
        let formula = if gateway {
            format!(
                "{month:.3} GB a month × ${}; a gateway endpoint costs nothing",
                book.nat_gateway_usd_per_gb
            )
        } else {
            format!(
                "{month:.3} GB a month × (${} − ${}) − {zones} zones × ${hourly}; it pays from \
                 {pays_from:.0} GB a month on",
                book.nat_gateway_usd_per_gb, book.interface_endpoint_usd_per_gb
            )
        };
        if now <= then {
            let detail = format!("an interface endpoint would cost more: {formula}");
            let numbers = [("gb_per_month", month), ("pays_from_gb_per_month", pays_from)];
            collected.refuse_with(&subject, ReasonCode::NotWorthIt, detail, &numbers);
            continue;
        }
        let daily = (view.a_day(sum) / 1e6).round() / 1e3;
        collected.found.push(NetworkFinding {
            finding: Finding {
                finding: format!("endpoint:{name}"),
                subject,
                cost_category: CostCategory::Transfer,
                summary: format!(
                    "{daily} GB a day to {service} go through a NAT gateway; make {} endpoint",
                    if gateway { "a gateway" } else { "an interface" }
                ),
                cost_usd_per_month: Some(now),
                savings_usd_per_month: Some(now - then),
                formula,
                // Without a list of endpoints one may exist that is not known here.
                confidence: Confidence::new(Fraction::clamped(if listed { 0.85 } else { 0.5 })),
                requires_review: !listed,
                review_reason: (!listed)
                    .then(|| "no list of endpoints was supplied; one may exist".to_owned()),
                owner: None,
                because: vec![format!("NAT gateways stand in {}", join(&vpcs))],
            },
            remedy: if gateway {
                NetworkRemedy::GatewayEndpoint
            } else {
                NetworkRemedy::InterfaceEndpoint
            },
            from: "the cluster".to_owned(),
            to: name,
            gb_per_day: daily,
            avoided_gb_per_day: daily,
            passed_over: Vec::new(),
            patch: None,
        });
    }
}

fn join(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The last part of an endpoint's name for a service as flow logs call it.
fn endpoint_name(service: &str) -> &str {
    match service {
        "ecr" => "ecr.dkr",
        "cloudwatch" => "monitoring",
        other => other,
    }
}
