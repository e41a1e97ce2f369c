//! Where machines get their credentials from: the container's endpoint, the instance metadata
//! service, and the token service. Each answer has another key id, so that a refresh can be seen.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::http::{Request, Response};
use super::query::Form;
use crate::{SECRET_ACCESS_KEY, SESSION_TOKEN};

/// Keys are valid long past any test.
const VALID_HOURS: i64 = 24 * 365 * 20;

/// An answer to whoever asks for credentials; `None` when the request is for something else.
pub(crate) fn answer(request: &Request, number: u64, now: Timestamp) -> Option<Response> {
    let expiry = now
        .saturating_add(SignedDuration::from_hours(VALID_HOURS))
        .unwrap_or(now)
        .round(jiff::Unit::Second)
        .unwrap_or(now);
    let key_id = format!("ASIAFAKEFAKEFAKE{number:04}");
    let keys = json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2020-01-01T00:00:00Z",
        "AccessKeyId": key_id,
        "SecretAccessKey": SECRET_ACCESS_KEY,
        "Token": SESSION_TOKEN,
        "Expiration": expiry.to_string(),
    });
    let as_json = || Response::new(200, "application/json", keys.to_string());
    match request.path.as_str() {
        "/credentials" => Some(as_json()),
        "/latest/api/token" => Some(
            Response::new(200, "text/plain", "metadata-token")
                .with("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
        ),
        path if path.trim_end_matches('/').ends_with("/iam/security-credentials") => {
            Some(Response::new(200, "text/plain", "fake-role"))
        }
        path if path.contains("/iam/security-credentials") => Some(as_json()),
        "/" if Form::read(&request.body).text("Action") == "AssumeRoleWithWebIdentity" => {
            let xml = format!(
                "<AssumeRoleWithWebIdentityResponse \
                 xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <AssumeRoleWithWebIdentityResult><Credentials>\
                 <AccessKeyId>{key_id}</AccessKeyId>\
                 <SecretAccessKey>{SECRET_ACCESS_KEY}</SecretAccessKey>\
                 <SessionToken>{SESSION_TOKEN}</SessionToken>\
                 <Expiration>{expiry}</Expiration></Credentials>\
                 <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/fake/s</Arn>\
                 <AssumedRoleId>AROAFAKE:s</AssumedRoleId></AssumedRoleUser>\
                 </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            );
            Some(Response::new(200, "text/xml", xml))
        }
        _ => None,
    }
}
