-- Where notices go: webhooks, Slack, Teams, mail. The address of a chat and the secrets of a webhook are
-- as good as passwords, and are shown to nobody.
CREATE TABLE notification_channels (
    channel_id      BLOB    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    kind            TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    rules           TEXT    NOT NULL,
    enabled         BOOLEAN NOT NULL,
    disabled_reason TEXT,
    revision        INTEGER NOT NULL,
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL
);

-- What happened that somebody might want to hear of, written with the change itself. `offered` says that
-- every channel was asked whether it wants it.
CREATE TABLE notification_events (
    event_id    BLOB    NOT NULL PRIMARY KEY,
    event_type  TEXT    NOT NULL,
    dedupe_key  TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    cluster_id  TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    facts       TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    link        TEXT,
    occurred_at INTEGER NOT NULL,
    offered     BOOLEAN NOT NULL
);
CREATE INDEX notification_events_to_offer ON notification_events (occurred_at) WHERE NOT offered;
CREATE INDEX notification_events_by_time ON notification_events (occurred_at);

-- What a channel is to be told when its time comes: of what comes back and forth the latest word alone.
CREATE TABLE notification_pending (
    channel_id BLOB    NOT NULL,
    dedupe_key TEXT    NOT NULL,
    event_id   BLOB    NOT NULL,
    due_at     INTEGER NOT NULL,
    repeats    INTEGER NOT NULL,
    PRIMARY KEY (channel_id, dedupe_key)
);
CREATE INDEX notification_pending_by_time ON notification_pending (due_at);

-- When a channel was last told a thing.
CREATE TABLE notification_told (
    channel_id BLOB    NOT NULL,
    dedupe_key TEXT    NOT NULL,
    event_type TEXT    NOT NULL,
    told_at    INTEGER NOT NULL,
    PRIMARY KEY (channel_id, dedupe_key, event_type)
);

-- Messages on their way, and what became of them.
CREATE TABLE notification_deliveries (
    delivery_id BLOB    NOT NULL PRIMARY KEY,
    channel_id  BLOB    NOT NULL,
    message     TEXT    NOT NULL,
    headline    TEXT    NOT NULL,
    events      INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    ended_at    INTEGER,
    status      INTEGER,
    error       TEXT
);
CREATE INDEX notification_deliveries_to_try ON notification_deliveries (next_try_at) WHERE state = 'waiting';
CREATE INDEX notification_deliveries_by_time ON notification_deliveries (created_at);

-- Every try of every message.
CREATE TABLE notification_attempts (
    delivery_id  BLOB    NOT NULL,
    attempt      INTEGER NOT NULL,
    tried_at     INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    status       INTEGER,
    error        TEXT,
    PRIMARY KEY (delivery_id, attempt)
);

-- Conditions that last, such as a stale snapshot: told when they begin and when they end.
CREATE TABLE standing_alerts (
    alert_key   TEXT    NOT NULL PRIMARY KEY,
    event_type  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    cluster_id  TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    since       INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL
);
