//! Images that are larger than they need to be, and what in them is.
//!
//! A manifest and a configuration prove sizes, shared layers and the commands that made each layer;
//! they do not show files. So what a command suggests is a bound, what a listing of files shows is
//! exact, and every figure says which of the two it is. Layers that images share are paid once.

mod advice;
mod judge;

use facts::cluster::{ClusterState, SectionName};
use facts::decision::Verdict;
use facts::finding::Finding;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Usd;

use crate::account_view::accounts;
use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, HasFinding};
use crate::price_book::PriceBook;

pub use advice::{Advice, AdviceKind};

/// The engine that looks at images.
#[derive(Clone, Copy, Debug)]
pub struct ImageBloat;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImagePolicy {
    /// Megabytes on a node's disk (10⁶ bytes) from which on an image is looked at.
    pub bloat_threshold_mb: f64,
    /// Megabytes that a layer must have before its command is looked at.
    pub layer_threshold_mb: f64,
    /// More layers with content than this are too many.
    pub max_layers: u64,
    /// Days since its last pull after which a stored image counts as unused; ECR records pulls once
    /// a day.
    pub unused_days: f64,
    /// Mebibytes a second at which a node pulls and unpacks; only for the estimate of the delay.
    pub pull_mib_per_second: f64,
    /// Prices.
    pub price_book: PriceBook,
}

impl Default for ImagePolicy {
    fn default() -> ImagePolicy {
        ImagePolicy {
            bloat_threshold_mb: 500.0,
            layer_threshold_mb: 10.0,
            max_layers: 30,
            unused_days: 90.0,
            pull_mib_per_second: 50.0,
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageConstraints {
    /// At least so many megabytes.
    pub min_bloat_threshold_mb: Option<f64>,
    /// At least so many days.
    pub min_unused_days: Option<f64>,
}

/// An image that could be smaller, or gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Bytes on a node's disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// Bytes that a pull moves and a registry keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed_bytes: Option<i64>,
    /// Of these in layers that other images of the snapshot have too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_bytes: Option<i64>,
    /// Layers with content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<u64>,
    /// Bytes that are certainly wasted: written again or deleted by a later layer. `null` without a
    /// listing of files.
    pub wasted_bytes: Option<i64>,
    /// Bytes that may be wasted at most, by what the commands of layers suggest; compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_at_most_bytes: Option<i64>,
    /// That as a share of the image, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasted_at_most_share: Option<f64>,
    /// For every path its smallest size over all its sizes, 0 to 1, as `dive` computes it; exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    /// Seconds that a pull of the whole image is estimated to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_seconds: Option<f64>,
    /// Nodes that hold it.
    pub nodes: u64,
    /// What can be done, most bytes first.
    pub advice: Vec<Advice>,
    /// What storing it costs a month at most that could be saved by the advice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves_at_most_usd_per_month: Option<Usd>,
}

impl HasFinding for ImageFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

impl Engine for ImageBloat {
    const NAME: &'static str = "image_bloat_analyzer";
    const DECISION: &'static str = "image_bloat";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Tells what makes images large, exactly or as a bound, and which stored ones nobody pulls.";

    type Policy = ImagePolicy;
    type Constraints = ImageConstraints;
    type Recommendation = ImageFinding;
    type Need = ();
    type Evidence = ();

    fn tighten(policy: &mut ImagePolicy, constraints: ImageConstraints) {
        if let Some(least) = constraints.min_bloat_threshold_mb {
            policy.bloat_threshold_mb = policy.bloat_threshold_mb.max(least);
        }
        if let Some(least) = constraints.min_unused_days {
            policy.unused_days = policy.unused_days.max(least);
        }
    }

    fn work_budget(_: &ImagePolicy) -> u64 {
        0
    }

    fn is_quick(_: &ImagePolicy) -> bool {
        true
    }

    fn need(_: &ClusterState, _: &ImagePolicy, _: Timestamp) {}

    fn gather((): &(), _: &Sources<'_>) {}

    fn decide(
        state: &ClusterState,
        policy: &ImagePolicy,
        given: &Given<'_, ()>,
    ) -> Verdict<ImageFinding> {
        let stored = accounts(state).iter().any(|account| account.repositories.is_some());
        if state.images.is_none() && !stored {
            return findings::unanswered(SectionName::Images, "there are no images to look at");
        }
        let needed = if stored { SectionName::Accounts } else { SectionName::Images };
        let known = findings::known(state, &[needed]);
        judge::judge(state, policy, given.now).into_verdict(Vec::new(), known)
    }
}
