//! Bundles: a model with what was saved beside it, as a folder or an archive.
//!
//! Named byte slices go in, one model comes out that takes rows as the training data had them: a
//! scaler stands before it, label encoders name its categories, metadata name its columns.
//! Where the slices come from is not known here; [`read_archive`] makes them of a zip or tar.

mod archive;
mod beside;
mod file_names;
mod tar;
mod zip;

pub use archive::{BundleLimits, Packed, read_archive};

use serde_json::{Map, Value};

use crate::refusal::{Refusal, shown};
use crate::{
    Encoding, FeatureKind, Label, Meaning, Model, Pickled, Predictor, ReadOptions, Step, read_any,
    validate,
};

/// A model and what was saved beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The model, its scaler before it.
    pub model: Model,
    /// What the training wrote about it, where there was a file of it.
    pub metadata: Option<Map<String, Value>>,
    /// Features and their importance, in the order of the file; finite.
    pub importance: Vec<(String, f64)>,
    /// Each file and what it was taken for; empty where it was not used.
    pub files: Vec<(String, &'static str)>,
}

/// Reads the files of a bundle: exactly one model; at most one transformer, one file of label
/// encoders, one of metadata and one of importance. Files with other contents are named as unused.
///
/// # Errors
/// No model or two; two of anything else; whatever a reader refuses, with the name of the file;
/// parts that do not fit one another.
pub fn read_bundle(files: &[Packed<'_>], options: &ReadOptions) -> Result<Bundle, Refusal> {
    let mut parts = Parts::default();
    for file in files {
        let role = parts
            .take(file, options)
            .map_err(|refusal| in_file(&file.name, &refusal.to_string()))?;
        parts.files.push((file.name.clone(), role));
    }
    let Some((_, mut model)) = parts.model else {
        return Err(Refusal::field("bundle", format!("{} files", files.len()), "one model"));
    };
    if let Some((name, features, steps)) = parts.steps {
        put_before(&mut model, &name, features, steps)?;
    }
    if let Some((_, metadata)) = &parts.metadata {
        name_features(&mut model, metadata);
    }
    for Encoding { column: name, labels } in
        parts.labels.map(|(_, labels)| labels).unwrap_or_default()
    {
        name_codes(&mut model, name.as_deref(), labels);
    }
    validate(&model, &options.limits)?;
    Ok(Bundle {
        model,
        metadata: parts.metadata.map(|(_, metadata)| metadata),
        importance: parts.importance.map(|(_, importance)| importance).unwrap_or_default(),
        files: parts.files,
    })
}

fn in_file(name: &str, detail: &str) -> Refusal {
    Refusal::Syntax { format: "bundle", at: shown(&name), detail: detail.to_owned() }
}

/// What was found so far, each with the name of its file.
#[derive(Default)]
struct Parts {
    model: Option<(String, Model)>,
    steps: Option<(String, usize, Vec<Step>)>,
    labels: Option<(String, Vec<Encoding>)>,
    metadata: Option<(String, Map<String, Value>)>,
    importance: Option<(String, Vec<(String, f64)>)>,
    files: Vec<(String, &'static str)>,
}

impl Parts {
    fn take(&mut self, file: &Packed<'_>, options: &ReadOptions) -> Result<&'static str, Refusal> {
        let name = &file.name;
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        let stem = name.rsplit('/').next().unwrap_or_default();
        let (role, before) = match ending.as_str() {
            "csv" => {
                let read = beside::importance(&file.bytes, options.limits.features)?;
                let before = self.importance.replace((name.clone(), read));
                ("importance", before.map(|(before, _)| before))
            }
            "json" if !beside::is_model(&file.bytes) => {
                let object = beside::object(&file.bytes)?;
                if stem.contains("scaler") {
                    let (features, steps) = beside::scaler(&object)?;
                    let before = self.steps.replace((name.clone(), features, steps));
                    ("transformer", before.map(|(before, ..)| before))
                } else if stem.contains("encoder") {
                    let read = beside::encoders(&object)?;
                    let before = self.labels.replace((name.clone(), read));
                    ("label encoders", before.map(|(before, _)| before))
                } else {
                    let before = self.metadata.replace((name.clone(), object));
                    ("metadata", before.map(|(before, _)| before))
                }
            }
            "md" | "py" | "yaml" | "yml" | "log" | "png" | "html" => ("", None),
            "txt" if !file.bytes.starts_with(b"tree") => ("", None),
            _ => match read_any(&file.bytes, options)? {
                Pickled::Model(model) => {
                    let before = self.model.replace((name.clone(), *model));
                    ("model", before.map(|(before, _)| before))
                }
                Pickled::Steps { features, steps } => {
                    let before = self.steps.replace((name.clone(), features, steps));
                    ("transformer", before.map(|(before, ..)| before))
                }
                Pickled::Labels(labels) => {
                    let before = self.labels.replace((name.clone(), labels));
                    ("label encoders", before.map(|(before, _)| before))
                }
            },
        };
        match before {
            Some(before) => {
                Err(Refusal::field(role, format!("a second one beside {before}"), "one"))
            }
            None => Ok(role),
        }
    }
}

/// Puts a transformer before the model, unless the model begins with it anyway.
fn put_before(
    model: &mut Model,
    name: &str,
    features: usize,
    steps: Vec<Step>,
) -> Result<(), Refusal> {
    if let Predictor::Pipeline { steps: own, .. } = &model.predictor
        && own.starts_with(&steps)
    {
        model.source.notes.push(format!("{name} is part of the model already"));
        return Ok(());
    }
    let width = steps.iter().fold(features, |width, step| step.features_out(width));
    let wanted = model.signature.features.len();
    if width != wanted || features != wanted {
        let found = format!("{features} columns that become {width}");
        return Err(in_file(name, &format!("{found}; the model takes {wanted}")));
    }
    let nothing = Predictor::Constant { features: 0, answer: Vec::with_capacity(0) };
    let last = Box::new(std::mem::replace(&mut model.predictor, nothing));
    model.predictor = Predictor::Pipeline { steps, last };
    model.source.notes.push(format!("rows pass through {name} first"));
    Ok(())
}

/// Names columns that have no name, where the metadata have as many.
fn name_features(model: &mut Model, metadata: &Map<String, Value>) {
    if model.signature.names().is_some() {
        return;
    }
    let keys = ["features", "feature_names", "feature_columns"];
    let lists = keys.iter().filter_map(|key| metadata.get(*key)?.as_array());
    for list in lists {
        let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        let Some(names) = names.filter(|names| names.len() == model.signature.features.len())
        else {
            continue;
        };
        for (feature, name) in model.signature.features.iter_mut().zip(names) {
            feature.name = Some(shown(&name));
        }
        return;
    }
}

/// What the numbers of an encoded column stand for: a class where the encoder has no column.
fn name_codes(model: &mut Model, name: Option<&str>, labels: Vec<Label>) {
    let Some(name) = name else {
        // A single encoder is one of the target.
        let classes = match &mut model.signature.meaning {
            Meaning::Values { .. } => return,
            Meaning::ProbabilityOfSecond { classes }
            | Meaning::Probabilities { classes }
            | Meaning::Scores { classes } => classes,
        };
        if classes.len() == labels.len() {
            *classes = labels;
        }
        return;
    };
    let spellings = [name.to_owned(), format!("{name}_encoded"), format!("{name}_code")];
    let column = model
        .signature
        .features
        .iter_mut()
        .find(|feature| feature.name.as_ref().is_some_and(|own| spellings.contains(own)));
    match column {
        Some(column) => column.kind = FeatureKind::Code { values: labels },
        None => model.source.notes.push(format!("no column is called as the encoder `{name}`")),
    }
}
