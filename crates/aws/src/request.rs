//! One request to AWS: signed if need be, tried several times, at a shared pace, bounded in size.
//!
//! Refuses to know what is asked for: sources say how an answer is read.

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use clock::Clock;
use jiff::Timestamp;
use market::{ImportError, Origin};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use tokio::sync::Semaphore;

use crate::credentials::{Keyring, chain_of};
use crate::pace::{Paces, full_jitter};
use crate::redact::{excerpt, redact};
use crate::verdict::{Asked, Fault, Head, fault_of, http_date};
use crate::{AwsConfig, Error};

/// What is sent.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) url: String,
    pub(crate) method: Method,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Service and region that the signature is for; `None` for public files.
    pub(crate) signed_for: Option<(&'static str, String)>,
    /// Whether the request carries a page token.
    pub(crate) with_token: bool,
    /// The most bytes of the answer, where that is not the configuration's own limit.
    pub(crate) largest: Option<usize>,
}

impl Call {
    /// A public file.
    pub(crate) fn get(operation: &'static str, url: String) -> Call {
        Call {
            operation,
            url,
            method: Method::GET,
            headers: Vec::new(),
            body: Vec::new(),
            signed_for: None,
            with_token: false,
            largest: None,
        }
    }

    /// Who shares a pace with this request.
    fn place(&self) -> String {
        match &self.signed_for {
            Some((service, region)) => format!("{service}/{region}"),
            None => "public".to_owned(),
        }
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    /// Where and when it was read.
    pub(crate) origin: Origin,
}

/// Sends requests for every source of one account.
pub(crate) struct Requester {
    pub(crate) config: AwsConfig,
    pub(crate) clock: Clock,
    /// Made with the first request: reading the certificates of the machine takes longer than all
    /// else of a start, and many a server never asks.
    client: OnceLock<Client>,
    keyring: Keyring,
    paces: Paces,
    under_way: Semaphore,
}

impl Requester {
    pub(crate) fn new(config: AwsConfig, clock: Clock) -> Result<Requester, Error> {
        config.check()?;
        let keyring =
            Keyring::new(config.keys.clone(), config.pricing_region.clone(), clock.clone());
        Ok(Requester {
            paces: Paces::new(config.slowdown),
            under_way: Semaphore::new(config.parallelism),
            client: OnceLock::new(),
            keyring,
            config,
            clock,
        })
    }

    fn client(&self) -> Result<&Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Whoever was first has chosen; ring is the only provider that is compiled in.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(self.config.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("cloudoptim")
            .build()
            .map_err(|error| Error::Configuration {
                field: "http client",
                detail: chain_of(&error),
            })?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Sends a request until an answer can be read, or trying again is of no use.
    pub(crate) async fn ask<T>(
        &self,
        call: &Call,
        read: impl Fn(&Answer) -> Result<T, ImportError>,
    ) -> Result<T, Error> {
        let read = &read;
        let attempt = || async move {
            let answer = self.whole(call).await?;
            read(&answer).map_err(|error| unreadable(call.operation, &error, &answer.body))
        };
        self.try_often(call, attempt).await
    }

    /// Runs attempts of one call under the rules that all share: their number, the waits between
    /// them, the pace of the place and the number of requests under way.
    pub(crate) async fn try_often<T, A: Future<Output = Result<T, Fault>>>(
        &self,
        call: &Call,
        attempt: impl Fn() -> A,
    ) -> Result<T, Error> {
        let place = call.place();
        let operation = call.operation;
        let mut count = 0;
        let mut refreshed = false;
        loop {
            self.paces.turn(&place).await;
            let fault = {
                // The semaphore is never closed; a closed one would only mean no limit.
                let _permit = self.under_way.acquire().await.ok();
                match attempt().await {
                    Ok(value) => {
                        self.paces.went_well(&place);
                        return Ok(value);
                    }
                    Err(fault) => fault,
                }
            };
            count += 1;
            let asked_to_wait = match &fault {
                Fault::Final(_) => return Err(fault.after(count, operation)),
                Fault::Expired { .. } if refreshed => return Err(fault.after(count, operation)),
                Fault::Expired { .. } => {
                    refreshed = true;
                    Some(Duration::ZERO)
                }
                Fault::Throttled { after, .. } | Fault::Unavailable { after, .. } => {
                    self.paces.refused(&place);
                    *after
                }
                Fault::Unreachable { .. } | Fault::Cut { .. } => None,
            };
            let too_long = asked_to_wait.is_some_and(|wait| wait > self.config.retry_after_most);
            if count >= self.config.attempts || too_long {
                return Err(fault.after(count, operation));
            }
            let jitter = full_jitter(count - 1, self.config.backoff, self.config.backoff_most);
            // Everybody who was told the same time comes back a little later, not at once.
            let wait = asked_to_wait.map_or(jitter, |least| match fault {
                Fault::Expired { .. } => least,
                _ => least + jitter / 4,
            });
            tracing::debug!(
                aws.operation = operation,
                attempt = count,
                wait_ms = wait.as_millis() as u64,
                fault = ?fault,
                "AWS request is tried again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt at a whole answer.
    async fn whole(&self, call: &Call) -> Result<Answer, Fault> {
        let whole = async {
            let (head, response) = self.open(call).await?;
            let body = self.body(call, response).await?;
            Ok(Answer { head, body, origin: self.origin(call) })
        };
        tokio::time::timeout(self.config.answer_timeout, whole).await.unwrap_or_else(|_| {
            let detail = format!("no answer within {:?}", self.config.answer_timeout);
            Err(Fault::Unreachable { detail })
        })
    }

    /// Sends once and reads the head; what is no success is read to its end and judged.
    pub(crate) async fn open(&self, call: &Call) -> Result<(Head, Response), Fault> {
        let mut request =
            self.client().map_err(Fault::Final)?.request(call.method.clone(), &call.url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let mut credentials = None;
        if let Some((service, region)) = &call.signed_for {
            let keys = self.keyring.credentials(call.operation).await.map_err(Fault::Final)?;
            for (name, value) in signature(call, service, region, &keys, self.clock.now())? {
                request = request.header(name, value);
            }
            credentials = Some(keys);
        }
        let sent = request.body(call.body.clone()).send();
        let response = self.in_time(sent).await?.map_err(|error| broken(&error))?;
        let head = head_of(response.status().as_u16(), response.headers());
        if matches!(head.status, 200..=299 | 304) {
            return Ok((head, response));
        }
        // The status alone says much, should the rest not come.
        let mut body = self.body(call, response).await.unwrap_or_default();
        if let Some(keys) = &credentials {
            body = without(&body, keys);
        }
        let asked =
            Asked { operation: call.operation, now: self.clock.now(), with_token: call.with_token };
        let fault = fault_of(&head, &body, asked);
        if let (Fault::Expired { .. }, Some(refused)) = (&fault, credentials) {
            self.keyring.forget(&refused).await;
        }
        Err(fault)
    }

    /// The next piece of a body; `None` at its end.
    ///
    /// The client's own limit between pieces is not used: it also counts the time in which nobody
    /// asks for one, because a parser is busy.
    pub(crate) async fn piece(
        &self,
        response: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]> + Send + 'static>, Fault> {
        self.in_time(response.chunk()).await?.map_err(|error| broken(&error))
    }

    async fn in_time<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Fault> {
        let most = self.config.read_timeout;
        tokio::time::timeout(most, waiting)
            .await
            .map_err(|_| Fault::Unreachable { detail: format!("nothing came for {most:?}") })
    }

    async fn body(&self, call: &Call, mut response: Response) -> Result<Vec<u8>, Fault> {
        let (operation, most) = (call.operation, call.largest.unwrap_or(self.config.answer_bytes));
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut response).await? {
            let piece = piece.as_ref();
            if body.len() + piece.len() > most {
                let detail = format!("the answer is larger than {most} bytes");
                return Err(Fault::Final(Error::TooLarge { operation, detail }));
            }
            body.extend_from_slice(piece);
        }
        Ok(body)
    }

    /// Where an answer is from, without anything that a query could contain.
    pub(crate) fn origin(&self, call: &Call) -> Origin {
        let address = call.url.split('?').next().unwrap_or_default();
        Origin::new(&format!("{} {address}", call.operation), self.clock.now())
    }
}

/// An error's body without the keys that it might repeat.
fn without(body: &[u8], keys: &Credentials) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(body).into_owned();
    let secrets = [Some(keys.secret_access_key()), keys.session_token()];
    for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    text.into_bytes()
}

/// The fault of a body that no parser could read.
pub(crate) fn unreadable(operation: &'static str, error: &ImportError, body: &[u8]) -> Fault {
    match error {
        ImportError::Cut { .. } => Fault::Cut { detail: error.to_string() },
        ImportError::TooLarge { .. } => {
            Fault::Final(Error::TooLarge { operation, detail: error.to_string() })
        }
        _ => Fault::Final(Error::WrongBody {
            operation,
            detail: redact(&error.to_string()),
            excerpt: excerpt(body),
        }),
    }
}

/// The fault of a connection. A body that ends before its announced length is a cut.
pub(crate) fn broken(error: &reqwest::Error) -> Fault {
    let detail = redact(&chain_of(&WithoutAddress(error)));
    if (error.is_body() || error.is_decode()) && !error.is_timeout() {
        return Fault::Cut { detail };
    }
    Fault::Unreachable { detail }
}

/// A connection's error without the address, whose query might hold a token.
#[derive(Debug)]
struct WithoutAddress<'a>(&'a reqwest::Error);

impl std::fmt::Display for WithoutAddress<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.0 {
            error if error.is_timeout() => "timed out",
            error if error.is_connect() => "no connection",
            error if error.is_body() || error.is_decode() => "broken answer",
            _ => "broken connection",
        })
    }
}

impl std::error::Error for WithoutAddress<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.0)
    }
}

fn head_of(status: u16, headers: &HeaderMap) -> Head {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Head {
        status,
        date: text("date").and_then(http_date),
        retry_after: text("retry-after").map(str::to_owned),
        error_type: text("x-amzn-errortype").map(str::to_owned),
        etag: text("etag").map(str::to_owned),
        gzip: text("content-encoding").is_some_and(|encoding| encoding.contains("gzip")),
    }
}

/// The headers of a signature, version 4.
fn signature(
    call: &Call,
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let refused = |detail: String| {
        Fault::Final(Error::Configuration { field: "request to sign", detail: redact(&detail) })
    };
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    if service == "s3" {
        // S3 takes paths as they are, and wants the digest of the content in a header
        // (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now.into())
        .settings(settings)
        .build()
        .map_err(|error| refused(error.to_string()))?
        .into();
    let headers = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Bytes(&call.body);
    let request = SignableRequest::new(call.method.as_str(), &call.url, headers, body)
        .map_err(|error| refused(error.to_string()))?;
    let signed = sign(request, &parameters).map_err(|error| refused(error.to_string()))?;
    let (instructions, _) = signed.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
}
