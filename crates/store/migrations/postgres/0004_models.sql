-- Models, and what was done to keep their data complete.
CREATE TABLE ml_models (
    model_id            UUID         NOT NULL PRIMARY KEY,
    model_name          TEXT         NOT NULL,
    model_version       TEXT         NOT NULL,
    model_type          TEXT         NOT NULL,
    trained_until_date  DATE         NOT NULL,
    upload_date         TIMESTAMPTZ  NOT NULL,
    uploaded_by         TEXT,
    active              BOOLEAN      NOT NULL,
    model_file_path     TEXT         NOT NULL,
    model_metadata      JSONB,
    performance_metrics JSONB,
    last_refresh_date   TIMESTAMPTZ,
    UNIQUE (model_name, model_version)
);
CREATE UNIQUE INDEX ml_models_active ON ml_models (model_type) WHERE active;

CREATE TABLE decision_engines (
    engine_id        UUID        NOT NULL PRIMARY KEY,
    engine_name      TEXT        NOT NULL,
    engine_version   TEXT        NOT NULL,
    engine_type      TEXT        NOT NULL,
    upload_date      TIMESTAMPTZ NOT NULL,
    active           BOOLEAN     NOT NULL,
    engine_file_path TEXT        NOT NULL,
    config           JSONB,
    input_schema     JSONB,
    output_schema    JSONB,
    UNIQUE (engine_name, engine_version)
);
CREATE UNIQUE INDEX decision_engines_active ON decision_engines (engine_type) WHERE active;

-- A gap is a set of intervals of pools; the dates are its outer limits. Its progress is its job's.
CREATE TABLE data_gaps (
    gap_id           UUID         NOT NULL PRIMARY KEY,
    model_id         UUID         REFERENCES ml_models (model_id),
    job_id           UUID         NOT NULL,
    gap_start_date   DATE         NOT NULL,
    gap_end_date     DATE         NOT NULL,
    gap_days         BIGINT       NOT NULL,
    data_type        TEXT         NOT NULL,
    regions          JSONB        NOT NULL,
    instance_types   JSONB        NOT NULL,
    records_expected BIGINT,
    permanent_before TIMESTAMPTZ,
    created_at       TIMESTAMPTZ  NOT NULL,
    outcome          JSONB
);
CREATE INDEX data_gaps_by_time ON data_gaps (created_at);
CREATE INDEX data_gaps_by_job ON data_gaps (job_id);

CREATE TABLE model_refresh_history (
    refresh_id        UUID        NOT NULL PRIMARY KEY,
    model_id          UUID        REFERENCES ml_models (model_id),
    job_id            UUID        NOT NULL,
    refresh_type      TEXT        NOT NULL,
    data_fetched_from DATE        NOT NULL,
    data_fetched_to   DATE        NOT NULL,
    auto_activate     BOOLEAN     NOT NULL,
    triggered_by      TEXT,
    started_at        TIMESTAMPTZ NOT NULL,
    outcome           JSONB
);
CREATE INDEX model_refresh_history_by_model ON model_refresh_history (model_id, started_at);

-- The model is in every key: a distributed database keeps a model's predictions together.
CREATE TABLE predictions_log (
    model_id          UUID              NOT NULL,
    prediction_id     UUID              NOT NULL,
    prediction_type   TEXT              NOT NULL,
    input_data        JSONB             NOT NULL,
    prediction_output JSONB             NOT NULL,
    confidence_score  DOUBLE PRECISION,
    created_at        TIMESTAMPTZ       NOT NULL,
    PRIMARY KEY (model_id, prediction_id)
);
CREATE INDEX predictions_log_by_time ON predictions_log (model_id, created_at);
