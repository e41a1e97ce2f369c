-- Clusters of which snapshots are kept, with the newest one of each. Whoever keeps a snapshot holds the
-- row until the end.
CREATE TABLE clusters (
    cluster_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    newest_id   BLOB    NOT NULL,
    taken_at    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    sections    TEXT    NOT NULL,
    snapshots   INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, customer_id)
);

-- Snapshots that callers ask to keep: the later ones show what came and went. `sections` counts what each
-- part holds.
CREATE TABLE cluster_snapshots (
    cluster_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    snapshot_id BLOB    NOT NULL,
    digest      BLOB    NOT NULL,
    length      INTEGER NOT NULL,
    taken_at    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    sections    TEXT    NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, snapshot_id)
);
CREATE INDEX cluster_snapshots_by_time ON cluster_snapshots (cluster_id, customer_id, taken_at);

-- What they hold, once by digest. Old ones go, so they are no parts of decisions, which never do.
CREATE TABLE snapshot_contents (
    cluster_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    length      INTEGER NOT NULL,
    content     BLOB    NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, digest)
);

-- Since when a thing has been in a state that lasts, such as `unattached_volume`, by the snapshots.
CREATE TABLE sightings (
    cluster_id    TEXT    NOT NULL,
    customer_id   TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    object_id     TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, state, object_id)
);

-- What an engine found at a thing, from when it was first seen until it was gone or settled. The same
-- thing found again is the same finding.
CREATE TABLE findings (
    cluster_id      TEXT    NOT NULL,
    customer_id     TEXT    NOT NULL,
    finding_id      BLOB    NOT NULL,
    decision_type   TEXT    NOT NULL,
    finding         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    state_since     INTEGER NOT NULL,
    state_by        TEXT    NOT NULL,
    dismissed_until INTEGER,
    note            TEXT,
    subject         TEXT    NOT NULL,
    cost_category   TEXT    NOT NULL,
    summary         TEXT    NOT NULL,
    owner           TEXT,
    savings_nanos   INTEGER,
    confidence      REAL    NOT NULL,
    requires_review BOOLEAN NOT NULL,
    decision_id     BLOB    NOT NULL,
    first_seen_at   INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    seen_in         TEXT    NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, finding_id),
    UNIQUE (cluster_id, customer_id, decision_type, finding)
);
CREATE INDEX findings_by_id ON findings (finding_id);
CREATE INDEX findings_by_customer ON findings (customer_id, state);
CREATE INDEX findings_by_state ON findings (state, last_seen_at);

-- The newest scan of each cluster by each engine.
CREATE TABLE scans (
    cluster_id    TEXT    NOT NULL,
    customer_id   TEXT    NOT NULL,
    decision_type TEXT    NOT NULL,
    snapshot_id   BLOB    NOT NULL,
    decision_id   BLOB    NOT NULL,
    seen_at       INTEGER NOT NULL,
    scanned_at    INTEGER NOT NULL,
    found         INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, decision_type)
);

-- What became of decisions, as whoever carried them out says.
CREATE TABLE decision_outcomes (
    cluster_id    TEXT    NOT NULL,
    customer_id   TEXT    NOT NULL,
    outcome_id    BLOB    NOT NULL,
    decision_id   BLOB    NOT NULL,
    decision_type TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    asked         TEXT    NOT NULL,
    findings      TEXT    NOT NULL,
    detail        TEXT    NOT NULL,
    savings_nanos INTEGER,
    noted_at      INTEGER NOT NULL,
    noted_by      TEXT    NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, outcome_id)
);
CREATE INDEX decision_outcomes_by_id ON decision_outcomes (outcome_id);
CREATE INDEX decision_outcomes_by_decision ON decision_outcomes (decision_id, noted_at);

-- Which decisions are switched on, how often they scan by themselves, and their own thresholds; what is
-- not here is as the program has it.
CREATE TABLE feature_toggles (
    feature             TEXT    NOT NULL PRIMARY KEY,
    enabled             BOOLEAN NOT NULL,
    scan_interval_hours INTEGER,
    settings            TEXT    NOT NULL,
    changed_by          TEXT    NOT NULL,
    changed_at          INTEGER NOT NULL
);

-- How often the toggles were changed; whoever changes them holds the row until the end.
CREATE TABLE feature_toggle_counter (
    counter  INTEGER NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
);
INSERT INTO feature_toggle_counter (counter, revision) VALUES (1, 0);

-- How often each decision was made, per cluster and day (UTC); kept in step with the decisions.
CREATE TABLE feature_usage (
    cluster_id    TEXT    NOT NULL,
    customer_id   TEXT    NOT NULL,
    decision_type TEXT    NOT NULL,
    day           TEXT    NOT NULL,
    decisions     INTEGER NOT NULL,
    with_savings  INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, customer_id, decision_type, day)
) WITHOUT ROWID;

CREATE TRIGGER decisions_are_counted AFTER INSERT ON decisions BEGIN
    INSERT INTO feature_usage (cluster_id, customer_id, decision_type, day, decisions, with_savings)
    VALUES (NEW.cluster_id, NEW.customer_id, NEW.decision_type,
            date(NEW.decided_at / 1000000, 'unixepoch'), 1, coalesce(NEW.savings_nanos, 0) > 0)
    ON CONFLICT (cluster_id, customer_id, decision_type, day) DO UPDATE SET
        decisions = decisions + 1, with_savings = with_savings + excluded.with_savings;
END;
