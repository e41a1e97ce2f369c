//! From requests to answers: what is asked, by whom, and what a fault makes of the answer.

use std::io;
use std::net::TcpStream;

use facts::names::Region;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::fault::Fault;
use super::http::{Cut, Delivery, Request, Response, send_written};
use super::query::{Form, Item, answer, answer_of_json, error, matches_pattern};
use super::{Shared, credentials, pricing, signature};
use crate::World;

/// Types of one page.
const TYPES: usize = 100;

/// The name of what a request asks for.
pub(crate) fn operation(request: &Request) -> &'static str {
    match request.path.as_str() {
        "/advisor.json" => "Advisor",
        path if path.ends_with("/region_index.json") => "PriceListIndex",
        path if path.starts_with("/offers/") => "PriceList",
        path if path.starts_with("/pricing") => "GetProducts",
        path if path.starts_with("/ec2/") => match Form::read(&request.body).text("Action") {
            "DescribeSpotPriceHistory" => "DescribeSpotPriceHistory",
            "DescribeInstanceTypes" => "DescribeInstanceTypes",
            "DescribeAvailabilityZones" => "DescribeAvailabilityZones",
            _ => "Unknown",
        },
        // Keys are counted by answers that carry them.
        path if path.ends_with("/iam/security-credentials/fake-role") => "Credentials",
        "/credentials" | "/" => "Credentials",
        _ => "Unknown",
    }
}

/// How an answer is sent under a fault.
pub(crate) fn delivery(fault: Option<&Fault>) -> Delivery {
    match fault {
        Some(Fault::Truncated) => Delivery::Truncated,
        Some(Fault::BrokenChunks) => Delivery::BrokenChunks,
        Some(Fault::ResetHalfway) => Delivery::ResetHalfway,
        Some(Fault::Slow(pause)) => Delivery::Slow(*pause),
        _ => Delivery::Whole,
    }
}

impl Shared {
    /// The answer to a request, with its date.
    pub(crate) fn answer(
        &self,
        operation: &str,
        request: &Request,
        number: u64,
        fault: Option<&Fault>,
    ) -> Response {
        let json_service = operation == "GetProducts";
        let mut now = self.world.now;
        let mut response = match fault {
            Some(Fault::Status(status, code)) => refusal(json_service, *status, code, "on purpose"),
            Some(Fault::Throttle(after)) => {
                let code =
                    if json_service { "ThrottlingException" } else { "RequestLimitExceeded" };
                let status = if json_service { 400 } else { 503 };
                let response = refusal(json_service, status, code, "Request limit exceeded.");
                match after {
                    Some(seconds) => response.with("retry-after", seconds.to_string()),
                    None => response,
                }
            }
            Some(Fault::ExpiredCredentials) => {
                refusal(json_service, 400, "ExpiredToken", "The security token has expired")
            }
            Some(Fault::StaleToken) => {
                let code =
                    if json_service { "ExpiredNextTokenException" } else { "InvalidNextToken" };
                refusal(json_service, 400, code, "The token has expired")
            }
            Some(Fault::SkewedClock(seconds)) => {
                now = later(now, *seconds);
                refusal(json_service, 403, "RequestTimeTooSkewed", "The difference is too large")
            }
            Some(Fault::Html) => Response::new(
                200,
                "text/html",
                "<html><head><title>Sign in</title></head><body>to the network</body></html>",
            ),
            Some(Fault::WrongShape) if json_service || !operation.starts_with("Describe") => {
                Response::new(200, "application/json", r#"{"answer": 42}"#)
            }
            Some(Fault::WrongShape) => Response::new(200, "text/xml", "<Other><x>1</x></Other>"),
            _ => self.honest(operation, request, number, fault),
        };
        if matches!(fault, Some(Fault::HalfText)) {
            let half = response.body.len() / 2;
            response.body.truncate(half);
        }
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
        response.with("date", date.unwrap_or_default())
    }

    fn honest(
        &self,
        operation: &str,
        request: &Request,
        number: u64,
        fault: Option<&Fault>,
    ) -> Response {
        let world = &self.world;
        if let Some(keys) = credentials::answer(request, number, world.now) {
            return keys;
        }
        match operation {
            "Advisor" => {
                let (content, tag) = pricing::advisor(world, fault);
                if request.header("if-none-match") == tag {
                    return Response::new(304, "application/json", "").with("etag", tag);
                }
                Response::new(200, "application/json", content).with("etag", tag)
            }
            "PriceListIndex" => {
                Response::new(200, "application/json", pricing::index(world).to_string())
            }
            "GetProducts" => match self.permitted(request, "pricing", "us-east-1") {
                Err((status, code, message)) => refusal(true, status, code, &message),
                Ok(()) => match pricing::products(world, &request.body, fault) {
                    Err((code, message)) => refusal(true, 400, code, &message),
                    Ok(page) => Response::new(200, "application/x-amz-json-1.1", page.to_string()),
                },
            },
            name if name.starts_with("Describe") => {
                let region = request.path.trim_start_matches("/ec2/").trim_end_matches('/');
                match self.permitted(request, "ec2", region) {
                    Err((status, code, message)) => refusal(false, status, code, &message),
                    Ok(()) => match self.describe(name, region, request, fault) {
                        Err((code, message)) => refusal(false, 400, code, &message),
                        Ok(xml) => Response::new(200, "text/xml;charset=UTF-8", xml),
                    },
                }
            }
            _ => Response::new(404, "text/plain", "no such thing"),
        }
    }

    fn describe(
        &self,
        name: &str,
        region: &str,
        request: &Request,
        fault: Option<&Fault>,
    ) -> Result<String, (&'static str, String)> {
        let form = Form::read(&request.body);
        if form.text("Version") != "2016-11-15" {
            return Err(("NoSuchVersion", form.text("Version").to_owned()));
        }
        match name {
            "DescribeSpotPriceHistory" => self.queries.page(&self.world, region, &form, fault),
            "DescribeInstanceTypes" => instance_types(&self.world, &form),
            _ => Ok(zones(&self.world, region)),
        }
    }

    /// Whether the request is signed for this service and region, and for the present.
    fn permitted(
        &self,
        request: &Request,
        service: &str,
        region: &str,
    ) -> Result<(), (u16, &'static str, String)> {
        let signed = signature::check(request).map_err(|(code, message)| (403, code, message))?;
        if signed.service != service || signed.region != region {
            let message = format!("scoped to {} of {}", signed.service, signed.region);
            return Err((403, "SignatureDoesNotMatch", message));
        }
        let Some(tolerance) = self.world.clock_tolerance else { return Ok(()) };
        let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &signed.at)
            .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
            .map_err(|_| (403, "IncompleteSignature", signed.at.clone()))?;
        if at.timestamp().duration_since(self.world.now).abs() > tolerance {
            // EC2 calls it so.
            return Err((401, "AuthFailure", "not able to validate the credentials".to_owned()));
        }
        Ok(())
    }

    /// Sends an offer file while it is written; `None` when the fault wants another answer.
    pub(crate) fn offer(
        &self,
        request: &Request,
        stream: &mut TcpStream,
        fault: Option<&Fault>,
    ) -> Option<io::Result<bool>> {
        let region: Region = pricing::region_of(&request.path)?.parse().ok()?;
        let offer = self.world.offers.get(&region)?;
        let cut = matches!(fault, Some(Fault::Truncated | Fault::BrokenChunks | Fault::HalfText));
        if fault.is_some() && !cut {
            return None;
        }
        let zipped = self.world.gzip && request.header("accept-encoding").contains("gzip");
        let mut response = Response::new(200, "application/json", "");
        if zipped {
            response = response.with("content-encoding", "gzip");
        }
        let most = cut.then_some(if zipped { 5_000 } else { 100_000 });
        let framed = matches!(fault, Some(Fault::HalfText));
        Some(send_written(stream, &response, Cut { most, framed }, |target| {
            if !zipped {
                return offer.write(&region, target);
            }
            let mut encoder = GzEncoder::new(target, Compression::fast());
            offer.write(&region, &mut encoder)?;
            encoder.finish()?.flush()
        }))
    }
}

fn refusal(json_service: bool, status: u16, code: &str, message: &str) -> Response {
    if json_service {
        let body = json!({"__type": format!("com.amazonaws.pricing#{code}"), "message": message});
        return Response::new(status, "application/x-amz-json-1.1", body.to_string());
    }
    Response::new(status, "text/xml", error(code, message))
}

fn instance_types(world: &World, form: &Form) -> Result<String, (&'static str, String)> {
    let most = form.number("MaxResults").unwrap_or(TYPES);
    if !(5..=TYPES).contains(&most) {
        return Err(("InvalidParameterValue", format!("MaxResults {most} is not 5 to {TYPES}")));
    }
    let wanted = form.values("instance-type", "InstanceType");
    let found: Vec<_> = world
        .instance_types
        .iter()
        .filter(|entry| {
            let name = entry["InstanceType"].as_str().unwrap_or_default();
            wanted.is_empty() || wanted.iter().any(|pattern| matches_pattern(pattern, name))
        })
        .cloned()
        .collect();
    let start = form.number("NextToken").unwrap_or(0);
    let items = found.get(start..(start + most).min(found.len())).unwrap_or_default();
    let end = start + items.len();
    let next = (end < found.len()).then(|| end.to_string());
    Ok(answer_of_json("DescribeInstanceTypes", "instanceTypeSet", items, next.as_deref()))
}

fn zones(world: &World, region: &str) -> String {
    let items: Vec<Item> = world
        .zones
        .iter()
        .filter(|(zone, _)| zone.as_str().starts_with(region))
        .map(|(zone, id)| {
            vec![
                ("zoneName", zone.to_string()),
                ("zoneId", id.to_string()),
                ("zoneState", "available".to_owned()),
                ("zoneType", "availability-zone".to_owned()),
                ("regionName", region.to_owned()),
            ]
        })
        .collect();
    answer("DescribeAvailabilityZones", "availabilityZoneInfo", &items, None)
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}
