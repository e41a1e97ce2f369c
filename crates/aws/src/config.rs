//! Where AWS is and how patiently it is asked. Every default is what AWS documents or what its own
//! SDKs use; whoever runs a mirror, a proxy or a test replaces the addresses.

use std::fmt;
use std::time::Duration;

use facts::names::Region;

use crate::Error;

/// Everything that may be chosen about the sources.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// The Spot Advisor file. Public; no credentials.
    pub advisor_url: String,
    /// The start of every address of the bulk price list. Public; no credentials.
    pub price_list_url: String,
    /// EC2 of a region; `{region}` and `{suffix}` (`amazonaws.com`, in China `amazonaws.com.cn`)
    /// are replaced.
    pub ec2_endpoint: String,
    /// The Price List API, which only few regions have.
    pub pricing_endpoint: String,
    /// The region that requests to the Price List API are signed for.
    pub pricing_region: String,
    /// Who signs.
    pub keys: Keys,
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub read_timeout: Duration,
    /// For one answer as a whole, the bulk offer files excepted.
    pub answer_timeout: Duration,
    /// For one bulk offer file as a whole.
    pub bulk_timeout: Duration,
    /// How often one request is tried before its error is reported; at least 1.
    pub attempts: u32,
    /// The longest first wait; each further one may be twice as long. The wait is drawn evenly
    /// from zero to that ("full jitter").
    pub backoff: Duration,
    /// No wait between attempts is longer.
    pub backoff_most: Duration,
    /// A `Retry-After` above this ends the attempts; the error carries it.
    pub retry_after_most: Duration,
    /// The gap between two requests to one service of one region after it has refused one for
    /// being too fast. It doubles up to twenty times this, and shrinks again with each success.
    pub slowdown: Duration,
    /// Requests under way at once, over all regions; at least 1.
    pub parallelism: usize,
    /// The largest answer, the bulk offer files excepted.
    pub answer_bytes: usize,
    /// The largest bulk offer file, decompressed.
    pub bulk_bytes: usize,
    /// Spot prices that are asked for at once, 1 to 1,000, which is what AWS answers at the most. A
    /// page is kept in one transaction.
    pub page_rows: u32,
    /// The most pages of one query; more mean that paging goes round in circles.
    pub pages: u32,
}

/// Who signs requests that need it.
#[derive(Clone, Debug)]
pub enum Keys {
    /// The chain of the AWS SDKs: environment, profile files with SSO and processes, web identity
    /// (IRSA), container, instance role. Asked when the first request needs it.
    Chain {
        /// A profile other than the default.
        profile: Option<String>,
    },
    /// These, and no other.
    Fixed {
        /// `AKIA…` or `ASIA…`.
        access_key_id: String,
        /// Its secret.
        secret_access_key: Secret,
        /// For temporary keys.
        session_token: Option<Secret>,
    },
    /// None: what must be signed is refused without asking AWS.
    None,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that signs.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl Default for AwsConfig {
    fn default() -> AwsConfig {
        AwsConfig {
            advisor_url: "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
                .to_owned(),
            price_list_url: "https://pricing.us-east-1.amazonaws.com".to_owned(),
            ec2_endpoint: "https://ec2.{region}.{suffix}".to_owned(),
            pricing_endpoint: "https://api.pricing.us-east-1.amazonaws.com".to_owned(),
            pricing_region: "us-east-1".to_owned(),
            keys: Keys::Chain { profile: None },
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(120),
            bulk_timeout: Duration::from_secs(1800),
            attempts: 5,
            backoff: Duration::from_millis(500),
            backoff_most: Duration::from_secs(20),
            retry_after_most: Duration::from_secs(60),
            slowdown: Duration::from_millis(250),
            parallelism: 4,
            answer_bytes: 64 << 20,
            bulk_bytes: 2 << 30,
            page_rows: 1000,
            pages: 100_000,
        }
    }
}

impl AwsConfig {
    /// Every service at one address, as a fake or a proxy serves them: `/advisor.json`, `/offers/…`,
    /// `/ec2/<region>/` and `/pricing/`.
    #[must_use]
    pub fn at(base: &str) -> AwsConfig {
        let base = base.trim_end_matches('/');
        AwsConfig {
            advisor_url: format!("{base}/advisor.json"),
            price_list_url: base.to_owned(),
            ec2_endpoint: format!("{base}/ec2/{{region}}/"),
            pricing_endpoint: format!("{base}/pricing/"),
            ..AwsConfig::default()
        }
    }

    /// The address of EC2 in a region.
    pub(crate) fn ec2(&self, region: &Region) -> String {
        let china = region.as_str().starts_with("cn-");
        let suffix = if china { "amazonaws.com.cn" } else { "amazonaws.com" };
        with_path(
            self.ec2_endpoint.replace("{region}", region.as_str()).replace("{suffix}", suffix),
        )
    }

    /// The address of the Price List API.
    pub(crate) fn pricing(&self) -> String {
        with_path(self.pricing_endpoint.clone())
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let addresses = [
            ("advisor_url", &self.advisor_url),
            ("price_list_url", &self.price_list_url),
            ("ec2_endpoint", &self.ec2_endpoint),
            ("pricing_endpoint", &self.pricing_endpoint),
        ];
        for (field, address) in addresses {
            if !address.starts_with("https://") && !address.starts_with("http://") {
                let detail = "expected an address that starts with https:// or http://".to_owned();
                return Err(Error::Configuration { field, detail });
            }
        }
        let counts = [
            ("attempts", u64::from(self.attempts)),
            ("parallelism", self.parallelism as u64),
            ("pages", u64::from(self.pages)),
        ];
        for (field, count) in counts {
            if count == 0 {
                return Err(Error::Configuration { field, detail: "must be above 0".to_owned() });
            }
        }
        if !(1..=1000).contains(&self.page_rows) {
            let detail = format!("{} is not from 1 to 1000", self.page_rows);
            return Err(Error::Configuration { field: "page_rows", detail });
        }
        Ok(())
    }
}

fn with_path(address: String) -> String {
    let host = address.split_once("://").map_or(address.as_str(), |(_, host)| host);
    if host.contains('/') { address } else { format!("{address}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_the_partition_of_the_region() {
        let config = AwsConfig::default();
        let check = |region: &str, expected: &str| {
            assert_eq!(config.ec2(&region.parse().unwrap()), expected);
        };
        check("eu-west-1", "https://ec2.eu-west-1.amazonaws.com/");
        check("cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn/");
        assert_eq!(config.pricing(), "https://api.pricing.us-east-1.amazonaws.com/");
    }

    #[test]
    fn what_cannot_work_is_refused_and_secrets_are_not_shown() {
        let check = |change: fn(&mut AwsConfig), field: &str| {
            let mut config = AwsConfig::default();
            change(&mut config);
            assert!(config.check().unwrap_err().to_string().contains(field), "{field}");
        };
        check(|config| config.attempts = 0, "attempts");
        check(|config| config.parallelism = 0, "parallelism");
        check(|config| config.page_rows = 1001, "page_rows");
        check(|config| config.advisor_url = "file:///etc/passwd".to_owned(), "advisor_url");
        let keys = Keys::Fixed {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: Secret::new("wJalr"),
            session_token: Some(Secret::new("token")),
        };
        let shown = format!("{keys:?}");
        assert!(!shown.contains("wJalr") && !shown.contains("\"token\""), "{shown}");
    }
}
