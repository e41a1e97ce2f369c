//! Container images: what nodes hold, and what is known of how they were built.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container image.
///
/// What nodes report are its names and its size on their disks. A manifest and a configuration add
/// layers and history, and a listing of the layers' files what lies in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Image {
    /// All its names, by tag and by digest.
    pub names: Vec<String>,
    /// Bytes on the node's disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// How many of the nodes hold it.
    pub nodes: u64,
    /// Bytes that a pull of everything moves, and that a registry keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed_bytes: Option<i64>,
    /// Processor architecture, such as `amd64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// When it was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The user that its processes run as; empty means root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it was built by, oldest first; steps that add no layer included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<BuildStep>,
    /// What its files come to, where a listing of its layers was supplied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<ImageContents>,
}

/// One step of the build of an image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BuildStep {
    /// The command, as the build recorded it.
    pub command: String,
    /// Whether it added no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
    /// Digest of the layer; equal digests are one and the same layer wherever they occur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Compressed bytes of the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed_bytes: Option<i64>,
    /// Bytes of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<i64>,
}

/// What the files of an image come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ImageContents {
    /// Bytes of all files in all layers.
    pub file_bytes: i64,
    /// Bytes of files that a later layer writes again.
    pub overwritten_bytes: i64,
    /// Bytes of files that a later layer deletes.
    pub deleted_bytes: i64,
    /// For every path the smallest size it ever has, over the sum of all its sizes; 1 when no path
    /// occurs twice. A deletion is charged with what it hides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    /// The paths that waste most, most first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wasted: Vec<WastedPath>,
}

/// A path that occurs in several layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WastedPath {
    /// The path.
    pub path: String,
    /// In how many layers.
    pub layers: u64,
    /// Bytes beyond the one that counts.
    pub bytes: i64,
}
