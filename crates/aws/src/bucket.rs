//! A bucket of S3, or of anything that speaks its language, with files by name.
//!
//! Reference: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html>
//! (PutObject, GetObject, DeleteObject, ListObjectsV2). Objects are addressed by path, which AWS and
//! its relatives alike understand. Refuses to know what the files are.

use jiff::Timestamp;
use reqwest::Method;

use crate::request::Call;
use crate::{Aws, Error};

/// A place in a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    aws: Aws,
    /// Scheme and host, without a slash at its end.
    endpoint: String,
    bucket: String,
    /// What every name begins with: empty, or with a slash at its end.
    prefix: String,
    region: String,
}

/// A file in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name, without the prefix.
    pub name: String,
    /// When it was put there.
    pub modified_at: Option<Timestamp>,
}

/// The largest object that is read.
const LARGEST: usize = 1 << 30;

/// The most pages of a list; more mean that paging goes round in circles.
const PAGES: usize = 10_000;

impl Bucket {
    /// The place that `s3://bucket/prefix` names. Without an endpoint it is AWS's own in the region.
    ///
    /// # Errors
    /// [`Error::Configuration`] for an address that names no bucket.
    pub fn new(
        aws: Aws,
        address: &str,
        endpoint: Option<&str>,
        region: &str,
    ) -> Result<Bucket, Error> {
        let wrong = |detail: &str| Error::Configuration {
            field: "MODEL_STORE_URL",
            detail: format!("{detail}; expected s3://bucket or s3://bucket/prefix"),
        };
        let rest =
            address.strip_prefix("s3://").ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte))
        };
        if bucket.is_empty()
            || !plain(bucket)
            || !plain(prefix)
            || prefix.contains("//")
            || prefix.starts_with('/')
        {
            return Err(wrong(
                "the bucket or the prefix has letters that need escaping, or is empty",
            ));
        }
        let prefix = match prefix.trim_end_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let own = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = endpoint.map_or_else(
            || format!("https://s3.{region}.{own}"),
            |endpoint| endpoint.trim_end_matches('/').to_owned(),
        );
        Ok(Bucket { aws, endpoint, bucket: bucket.to_owned(), prefix, region: region.to_owned() })
    }

    fn call(&self, operation: &'static str, method: Method, below: &str) -> Call {
        Call {
            method,
            signed_for: Some(("s3", self.region.clone())),
            largest: Some(LARGEST),
            ..Call::get(operation, format!("{}/{}{below}", self.endpoint, self.bucket))
        }
    }

    /// Puts a file there; one of this name is replaced.
    ///
    /// # Errors
    /// As every request.
    pub async fn put(&self, name: &str, content: Vec<u8>) -> Result<(), Error> {
        let below = format!("/{}{name}", self.prefix);
        let call = Call { body: content, ..self.call("PutObject", Method::PUT, &below) };
        self.aws.requester.ask(&call, |_| Ok(())).await
    }

    /// A file; `None` when there is none of this name.
    ///
    /// # Errors
    /// As every request.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let call = self.call("GetObject", Method::GET, &format!("/{}{name}", self.prefix));
        match self.aws.requester.ask(&call, |answer| Ok(answer.body.clone())).await {
            Ok(content) => Ok(Some(content)),
            Err(Error::Refused { code, .. }) if code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file; that there is none of this name is no error.
    ///
    /// # Errors
    /// As every request.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let call = self.call("DeleteObject", Method::DELETE, &format!("/{}{name}", self.prefix));
        self.aws.requester.ask(&call, |_| Ok(())).await
    }

    /// All files, in the order of their names.
    ///
    /// # Errors
    /// As every request.
    pub async fn list(&self) -> Result<Vec<Stored>, Error> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = format!("?list-type=2&prefix={}", escaped(&self.prefix));
            if let Some(token) = &token {
                query.push_str(&format!("&continuation-token={}", escaped(token)));
            }
            let call = self.call("ListObjectsV2", Method::GET, &query);
            let page = self
                .aws
                .requester
                .ask(&call, |answer| Ok(String::from_utf8_lossy(&answer.body).into_owned()))
                .await?;
            found.extend(self.stored(&page));
            token = element(&page, "NextContinuationToken").map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn stored(&self, page: &str) -> Vec<Stored> {
        // Names are ours: hexadecimal digits and slashes, which XML does not escape.
        let parts = page.split("<Contents>").skip(1);
        parts
            .filter_map(|part| {
                let name = element(part, "Key")?.strip_prefix(&self.prefix)?.to_owned();
                let modified_at = element(part, "LastModified").and_then(|text| text.parse().ok());
                Some(Stored { name, modified_at })
            })
            .collect()
    }
}

/// The text of the first element of a name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let end = xml[start..].find("</")? + start;
    Some(&xml[start..end])
}

/// Text as it may stand in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
