//! The command line.

mod access;
mod aws;
mod backtest;
mod clusters;
mod data;
mod learning;
mod models;
mod notifications;
mod pricing;
mod redis;
mod simulate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use engines::cost_allocation::CostsBy;
use jiff::Timestamp;

pub(crate) use access::{Keys, KeysCommand};
pub(crate) use aws::AwsSettings;
pub(crate) use backtest::Backtest;
pub(crate) use clusters::ClusterArguments;
pub(crate) use data::{
    AutoRefreshArguments, Gap, GapArguments, GapCommand, PartOfList, Pools, Refresh,
    RefreshCommand, ScheduleCommand, ToFill, ToRefresh, ToSchedule,
};
pub(crate) use learning::LearningArguments;
pub(crate) use models::{Model, ModelCommand, ModelFiles, OneModel, ToPredict, ToUpload, ToVerify};
pub(crate) use notifications::NotificationArguments;
pub(crate) use pricing::{
    Dataset, ExportFormat, Exported, Kept, Listed, Pricing, PricingCommand, ToFetch,
};
pub(crate) use redis::Redis;
pub(crate) use simulate::{ReportFormat, Simulate, SimulateCommand, ToSimulate};

/// Facts in, decisions out: Kubernetes cost decisions for clusters on AWS.
#[derive(Debug, Parser)]
#[command(name = "cloudoptim", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Decide on a snapshot, without a server.
    Decide(Decide),
    /// Ask every engine about a snapshot, for one list whose savings add up.
    Analyze(Analyze),
    /// What a cluster costs now, and whose it is.
    Costs(Costs),
    /// What ways of buying capacity would have cost over past prices and interruptions.
    Backtest(Box<Backtest>),
    /// Check the plan and the proof of a decision against its snapshot.
    Check(Check),
    /// Make a recorded decision again and compare every byte.
    Replay(Replay),
    /// Turn kubectl and aws output into a snapshot.
    Snapshot(Snapshot),
    /// Look at prices and interruption rates.
    Market(Market),
    /// Answer over HTTP, on an embedded database or on PostgreSQL.
    Serve(Box<Serve>),
    /// Prices that the server keeps: bring them in, look at them, take them out.
    Pricing(Pricing),
    /// Gaps in the spot prices: find them and fill them from AWS.
    Gap(Gap),
    /// Fresh prices for models, now or by schedule.
    Refresh(Refresh),
    /// Models: look at files, take them in, choose which one answers, predict.
    Model(Box<Model>),
    /// Access keys: make, list and revoke them, on the database itself.
    Keys(Keys),
    /// Make the tables of the database, or bring them up to date.
    Migrate(Database),
    /// Try the server among made-up customers.
    Simulate(Simulate),
    /// Print a completion script for a shell.
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen on. Without access keys only addresses of this machine are taken.
    #[arg(long, env = "ML_SERVER_HOST", default_value = "127.0.0.1")]
    pub(crate) host: std::net::IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, env = "ML_SERVER_PORT", default_value_t = 8001)]
    pub(crate) port: u16,
    /// The address under which callers reach the server, such as `https://ml.example.com`: links to
    /// decisions begin with it.
    #[arg(long, env = "CLOUDOPTIM_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    #[command(flatten)]
    pub(crate) database: Database,
    /// Decide on the bundled tables and these market files or folders, and not on the prices that are
    /// kept; `pricing import` adds files to those.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) market: Vec<PathBuf>,
    /// Fetch nothing from AWS but what is asked for: no first filling, no regular renewal of the Spot
    /// Advisor and the On-Demand prices.
    #[arg(long, env = "CLOUDOPTIM_NO_FETCH")]
    pub(crate) no_fetch: bool,
    /// Seconds after which the work of a server that shows no sign of life goes to another.
    #[arg(long, env = "CLOUDOPTIM_JOB_LEASE", value_name = "SECONDS", default_value_t = 30.0)]
    pub(crate) job_lease: f64,
    /// Forget spot prices that are older than so many days, 91 or more; kept for ever when absent.
    #[arg(
        long,
        env = "PRICE_RETENTION_DAYS",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(i64::from(app::retention::SHORTEST_DAYS)..)
    )]
    pub(crate) price_retention_days: Option<u32>,
    /// Forget predictions that are older than so many days, 7 or more; kept for ever when absent.
    #[arg(
        long,
        env = "PREDICTION_RETENTION_DAYS",
        value_name = "DAYS",
        value_parser = clap::value_parser!(u32)
            .range(i64::from(app::retention::SHORTEST_DAYS_OF_PREDICTIONS)..)
    )]
    pub(crate) prediction_retention_days: Option<u32>,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
    #[command(flatten)]
    pub(crate) gaps: GapArguments,
    #[command(flatten)]
    pub(crate) clusters: ClusterArguments,
    #[command(flatten)]
    pub(crate) learning: LearningArguments,
    #[command(flatten)]
    pub(crate) notifications: NotificationArguments,
    #[command(flatten)]
    pub(crate) refresh: AutoRefreshArguments,
    #[command(flatten)]
    pub(crate) models: ModelFiles,
    #[command(flatten)]
    pub(crate) redis: Redis,
    /// Start with a made-up cluster, labelled as such, in a database that is gone afterwards.
    #[arg(long)]
    pub(crate) demo: bool,
}

fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |rest: &str| {
        !rest.is_empty()
            && rest.chars().all(|letter| letter.is_ascii_graphic() && !"<>?#\"".contains(letter))
    };
    if rest.is_some_and(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected an address such as https://ml.example.com".to_owned())
    }
}

/// Where things are kept: in a folder of this machine, or on PostgreSQL where `--db-host` or
/// `--database-url` names a server.
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// The folder of the embedded database.
    #[arg(
        long,
        env = "CLOUDOPTIM_DATA_DIR",
        value_name = "DIR",
        default_value = "cloudoptim-data"
    )]
    pub(crate) data: PathBuf,
    /// PostgreSQL in one address: `postgres://user:password@host:port/database`.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// The host of PostgreSQL.
    #[arg(long, env = "DB_HOST", value_name = "HOST")]
    pub(crate) db_host: Option<String>,
    /// The port of PostgreSQL.
    #[arg(long, env = "DB_PORT", value_name = "PORT", default_value_t = 5432)]
    pub(crate) db_port: u16,
    /// The database on PostgreSQL.
    #[arg(long, env = "DB_NAME", value_name = "NAME", default_value = "ml_server")]
    pub(crate) db_name: String,
    /// The user on PostgreSQL.
    #[arg(long, env = "DB_USER", value_name = "NAME", default_value = "ml_server")]
    pub(crate) db_user: String,
    /// The user's password; better given by the environment than on the command line.
    #[arg(long, env = "DB_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    pub(crate) db_password: Option<String>,
    /// How many connections to PostgreSQL.
    #[arg(long, env = "DB_POOL_SIZE", value_name = "COUNT", default_value_t = 10)]
    pub(crate) db_pool_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// What to decide, such as `bin-pack` or `spot-optimize`.
    pub(crate) decision: String,
    /// The snapshot, or a whole request with `current_state`; `-` is standard input.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// Market files or folders, on top of the bundled tables.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) market: Vec<PathBuf>,
    /// Overrides of the policy: a JSON or YAML file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The instant of the decision; now when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) now: Option<Timestamp>,
    /// Write a bundle from which `replay` makes the same decision.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Write manifests, patches and commands that carry the decision out into this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) render: Option<PathBuf>,
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// In tables, also show what was refused and why, and the whole plan.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// The snapshot, or a whole request with `current_state`; `-` is standard input.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// Market files or folders, on top of the bundled tables.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) market: Vec<PathBuf>,
    /// Overrides of policies by decision (`{"bin_pack": {…}}`): a JSON or YAML file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Only these decisions, such as `bin-pack,ipv4-cost`.
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The instant of the decisions; now when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) now: Option<Timestamp>,
    /// End with code 10 when more than so many dollars a month could be saved, as `savings>100`.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) fail_on: Option<SavingsLimit>,
    /// Write what carries the decisions out into this folder, one folder within for each decision.
    #[arg(long, value_name = "DIR")]
    pub(crate) render: Option<PathBuf>,
    /// How to print the report.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// In tables, also show everything that was found and how sums come about.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Dollars a month, written as `savings>100`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SavingsLimit(pub(crate) f64);

impl std::str::FromStr for SavingsLimit {
    type Err = String;
    fn from_str(text: &str) -> Result<SavingsLimit, String> {
        let amount = text.strip_prefix("savings>").and_then(|amount| amount.trim().parse().ok());
        let limit: f64 = amount.ok_or("expected `savings>` and dollars a month, as savings>100")?;
        if limit.is_finite() {
            Ok(SavingsLimit(limit))
        } else {
            Err("expected a number".to_owned())
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// The body that the server would answer with.
    Json,
    /// The same as YAML.
    Yaml,
    /// One line for each recommendation, raw numbers.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct Costs {
    /// The snapshot; `-` is standard input.
    #[arg(short, long, visible_short_alias = 'f', value_name = "FILE", default_value = "-")]
    pub(crate) input: PathBuf,
    /// `namespace`, `label:<key>` of pods, `workload` or `node_pool`.
    #[arg(long, value_name = "WHAT", default_value = "namespace")]
    pub(crate) by: CostsBy,
    /// Market files or folders, on top of the bundled tables.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) market: Vec<PathBuf>,
    /// Prices of volumes and load balancers in the place of the list prices: a JSON or YAML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) rates: Option<PathBuf>,
    /// As of when things are priced; now when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) now: Option<Timestamp>,
    /// How to print the costs.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The snapshot that was decided on.
    #[arg(short, long, value_name = "STATE")]
    pub(crate) input: PathBuf,
    /// The decision as JSON.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) decision: PathBuf,
    /// How to print what was found.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A bundle that `decide --record` wrote or that the server gave.
    pub(crate) bundle: PathBuf,
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Json)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Files or folders; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Your name for the cluster.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster_id: Option<String>,
    /// The region; else that of the nodes.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// When the objects were read; now when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) at: Option<Timestamp>,
    /// State that the cluster has no PodDisruptionBudget, which an empty answer of kubectl cannot.
    #[arg(long)]
    pub(crate) no_disruption_budgets: bool,
    /// Print the report as JSON on standard error.
    #[arg(long)]
    pub(crate) report_json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Market {
    #[command(subcommand)]
    pub(crate) command: MarketCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MarketCommand {
    /// Read market files, report what they hold, and keep them in a folder.
    Import {
        /// Spot Advisor JSON, On-Demand tables, price lists, spot price history.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The folder to keep them in; only a report when absent.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Show what the market knows and how old it is.
    Show {
        /// Market files or folders, on top of the bundled tables.
        #[arg(short, long, value_name = "PATH")]
        market: Vec<PathBuf>,
        /// Show the pools of one region.
        #[arg(long)]
        region: Option<String>,
        /// As of when; now when absent.
        #[arg(long, value_name = "RFC3339")]
        now: Option<Timestamp>,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        output: Format,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}
