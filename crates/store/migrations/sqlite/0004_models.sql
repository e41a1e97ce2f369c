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
    UNIQUE (model_name, model_version)
);
CREATE UNIQUE INDEX ml_models_active ON ml_models (model_type) WHERE active;

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

-- The model is in every key: a distributed database keeps a model's predictions together.
CREATE TABLE predictions_log (
    model_id          BLOB    NOT NULL,
    prediction_id     BLOB    NOT NULL,
    prediction_type   TEXT    NOT NULL,
    input_data        TEXT    NOT NULL,
    prediction_output TEXT    NOT NULL,
    confidence_score  REAL,
    created_at        INTEGER NOT NULL,
    PRIMARY KEY (model_id, prediction_id)
) WITHOUT ROWID;
CREATE INDEX predictions_log_by_time ON predictions_log (model_id, created_at);
