-- Work that outlives a process. A lease says who works on a job until when; the fence rises with each
-- lease, so that a worker whose lease ran out can write nothing more.
CREATE TABLE jobs (
    job_id       BLOB     NOT NULL PRIMARY KEY,
    kind         TEXT     NOT NULL,
    dedupe_key   TEXT,
    payload      TEXT     NOT NULL,
    priority     INTEGER  NOT NULL,
    state        TEXT     NOT NULL,
    attempts     INTEGER  NOT NULL,
    max_attempts INTEGER  NOT NULL,
    run_at       INTEGER  NOT NULL,
    lease_owner  TEXT,
    lease_until  INTEGER,
    fence        INTEGER  NOT NULL,
    cancel_asked BOOLEAN  NOT NULL,
    cursor       TEXT,
    done_units   INTEGER  NOT NULL,
    all_units    INTEGER,
    row_count    INTEGER  NOT NULL,
    log_lines    INTEGER  NOT NULL,
    error        TEXT,
    created_by   TEXT     NOT NULL,
    created_at   INTEGER  NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER
);
CREATE UNIQUE INDEX jobs_in_flight ON jobs (kind, dedupe_key) WHERE dedupe_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_to_claim ON jobs (priority, run_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_by_kind ON jobs (kind, created_at);

CREATE TABLE job_log (
    job_id    BLOB    NOT NULL,
    line      INTEGER NOT NULL,
    logged_at INTEGER NOT NULL,
    message   TEXT    NOT NULL,
    PRIMARY KEY (job_id, line)
) WITHOUT ROWID;

-- When jobs are made by themselves. A due time fires once, whoever comes first.
CREATE TABLE schedules (
    schedule_id BLOB     NOT NULL PRIMARY KEY,
    name        TEXT     NOT NULL UNIQUE,
    kind        TEXT     NOT NULL,
    payload     TEXT     NOT NULL,
    cron        TEXT     NOT NULL,
    enabled     BOOLEAN  NOT NULL,
    next_run_at INTEGER  NOT NULL,
    last_run_at INTEGER,
    created_by  TEXT     NOT NULL,
    created_at  INTEGER  NOT NULL
);

CREATE TABLE schedule_runs (
    schedule_id BLOB    NOT NULL,
    due_at      INTEGER NOT NULL,
    job_id      BLOB    NOT NULL,
    fired_at    INTEGER NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
) WITHOUT ROWID;
