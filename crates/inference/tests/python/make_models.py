"""Trains models with the installed libraries and writes them beside the library's own answers.

    make_models.py FOLDER PREFIX ROWS [SIZE]

writes, for every case that the installed versions can make, `PREFIX-case.ending` (the model),
`PREFIX-case.json` (format, shape, tolerance) and the rows and answers: inside of the JSON for up to
1,000 rows, and else as little-endian f64 in `PREFIX-case.rows` and `PREFIX-case.answers`.
SIZE is how many boosting rounds are trained, 3 where it is not given.
"""

import json
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")

FOLDER, PREFIX, ROWS = sys.argv[1], sys.argv[2], int(sys.argv[3])
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 3
FEATURES = 6
DRAW = np.random.default_rng(20260801)


def rows(count, missing=0.08, category=True):
    """Numbers of 32 bits: feature 2 is often 0, feature 4 a category from 0 to 11."""
    x = DRAW.normal(size=(count, FEATURES)).astype(np.float32)
    x[DRAW.random(count) < 0.4, 2] = 0
    if category:
        x[:, 4] = DRAW.integers(0, 12, count)
    x[DRAW.random(x.shape) < missing] = np.nan
    return x


def truth(x):
    """What is to be learnt."""
    z = np.nan_to_num(x, nan=0.3)
    wave = z[:, 0] + np.sin(2 * z[:, 1]) * z[:, 2] + (z[:, 4].astype(int) % 3) - z[:, 5] * z[:, 3]
    return wave + DRAW.normal(size=len(x)) * 0.3


TRAIN = rows(max(400, 60 * ROUNDS))
VALUE = truth(TRAIN)
BINARY = (VALUE > np.median(VALUE)).astype(int)
THREE = np.digitize(VALUE, np.quantile(VALUE, [0.33, 0.66]))
POSITIVE = np.exp(VALUE / 3)
ASK = rows(ROWS)
# Values that no training row has: infinitely many ways to be out of range.
ASK[: ROWS // 10, 4] = DRAW.integers(-2, 40, ROWS // 10)
ASK[ROWS // 20 : ROWS // 10, 2] = 1e-36


def keep(name, ending, ask, answers, tolerance=1e-6):
    ask = np.asarray(ask, dtype=np.float64)
    answers = np.asarray(answers, dtype=np.float64).reshape(len(ask), -1)
    path = f"{FOLDER}/{PREFIX}-{name}"
    about = {"ending": ending, "width": ask.shape[1], "outputs": answers.shape[1], "tolerance": tolerance}
    if len(ask) > 1000:
        ask.astype("<f8").tofile(f"{path}.rows")
        answers.astype("<f8").tofile(f"{path}.answers")
    else:
        about["rows"] = [[None if np.isnan(v) else float(v) for v in row] for row in ask]
        about["answers"] = [[float(v) for v in row] for row in answers]
    with open(f"{path}.json", "w", encoding="utf-8") as file:
        json.dump(about, file, separators=(",", ":"))
        file.write("\n")
    print(f"{PREFIX}-{name}", flush=True)


def xgboost_cases():
    import xgboost as xgb

    print("xgboost", xgb.__version__, flush=True)
    types = ["q", "q", "q", "q", "c", "q"]

    def case(name, label, rounds=ROUNDS, types=None, endings=("json", "ubj"), tolerance=1e-6, bounds=None, **parameters):
        parameters = {"max_depth": 4, "nthread": 1, "seed": 1, **parameters}
        try:
            data = xgb.DMatrix(TRAIN, label, feature_types=types, enable_categorical=bool(types))
            if bounds is not None:
                data.set_float_info("label_lower_bound", bounds[0])
                data.set_float_info("label_upper_bound", bounds[1])
            if parameters["objective"].startswith("rank"):
                data.set_group([20] * (len(TRAIN) // 20))
            booster = xgb.train(parameters, data, rounds)
        except Exception as error:
            print("not made:", name, str(error).splitlines()[0][:100], flush=True)
            return
        finish(name, booster, types, endings, tolerance)

    def finish(name, booster, types, endings, tolerance, **of):
        ask = ASK.copy()
        if types:
            # It refuses negative categories since 3.0.
            ask[:, 4] = np.abs(ask[:, 4])
        answers = booster.predict(xgb.DMatrix(ask, feature_types=types, enable_categorical=bool(types)), **of)
        for ending in endings:
            full = f"xgboost-{name}-{ending}"
            booster.save_model(f"{FOLDER}/{PREFIX}-{full}.{ending}")
            import os

            os.replace(f"{FOLDER}/{PREFIX}-{full}.{ending}", f"{FOLDER}/{PREFIX}-{full}.model.{ending}")
            keep(full, f"model.{ending}", ask, answers, tolerance)

    case("binary", BINARY, objective="binary:logistic")
    case("binary-based", BINARY, objective="binary:logistic", base_score=0.2, endings=("json",))
    case("squared", VALUE, objective="reg:squarederror")
    case("absolute", VALUE, objective="reg:absoluteerror", endings=("json",))
    case("three", THREE, objective="multi:softprob", num_class=3)
    case("poisson", POSITIVE, objective="count:poisson", endings=("ubj",))
    case("gamma", POSITIVE, objective="reg:gamma", endings=("ubj",))
    case("tweedie", POSITIVE, objective="reg:tweedie", endings=("ubj",))
    case("logistic", BINARY, objective="reg:logistic", endings=("ubj",))
    case("raw", BINARY, objective="binary:logitraw", endings=("ubj",))
    case("hinge", BINARY, objective="binary:hinge", endings=("ubj",))
    case("huber", VALUE, objective="reg:pseudohubererror", endings=("ubj",))
    case("pairs", BINARY, objective="rank:pairwise", endings=("ubj",))
    case("cox", POSITIVE, objective="survival:cox", endings=("ubj",))
    case("aft", POSITIVE, objective="survival:aft", bounds=(POSITIVE, POSITIVE * 1.5), endings=("ubj",))
    case("dart", BINARY, objective="binary:logistic", booster="dart", rate_drop=0.4, rounds=2 * ROUNDS)
    case("forest", VALUE, objective="reg:squarederror", num_parallel_tree=3, subsample=0.6, endings=("json",))
    case("linear", VALUE, objective="reg:squarederror", booster="gblinear", endings=("json",))
    case("linear-three", THREE, objective="multi:softprob", num_class=3, booster="gblinear", endings=("ubj",))
    case("categories", VALUE, objective="reg:squarederror", types=types, tree_method="hist", max_cat_to_onehot=1)
    case("onehot", BINARY, objective="binary:logistic", types=types, tree_method="hist", max_cat_to_onehot=99, endings=("ubj",))
    case("exact", VALUE, objective="reg:squarederror", tree_method="exact", max_depth=6, gamma=0.5, endings=("ubj",))
    case("quantiles", VALUE, objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9], endings=("json",))
    case("two", np.stack([VALUE, -VALUE + TRAIN[:, 4] * 0.1], 1)[:, :2] if not np.isnan(TRAIN).any() else np.stack([VALUE, POSITIVE], 1), objective="reg:squarederror", endings=("json",))
    stop = xgb.DMatrix(TRAIN[::2], -VALUE[::2])
    booster = xgb.train(
        {"objective": "reg:squarederror", "max_depth": 3, "nthread": 1},
        xgb.DMatrix(TRAIN, VALUE), 4, evals=[(stop, "other")], early_stopping_rounds=3, verbose_eval=False,
    )
    finish("stopped", booster, None, ("json", "ubj"), 1e-6, iteration_range=(0, booster.best_iteration + 1))


def lightgbm_cases():
    import lightgbm as lgb

    print("lightgbm", lgb.__version__, flush=True)

    def case(name, label, rounds=ROUNDS, categorical="auto", **parameters):
        parameters = {"num_leaves": 12, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "seed": 1, "deterministic": True, **parameters}
        group = [20] * (len(TRAIN) // 20) if parameters["objective"].startswith(("lambda", "rank")) else None
        data = lgb.Dataset(TRAIN.astype(np.float64), label, group=group, categorical_feature=categorical, params={"verbose": -1})
        try:
            booster = lgb.train(parameters, data, rounds)
        except Exception as error:
            print("not made:", name, str(error)[:100], flush=True)
            return
        booster.save_model(f"{FOLDER}/{PREFIX}-lightgbm-{name}.txt")
        keep(f"lightgbm-{name}", "txt", ASK, booster.predict(ASK.astype(np.float64)))

    case("binary", BINARY, objective="binary")
    case("sigmoid", BINARY, objective="binary", sigmoid=1.7)
    case("regression", VALUE, objective="regression")
    case("root", VALUE * 3, objective="regression", reg_sqrt=True)
    case("absolute", VALUE, objective="regression_l1")
    case("quantile", VALUE, objective="quantile", alpha=0.8)
    case("poisson", POSITIVE, objective="poisson")
    case("gamma", POSITIVE, objective="gamma")
    case("tweedie", POSITIVE, objective="tweedie")
    case("three", THREE, objective="multiclass", num_class=3)
    case("three-rest", THREE, objective="multiclassova", num_class=3)
    case("entropy", BINARY * 0.9 + 0.05, objective="cross_entropy")
    case("entropy-lambda", BINARY * 0.9 + 0.05, objective="cross_entropy_lambda")
    case("ranks", BINARY, objective="lambdarank")
    case("categories", VALUE, objective="regression", categorical=[4], min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=1)
    case("onehot", BINARY, objective="binary", categorical=[4], max_cat_to_onehot=99)
    case("zero", VALUE, objective="regression", zero_as_missing=True)
    case("zero-categories", VALUE, objective="regression", zero_as_missing=True, categorical=[4], max_cat_to_onehot=1, min_data_per_group=5)
    case("blind", VALUE, objective="regression", use_missing=False)
    case("forest", VALUE, objective="regression", boosting="rf", bagging_freq=1, bagging_fraction=0.6)
    case("forest-binary", BINARY, objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6)
    case("dart", BINARY, objective="binary", boosting="dart", drop_rate=0.5, rounds=2 * ROUNDS)
    case("stump", np.ones(len(TRAIN)) * 2.5, objective="regression")

    import pandas as pd

    frame = pd.DataFrame({f"f{at}": TRAIN[:, at].astype(np.float64) for at in range(FEATURES)})
    colours = ["red", "green", "blue"]
    frame["f4"] = pd.Categorical([colours[int(v) % 3] if v == v else None for v in TRAIN[:, 4]], categories=colours)
    booster = lgb.train({"objective": "regression", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}, lgb.Dataset(frame, VALUE), ROUNDS)
    booster.save_model(f"{FOLDER}/{PREFIX}-lightgbm-pandas.txt")
    ask = ASK.astype(np.float64).copy()
    ask[:, 4] = np.where(np.isnan(ask[:, 4]), np.nan, np.abs(ask[:, 4]) % 3)
    asked = pd.DataFrame({f"f{at}": ask[:, at] for at in range(FEATURES)})
    codes = np.nan_to_num(ask[:, 4], nan=-1).astype(int)
    asked["f4"] = pd.Categorical.from_codes(codes, categories=colours)
    keep("lightgbm-pandas", "txt", ask, booster.predict(asked))


def onnx_cases():
    try:
        import onnxruntime
        from skl2onnx import to_onnx
    except ImportError:
        return
    import lightgbm as lgb
    import xgboost as xgb
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from sklearn.ensemble import (
        ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    print("onnxruntime", onnxruntime.__version__, flush=True)
    train, ask = np.nan_to_num(TRAIN, nan=0.5), np.nan_to_num(ASK, nan=0.5)

    def keep_onnx(name, model, ask, tolerance=1e-6):
        text = model.SerializeToString()
        with open(f"{FOLDER}/{PREFIX}-onnx-{name}.onnx", "wb") as file:
            file.write(text)
        session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
        answers = session.run(None, {session.get_inputs()[0].name: ask.astype(np.float32)})[-1]
        if isinstance(answers, list):
            answers = np.array([[row[key] for key in sorted(row)] for row in answers])
        if answers.ndim == 2 and answers.shape[1] == 2 and name not in ("two-shares", "two-outputs"):
            answers = answers[:, 1]
        keep(f"onnx-{name}", "onnx", ask, answers, tolerance)

    def case(name, model, label, zipmap=False, tolerance=1e-6):
        model.fit(train, label)
        options = {"zipmap": zipmap} if hasattr(model, "classes_") else None
        keep_onnx(name, to_onnx(model, train[:1], options=options), ask, tolerance)

    case("forest", RandomForestClassifier(ROUNDS, max_depth=4, random_state=1), BINARY, zipmap=True)
    case("forest-three", RandomForestClassifier(ROUNDS, max_depth=4, random_state=1), THREE)
    case("forest-names", RandomForestClassifier(ROUNDS, max_depth=4, random_state=1), np.array(["a", "b", "c"])[THREE], zipmap=True)
    case("extra", ExtraTreesClassifier(ROUNDS, max_depth=4, random_state=1), BINARY)
    case("tree", DecisionTreeClassifier(max_depth=4, random_state=1), THREE)
    case("forest-values", RandomForestRegressor(ROUNDS, max_depth=4, random_state=1), VALUE)
    case("two-outputs", RandomForestRegressor(ROUNDS, max_depth=4, random_state=1), np.stack([VALUE, POSITIVE], 1))
    case("boosting", GradientBoostingClassifier(n_estimators=ROUNDS, random_state=1), BINARY)
    case("boosting-three", GradientBoostingClassifier(n_estimators=ROUNDS, random_state=1), THREE)
    case("boosting-values", GradientBoostingRegressor(n_estimators=ROUNDS, random_state=1), VALUE)
    case("line", make_pipeline(StandardScaler(), LinearRegression()), VALUE, tolerance=4e-6)
    case("ridge", make_pipeline(RobustScaler(), Ridge()), VALUE, tolerance=4e-6)
    case("logistic", make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)), BINARY, zipmap=True)
    case("logistic-three", make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=500)), THREE)
    case("normal", make_pipeline(Normalizer(), LogisticRegression(max_iter=500)), THREE)
    model = make_pipeline(SimpleImputer(strategy="median"), RandomForestRegressor(ROUNDS, max_depth=4, random_state=1))
    model.fit(TRAIN, VALUE)
    keep_onnx("imputed", to_onnx(model, TRAIN[:1]), ASK)

    shape = [("input", FloatTensorType([None, FEATURES]))]
    for name, model, label in [
        ("xgboost", xgb.XGBClassifier(n_estimators=ROUNDS, max_depth=4), BINARY),
        ("xgboost-three", xgb.XGBClassifier(n_estimators=ROUNDS, max_depth=4), THREE),
        ("xgboost-values", xgb.XGBRegressor(n_estimators=ROUNDS, max_depth=4), VALUE),
    ]:
        model.fit(TRAIN, label)
        keep_onnx(name, convert_xgboost(model, initial_types=shape), ASK)
    for name, model, label in [
        ("lightgbm", lgb.LGBMClassifier(n_estimators=ROUNDS, num_leaves=12, verbose=-1), BINARY),
        ("lightgbm-three", lgb.LGBMClassifier(n_estimators=ROUNDS, num_leaves=12, verbose=-1), THREE),
        ("lightgbm-values", lgb.LGBMRegressor(n_estimators=ROUNDS, num_leaves=12, verbose=-1), VALUE),
    ]:
        model.fit(train, label)
        keep_onnx(name, convert_lightgbm(model, initial_types=shape), ask)


xgboost_cases()
lightgbm_cases()
onnx_cases()
