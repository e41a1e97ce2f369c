//! What the fake does wrong, and at which requests.

use std::str::FromStr;
use std::time::Duration;

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status with this code, in the form of the service.
    Status(u16, String),
    /// `RequestLimitExceeded` or `ThrottlingException`, with `Retry-After` in seconds if given.
    Throttle(Option<u64>),
    /// The body ends before its announced length.
    Truncated,
    /// The last chunk of the body is missing.
    BrokenChunks,
    /// A well-framed answer whose text is only half there.
    HalfText,
    /// The body comes in ten pieces, each after this pause.
    Slow(Duration),
    /// Nothing is answered until the other side gives up.
    Hang,
    /// The connection is reset before an answer.
    Reset,
    /// The connection is reset in the middle of the body.
    ResetHalfway,
    /// A page for people, with status 200, as proxies send it.
    Html,
    /// Well-formed, and not what the service answers.
    WrongShape,
    /// Refused for its time, with a `Date` that is this many seconds after the present.
    SkewedClock(i64),
    /// `ExpiredToken`.
    ExpiredCredentials,
    /// Rows that cannot be believed, among the good ones.
    Poison,
    /// The token of the next page is the one that was asked with (or made up on a first page).
    SameToken,
    /// No rows, and a token all the same.
    EmptyPage,
    /// The page token is refused.
    StaleToken,
}

/// A fault at some requests. Requests are counted from 1 for each operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `DescribeSpotPriceHistory`, `DescribeInstanceTypes`, `DescribeAvailabilityZones`,
    /// `GetProducts`, `Advisor`, `PriceListIndex`, `PriceList` or `Credentials`; `None` for all.
    pub operation: Option<String>,
    /// The first request that is spoiled.
    pub first: u64,
    /// The last one; `u64::MAX` for no end.
    pub last: u64,
    /// Only each such request of them, counted from the first; 1 for all.
    pub each: u64,
    /// How.
    pub fault: Fault,
}

impl Rule {
    /// Spoils some requests of one operation.
    #[must_use]
    pub fn at(operation: &str, requests: std::ops::RangeInclusive<u64>, fault: Fault) -> Rule {
        let operation = Some(operation.to_owned());
        Rule { operation, first: *requests.start(), last: *requests.end(), each: 1, fault }
    }

    /// Spoils every request of one operation.
    #[must_use]
    pub fn always(operation: &str, fault: Fault) -> Rule {
        Rule::at(operation, 1..=u64::MAX, fault)
    }

    /// Whether it is for this request.
    pub(crate) fn spoils(&self, operation: &str, number: u64) -> bool {
        self.operation.as_deref().is_none_or(|wanted| wanted == operation)
            && (self.first..=self.last).contains(&number)
            && (number - self.first).is_multiple_of(self.each.max(1))
    }
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(String);

impl std::fmt::Display for RuleError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "`{}` is no rule such as DescribeSpotPriceHistory:2-4:throttle, *:1-:slow=50 or \
             PriceList:3:status=500,InternalError",
            self.0
        )
    }
}

impl std::error::Error for RuleError {}

/// `operation:requests:fault`. Operation `*` is all. Requests are `3`, `2-4`, `2-` or `2-/5` (each
/// fifth from the second on). Faults are named as in [`Fault`], in lower case with dashes, with
/// their argument behind `=`.
impl FromStr for Rule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Rule, RuleError> {
        let wrong = || RuleError(text.to_owned());
        let mut parts = text.splitn(3, ':');
        let (Some(operation), Some(requests), Some(fault)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let (range, each) = requests.split_once('/').unwrap_or((requests, "1"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (first, last) = match range.split_once('-') {
            None => (number(range)?, number(range)?),
            Some((first, "")) => (number(first)?, u64::MAX),
            Some((first, last)) => (number(first)?, number(last)?),
        };
        Ok(Rule {
            operation: (operation != "*").then(|| operation.to_owned()),
            first,
            last,
            each: number(each)?,
            fault: fault_of(fault).ok_or_else(wrong)?,
        })
    }
}

fn fault_of(text: &str) -> Option<Fault> {
    let (name, argument) = text.split_once('=').unwrap_or((text, ""));
    Some(match name {
        "status" => {
            let (status, code) = argument.split_once(',').unwrap_or((argument, ""));
            Fault::Status(status.parse().ok()?, code.to_owned())
        }
        "throttle" if argument.is_empty() => Fault::Throttle(None),
        "throttle" => Fault::Throttle(Some(argument.parse().ok()?)),
        "truncated" => Fault::Truncated,
        "broken-chunks" => Fault::BrokenChunks,
        "half-text" => Fault::HalfText,
        "slow" => Fault::Slow(Duration::from_millis(argument.parse().ok()?)),
        "hang" => Fault::Hang,
        "reset" => Fault::Reset,
        "reset-halfway" => Fault::ResetHalfway,
        "html" => Fault::Html,
        "wrong-shape" => Fault::WrongShape,
        "skewed-clock" => Fault::SkewedClock(argument.parse().ok()?),
        "expired-credentials" => Fault::ExpiredCredentials,
        "poison" => Fault::Poison,
        "same-token" => Fault::SameToken,
        "empty-page" => Fault::EmptyPage,
        "stale-token" => Fault::StaleToken,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule: Rule = "DescribeSpotPriceHistory:2-/5:throttle=3".parse().unwrap();
        assert_eq!(rule.fault, Fault::Throttle(Some(3)));
        let spoiled: Vec<u64> =
            (1..=13).filter(|number| rule.spoils("DescribeSpotPriceHistory", *number)).collect();
        assert_eq!(spoiled, [2, 7, 12]);
        assert!(!rule.spoils("GetProducts", 2));
        let all: Rule = "*:3:status=500,InternalError".parse().unwrap();
        assert_eq!(all.fault, Fault::Status(500, "InternalError".to_owned()));
        assert!(all.spoils("GetProducts", 3) && !all.spoils("GetProducts", 4));
        for text in ["", "x", "*:x:reset", "*:1:nonsense", "*:1:slow"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
