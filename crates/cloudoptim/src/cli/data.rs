//! What `cloudoptim gap` and `cloudoptim refresh` take.

use app::gaps::GapSettings;
use app::refresh::{AutoRefresh, ScheduleType};
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::{AwsSettings, Database, Kept, ModelFiles};

/// How gaps are looked for and filled.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gaps")]
pub(crate) struct GapArguments {
    /// Whether gaps may be filled.
    #[arg(long, env = "GAP_FILLER_ENABLED", value_name = "BOOL", default_value = "true",
          action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) gap_filler_enabled: bool,
    /// How many days back an analysis looks when nobody says.
    #[arg(long, env = "GAP_FILLER_DEFAULT_LOOKBACK_DAYS", value_name = "DAYS", default_value_t = 15,
          value_parser = clap::value_parser!(u32).range(1..=90))]
    pub(crate) gap_lookback_days: u32,
    /// How many days back an analysis or a fill may look; AWS keeps 90.
    #[arg(long, env = "GAP_FILLER_MAX_LOOKBACK_DAYS", value_name = "DAYS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(1..=90))]
    pub(crate) gap_max_lookback_days: u32,
}

impl GapArguments {
    pub(crate) fn settings(&self) -> GapSettings {
        GapSettings {
            enabled: self.gap_filler_enabled,
            default_lookback_days: self.gap_lookback_days,
            max_lookback_days: self.gap_max_lookback_days,
        }
    }
}

/// Whether and when the data of active models is refreshed by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Refresh")]
pub(crate) struct AutoRefreshArguments {
    /// Whether the data of active models is refreshed by itself.
    #[arg(long, env = "AUTO_REFRESH_ENABLED", value_name = "BOOL", default_value = "false",
          action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) auto_refresh: bool,
    /// When: minute, hour, day, month and weekday, in UTC.
    #[arg(long, env = "AUTO_REFRESH_SCHEDULE", value_name = "CRON", default_value = "0 2 * * *")]
    pub(crate) auto_refresh_schedule: String,
    /// How many days are fetched each time.
    #[arg(long, env = "AUTO_REFRESH_LOOKBACK_DAYS", value_name = "DAYS", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=90))]
    pub(crate) auto_refresh_lookback_days: u32,
}

impl AutoRefreshArguments {
    pub(crate) fn wanted(&self) -> AutoRefresh {
        AutoRefresh {
            enabled: self.auto_refresh,
            cron: self.auto_refresh_schedule.clone(),
            lookback_days: self.auto_refresh_lookback_days,
        }
    }
}

/// Which pools.
#[derive(Debug, Args)]
pub(crate) struct Pools {
    /// The model whose data is meant.
    #[arg(short, long, value_name = "ID")]
    pub(crate) model: Option<String>,
    /// Types, or patterns such as `m5.*`; what the model names when absent, else all.
    #[arg(short = 't', long = "instance-type", value_name = "PATTERN")]
    pub(crate) instance_types: Vec<String>,
    /// Regions; what the model names when absent, else those that have spot prices.
    #[arg(short, long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,
    /// Products; `Linux/UNIX` when absent.
    #[arg(long = "product", value_name = "NAME")]
    pub(crate) products: Vec<String>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(crate) struct PartOfList {
    /// How many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u64,
    /// How many are passed over.
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Gap {
    #[command(subcommand)]
    pub(crate) command: GapCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GapCommand {
    /// Say what is missing of the spot prices; fetches nothing.
    Analyze {
        #[command(flatten)]
        pools: Pools,
        /// How many days before now must be complete.
        #[arg(long, value_name = "DAYS")]
        lookback_days: Option<u32>,
        /// How many gaps are listed, the newest first.
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        max_gaps: usize,
        #[command(flatten)]
        settings: GapArguments,
        #[command(flatten)]
        kept: Kept,
    },
    /// Fill gaps from AWS, with a progress bar; the server does the same in the background.
    Fill(Box<ToFill>),
    /// Say how far a fill got and what became of the gap.
    Status {
        /// The gap.
        gap: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// Show what a fill said.
    Log {
        /// The gap.
        gap: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// Call a fill off; what it has kept stays.
    Cancel {
        /// The gap.
        gap: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// List fills, the newest first.
    History {
        #[command(flatten)]
        part: PartOfList,
        #[command(flatten)]
        kept: Kept,
    },
}

/// What is filled.
#[derive(Debug, Args)]
pub(crate) struct ToFill {
    #[command(flatten)]
    pub(crate) pools: Pools,
    /// From this day or instant on; when absent the day after the training of the model, else so many
    /// days ago as an analysis looks back.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Up to before this day or instant; now when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
    /// Fill the oldest days first, which AWS forgets first, and not the newest.
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Ask only; a server on the same database does it.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) settings: GapArguments,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct Refresh {
    #[command(subcommand)]
    pub(crate) command: RefreshCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RefreshCommand {
    /// Fetch fresh prices for a model, or for every active one, with a progress bar; the server does
    /// the same in the background.
    Trigger(Box<ToRefresh>),
    /// Say how far a refresh got and what it brought.
    Status {
        /// The refresh.
        refresh: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// Show what a refresh said.
    Log {
        /// The refresh.
        refresh: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// Call a refresh off; what it has kept stays.
    Cancel {
        /// The refresh.
        refresh: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// List refreshes, the newest first.
    History {
        /// Only of this model.
        #[arg(short, long, value_name = "ID")]
        model: Option<String>,
        #[command(flatten)]
        part: PartOfList,
        #[command(flatten)]
        kept: Kept,
    },
    /// Have refreshes come by themselves.
    Schedule {
        #[command(subcommand)]
        command: ScheduleCommand,
    },
}

/// What is refreshed.
#[derive(Debug, Args)]
pub(crate) struct ToRefresh {
    #[command(flatten)]
    pub(crate) pools: Pools,
    /// From this day or instant on; seven days before the end when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// Up to before this day or instant; now when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
    /// Make the model active when it passes validation on the new data.
    #[arg(long)]
    pub(crate) auto_activate: bool,
    /// Ask only; a server on the same database does it.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) aws: AwsSettings,
    #[command(flatten)]
    pub(crate) files: ModelFiles,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Make a schedule, or change the one of its name.
    Set(Box<ToSchedule>),
    /// List everything that comes by itself.
    List {
        #[command(flatten)]
        kept: Kept,
    },
    /// Switch a schedule on.
    Enable {
        /// The schedule.
        schedule: String,
        #[command(flatten)]
        database: Database,
    },
    /// Switch a schedule off.
    Disable {
        /// The schedule.
        schedule: String,
        #[command(flatten)]
        database: Database,
    },
    /// Remove a schedule.
    Remove {
        /// The schedule.
        schedule: String,
        #[command(flatten)]
        database: Database,
    },
}

/// A schedule.
#[derive(Debug, Args)]
pub(crate) struct ToSchedule {
    /// How often.
    #[arg(value_parser = schedule_type())]
    pub(crate) schedule_type: ScheduleType,
    /// At which time of the day, `HH:MM` in UTC; 02:00 when absent.
    #[arg(long, value_name = "HH:MM")]
    pub(crate) time: Option<String>,
    /// On which day of a week, 0 (Sunday) to 6; Monday when absent.
    #[arg(long, value_name = "DAY")]
    pub(crate) day_of_week: Option<u8>,
    /// For `cron`: minute, hour, day, month and weekday, in UTC.
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
    /// What people call it; named after the model when absent.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How many days are fetched each time.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub(crate) lookback_days: u32,
    /// Make the model active when it passes validation on the new data.
    #[arg(long)]
    pub(crate) auto_activate: bool,
    /// Make it, but let it not fire yet.
    #[arg(long)]
    pub(crate) disabled: bool,
    #[command(flatten)]
    pub(crate) pools: Pools,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

fn schedule_type() -> impl TypedValueParser<Value = ScheduleType> {
    PossibleValuesParser::new(["daily", "weekly", "cron"]).map(|name| match name.as_str() {
        "daily" => ScheduleType::Daily,
        "weekly" => ScheduleType::Weekly,
        _ => ScheduleType::Cron,
    })
}
