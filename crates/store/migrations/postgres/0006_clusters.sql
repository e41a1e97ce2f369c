-- Snapshots that callers ask to keep, by cluster: the later ones show what came and went. The content
-- is a decision part.
CREATE TABLE cluster_snapshots (
    cluster_id  TEXT        NOT NULL,
    snapshot_id UUID        NOT NULL,
    customer_id TEXT        NOT NULL,
    digest      BYTEA       NOT NULL,
    taken_at    TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    nodes       BIGINT,
    pods        BIGINT,
    PRIMARY KEY (cluster_id, snapshot_id)
);
CREATE INDEX cluster_snapshots_by_time ON cluster_snapshots (cluster_id, taken_at);

-- What an engine found at a thing, from when it was first seen until it was gone or settled. The same
-- thing found again is the same finding.
CREATE TABLE findings (
    cluster_id    TEXT        NOT NULL,
    finding_id    UUID        NOT NULL,
    customer_id   TEXT        NOT NULL,
    decision_type TEXT        NOT NULL,
    subject       TEXT        NOT NULL,
    state         TEXT        NOT NULL,
    severity      TEXT        NOT NULL,
    savings_nanos BIGINT,
    detail        JSONB       NOT NULL,
    decision_id   UUID        NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at  TIMESTAMPTZ NOT NULL,
    settled_at    TIMESTAMPTZ,
    settled_by    TEXT,
    note          TEXT,
    PRIMARY KEY (cluster_id, finding_id),
    UNIQUE (cluster_id, decision_type, subject)
);
CREATE INDEX findings_by_state ON findings (cluster_id, state, last_seen_at);

-- Which decisions are switched on, how often they scan by themselves, and their own thresholds.
CREATE TABLE feature_toggles (
    feature             TEXT        NOT NULL PRIMARY KEY,
    enabled             BOOLEAN     NOT NULL,
    scan_interval_hours BIGINT,
    settings            JSONB       NOT NULL,
    revision            BIGINT      NOT NULL,
    changed_by          TEXT        NOT NULL,
    changed_at          TIMESTAMPTZ NOT NULL,
    reason              TEXT
);

-- What each decision was asked for and found, per cluster and day; kept in step with the decisions.
CREATE TABLE feature_usage (
    cluster_id      TEXT   NOT NULL,
    decision_type   TEXT   NOT NULL,
    day             DATE   NOT NULL,
    customer_id     TEXT   NOT NULL,
    decisions       BIGINT NOT NULL,
    recommendations BIGINT NOT NULL,
    savings_nanos   BIGINT NOT NULL,
    unknown_savings BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, decision_type, day)
);
