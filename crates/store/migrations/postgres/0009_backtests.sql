-- Back-tests: what was asked for, compressed, and the report on it once its job is through. The name of a
-- back-test is that of its job.
CREATE TABLE backtests (
    backtest_id    UUID        NOT NULL PRIMARY KEY,
    customer_id    TEXT        NOT NULL,
    name           TEXT        NOT NULL,
    policies       JSONB       NOT NULL,
    asked          TEXT        NOT NULL,
    request_length BIGINT      NOT NULL,
    request        BYTEA       NOT NULL,
    report_length  BIGINT,
    report         BYTEA,
    requested_by   TEXT        NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX backtests_by_time ON backtests (created_at);
