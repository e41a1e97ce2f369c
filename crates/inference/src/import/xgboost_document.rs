//! A model file of XGBoost as it stands there: `doc/model.schema` of its repository.
//!
//! Numbers of parameters are texts there, and flags are numbers or truth values, by version.

use std::collections::BTreeMap;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::xgboost_tree::tree;
use crate::refusal::Refusal;
use crate::{CategorySet, Tree};

/// The file. A pickled booster has it under `Model`, beside a `Config`.
#[derive(Deserialize)]
pub(super) struct Document {
    pub(super) learner: Option<Learner>,
    #[serde(default)]
    pub(super) version: Vec<u32>,
    #[serde(rename = "Model")]
    pub(super) model: Option<Box<Document>>,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) feature_names: Vec<String>,
    #[serde(default)]
    pub(super) feature_types: Vec<String>,
    pub(super) gradient_booster: Booster,
    pub(super) learner_model_param: LearnerParameters,
    pub(super) objective: Objective,
}

#[derive(Deserialize)]
pub(super) struct LearnerParameters {
    pub(super) base_score: String,
    pub(super) num_class: String,
    pub(super) num_feature: String,
    #[serde(default)]
    pub(super) num_target: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Booster {
    pub(super) name: String,
    pub(super) model: Option<BoosterModel>,
    /// The trees of `dart`.
    pub(super) gbtree: Option<Box<Booster>>,
    #[serde(default)]
    pub(super) weight_drop: Vec<f32>,
}

/// Trees, or the weights of a linear booster.
#[derive(Deserialize)]
pub(super) struct BoosterModel {
    pub(super) gbtree_model_param: Option<TreesParameters>,
    #[serde(default)]
    pub(super) tree_info: Vec<i64>,
    #[serde(default)]
    pub(super) trees: Trees,
    #[serde(default)]
    pub(super) iteration_indptr: Vec<i64>,
    #[serde(default)]
    pub(super) weights: Vec<f32>,
}

#[derive(Deserialize)]
pub(super) struct TreesParameters {
    #[serde(default)]
    pub(super) num_parallel_tree: Option<String>,
}

/// The trees, each made as soon as it is read: a file has several times what is kept of it.
#[derive(Default)]
pub(super) struct Trees {
    /// How many the file has.
    pub(super) count: usize,
    /// Those before the first that was refused; all in the first group, without weights.
    pub(super) made: Vec<Tree>,
    pub(super) category_sets: Vec<CategorySet>,
    /// What is wrong with the tree after them.
    pub(super) refusal: Option<Refusal>,
}

impl<'de> Deserialize<'de> for Trees {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Trees, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Trees;
            fn expecting(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                into.write_str("a list of trees")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Trees, A::Error> {
                let mut trees = Trees::default();
                while let Some(raw) = list.next_element::<RawTree>()? {
                    if trees.refusal.is_none() {
                        match tree(&raw, trees.count, &mut trees.category_sets) {
                            Ok(tree) => trees.made.push(tree),
                            Err(refusal) => trees.refusal = Some(refusal),
                        }
                    }
                    trees.count += 1;
                }
                Ok(trees)
            }
        }
        from.deserialize_seq(List)
    }
}

#[derive(Deserialize)]
pub(super) struct RawTree {
    #[serde(default)]
    pub(super) categories: Vec<i64>,
    #[serde(default)]
    pub(super) categories_nodes: Vec<i64>,
    #[serde(default)]
    pub(super) categories_segments: Vec<i64>,
    #[serde(default)]
    pub(super) categories_sizes: Vec<i64>,
    pub(super) default_left: Vec<Flag>,
    pub(super) left_children: Vec<i64>,
    pub(super) right_children: Vec<i64>,
    pub(super) split_conditions: Vec<Number>,
    pub(super) split_indices: Vec<i64>,
    #[serde(default)]
    pub(super) split_type: Vec<Flag>,
    pub(super) tree_param: TreeParameters,
}

#[derive(Deserialize)]
pub(super) struct TreeParameters {
    #[serde(default)]
    pub(super) size_leaf_vector: Option<String>,
}

/// A truth value that is a number in some versions.
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Flag, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = Flag;
            fn expecting(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                into.write_str("0, 1 or a truth value")
            }
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Flag, E> {
                match value {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    _ => Err(E::custom(format!("expected 0 or 1, found {value}"))),
                }
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Flag, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }
        from.deserialize_any(Either)
    }
}

/// A number, or NaN where it is `null`.
pub(super) struct Number(pub(super) f32);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        Ok(Number(Option::<f32>::deserialize(from)?.unwrap_or(f32::NAN)))
    }
}
