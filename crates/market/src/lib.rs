//! The market: what capacity costs, how often spot capacity is taken back, and what each instance
//! type is.
//!
//! Bytes of public AWS formats and an instant go in; an immutable, columnar [`Market`] comes out,
//! and from it a [`MarketSlice`] that shows one region as it was known at one instant.
//! This crate refuses to know where bytes came from: no files, no network, no clock, no database.
//! It ranks nothing and decides nothing.

mod advisor;
mod budget;
mod builder;
mod bundled;
mod candidates;
mod catalogue;
mod csv_table;
mod digest;
mod ec2_answers;
mod error;
mod features;
mod fields;
mod files;
mod gzip;
mod instance;
mod instance_page;
mod json_scalar;
mod kubelet;
mod lenient;
mod local_time;
mod market;
mod matrix;
mod on_demand;
mod price_list;
mod price_list_terms;
mod region_index;
mod regions;
mod renewed;
mod report;
mod series;
mod slice;
mod slice_build;
mod snapshot_file;
mod spot_csv;
mod spot_history;
mod spot_row;
mod statistics;
mod volume_limits;
mod xml;

pub use advisor::{AdvisorBucket, AdvisorFile, AdvisorRow, BucketError, parse_advisor};
pub use budget::{Limits, Origin};
pub use builder::MarketBuilder;
pub use bundled::{bundled, bundled_digest, bundled_files};
pub use candidates::InstanceFilter;
pub use catalogue::{CatalogueFile, parse_catalogue};
pub use ec2_answers::{ZoneRow, parse_spot_page, parse_zones};
pub use error::ImportError;
pub use features::{
    EVENT_FEATURES, EventFeatures, Feature, FeatureTable, MARKET_FEATURES, NO_EVENTS,
    PRICE_FEATURES, SPOT_FEATURES,
};
pub use files::{Format, MarketFile, detect, parse};
pub use gzip::{gunzip, is_gzip};
pub use instance::{Accelerator, Hypervisor, Instance};
pub use instance_page::parse_instance_page;
pub use local_time::{LocalTime, local_time};
pub use market::{
    AdvisorQuote, Dataset, Market, NoSpotPrice, OnDemandQuote, Provenance, SpotQuote,
};
pub use matrix::{parse_advisor_matrix, parse_on_demand_matrix};
pub use on_demand::{OnDemandFile, OnDemandRow, parse_on_demand};
pub use price_list::{parse_price_list, parse_products_page, read_price_list};
pub use region_index::{RegionIndex, parse_region_index};
pub use regions::{RegionFacts, regions};
pub use report::{ImportReport, Page, Quarantined};
pub use series::{Place, SeriesKey};
pub use slice::{
    LeftOut, MarketSlice, PoolTable, PoolView, PriceBasis, SliceRequest, TypeTable, UnknownReason,
};
pub use snapshot_file::SnapshotError;
pub use spot_csv::parse_spot_csv;
pub use spot_history::{SpotFile, SpotPoint, parse_spot_history};
pub use spot_row::{Product, ProductError, SpotRow, SpotRows, parse_spot_rows};
