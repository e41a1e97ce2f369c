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
    file_name           TEXT,
    file_digest         TEXT,
    file_bytes          BIGINT,
    description         JSONB,
    shadow              BOOLEAN      NOT NULL DEFAULT false,
    shadowed_at         TIMESTAMPTZ,
    UNIQUE (model_name, model_version)
);
CREATE UNIQUE INDEX ml_models_active ON ml_models (model_type) WHERE active;
CREATE UNIQUE INDEX ml_models_shadow ON ml_models (model_type) WHERE shadow;

-- Which model answered for its type from when on; going back is reading this backwards.
CREATE TABLE model_activations (
    activation_id BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_type    TEXT        NOT NULL,
    model_id      UUID        NOT NULL,
    previous_id   UUID,
    activated_at  TIMESTAMPTZ NOT NULL,
    activated_by  TEXT        NOT NULL
);
CREATE INDEX model_activations_by_type ON model_activations (model_type, activated_at);

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

CREATE VIEW decision_execution_log AS
    SELECT d.decision_id AS execution_id, e.engine_id, d.engine_name, d.engine_version,
           d.decision_type, d.cluster_id, d.customer_id,
           convert_from(i.content, 'UTF8')::jsonb AS input_state,
           (d.answer_front || convert_from(a.content, 'UTF8'))::jsonb -> 'recommendations' AS recommendations,
           d.confidence AS confidence_score,
           d.savings_nanos::numeric / 1000000000 AS estimated_savings, d.decided_at AS executed_at
    FROM decisions d
    LEFT JOIN decision_parts i ON i.digest = d.input_digest
    LEFT JOIN decision_parts a ON a.digest = d.answer_digest
    LEFT JOIN decision_engines e ON e.engine_name = d.engine_name AND e.engine_version = d.engine_version;

-- A gap is a set of intervals of pools; the dates are its outer limits. Its progress is its job's.
CREATE TABLE gap_fills (
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
CREATE INDEX gap_fills_by_time ON gap_fills (created_at);
CREATE INDEX gap_fills_by_job ON gap_fills (job_id);

CREATE VIEW data_gaps AS
    SELECT g.gap_id, g.model_id, g.gap_start_date, g.gap_end_date, g.gap_days, g.data_type,
           ARRAY(SELECT jsonb_array_elements_text(g.regions)) AS regions,
           ARRAY(SELECT jsonb_array_elements_text(g.instance_types)) AS instance_types,
           CASE j.state WHEN 'queued' THEN 'pending' WHEN 'running' THEN 'filling' ELSE j.state END AS status,
           j.row_count AS records_filled, g.records_expected, g.created_at, j.started_at,
           j.finished_at AS completed_at, j.error AS error_message
    FROM gap_fills g JOIN jobs j ON j.job_id = g.job_id;

CREATE TABLE refreshes (
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
CREATE INDEX refreshes_by_model ON refreshes (model_id, started_at);

CREATE VIEW model_refresh_history AS
    SELECT r.refresh_id, r.model_id, r.refresh_type, r.data_fetched_from, r.data_fetched_to,
           j.row_count AS records_fetched,
           CASE WHEN j.state IN ('queued', 'running') THEN 'in_progress' ELSE j.state END AS status,
           r.triggered_by, r.started_at, j.finished_at AS completed_at,
           extract(epoch FROM j.finished_at - r.started_at)::integer AS duration_seconds,
           j.error AS error_message
    FROM refreshes r JOIN jobs j ON j.job_id = r.job_id;

-- The model is in every key: a distributed database keeps a model's predictions together. The model
-- of all zeros is the baseline, which answers where no model is active. A prediction with `shadow_of`
-- was no answer: it has the name of the answer that the model of this column gave.
CREATE TABLE predictions (
    model_id         UUID             NOT NULL,
    prediction_id    UUID             NOT NULL,
    sequence         BIGINT           NOT NULL,
    prediction_type  TEXT             NOT NULL,
    customer_id      TEXT             NOT NULL,
    instance_type    TEXT             NOT NULL,
    region           TEXT             NOT NULL,
    zone             TEXT             NOT NULL,
    operating_system TEXT             NOT NULL,
    horizon_seconds  BIGINT           NOT NULL,
    value            DOUBLE PRECISION NOT NULL,
    low              DOUBLE PRECISION,
    high             DOUBLE PRECISION,
    last_value       DOUBLE PRECISION,
    confidence_score DOUBLE PRECISION NOT NULL,
    features         JSONB,
    created_at       TIMESTAMPTZ      NOT NULL,
    outcome          DOUBLE PRECISION,
    outcome_at       TIMESTAMPTZ,
    shadow_of        UUID,
    PRIMARY KEY (model_id, prediction_id)
);
CREATE INDEX predictions_by_time ON predictions (model_id, created_at);
CREATE INDEX predictions_by_sequence ON predictions (sequence);
CREATE INDEX predictions_resolved ON predictions (model_id, created_at) WHERE outcome IS NOT NULL;
CREATE INDEX predictions_of_shadows ON predictions (model_id, created_at) WHERE shadow_of IS NOT NULL;

-- How many predictions of each model were forgotten: counts of all of them stay right.
CREATE TABLE forgotten_predictions (
    model_id         UUID   NOT NULL PRIMARY KEY,
    prediction_count BIGINT NOT NULL,
    resolved_count   BIGINT NOT NULL
);

-- What stood in the features of the first rows that a model was asked about: for each feature where
-- its bins begin, and how many rows lay in each.
CREATE TABLE feature_references (
    model_id  UUID NOT NULL PRIMARY KEY,
    row_count BIGINT NOT NULL,
    features  JSONB NOT NULL,
    learnt_at TIMESTAMPTZ NOT NULL
);

-- The same bins, hour by hour, as each server counted them.
CREATE TABLE feature_counts (
    model_id  UUID NOT NULL,
    hour      TIMESTAMPTZ NOT NULL,
    writer    UUID NOT NULL,
    row_count BIGINT NOT NULL,
    bins      JSONB NOT NULL,
    PRIMARY KEY (model_id, hour, writer)
);

-- The last sequence number that was given out; whoever adds predictions holds its row until the end.
CREATE TABLE prediction_counter (
    counter       INTEGER NOT NULL PRIMARY KEY,
    last_sequence BIGINT  NOT NULL
);
INSERT INTO prediction_counter (counter, last_sequence) VALUES (1, 0);

CREATE VIEW predictions_log AS
    SELECT p.prediction_id,
           NULLIF(p.model_id, '00000000-0000-0000-0000-000000000000') AS model_id,
           p.prediction_type,
           jsonb_build_object('instance_type', p.instance_type, 'region', p.region, 'az', p.zone,
                              'operating_system', p.operating_system, 'features', p.features) AS input_data,
           jsonb_build_object('value', p.value, 'low', p.low, 'high', p.high,
                              'horizon_hours', p.horizon_seconds / 3600.0) AS prediction_output,
           p.confidence_score, p.created_at, p.outcome, p.outcome_at
    FROM predictions p;

CREATE FUNCTION tell_of_predictions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudoptim_predictions', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER prediction_counter_changed AFTER UPDATE ON prediction_counter
    FOR EACH ROW EXECUTE FUNCTION tell_of_predictions();
