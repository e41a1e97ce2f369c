//! `cloudoptim simulate`: a server among made-up customers.

use simulation::Settings;

use crate::cli::{ReportFormat, Simulate, SimulateCommand, ToSimulate};
use crate::exit::{Exit, Failure};
use crate::{output, simulate};

pub(crate) fn run(arguments: &Simulate) -> Result<Exit, Failure> {
    match &arguments.command {
        SimulateCommand::Fleet(wanted) => fleet(wanted),
    }
}

fn fleet(wanted: &ToSimulate) -> Result<Exit, Failure> {
    let settings = Settings {
        customers: wanted.customers as usize,
        pools: wanted.pools as usize,
        days: wanted.days,
        instances: wanted.instances,
        bursts: wanted.bursts.unwrap_or_else(|| usual_bursts(wanted)) as usize,
        seed: wanted.seed,
    };
    let mut sizes: Vec<usize> = wanted.sweep.iter().map(|size| *size as usize).collect();
    sizes.retain(|size| *size > 0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Serve(format!("no threads: {error}")))?;
    let report = runtime.block_on(simulate::fleet(settings, &sizes))?;
    match wanted.output {
        ReportFormat::Json => output::print_json(&report)?,
        ReportFormat::Table => output::print(&simulate::for_people(&report))?,
    }
    Ok(Exit::Success)
}

/// Once for each ten pools and months.
fn usual_bursts(wanted: &ToSimulate) -> u32 {
    (wanted.pools.saturating_mul(wanted.days) / 300).max(3)
}
