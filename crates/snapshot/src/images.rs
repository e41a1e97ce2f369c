//! Images from manifests, configurations, histories, `docker inspect`, and listings of files.
//!
//! Documents of one folder are of one image; a document on its own is one by itself.

use std::collections::BTreeMap;
use std::io::BufRead;

use facts::cluster::{BuildStep, Image, ImageContents, WastedPath};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::lenient;

/// Images that documents were read of, by the folder that the documents lie in.
#[derive(Debug, Default)]
pub(crate) struct Images {
    drafts: BTreeMap<String, Draft>,
}

#[derive(Debug, Default)]
struct Draft {
    image: Image,
    /// Layers as a manifest lists them: digest and compressed bytes.
    layers: Vec<(String, Option<i64>)>,
    /// Sizes of every path, by path, in the order of the layers.
    files: BTreeMap<String, Vec<(u64, i64)>>,
    /// Whether the history came newest first.
    newest_first: bool,
}

/// Paths that waste most and are named.
const MOST_WASTED: usize = 20;

/// Whether a line names the columns of a listing of files.
pub(crate) fn is_listing(line: &str) -> bool {
    let mut names = line.trim().split(',');
    names.next() == Some("layer") && names.next() == Some("path") && line.contains("size_bytes")
}

impl Images {
    fn draft(&mut self, input: &str) -> &mut Draft {
        let folder = input.rsplit_once('/').map_or(input, |(folder, _)| folder);
        self.drafts.entry(folder.to_owned()).or_default()
    }

    /// Reads an object without a `kind`; `None` for one that is no document about an image.
    pub(crate) fn object(
        &mut self,
        input: &str,
        text: &str,
    ) -> Option<Result<&'static str, String>> {
        let value: Value = serde_json::from_str(text).ok()?;
        let has = |name: &str| value.get(name).is_some();
        if has("schemaVersion") && value["layers"].is_array() {
            return Some(self.manifest(input, &value));
        }
        if has("history") && value["history"].is_array() {
            return Some(parsed(&value).map(|config| self.config(input, config)));
        }
        if has("RepoTags") && (has("Layers") || has("Id")) {
            return Some(self.inspected(input, &value));
        }
        if has("CreatedBy") && has("Size") {
            return Some(self.history_line(input, &value));
        }
        if value["layer"].is_array() && value["image"].is_object() {
            return Some(parsed(&value).map(|dive| self.dive(input, dive)));
        }
        None
    }

    fn manifest(&mut self, input: &str, value: &Value) -> Result<&'static str, String> {
        let layers = value["layers"].as_array().into_iter().flatten();
        self.draft(input).layers = layers
            .map(|layer| {
                (layer["digest"].as_str().unwrap_or("").to_owned(), layer["size"].as_i64())
            })
            .collect();
        Ok("ImageManifest")
    }

    fn config(&mut self, input: &str, config: ConfigDocument) -> &'static str {
        let draft = self.draft(input);
        draft.image.history = config.history.into_iter().map(HistoryEntry::into_step).collect();
        draft.image.architecture = config.architecture.or_else(|| {
            config.platform.as_deref().and_then(|text| text.rsplit('/').next()).map(str::to_owned)
        });
        draft.image.created_at = config.created;
        draft.image.user = config.config.and_then(|inner| inner.user);
        draft.image.compressed_bytes = config.compressed_total_bytes;
        draft.image.names.extend(config.reference);
        "ImageConfiguration"
    }

    fn inspected(&mut self, input: &str, value: &Value) -> Result<&'static str, String> {
        let draft = self.draft(input);
        let tags = value["RepoTags"].as_array().into_iter().flatten();
        draft.image.names.extend(tags.filter_map(Value::as_str).map(str::to_owned));
        if let Some(size) = value["Size"].as_i64() {
            draft.image.size_bytes = Some(size);
        }
        if let Some(user) = value["Config"]["User"].as_str() {
            draft.image.user = Some(user.to_owned());
        }
        Ok("ImageNames")
    }

    fn history_line(&mut self, input: &str, value: &Value) -> Result<&'static str, String> {
        let bytes = value["Size"].as_i64().or_else(|| value["Size"].as_str().and_then(human_size));
        let draft = self.draft(input);
        draft.newest_first = true;
        draft.image.history.push(BuildStep {
            command: value["CreatedBy"].as_str().unwrap_or("").to_owned(),
            empty: bytes == Some(0),
            digest: None,
            compressed_bytes: None,
            file_bytes: bytes,
        });
        Ok("ImageHistory")
    }

    fn dive(&mut self, input: &str, dive: DiveDocument) -> &'static str {
        let wasted = dive.image.file_reference.into_iter().map(|one| WastedPath {
            path: one.file,
            layers: one.count,
            bytes: one.size_bytes,
        });
        let mut wasted: Vec<WastedPath> = wasted.collect();
        wasted.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        wasted.truncate(MOST_WASTED);
        let draft = self.draft(input);
        draft.image.contents = Some(ImageContents {
            file_bytes: dive.image.size_bytes,
            overwritten_bytes: dive.image.inefficient_bytes,
            deleted_bytes: 0,
            efficiency: Some(dive.image.efficiency_score),
            wasted,
        });
        "ImageContents"
    }

    /// Reads a listing of the files of every layer: a table with `layer`, `path`, `type` and
    /// `size_bytes`; a path named `.wh.x` deletes `x` (the layer format of OCI images).
    pub(crate) fn listing(&mut self, input: &str, reader: impl BufRead) -> std::io::Result<u64> {
        let mut lines = reader.lines();
        let header = lines.next().transpose()?.unwrap_or_default();
        let place = |name: &str| header.trim().split(',').position(|one| one == name);
        let (Some(layer), Some(path), Some(size)) =
            (place("layer"), place("path"), place("size_bytes"))
        else {
            return Ok(0);
        };
        let kind = place("type");
        let draft = self.draft(input);
        let mut used = 0;
        for line in lines {
            let line = line?;
            let fields: Vec<&str> = line.trim_end().split(',').collect();
            let field = |at: usize| fields.get(at).copied().unwrap_or("");
            let is_file = kind.is_none_or(|at| field(at) == "file" || field(at).is_empty());
            let (Ok(layer), Ok(bytes)) = (field(layer).parse::<u64>(), field(size).parse::<i64>())
            else {
                continue;
            };
            let path = field(path);
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let deleted = name.strip_prefix(".wh.");
            if !is_file && deleted.is_none() {
                continue;
            }
            used += 1;
            let (path, bytes) = match deleted {
                Some(name) if folder.is_empty() => (name.to_owned(), 0),
                Some(name) => (format!("{folder}/{name}"), 0),
                None => (path.to_owned(), bytes),
            };
            draft.files.entry(path).or_default().push((layer, bytes));
        }
        Ok(used)
    }

    /// The images, those without any name left by the folder of their documents.
    pub(crate) fn finish(self) -> Vec<Image> {
        self.drafts.into_iter().map(|(folder, draft)| draft.finish(&folder)).collect()
    }
}

impl Draft {
    fn finish(mut self, folder: &str) -> Image {
        if self.newest_first {
            self.image.history.reverse();
        }
        let mut layers = self.layers.iter();
        for step in self.image.history.iter_mut().filter(|step| !step.empty) {
            if let Some((digest, size)) = layers.next() {
                step.digest = Some(digest.clone()).filter(|digest| !digest.is_empty());
                step.compressed_bytes = step.compressed_bytes.or(*size);
            }
        }
        // A manifest without a configuration still tells sizes.
        if self.image.history.is_empty() {
            self.image.history = self
                .layers
                .iter()
                .map(|(digest, size)| BuildStep {
                    digest: Some(digest.clone()),
                    compressed_bytes: *size,
                    ..BuildStep::default()
                })
                .collect();
        }
        let sizes: Vec<i64> =
            self.image.history.iter().filter_map(|step| step.compressed_bytes).collect();
        if self.image.compressed_bytes.is_none() && !sizes.is_empty() {
            self.image.compressed_bytes = Some(sizes.iter().sum());
        }
        if !self.files.is_empty() {
            self.image.contents = Some(contents(&self.files));
        }
        self.image.names.sort_unstable();
        self.image.names.dedup();
        if self.image.names.is_empty() {
            self.image.names.push(folder.to_owned());
        }
        self.image
    }
}

/// What files come to: each path's smallest size over all its sizes, as `dive` reckons it
/// (<https://github.com/wagoodman/dive>, `filetree/efficiency.go`); a deletion is charged with what
/// it hides.
fn contents(files: &BTreeMap<String, Vec<(u64, i64)>>) -> ImageContents {
    let (mut all, mut least, mut overwritten, mut deleted) = (0_i64, 0_i64, 0_i64, 0_i64);
    let mut wasted = Vec::new();
    for (path, sizes) in files {
        let sum: i64 = sizes.iter().map(|(_, bytes)| bytes).sum();
        let mut ordered = sizes.clone();
        ordered.sort_unstable();
        // What a later layer has of the path is what counts; all before it was for nothing.
        let last = ordered.last().copied().unwrap_or_default();
        let hidden = sum - last.1;
        all += sum;
        // Only a deletion, or an empty file, has no bytes of its own.
        if last.1 == 0 {
            deleted += hidden
        } else {
            overwritten += hidden
        }
        if sizes.len() > 1 {
            least +=
                sizes.iter().map(|(_, bytes)| *bytes).filter(|bytes| *bytes > 0).min().unwrap_or(0);
            wasted.push(WastedPath {
                path: path.clone(),
                layers: sizes.len() as u64,
                bytes: hidden,
            });
        } else {
            least += sum;
        }
    }
    wasted.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    wasted.retain(|path| path.bytes > 0);
    wasted.truncate(MOST_WASTED);
    let efficiency = if all > 0 { least as f64 / all as f64 } else { 1.0 };
    ImageContents {
        file_bytes: all,
        overwritten_bytes: overwritten,
        deleted_bytes: deleted,
        efficiency: Some((efficiency * 1e6).round() / 1e6),
        wasted,
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// `7.8MB`, as docker writes sizes for people: decimal units.
fn human_size(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return None,
    };
    Some((number.trim().parse::<f64>().ok()? * factor) as i64)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigDocument {
    architecture: Option<String>,
    platform: Option<String>,
    reference: Option<String>,
    compressed_total_bytes: Option<i64>,
    #[serde(deserialize_with = "lenient::time")]
    created: Option<Timestamp>,
    config: Option<InnerConfig>,
    history: Vec<HistoryEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct InnerConfig {
    user: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HistoryEntry {
    created_by: Option<String>,
    empty_layer: bool,
    compressed_bytes: Option<i64>,
}

impl HistoryEntry {
    fn into_step(self) -> BuildStep {
        BuildStep {
            command: self.created_by.unwrap_or_default(),
            empty: self.empty_layer,
            compressed_bytes: self.compressed_bytes,
            ..BuildStep::default()
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DiveDocument {
    image: DiveImage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DiveImage {
    size_bytes: i64,
    inefficient_bytes: i64,
    efficiency_score: f64,
    file_reference: Vec<DiveFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DiveFile {
    count: u64,
    size_bytes: i64,
    file: String,
}
