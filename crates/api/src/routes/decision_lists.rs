//! Decisions in lists and as they come, by the same filters.

use std::sync::Arc;

use app::App;
use app::access::{Caller, Pass};
use app::live::Watched;
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use store::{DecisionFilter, SaidOutcome};
use units::Usd;

use super::live::stream;
use crate::body::{self, LARGEST_PAGE};
use crate::list::Listing;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

const DECISIONS: Table = Table {
    name: "decisions",
    first: &["decision_id", "decision_type", "customer_id", "cluster_id", "executed_at"],
};

/// What was said last of what became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeQuery {
    None,
    Accepted,
    Dismissed,
    Applied,
    Failed,
    Measured,
}

/// A query of decisions: the filters that all have, and what is its own.
macro_rules! decision_query {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            /// Only of this customer; a tenant sees its own whatever this says.
            customer_id: Option<String>,
            /// Only of this cluster.
            cluster_id: Option<String>,
            /// Only of this engine, by name, such as `bin_packing`.
            engine_id: Option<String>,
            /// Only of this type, such as `bin_pack`.
            decision_type: Option<String>,
            /// Only of this request, by the caller's name for it.
            request_id: Option<String>,
            /// `true` for those that save something, `false` for all others.
            has_savings: Option<bool>,
            /// Only those that save at least so many dollars a month.
            min_savings: Option<Usd>,
            $($(#[$doc])* $field: $kind,)*
        }

        impl $name {
            fn filter(&self) -> DecisionFilter {
                DecisionFilter {
                    customer_id: self.customer_id.clone(),
                    cluster_id: self.cluster_id.clone(),
                    decision_type: self.decision_type.as_deref().map(|name| name.replace('-', "_")),
                    engine_name: self.engine_id.clone(),
                    request_id: self.request_id.clone(),
                    has_savings: self.has_savings,
                    least_savings: self.min_savings,
                    ..DecisionFilter::default()
                }
            }
        }
    };
}

decision_query! {
    /// Filters and paging.
    HistoryQuery {
        /// Only those made at or after this instant.
        from: Option<Timestamp>,
        /// Only those made before this instant.
        to: Option<Timestamp>,
        /// Only those of which this was said last; `none` where nothing was.
        outcome: Option<OutcomeQuery>,
        /// How many, 1 to 500; 50 when absent, and more than 500 is taken as 500.
        limit: Option<u64>,
        /// How many are passed over.
        offset: Option<u64>,
        /// `json`, `csv` or `jsonl`; by `Accept` when absent.
        format: Option<ListFormat>,
    }
}

decision_query! {
    /// Filters, and where the page begins.
    DecisionsQuery {
        /// Only those made at or after this instant.
        from: Option<Timestamp>,
        /// Only those made before this instant.
        to: Option<Timestamp>,
        /// Only those of which this was said last; `none` where nothing was.
        outcome: Option<OutcomeQuery>,
        /// How many, 1 to 500; 50 when absent, and more than 500 is taken as 500.
        limit: Option<u64>,
        /// Where the page begins, as `Link` of the page before says it; what is decided meanwhile does
        /// not move pages.
        cursor: Option<u64>,
        /// `json`, `csv` or `jsonl`; by `Accept` when absent.
        format: Option<ListFormat>,
    }
}

decision_query! {
    /// Filters, and where to take up.
    LiveDecisionsQuery {
        /// The sequence number of the last decision that was seen; without one the stream begins now.
        after: Option<u64>,
    }
}

impl OutcomeQuery {
    fn said(self) -> SaidOutcome {
        let word = match self {
            OutcomeQuery::None => return SaidOutcome::Nothing,
            OutcomeQuery::Accepted => "accepted",
            OutcomeQuery::Dismissed => "dismissed",
            OutcomeQuery::Applied => "applied",
            OutcomeQuery::Failed => "failed",
            OutcomeQuery::Measured => "measured",
        };
        SaidOutcome::This(word.to_owned())
    }
}

/// `GET /decisions/history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<HistoryQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let (limit, offset) =
        (query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE), query.offset.unwrap_or(0));
    let filter = DecisionFilter {
        from: query.from,
        until: query.to,
        outcome: query.outcome.map(OutcomeQuery::said),
        offset,
        limit,
        ..query.filter()
    };
    let (rows, total) = app.decisions(&filter, &caller).await?;
    listing.page(DECISIONS, query.format, (&rows, total), (limit, offset))
}

/// `GET /decisions`.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    listing: Listing,
    query: Result<Query<DecisionsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let limit = query.limit.unwrap_or(50).clamp(1, LARGEST_PAGE);
    let filter = DecisionFilter {
        from: query.from,
        until: query.to,
        outcome: query.outcome.map(OutcomeQuery::said),
        limit,
        ..query.filter()
    };
    let rows = app.listed_decisions(&filter, query.cursor, &caller).await?;
    let last = rows.last().map(|row| row.sequence);
    listing.behind(DECISIONS, query.format, &rows, (limit, last))
}

/// `GET /decisions/live` and `GET /decisions/stream`.
pub(crate) async fn live(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(pass): Extension<Pass>,
    query: Result<Query<LiveDecisionsQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    let watched = Watched::decisions(&query.filter(), &caller);
    stream(app, pass, watched, query.after, &headers, upgrade).await
}
