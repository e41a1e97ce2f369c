//! Large files as the libraries write them, of trees that are drawn.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes a file of about so many bytes; how many trees it has.
pub(crate) type Make = fn(&Path, usize) -> usize;

/// Every format that is written here.
pub(crate) const FORMATS: &[(&str, Make)] = &[
    ("XGBoost JSON", xgboost_json),
    ("XGBoost UBJ", xgboost_ubj),
    ("XGBoost pickle", xgboost_pickle),
    ("LightGBM text", lightgbm),
    ("ONNX", onnx),
];

const FEATURES: usize = 17;
const DEPTH: u32 = 10;
const SPLITS: usize = (1 << DEPTH) - 1;
const NODES: usize = 2 * SPLITS + 1;

/// A perfect tree, level by level.
struct Tree {
    features: Vec<i32>,
    /// Thresholds, and values of leaves.
    conditions: Vec<f32>,
    default_left: Vec<u8>,
    /// What files hold besides and nobody asks for.
    weights: Vec<f32>,
}

fn tree(draw: &mut fastrand::Rng) -> Tree {
    let is_split = |node: usize| node < SPLITS;
    let number = |draw: &mut fastrand::Rng| draw.f32() * 4.0 - 2.0;
    Tree {
        features: (0..NODES)
            .map(|node| if is_split(node) { draw.i32(0..FEATURES as i32) } else { 0 })
            .collect(),
        conditions: (0..NODES)
            .map(|node| if is_split(node) { number(draw) } else { number(draw) / 1e3 })
            .collect(),
        default_left: (0..NODES).map(|node| u8::from(is_split(node) && draw.bool())).collect(),
        weights: (0..NODES).map(|_| number(draw)).collect(),
    }
}

fn left(node: usize) -> i32 {
    if node < SPLITS { 2 * node as i32 + 1 } else { -1 }
}

fn right(node: usize) -> i32 {
    if node < SPLITS { 2 * node as i32 + 2 } else { -1 }
}

fn parent(node: usize) -> i32 {
    if node == 0 { i32::MAX } else { (node as i32 - 1) / 2 }
}

/// Trees until there are enough bytes.
fn trees(bytes: usize, mut write: impl FnMut(&Tree, usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut draw = fastrand::Rng::with_seed(20);
    let (mut all, mut size) = (Vec::new(), 0);
    while size < bytes {
        let text = write(&tree(&mut draw), all.len());
        size += text.len();
        all.push(text);
    }
    all
}

fn keep(path: &Path, parts: &[&[u8]]) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for part in parts {
        file.write_all(part).unwrap();
    }
    file.flush().unwrap();
}

fn joined<T>(
    separator: &str,
    values: impl IntoIterator<Item = T>,
    one: impl Fn(T) -> String,
) -> String {
    values.into_iter().map(one).collect::<Vec<_>>().join(separator)
}

fn xgboost_json(path: &Path, bytes: usize) -> usize {
    let floats = |numbers: &[f32]| joined(",", numbers, |number| format!("{number:E}"));
    let ints = |of: fn(usize) -> i32| joined(",", 0..NODES, |node| of(node).to_string());
    let all = trees(bytes, |tree, id| {
        format!(
            "{{\"base_weights\":[{}],\"categories\":[],\"categories_nodes\":[],\"categories_segments\":[],\
             \"categories_sizes\":[],\"default_left\":[{}],\"id\":{id},\"left_children\":[{}],\
             \"loss_changes\":[{}],\"parents\":[{}],\"right_children\":[{}],\"split_conditions\":[{}],\
             \"split_indices\":[{}],\"split_type\":[{}],\"sum_hessian\":[{}],\"tree_param\":\
             {{\"num_deleted\":\"0\",\"num_feature\":\"{FEATURES}\",\"num_nodes\":\"{NODES}\",\
             \"size_leaf_vector\":\"1\"}}}}",
            floats(&tree.weights),
            joined(",", &tree.default_left, u8::to_string),
            ints(left),
            floats(&tree.weights),
            ints(parent),
            ints(right),
            floats(&tree.conditions),
            joined(",", &tree.features, i32::to_string),
            joined(",", 0..NODES, |_| "0".to_owned()),
            floats(&tree.weights),
        )
        .into_bytes()
    });
    let count = all.len();
    let start = format!(
        "{{\"learner\":{{\"attributes\":{{}},\"feature_names\":[],\"feature_types\":[],\
         \"gradient_booster\":{{\"model\":{{\"gbtree_model_param\":{{\"num_parallel_tree\":\"1\",\
         \"num_trees\":\"{count}\"}},\"iteration_indptr\":[{}],\"tree_info\":[{}],\"trees\":[",
        joined(",", 0..=count, |at| at.to_string()),
        joined(",", 0..count, |_| "0".to_owned()),
    );
    let end = format!(
        "]}},\"name\":\"gbtree\"}},\"learner_model_param\":{{\"base_score\":\"[5E-1]\",\
         \"boost_from_average\":\"1\",\"num_class\":\"0\",\"num_feature\":\"{FEATURES}\",\
         \"num_target\":\"1\"}},\"objective\":{{\"name\":\"binary:logistic\",\"reg_loss_param\":\
         {{\"scale_pos_weight\":\"1\"}}}}}},\"version\":[3,2,0]}}"
    );
    let mut parts: Vec<&[u8]> = vec![start.as_bytes()];
    for (at, tree) in all.iter().enumerate() {
        if at > 0 {
            parts.push(b",");
        }
        parts.push(tree);
    }
    parts.push(end.as_bytes());
    keep(path, &parts);
    count
}

/// Universal Binary JSON as XGBoost writes it: lengths of 64 bits, arrays of one type.
#[derive(Default)]
struct Ubj(Vec<u8>);

impl Ubj {
    fn raw(&mut self, bytes: &[u8]) -> &mut Ubj {
        self.0.extend_from_slice(bytes);
        self
    }

    fn key(&mut self, key: &str) -> &mut Ubj {
        self.raw(b"L").raw(&(key.len() as i64).to_be_bytes()).raw(key.as_bytes())
    }

    fn text(&mut self, key: &str, text: &str) -> &mut Ubj {
        self.key(key).raw(b"S").key(text)
    }

    fn array<T, const N: usize>(
        &mut self,
        key: &str,
        kind: u8,
        values: impl ExactSizeIterator<Item = T>,
        bytes: impl Fn(T) -> [u8; N],
    ) -> &mut Ubj {
        self.key(key)
            .raw(&[b'[', b'$', kind, b'#', b'L'])
            .raw(&(values.len() as i64).to_be_bytes());
        for value in values {
            self.raw(&bytes(value));
        }
        self
    }

    fn floats(&mut self, key: &str, values: &[f32]) -> &mut Ubj {
        self.array(key, b'd', values.iter(), |value| value.to_be_bytes())
    }

    fn ints(&mut self, key: &str, of: impl Fn(usize) -> i32) -> &mut Ubj {
        self.array(key, b'l', 0..NODES, |node| of(node).to_be_bytes())
    }
}

fn ubj(bytes: usize) -> (Vec<Vec<u8>>, usize) {
    let all = trees(bytes, |tree, id| {
        let mut ubj = Ubj::default();
        ubj.raw(b"{").floats("base_weights", &tree.weights);
        for key in ["categories", "categories_nodes"] {
            ubj.array(key, b'l', 0..0, |_: i32| [0; 4]);
        }
        for key in ["categories_segments", "categories_sizes"] {
            ubj.array(key, b'L', 0..0, |_: i32| [0; 8]);
        }
        ubj.array("default_left", b'U', tree.default_left.iter(), |flag| [*flag])
            .key("id")
            .raw(b"l")
            .raw(&(id as i32).to_be_bytes())
            .ints("left_children", left)
            .floats("loss_changes", &tree.weights)
            .ints("parents", parent)
            .ints("right_children", right)
            .floats("split_conditions", &tree.conditions)
            .ints("split_indices", |node| tree.features[node])
            .array("split_type", b'U', 0..NODES, |_| [0])
            .floats("sum_hessian", &tree.weights)
            .key("tree_param")
            .raw(b"{")
            .text("num_deleted", "0")
            .text("num_feature", &FEATURES.to_string())
            .text("num_nodes", &NODES.to_string())
            .text("size_leaf_vector", "1")
            .raw(b"}}");
        ubj.0
    });
    let count = all.len();
    let mut start = Ubj::default();
    start
        .raw(b"{")
        .key("learner")
        .raw(b"{")
        .key("attributes")
        .raw(b"{}")
        .key("feature_names")
        .raw(b"[]")
        .key("feature_types")
        .raw(b"[]")
        .key("gradient_booster")
        .raw(b"{")
        .key("model")
        .raw(b"{")
        .key("gbtree_model_param")
        .raw(b"{")
        .text("num_parallel_tree", "1")
        .text("num_trees", &count.to_string())
        .raw(b"}")
        .array("iteration_indptr", b'l', 0..count + 1, |at| (at as i32).to_be_bytes())
        .array("tree_info", b'l', 0..count, |_| [0; 4])
        .key("trees")
        .raw(b"[#L")
        .raw(&(count as i64).to_be_bytes());
    let mut end = Ubj::default();
    end.raw(b"}")
        .text("name", "gbtree")
        .raw(b"}")
        .key("learner_model_param")
        .raw(b"{")
        .text("base_score", "[5E-1]")
        .text("num_class", "0")
        .text("num_feature", &FEATURES.to_string())
        .text("num_target", "1")
        .raw(b"}")
        .key("objective")
        .raw(b"{")
        .text("name", "binary:logistic")
        .raw(b"}}")
        .key("version")
        .raw(b"[i\x03i\x02i\x00]}");
    let mut parts = vec![start.0];
    parts.extend(all);
    parts.push(end.0);
    (parts, count)
}

fn xgboost_ubj(path: &Path, bytes: usize) -> usize {
    let (parts, count) = ubj(bytes);
    keep(path, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    count
}

/// A `Booster` in a pickle: its state holds the UBJ as a `bytearray`.
fn xgboost_pickle(path: &Path, bytes: usize) -> usize {
    let (parts, count) = ubj(bytes);
    let length: usize = parts.iter().map(Vec::len).sum();
    let start = [
        &b"\x80\x05\x8c\x0cxgboost.core\x8c\x07Booster\x93)\x81}\x8c\x06handle\x96"[..],
        &(length as u64).to_le_bytes(),
    ]
    .concat();
    let mut all: Vec<&[u8]> = vec![&start];
    all.extend(parts.iter().map(Vec::as_slice));
    all.push(b"sb.");
    keep(path, &all);
    count
}

fn lightgbm(path: &Path, bytes: usize) -> usize {
    let splits = || 0..SPLITS;
    let child = |node: i32| if (node as usize) < SPLITS { node } else { SPLITS as i32 - 1 - node };
    let all = trees(bytes, |tree, id| {
        let thresholds = tree.conditions[..SPLITS].iter();
        let leaves = tree.conditions[SPLITS..].iter();
        format!(
            "Tree={id}\nnum_leaves={}\nnum_cat=0\nsplit_feature={}\nsplit_gain={}\nthreshold={}\n\
             decision_type={}\nleft_child={}\nright_child={}\nleaf_value={}\nleaf_weight={}\n\
             leaf_count={}\ninternal_value={}\ninternal_weight={}\ninternal_count={}\nis_linear=0\n\
             shrinkage=0.1\n\n\n",
            SPLITS + 1,
            joined(" ", &tree.features[..SPLITS], i32::to_string),
            joined(" ", &tree.weights[..SPLITS], f32::to_string),
            joined(" ", thresholds, |value| f64::from(*value).to_string()),
            joined(" ", &tree.default_left[..SPLITS], |left| (8 + 2 * left).to_string()),
            joined(" ", splits(), |node| child(left(node)).to_string()),
            joined(" ", splits(), |node| child(right(node)).to_string()),
            joined(" ", leaves, |value| (f64::from(*value) / 3.0).to_string()),
            joined(" ", &tree.weights[SPLITS..], |value| f64::from(*value).to_string()),
            joined(" ", 0..=SPLITS, |_| "25".to_owned()),
            joined(" ", &tree.weights[..SPLITS], f32::to_string),
            joined(" ", &tree.weights[..SPLITS], f32::to_string),
            joined(" ", splits(), |_| "400".to_owned()),
        )
        .into_bytes()
    });
    let start = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={}\n\
         objective=binary sigmoid:1\nfeature_names={}\nfeature_infos={}\ntree_sizes={}\n\n",
        FEATURES - 1,
        joined(" ", 0..FEATURES, |at| format!("f{at}")),
        joined(" ", 0..FEATURES, |_| "[-2:2]".to_owned()),
        joined(" ", &all, |tree| tree.len().to_string()),
    );
    let mut parts: Vec<&[u8]> = vec![start.as_bytes()];
    parts.extend(all.iter().map(Vec::as_slice));
    parts.push(b"end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n");
    keep(path, &parts);
    all.len()
}

/// Protocol buffers: a field with a number, or with bytes.
fn number(into: &mut Vec<u8>, field: u32, value: u64) {
    varint(into, u64::from(field << 3));
    varint(into, value);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn block(into: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    varint(into, u64::from(field << 3 | 2));
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

/// Lists are written number by number, as `onnx.proto` has them.
fn onnx(path: &Path, bytes: usize) -> usize {
    const TYPE: u32 = 20;
    const FLOATS: u32 = 7;
    const INTS: u32 = 8;
    const STRINGS: u32 = 9;
    let mut lists: Vec<(&str, u32, Vec<u8>)> = vec![
        ("nodes_treeids", INTS, Vec::new()),
        ("nodes_nodeids", INTS, Vec::new()),
        ("nodes_featureids", INTS, Vec::new()),
        ("nodes_truenodeids", INTS, Vec::new()),
        ("nodes_falsenodeids", INTS, Vec::new()),
        ("nodes_missing_value_tracks_true", INTS, Vec::new()),
        ("nodes_values", FLOATS, Vec::new()),
        ("nodes_modes", STRINGS, Vec::new()),
        ("target_treeids", INTS, Vec::new()),
        ("target_nodeids", INTS, Vec::new()),
        ("target_ids", INTS, Vec::new()),
        ("target_weights", FLOATS, Vec::new()),
    ];
    let mut draw = fastrand::Rng::with_seed(20);
    let mut count = 0;
    while lists.iter().map(|(.., list)| list.len()).sum::<usize>() < bytes {
        let tree = tree(&mut draw);
        let float = |into: &mut Vec<u8>, value: f32| {
            varint(into, u64::from(FLOATS << 3 | 5));
            into.extend_from_slice(&value.to_le_bytes());
        };
        for node in 0..NODES {
            let is_split = node < SPLITS;
            let child = |node: i32| node.max(0) as u64;
            let numbers = [
                count as u64,
                node as u64,
                tree.features[node] as u64,
                child(left(node)),
                child(right(node)),
                u64::from(tree.default_left[node]),
            ];
            for ((.., list), value) in lists.iter_mut().zip(numbers) {
                number(list, INTS, value);
            }
            float(&mut lists[6].2, if is_split { tree.conditions[node] } else { 0.0 });
            block(&mut lists[7].2, STRINGS, if is_split { b"BRANCH_LEQ" } else { b"LEAF" });
            if !is_split {
                number(&mut lists[8].2, INTS, count as u64);
                number(&mut lists[9].2, INTS, node as u64);
                number(&mut lists[10].2, INTS, 0);
                float(&mut lists[11].2, tree.conditions[node]);
            }
        }
        count += 1;
    }
    let mut node = Vec::new();
    block(&mut node, 1, b"X");
    block(&mut node, 2, b"variable");
    block(&mut node, 4, b"TreeEnsembleRegressor");
    for (name, field, list) in lists {
        let mut attribute = Vec::with_capacity(list.len() + 64);
        block(&mut attribute, 1, name.as_bytes());
        attribute.extend(list);
        number(&mut attribute, TYPE, u64::from(field - 1));
        block(&mut node, 5, &attribute);
    }
    let mut targets = Vec::new();
    block(&mut targets, 1, b"n_targets");
    number(&mut targets, 3, 1);
    number(&mut targets, TYPE, 2);
    block(&mut node, 5, &targets);
    block(&mut node, 7, b"ai.onnx.ml");
    let value = |name: &[u8], width: u64| {
        let (mut rows, mut columns, mut shape) = (Vec::new(), Vec::new(), Vec::new());
        block(&mut rows, 2, b"N");
        number(&mut columns, 1, width);
        block(&mut shape, 1, &rows);
        block(&mut shape, 1, &columns);
        let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
        number(&mut tensor, 1, 1);
        block(&mut tensor, 2, &shape);
        block(&mut kind, 1, &tensor);
        block(&mut value, 1, name);
        block(&mut value, 2, &kind);
        value
    };
    let mut graph = Vec::new();
    block(&mut graph, 1, &node);
    drop(node);
    block(&mut graph, 11, &value(b"X", FEATURES as u64));
    block(&mut graph, 12, &value(b"variable", 1));
    let mut model = Vec::new();
    number(&mut model, 1, 10);
    block(&mut model, 2, b"skl2onnx");
    block(&mut model, 7, &graph);
    keep(path, &[&model]);
    count
}
