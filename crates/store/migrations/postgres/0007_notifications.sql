-- Where notices go: webhooks, Slack, Teams, mail. The address of a chat and the secrets of a webhook are
-- as good as passwords, and are shown to nobody.
CREATE TABLE notification_channels (
    channel_id      UUID        NOT NULL PRIMARY KEY,
    name            TEXT        NOT NULL UNIQUE,
    kind            TEXT        NOT NULL,
    target          JSONB       NOT NULL,
    rules           JSONB       NOT NULL,
    enabled         BOOLEAN     NOT NULL,
    disabled_reason TEXT,
    revision        BIGINT      NOT NULL,
    created_by      TEXT        NOT NULL,
    created_at      TIMESTAMPTZ NOT NULL,
    changed_at      TIMESTAMPTZ NOT NULL
);

-- What happened that somebody might want to hear of, written with the change itself. `offered` says that
-- every channel was asked whether it wants it.
CREATE TABLE notification_events (
    event_id    UUID        NOT NULL PRIMARY KEY,
    event_type  TEXT        NOT NULL,
    dedupe_key  TEXT        NOT NULL,
    severity    TEXT        NOT NULL,
    customer_id TEXT        NOT NULL,
    cluster_id  TEXT        NOT NULL,
    title       TEXT        NOT NULL,
    facts       JSONB       NOT NULL,
    detail      JSONB       NOT NULL,
    link        TEXT,
    occurred_at TIMESTAMPTZ NOT NULL,
    offered     BOOLEAN     NOT NULL
);
CREATE INDEX notification_events_to_offer ON notification_events (occurred_at) WHERE NOT offered;
CREATE INDEX notification_events_by_time ON notification_events (occurred_at);

-- What a channel is to be told when its time comes: of what comes back and forth the latest word alone.
CREATE TABLE notification_pending (
    channel_id UUID        NOT NULL,
    dedupe_key TEXT        NOT NULL,
    event_id   UUID        NOT NULL,
    due_at     TIMESTAMPTZ NOT NULL,
    repeats    BIGINT      NOT NULL,
    PRIMARY KEY (channel_id, dedupe_key)
);
CREATE INDEX notification_pending_by_time ON notification_pending (due_at);

-- When a channel was last told a thing.
CREATE TABLE notification_told (
    channel_id UUID        NOT NULL,
    dedupe_key TEXT        NOT NULL,
    event_type TEXT        NOT NULL,
    told_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (channel_id, dedupe_key, event_type)
);

-- Messages on their way, and what became of them.
CREATE TABLE notification_deliveries (
    delivery_id UUID        NOT NULL PRIMARY KEY,
    channel_id  UUID        NOT NULL,
    message     JSONB       NOT NULL,
    headline    TEXT        NOT NULL,
    events      BIGINT      NOT NULL,
    state       TEXT        NOT NULL,
    attempts    BIGINT      NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    next_try_at TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ,
    status      BIGINT,
    error       TEXT
);
CREATE INDEX notification_deliveries_to_try ON notification_deliveries (next_try_at) WHERE state = 'waiting';
CREATE INDEX notification_deliveries_by_time ON notification_deliveries (created_at);

-- Every try of every message.
CREATE TABLE notification_attempts (
    delivery_id  UUID        NOT NULL,
    attempt      BIGINT      NOT NULL,
    tried_at     TIMESTAMPTZ NOT NULL,
    milliseconds BIGINT      NOT NULL,
    status       BIGINT,
    error        TEXT,
    PRIMARY KEY (delivery_id, attempt)
);

-- Conditions that last, such as a stale snapshot: told when they begin and when they end.
CREATE TABLE standing_alerts (
    alert_key   TEXT        NOT NULL PRIMARY KEY,
    event_type  TEXT        NOT NULL,
    customer_id TEXT        NOT NULL,
    cluster_id  TEXT        NOT NULL,
    severity    TEXT        NOT NULL,
    title       TEXT        NOT NULL,
    since       TIMESTAMPTZ NOT NULL,
    seen_at     TIMESTAMPTZ NOT NULL
);
