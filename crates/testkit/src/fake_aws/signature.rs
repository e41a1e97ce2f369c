//! Checks signatures, version 4, to the last bit: a wrong canonical form would be found only in
//! production otherwise.
//!
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::http::Request;
use crate::{SECRET_ACCESS_KEY, SESSION_TOKEN};

/// Who signed, when, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) key_id: String,
    /// As in `20260801T120000Z`.
    pub(crate) at: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// The code and message of a refusal.
pub(crate) type Refused = (&'static str, String);

/// Checks that a request is signed by a known key.
pub(crate) fn check(request: &Request) -> Result<Signed, Refused> {
    let authorization = request.header("authorization");
    if authorization.is_empty() {
        return Err(("MissingAuthenticationToken", "no authorization header".to_owned()));
    }
    let incomplete = |what: &str| ("IncompleteSignature", what.to_owned());
    let rest = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| incomplete("not AWS4-HMAC-SHA256"))?;
    let part = |name: &str| {
        rest.split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| incomplete(&format!("no {name}")))
    };
    let (credential, signed_headers, signature) =
        (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let scope: Vec<&str> = credential.split('/').collect();
    let [key_id, day, region, service, "aws4_request"] = scope.as_slice() else {
        return Err(incomplete("the credential scope has not five parts"));
    };
    let at = request.header("x-amz-date");
    if at.len() != 16 || !at.starts_with(day) {
        return Err(incomplete("x-amz-date does not fit the scope"));
    }
    for needed in ["host", "x-amz-date"] {
        if !signed_headers.split(';').any(|name| name == needed) {
            return Err(incomplete(&format!("{needed} is not signed")));
        }
    }
    if !key_id.starts_with("AKIA") && !key_id.starts_with("ASIA") {
        return Err(("InvalidClientTokenId", format!("the key {key_id} is not known")));
    }
    if key_id.starts_with("ASIA") && request.header("x-amz-security-token") != SESSION_TOKEN {
        return Err(("InvalidClientTokenId", "the session token is not valid".to_owned()));
    }
    let canonical = canonical(request, signed_headers);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{day}/{region}/{service}/aws4_request\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    for text in [*day, *region, *service, "aws4_request"] {
        key = mac(&key, text);
    }
    if hex(&mac(&key, &to_sign)) != signature {
        // As AWS does: the canonical request is part of the message, tokens included.
        return Err(("SignatureDoesNotMatch", format!("it should have been {canonical}")));
    }
    Ok(Signed {
        key_id: (*key_id).to_owned(),
        at: at.to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
    })
}

fn canonical(request: &Request, signed_headers: &str) -> String {
    let mut query: Vec<&str> = request.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let headers: String = signed_headers
        .split(';')
        .map(|name| format!("{name}:{}\n", request.header(name)))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{signed_headers}\n{}",
        request.method,
        request.path,
        query.join("&"),
        hex(&Sha256::digest(&request.body))
    )
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
