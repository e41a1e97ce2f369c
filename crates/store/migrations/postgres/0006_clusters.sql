-- Clusters of which snapshots are kept, with the newest one of each. Whoever keeps a snapshot holds the
-- row until the end.
CREATE TABLE clusters (
    cluster_id  TEXT        NOT NULL,
    customer_id TEXT        NOT NULL,
    newest_id   UUID        NOT NULL,
    taken_at    TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    sections    JSONB       NOT NULL,
    snapshots   BIGINT      NOT NULL,
    PRIMARY KEY (cluster_id, customer_id)
);

-- Snapshots that callers ask to keep: the later ones show what came and went. `sections` counts what each
-- part holds.
CREATE TABLE cluster_snapshots (
    cluster_id  TEXT        NOT NULL,
    customer_id TEXT        NOT NULL,
    snapshot_id UUID        NOT NULL,
    digest      BYTEA       NOT NULL,
    length      BIGINT      NOT NULL,
    taken_at    TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    sections    JSONB       NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, snapshot_id)
);
CREATE INDEX cluster_snapshots_by_time ON cluster_snapshots (cluster_id, customer_id, taken_at);

-- What they hold, once by digest. Old ones go, so they are no parts of decisions, which never do.
CREATE TABLE snapshot_contents (
    cluster_id  TEXT   NOT NULL,
    customer_id TEXT   NOT NULL,
    digest      BYTEA  NOT NULL,
    length      BIGINT NOT NULL,
    content     BYTEA  NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, digest)
);

-- Since when a thing has been in a state that lasts, such as `unattached_volume`, by the snapshots.
CREATE TABLE sightings (
    cluster_id    TEXT        NOT NULL,
    customer_id   TEXT        NOT NULL,
    state         TEXT        NOT NULL,
    object_id     TEXT        NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, state, object_id)
);

-- What an engine found at a thing, from when it was first seen until it was gone or settled. The same
-- thing found again is the same finding.
CREATE TABLE findings (
    cluster_id      TEXT             NOT NULL,
    customer_id     TEXT             NOT NULL,
    finding_id      UUID             NOT NULL,
    decision_type   TEXT             NOT NULL,
    finding         TEXT             NOT NULL,
    state           TEXT             NOT NULL,
    state_since     TIMESTAMPTZ      NOT NULL,
    state_by        TEXT             NOT NULL,
    dismissed_until TIMESTAMPTZ,
    note            TEXT,
    subject         JSONB            NOT NULL,
    cost_category   TEXT             NOT NULL,
    summary         TEXT             NOT NULL,
    owner           TEXT,
    savings_nanos   BIGINT,
    confidence      DOUBLE PRECISION NOT NULL,
    requires_review BOOLEAN          NOT NULL,
    decision_id     UUID             NOT NULL,
    first_seen_at   TIMESTAMPTZ      NOT NULL,
    last_seen_at    TIMESTAMPTZ      NOT NULL,
    seen_in         JSONB            NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, finding_id),
    UNIQUE (cluster_id, customer_id, decision_type, finding)
);
CREATE INDEX findings_by_id ON findings (finding_id);
CREATE INDEX findings_by_customer ON findings (customer_id, state);
CREATE INDEX findings_by_state ON findings (state, last_seen_at);

-- The newest scan of each cluster by each engine.
CREATE TABLE scans (
    cluster_id    TEXT        NOT NULL,
    customer_id   TEXT        NOT NULL,
    decision_type TEXT        NOT NULL,
    snapshot_id   UUID        NOT NULL,
    decision_id   UUID        NOT NULL,
    seen_at       TIMESTAMPTZ NOT NULL,
    scanned_at    TIMESTAMPTZ NOT NULL,
    found         BIGINT      NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, decision_type)
);

-- What became of decisions, as whoever carried them out says.
CREATE TABLE decision_outcomes (
    cluster_id    TEXT        NOT NULL,
    customer_id   TEXT        NOT NULL,
    outcome_id    UUID        NOT NULL,
    decision_id   UUID        NOT NULL,
    decision_type TEXT        NOT NULL,
    outcome       TEXT        NOT NULL,
    asked         TEXT        NOT NULL,
    findings      JSONB       NOT NULL,
    detail        JSONB       NOT NULL,
    savings_nanos BIGINT,
    noted_at      TIMESTAMPTZ NOT NULL,
    noted_by      TEXT        NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, outcome_id)
);
CREATE INDEX decision_outcomes_by_id ON decision_outcomes (outcome_id);
CREATE INDEX decision_outcomes_by_decision ON decision_outcomes (decision_id, noted_at);

-- Which decisions are switched on, how often they scan by themselves, and their own thresholds; what is
-- not here is as the program has it.
CREATE TABLE feature_toggles (
    feature             TEXT        NOT NULL PRIMARY KEY,
    enabled             BOOLEAN     NOT NULL,
    scan_interval_hours BIGINT,
    settings            JSONB       NOT NULL,
    changed_by          TEXT        NOT NULL,
    changed_at          TIMESTAMPTZ NOT NULL
);

-- How often the toggles were changed; whoever changes them holds the row until the end.
CREATE TABLE feature_toggle_counter (
    counter  BIGINT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO feature_toggle_counter (counter, revision) VALUES (1, 0);

-- How often each decision was made, per cluster and day (UTC); kept in step with the decisions.
CREATE TABLE feature_usage (
    cluster_id    TEXT   NOT NULL,
    customer_id   TEXT   NOT NULL,
    decision_type TEXT   NOT NULL,
    day           DATE   NOT NULL,
    decisions     BIGINT NOT NULL,
    with_savings  BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, decision_type, day)
);

CREATE FUNCTION count_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In one order everywhere, so that two writers do not wait for each other.
    INSERT INTO feature_usage (cluster_id, customer_id, decision_type, day, decisions, with_savings)
    SELECT cluster_id, customer_id, decision_type, (decided_at AT TIME ZONE 'UTC')::date,
           count(*), count(*) FILTER (WHERE savings_nanos > 0)
    FROM added GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    ON CONFLICT (cluster_id, customer_id, decision_type, day) DO UPDATE SET
        decisions = feature_usage.decisions + excluded.decisions,
        with_savings = feature_usage.with_savings + excluded.with_savings;
    RETURN NULL;
END;
$$;

CREATE TRIGGER decisions_are_counted AFTER INSERT ON decisions REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_decisions();
