//! What every reader makes of a file: what goes in, what comes out, and what lies between.

use crate::Predictor;

/// A model that was read. Check it with [`crate::validate`] before anything else.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it takes and what it answers.
    pub signature: Signature,
    /// How an answer is computed.
    pub predictor: Predictor,
    /// Where it comes from, for people.
    pub source: Source,
}

/// What a model takes and what it answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The columns of a row, in order.
    pub features: Vec<Feature>,
    /// What the numbers of an answer are.
    pub meaning: Meaning,
}

/// One column of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Its name, if the file has one.
    pub name: Option<String>,
    /// What stands in it.
    pub kind: FeatureKind,
}

/// What stands in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureKind {
    /// A number; NaN where it is missing.
    Number,
    /// The code of a category as a number, from 0; NaN where it is missing. `values[code]` is what
    /// the category is called, if the file tells (empty otherwise).
    Code {
        /// Names of the codes.
        values: Vec<Label>,
    },
    /// Whatever the encoders of the model know, a number or a text; NaN where it is missing.
    Any,
}

/// What the numbers of an answer are.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// `outputs` numbers of a regression, a ranking or an untransformed margin.
    Values {
        /// Numbers per row, at least 1.
        outputs: usize,
    },
    /// One number per row: the probability of the second of two classes, from 0 to 1.
    ProbabilityOfSecond {
        /// Exactly two.
        classes: Vec<Label>,
    },
    /// One probability per class, in this order, summing up to 1.
    Probabilities {
        /// At least two.
        classes: Vec<Label>,
    },
    /// One score per class, in this order; the largest one is the class. No probabilities.
    Scores {
        /// At least two.
        classes: Vec<Label>,
    },
}

/// What a class or a category is called.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Label {
    /// A truth value.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Where a model comes from, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The format of the file: `XGBoost JSON`, `LightGBM text`, `pickle of scikit-learn` …
    pub format: String,
    /// The version of the library or the format, if the file has one.
    pub version: Option<String>,
    /// What was trained, in the library's words: `binary:logistic`, `RandomForestClassifier` …
    pub objective: Option<String>,
    /// What the reader found and did not need, or assumed; one sentence each.
    pub notes: Vec<String>,
}

/// One value of a row that is not all numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number; NaN where it is missing.
    Number(f64),
    /// A text.
    Text(String),
}

impl Signature {
    /// A signature of numbers, named where `names` is not empty.
    #[must_use]
    pub fn numbers(features: usize, names: &[String], meaning: Meaning) -> Signature {
        let features = (0..features)
            .map(|at| Feature { name: names.get(at).cloned(), kind: FeatureKind::Number })
            .collect();
        Signature { features, meaning }
    }

    /// The names of all features, where every one has a name.
    #[must_use]
    pub fn names(&self) -> Option<Vec<&str>> {
        self.features.iter().map(|feature| feature.name.as_deref()).collect()
    }
}

impl Meaning {
    /// Numbers per row of an answer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Meaning::Values { outputs } => *outputs,
            Meaning::ProbabilityOfSecond { .. } => 1,
            Meaning::Probabilities { classes } | Meaning::Scores { classes } => classes.len(),
        }
    }

    /// The classes, where there are some.
    #[must_use]
    pub fn classes(&self) -> Option<&[Label]> {
        match self {
            Meaning::Values { .. } => None,
            Meaning::ProbabilityOfSecond { classes }
            | Meaning::Probabilities { classes }
            | Meaning::Scores { classes } => Some(classes),
        }
    }

    /// Probabilities of the classes 0, 1, …, `count`-1: one number where there are two.
    #[must_use]
    pub fn counted_classes(count: usize) -> Meaning {
        let classes = (0..count).map(|class| Label::Integer(class as i64)).collect();
        if count == 2 {
            Meaning::ProbabilityOfSecond { classes }
        } else {
            Meaning::Probabilities { classes }
        }
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, into: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Label::Flag(flag) => write!(into, "{flag}"),
            Label::Integer(number) => write!(into, "{number}"),
            Label::Number(number) => write!(into, "{number}"),
            Label::Text(text) => into.write_str(text),
        }
    }
}
