-- Work that outlives a process. A lease says who works on a job until when; the fence rises with each
-- lease, so that a worker whose lease ran out can write nothing more.
CREATE TABLE jobs (
    job_id       UUID         NOT NULL PRIMARY KEY,
    kind         TEXT         NOT NULL,
    dedupe_key   TEXT,
    payload      JSONB        NOT NULL,
    priority     BIGINT       NOT NULL,
    state        TEXT         NOT NULL,
    attempts     BIGINT       NOT NULL,
    max_attempts BIGINT       NOT NULL,
    run_at       TIMESTAMPTZ  NOT NULL,
    lease_owner  TEXT,
    lease_until  TIMESTAMPTZ,
    fence        BIGINT       NOT NULL,
    cancel_asked BOOLEAN      NOT NULL,
    cursor       JSONB,
    done_units   BIGINT       NOT NULL,
    all_units    BIGINT,
    row_count    BIGINT       NOT NULL,
    log_lines    BIGINT       NOT NULL,
    error        TEXT,
    created_by   TEXT         NOT NULL,
    created_at   TIMESTAMPTZ  NOT NULL,
    started_at   TIMESTAMPTZ,
    finished_at  TIMESTAMPTZ
);
CREATE UNIQUE INDEX jobs_in_flight ON jobs (kind, dedupe_key) WHERE dedupe_key IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_to_claim ON jobs (priority, run_at) WHERE finished_at IS NULL;
CREATE INDEX jobs_by_kind ON jobs (kind, created_at);

CREATE TABLE job_log (
    job_id    UUID        NOT NULL,
    line      BIGINT      NOT NULL,
    logged_at TIMESTAMPTZ NOT NULL,
    message   TEXT        NOT NULL,
    PRIMARY KEY (job_id, line)
);

-- When jobs are made by themselves. A due time fires once, whoever comes first.
CREATE TABLE schedules (
    schedule_id UUID         NOT NULL PRIMARY KEY,
    name        TEXT         NOT NULL UNIQUE,
    kind        TEXT         NOT NULL,
    payload     JSONB        NOT NULL,
    cron        TEXT         NOT NULL,
    enabled     BOOLEAN      NOT NULL,
    next_run_at TIMESTAMPTZ  NOT NULL,
    last_run_at TIMESTAMPTZ,
    created_by  TEXT         NOT NULL,
    created_at  TIMESTAMPTZ  NOT NULL
);

CREATE TABLE schedule_runs (
    schedule_id UUID        NOT NULL,
    due_at      TIMESTAMPTZ NOT NULL,
    job_id      UUID        NOT NULL,
    fired_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (schedule_id, due_at)
);
