use facts::names::OperatingSystem;
use market::{Dataset, InstanceFilter, PriceBasis, SliceRequest, bundled, bundled_files};

use crate::at;

#[test]
fn every_bundled_row_is_read() {
    let files = bundled_files();
    assert_eq!(files.len(), 4);
    for file in &files {
        let report = file.report();
        assert_eq!(report.rows_used, report.rows_read, "{report:?}");
    }
    let market = bundled();
    let datasets: Vec<Dataset> = market.provenance().iter().map(|one| one.dataset).collect();
    for dataset in [Dataset::Catalogue, Dataset::OnDemand, Dataset::Advisor] {
        assert!(datasets.contains(&dataset), "{dataset:?}");
    }
    for provenance in market.provenance() {
        assert!(provenance.source.contains("Apache-2.0"), "{provenance:?}");
        assert!(provenance.oldest > at("2020-01-01T00:00:00Z"), "{provenance:?}");
    }
    assert_eq!(market.version(), bundled().version());
}

#[test]
fn day_zero_answers_with_dated_facts() {
    let market = bundled();
    let named = "m7g.large".parse().unwrap();
    let quote = |region: &str, as_of: &str| {
        market
            .on_demand(&named, &region.parse().unwrap(), OperatingSystem::Linux, at(as_of))
            .map(|quote| (quote.price.to_string(), quote.since.to_string()))
    };
    let (price, since) = quote("us-east-1", "2026-08-01T00:00:00Z").unwrap();
    assert_eq!((price.as_str(), since.as_str()), ("0.0816/h", "2026-07-20T13:44:30Z"));
    let (_, since) = quote("eu-west-1", "2026-08-01T00:00:00Z").unwrap();
    assert_eq!(since, "2024-04-04T23:59:59Z");
    assert_eq!(quote("us-east-1", "2020-01-01T00:00:00Z"), None);

    let request = SliceRequest::new("us-east-1".parse().unwrap(), at("2026-08-01T00:00:00Z"));
    let slice = market.slice(&request);
    assert!(!slice.zones_known);
    let averaged = slice.pools().filter(|pool| pool.price_basis == PriceBasis::Advisor30dAverage);
    assert!(averaged.count() > 400, "{} pools", slice.len());
    assert!(slice.pools().all(|pool| pool.price_basis != PriceBasis::SpotHistory));
    // A third of the pools of the dearest region can be called safe from the class alone.
    let safe = slice.bucket_counts[0] + slice.bucket_counts[1];
    assert!(
        safe * 100 >= 30 * slice.bucket_counts.iter().sum::<u32>(),
        "{:?}",
        slice.bucket_counts
    );
}

#[test]
fn the_catalogue_is_believable() {
    let market = bundled();
    assert!(market.instances().len() > 1300);
    for instance in market.instances() {
        let named = &instance.instance_type;
        if let (Some(cpu), Some(memory)) = (instance.allocatable_cpu, instance.allocatable_memory) {
            assert!(0 < cpu.0 && cpu.0 < i64::from(instance.vcpu) * 1000, "{named}");
            assert!(0 < memory.0 && memory < instance.memory, "{named}");
        }
        assert!(instance.attachable_volumes(1) <= 127, "{named}");
        assert_eq!(instance.burstable, named.family().starts_with('t') && instance.category == "t");
    }
    let candidates = market.candidates(&InstanceFilter::default()).count();
    assert!((700..1300).contains(&candidates), "{candidates}");
    let trainium = market.instance(&"trn1.32xlarge".parse().unwrap()).unwrap();
    assert!(trainium.accelerated() && trainium.accelerator.as_ref().unwrap().count == 16);
    let large_memory = market.instance(&"u-6tb1.112xlarge".parse().unwrap()).unwrap();
    assert_eq!((large_memory.category.as_str(), large_memory.generation), ("u", 6));
}
