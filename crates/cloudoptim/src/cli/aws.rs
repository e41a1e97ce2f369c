//! AWS as a source of prices, as the command line and the environment name it.

use std::time::Duration;

use app::fetch::PriceSources;
use aws::{Aws, AwsConfig, Keys};
use clap::Args;
use clock::Clock;
use facts::names::Region;
use store::Store;

use crate::exit::Failure;

/// AWS as a source of prices. Credentials come from where the AWS command line takes them: the
/// environment, profiles, single sign-on, web identity, the container or the instance.
#[derive(Debug, Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsSettings {
    /// The region whose prices are fetched when none is named.
    #[arg(long, env = "AWS_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub(crate) aws_region: Region,
    /// The profile of the AWS configuration files.
    #[arg(long, env = "AWS_PROFILE", value_name = "NAME")]
    pub(crate) aws_profile: Option<String>,
    /// Where EC2 and the Price List API are, in the place of AWS's own addresses.
    #[arg(long, env = "AWS_ENDPOINT_URL", value_name = "URL")]
    pub(crate) aws_endpoint_url: Option<String>,
    /// Where EC2 is; `{region}` is replaced.
    #[arg(long, env = "AWS_ENDPOINT_URL_EC2", value_name = "URL")]
    pub(crate) aws_endpoint_url_ec2: Option<String>,
    /// Where the Price List API is.
    #[arg(long, env = "AWS_ENDPOINT_URL_PRICING", value_name = "URL")]
    pub(crate) aws_endpoint_url_pricing: Option<String>,
    /// Where the Spot Advisor's file is; AWS's own when absent.
    #[arg(long, env = "SPOT_ADVISOR_URL", value_name = "URL")]
    pub(crate) spot_advisor_url: Option<String>,
    /// The start of the addresses of the public price list; AWS's own when absent.
    #[arg(long, env = "PRICE_LIST_URL", value_name = "URL")]
    pub(crate) price_list_url: Option<String>,
    /// Questions to AWS at once.
    #[arg(long, env = "PRICING_DATA_FETCH_PARALLELISM", value_name = "COUNT", default_value_t = 5)]
    pub(crate) fetch_parallelism: usize,
    /// How often a question is asked again before its job waits.
    #[arg(long, env = "PRICING_DATA_RETRY_ATTEMPTS", value_name = "COUNT", default_value_t = 3)]
    pub(crate) retry_attempts: u32,
    /// Spot prices that are asked for at once and kept in one transaction; AWS answers 1,000 at the
    /// most.
    #[arg(long, env = "GAP_FILLER_BATCH_SIZE", value_name = "ROWS", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) batch_size: u32,
    /// The longest wait before asking again the first time; it doubles each time.
    #[arg(long, env = "PRICING_DATA_RETRY_BACKOFF", value_name = "SECONDS", default_value_t = 2.0)]
    pub(crate) retry_backoff: f64,
}

impl AwsSettings {
    /// What jobs fetch from.
    pub(crate) fn sources(&self, store: &Store, clock: &Clock) -> Result<PriceSources, Failure> {
        let failed = |error: aws::Error| Failure::Serve(error.to_string());
        let aws = Aws::new(self.config()?, clock.clone()).map_err(failed)?;
        let lanes = self.fetch_parallelism;
        Ok(PriceSources { store: store.clone(), aws, clock: clock.clone(), lanes, models: None })
    }

    fn config(&self) -> Result<AwsConfig, Failure> {
        let usual = AwsConfig::default();
        let everywhere = self.aws_endpoint_url.as_ref();
        let chosen = |own: &Option<String>, usual: String| {
            own.as_ref().or(everywhere).map_or(usual, String::clone)
        };
        let backoff = Duration::try_from_secs_f64(self.retry_backoff).map_err(|error| {
            Failure::Serve(format!("--retry-backoff {}: {error}", self.retry_backoff))
        })?;
        Ok(AwsConfig {
            advisor_url: self.spot_advisor_url.clone().unwrap_or(usual.advisor_url),
            price_list_url: self.price_list_url.clone().unwrap_or(usual.price_list_url),
            ec2_endpoint: chosen(&self.aws_endpoint_url_ec2, usual.ec2_endpoint),
            pricing_endpoint: chosen(&self.aws_endpoint_url_pricing, usual.pricing_endpoint),
            keys: Keys::Chain { profile: self.aws_profile.clone() },
            attempts: self.retry_attempts.saturating_add(1),
            backoff,
            parallelism: self.fetch_parallelism,
            page_rows: self.batch_size,
            ..AwsConfig::default()
        })
    }
}
