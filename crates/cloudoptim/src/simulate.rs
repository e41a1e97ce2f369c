//! A server among made-up customers: what it is told, what it answers, and what is true.

mod driving;
mod learned;
mod report;
mod server;
mod tables;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use simulation::{Settings, World, bursts, losses};

use crate::exit::Failure;
use crate::progress;
use driving::Driving;
use report::{Detection, FleetReport};
use server::Server;

pub(crate) use tables::for_people;

/// When every simulation begins, so that nothing depends on today.
const BEGINS: Timestamp = Timestamp::constant(1_788_220_800, 0);

/// Simulates a fleet, and fleets of other sizes in the same pools.
pub(crate) async fn fleet(settings: Settings, sizes: &[usize]) -> Result<FleetReport, Failure> {
    let market = Arc::new(market::bundled());
    let mut sizes: BTreeSet<usize> = sizes.iter().copied().collect();
    sizes.insert(settings.customers);
    let work: usize = sizes.iter().sum();
    let bar = progress::units("simulating");
    bar.set_length(work as u64);
    let mut report = FleetReport::new(settings, BEGINS);
    for size in sizes {
        bar.set_message(format!("{size} customers"));
        let is_whole = size == settings.customers;
        let of_size = Settings { customers: size, ..settings };
        let world = World::new(of_size, &market, BEGINS);
        let bursts = bursts(&world);
        let losses = losses(&world, &bursts);
        let server = Server::start(Arc::clone(&market), &world, BEGINS).await?;
        let driven = Driving::new(&server, &world, &bursts, &losses).run(is_whole).await?;
        server.stop().await;
        report.detection.push(Detection::of(&world, &bursts, &losses, &driven));
        if is_whole {
            report.tell_whole(&world, &bursts, driven);
        }
        bar.inc(size as u64);
    }
    bar.finish_and_clear();
    Ok(report)
}
