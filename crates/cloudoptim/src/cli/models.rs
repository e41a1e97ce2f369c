//! Where files of models lie, and how large one may be.

use std::path::{Path, PathBuf};

use app::models::folder::ModelFolder;
use clap::Args;

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
}

impl ModelFiles {
    /// The folder, beside the data unless it was named.
    pub(crate) fn folder(&self, data: &Path) -> ModelFolder {
        let place = self.model_dir.clone().unwrap_or_else(|| data.join("models"));
        ModelFolder::new(&place, self.max_model_file_size_mb << 20)
    }
}
