//! What a job makes of an answer that AWS did not give.

use aws::Error;
use jiff::SignedDuration;
use jobs::JobFailure;

/// What is to be done about an error.
pub(crate) enum Remedy {
    /// This part alone cannot be had; the others may be.
    Skip(String),
    /// The job ends here, for now or for good.
    End(JobFailure),
}

/// What to do about an error that came while something was fetched, such as `us-east-1`.
pub(crate) fn remedy(what: &str, error: &Error) -> Remedy {
    let said = format!("{what}: {error}");
    match error {
        // The same key, clock or role stands behind every region.
        Error::NoCredentials { .. }
        | Error::ExpiredCredentials { .. }
        | Error::ClockSkew { .. }
        | Error::Configuration { .. } => Remedy::End(JobFailure::Never(said)),
        // A region that the account has not opted into, or that a policy forbids.
        Error::Denied { .. } | Error::NoSuchRegion { .. } => Remedy::Skip(said),
        error if error.passes() => {
            let wait = error.retry_after().and_then(|wait| SignedDuration::try_from(wait).ok());
            Remedy::End(JobFailure::Later(said, wait))
        }
        // A proxy's page, or paging that goes in circles: another hour may bring another answer.
        Error::WrongBody { .. } | Error::EndlessPages { .. } | Error::StaleCursor { .. } => {
            Remedy::End(JobFailure::Later(said, None))
        }
        _ => Remedy::End(JobFailure::Never(said)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_can_be_done() {
        let check = |error: Error, expected: &str| {
            let found = match remedy("eu-west-1", &error) {
                Remedy::Skip(_) => "skip",
                Remedy::End(JobFailure::Never(_)) => "never",
                Remedy::End(JobFailure::Later(_, Some(_))) => "later, as asked",
                Remedy::End(JobFailure::Later(_, None)) => "later",
                Remedy::End(_) => "other",
            };
            assert_eq!(found, expected, "{error}");
        };
        let operation = "DescribeSpotPriceHistory";
        let code = || "Code".to_owned();
        let throttled =
            |retry_after| Error::Throttled { operation, code: code(), attempts: 3, retry_after };
        check(throttled(Some(Duration::from_secs(9))), "later, as asked");
        check(throttled(None), "later");
        check(Error::NoCredentials { operation, detail: code() }, "never");
        check(Error::ClockSkew { operation, code: code(), skew: None }, "never");
        check(Error::Denied { operation, code: code(), message: code() }, "skip");
        check(Error::Refused { operation, code: code(), message: code() }, "never");
    }
}
