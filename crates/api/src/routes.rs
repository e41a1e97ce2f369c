//! Every route on one screen: the router and the API document are both made from this list.

pub(crate) mod coverage;
pub(crate) mod decisions;
pub(crate) mod fetch;
pub(crate) mod pricing;
pub(crate) mod system;

use std::sync::Arc;

use app::App;
use axum::routing::{MethodRouter, get, post};

use crate::pages;

/// A route.
pub struct Route {
    /// Its method, in lower case.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// A stable name for generated clients.
    pub operation: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it answers with.
    pub gives: Gives,
    /// Who answers.
    pub handler: fn() -> MethodRouter<Arc<App>>,
}

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A decision request.
    DecisionRequest,
    /// The name of a decision in the path.
    DecisionId,
    /// Filters and paging in the query.
    HistoryQuery,
    /// Which spot prices, in the query.
    SpotPriceQuery,
    /// Which list prices or advice, in the query.
    PriceListQuery,
    /// Which part of the coverage, in the query.
    CoverageQuery,
    /// Which prices are to be fetched.
    FetchRequest,
    /// Paging of jobs in the query.
    FetchQuery,
    /// The name of a job in the path.
    TaskId,
    /// The name of a job in the path, and which lines of its log in the query.
    TaskLog,
}

/// What a route answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A decision of any engine, or of the engine that the route names.
    Decision,
    /// A list of decisions.
    History,
    /// A replay bundle.
    Bundle,
    /// Spot prices.
    SpotPrices,
    /// List prices.
    OnDemandPrices,
    /// The Spot Advisor's word.
    Advice,
    /// How many prices there are.
    PriceStats,
    /// What the spot prices cover.
    Coverage,
    /// A job that was made, with status 202 and its place in `Location`.
    FetchStarted,
    /// How far a job got.
    FetchStatus,
    /// Jobs.
    Fetches,
    /// Lines of a log.
    Log,
    /// The state of the server.
    Health,
    /// A short text.
    Text,
    /// The API document.
    OpenApi,
    /// A page.
    Page,
}

macro_rules! routes {
    ($($method:ident $path:literal $operation:literal $takes:ident $gives:ident $handler:expr, $summary:literal;)+) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            operation: $operation,
            summary: $summary,
            takes: Takes::$takes,
            gives: Gives::$gives,
            handler: || $method($handler),
        },)+]
    };
}

/// Every route.
pub const ROUTES: &[Route] = routes! {
    post "/api/v1/ml/decision" "decide" DecisionRequest Decision decisions::decide,
        "Decide; the body says what.";
    post "/api/v1/ml/decision/{decision}" "decideOne" DecisionRequest Decision decisions::decide_one,
        "Decide what the path names, such as bin-pack or spot-optimize.";
    get "/api/v1/ml/decisions/history" "listDecisions" HistoryQuery History decisions::history,
        "Decisions, newest first.";
    get "/api/v1/ml/decisions/{id}" "getDecision" DecisionId Decision decisions::get,
        "One decision, byte for byte as it was answered.";
    get "/api/v1/ml/decisions/{id}/bundle" "getBundle" DecisionId Bundle decisions::bundle,
        "Everything that `cloudoptim replay` needs to make the decision again.";
    get "/api/v1/ml/pricing/spot" "listSpotPrices" SpotPriceQuery SpotPrices pricing::spot,
        "Spot prices of one type in one region, the oldest first.";
    get "/api/v1/ml/pricing/on-demand" "listOnDemandPrices" PriceListQuery OnDemandPrices pricing::on_demand,
        "On-Demand prices, with the date from which each is known.";
    get "/api/v1/ml/pricing/spot-advisor" "listAdvice" PriceListQuery Advice pricing::advisor,
        "What the Spot Advisor said last of each pool.";
    get "/api/v1/ml/pricing/stats" "priceStats" Nothing PriceStats pricing::stats,
        "How many prices there are and what they cover; exact.";
    get "/api/v1/ml/pricing/coverage" "priceCoverage" CoverageQuery Coverage coverage::coverage,
        "Which types and regions have spot prices, from when to when, and how many a day.";
    post "/api/v1/ml/pricing/fetch" "startFetch" FetchRequest FetchStarted fetch::start,
        "Fetch prices from AWS in the background; Idempotency-Key gives the same job again.";
    get "/api/v1/ml/pricing/fetch" "listFetches" FetchQuery Fetches fetch::list,
        "Jobs that fetch prices, the newest first.";
    get "/api/v1/ml/pricing/fetch/{task_id}" "getFetch" TaskId FetchStatus fetch::status,
        "How far a job got, and when it will be through.";
    get "/api/v1/ml/pricing/fetch/{task_id}/log" "getFetchLog" TaskLog Log fetch::log,
        "What a job says, while it runs and after.";
    post "/api/v1/ml/pricing/fetch/{task_id}/cancel" "cancelFetch" TaskId FetchStatus fetch::cancel,
        "Call a job off; what it has kept stays.";
    get "/api/v1/ml/health" "health" Nothing Health system::health,
        "The state of the server and of what it depends on.";
    get "/livez" "livez" Nothing Text system::livez,
        "Whether the process runs; looks at nothing else.";
    get "/readyz" "readyz" Nothing Text system::readyz,
        "Whether requests can be answered.";
    get "/api/v1/openapi.json" "openapi" Nothing OpenApi system::openapi,
        "This document.";
    get "/api" "apiPage" Nothing Page pages::api,
        "The API to browse and try.";
    get "/" "homePage" Nothing Page pages::home,
        "Recent decisions.";
};
