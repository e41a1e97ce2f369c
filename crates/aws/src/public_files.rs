//! The public files, which need no credentials: the Spot Advisor and the bulk price list.
//!
//! An offer file of one region has hundreds of megabytes. It flows from the network through a
//! short queue into the parser; nowhere is more of it than the queue holds.

use std::io::{self, Read};

use facts::names::Region;
use flate2::read::MultiGzDecoder;
use market::{
    AdvisorFile, ImportError, Limits, OnDemandFile, RegionIndex, parse_advisor, parse_region_index,
    read_price_list,
};
use tokio::sync::mpsc;

use crate::request::{Call, unreadable};
use crate::verdict::Fault;
use crate::{Aws, Error};

/// Pieces of a bulk file that wait for the parser.
const QUEUE: usize = 8;

/// Bytes of a bulk file that an error may show.
const HEAD: usize = 400;

/// What became of asking for a file that one may have already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched<T> {
    /// It is the version that was named.
    Unchanged,
    /// Another version.
    New {
        /// What it says.
        content: T,
        /// What to name next time: an entity tag, or the path of a price list file. `None` where
        /// the server gave none.
        version: Option<String>,
    },
}

impl Aws {
    /// The Spot Advisor file, unless it still has the version that was fetched before.
    ///
    /// # Errors
    /// Every [`Error`] of a public file; [`Error::WrongBody`] when it holds not one believable row,
    /// so that whoever has an older one keeps it.
    pub async fn advisor(&self, known: Option<&str>) -> Result<Fetched<AdvisorFile>, Error> {
        let mut call = Call::get("spot advisor", self.requester.config.advisor_url.clone());
        call.headers.extend(known.map(|tag| ("if-none-match", tag.to_owned())));
        let limits = Limits { bytes: self.requester.config.answer_bytes, ..Limits::default() };
        self.requester
            .ask(&call, |answer| {
                if answer.head.status == 304 {
                    return Ok(Fetched::Unchanged);
                }
                let content = parse_advisor(&answer.body, &answer.origin, &limits)?;
                if content.rows.is_empty() {
                    return Err(ImportError::UnknownFormat {
                        starts_with: "an advisor without rows".to_owned(),
                    });
                }
                Ok(Fetched::New { content, version: answer.head.etag.clone() })
            })
            .await
    }

    /// Which regions the bulk price list has, and where their files lie now.
    ///
    /// # Errors
    /// Every [`Error`] of a public file.
    pub async fn price_list_regions(&self) -> Result<RegionIndex, Error> {
        let path = "/offers/v1.0/aws/AmazonEC2/current/region_index.json";
        let call = Call::get("price list index", self.at_price_list(path));
        let limits = self.page_limits();
        self.requester.ask(&call, |answer| parse_region_index(&answer.body, &limits)).await
    }

    /// The ordinary On-Demand prices of a region from its bulk file, unless that still has the
    /// version that was fetched before.
    ///
    /// # Errors
    /// Every [`Error`] of a public file; [`Error::NoSuchRegion`] when the index lacks the region.
    pub async fn price_list(
        &self,
        index: &RegionIndex,
        region: &Region,
        known: Option<&str>,
    ) -> Result<Fetched<OnDemandFile>, Error> {
        let Some(path) = index.paths.get(region) else {
            return Err(Error::NoSuchRegion { region: region.to_string() });
        };
        if known == Some(path.as_str()) {
            return Ok(Fetched::Unchanged);
        }
        let mut call = Call::get("price list", self.at_price_list(path));
        call.headers.push(("accept-encoding", "gzip".to_owned()));
        let content = self.requester.try_often(&call, || self.stream(&call)).await?;
        Ok(Fetched::New { content, version: Some(path.clone()) })
    }

    /// One attempt at a bulk file, within its time.
    async fn stream(&self, call: &Call) -> Result<OnDemandFile, Fault> {
        let most = self.requester.config.bulk_timeout;
        tokio::time::timeout(most, self.flow(call)).await.unwrap_or_else(|_| {
            Err(Fault::Unreachable { detail: format!("not complete within {most:?}") })
        })
    }

    async fn flow(&self, call: &Call) -> Result<OnDemandFile, Fault> {
        let (head, mut response) = self.requester.open(call).await?;
        let origin = self.requester.origin(call);
        let limits = Limits { bytes: self.requester.config.bulk_bytes, ..Limits::default() };
        let (sender, receiver) = mpsc::channel(QUEUE);
        let parser = tokio::task::spawn_blocking(move || {
            let pieces = Pieces { receiver, piece: None, read: 0 };
            let bytes: Box<dyn Read> =
                if head.gzip { Box::new(MultiGzDecoder::new(pieces)) } else { Box::new(pieces) };
            read_price_list(bytes, &origin, &limits)
        });
        let mut start = Vec::new();
        let mut fault = None;
        loop {
            match self.requester.piece(&mut response).await {
                Ok(Some(piece)) => {
                    if start.len() < HEAD {
                        let bytes = piece.as_ref();
                        start.extend_from_slice(bytes.get(..HEAD).unwrap_or(bytes));
                    }
                    // The parser hangs up when it has found the file to be wrong.
                    if sender.send(piece).await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(broken) => {
                    fault = Some(broken);
                    break;
                }
            }
        }
        drop(sender);
        let operation = call.operation;
        let parsed = parser.await.unwrap_or_else(|error| {
            Err(ImportError::Read(format!("the parser did not finish: {error}")))
        });
        match (fault, parsed) {
            (Some(fault), _) => Err(fault),
            (None, Ok(file)) => Ok(file),
            // Compressed bytes that stop early are reported by the decompressor.
            (None, Err(ImportError::Read(detail))) if head.gzip => Err(Fault::Cut { detail }),
            (None, Err(error)) => Err(unreadable(operation, &error, &start)),
        }
    }

    fn at_price_list(&self, path: &str) -> String {
        format!("{}{path}", self.requester.config.price_list_url.trim_end_matches('/'))
    }
}

/// Pieces from a queue as one stream of bytes, for a parser that waits in a thread of its own.
struct Pieces<B> {
    receiver: mpsc::Receiver<B>,
    piece: Option<B>,
    read: usize,
}

impl<B: AsRef<[u8]>> Read for Pieces<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = self.piece.as_ref().and_then(|piece| piece.as_ref().get(self.read..));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                let count = rest.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest) {
                    *to = *from;
                }
                self.read += count;
                return Ok(count);
            }
            match self.receiver.blocking_recv() {
                Some(piece) => (self.piece, self.read) = (Some(piece), 0),
                None => return Ok(0),
            }
        }
    }
}
