//! A model as XGBoost writes it, drawn by chance: what is measured is its size, not its wisdom.

use std::fmt::Write as _;

/// Thresholds of one feature, as `hist` with its bins would choose them.
const CUTS: u32 = 200;

/// A binary classifier in JSON with perfect trees of a depth over features with these names.
#[must_use]
pub fn xgboost_json(trees: usize, depth: u32, names: &[&str]) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let inner = (1_usize << depth) - 1;
    let nodes = 2 * inner + 1;
    let list = |write: &mut dyn FnMut(usize) -> String| {
        let values: Vec<String> = (0..nodes).map(write).collect();
        values.join(",")
    };
    let mut all = String::new();
    for id in 0..trees {
        if id > 0 {
            all.push(',');
        }
        let is_inner = |node: usize| node < inner;
        let left = list(&mut |node| child(is_inner(node), 2 * node + 1));
        let right = list(&mut |node| child(is_inner(node), 2 * node + 2));
        let default_left = list(&mut |node| u8::from(is_inner(node) && random.bool()).to_string());
        let conditions = list(&mut |node| {
            let value = if is_inner(node) {
                (random.u32(0..CUTS) as f32 + 0.5) / CUTS as f32 * 8.0 - 2.0
            } else {
                (random.f32() - 0.7) * 0.05
            };
            value.to_string()
        });
        let indices = list(&mut |node| {
            if is_inner(node) { random.usize(0..names.len()).to_string() } else { "0".to_owned() }
        });
        let zeros = list(&mut |_| "0".to_owned());
        let _ = write!(
            all,
            r#"{{"base_weights":[{zeros}],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],"default_left":[{default_left}],"id":{id},"left_children":[{left}],"loss_changes":[{zeros}],"parents":[{zeros}],"right_children":[{right}],"split_conditions":[{conditions}],"split_indices":[{indices}],"split_type":[{zeros}],"sum_hessian":[{zeros}],"tree_param":{{"num_deleted":"0","num_feature":"{}","num_nodes":"{nodes}","size_leaf_vector":"1"}}}}"#,
            names.len()
        );
    }
    let groups = vec!["0"; trees].join(",");
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let count = names.len();
    let types = vec!["\"float\""; count].join(",");
    let names = names.join(",");
    format!(
        r#"{{"learner":{{"attributes":{{}},"feature_names":[{names}],"feature_types":[{types}],"gradient_booster":{{"model":{{"gbtree_model_param":{{"num_parallel_tree":"1","num_trees":"{trees}"}},"tree_info":[{groups}],"trees":[{all}]}},"name":"gbtree"}},"learner_model_param":{{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"{count}","num_target":"1"}},"objective":{{"name":"binary:logistic","reg_loss_param":{{"scale_pos_weight":"1"}}}}}},"version":[3,0,0]}}"#
    )
}

fn child(is_inner: bool, node: usize) -> String {
    if is_inner { node.to_string() } else { "-1".to_owned() }
}
