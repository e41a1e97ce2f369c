//! The command line of simulations.

use clap::{Args, Subcommand, ValueEnum, value_parser};

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    pub(crate) command: SimulateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// What a fleet teaches: how the weight of history grows, how much better than the advisor's classes
    /// what was learned is, and how soon pools that are taken back at once are found.
    ///
    /// Starts a server of its own on a database in memory and a port of this machine, and tells it of
    /// made-up customers over HTTP while it moves the server's clock by hand. A server that runs
    /// cannot be tried this way: its clock is not to be moved, and it would learn from losses that
    /// nobody had.
    Fleet(ToSimulate),
}

#[derive(Debug, Args)]
pub(crate) struct ToSimulate {
    /// How many customers.
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) customers: u32,
    /// How many pools: real types of the bundled market in three regions, with their classes.
    #[arg(long, value_name = "COUNT", default_value_t = 40, value_parser = value_parser!(u32).range(1..=500))]
    pub(crate) pools: u32,
    /// How many days.
    #[arg(long, value_name = "COUNT", default_value_t = 90, value_parser = value_parser!(u32).range(1..=365))]
    pub(crate) days: u32,
    /// Instances that a customer has on average in each of the pools that it uses.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) instances: u32,
    /// How often a pool is taken back from most of its customers within minutes; when absent once for
    /// each ten pools and months, and three times at least.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u32).range(0..=1000))]
    pub(crate) bursts: Option<u32>,
    /// Also find bursts in fleets of so many customers, in the same pools; `0` for no other fleet.
    #[arg(
        long,
        value_name = "CUSTOMERS",
        value_delimiter = ',',
        default_value = "5,10,20,50,100",
        value_parser = value_parser!(u32).range(0..=1000)
    )]
    pub(crate) sweep: Vec<u32>,
    /// The same seed makes the same fleet and the same report, byte for byte.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How to print the report.
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) output: ReportFormat,
}

/// How to print a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    Table,
    /// Every number, for programs.
    Json,
}
