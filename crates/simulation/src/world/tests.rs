use super::*;
use crate::{bursts, losses};

const SETTINGS: Settings =
    Settings { customers: 20, pools: 12, days: 30, instances: 4, bursts: 5, seed: 1 };

fn world(settings: Settings) -> World {
    World::new(settings, &market::bundled(), "2026-09-01T00:00:00Z".parse().unwrap())
}

#[test]
fn the_same_seed_is_the_same_world() {
    let all = |settings: Settings| {
        let world = world(settings);
        let bursts = bursts(&world);
        let losses = losses(&world, &bursts);
        (world, bursts, losses)
    };
    assert_eq!(all(SETTINGS), all(SETTINGS));
    let (other, ..) = all(Settings { seed: 2, ..SETTINGS });
    assert_ne!(all(SETTINGS).0.pools, other.pools);
}

#[test]
fn more_customers_change_no_pool_and_no_customer() {
    let (few, many) = (world(SETTINGS), world(Settings { customers: 40, ..SETTINGS }));
    assert_eq!(few.pools, many.pools);
    assert_eq!(few.holdings, many.holdings[..20]);
    // Nor do more bursts change what is lost beside them.
    let ordinary = |settings: Settings| {
        let world = world(settings);
        let all = losses(&world, &bursts(&world));
        all.into_iter().filter(|loss| loss.burst.is_none()).collect::<Vec<_>>()
    };
    assert_eq!(ordinary(SETTINGS), ordinary(Settings { bursts: 0, ..SETTINGS }));
}

#[test]
fn a_burst_hits_most_customers_of_its_pool_and_nobody_else() {
    let world = world(SETTINGS);
    let all = bursts(&world);
    assert_eq!(all.len(), SETTINGS.bursts);
    let (mut hit, mut there) = (0, 0);
    for burst in &all {
        let holders: BTreeMap<usize, u32> = world.holders(burst.pool).into_iter().collect();
        for one in &burst.hits {
            assert!(one.instances <= holders[&one.customer], "{burst:?}");
            assert!((0..3_600).contains(&(one.second - burst.second)), "{burst:?}");
        }
        let distinct: BTreeSet<usize> = burst.hits.iter().map(|one| one.customer).collect();
        assert_eq!(distinct.len(), burst.hits.len());
        hit += burst.hits.len();
        there += holders.len();
    }
    assert!(there > hit && 10 * hit > 6 * there, "{hit} of {there}");
}

#[test]
fn losses_are_as_frequent_as_hazards_say_and_over_dispersed() {
    let settings = Settings { customers: 60, pools: 30, days: 200, bursts: 0, ..SETTINGS };
    let world = world(settings);
    let all = losses(&world, &[]);
    let expected: f64 = (0..world.pools.len())
        .map(|pool| {
            let instances: u32 = world.holders(pool).iter().map(|(_, many)| many).sum();
            world.pools[pool].hazard * f64::from(instances) * 24.0 * 200.0
        })
        .sum();
    let many = all.len() as f64;
    assert!((many / expected - 1.0).abs() < 0.1, "{many} for {expected}");
    let mut by_day: BTreeMap<(usize, i64), f64> = BTreeMap::new();
    for loss in &all {
        assert!(world.holdings[loss.customer].contains_key(&loss.pool));
        *by_day.entry((loss.pool, loss.second / 86_400)).or_default() += 1.0;
    }
    // Variance over mean of each pool's days, weighed by what each pool loses.
    let days = f64::from(settings.days);
    let ratio: f64 = (0..world.pools.len())
        .map(|pool| {
            let of_pool = by_day.range((pool, 0)..(pool + 1, 0)).map(|(_, many)| *many);
            let (sum, squares) =
                of_pool.fold((0.0, 0.0), |(sum, squares), one| (sum + one, squares + one * one));
            squares - sum * sum / days
        })
        .sum();
    let ratio = ratio / many;
    assert!((1.7..2.3).contains(&ratio), "{ratio}");
}

#[test]
fn a_fleet_of_nobody_loses_nothing() {
    let none = world(Settings { customers: 0, ..SETTINGS });
    assert!(bursts(&none).is_empty() && losses(&none, &[]).is_empty());
    let no_pools = world(Settings { pools: 0, ..SETTINGS });
    assert_eq!((no_pools.pools.len(), no_pools.instances()), (0, 0));
}
