//! Which images are large, which stored ones nobody pulls, and what both cost.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::Target;
use facts::cluster::{ClusterState, Image, Repository, StoredImage};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use units::{Confidence, Fraction, Usd};

use super::advice::{Advice, AdviceKind, advice};
use super::{ImageFinding, ImagePolicy};
use crate::account_view::{accounts, days};
use crate::findings::{Collected, cloud_target};
use crate::price_book::{per_gigabyte, rate};

/// Judges every image.
pub(super) fn judge(
    state: &ClusterState,
    policy: &ImagePolicy,
    now: Timestamp,
) -> Collected<ImageFinding> {
    let mut collected = Collected::default();
    let book = &policy.price_book;
    let page = "https://aws.amazon.com/ecr/pricing/";
    let line = rate("registry, compressed", book.registry_usd_per_gb_month, "GB-month", page);
    collected.rates.insert(line.item.clone(), line);
    let images = state.images.as_ref().map_or(&[][..], |section| &section.items);
    let sharing = Sharing::of(images);
    let mut small = 0_u64;
    for image in images {
        large(image, policy, &sharing, &mut small, &mut collected);
    }
    if small > 0 {
        let message = format!(
            "{small} images have less than {} MB and were not looked at",
            policy.bloat_threshold_mb
        );
        collected.warn(ReasonCode::SmallImage, message);
    }
    let used: BTreeSet<&str> =
        images.iter().flat_map(|image| &image.names).map(String::as_str).collect();
    for repository in
        accounts(state).iter().flat_map(|account| account.repositories.iter().flatten())
    {
        for stored in &repository.images {
            kept(repository, stored, policy, &used, now, &mut collected);
        }
    }
    collected.formula = format!(
        "stored images that nobody needs × ${} for a compressed gigabyte and month; layers that \
         images share are paid once, so this is at most what is saved",
        book.registry_usd_per_gb_month
    );
    collected
}

/// How many images have each layer.
struct Sharing<'a>(BTreeMap<&'a str, u64>);

impl<'a> Sharing<'a> {
    fn of(images: &'a [Image]) -> Sharing<'a> {
        let mut count: BTreeMap<&str, u64> = BTreeMap::new();
        for image in images {
            let digests: BTreeSet<&str> =
                image.history.iter().filter_map(|step| step.digest.as_deref()).collect();
            for digest in digests {
                *count.entry(digest).or_default() += 1;
            }
        }
        Sharing(count)
    }

    /// Compressed bytes of an image in layers that others have too; `None` without digests.
    fn shared(&self, image: &Image) -> Option<i64> {
        let mut any = false;
        let shared = image.history.iter().filter(|step| {
            any |= step.digest.is_some();
            let digest = step.digest.as_deref();
            digest.is_some_and(|digest| self.0.get(digest).is_some_and(|count| *count > 1))
        });
        let sum = shared.filter_map(|step| step.compressed_bytes).sum();
        any.then_some(sum)
    }
}

fn name_of(image: &Image) -> String {
    // A tag says more to people than a digest.
    let tagged = image.names.iter().filter(|name| !name.contains('@')).min();
    tagged.or_else(|| image.names.first()).cloned().unwrap_or_else(|| "(unnamed)".to_owned())
}

fn large(
    image: &Image,
    policy: &ImagePolicy,
    sharing: &Sharing<'_>,
    small: &mut u64,
    collected: &mut Collected<ImageFinding>,
) {
    let name = name_of(image);
    let subject = cloud_target("Image", &name, None);
    let of_layers: i64 = image.history.iter().filter_map(|step| step.compressed_bytes).sum();
    let compressed = image.compressed_bytes.or((of_layers > 0).then_some(of_layers));
    let of_files = image.contents.as_ref().map(|one| one.file_bytes);
    let Some(size) = image.size_bytes.or(compressed).or(of_files) else {
        let detail = "nobody says how large it is".to_owned();
        return collected.refuse(&subject, ReasonCode::BoundsOnly, detail);
    };
    // On disk an image has two to three times of what is pulled; with the pulled size alone the
    // threshold would let everything through.
    let on_disk = image.size_bytes.unwrap_or(size.saturating_mul(2));
    let wasted = image.contents.as_ref().map(|one| one.overwritten_bytes + one.deleted_bytes);
    if (on_disk as f64) < policy.bloat_threshold_mb * 1e6 && wasted.unwrap_or(0) == 0 {
        *small += 1;
        return;
    }
    let advice = advice(image, policy);
    let telling = [AdviceKind::SlimBase, AdviceKind::DropRoot, AdviceKind::FewerLayers];
    if image.history.is_empty() && image.contents.is_none() && advice.is_empty() {
        let detail = format!(
            "it has {:.0} MB; supply its manifest and configuration (`docker manifest inspect`, \
             `docker history --no-trunc --format json`) to see what makes it so",
            size as f64 / 1e6
        );
        let numbers = [("size_mb", size as f64 / 1e6), ("threshold_mb", policy.bloat_threshold_mb)];
        return collected.refuse_with(&subject, ReasonCode::BoundsOnly, detail, &numbers);
    }
    let bounded: Vec<&Advice> = advice.iter().filter(|one| !telling.contains(&one.kind)).collect();
    let at_most: i64 = bounded.iter().filter_map(|one| one.at_most_bytes).sum();
    let at_most = (!image.history.is_empty()).then_some(at_most);
    let whole = compressed.unwrap_or(size);
    let share = at_most.filter(|_| whole > 0).map(|bytes| bytes as f64 / whole as f64);
    let price = policy.price_book.registry_usd_per_gb_month;
    let saves_at_most = at_most.map(|bytes| per_gigabyte(price, bytes));
    let shown = |bytes: i64| format!("{:.1} MB", bytes as f64 / 1e6);
    let summary = match (wasted, at_most, share) {
        (Some(wasted), _, _) if wasted > 0 => {
            format!(
                "{name}: {} of its files are written again or deleted by a later layer",
                shown(wasted)
            )
        }
        (_, Some(bytes), Some(share)) if bytes > 0 => format!(
            "{name} has {}; up to {} ({:.0} %) need not be in it",
            shown(whole),
            shown(bytes),
            share * 100.0
        ),
        _ => format!(
            "{name} has {}; {}",
            shown(whole),
            advice.first().map_or("nothing in its history stands out", |one| one.what.as_str())
        ),
    };
    collected.look_at(Some(Usd::ZERO));
    collected.found.push(ImageFinding {
        finding: Finding {
            finding: format!("large_image:{name}"),
            subject,
            cost_category: CostCategory::Images,
            summary,
            cost_usd_per_month: Some(per_gigabyte(price, whole)),
            savings_usd_per_month: Some(Usd::ZERO),
            formula: format!(
                "{whole} bytes × ${price} a gigabyte and month if nothing of it is shared; what is \
                 saved follows from the build"
            ),
            confidence: Confidence::new(Fraction::clamped(if wasted.is_some() {
                0.95
            } else {
                0.5
            })),
            requires_review: true,
            review_reason: Some("only its builder knows what it needs".to_owned()),
            owner: None,
            because: if wasted.is_some() {
                vec!["a listing of its files was supplied: exact".to_owned()]
            } else {
                vec!["from manifest and configuration: sizes exact, waste a bound".to_owned()]
            },
        },
        size_bytes: image.size_bytes,
        compressed_bytes: compressed,
        shared_bytes: sharing.shared(image),
        layers: (!image.history.is_empty())
            .then(|| image.history.iter().filter(|step| !step.empty).count() as u64),
        wasted_bytes: wasted,
        wasted_at_most_bytes: at_most,
        wasted_at_most_share: share.map(|share| (share * 1e4).round() / 1e4),
        efficiency: image.contents.as_ref().and_then(|one| one.efficiency),
        pull_seconds: (policy.pull_mib_per_second > 0.0).then(|| {
            (whole as f64 / 1_048_576.0 / policy.pull_mib_per_second * 10.0).round() / 10.0
        }),
        nodes: image.nodes,
        advice,
        saves_at_most_usd_per_month: saves_at_most,
    });
}

/// A stored image that no tag points to, or that nobody pulled for long.
fn kept(
    repository: &Repository,
    stored: &StoredImage,
    policy: &ImagePolicy,
    used: &BTreeSet<&str>,
    now: Timestamp,
    collected: &mut Collected<ImageFinding>,
) {
    let price = policy.price_book.registry_usd_per_gb_month;
    let cost = per_gigabyte(price, stored.size_bytes);
    collected.look_at(Some(cost));
    let short: String = stored.digest.chars().take(19).collect();
    let name = match stored.tags.iter().min() {
        Some(tag) => format!("{}:{tag}", repository.name),
        None => format!("{}@{short}", repository.name),
    };
    let subject =
        Target { arn: repository.arn.clone(), ..cloud_target("StoredImage", &name, None) };
    let uri = repository.uri.as_deref().unwrap_or(&repository.name);
    let runs = used.contains(format!("{uri}@{}", stored.digest).as_str())
        || stored.tags.iter().any(|tag| used.contains(format!("{uri}:{tag}").as_str()));
    if runs {
        let detail = "a node holds it".to_owned();
        return collected.refuse(&subject, ReasonCode::InUse, detail);
    }
    let idle = stored.last_pulled_at.map(|at| days(at, now));
    let age = stored.pushed_at.map(|at| days(at, now));
    let untagged = stored.tags.is_empty();
    let unused = idle.is_some_and(|idle| idle > policy.unused_days);
    let limit = policy.unused_days;
    if !untagged && !unused {
        let (code, detail) = match (idle, age) {
            (Some(idle), _) => (ReasonCode::InUse, format!("it was pulled {idle:.0} days ago")),
            (None, Some(age)) if age <= limit => {
                (ReasonCode::TooYoung, format!("it was pushed {age:.0} days ago"))
            }
            _ => (
                ReasonCode::MarkedToWatch,
                "ECR recorded no pull of it, which it does only since 2022; a tag points to it"
                    .to_owned(),
            ),
        };
        return collected.refuse(&subject, code, detail);
    }
    if untagged && age.is_some_and(|age| age < 1.0) {
        let detail = "no tag points to it yet; it was pushed within a day".to_owned();
        return collected.refuse(&subject, ReasonCode::TooYoung, detail);
    }
    let why = if untagged {
        "no tag points to it any more".to_owned()
    } else {
        format!("nobody pulled it for {:.0} days", idle.unwrap_or(0.0))
    };
    collected.found.push(ImageFinding {
        finding: Finding {
            finding: format!("stored_image:{}@{}", repository.name, stored.digest),
            subject,
            cost_category: CostCategory::Images,
            summary: format!(
                "{name} ({:.1} MB): {why}; let a lifecycle rule expire such images",
                stored.size_bytes as f64 / 1e6
            ),
            cost_usd_per_month: Some(cost),
            savings_usd_per_month: Some(cost),
            formula: format!(
                "{} bytes × ${price} a gigabyte and month; less where other images share its layers",
                stored.size_bytes
            ),
            confidence: Confidence::new(Fraction::clamped(0.6)),
            requires_review: true,
            review_reason: Some("a manifest list may refer to it by digest".to_owned()),
            owner: None,
            because: vec![why],
        },
        size_bytes: None,
        compressed_bytes: Some(stored.size_bytes),
        shared_bytes: None,
        layers: None,
        wasted_bytes: None,
        wasted_at_most_bytes: None,
        wasted_at_most_share: None,
        efficiency: None,
        pull_seconds: None,
        nodes: 0,
        advice: Vec::new(),
        saves_at_most_usd_per_month: None,
    });
}
