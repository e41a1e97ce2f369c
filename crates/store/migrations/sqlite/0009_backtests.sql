-- Back-tests: what was asked for, compressed, and the report on it once its job is through. The name of a
-- back-test is that of its job.
CREATE TABLE backtests (
    backtest_id    BLOB    NOT NULL PRIMARY KEY,
    customer_id    TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    policies       TEXT    NOT NULL,
    asked          TEXT    NOT NULL,
    request_length INTEGER NOT NULL,
    request        BLOB    NOT NULL,
    report_length  INTEGER,
    report         BLOB,
    requested_by   TEXT    NOT NULL,
    created_at     INTEGER NOT NULL
);
CREATE INDEX backtests_by_time ON backtests (created_at);
