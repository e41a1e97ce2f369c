-- What interruptions teach. A pool is a type in a zone; its zone is known by its id where the customer
-- told it, since a name means another place in another account.

-- The last place that was given out in the order of reports and exposure; whoever adds some holds its
-- row until the end, so that places are seen in their order.
CREATE TABLE feedback_counter (
    counter       INTEGER NOT NULL PRIMARY KEY,
    last_sequence BIGINT  NOT NULL
);
INSERT INTO feedback_counter (counter, last_sequence) VALUES (1, 0);

-- Reports that an instance was taken back, or that it may be soon (`rebalance_recommendation`). They
-- are never deleted. The hour and weekday are UTC, 0 being Monday.
CREATE TABLE interruption_feedback (
    customer_id              TEXT             NOT NULL,
    interruption_id          UUID             NOT NULL,
    sequence                 BIGINT           NOT NULL,
    event                    TEXT             NOT NULL,
    cluster_id               TEXT             NOT NULL,
    instance_id              TEXT,
    instance_type            TEXT             NOT NULL,
    availability_zone        TEXT             NOT NULL,
    region                   TEXT             NOT NULL,
    zone_id                  TEXT,
    workload_type            TEXT,
    interruption_timestamp   TIMESTAMPTZ      NOT NULL,
    day_of_week              INTEGER          NOT NULL,
    hour_of_day              INTEGER          NOT NULL,
    was_predicted            BOOLEAN,
    risk_score_at_deployment DOUBLE PRECISION,
    total_recovery_seconds   BIGINT,
    customer_impact          TEXT,
    vouched_by               TEXT             NOT NULL,
    reported_by              TEXT             NOT NULL,
    received_at              TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (customer_id, interruption_id)
);
CREATE INDEX idx_interruption_cross_client
    ON interruption_feedback (instance_type, availability_zone, region, interruption_timestamp);
CREATE INDEX interruption_feedback_by_sequence ON interruption_feedback (sequence);
CREATE INDEX interruption_feedback_by_time ON interruption_feedback (interruption_timestamp);

-- So many instances were at risk from one instant to another: `reported`, or seen in kept snapshots
-- (`snapshot`) as long as the cluster reports none.
CREATE TABLE instance_exposure (
    customer_id       TEXT        NOT NULL,
    exposure_id       UUID        NOT NULL,
    sequence          BIGINT      NOT NULL,
    cluster_id        TEXT        NOT NULL,
    instance_type     TEXT        NOT NULL,
    availability_zone TEXT        NOT NULL,
    region            TEXT        NOT NULL,
    zone_id           TEXT,
    workload_type     TEXT        NOT NULL,
    instances         BIGINT      NOT NULL,
    from_at           TIMESTAMPTZ NOT NULL,
    until_at          TIMESTAMPTZ NOT NULL,
    source            TEXT        NOT NULL,
    reported_by       TEXT        NOT NULL,
    received_at       TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (customer_id, exposure_id)
);
CREATE INDEX instance_exposure_by_cluster
    ON instance_exposure (customer_id, cluster_id, instance_type, availability_zone, until_at);
CREATE INDEX instance_exposure_by_sequence ON instance_exposure (sequence);
CREATE INDEX instance_exposure_by_time ON instance_exposure (until_at);

-- What each customer saw of each pool, by day (UTC): kept in step with the two tables above. The most
-- instances are those of one report.
CREATE TABLE pool_days (
    customer_id       TEXT   NOT NULL,
    region            TEXT   NOT NULL,
    availability_zone TEXT   NOT NULL,
    instance_type     TEXT   NOT NULL,
    day               BIGINT NOT NULL,
    interruptions     BIGINT NOT NULL,
    exposure_seconds  BIGINT NOT NULL,
    most_instances    BIGINT NOT NULL,
    PRIMARY KEY (customer_id, region, availability_zone, instance_type, day)
);

-- The same by type, weekday and hour (UTC): cell 0 is midnight on Monday, cell 167 the last hour of Sunday.
CREATE TABLE pattern_hours (
    instance_type    TEXT    NOT NULL,
    cell             INTEGER NOT NULL,
    interruptions    BIGINT  NOT NULL,
    exposure_seconds BIGINT  NOT NULL,
    PRIMARY KEY (instance_type, cell)
);

-- The same by type and kind of workload; of how many reports the recovery is known, and its sum.
CREATE TABLE pattern_workloads (
    instance_type    TEXT   NOT NULL,
    workload_type    TEXT   NOT NULL,
    interruptions    BIGINT NOT NULL,
    exposure_seconds BIGINT NOT NULL,
    recoveries       BIGINT NOT NULL,
    recovery_seconds BIGINT NOT NULL,
    PRIMARY KEY (instance_type, workload_type)
);

-- Which zone a customer's name means.
CREATE TABLE customer_zones (
    customer_id       TEXT NOT NULL,
    region            TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    zone_id           TEXT NOT NULL,
    PRIMARY KEY (customer_id, region, availability_zone)
);

-- The live status of pools that are or were not normal; whoever changes one holds its row until the
-- end. An operator's word stands until its own end.
CREATE TABLE pool_levels (
    region          TEXT             NOT NULL,
    zone_key        TEXT             NOT NULL,
    instance_type   TEXT             NOT NULL,
    level           TEXT             NOT NULL,
    episode_id      UUID,
    since           TIMESTAMPTZ      NOT NULL,
    falls_at        TIMESTAMPTZ,
    customers       BIGINT           NOT NULL,
    interruptions   BIGINT           NOT NULL,
    last_at         TIMESTAMPTZ,
    override_level  TEXT,
    override_until  TIMESTAMPTZ,
    override_by     TEXT,
    override_reason TEXT,
    PRIMARY KEY (region, zone_key, instance_type)
);

-- Every change of a level, with what it stood on.
CREATE TABLE pool_level_changes (
    change_id     BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region        TEXT        NOT NULL,
    zone_key      TEXT        NOT NULL,
    instance_type TEXT        NOT NULL,
    changed_at    TIMESTAMPTZ NOT NULL,
    from_level    TEXT        NOT NULL,
    to_level      TEXT        NOT NULL,
    cause         TEXT        NOT NULL,
    episode_id    UUID,
    detail        JSONB       NOT NULL
);
CREATE INDEX pool_level_changes_by_pool
    ON pool_level_changes (region, zone_key, instance_type, change_id);

-- Work for whoever moves capacity: one for each customer with capacity in a pool that is losing it, once
-- an episode. A claim ends by itself.
CREATE TABLE proactive_rebalance_jobs (
    job_id                   UUID        NOT NULL PRIMARY KEY,
    customer_id              TEXT        NOT NULL,
    cluster_id               TEXT,
    source_instance_type     TEXT        NOT NULL,
    source_availability_zone TEXT        NOT NULL,
    source_zone_key          TEXT        NOT NULL,
    region                   TEXT        NOT NULL,
    instances                BIGINT      NOT NULL,
    episode_id               UUID        NOT NULL,
    reason                   TEXT        NOT NULL,
    priority                 TEXT        NOT NULL DEFAULT 'HIGH',
    status                   TEXT        NOT NULL DEFAULT 'PENDING',
    target_instance_type     TEXT,
    target_availability_zone TEXT,
    target_reason            TEXT        NOT NULL,
    created_at               TIMESTAMPTZ NOT NULL,
    started_at               TIMESTAMPTZ,
    claimed_by               TEXT,
    lease_until              TIMESTAMPTZ,
    attempts                 INTEGER     NOT NULL,
    completed_at             TIMESTAMPTZ,
    error_message            TEXT,
    outcome                  JSONB,
    UNIQUE (region, source_zone_key, source_instance_type, customer_id, episode_id)
);
CREATE INDEX idx_rebalance_jobs_status ON proactive_rebalance_jobs (status, priority, created_at);
CREATE INDEX idx_rebalance_jobs_customer ON proactive_rebalance_jobs (customer_id, created_at);
CREATE INDEX rebalance_jobs_by_time ON proactive_rebalance_jobs (created_at);

-- What was learned of each pool, as safety (1 is safe): what its class says, and what reports make of it.
CREATE TABLE risk_score_adjustments (
    adjustment_id          UUID             NOT NULL PRIMARY KEY,
    instance_type          TEXT             NOT NULL,
    availability_zone      TEXT             NOT NULL,
    region                 TEXT             NOT NULL,
    base_score             DOUBLE PRECISION NOT NULL,
    customer_adjustment    DOUBLE PRECISION,
    final_score            DOUBLE PRECISION NOT NULL,
    confidence             DOUBLE PRECISION,
    total_observations     BIGINT           NOT NULL,
    interruption_count     BIGINT           NOT NULL,
    successful_deployments BIGINT,
    temporal_data          JSONB,
    workload_data          JSONB,
    last_updated           TIMESTAMPTZ      NOT NULL,
    created_at             TIMESTAMPTZ      NOT NULL,
    UNIQUE (instance_type, availability_zone, region)
);

-- What was learned altogether, in one row.
CREATE TABLE feedback_learning_stats (
    stat_id                      INTEGER          NOT NULL PRIMARY KEY,
    total_instance_hours         BIGINT           NOT NULL,
    total_interruptions          BIGINT           NOT NULL,
    total_successful_deployments BIGINT,
    current_feedback_weight      DOUBLE PRECISION NOT NULL,
    prediction_accuracy          DOUBLE PRECISION,
    avg_confidence               DOUBLE PRECISION,
    last_updated                 TIMESTAMPTZ      NOT NULL
);

-- Seasons that an operator knows of, and by how much they raise the risk.
CREATE TABLE calendar_entries (
    entry_id      UUID             NOT NULL PRIMARY KEY,
    name          TEXT             NOT NULL,
    from_at       TIMESTAMPTZ      NOT NULL,
    until_at      TIMESTAMPTZ      NOT NULL,
    factor        DOUBLE PRECISION NOT NULL,
    created_by    TEXT             NOT NULL,
    created_at    TIMESTAMPTZ      NOT NULL
);

-- The weight of the customer component by hours of exposure; interruptions do not change it.
CREATE FUNCTION calculate_feedback_weight(p_total_instance_hours BIGINT, p_total_interruptions BIGINT)
RETURNS NUMERIC LANGUAGE sql IMMUTABLE AS $$
    SELECT round(CASE
        WHEN p_total_instance_hours < 10000 THEN 0
        WHEN p_total_instance_hours < 50000 THEN p_total_instance_hours * 0.10 / 50000
        WHEN p_total_instance_hours < 200000 THEN 0.10 + (p_total_instance_hours - 50000) * 0.05 / 150000
        WHEN p_total_instance_hours < 500000 THEN 0.15 + (p_total_instance_hours - 200000) * 0.10 / 300000
        ELSE 0.25
    END, 12)
$$;

-- The live status of a pool; risk is 1 when dangerous. Normal where nothing was ever reported.
CREATE FUNCTION get_pool_risk_status(p_instance_type TEXT, p_zone_key TEXT, p_region TEXT)
RETURNS TABLE (risk_level TEXT, affected_clients_count BIGINT, recent_interruptions BIGINT,
               risk_score DOUBLE PRECISION, last_interruption_time TIMESTAMPTZ)
LANGUAGE sql STABLE AS $$
    SELECT s.level, coalesce(l.customers, 0), coalesce(l.interruptions, 0),
           least(1, 1 - a.final_score + CASE s.level WHEN 'CONFIRMED_RISKY' THEN 0.20
                                                     WHEN 'UNCERTAIN' THEN 0.10 ELSE 0 END),
           l.last_at
    FROM (SELECT 1) one
    LEFT JOIN pool_levels l ON l.instance_type = p_instance_type AND l.zone_key = p_zone_key
        AND l.region = p_region
    LEFT JOIN risk_score_adjustments a ON a.instance_type = p_instance_type
        AND a.availability_zone = p_zone_key AND a.region = p_region
    CROSS JOIN LATERAL (SELECT CASE
        WHEN l.override_until > now() THEN l.override_level
        WHEN l.level IS NULL THEN 'NORMAL'
        WHEN l.falls_at > now() THEN l.level
        WHEN l.level = 'CONFIRMED_RISKY' AND l.falls_at > now() - INTERVAL '1 hour' THEN 'UNCERTAIN'
        ELSE 'NORMAL' END AS level) s
$$;

-- Jobs that wait for somebody, the most urgent first: those whose claim has ended too.
CREATE FUNCTION get_pending_rebalance_jobs(p_limit INTEGER DEFAULT 100)
RETURNS SETOF proactive_rebalance_jobs LANGUAGE sql STABLE AS $$
    SELECT * FROM proactive_rebalance_jobs
    WHERE status = 'PENDING' OR (status = 'IN_PROGRESS' AND lease_until <= now())
    ORDER BY CASE priority WHEN 'HIGH' THEN 0 ELSE 1 END, created_at, job_id LIMIT p_limit
$$;

-- Pools in which somebody lost capacity within the last hour, and how many customers did.
CREATE VIEW cross_client_pattern_summary AS
    SELECT f.instance_type, coalesce(f.zone_id, z.zone_id, f.availability_zone) AS availability_zone,
           f.region, count(DISTINCT f.customer_id) AS affected_clients_count,
           count(*) AS interruptions_in_window, min(f.interruption_timestamp) AS first_interruption_time,
           max(f.interruption_timestamp) AS last_interruption_time,
           coalesce(max(l.level), 'NORMAL') AS risk_level
    FROM interruption_feedback f
    LEFT JOIN customer_zones z ON z.customer_id = f.customer_id AND z.region = f.region
        AND z.availability_zone = f.availability_zone
    LEFT JOIN pool_levels l ON l.instance_type = f.instance_type AND l.region = f.region
        AND l.zone_key = coalesce(f.zone_id, z.zone_id, f.availability_zone)
    WHERE f.event = 'interruption' AND f.interruption_timestamp > now() - INTERVAL '1 hour'
    GROUP BY 1, 2, 3;

CREATE FUNCTION tell_of_feedback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudoptim_feedback', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER feedback_counter_changed AFTER UPDATE ON feedback_counter
    FOR EACH ROW EXECUTE FUNCTION tell_of_feedback();
