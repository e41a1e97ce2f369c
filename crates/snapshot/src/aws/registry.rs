//! Answers of `aws ecr describe-repositories` and `describe-images`.

use facts::cluster::{Repository, StoredImage};
use jiff::Timestamp;
use serde::Deserialize;

use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RepositoryAnswer {
    repository_name: String,
    repository_arn: Option<String>,
    repository_uri: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    created_at: Option<Timestamp>,
}

impl RepositoryAnswer {
    pub(crate) fn into_fact(self) -> Repository {
        Repository {
            name: self.repository_name,
            arn: self.repository_arn,
            uri: self.repository_uri,
            created_at: self.created_at,
            images: Vec::new(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ImageAnswer {
    repository_name: String,
    image_digest: String,
    #[serde(deserialize_with = "lenient::or_default")]
    image_tags: Vec<String>,
    image_size_in_bytes: Option<i64>,
    #[serde(deserialize_with = "lenient::time")]
    image_pushed_at: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    last_recorded_pull_time: Option<Timestamp>,
}

impl ImageAnswer {
    /// A repository with this image alone; repositories of one name are put together later.
    pub(crate) fn into_fact(self) -> Repository {
        let image = StoredImage {
            digest: self.image_digest,
            tags: self.image_tags,
            size_bytes: self.image_size_in_bytes.unwrap_or(0),
            pushed_at: self.image_pushed_at,
            last_pulled_at: self.last_recorded_pull_time,
        };
        Repository { name: self.repository_name, images: vec![image], ..Repository::default() }
    }
}
