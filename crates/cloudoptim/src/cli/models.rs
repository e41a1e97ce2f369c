//! The command line of models, and where their files lie.

use std::path::{Path, PathBuf};

use app::models::ModelType;
use app::models::folder::ModelFolder;
use aws::{Aws, AwsConfig, Bucket, Keys};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use clock::Clock;
use jiff::civil::Date;

use super::{Format, Kept, PartOfList};
use crate::exit::Failure;

/// Where files of models lie.
#[derive(Debug, Args)]
pub(crate) struct ModelFiles {
    /// The folder of model files; `models` below the data folder when absent.
    #[arg(long, env = "MODEL_UPLOAD_DIR", value_name = "DIR")]
    pub(crate) model_dir: Option<PathBuf>,
    /// The most mebibytes of one file.
    #[arg(
        long,
        env = "MAX_MODEL_FILE_SIZE_MB",
        value_name = "MIB",
        default_value_t = 500,
        value_parser = clap::value_parser!(u64).range(1..=500)
    )]
    pub(crate) max_model_file_size_mb: u64,
    /// A bucket in which all servers keep files of models, as `s3://bucket/prefix`; the folder then
    /// holds copies. S3, or anything that speaks its language.
    #[arg(long, env = "MODEL_STORE_URL", value_name = "URL")]
    pub(crate) model_store_url: Option<String>,
    /// Where the bucket is, in the place of AWS's own address.
    #[arg(long, env = "AWS_ENDPOINT_URL_S3", value_name = "URL")]
    pub(crate) model_store_endpoint: Option<String>,
    /// The region that requests to the bucket are signed for.
    #[arg(long, env = "AWS_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub(crate) model_store_region: String,
}

impl ModelFiles {
    /// The folder, beside the data unless it was named.
    pub(crate) fn folder(&self, data: &Path) -> Result<ModelFolder, Failure> {
        let place = self.model_dir.clone().unwrap_or_else(|| data.join("models"));
        let folder = ModelFolder::new(&place, self.max_model_file_size_mb << 20);
        let Some(address) = &self.model_store_url else { return Ok(folder) };
        let failed = |error: aws::Error| Failure::Serve(error.to_string());
        let config = AwsConfig { keys: Keys::Chain { profile: None }, ..AwsConfig::default() };
        let aws = Aws::new(config, Clock::system()).map_err(failed)?;
        let endpoint = self.model_store_endpoint.as_deref();
        let bucket = Bucket::new(aws, address, endpoint, &self.model_store_region);
        Ok(folder.with_bucket(bucket.map_err(failed)?))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Look at a file: format, features, answers, and what it could be used for. Nothing in it is run,
    /// and neither a server nor a database is needed.
    Inspect {
        /// XGBoost (JSON, UBJ), LightGBM, ONNX, pickle, joblib; or a bundle as folder, zip or tar.
        file: PathBuf,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        output: Format,
    },
    /// Predict the rows of a table with a file and compare with what is expected, such as what Python
    /// said; ends with 10 where they differ.
    Verify(ToVerify),
    /// Take a file in, as the server does.
    Upload(ToUpload),
    /// List models, the newest first.
    List {
        /// Only those that answer for their type.
        #[arg(long)]
        active: bool,
        /// Only versions of this name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        part: PartOfList,
        #[command(flatten)]
        kept: Kept,
    },
    /// Make a model the one that answers for its type. Servers on the same database follow in a second.
    Activate(OneModel),
    /// Go back to the model that answered before the active one.
    Rollback {
        /// The type.
        #[arg(value_parser = model_type())]
        model_type: ModelType,
        #[command(flatten)]
        files: ModelFiles,
        #[command(flatten)]
        kept: Kept,
    },
    /// Have a model asked what the active one of its type is asked, answering nobody; or end that.
    Shadow {
        /// End it.
        #[arg(long)]
        end: bool,
        #[command(flatten)]
        of: OneModel,
    },
    /// Delete a model that does not answer, with its file.
    Delete(OneModel),
    /// Write the file of a model, as it was uploaded.
    Download {
        /// The model: its identifier, or `NAME@VERSION`.
        model: String,
        /// Where to; `-` is standard output.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        files: ModelFiles,
        #[command(flatten)]
        kept: Kept,
    },
    /// Predict: rows of a table with a file, or pools with what is active in the database.
    Predict(ToPredict),
}

/// One model of the database.
#[derive(Debug, Args)]
pub(crate) struct OneModel {
    /// The model: its identifier, or `NAME@VERSION`.
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) files: ModelFiles,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct ToVerify {
    /// The model or bundle.
    pub(crate) file: PathBuf,
    /// A CSV of rows: columns are found by the names of the features where the model has names, else by
    /// position. An empty cell is a missing number.
    #[arg(long, value_name = "CSV")]
    pub(crate) rows: PathBuf,
    /// The columns of the rows that hold the answers, or another CSV with as many rows; one column for
    /// each number of an answer.
    #[arg(long, value_name = "COLUMN|CSV", default_value = "expected", value_delimiter = ',')]
    pub(crate) expected: Vec<String>,
    /// How far an answer may be off: absolutely below 1, relatively above.
    #[arg(long, default_value_t = 1e-6)]
    pub(crate) tolerance: f64,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ToUpload {
    /// The model; or a bundle as zip, tar or folder, which is packed.
    pub(crate) file: PathBuf,
    /// What people call it.
    #[arg(long)]
    pub(crate) name: String,
    /// Which version of it; a name has each version once.
    #[arg(long)]
    pub(crate) version: String,
    /// What it predicts.
    #[arg(long = "type", value_parser = model_type())]
    pub(crate) model_type: ModelType,
    /// The last day of the data it was trained on.
    #[arg(long, value_name = "DATE")]
    pub(crate) trained_until: Date,
    /// What its maker says about it: a JSON or YAML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
    /// Let it answer for its type from now on.
    #[arg(long)]
    pub(crate) activate: bool,
    #[command(flatten)]
    pub(crate) files: ModelFiles,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

#[derive(Debug, Args)]
pub(crate) struct ToPredict {
    /// A model or bundle that is in no database.
    #[arg(long, requires = "rows", conflicts_with_all = ["instance_type", "region", "az"])]
    pub(crate) file: Option<PathBuf>,
    /// A CSV of rows for it.
    #[arg(long, value_name = "CSV", requires = "file")]
    pub(crate) rows: Option<PathBuf>,
    /// An instance type; several for several pools.
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    pub(crate) instance_type: Vec<String>,
    /// The region.
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    pub(crate) region: Option<String>,
    /// A zone; several for several pools, none for the region as a whole.
    #[arg(long, value_name = "NAME")]
    pub(crate) az: Vec<String>,
    /// What to predict: interruptions, or prices.
    #[arg(long = "type", value_parser = of_pools(), default_value = "spot_predictor")]
    pub(crate) model_type: ModelType,
    #[command(flatten)]
    pub(crate) files: ModelFiles,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

fn model_type() -> impl TypedValueParser<Value = ModelType> {
    named(ModelType::ALL.to_vec())
}

/// The types whose features the server knows.
fn of_pools() -> impl TypedValueParser<Value = ModelType> {
    named(vec![ModelType::SpotPredictor, ModelType::PricePredictor])
}

fn named(kinds: Vec<ModelType>) -> impl TypedValueParser<Value = ModelType> {
    let names: Vec<&'static str> = kinds.into_iter().map(ModelType::name).collect();
    PossibleValuesParser::new(names)
        .map(|name| ModelType::from_name(&name).unwrap_or(ModelType::SpotPredictor))
}
