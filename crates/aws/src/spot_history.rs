//! Spot price history: `DescribeSpotPriceHistory`, one page at a time.
//!
//! AWS keeps 90 days, answers newest first, repeats an unchanged price about once a day, and adds
//! for each pool the row that was in force when the window starts.

use facts::names::{Region, Zone};
use jiff::Timestamp;
use market::{Product, SpotRow, parse_spot_page};
use serde::{Deserialize, Serialize};

use crate::ec2::Form;
use crate::{Aws, Cursor, Error, Page};

const OPERATION: &str = "DescribeSpotPriceHistory";

/// AWS answers no older prices. A gap further back is permanent.
pub const SPOT_HISTORY_DAYS: i64 = 90;

/// Which spot prices are wanted. Empty lists mean all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotQuery {
    /// The region.
    pub region: Region,
    /// Names of instance types, or patterns such as `m5.*`; 200 at most.
    pub instance_types: Vec<String>,
    /// The products.
    pub products: Vec<Product>,
    /// The zones.
    pub zones: Vec<Zone>,
}

/// Where a page of spot prices starts: the window and the place in it. Everything that a job must
/// keep beside its query to go on after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpotCursor {
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub until: Timestamp,
    /// The page within the window.
    pub page: Cursor,
}

impl SpotCursor {
    /// The first page of a window. It stays fixed while pages are read, as AWS's tokens demand.
    #[must_use]
    pub fn start(from: Timestamp, until: Timestamp) -> SpotCursor {
        SpotCursor { from, until, page: Cursor::first() }
    }

    /// The same window from its first page on, for when its token is no longer valid. The rows are
    /// the same, so that storing them again changes nothing.
    #[must_use]
    pub fn restarted(&self) -> SpotCursor {
        SpotCursor::start(self.from, self.until)
    }
}

impl Aws {
    /// One page of spot prices. Rows before the window's start are the prices in force at it.
    ///
    /// # Errors
    /// Every [`Error`] of a signed request; [`Error::StaleCursor`] when the window must be started
    /// again, [`Error::Configuration`] for a query that AWS would not take.
    pub async fn spot_prices(
        &self,
        query: &SpotQuery,
        cursor: &SpotCursor,
    ) -> Result<Page<SpotRow, SpotCursor>, Error> {
        if cursor.from >= cursor.until {
            let detail = format!("{} is not before {}", cursor.from, cursor.until);
            return Err(Error::Configuration { field: "window", detail });
        }
        let mut form = Form::new(OPERATION);
        form.set("StartTime", &whole_seconds(cursor.from));
        form.set("EndTime", &whole_seconds(cursor.until));
        form.filter("instance-type", patterns(&query.instance_types)?)?;
        let products = query.products.iter().map(|product| product.description());
        form.filter("product-description", products)?;
        form.filter("availability-zone", query.zones.iter().map(Zone::as_str))?;
        form.page(&cursor.page, self.requester.config.page_rows);
        let call = form.call(&self.requester, &query.region);
        let limits = self.page_limits();
        let page = self
            .requester
            .ask(&call, |answer| {
                parse_spot_page(&answer.body, &query.region, &answer.origin, &limits)
            })
            .await?;
        let next = cursor.page.next(OPERATION, page.next_token, self.requester.config.pages)?;
        Ok(Page {
            rows: page.rows,
            report: page.report,
            next: next.map(|page| SpotCursor { page, ..cursor.clone() }),
        })
    }
}

/// Patterns of instance types, each made of nothing but letters that names have.
pub(crate) fn patterns(texts: &[String]) -> Result<impl Iterator<Item = &str>, Error> {
    let fits = |text: &&String| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'.' | b'-' | b'*' | b'?')
            })
    };
    if let Some(odd) = texts.iter().find(|text| !fits(text)) {
        let shown: String = odd.chars().take(60).collect();
        let detail = format!("`{shown}` is neither an instance type nor a pattern such as m5.*");
        return Err(Error::Configuration { field: "instance_types", detail });
    }
    Ok(texts.iter().map(String::as_str))
}

fn whole_seconds(instant: Timestamp) -> String {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant).to_string()
}
