//! The globals that a pickle may name. Everything else is refused.
//!
//! A line here lets a name into the graph; it runs nothing, because there is nothing here that
//! could run. What a listed object means is known only to whoever reads the graph, and `Inert`
//! objects are read by nobody.

/// What a listed global may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An object of it may stand in the file, and is read.
    Made,
    /// It may stand as a value, and may not be called.
    Named,
    /// Both.
    Either,
    /// An object of it may stand in the file; its content is never read.
    Inert,
}

/// A line of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Module and name as today's Python spells them, joined by a dot.
    pub name: &'static str,
    /// What it may be used for.
    pub role: Role,
}

/// The whole list, for documents and tests.
#[must_use]
pub fn allowed() -> &'static [Allowed] {
    ALLOWED
}

/// The line of `module` and `name`, spelled as any version of the libraries spells them.
///
/// Both are compared as a whole: a name with a dot in it, by which Python would walk from one
/// attribute to the next, is found nowhere.
pub(crate) fn find(module: &str, name: &str) -> Option<&'static Allowed> {
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        "numpy.core.multiarray" => "numpy._core.multiarray",
        "numpy.core.numeric" => "numpy._core.numeric",
        other => other,
    };
    ALLOWED.iter().find(|allowed| {
        allowed.name.len() == module.len().saturating_add(1).saturating_add(name.len())
            && allowed.name.strip_prefix(module).and_then(|rest| rest.strip_prefix('.'))
                == Some(name)
            && !name.contains('.')
    })
}

const fn made(name: &'static str) -> Allowed {
    Allowed { name, role: Role::Made }
}

const fn named(name: &'static str) -> Allowed {
    Allowed { name, role: Role::Named }
}

const fn either(name: &'static str) -> Allowed {
    Allowed { name, role: Role::Either }
}

const fn inert(name: &'static str) -> Allowed {
    Allowed { name, role: Role::Inert }
}

/// Listed for one use alone; see [`only_use_of_partial`].
const PARTIAL: &str = "functools.partial";
const CHECK_ARRAY: &str = "sklearn.utils.validation.check_array";

/// Whether a call is none of `functools.partial`, or the one with the one function that
/// scikit-learn's histogram boosting writes.
pub(crate) fn only_use_of_partial(callee: &Allowed, first_argument: Option<&'static str>) -> bool {
    callee.name != PARTIAL || first_argument == Some(CHECK_ARRAY)
}

#[rustfmt::skip]
const ALLOWED: &[Allowed] = &[
    // Python's own.
    made("_codecs.encode"),
    made("copyreg._reconstructor"),
    named("builtins.object"),
    either("builtins.list"),
    either("builtins.dict"),
    either("builtins.set"),
    named("builtins.int"),
    named("builtins.float"),
    named("builtins.str"),
    named("builtins.bool"),
    made("builtins.bytes"),
    made("builtins.bytearray"),
    inert("builtins.slice"),
    // Only around `check_array`, by which histogram boosting passes its numbers on.
    made(PARTIAL),
    named(CHECK_ARRAY),
    made("collections.OrderedDict"),
    made("collections.defaultdict"),

    // Arrays.
    made("numpy._core.multiarray._reconstruct"),
    made("numpy._core.multiarray.scalar"),
    made("numpy._core.numeric._frombuffer"),
    named("numpy.ndarray"),
    either("numpy.dtype"),
    named("numpy.float64"),
    named("numpy.float32"),
    named("numpy.int64"),
    named("numpy.int32"),
    named("numpy.int16"),
    named("numpy.int8"),
    named("numpy.uint8"),
    named("numpy.uint16"),
    named("numpy.uint32"),
    named("numpy.uint64"),
    named("numpy.number"),
    named("numpy.bool_"),
    named("numpy.bool"),
    named("numpy.object_"),
    named("numpy.str_"),
    made("joblib.numpy_pickle.NumpyArrayWrapper"),

    // Gradient boosting libraries: the model is a buffer or a text in their own format.
    made("xgboost.core.Booster"),
    made("xgboost.sklearn.XGBClassifier"),
    made("xgboost.sklearn.XGBRegressor"),
    made("xgboost.sklearn.XGBRFClassifier"),
    made("xgboost.sklearn.XGBRFRegressor"),
    made("lightgbm.basic.Booster"),
    made("lightgbm.sklearn.LGBMClassifier"),
    made("lightgbm.sklearn.LGBMRegressor"),

    // scikit-learn: trees.
    made("sklearn.tree._tree.Tree"),
    made("sklearn.tree._classes.DecisionTreeClassifier"),
    made("sklearn.tree._classes.DecisionTreeRegressor"),
    made("sklearn.tree._classes.ExtraTreeClassifier"),
    made("sklearn.tree._classes.ExtraTreeRegressor"),
    made("sklearn.ensemble._forest.RandomForestClassifier"),
    made("sklearn.ensemble._forest.RandomForestRegressor"),
    made("sklearn.ensemble._forest.ExtraTreesClassifier"),
    made("sklearn.ensemble._forest.ExtraTreesRegressor"),
    made("sklearn.ensemble._gb.GradientBoostingClassifier"),
    made("sklearn.ensemble._gb.GradientBoostingRegressor"),
    made("sklearn.dummy.DummyClassifier"),
    made("sklearn.dummy.DummyRegressor"),
    made("sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier"),
    made("sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor"),
    made("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
    made("sklearn.ensemble._hist_gradient_boosting.binning._BinMapper"),

    // scikit-learn: linear models and what stands before and after a model.
    made("sklearn.linear_model._base.LinearRegression"),
    made("sklearn.linear_model._logistic.LogisticRegression"),
    made("sklearn.linear_model._ridge.Ridge"),
    made("sklearn.preprocessing._data.StandardScaler"),
    made("sklearn.preprocessing._data.MinMaxScaler"),
    made("sklearn.preprocessing._data.RobustScaler"),
    made("sklearn.impute._base.SimpleImputer"),
    made("sklearn.impute._base.MissingIndicator"),
    made("sklearn.preprocessing._data.MaxAbsScaler"),
    made("sklearn.preprocessing._encoders.OneHotEncoder"),
    made("sklearn.preprocessing._encoders.OrdinalEncoder"),
    made("sklearn.preprocessing._label.LabelEncoder"),
    made("sklearn.preprocessing._label.LabelBinarizer"),
    made("sklearn.preprocessing._function_transformer.FunctionTransformer"),
    made("sklearn.compose._column_transformer.ColumnTransformer"),
    made("sklearn.compose._column_transformer._RemainderColsList"),
    // Which columns it chose stands beside it, as places.
    inert("sklearn.compose._column_transformer.make_column_selector"),
    made("sklearn.pipeline.Pipeline"),
    made("sklearn.calibration.CalibratedClassifierCV"),
    made("sklearn.calibration._CalibratedClassifier"),
    made("sklearn.calibration._SigmoidCalibration"),
    made("sklearn.isotonic.IsotonicRegression"),

    // Losses and links: the model's own attributes say which one, so these are not read.
    inert("sklearn.ensemble._gb_losses.BinomialDeviance"),
    inert("sklearn.ensemble._gb_losses.ExponentialLoss"),
    inert("sklearn.ensemble._gb_losses.HuberLossFunction"),
    inert("sklearn.ensemble._gb_losses.LeastAbsoluteError"),
    inert("sklearn.ensemble._gb_losses.LeastSquaresError"),
    inert("sklearn.ensemble._gb_losses.MultinomialDeviance"),
    inert("sklearn.ensemble._gb_losses.QuantileLossFunction"),
    inert("_loss.CyAbsoluteError"),
    inert("_loss.CyExponentialLoss"),
    inert("_loss.CyHalfBinomialLoss"),
    inert("_loss.CyHalfGammaLoss"),
    inert("_loss.CyHalfMultinomialLoss"),
    inert("_loss.CyHalfPoissonLoss"),
    inert("_loss.CyHalfSquaredError"),
    inert("_loss.CyHuberLoss"),
    inert("_loss.CyPinballLoss"),
    inert("sklearn._loss._loss.CyAbsoluteError"),
    inert("sklearn._loss._loss.CyExponentialLoss"),
    inert("sklearn._loss._loss.CyHalfBinomialLoss"),
    inert("sklearn._loss._loss.CyHalfGammaLoss"),
    inert("sklearn._loss._loss.CyHalfMultinomialLoss"),
    inert("sklearn._loss._loss.CyHalfPoissonLoss"),
    inert("sklearn._loss._loss.CyHalfSquaredError"),
    inert("sklearn._loss._loss.CyHuberLoss"),
    inert("sklearn._loss._loss.CyPinballLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyAbsoluteError"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHalfBinomialLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHalfMultinomialLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHalfSquaredError"),
    inert("_loss.__pyx_unpickle_CyAbsoluteError"),
    inert("_loss.__pyx_unpickle_CyExponentialLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyExponentialLoss"),
    inert("_loss.__pyx_unpickle_CyHalfBinomialLoss"),
    inert("_loss.__pyx_unpickle_CyHalfGammaLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHalfGammaLoss"),
    inert("_loss.__pyx_unpickle_CyHalfMultinomialLoss"),
    inert("_loss.__pyx_unpickle_CyHalfPoissonLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHalfPoissonLoss"),
    inert("_loss.__pyx_unpickle_CyHalfSquaredError"),
    inert("_loss.__pyx_unpickle_CyHuberLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyHuberLoss"),
    inert("_loss.__pyx_unpickle_CyPinballLoss"),
    inert("sklearn._loss._loss.__pyx_unpickle_CyPinballLoss"),
    inert("sklearn._loss.link.HalfLogitLink"),
    inert("sklearn._loss.link.IdentityLink"),
    inert("sklearn._loss.link.Interval"),
    inert("sklearn._loss.link.LogLink"),
    inert("sklearn._loss.link.LogitLink"),
    inert("sklearn._loss.link.MultinomialLogit"),
    inert("sklearn._loss.loss.AbsoluteError"),
    inert("sklearn._loss.loss.ExponentialLoss"),
    inert("sklearn._loss.loss.HalfBinomialLoss"),
    inert("sklearn._loss.loss.HalfGammaLoss"),
    inert("sklearn._loss.loss.HalfMultinomialLoss"),
    inert("sklearn._loss.loss.HalfPoissonLoss"),
    inert("sklearn._loss.loss.HalfSquaredError"),
    inert("sklearn._loss.loss.HuberLoss"),
    inert("sklearn._loss.loss.PinballLoss"),

    // States of random generators, dates, and what scikit-learn keeps for its own checks.
    inert("numpy.random._pickle.__randomstate_ctor"),
    inert("numpy.random._pickle.__generator_ctor"),
    inert("numpy.random._pickle.__bit_generator_ctor"),
    inert("numpy.random._mt19937.MT19937"),
    inert("numpy.random._pcg64.PCG64"),
    inert("numpy.random.bit_generator.SeedSequence"),
    inert("numpy.random.bit_generator.__pyx_unpickle_SeedSequence"),
    inert("datetime.datetime"),
    inert("datetime.timezone"),
    inert("datetime.timedelta"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_and_no_path_of_attributes_is() {
        let found = |module, name| find(module, name).map(|allowed| allowed.name);
        let reconstruct = Some("numpy._core.multiarray._reconstruct");
        assert_eq!(found("numpy.core.multiarray", "_reconstruct"), reconstruct);
        assert_eq!(found("numpy._core.multiarray", "_reconstruct"), reconstruct);
        assert_eq!(found("__builtin__", "bytearray"), Some("builtins.bytearray"));
        assert_eq!(found("numpy", "core.multiarray._reconstruct"), None);
        assert_eq!(found("numpy._core", "multiarray._reconstruct"), None);
        assert_eq!(found("sklearn.tree", "_tree.Tree"), None);
        assert_eq!(found("", "numpy.ndarray"), None);
        assert_eq!(found("numpy", "ndarray "), None);
        assert_eq!(found("os", "system"), None);
    }

    #[test]
    fn no_line_stands_twice() {
        let names: std::collections::BTreeSet<_> = ALLOWED.iter().map(|line| line.name).collect();
        assert_eq!(names.len(), ALLOWED.len());
    }
}
