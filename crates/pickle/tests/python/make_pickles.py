"""Makes genuine pickles and joblib files, with what Python predicts from them.

    python make_pickles.py FOLDER SET [--rows N] [--trees N] [--train N]
    python make_pickles.py crates/inference/tests/golden/pickles new --rows 20 --trees 2

FOLDER/SET gets one file a model, `numbers.f64`, `gaps.f64` (rows of six little-endian floats, the
second with missing values), `codes.f64` (the third column a category), `mixed.json` (rows with
texts) and `cases.json`, which says for each file the table, the shape of the answers and the file
of expected answers (`*.expected.f64`). Small files are committed as goldens; the heavy test asks
for 100,000 rows. The environment decides the versions of the libraries.
"""

import argparse
import json
import pathlib
import pickle
import warnings

import joblib
import lightgbm
import numpy as np
import pandas as pd
import sklearn
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore")
VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("set")
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--trees", type=int, default=4)
    parser.add_argument("--train", type=int, help="rows to train on, where not all")
    return parser.parse_args()


class Maker:
    def __init__(self, arguments):
        self.folder = arguments.folder / arguments.set
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cases = []
        self.trees = arguments.trees
        draw = np.random.RandomState(7)
        rows = max(arguments.rows, 300)
        numbers = draw.normal(size=(rows, 6)) * [1, 10, 0.1, 1, 1, 100]
        numbers[:, 3] = np.round(numbers[:, 3])
        gaps = numbers.copy()
        gaps[draw.uniform(size=gaps.shape) < 0.1] = np.nan
        codes = numbers.copy()
        codes[:, 2] = draw.randint(0, 9, size=rows)
        codes[draw.uniform(size=rows) < 0.05, 2] = np.nan
        margin = numbers[:, 0] + numbers[:, 1] / 10 + draw.normal(size=rows) * 0.3
        self.margin = margin
        self.positive = np.abs(margin) + 0.1
        self.two = (margin > 0).astype(int)
        self.three = np.digitize(margin, [-0.7, 0.7])
        self.names = np.array(["risky", "medium", "safe"])[self.three]
        family = np.array(["m5", "c5", "r5", "t3"])[draw.randint(0, 4, size=rows)]
        zone = np.array(["a", "b", "c"], dtype=object)[draw.randint(0, 3, size=rows)]
        tier = np.array(["on", "off", np.nan], dtype=object)[draw.randint(0, 3, size=rows)]
        self.mixed = pd.DataFrame(
            {
                "price": gaps[:, 0],
                "load": gaps[:, 1],
                "family": family.astype(object),
                "zone": zone,
                "tier": tier,
            }
        )
        self.tables = {"numbers": numbers, "gaps": gaps, "codes": codes, "mixed": self.mixed}
        self.rows = arguments.rows
        self.asked = {name: table[: self.rows] for name, table in self.tables.items()}
        for name in ["numbers", "gaps", "codes"]:
            self.tables[name][: self.rows].astype("<f8").tofile(self.folder / f"{name}.f64")
        mixed = self.mixed[: min(self.rows, 2000)]
        rows = [
            [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in row]
            for row in mixed.itertuples(index=False)
        ]
        # Texts that no encoder has seen, and a number where a text is usual.
        rows[0][2], rows[1][3] = "x9", "z"
        (self.folder / "mixed.json").write_text(json.dumps(rows))
        self.mixed_rows = pd.DataFrame(rows, columns=self.mixed.columns)
        self.mixed_rows[["price", "load"]] = self.mixed_rows[["price", "load"]].astype(float)
        texts = self.mixed_rows[["family", "zone", "tier"]].astype(object)
        self.mixed_rows[["family", "zone", "tier"]] = texts.where(texts.notna(), np.nan)
        self.keep_for_training(arguments.train)

    def keep_for_training(self, count):
        if count is None:
            return
        self.tables = {name: table[:count] for name, table in self.tables.items()}
        self.mixed = self.tables["mixed"]
        for name in ["margin", "positive", "two", "three", "names"]:
            setattr(self, name, getattr(self, name)[:count])

    def table(self, name):
        return self.mixed_rows if name == "mixed" else self.asked[name]

    def keep(self, name, model, table, expected, protocol=None, compress=None):
        if compress is None:
            file = f"{name}.pkl"
            with open(self.folder / file, "wb") as into:
                pickle.dump(model, into, protocol=protocol)
        else:
            file = f"{name}.joblib"
            joblib.dump(model, self.folder / file, compress=compress)
        expected = np.asarray(expected, dtype="<f8")
        if expected.ndim == 2 and expected.shape[1] == 2 and hasattr(model, "classes_"):
            expected = expected[:, 1:]
        expected = expected.reshape(len(expected), -1)
        expected.tofile(self.folder / f"{name}.expected.f64")
        self.cases.append({"file": file, "name": name, "table": table, "outputs": expected.shape[1]})

    def classifier(self, name, model, table="numbers", target=None, fit={}, **kept):
        model.fit(self.tables[table], self.two if target is None else target, **fit)
        self.keep(name, model, table, model.predict_proba(self.table(table)), **kept)

    def regressor(self, name, model, table="numbers", target=None, fit={}, **kept):
        model.fit(self.tables[table], self.margin if target is None else target, **fit)
        self.keep(name, model, table, model.predict(self.table(table)), **kept)


def boosters(make):
    n = make.trees
    xgb = {"n_estimators": n, "max_depth": 3, "n_jobs": 1}
    make.classifier("xgb_binary", xgboost.XGBClassifier(**xgb), "gaps")
    make.classifier("xgb_binary_protocol_2", xgboost.XGBClassifier(**xgb), "gaps", protocol=2)
    make.classifier("xgb_classes", xgboost.XGBClassifier(**xgb), target=make.three, protocol=4)
    make.classifier(
        "xgb_missing", xgboost.XGBClassifier(missing=0.0, **xgb), "numbers", protocol=3
    )
    make.regressor("xgb_regression", xgboost.XGBRegressor(**xgb), "gaps", compress=0)
    make.regressor(
        "xgb_poisson",
        xgboost.XGBRegressor(objective="count:poisson", **xgb),
        target=np.round(make.positive),
    )
    make.classifier("xgb_forest", xgboost.XGBRFClassifier(**xgb), "gaps")
    stopping = {"early_stopping_rounds": 1} if xgboost.__version__ >= "1.6" else {}
    stopped = xgboost.XGBRegressor(
        n_estimators=4 * n, max_depth=2, n_jobs=1, learning_rate=1.0, **stopping
    )
    held = make.tables["numbers"][-60:], make.margin[-60:]
    make.regressor("xgb_stopped", stopped, fit={"eval_set": [held], "verbose": False})
    make.regressor("xgb_dart", xgboost.XGBRegressor(booster="dart", rate_drop=0.5, **xgb))
    matrix = xgboost.DMatrix(make.tables["gaps"], label=make.margin)
    booster = xgboost.train({"max_depth": 3, "nthread": 1}, matrix, num_boost_round=n)
    rows = xgboost.DMatrix(make.table("gaps"))
    make.keep("xgb_booster", booster, "gaps", booster.predict(rows))

    lgbm = {"n_estimators": n, "num_leaves": 6, "n_jobs": 1, "verbose": -1}
    make.classifier("lgbm_binary", lightgbm.LGBMClassifier(**lgbm), "gaps")
    make.classifier("lgbm_names", lightgbm.LGBMClassifier(**lgbm), target=make.names)
    make.regressor("lgbm_regression", lightgbm.LGBMRegressor(**lgbm), "gaps", compress=3)
    make.regressor("lgbm_protocol_0", lightgbm.LGBMRegressor(**lgbm), protocol=0)
    stopped = lightgbm.LGBMRegressor(n_estimators=6 * n, learning_rate=1.0, num_leaves=4, n_jobs=1,
                                     verbose=-1)
    calls = [lightgbm.early_stopping(1, verbose=False)]
    make.regressor("lgbm_stopped", stopped, fit={"eval_set": [held], "callbacks": calls})
    forest = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}
    make.classifier("lgbm_forest", lightgbm.LGBMClassifier(**forest, **lgbm))
    data = lightgbm.Dataset(make.tables["gaps"], label=make.margin)
    booster = lightgbm.train(
        {"num_leaves": 6, "verbose": -1, "num_threads": 1, "objective": "l2"}, data, n
    )
    make.keep("lgbm_booster", booster, "gaps", booster.predict(make.table("gaps")))


def trees(make):
    n = make.trees
    one = {"max_depth": 3, "random_state": 1}
    many = {"n_estimators": n, **one}
    make.classifier("tree_classes", DecisionTreeClassifier(**one), target=make.names, protocol=0)
    make.regressor("tree_regression", DecisionTreeRegressor(**one), protocol=1)
    make.classifier("forest_binary", RandomForestClassifier(**many))
    make.classifier("forest_names", RandomForestClassifier(**many), target=make.names, protocol=2)
    make.classifier("forest_weighted", RandomForestClassifier(class_weight="balanced", **many))
    make.classifier("forest_flags", RandomForestClassifier(**many), target=make.two == 1)
    make.regressor("forest_regression", RandomForestRegressor(**many), compress=0)
    both = np.stack([make.margin, make.positive], axis=1)
    make.regressor("forest_outputs", RandomForestRegressor(**many), target=both)
    make.classifier("extra_trees", ExtraTreesClassifier(**many), target=make.three, compress="gzip")
    make.regressor("extra_regression", ExtraTreesRegressor(**many), compress=("bz2", 3))
    if VERSION >= (1, 4):
        make.classifier("forest_gaps", RandomForestClassifier(**many), "gaps")
        make.regressor("forest_gaps_regression", RandomForestRegressor(**many), "gaps")

    make.classifier("boosting_binary", GradientBoostingClassifier(**many))
    make.classifier("boosting_classes", GradientBoostingClassifier(**many), target=make.names)
    make.classifier("boosting_joblib", GradientBoostingClassifier(**many), target=make.three,
                    compress=("xz", 3))
    make.classifier("boosting_exponential", GradientBoostingClassifier(loss="exponential", **many))
    make.classifier("boosting_zero", GradientBoostingClassifier(init="zero", **many))
    make.regressor("boosting_regression", GradientBoostingRegressor(**many), protocol=4)
    make.regressor("boosting_huber", GradientBoostingRegressor(loss="huber", **many))
    make.regressor("boosting_quantile",
                   GradientBoostingRegressor(loss="quantile", alpha=0.8, **many))

    hist = {"max_iter": n, "max_leaf_nodes": 6, "random_state": 1, "min_samples_leaf": 5}
    make.classifier("hist_binary", HistGradientBoostingClassifier(**hist), "gaps")
    make.classifier("hist_names", HistGradientBoostingClassifier(**hist), target=make.names)
    make.classifier("hist_joblib", HistGradientBoostingClassifier(**hist), "gaps",
                    target=make.three, compress=("lzma", 3))
    make.regressor("hist_regression", HistGradientBoostingRegressor(**hist), "gaps", protocol=2)
    make.regressor("hist_poisson", HistGradientBoostingRegressor(loss="poisson", **hist),
                   target=make.positive)
    make.regressor("hist_codes",
                   HistGradientBoostingRegressor(categorical_features=[2], **hist), "codes",
                   target=make.margin + np.nan_to_num(make.tables["codes"][:, 2] % 3))


def lines_and_pipelines(make):
    n = make.trees
    make.classifier("logistic_binary", LogisticRegression(max_iter=500))
    make.classifier("logistic_names", LogisticRegression(max_iter=500), target=make.names)
    make.regressor("linear", LinearRegression(), protocol=0)
    make.regressor("ridge", Ridge(), compress=0)
    both = np.stack([make.margin, make.positive], axis=1)
    make.regressor("ridge_outputs", Ridge(), target=both, protocol=2)
    if VERSION < (1, 7):
        make.classifier("logistic_softmax", LogisticRegression(multi_class="multinomial"))
        make.classifier("logistic_rest", LogisticRegression(solver="liblinear"), target=make.three)
    make.classifier("standard_logistic", make_pipeline(StandardScaler(), LogisticRegression()))
    make.regressor("minmax_ridge", make_pipeline(MinMaxScaler(clip=True), Ridge()), compress=3)
    make.regressor("robust_linear", make_pipeline(RobustScaler(), LinearRegression()), protocol=2)
    make.classifier(
        "imputed_forest",
        make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True),
            RandomForestClassifier(n_estimators=n, max_depth=3, random_state=1),
        ),
        "gaps",
    )
    make.classifier("scaled_xgb", make_pipeline(
        StandardScaler(), xgboost.XGBClassifier(n_estimators=n, max_depth=3, n_jobs=1)), "gaps")

    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [
            ("numeric", numeric, ["price", "load"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["family", "zone"]),
        ]
    )
    make.classifier("columns_logistic", Pipeline([("c", columns), ("m", LogisticRegression())]),
                    "mixed")
    ordinal = ColumnTransformer(
        [("texts", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1,
                                  encoded_missing_value=-2), [2, 3, 4]),
         ("nothing", "drop", [1])],
        remainder="passthrough",
    )
    make.regressor(
        "columns_hist",
        Pipeline([("c", ordinal), ("m", HistGradientBoostingRegressor(max_iter=n))]),
        "mixed",
        compress=0,
    )
    rare = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=75,
                                    drop=None), ["family"]),
            ("zone", OneHotEncoder(drop="first", handle_unknown="ignore"), ["zone"]),
            ("numeric", numeric, slice(0, 2)),
        ],
    )
    make.regressor("columns_rare", Pipeline([("c", rare), ("m", Ridge())]), "mixed", protocol=2)
    chosen = ColumnTransformer(
        [
            ("numbers", numeric, make_column_selector(dtype_include=np.number)),
            ("texts", OneHotEncoder(handle_unknown="ignore", dtype=np.int8),
             make_column_selector(dtype_exclude=np.number)),
        ]
    )
    make.classifier("columns_chosen", make_pipeline(chosen, LogisticRegression()), "mixed")
    filled = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="if_binary", handle_unknown="ignore")
    )
    texts = ColumnTransformer(
        [
            ("filled", filled, ["tier", "zone"]),
            ("missing", OneHotEncoder(handle_unknown="ignore"), ["tier"]),
            ("constant", make_pipeline(SimpleImputer(strategy="constant", fill_value="none"),
                                       OneHotEncoder(handle_unknown="ignore")), ["tier"]),
            ("numbers", SimpleImputer(strategy="constant", fill_value=-1.5), ["load", "price"]),
        ]
    )
    make.regressor("columns_texts", Pipeline([("c", texts), ("n", "passthrough"), ("m", Ridge())]),
                   "mixed")
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    make.classifier("calibrated_pipeline", CalibratedClassifierCV(inner, cv=2))
    boosted = GradientBoostingClassifier(n_estimators=n, max_depth=2, random_state=1)
    make.classifier("calibrated_boosting", CalibratedClassifierCV(boosted, cv=2), target=make.three)
    forest = RandomForestClassifier(n_estimators=n, max_depth=2, random_state=1)
    make.classifier("calibrated_sigmoid", CalibratedClassifierCV(forest, cv=2))
    make.classifier("calibrated_isotonic", CalibratedClassifierCV(forest, cv=2, method="isotonic"),
                    target=make.names)
    make.classifier("calibrated_margin",
                    CalibratedClassifierCV(LogisticRegression(), cv=2, ensemble=False))


def parts(make):
    """What stands beside a model in a bundle: no predictions, but transformed rows."""
    numbers, rows = make.tables["numbers"], make.table("numbers")
    for name, scaler in [("part_standard", StandardScaler()), ("part_minmax", MinMaxScaler()),
                         ("part_robust", RobustScaler(with_centering=False)),
                         ("part_unscaled", StandardScaler(with_std=False))]:
        make.keep(name, scaler.fit(numbers), "numbers", scaler.transform(rows))
    imputer = SimpleImputer(strategy="most_frequent").fit(make.tables["gaps"])
    make.keep("part_imputer", imputer, "gaps", imputer.transform(make.table("gaps")))
    encoders = {
        "family": LabelEncoder().fit(make.mixed["family"]),
        "zone": LabelEncoder().fit(make.mixed["zone"].astype(str).to_numpy().astype("U")),
        "code": LabelEncoder().fit([7, 3, 5]),
    }
    with open(make.folder / "label_encoders.pkl", "wb") as into:
        pickle.dump(encoders, into)


if __name__ == "__main__":
    arguments = parse()
    make = Maker(arguments)
    boosters(make)
    trees(make)
    lines_and_pipelines(make)
    parts(make)
    versions = {
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "xgboost": xgboost.__version__,
        "lightgbm": lightgbm.__version__,
        "joblib": joblib.__version__,
    }
    text = json.dumps({"versions": versions, "cases": make.cases}, indent=1)
    (make.folder / "cases.json").write_text(text + "\n")
