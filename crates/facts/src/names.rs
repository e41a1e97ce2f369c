//! Names that Amazon and Kubernetes gave to things, validated once where they enter.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not a name of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct NameError {
    text: String,
    expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(
            Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(try_from = "Cow<'_, str>", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as Amazon writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same text, shared.
            #[must_use]
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<$name, NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    return Ok($name(text.into()));
                }
                let shown = text.chars().take(60).collect();
                Err(NameError { text: shown, expected: $expected })
            }
        }

        impl TryFrom<Cow<'_, str>> for $name {
            type Error = NameError;
            fn try_from(text: Cow<'_, str>) -> Result<$name, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An EC2 instance type, such as `m5.large`.
    InstanceType,
    "an EC2 instance type such as m5.large",
    |text| {
        text.len() <= 48
            && text.split_once('.').is_some_and(|(family, size)| {
                !family.is_empty() && !size.is_empty() && [family, size].iter().all(|part| plain(part))
            })
    }
);

name!(
    /// An AWS region, such as `us-east-1`.
    Region,
    "an AWS region such as us-east-1",
    |text| text.len() <= 32 && text.contains('-') && plain(text) && ends_in_digit(text)
);

name!(
    /// An availability zone by the name that one account uses, such as `us-east-1a`.
    /// The same name means different buildings in different accounts.
    Zone,
    "an availability zone such as us-east-1a",
    |text| text.len() <= 48 && !text.is_empty() && plain(text)
);

name!(
    /// An availability zone by the identifier that all accounts share, such as `use1-az1`.
    ZoneId,
    "an availability zone id such as use1-az1",
    |text| text.len() <= 48 && text.contains("-az") && plain(text)
);

impl InstanceType {
    /// The part before the dot: `m5` of `m5.large`.
    #[must_use]
    pub fn family(&self) -> &str {
        self.0.split_once('.').map_or("", |(family, _)| family)
    }

    /// The part after the dot: `large` of `m5.large`.
    #[must_use]
    pub fn size(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, size)| size)
    }
}

impl Zone {
    /// The region that the zone's name starts with, for zones named as region plus one letter.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.0.strip_suffix(|last: char| last.is_ascii_lowercase())?.parse().ok()
    }
}

/// The operating systems that AWS prices apart from one another.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OperatingSystem {
    /// Linux without a licence fee.
    #[default]
    Linux,
    /// Windows with its licence fee.
    Windows,
}

impl OperatingSystem {
    /// `linux` or `windows`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OperatingSystem::Linux => "linux",
            OperatingSystem::Windows => "windows",
        }
    }
}

impl fmt::Display for OperatingSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Processor architectures, by the names that Kubernetes labels use.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 64-bit x86.
    Amd64,
    /// 64-bit ARM (Graviton).
    Arm64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        })
    }
}

impl FromStr for Architecture {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Architecture, NameError> {
        match text {
            "amd64" | "x86_64" => Ok(Architecture::Amd64),
            "arm64" | "aarch64" => Ok(Architecture::Arm64),
            _ => Err(NameError {
                text: text.chars().take(60).collect(),
                expected: "an architecture: amd64 or arm64",
            }),
        }
    }
}

/// How the capacity of a node is bought.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CapacityType {
    /// List price, never reclaimed.
    OnDemand,
    /// Spare capacity, reclaimed with two minutes' notice.
    Spot,
}

impl fmt::Display for CapacityType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            CapacityType::OnDemand => "on_demand",
            CapacityType::Spot => "spot",
        })
    }
}

/// Where spot capacity is bought: one instance type in one zone for one operating system.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Pool {
    /// The instance type.
    pub instance_type: InstanceType,
    /// The zone by its name in the caller's account.
    pub zone: Zone,
    /// The operating system.
    #[serde(default)]
    pub operating_system: OperatingSystem,
}

fn plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn ends_in_digit(text: &str) -> bool {
    text.bytes().last().is_some_and(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_validated() {
        let types = |text: &str, valid: bool| {
            assert_eq!(text.parse::<InstanceType>().is_ok(), valid, "{text}");
        };
        types("m5.large", true);
        types("u-6tb1.112xlarge", true);
        types("m7i-flex.large", true);
        types("m5", false);
        types("M5.large", false);
        types("m5.large; drop table", false);
        types("", false);
        assert!("us-east-1".parse::<Region>().is_ok());
        assert!("us-east-1a".parse::<Region>().is_err());
        assert!("useast".parse::<Region>().is_err());
        assert!("use1-az1".parse::<ZoneId>().is_ok());
    }

    #[test]
    fn a_zone_names_its_region() {
        let zone: Zone = "us-east-1a".parse().unwrap();
        assert_eq!(zone.region(), "us-east-1".parse().ok());
        let instance: InstanceType = "m7i-flex.2xlarge".parse().unwrap();
        assert_eq!((instance.family(), instance.size()), ("m7i-flex", "2xlarge"));
    }

    #[test]
    fn a_refused_name_says_what_was_expected() {
        let error = "large".parse::<InstanceType>().unwrap_err();
        assert_eq!(error.to_string(), "`large` is not an EC2 instance type such as m5.large");
    }
}
