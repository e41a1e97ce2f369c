//! Asking a shadow what was answered: behind the answer, as far as there is room.
//!
//! An answer hands over what it was about, where its type has a shadow, and waits for nothing. What finds
//! no room is left out and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use facts::names::{InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use market::{Market, Place};
use store::PredictionRow;
use tokio::sync::{mpsc, watch};

use super::baseline::Hazard;
use super::features::{self, Told};
use super::{Tables, TablesOfCall, request};
use crate::App;
use crate::models::ModelType;
use crate::models::reading::Input;
use crate::models::serving::ServedModel;

/// Answers that may wait to be asked about at once: a call of the most pools, and little more.
const MOST_WAITING: u64 = 60_000;

/// What was answered, and what a shadow needs to be asked the same.
pub(crate) struct Question {
    pub(crate) kind: ModelType,
    pub(crate) answers: Vec<PredictionRow>,
    pub(crate) about: About,
}

/// Where the features of answers are.
pub(crate) enum About {
    /// The market has them.
    Pools {
        /// The market that the answers are of.
        market: Arc<Market>,
        /// As of when.
        as_of: Timestamp,
        /// What the caller said of each pool.
        told: Vec<Told>,
    },
    /// The caller gave them, in the order of the model that answered.
    Rows {
        /// Row after row.
        values: Vec<f64>,
        /// The model that answered.
        asked: Arc<ServedModel>,
    },
}

/// The way to whoever asks shadows.
#[derive(Clone, Debug)]
pub struct Shadows {
    queue: mpsc::UnboundedSender<Question>,
    /// One bit for each type that has a shadow.
    kinds: Arc<AtomicU8>,
    waiting: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

/// What waits to be asked.
pub struct Questions {
    queue: mpsc::UnboundedReceiver<Question>,
    shadows: Shadows,
}

impl Shadows {
    /// A queue and its other end.
    #[must_use]
    pub fn new() -> (Shadows, Questions) {
        // The count of waiting answers is what bounds it.
        let (queue, questions) = mpsc::unbounded_channel();
        let shadows = Shadows {
            queue,
            kinds: Arc::default(),
            waiting: Arc::default(),
            made: Arc::default(),
            dropped: Arc::default(),
        };
        (shadows.clone(), Questions { queue: questions, shadows })
    }

    /// How many predictions shadows have made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// About how many answers no shadow was asked for want of room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether a type has a shadow.
    pub(crate) fn wanted(&self, kind: ModelType) -> bool {
        self.kinds.load(Ordering::Relaxed) & bit(kind) != 0
    }

    /// These types have shadows from now on, and no others.
    pub(crate) fn are_of(&self, kinds: impl Iterator<Item = ModelType>) {
        self.kinds.store(kinds.fold(0, |all, kind| all | bit(kind)), Ordering::Relaxed);
    }

    /// Hands a question about so many answers over. Where too much waits already it is not even put
    /// together, and counted.
    pub(crate) fn ask(&self, answers: usize, question: impl FnOnce() -> Question) {
        let count = answers as u64;
        let before = self.waiting.fetch_add(count, Ordering::AcqRel);
        if before + count > MOST_WAITING || self.queue.send(question()).is_err() {
            self.waiting.fetch_sub(count, Ordering::AcqRel);
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }
}

fn bit(kind: ModelType) -> u8 {
    1 << kind as u8
}

impl App {
    /// Asks shadows, one question after another on one thread, until the server stops.
    pub async fn ask_shadows(
        self: Arc<Self>,
        mut questions: Questions,
        mut stop: watch::Receiver<bool>,
    ) {
        // Answers look tables up in their own: a question that waited must not push theirs out.
        let tables = Arc::new(Tables::default());
        loop {
            let question = tokio::select! {
                question = questions.queue.recv() => question,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Some(question) = question else { return };
            let count = question.answers.len() as u64;
            let (app, tables) = (Arc::clone(&self), Arc::clone(&tables));
            let said = tokio::task::spawn_blocking(move || app.ask_shadow(question, &tables));
            let said = said.await.unwrap_or_default();
            let shadows = &questions.shadows;
            shadows.waiting.fetch_sub(count, Ordering::AcqRel);
            let made = said.len() as u64;
            let kept = self.keeper.as_ref().is_some_and(|keeper| keeper.keep_if_quiet(said));
            let counter = if kept { &shadows.made } else { &shadows.dropped };
            counter.fetch_add(made, Ordering::Relaxed);
        }
    }

    /// What the shadow says, as far as it can.
    fn ask_shadow(&self, question: Question, tables: &Tables) -> Vec<PredictionRow> {
        let Question { kind, answers, about } = question;
        let Some(shadow) = self.shadow_model(kind) else { return Vec::new() };
        let mut rows = Vec::new();
        let asked: Vec<PredictionRow> = match &about {
            About::Pools { market, as_of, told } => {
                let mut tables = TablesOfCall::new(tables, market, *as_of);
                let pools = answers.into_iter().zip(told);
                pools
                    .filter(|(answer, told)| {
                        let pool = (answer, *told, *as_of);
                        push_pool(kind, &shadow, market, &mut tables, pool, &mut rows).is_some()
                    })
                    .map(|(answer, _)| answer)
                    .collect()
            }
            About::Rows { values, asked } => match places(asked, &shadow) {
                Some(places) => {
                    let width = asked.engine.signature().features.len();
                    for row in values.chunks_exact(width) {
                        rows.extend(places.iter().map(|at| row[*at]));
                    }
                    answers
                }
                None => return Vec::new(),
            },
        };
        self.seen_features.look(&shadow, &rows, self.clock.now());
        let outputs = shadow.engine.outputs().max(1);
        let Ok(found) = shadow.engine.predict(&rows, 1) else { return Vec::new() };
        let said = asked.into_iter().zip(found.chunks(outputs));
        said.filter_map(|(answer, said)| shadow_of(answer, &shadow, shadow.number(said), &about))
            .collect()
    }
}

/// Adds the features of a pool as a shadow takes them; `None` where it cannot be asked about it.
fn push_pool(
    kind: ModelType,
    shadow: &ServedModel,
    market: &Market,
    tables: &mut TablesOfCall<'_>,
    (answer, told, as_of): (&PredictionRow, &Told, Timestamp),
    rows: &mut Vec<f64>,
) -> Option<()> {
    if shadow.input == Input::Given {
        return None;
    }
    let pool = &answer.pool;
    let instance_type: InstanceType = pool.instance_type.parse().ok()?;
    let region: Region = pool.region.parse().ok()?;
    let place = pool.zone.parse::<Zone>().ok().map(Place::Zone);
    let system = match pool.operating_system.as_ref() {
        "windows" => OperatingSystem::Windows,
        _ => OperatingSystem::Linux,
    };
    let table = tables.of(&region, system);
    let pushed = match kind {
        ModelType::SpotPredictor => {
            let named = (&instance_type, place.as_ref());
            let (row, _) =
                features::of_spot(market, &table, named, told, || request(&region, system, as_of));
            features::push(shadow, &row, rows)
        }
        // Within an hour nothing beats the present price.
        ModelType::PricePredictor if shadow.horizon_hours > 1.0 => {
            let row = table.row(&instance_type, &place?)?;
            features::push(shadow, table.price_features(row)?, rows)
        }
        _ => false,
    };
    pushed.then_some(())
}

/// For each feature of a shadow its place in the rows of the model that answered; `None` where they do
/// not have the same ones.
fn places(asked: &ServedModel, shadow: &ServedModel) -> Option<Vec<usize>> {
    match (&asked.feature_names, &shadow.feature_names) {
        (Some(given), Some(wanted)) => {
            wanted.iter().map(|name| given.iter().position(|one| one == name)).collect()
        }
        _ => {
            let width = |model: &ServedModel| model.engine.signature().features.len();
            (width(asked) == width(shadow)).then(|| (0..width(shadow)).collect())
        }
    }
}

/// The record of what a shadow said beside an answer, in the answer's terms.
fn shadow_of(
    answer: PredictionRow,
    shadow: &ServedModel,
    said: f64,
    about: &About,
) -> Option<PredictionRow> {
    let own_seconds = (shadow.horizon_hours * 3600.0) as u64;
    let is_event = answer.prediction_type == ModelType::SpotPredictor.prediction();
    let (value, horizon_seconds) = match about {
        About::Pools { .. } if is_event && own_seconds != answer.horizon_seconds => {
            let hazard = Hazard::of_model(said, shadow.horizon_hours);
            let hours = answer.horizon_seconds as f64 / 3600.0;
            (-(-hazard.per_hour * hours).exp_m1(), answer.horizon_seconds)
        }
        About::Pools { .. } if is_event => (said.clamp(0.0, 1.0), answer.horizon_seconds),
        About::Pools { .. } => (answer.last_value? * said.exp(), own_seconds),
        About::Rows { .. } => (said, own_seconds),
    };
    let probable = (0.0..=1.0).contains(&value) && answer.last_value.is_none();
    value.is_finite().then(|| PredictionRow {
        model_id: shadow.model_id,
        shadow_of: Some(answer.model_id),
        // What a shadow says is no customer's.
        customer_id: Arc::default(),
        horizon_seconds,
        value,
        low: None,
        high: None,
        confidence: if probable { value.max(1.0 - value) } else { 0.5 },
        features: None,
        ..answer
    })
}
