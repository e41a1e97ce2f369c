//! Arguments of `cloudoptim backtest`.

use std::path::PathBuf;

use backtest::{PolicyName, Reports, Settings, Window};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use units::{Fraction, Hours, Usd, UsdPerHour};

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// A policy, such as `adaptive`; may be given several times. All of them when absent; `--list`
    /// shows what each does.
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Vec<PolicyName>,
    /// Show the policies and do nothing else.
    #[arg(long)]
    pub(crate) list: bool,
    /// Market files or folders, on top of the bundled tables: price histories, the Spot Advisor,
    /// On-Demand prices.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) market: Vec<PathBuf>,
    /// Files or folders of public preemption traces, or of interruptions and returns as CSV or JSON
    /// Lines.
    #[arg(short, long, value_name = "PATH", required_unless_present = "list")]
    pub(crate) events: Vec<PathBuf>,
    /// Replay interruptions and returns from this instant on; the first one when absent.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) from: Option<Timestamp>,
    /// Replay interruptions and returns up to before this instant.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) until: Option<Timestamp>,
    /// Equal instances that the workload keeps running.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub(crate) instances: u32,
    /// Seconds until a new instance serves.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub(crate) startup: u32,
    /// Dollars that each interruption costs besides the time it takes.
    #[arg(long, value_name = "USD", default_value = "1")]
    pub(crate) interruption_cost: Usd,
    /// What an hour costs in which an instance is missing, as a multiple of its On-Demand price.
    #[arg(long, value_name = "TIMES", default_value_t = 2.0)]
    pub(crate) unavailable_times: f64,
    /// The same in dollars, in the place of the multiple.
    #[arg(long, value_name = "USD")]
    pub(crate) unavailable_cost: Option<Usd>,
    /// The share that policies with a score keep On-Demand.
    #[arg(long, value_name = "SHARE", default_value = "0.15", value_parser = share)]
    pub(crate) on_demand_share: Fraction,
    /// The most that policies with a score put into one pool.
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share)]
    pub(crate) max_pool_share: Fraction,
    /// The least safety score of a pool for policies with a score.
    #[arg(long, value_name = "SCORE", default_value = "0", value_parser = share)]
    pub(crate) min_safety: Fraction,
    /// How many pools may refuse at one step before a policy waits for the next.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) attempts: u32,
    /// Whose interruptions policies learn from.
    #[arg(long, value_enum, default_value_t = LearnsFrom::Own)]
    pub(crate) reports: LearnsFrom,
    /// The step of interruptions and returns; traces have their own.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) step: u32,
    /// How long a pool is down after an interruption that no return follows.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) down_for: Option<u32>,
    /// Take On-Demand less the advisor's 30-day saving where no spot price is known.
    #[arg(long)]
    pub(crate) accept_average_prices: bool,
    /// Take this share of the On-Demand price where no spot price is known otherwise.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) spot_share: Option<Fraction>,
    /// A spot price that was not seen for longer is unknown.
    #[arg(long, value_name = "HOURS", default_value_t = 48.0)]
    pub(crate) max_price_age: f64,
    /// Take the first later On-Demand price where none was known at the time.
    #[arg(long)]
    pub(crate) later_list_prices: bool,
    /// How many times days are drawn again for the intervals.
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub(crate) resamples: u32,
    /// Write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// How to print the report.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Whose interruptions policies learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LearnsFrom {
    /// What happened to the policy's own instances and requests.
    Own,
    /// Every loss and return in every pool, as far as it had happened.
    All,
}

impl Backtest {
    /// The assumptions that the arguments state.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            instances: self.instances,
            startup_seconds: self.startup,
            interruption_cost_usd: self.interruption_cost,
            unavailable_cost_to_on_demand: self.unavailable_times,
            unavailable_cost_usd_per_hour: self.unavailable_cost.map(UsdPerHour::new),
            on_demand_share: self.on_demand_share,
            max_pool_share: self.max_pool_share,
            min_safety_score: self.min_safety,
            attempts: self.attempts,
            reports: match self.reports {
                LearnsFrom::Own => Reports::Own,
                LearnsFrom::All => Reports::All,
            },
            step_seconds: self.step,
            down_for_seconds: self.down_for,
            accept_average_prices: self.accept_average_prices,
            spot_share: self.spot_share,
            max_price_age_hours: Hours(self.max_price_age),
            later_list_prices: self.later_list_prices,
            resamples: self.resamples,
        }
    }

    /// Which time is replayed.
    pub(crate) fn window(&self) -> Window {
        Window { from: self.from, until: self.until }
    }
}

fn share(text: &str) -> Result<Fraction, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number from 0 to 1".to_owned())?;
    Fraction::new(value).map_err(|error| error.to_string())
}
