-- Models, and what was done to keep their data complete.
CREATE TABLE ml_models (
    model_id            BLOB     NOT NULL PRIMARY KEY,
    model_name          TEXT     NOT NULL,
    model_version       TEXT     NOT NULL,
    model_type          TEXT     NOT NULL,
    trained_until_date  TEXT     NOT NULL,
    upload_date         INTEGER  NOT NULL,
    uploaded_by         TEXT,
    active              BOOLEAN  NOT NULL,
    model_file_path     TEXT     NOT NULL,
    model_metadata      TEXT,
    performance_metrics TEXT,
    last_refresh_date   INTEGER,
    file_name           TEXT,
    file_digest         TEXT,
    file_bytes          INTEGER,
    description         TEXT,
    shadow              BOOLEAN  NOT NULL DEFAULT false,
    shadowed_at         INTEGER,
    UNIQUE (model_name, model_version)
);
CREATE UNIQUE INDEX ml_models_active ON ml_models (model_type) WHERE active;
CREATE UNIQUE INDEX ml_models_shadow ON ml_models (model_type) WHERE shadow;

-- Which model answered for its type from when on; going back is reading this backwards.
CREATE TABLE model_activations (
    activation_id INTEGER NOT NULL PRIMARY KEY,
    model_type    TEXT    NOT NULL,
    model_id      BLOB    NOT NULL,
    previous_id   BLOB,
    activated_at  INTEGER NOT NULL,
    activated_by  TEXT    NOT NULL
);
CREATE INDEX model_activations_by_type ON model_activations (model_type, activated_at);

CREATE TABLE decision_engines (
    engine_id        BLOB    NOT NULL PRIMARY KEY,
    engine_name      TEXT    NOT NULL,
    engine_version   TEXT    NOT NULL,
    engine_type      TEXT    NOT NULL,
    upload_date      INTEGER NOT NULL,
    active           BOOLEAN NOT NULL,
    engine_file_path TEXT    NOT NULL,
    config           TEXT,
    input_schema     TEXT,
    output_schema    TEXT,
    UNIQUE (engine_name, engine_version)
);
CREATE UNIQUE INDEX decision_engines_active ON decision_engines (engine_type) WHERE active;

-- A gap is a set of intervals of pools; the dates are its outer limits. Its progress is its job's.
CREATE TABLE gap_fills (
    gap_id           BLOB     NOT NULL PRIMARY KEY,
    model_id         BLOB     REFERENCES ml_models (model_id),
    job_id           BLOB     NOT NULL,
    gap_start_date   TEXT     NOT NULL,
    gap_end_date     TEXT     NOT NULL,
    gap_days         INTEGER  NOT NULL,
    data_type        TEXT     NOT NULL,
    regions          TEXT     NOT NULL,
    instance_types   TEXT     NOT NULL,
    records_expected INTEGER,
    permanent_before INTEGER,
    created_at       INTEGER  NOT NULL,
    outcome          TEXT
);
CREATE INDEX gap_fills_by_time ON gap_fills (created_at);
CREATE INDEX gap_fills_by_job ON gap_fills (job_id);

CREATE TABLE refreshes (
    refresh_id        BLOB    NOT NULL PRIMARY KEY,
    model_id          BLOB    REFERENCES ml_models (model_id),
    job_id            BLOB    NOT NULL,
    refresh_type      TEXT    NOT NULL,
    data_fetched_from TEXT    NOT NULL,
    data_fetched_to   TEXT    NOT NULL,
    auto_activate     BOOLEAN NOT NULL,
    triggered_by      TEXT,
    started_at        INTEGER NOT NULL,
    outcome           TEXT
);
CREATE INDEX refreshes_by_model ON refreshes (model_id, started_at);

-- The model is in every key: a distributed database keeps a model's predictions together. The model
-- of all zeros is the baseline, which answers where no model is active. A prediction with `shadow_of`
-- was no answer: it has the name of the answer that the model of this column gave.
CREATE TABLE predictions (
    model_id         BLOB    NOT NULL,
    prediction_id    BLOB    NOT NULL,
    sequence         INTEGER NOT NULL,
    prediction_type  TEXT    NOT NULL,
    customer_id      TEXT    NOT NULL,
    instance_type    TEXT    NOT NULL,
    region           TEXT    NOT NULL,
    zone             TEXT    NOT NULL,
    operating_system TEXT    NOT NULL,
    horizon_seconds  INTEGER NOT NULL,
    value            REAL    NOT NULL,
    low              REAL,
    high             REAL,
    last_value       REAL,
    confidence_score REAL    NOT NULL,
    features         TEXT,
    created_at       INTEGER NOT NULL,
    outcome          REAL,
    outcome_at       INTEGER,
    shadow_of        BLOB,
    PRIMARY KEY (model_id, prediction_id)
) WITHOUT ROWID;
CREATE INDEX predictions_by_time ON predictions (model_id, created_at);
CREATE INDEX predictions_by_sequence ON predictions (sequence);
CREATE INDEX predictions_resolved ON predictions (model_id, created_at) WHERE outcome IS NOT NULL;
CREATE INDEX predictions_of_shadows ON predictions (model_id, created_at) WHERE shadow_of IS NOT NULL;

-- How many predictions of each model were forgotten: counts of all of them stay right.
CREATE TABLE forgotten_predictions (
    model_id         BLOB    NOT NULL PRIMARY KEY,
    prediction_count INTEGER NOT NULL,
    resolved_count   INTEGER NOT NULL
);

-- What stood in the features of the first rows that a model was asked about: for each feature where
-- its bins begin, and how many rows lay in each.
CREATE TABLE feature_references (
    model_id  BLOB NOT NULL PRIMARY KEY,
    row_count INTEGER NOT NULL,
    features  TEXT NOT NULL,
    learnt_at INTEGER NOT NULL
);

-- The same bins, hour by hour, as each server counted them.
CREATE TABLE feature_counts (
    model_id  BLOB NOT NULL,
    hour      INTEGER NOT NULL,
    writer    BLOB NOT NULL,
    row_count INTEGER NOT NULL,
    bins      TEXT NOT NULL,
    PRIMARY KEY (model_id, hour, writer)
);

-- The last sequence number that was given out; whoever adds predictions holds its row until the end.
CREATE TABLE prediction_counter (
    counter       INTEGER NOT NULL PRIMARY KEY,
    last_sequence INTEGER NOT NULL
);
INSERT INTO prediction_counter (counter, last_sequence) VALUES (1, 0);

CREATE VIEW predictions_log AS
    SELECT p.prediction_id, NULLIF(p.model_id, zeroblob(16)) AS model_id, p.prediction_type,
           json_object('instance_type', p.instance_type, 'region', p.region, 'az', p.zone,
                       'operating_system', p.operating_system, 'features', json(p.features)) AS input_data,
           json_object('value', p.value, 'low', p.low, 'high', p.high,
                       'horizon_hours', p.horizon_seconds / 3600.0) AS prediction_output,
           p.confidence_score, p.created_at, p.outcome, p.outcome_at
    FROM predictions p;
