//! What public IPv4 addresses cost, what each is for, and which could go.
//!
//! Every public address is counted once, whichever list names it. An address is idle, exempt (the
//! owner's own, which AWS does not bill) or used; a used one is attributed to the Service or
//! Ingress whose load balancer has it. Alternatives that cost money themselves are proposed with
//! the number of addresses from which on they pay.

mod alternatives;
mod inventory;

pub(crate) use inventory::served_by;

use std::collections::BTreeSet;

use facts::action::{Action, BlastRadius, Precondition, Reversibility, Step, Verification};
use facts::cluster::{ClusterState, SectionName};
use facts::decision::Verdict;
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Fraction, Usd};

use crate::account_view::{Trail, accounts};
use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding, cloud_target, excluding_tag, owner_of};
use crate::price_book::{PriceBook, rate, times};
use inventory::{Inventory, KnownAddress};

/// The address engine.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Cost;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ipv4Policy {
    /// Tags that keep an address from being given back, as `key` or `key=value`.
    pub excluded_tags: BTreeSet<String>,
    /// Prices.
    pub price_book: PriceBook,
}

impl Default for Ipv4Policy {
    fn default() -> Ipv4Policy {
        Ipv4Policy {
            excluded_tags: BTreeSet::from(["cloudoptim:ignore".to_owned()]),
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ipv4Constraints {
    /// Further tags that exclude.
    pub excluded_tags: BTreeSet<String>,
}

/// What to do about addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ipv4Finding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do.
    pub remedy: Ipv4Remedy,
    /// The addresses it is about, in order.
    pub addresses: Vec<String>,
    /// From how many replaced addresses on the remedy pays for itself, before any byte is billed;
    /// absent where it costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pays_from_addresses: Option<u64>,
    /// What the addresses cost in a year of 8,760 hours.
    pub cost_usd_per_year: Usd,
}

/// What can be done about addresses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Ipv4Remedy {
    /// Give it back: nothing uses it.
    Release,
    /// Let machines of a cluster do without: private subnets and a NAT gateway, or IPv6.
    PrivateNodes,
    /// One load balancer for several services.
    ShareLoadBalancer,
    /// One NAT gateway where several stand in the same zone.
    ConsolidateNatGateways,
}

impl HasFinding for Ipv4Finding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for Ipv4Cost {
    const NAME: &'static str = "ipv4_cost_tracker";
    const DECISION: &'static str = "ipv4_cost";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Counts public IPv4 addresses and what they cost, and finds those that nothing needs.";

    type Policy = Ipv4Policy;
    type Constraints = Ipv4Constraints;
    type Recommendation = Ipv4Finding;
    type Need = ();
    type Evidence = ();

    fn tighten(policy: &mut Ipv4Policy, constraints: Ipv4Constraints) {
        policy.excluded_tags.extend(constraints.excluded_tags);
    }

    fn work_budget(_: &Ipv4Policy) -> u64 {
        0
    }

    fn is_quick(_: &Ipv4Policy) -> bool {
        true
    }

    fn need(_: &ClusterState, _: &Ipv4Policy, _: Timestamp) {}

    fn gather((): &(), _: &Sources<'_>) {}

    fn decide(
        state: &ClusterState,
        policy: &Ipv4Policy,
        _: &Given<'_, ()>,
    ) -> Verdict<Ipv4Finding> {
        if state.accounts.is_none() {
            return findings::unanswered(SectionName::Accounts, "there are no addresses to count");
        }
        let known = findings::known(state, &[SectionName::Accounts]);
        let inventory = Inventory::of(state);
        let mut collected = Collected::default();
        let hourly = policy.price_book.public_ipv4_usd_per_hour;
        let page = "https://aws.amazon.com/vpc/pricing/";
        let line = rate("public IPv4 address", hourly.per_hour(), "hour", page);
        collected.rates.insert(line.item.clone(), line);
        let trail = Trail::of(state);
        for address in &inventory.addresses {
            judge(address, policy, &trail, &mut collected);
        }
        alternatives::propose(state, policy, &inventory, &mut collected);
        missing_lists(state, &mut collected);
        let billed = inventory.addresses.iter().filter(|one| !one.exempt).count();
        collected.formula = format!(
            "{billed} billed addresses × ${} an hour × 730 = ${} a month; saved is what \
             is given back and what the alternatives below save",
            hourly.per_hour(),
            times(hourly.per_month(), billed as i64)
        );
        let mut verdict = collected.into_verdict(Vec::new(), known);
        verdict.execution_plan = plan(&verdict.recommendations);
        verdict
    }
}

fn judge(
    address: &KnownAddress,
    policy: &Ipv4Policy,
    trail: &Trail<'_>,
    collected: &mut Collected<Ipv4Finding>,
) {
    let mut subject = cloud_target("ElasticIp", &address.ip, None);
    subject.uid.clone_from(&address.allocation);
    let month = policy.price_book.public_ipv4_usd_per_hour.per_month();
    if address.exempt {
        let detail = "it comes from a pool of the owner's own, which AWS does not bill".to_owned();
        return collected.refuse(&subject, ReasonCode::FreeOfCharge, detail);
    }
    collected.look_at(Some(month));
    if let Some(user) = &address.used_by {
        if address.allocation.is_none() {
            "PublicAddress".clone_into(&mut subject.kind);
        }
        let detail = match &address.serves {
            Some(serves) => format!("it belongs to {user}, which serves {serves}"),
            None => format!("it belongs to {user}"),
        };
        let numbers = [("usd_per_month", month.dollars())];
        return collected.refuse_with(&subject, ReasonCode::InUse, detail, &numbers);
    }
    if let Some(rule) = excluding_tag(&address.tags, &policy.excluded_tags) {
        let detail = format!("its tag {rule} asks to leave it alone");
        return collected.refuse(&subject, ReasonCode::ExcludedByTag, detail);
    }
    let allocation = address.allocation.clone().unwrap_or_default();
    collected.found.push(Ipv4Finding {
        finding: Finding {
            finding: format!("idle_address:{}", address.ip),
            cost_category: CostCategory::Addresses,
            summary: format!("{} is bound to nothing; give it back", address.ip),
            cost_usd_per_month: Some(month),
            savings_usd_per_month: Some(month),
            formula: format!("${} an hour × 730", policy.price_book.public_ipv4_usd_per_hour.per_hour()),
            confidence: Confidence::new(Fraction::clamped(0.9)),
            requires_review: true,
            review_reason: Some(
                "an address that is given back is gone; look whether somebody else's list allows it"
                    .to_owned(),
            ),
            owner: trail.creator(&allocation).or_else(|| owner_of(&address.tags)),
            because: vec!["it has no association, no instance and no interface".to_owned()],
            subject,
        },
        remedy: Ipv4Remedy::Release,
        addresses: vec![address.ip.clone()],
        pays_from_addresses: None,
        cost_usd_per_year: times(month, 12),
    });
}

/// Lists without which addresses may be missing from the count.
fn missing_lists(state: &ClusterState, collected: &mut Collected<Ipv4Finding>) {
    let all = accounts(state);
    let lacks = [
        ("addresses", all.iter().all(|one| one.addresses.is_none())),
        ("network interfaces", all.iter().all(|one| one.network_interfaces.is_none())),
    ];
    for (name, _) in lacks.into_iter().filter(|(_, missing)| *missing) {
        let message = format!("no list of {name} was supplied, so addresses may be missing here");
        collected.warn(ReasonCode::SectionIncomplete, message);
    }
}

fn plan(found: &[Ipv4Finding]) -> Vec<Step> {
    let released = found.iter().filter(|one| one.remedy == Ipv4Remedy::Release);
    let steps = released.zip(1_u32..).map(|(one, number)| Step {
        step: number,
        action: Action::ReleaseAddress,
        target: one.finding.subject.clone(),
        preconditions: vec![
            Precondition::Approved,
            Precondition::FieldEquals {
                field: "/AssociationId".to_owned(),
                value: serde_json::Value::Null,
            },
        ],
        reversibility: Reversibility {
            reversible: false,
            how: "the same address comes back only by chance (`allocate-address --address`)"
                .to_owned(),
        },
        verification: Verification {
            expect: "the address is in no list of addresses any more".to_owned(),
            within_seconds: 60,
        },
        blast_radius: BlastRadius::default(),
        expected_seconds: 10,
    });
    steps.collect()
}
