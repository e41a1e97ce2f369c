//! Traffic as people have it: VPC flow logs, and tables of pods and bytes.
//!
//! Both are lines under a line of names, in any order of columns. A VPC flow log has a connection
//! twice, once at each of its interfaces: of the two sums the larger counts.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::io::BufRead;

use facts::cluster::{Flow, FlowEnd, Traffic};
use jiff::Timestamp;

/// Traffic that was read so far.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    sums: BTreeMap<(FlowEnd, FlowEnd, Option<String>), BTreeMap<String, u64>>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Whether anything was supplied, be it empty.
    pub(crate) supplied: bool,
}

/// What became of a file.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) used: u64,
    /// Rejected connections and lines without data.
    pub(crate) passed_over: u64,
    pub(crate) unreadable: u64,
}

/// Whether a line names the columns of a kind of traffic that is understood.
pub(crate) fn is_header(line: &str) -> bool {
    let names = columns(line);
    let has = |name: &str| names.iter().any(|one| one == name);
    (has("srcaddr") && has("dstaddr") && has("bytes"))
        || ((has("source_pod") || has("source_address"))
            && (has("destination_pod") || has("destination_address"))
            && has("bytes"))
}

fn separator(line: &str) -> char {
    if line.contains(',') { ',' } else { ' ' }
}

fn columns(line: &str) -> Vec<String> {
    let names = line.trim().split(separator(line)).filter(|name| !name.is_empty());
    names.map(|name| name.trim().trim_matches('"').replace('-', "_").to_ascii_lowercase()).collect()
}

impl Flows {
    /// Reads a file whose first line names its columns.
    pub(crate) fn read(&mut self, reader: impl BufRead) -> std::io::Result<Lines> {
        self.supplied = true;
        let mut lines = reader.lines();
        let Some(header) = lines.next().transpose()? else { return Ok(Lines::default()) };
        let (names, mark) = (columns(&header), separator(&header));
        let mut done = Lines::default();
        for line in lines {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let fields: Vec<&str> = if mark == ',' {
                line.split(',').map(|field| field.trim().trim_matches('"')).collect()
            } else {
                line.split_whitespace().collect()
            };
            let field = |name: &str| {
                let place = names.iter().position(|one| one == name)?;
                fields.get(place).copied().filter(|text| !text.is_empty() && *text != "-")
            };
            let refused = field("action").is_some_and(|action| action != "ACCEPT")
                || field("log_status").is_some_and(|status| status != "OK");
            if refused {
                done.passed_over += 1;
                continue;
            }
            match self.line(&field) {
                Some(()) => done.used += 1,
                None => done.unreadable += 1,
            }
        }
        Ok(done)
    }

    fn line<'a>(&mut self, field: &impl Fn(&str) -> Option<&'a str>) -> Option<()> {
        let bytes: u64 = field("bytes")?.parse().ok()?;
        let (source, destination) =
            (end(field, "source", "src")?, end(field, "destination", "dst")?);
        let through = field("service").map(str::to_owned);
        for (name, latest) in [("start", false), ("end", true), ("from", false), ("until", true)] {
            let Some(at) = field(name).and_then(instant) else { continue };
            let slot = if latest { &mut self.until } else { &mut self.from };
            *slot =
                Some(slot.map_or(at, |known| if latest { known.max(at) } else { known.min(at) }));
        }
        let observer = field("interface_id").unwrap_or("").to_owned();
        let sums = self.sums.entry((source, destination, through)).or_default();
        let sum = sums.entry(observer).or_default();
        *sum = sum.saturating_add(bytes);
        Some(())
    }

    /// All of it.
    pub(crate) fn finish(self) -> Traffic {
        let flows = self.sums.into_iter().map(|((source, destination, through), sums)| Flow {
            source,
            destination,
            bytes: sums.into_values().max().unwrap_or(0),
            through,
        });
        Traffic { from: self.from, until: self.until, flows: flows.collect() }
    }
}

/// One end of a connection, by the columns of either form.
fn end<'a>(field: &impl Fn(&str) -> Option<&'a str>, long: &str, short: &str) -> Option<FlowEnd> {
    let named = |name: &str| field(&format!("{long}_{name}")).map(str::to_owned);
    // The packet's own address tells more than that of a gateway that it passes.
    let address = named("address")
        .or_else(|| field(&format!("pkt_{short}addr")).map(str::to_owned))
        .or_else(|| field(&format!("{short}addr")).map(str::to_owned));
    let service = field(&format!("pkt_{short}_aws_service")).map(str::to_owned);
    let internet = match (&service, address.as_deref().and_then(|text| text.parse().ok())) {
        (Some(_), _) => Some(false),
        (None, Some(address)) => Some(!is_private(address)),
        (None, None) => None,
    };
    let one = FlowEnd {
        namespace: named("namespace"),
        pod: named("pod"),
        address,
        cloud_service: service.filter(|name| name != "EC2"),
        internet: internet.filter(|outside| *outside),
        zone: named("zone"),
    };
    (one.pod.is_some() || one.address.is_some()).then_some(one)
}

/// Addresses that never stand for the internet: of private networks (RFC 1918, RFC 6598), of the
/// link, of the host.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let shared = four.octets()[0] == 100 && (64..128).contains(&four.octets()[1]);
            four.is_private() || four.is_loopback() || four.is_link_local() || shared
        }
        IpAddr::V6(six) => {
            six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local()
        }
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 1 eni-a 10.0.0.1 10.0.1.1 1 2 6 1 1000 1785542400 1785542460 ACCEPT OK
2 1 eni-b 10.0.0.1 10.0.1.1 1 2 6 1 900 1785542400 1785542460 ACCEPT OK
2 1 eni-a 10.0.0.1 8.8.8.8 1 2 6 1 50 1785542460 1785542520 ACCEPT OK
2 1 eni-a 10.0.0.1 8.8.8.8 1 2 6 1 70 1785542460 1785542520 REJECT OK
2 1 eni-a - - - - - - - - 1785542460 1785542520 - NODATA
2 1 eni-a 10.0.0.1 nonsense
";

    #[test]
    fn a_connection_counts_once_whatever_its_interfaces_say() {
        let mut flows = Flows::default();
        assert!(is_header(LOG.lines().next().unwrap()));
        let lines = flows.read(LOG.as_bytes()).unwrap();
        assert_eq!((lines.used, lines.passed_over, lines.unreadable), (3, 2, 1));
        let traffic = flows.finish();
        let bytes: Vec<(u64, Option<bool>)> =
            traffic.flows.iter().map(|flow| (flow.bytes, flow.destination.internet)).collect();
        assert_eq!(bytes, [(1000, None), (50, Some(true))]);
        assert_eq!(traffic.from.unwrap().as_second(), 1_785_542_400);
        assert_eq!(traffic.until.unwrap().as_second(), 1_785_542_520);
    }

    #[test]
    fn tables_of_pods_are_read() {
        let table = "source_namespace,source_pod,destination_namespace,destination_pod,bytes,service,from,until\nshop,a,shop,b,12,shop/b,2026-08-01T00:00:00Z,2026-08-02T00:00:00Z\n";
        let mut flows = Flows::default();
        assert_eq!(flows.read(table.as_bytes()).unwrap().used, 1);
        let traffic = flows.finish();
        assert_eq!(traffic.flows[0].source.pod.as_deref(), Some("a"));
        assert_eq!(traffic.flows[0].through.as_deref(), Some("shop/b"));
        assert!(!is_header("kind: Pod"));
    }
}
