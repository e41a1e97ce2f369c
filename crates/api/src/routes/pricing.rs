//! Prices as they are kept.

use std::sync::Arc;

use app::App;
use app::fetch::day_or_instant;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{AdvisorPoint, ListFilter, OnDemandPoint, PriceFilter};
use units::UsdPerHour;

use crate::body;
use crate::list::Listing;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const SPOT: Table = Table {
    name: "spot-prices",
    first: &["instance_type", "az", "region", "product_description", "spot_price", "timestamp"],
};

const ON_DEMAND: Table = Table {
    name: "on-demand-prices",
    first: &[
        "instance_type",
        "region",
        "operating_system",
        "tenancy",
        "hourly_price",
        "effective_date",
        "source",
    ],
};

const ADVICE: Table = Table {
    name: "spot-advisor",
    first: &[
        "instance_type",
        "region",
        "operating_system",
        "interruption_rate",
        "savings_over_od",
        "last_updated",
    ],
};

/// The most rows of one answer.
const MOST_ROWS: u64 = 100_000;

type Asked<Q> = Result<Query<Q>, QueryRejection>;

fn asked<Q>(query: Asked<Q>) -> Result<Q, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| body::wrong_query(&rejection))
}

/// Which spot prices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpotPriceQuery {
    /// Such as `m5.large`.
    instance_type: String,
    /// Such as `us-east-1`.
    region: String,
    /// One zone, by name.
    az: Option<String>,
    /// One product, such as `Linux/UNIX`.
    product_description: Option<String>,
    /// From this day (`YYYY-MM-DD`, UTC) or instant (RFC 3339) on; 30 days before the end when absent.
    start_date: Option<String>,
    /// Up to before this day or instant; now when absent.
    end_date: Option<String>,
    /// The prices in force at this instant, one a zone and product, in the place of a range.
    as_of: Option<Timestamp>,
    /// How many rows, 1 to 100,000; 1,000 when absent.
    limit: Option<u64>,
    /// Thin the answer to about so many rows; of each stretch the lowest and the highest price stay.
    max_points: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// Which list prices or advice.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceListQuery {
    /// One type.
    instance_type: Option<String>,
    /// One region.
    region: Option<String>,
    /// `Linux` or `Windows`.
    operating_system: Option<String>,
    /// How many rows, 1 to 100,000; 1,000 when absent.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    format: Option<ListFormat>,
}

/// A spot price: from the instant on, the price is this.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpotPriceItem {
    instance_type: String,
    az: String,
    region: String,
    product_description: String,
    /// Dollars per hour.
    spot_price: UsdPerHour,
    timestamp: Timestamp,
}

/// A list price.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OnDemandItem {
    instance_type: String,
    region: String,
    operating_system: String,
    tenancy: String,
    /// Dollars per hour.
    hourly_price: UsdPerHour,
    /// From when it is known.
    effective_date: Timestamp,
    /// Where it was found.
    source: String,
}

/// The Spot Advisor's newest word on a pool.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AdvisorItem {
    instance_type: String,
    region: String,
    operating_system: String,
    /// `<5%`, `5-10%`, `10-15%`, `15-20%` or `>20%` in the trailing month.
    interruption_rate: &'static str,
    /// Percent over On-Demand; negative where spot is dearer; `null` when not said.
    savings_over_od: Option<i32>,
    /// When it was last heard to have changed.
    last_updated: Timestamp,
}

/// `GET /pricing/spot`.
pub(crate) async fn spot(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Asked<SpotPriceQuery>,
) -> Result<Response, Problem> {
    let query = asked(query)?;
    let format = listing.format(query.format);
    let make = async || SPOT.written(format, &spot_items(&app, &query).await?);
    // A range that ends with the present is a new question each time.
    let body = if query.as_of.is_some() || query.end_date.is_some() {
        app.remembered("spot_prices", &format!("{format:?} {query:?}"), make).await?
    } else {
        make().await?
    };
    Ok(SPOT.answered(format, body))
}

async fn spot_items(app: &App, query: &SpotPriceQuery) -> Result<Vec<SpotPriceItem>, Problem> {
    let rows = match query.as_of {
        Some(at) => app.spot_prices_at(&query.instance_type, &query.region, at).await?,
        None => {
            let until = match &query.end_date {
                Some(text) => instant("end_date", text)?,
                None => app.clock().now(),
            };
            let from = match &query.start_date {
                Some(text) => instant("start_date", text)?,
                None => until - jiff::SignedDuration::from_hours(30 * 24),
            };
            if from > until {
                let detail = "start_date lies after end_date".to_owned();
                return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
            }
            let most = query.limit.unwrap_or(1000).clamp(1, MOST_ROWS);
            let filter = PriceFilter {
                instance_type: query.instance_type.clone(),
                region: query.region.clone(),
                zone: query.az.clone(),
                product: query.product_description.clone(),
                from,
                until,
                // What is thinned is thinned from everything.
                limit: if query.max_points.is_some() { 1_000_000 } else { most },
            };
            app.spot_prices(&filter, query.max_points).await?
        }
    };
    let items = rows.into_iter().map(|row| SpotPriceItem {
        instance_type: query.instance_type.clone(),
        az: row.zone,
        region: query.region.clone(),
        product_description: row.product,
        spot_price: row.price,
        timestamp: row.observed_at,
    });
    Ok(items.collect())
}

/// `GET /pricing/on-demand`.
pub(crate) async fn on_demand(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Asked<PriceListQuery>,
) -> Result<Response, Problem> {
    let query = asked(query)?;
    let format = listing.format(query.format);
    let question = format!("counted {format:?} {query:?}");
    let body = app.remembered("on_demand_prices", &question, async || {
        let rows = app.on_demand_prices(&query.filter()).await?;
        let items = on_demand_items(rows);
        Ok::<_, Problem>(with_count(items.len(), ON_DEMAND.written(format, &items)?))
    });
    let (count, body) = counted(body.await?);
    let mut response = ON_DEMAND.answered(format, body);
    let filter = query.filter();
    listing.follow(&mut response, count, (filter.limit, filter.offset));
    Ok(response)
}

fn on_demand_items(rows: Vec<OnDemandPoint>) -> Vec<OnDemandItem> {
    let items = rows.into_iter().map(|row| OnDemandItem {
        instance_type: row.instance_type,
        region: row.region,
        operating_system: row.operating_system,
        tenancy: row.tenancy,
        hourly_price: row.price,
        effective_date: row.effective_at,
        source: row.source,
    });
    items.collect()
}

/// `GET /pricing/spot-advisor`.
pub(crate) async fn advisor(
    State(app): State<Arc<App>>,
    listing: Listing,
    query: Asked<PriceListQuery>,
) -> Result<Response, Problem> {
    let query = asked(query)?;
    let format = listing.format(query.format);
    let question = format!("counted {format:?} {query:?}");
    let body = app.remembered("spot_advisor", &question, async || {
        let rows = app.advice(&query.filter()).await?;
        let items = advisor_items(rows);
        Ok::<_, Problem>(with_count(items.len(), ADVICE.written(format, &items)?))
    });
    let (count, body) = counted(body.await?);
    let mut response = ADVICE.answered(format, body);
    let filter = query.filter();
    listing.follow(&mut response, count, (filter.limit, filter.offset));
    Ok(response)
}

fn advisor_items(rows: Vec<AdvisorPoint>) -> Vec<AdvisorItem> {
    let items = rows.into_iter().map(|row| AdvisorItem {
        instance_type: row.instance_type,
        region: row.region,
        operating_system: row.operating_system,
        interruption_rate: match row.bucket {
            0 => "<5%",
            1 => "5-10%",
            2 => "10-15%",
            3 => "15-20%",
            _ => ">20%",
        },
        savings_over_od: row.savings_percent,
        last_updated: row.observed_at,
    });
    items.collect()
}

/// `GET /pricing/stats`.
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stats = app.price_stats().await?;
    let body = serde_json::to_vec(&stats).unwrap_or_default();
    let tag = format!("\"{}\"", &blake3::hash(&body).to_hex()[..32]);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

impl PriceListQuery {
    fn filter(&self) -> ListFilter {
        ListFilter {
            instance_type: self.instance_type.clone(),
            region: self.region.clone(),
            operating_system: self.operating_system.clone(),
            offset: self.offset.unwrap_or(0),
            limit: self.limit.unwrap_or(1000).clamp(1, MOST_ROWS),
        }
    }
}

/// A day or an instant.
pub(crate) fn instant(name: &str, text: &str) -> Result<Timestamp, Problem> {
    day_or_instant(text).ok_or_else(|| {
        let detail = format!(
            "{name}: `{text}` is neither a day such as 2025-11-28 nor an instant such as \
             2025-11-28T00:00:00Z"
        );
        Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    })
}

/// Rows that were written, with their number behind them, as they are remembered.
fn with_count(count: usize, mut body: Vec<u8>) -> Vec<u8> {
    body.extend(count.to_le_bytes());
    body
}

fn counted(mut body: Vec<u8>) -> (usize, Vec<u8>) {
    let count = body.split_off(body.len().saturating_sub(size_of::<usize>()));
    (count.try_into().map_or(0, usize::from_le_bytes), body)
}
