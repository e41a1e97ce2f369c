//! Every route on one screen: the router and the API document are both made from this list.

pub(crate) mod backtests;
pub(crate) mod clusters;
pub(crate) mod costs;
pub(crate) mod coverage;
pub(crate) mod decision_lists;
pub(crate) mod decisions;
pub(crate) mod feedback;
pub(crate) mod fetch;
pub(crate) mod findings;
pub(crate) mod gaps;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod models;
pub(crate) mod notifications;
pub(crate) mod predictions;
pub(crate) mod pricing;
pub(crate) mod refresh;
pub(crate) mod system;
pub(crate) mod upload;

use std::sync::Arc;

use app::App;
use app::access::Right;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use schemars::SchemaGenerator;
use serde_json::Value;

use crate::body::{LogQuery, PageQuery};
use crate::document::{parameters_of, schema_of};
use crate::pages;
use crate::table::FormatQuery;
use app::access::{KeyItem, MadeKey, NewKey};
use app::backtests::{BacktestDetails, BacktestItem, BacktestRequest, BacktestStarted};
use app::clusters::{ClusterItem, SnapshotItem};
use app::feature_usage::FeatureUsage;
use app::fetch::LogLine;
use app::findings::{FindingChange, FindingItem};
use app::gaps::{Analysis, AnalyzeRequest, FillRequest, FillStarted, GapItem, GapStatus};
use app::history::ListedDecision;
use app::joint::{JointReport, JointRequestSchema};
use app::learning::calendar::{NewSeason, Season};
use app::learning::exposure::{ExposureAnswer, NewExposure};
use app::learning::interruption::{InterruptionItem, NewInterruption, ReportAnswer};
use app::learning::overriding::{NewOverride, OverriddenPool};
use app::learning::patterns::Patterns;
use app::learning::quality::QualityReport;
use app::learning::rebalance::{JobDone, JobFailed, RebalanceItem};
use app::learning::stats::{FeedbackWeight, LearningStats};
use app::learning::status::{LevelChangeItem, PoolStatus};
use app::meters::Metrics;
use app::models::activation::{ActivateRequest, Activated, ActivationItem, RollbackRequest};
use app::models::shadowing::Shadowed;
use app::models::upload::Deleted;
use app::models::{ModelItem, NewModel};
use app::notifications::{
    AlertItem, ChannelChange, ChannelItem, DeliveryDetails, DeliveryItem, EventItem, MadeChannel,
    NewChannel,
};
use app::outcomes::{NewOutcome, OutcomeItem};
use app::performance::{Noted, Outcomes, Performance};
use app::predict::PoolsRequest;
use app::refresh::{
    NewSchedule, RefreshItem, RefreshRequest, RefreshStarted, RefreshStatus, ScheduleItem,
};
use app::toggles::{ToggleChanges, ToggleItems};
use backtests::ReportQuery;
use costs::CostsQuery;
use decision_lists::{DecisionsQuery, LiveDecisionsQuery};
use engines::cost_allocation::CostReport;
use facts::cluster::ClusterState;
use feedback::{InterruptionQuery, JobQuery, LevelQuery, PoolQuery};
use findings::{FindingQuery, UsageQuery};
use keys::AuditItem;
use live::LiveQuery;
use models::{ModelDetails, ModelQuery, TypeQuery};
use notifications::{DeliveryQuery, EventQuery};
use predictions::{
    OneInterruption, PredictAnswer, PredictRequest, PredictionItem, PredictionQuery,
};
use refresh::RefreshQuery;
use render::Artefact;
use upload::Uploaded;

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
    /// What whoever calls must be allowed to do.
    pub right: Right,
    /// What it takes.
    pub takes: Takes,
    /// What it answers with.
    pub gives: Gives,
    /// Who answers.
    pub handler: fn() -> MethodRouter<Arc<App>>,
}

/// What a route takes.
#[derive(Clone, Copy, Debug)]
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
    /// A body of some type.
    Body(SchemaOf),
    /// A query of some type.
    Query(ParametersOf),
    /// A form with a model's file.
    Upload,
}

/// Writes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Value;

/// Writes the parameters that a query of some type has.
pub(crate) type ParametersOf = fn() -> Vec<Value>;

/// What a route answers with.
#[derive(Clone, Copy, Debug)]
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
    /// A file.
    File,
    /// Events without an end.
    Stream,
    /// One thing of some type.
    One(SchemaOf),
    /// Many of some type.
    Many(SchemaOf),
    /// One that was made, with its place in `Location`.
    Created(SchemaOf),
    /// Work that was begun, with the place of its progress in `Location`.
    Accepted(SchemaOf),
}

macro_rules! routes {
    ($($method:ident $path:literal $operation:literal $right:ident
        $takes:ident $(<$taken:ty>)? $gives:ident $(<$given:ty>)? $module:ident::$handler:ident, $summary:literal;)+) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            operation: $operation,
            summary: $summary,
            right: Right::$right,
            takes: routes!(@takes $takes $($taken)?),
            gives: routes!(@gives $gives $($given)?),
            handler: || $method($module::$handler),
        },)+]
    };
    (@takes Query $taken:ty) => { Takes::Query(parameters_of::<$taken>) };
    (@takes $takes:ident $taken:ty) => { Takes::$takes(schema_of::<$taken>) };
    (@takes $takes:ident) => { Takes::$takes };
    (@gives $gives:ident $given:ty) => { Gives::$gives(schema_of::<$given>) };
    (@gives $gives:ident) => { Gives::$gives };
}

/// Every route.
pub const ROUTES: &[Route] = routes! {
    post "/api/v1/ml/decision" "decide" Decide DecisionRequest Decision decisions::decide,
        "Decide; the body says what.";
    post "/api/v1/ml/decision/{decision}" "decideOne" Decide DecisionRequest Decision decisions::decide_one,
        "Decide what the path names, such as bin-pack or spot-optimize.";
    post "/api/v1/ml/decision/all" "decideAll" Decide Body<JointRequestSchema> One<JointReport> decisions::decide_all,
        "Ask every engine on one cluster, for one list whose savings add up.";
    get "/api/v1/ml/decisions/history" "listDecisions" LookAtOwn HistoryQuery History decision_lists::history,
        "Decisions, newest first.";
    get "/api/v1/ml/decisions" "findDecisions" LookAtOwn Query<DecisionsQuery> Many<ListedDecision> decision_lists::all,
        "Decisions by filters, those that were kept last first, with what became of them.";
    get "/api/v1/ml/decisions/live" "liveDecisions" LookAtOwn Query<LiveDecisionsQuery> Stream decision_lists::live,
        "Decisions as they are made: WebSocket, or server-sent events for a plain request.";
    get "/api/v1/ml/decisions/stream" "streamDecisions" LookAtOwn Query<LiveDecisionsQuery> Stream decision_lists::live,
        "The same frames.";
    get "/api/v1/ml/decisions/{id}" "getDecision" LookAtOwn DecisionId Decision decisions::get,
        "One decision, byte for byte as it was answered.";
    get "/api/v1/ml/decisions/{id}/rendered" "renderDecision" LookAtOwn DecisionId Many<Artefact> decisions::rendered,
        "A decision as manifests, patches and commands that a person can apply.";
    get "/api/v1/ml/decisions/{id}/bundle" "getBundle" LookAtOwn DecisionId Bundle decisions::bundle,
        "Everything that `cloudoptim replay` needs to make the decision again.";
    post "/api/v1/ml/decisions/{id}/outcome" "noteOutcome" Decide Body<NewOutcome> Created<OutcomeItem> findings::outcome,
        "Note what became of a decision, and what it saved; Idempotency-Key notes it once.";
    get "/api/v1/ml/findings" "listFindings" LookAtOwn Query<FindingQuery> Many<FindingItem> findings::all,
        "What scans found and what became of it, most savings first; as a file with `format`.";
    get "/api/v1/ml/findings/{finding_id}" "getFinding" LookAtOwn Nothing One<FindingItem> findings::one,
        "One finding.";
    patch "/api/v1/ml/findings/{finding_id}" "changeFinding" Decide Body<FindingChange> One<FindingItem> findings::change,
        "Accept, dismiss or reopen a finding.";
    get "/api/v1/ml/alerts" "listAlerts" LookAtOwn Query<FormatQuery> Many<AlertItem> notifications::alerts,
        "Conditions that stand, such as a stale snapshot or a model that drifts.";
    get "/api/v1/ml/notifications/channels" "listChannels" LookAtOperations Query<FormatQuery> Many<ChannelItem> notifications::all,
        "Where notices go.";
    post "/api/v1/ml/notifications/channels" "makeChannel" Administer Body<NewChannel> Created<MadeChannel> notifications::make,
        "Have notices sent to a webhook, Slack, Teams or by mail; the secret of a webhook is shown this once.";
    get "/api/v1/ml/notifications/channels/{channel}" "getChannel" LookAtOperations Nothing One<ChannelItem> notifications::one,
        "One channel, by its name or identifier.";
    patch "/api/v1/ml/notifications/channels/{channel}" "changeChannel" Administer Body<ChannelChange> One<ChannelItem> notifications::change,
        "Change a channel, or switch it off or on.";
    delete "/api/v1/ml/notifications/channels/{channel}" "removeChannel" Administer Nothing One<ChannelItem> notifications::remove,
        "Remove a channel; the log of what was sent stays.";
    post "/api/v1/ml/notifications/channels/{channel}/secret" "renewChannelSecret" Administer Nothing One<MadeChannel> notifications::renew_secret,
        "Draw a new secret for a webhook; the one before counts for another day.";
    post "/api/v1/ml/notifications/channels/{channel}/test" "testChannel" Operate Nothing One<DeliveryItem> notifications::test,
        "Send a test here and now, and say what came of it.";
    get "/api/v1/ml/notifications/deliveries" "listDeliveries" LookAtOperations Query<DeliveryQuery> Many<DeliveryItem> notifications::deliveries,
        "Messages and what became of them, newest first.";
    get "/api/v1/ml/notifications/deliveries/{delivery_id}" "getDelivery" LookAtOperations Nothing One<DeliveryDetails> notifications::delivery,
        "One message with what it says and every try.";
    post "/api/v1/ml/notifications/deliveries/{delivery_id}/replay" "replayDelivery" Operate Nothing Created<DeliveryItem> notifications::replay,
        "Send a message again, under its own name.";
    get "/api/v1/ml/notifications/events" "listEvents" LookAtOwn Query<EventQuery> Many<EventItem> notifications::events,
        "What happened that somebody might want to hear of, newest first.";
    get "/api/v1/ml/features/toggles" "getToggles" LookAtOwn Nothing One<ToggleItems> findings::toggles,
        "Which features are switched on, how often they scan, and their thresholds; with an ETag.";
    get "/api/v1/ml/features/usage" "getFeatureUsage" LookAtOwn Query<UsageQuery> Many<FeatureUsage> findings::usage,
        "How much each feature is used, and what becomes of what it finds.";
    put "/api/v1/ml/features/toggles" "setToggles" Operate Body<ToggleChanges> One<ToggleItems> findings::set_toggles,
        "Change features; what is absent stays, and If-Match refuses it where they were changed since.";
    post "/api/v1/ml/clusters/{cluster_id}/snapshots" "keepSnapshot" Decide Body<ClusterState> Created<SnapshotItem> clusters::keep,
        "Keep a snapshot of a cluster: scans look at the newest one, and all of them show what lasts.";
    get "/api/v1/ml/clusters" "listClusters" LookAtOwn Query<PageQuery> Many<ClusterItem> clusters::all,
        "Clusters of which snapshots are kept, with the age of the newest one.";
    get "/api/v1/ml/clusters/{cluster_id}/snapshots" "listSnapshots" LookAtOwn Query<PageQuery> Many<SnapshotItem> clusters::snapshots,
        "Snapshots of a cluster that are kept, the newest first.";
    get "/api/v1/ml/clusters/{cluster_id}/snapshots/{snapshot_id}" "getSnapshot" LookAtOwn Nothing One<ClusterState> clusters::snapshot,
        "A snapshot, byte for byte as it was sent.";
    get "/api/v1/ml/clusters/{cluster_id}/costs" "getClusterCosts" LookAtOwn Query<CostsQuery> One<CostReport> costs::costs,
        "What a cluster costs now by namespace, label, workload or pool; rows as a file with `format`.";
    post "/api/v1/ml/feedback/interruption" "reportInterruption" Decide Body<NewInterruption> One<ReportAnswer> feedback::report,
        "Report an interruption, a list of them, or an event of EventBridge as it came; each counts once.";
    get "/api/v1/ml/feedback/interruptions" "listInterruptions" LookAtOwn Query<InterruptionQuery> Many<InterruptionItem> feedback::interruptions,
        "Reported interruptions, the newest first.";
    post "/api/v1/ml/feedback/exposure" "reportExposure" Decide Body<NewExposure> One<ExposureAnswer> feedback::expose,
        "Report how many instances were at risk from when to when, one stretch or a list.";
    get "/api/v1/ml/feedback/patterns/{instance_type}" "getPatterns" LookAtOwn Nothing One<Patterns> feedback::patterns,
        "Whether interruptions of a type follow hours, weekdays, workloads or the operator's calendar.";
    get "/api/v1/ml/feedback/stats" "getLearningStats" LookAtOwn Nothing One<LearningStats> feedback::stats,
        "What was learned altogether, and how far it is to each milestone.";
    get "/api/v1/ml/feedback/weight" "getFeedbackWeight" LookAtOwn Nothing One<FeedbackWeight> feedback::weight,
        "How much reported history counts.";
    get "/api/v1/ml/feedback/quality" "getLearningQuality" LookAtOperations Nothing One<QualityReport> feedback::quality,
        "How good learned risks were beside the advisor's class: reliability, Brier, log loss and lift, over time and by part.";
    get "/api/v1/ml/feedback/pool-status" "getPoolStatus" LookAtOwn Query<PoolQuery> One<PoolStatus> feedback::pool_status,
        "The level and the risk of a pool now.";
    put "/api/v1/ml/feedback/pool-status/override" "overridePoolStatus" Operate Body<NewOverride> One<PoolStatus> feedback::set_override,
        "Say the level of a pool until an instant, whatever reports say.";
    delete "/api/v1/ml/feedback/pool-status/override" "endPoolStatusOverride" Operate Query<OverriddenPool> One<PoolStatus> feedback::end_override,
        "Let reports say the level of a pool again.";
    get "/api/v1/ml/feedback/levels" "listPoolLevels" LookAtOwn Query<LevelQuery> Many<LevelChangeItem> feedback::levels,
        "Changes of the levels of pools and what each stood on, the newest first.";
    get "/api/v1/ml/feedback/calendar" "listSeasons" LookAtOwn Query<FormatQuery> Many<Season> feedback::calendar,
        "Seasons that an operator knows of.";
    post "/api/v1/ml/feedback/calendar" "addSeason" Operate Body<NewSeason> Created<Season> feedback::add_season,
        "Have hazards multiplied while a season lasts.";
    delete "/api/v1/ml/feedback/calendar/{entry_id}" "removeSeason" Operate Nothing One<Season> feedback::remove_season,
        "Take a season out of the calendar.";
    get "/api/v1/ml/rebalance/jobs" "listRebalanceJobs" LookAtOwn Query<JobQuery> Many<RebalanceItem> feedback::jobs,
        "Jobs to move capacity out of pools that are losing it, those that wait first.";
    post "/api/v1/ml/rebalance/jobs/{job_id}/claim" "claimRebalanceJob" Decide Nothing One<RebalanceItem> feedback::claim,
        "Claim a job for a while; the same claimer again holds it longer.";
    post "/api/v1/ml/rebalance/jobs/{job_id}/complete" "completeRebalanceJob" Decide Body<JobDone> One<RebalanceItem> feedback::complete,
        "Say that the capacity of a job was moved.";
    post "/api/v1/ml/rebalance/jobs/{job_id}/fail" "failRebalanceJob" Decide Body<JobFailed> One<RebalanceItem> feedback::fail,
        "Say that a job could not be done, and why.";
    post "/api/v1/ml/backtests" "startBacktest" Decide Body<BacktestRequest> Accepted<BacktestStarted> backtests::start,
        "Compare ways of buying capacity over past prices and interruptions, in the background.";
    get "/api/v1/ml/backtests" "listBacktests" LookAtOwn Query<PageQuery> Many<BacktestItem> backtests::all,
        "Back-tests, the newest first.";
    get "/api/v1/ml/backtests/{backtest_id}" "getBacktest" LookAtOwn Query<ReportQuery> One<BacktestDetails> backtests::one,
        "How far a back-test got, and its report; as a page with `format` or `Accept`.";
    get "/api/v1/ml/pricing/spot" "listSpotPrices" LookAtOwn SpotPriceQuery SpotPrices pricing::spot,
        "Spot prices of one type in one region, the oldest first.";
    get "/api/v1/ml/pricing/on-demand" "listOnDemandPrices" LookAtOwn PriceListQuery OnDemandPrices pricing::on_demand,
        "On-Demand prices, with the date from which each is known.";
    get "/api/v1/ml/pricing/spot-advisor" "listAdvice" LookAtOwn PriceListQuery Advice pricing::advisor,
        "What the Spot Advisor said last of each pool.";
    get "/api/v1/ml/pricing/stats" "priceStats" LookAtOwn Nothing PriceStats pricing::stats,
        "How many prices there are and what they cover; exact.";
    get "/api/v1/ml/pricing/coverage" "priceCoverage" LookAtOwn CoverageQuery Coverage coverage::coverage,
        "Which types and regions have spot prices, from when to when, and how many a day.";
    post "/api/v1/ml/pricing/fetch" "startFetch" Operate FetchRequest FetchStarted fetch::start,
        "Fetch prices from AWS in the background; Idempotency-Key gives the same job again.";
    get "/api/v1/ml/pricing/fetch" "listFetches" LookAtOperations FetchQuery Fetches fetch::list,
        "Jobs that fetch prices, the newest first.";
    get "/api/v1/ml/pricing/fetch/{task_id}" "getFetch" LookAtOperations TaskId FetchStatus fetch::status,
        "How far a job got, and when it will be through.";
    get "/api/v1/ml/pricing/fetch/{task_id}/log" "getFetchLog" LookAtOperations TaskLog Log fetch::log,
        "What a job says, while it runs and after.";
    post "/api/v1/ml/pricing/fetch/{task_id}/cancel" "cancelFetch" Operate TaskId FetchStatus fetch::cancel,
        "Call a job off; what it has kept stays.";
    post "/api/v1/ml/models" "recordModel" Operate Body<NewModel> Created<ModelItem> models::record,
        "Record a model by name, type, version and training date; its file is no part of that.";
    post "/api/v1/ml/models/upload" "uploadModel" Operate Upload Created<Uploaded> upload::upload,
        "Take in a model's file, or a zip or tar of it with what was saved beside it; nothing in it is run.";
    get "/api/v1/ml/models/list" "listModels" LookAtOperations Query<ModelQuery> Many<ModelItem> models::all,
        "Models, the newest first.";
    post "/api/v1/ml/models/activate" "activateModel" Operate Body<ActivateRequest> One<Activated> models::activate,
        "Have a model answer for its type, in the place of the one that does.";
    post "/api/v1/ml/models/{model_id}/shadow" "beginShadow" Operate Nothing One<Shadowed> models::begin_shadow,
        "Ask a model what the active one of its type is asked, behind the answers.";
    delete "/api/v1/ml/models/{model_id}/shadow" "endShadow" Operate Nothing One<Shadowed> models::end_shadow,
        "Ask a model no longer behind the answers.";
    post "/api/v1/ml/models/rollback" "rollBackModel" Operate Body<RollbackRequest> One<Activated> models::roll_back,
        "Go back to the model that answered before.";
    get "/api/v1/ml/models/activations" "listActivations" LookAtOperations Query<TypeQuery> Many<ActivationItem> models::activations,
        "Which model answered for a type since when.";
    get "/api/v1/ml/models/{model_id}" "getModel" LookAtOperations Nothing One<ModelItem> models::one,
        "One model.";
    delete "/api/v1/ml/models/{model_id}" "deleteModel" Operate Nothing One<Deleted> models::delete,
        "Delete a model that does not answer, with its file.";
    get "/api/v1/ml/models/{model_id}/details" "getModelDetails" LookAtOperations Nothing One<ModelDetails> models::details,
        "One model with how good it is and how much it is used.";
    get "/api/v1/ml/models/{model_id}/performance" "getPerformance" LookAtOperations Nothing One<Performance> models::performance,
        "How good a model is, as far as that was measured; `baseline` names what answers without one.";
    get "/api/v1/ml/models/{model_id}/download" "downloadModel" LookAtOperations Nothing File models::download,
        "The file of a model, as it was uploaded.";
    post "/api/v1/ml/predict/spot-interruption" "predictSpotInterruption" Decide Body<PoolsRequest<'static>> One<OneInterruption<'static>> predictions::spot_interruption,
        "How likely capacity of a pool is taken back; of many pools with `pools`.";
    post "/api/v1/ml/predict" "predict" Decide Body<PredictRequest<'static>> One<PredictAnswer<'static>> predictions::predict,
        "What the active model of a type says of pools, or of rows of features.";
    get "/api/v1/ml/predictions/history" "listPredictions" LookAtOwn Query<PredictionQuery> Many<PredictionItem> predictions::history,
        "Predictions, the newest first.";
    post "/api/v1/ml/predictions/outcomes" "noteOutcomes" Operate Body<Outcomes> One<Noted> predictions::outcomes,
        "Note what became of predictions.";
    get "/api/v1/ml/predictions/live" "livePredictions" LookAtOwn Query<LiveQuery> Stream live::live,
        "Predictions as they come: WebSocket, or server-sent events for a plain request.";
    get "/api/v1/ml/stream" "stream" LookAtOwn Query<LiveQuery> Stream live::live,
        "The same frames.";
    post "/api/v1/ml/gap-filler/analyze" "analyzeGaps" LookAtOperations Body<AnalyzeRequest> One<Analysis> gaps::analyze,
        "What is missing of the prices that a model needs, pool by pool; fetches nothing.";
    post "/api/v1/ml/gap-filler/fill" "fillGaps" Operate Body<FillRequest> Accepted<FillStarted> gaps::fill,
        "Fill gaps from AWS in the background; Idempotency-Key gives the same fill again.";
    get "/api/v1/ml/gap-filler/status/{gap_id}" "getGap" LookAtOperations Nothing One<GapStatus> gaps::status,
        "How far a fill got, when it will be through, and what became of the gap.";
    get "/api/v1/ml/gap-filler/history" "listGaps" LookAtOperations Query<PageQuery> Many<GapItem> gaps::history,
        "Fills, the newest first.";
    get "/api/v1/ml/gap-filler/log/{gap_id}" "getGapLog" LookAtOperations Query<LogQuery> Many<LogLine> gaps::log,
        "What a fill says, while it runs and after.";
    post "/api/v1/ml/gap-filler/cancel/{gap_id}" "cancelGap" Operate Nothing One<GapStatus> gaps::cancel,
        "Call a fill off; what it has kept stays.";
    post "/api/v1/ml/refresh/trigger" "triggerRefresh" Operate Body<RefreshRequest> Accepted<RefreshStarted> refresh::trigger,
        "Fetch fresh prices for a model in the background; its weights never change here.";
    get "/api/v1/ml/refresh/status/{refresh_id}" "getRefresh" LookAtOperations Nothing One<RefreshStatus> refresh::status,
        "How far a refresh got, when it will be through, and what it brought.";
    get "/api/v1/ml/refresh/history" "listRefreshes" LookAtOperations Query<RefreshQuery> Many<RefreshItem> refresh::history,
        "Refreshes, the newest first.";
    get "/api/v1/ml/refresh/log/{refresh_id}" "getRefreshLog" LookAtOperations Query<LogQuery> Many<LogLine> refresh::log,
        "What a refresh says, while it runs and after.";
    post "/api/v1/ml/refresh/cancel/{refresh_id}" "cancelRefresh" Operate Nothing One<RefreshStatus> refresh::cancel,
        "Call a refresh off; what it has kept stays.";
    post "/api/v1/ml/refresh/schedule" "scheduleRefresh" Operate Body<NewSchedule> Created<ScheduleItem> refresh::schedule,
        "Have refreshes come by themselves; one name stands for one schedule.";
    get "/api/v1/ml/schedules" "listSchedules" LookAtOperations Query<FormatQuery> Many<ScheduleItem> refresh::schedules,
        "Everything that comes by itself, by name.";
    get "/api/v1/ml/schedules/{schedule_id}" "getSchedule" LookAtOperations Nothing One<ScheduleItem> refresh::one_schedule,
        "One schedule.";
    post "/api/v1/ml/schedules/{schedule_id}/enable" "enableSchedule" Operate Nothing One<ScheduleItem> refresh::enable,
        "Switch a schedule on; what it missed does not count.";
    post "/api/v1/ml/schedules/{schedule_id}/disable" "disableSchedule" Operate Nothing One<ScheduleItem> refresh::disable,
        "Switch a schedule off.";
    delete "/api/v1/ml/schedules/{schedule_id}" "removeSchedule" Operate Nothing One<ScheduleItem> refresh::remove,
        "Remove a schedule; what it has begun goes on.";
    post "/api/v1/ml/keys" "makeKey" Administer Body<NewKey> Created<MadeKey> keys::make,
        "Make an access key; its text is in this answer and nowhere else.";
    get "/api/v1/ml/keys" "listKeys" Administer Query<FormatQuery> Many<KeyItem> keys::all,
        "Access keys without their secrets, the newest first.";
    delete "/api/v1/ml/keys/{key_id}" "revokeKey" Administer Nothing One<KeyItem> keys::revoke,
        "Make a key worth nothing.";
    get "/api/v1/ml/audit" "audit" Administer Query<PageQuery> Many<AuditItem> keys::audit,
        "What was changed by whom and what was refused, the newest first.";
    get "/api/v1/ml/health" "health" Anybody Nothing Health system::health,
        "The state of the server and of what it depends on.";
    get "/api/v1/ml/metrics" "metrics" LookAtOperations Nothing One<Metrics> system::metrics,
        "What the server did in the last minute, and what it holds.";
    get "/livez" "livez" Anybody Nothing Text system::livez,
        "Whether the process runs; looks at nothing else.";
    get "/readyz" "readyz" Anybody Nothing Text system::readyz,
        "Whether requests can be answered.";
    get "/api/v1/openapi.json" "openapi" LookAtOwn Nothing OpenApi system::openapi,
        "This document.";
    get "/api" "apiPage" Anybody Nothing Page pages::api,
        "The API to browse and try.";
    get "/" "homePage" Anybody Nothing Page pages::home,
        "Recent decisions.";
};
