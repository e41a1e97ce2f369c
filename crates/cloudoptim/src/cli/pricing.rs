//! What `cloudoptim pricing` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::{AwsSettings, Database, Format};

#[derive(Debug, Args)]
pub(crate) struct Pricing {
    #[command(subcommand)]
    pub(crate) command: PricingCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricingCommand {
    /// Keep the prices of files: spot history (JSON or CSV), On-Demand tables, price lists, the Spot
    /// Advisor; compressed or not.
    Import {
        /// The files or folders.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        database: Database,
    },
    /// Fetch prices from AWS, with a progress bar; the server does the same in the background.
    Fetch(ToFetch),
    /// Write prices as a table, for other programs.
    Export(Exported),
    /// Spot prices of one type in one region.
    Spot {
        /// Such as `m5.large`.
        instance_type: String,
        /// Such as `us-east-1`.
        region: String,
        /// From when on; 30 days before the end when absent.
        #[arg(long, value_name = "RFC3339")]
        from: Option<Timestamp>,
        /// Up to before when; now when absent.
        #[arg(long, value_name = "RFC3339")]
        until: Option<Timestamp>,
        /// How many rows.
        #[arg(long, default_value_t = 1000)]
        limit: u64,
        #[command(flatten)]
        kept: Kept,
    },
    /// On-Demand prices.
    OnDemand(Listed),
    /// What the Spot Advisor said last.
    Advisor(Listed),
    /// How many prices there are and what they cover.
    Stats {
        #[command(flatten)]
        kept: Kept,
    },
}

/// Where prices are kept and how they are printed.
#[derive(Debug, Args)]
pub(crate) struct Kept {
    #[command(flatten)]
    pub(crate) database: Database,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Which rows of a list.
#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// One type.
    #[arg(long)]
    pub(crate) instance_type: Option<String>,
    /// One region.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// How many rows.
    #[arg(long, default_value_t = 1000)]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// What is fetched.
#[derive(Debug, Args)]
pub(crate) struct ToFetch {
    /// What.
    #[arg(value_enum)]
    pub(crate) what: Dataset,
    /// The regions; that of `--aws-region` when absent.
    #[arg(short, long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,
    /// Types, or patterns such as `m5.*`; all when absent.
    #[arg(short = 't', long = "instance-type", value_name = "PATTERN")]
    pub(crate) instance_types: Vec<String>,
    /// Spot prices from this day or instant on; seven days before the end when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Up to before this day or instant; now when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
    /// Spot prices of these products, such as `Linux/UNIX`; all when absent.
    #[arg(long = "product", value_name = "NAME")]
    pub(crate) products: Vec<String>,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// A kind of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dataset {
    /// The history of spot prices.
    Spot,
    /// On-Demand prices.
    OnDemand,
    /// The Spot Advisor.
    Advisor,
}

/// What is written.
#[derive(Debug, Args)]
pub(crate) struct Exported {
    /// What.
    #[arg(value_enum)]
    pub(crate) what: Dataset,
    /// The file; compressed when its name ends with `.gz`, and standard output when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// How; by the file's name when absent, else CSV.
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    /// One type.
    #[arg(long)]
    pub(crate) instance_type: Option<String>,
    /// One region.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Spot prices from when on; all when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) from: Option<Timestamp>,
    /// Spot prices up to before when.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) until: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) database: Database,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One row a line, with a header.
    Csv,
    /// One object a line.
    Jsonl,
}
