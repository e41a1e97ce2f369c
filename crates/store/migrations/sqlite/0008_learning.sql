-- What interruptions teach. A pool is a type in a zone; its zone is known by its id where the customer
-- told it, since a name means another place in another account.

-- The last place that was given out in the order of reports and exposure; whoever adds some holds its
-- row until the end, so that places are seen in their order.
CREATE TABLE feedback_counter (
    counter INTEGER NOT NULL PRIMARY KEY,
    last_sequence INTEGER NOT NULL
);
INSERT INTO feedback_counter (counter, last_sequence) VALUES (1, 0);

-- Reports that an instance was taken back, or that it may be soon (`rebalance_recommendation`). They
-- are never deleted. The hour and weekday are UTC, 0 being Monday.
CREATE TABLE interruption_feedback (
    customer_id TEXT NOT NULL,
    interruption_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    instance_id TEXT,
    instance_type TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    region TEXT NOT NULL,
    zone_id TEXT,
    workload_type TEXT,
    interruption_timestamp INTEGER NOT NULL,
    day_of_week INTEGER NOT NULL,
    hour_of_day INTEGER NOT NULL,
    was_predicted BOOLEAN,
    risk_score_at_deployment REAL,
    total_recovery_seconds INTEGER,
    customer_impact TEXT,
    vouched_by TEXT NOT NULL,
    reported_by TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (customer_id, interruption_id)
);
CREATE INDEX idx_interruption_cross_client
    ON interruption_feedback (instance_type, availability_zone, region, interruption_timestamp);
CREATE INDEX interruption_feedback_by_sequence ON interruption_feedback (sequence);
CREATE INDEX interruption_feedback_by_time ON interruption_feedback (interruption_timestamp);

-- So many instances were at risk from one instant to another: `reported`, or seen in kept snapshots
-- (`snapshot`) as long as the cluster reports none.
CREATE TABLE instance_exposure (
    customer_id TEXT NOT NULL,
    exposure_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    cluster_id TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    region TEXT NOT NULL,
    zone_id TEXT,
    workload_type TEXT NOT NULL,
    instances INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    reported_by TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (customer_id, exposure_id)
);
CREATE INDEX instance_exposure_by_cluster
    ON instance_exposure (customer_id, cluster_id, instance_type, availability_zone, until_at);
CREATE INDEX instance_exposure_by_sequence ON instance_exposure (sequence);
CREATE INDEX instance_exposure_by_time ON instance_exposure (until_at);

-- What each customer saw of each pool, by day (UTC): kept in step with the two tables above. The most
-- instances are those of one report.
CREATE TABLE pool_days (
    customer_id TEXT NOT NULL,
    region TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    day INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    exposure_seconds INTEGER NOT NULL,
    most_instances INTEGER NOT NULL,
    PRIMARY KEY (customer_id, region, availability_zone, instance_type, day)
);

-- The same by type, weekday and hour (UTC): cell 0 is midnight on Monday, cell 167 the last hour of Sunday.
CREATE TABLE pattern_hours (
    instance_type TEXT NOT NULL,
    cell INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    exposure_seconds INTEGER NOT NULL,
    PRIMARY KEY (instance_type, cell)
);

-- The same by type and kind of workload; of how many reports the recovery is known, and its sum.
CREATE TABLE pattern_workloads (
    instance_type TEXT NOT NULL,
    workload_type TEXT NOT NULL,
    interruptions INTEGER NOT NULL,
    exposure_seconds INTEGER NOT NULL,
    recoveries INTEGER NOT NULL,
    recovery_seconds INTEGER NOT NULL,
    PRIMARY KEY (instance_type, workload_type)
);

-- Which zone a customer's name means.
CREATE TABLE customer_zones (
    customer_id TEXT NOT NULL,
    region TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    zone_id TEXT NOT NULL,
    PRIMARY KEY (customer_id, region, availability_zone)
);

-- The live status of pools that are or were not normal; whoever changes one holds its row until the
-- end. An operator's word stands until its own end.
CREATE TABLE pool_levels (
    region TEXT NOT NULL,
    zone_key TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    level TEXT NOT NULL,
    episode_id BLOB,
    since INTEGER NOT NULL,
    falls_at INTEGER,
    customers INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    last_at INTEGER,
    override_level TEXT,
    override_until INTEGER,
    override_by TEXT,
    override_reason TEXT,
    PRIMARY KEY (region, zone_key, instance_type)
);

-- Every change of a level, with what it stood on.
CREATE TABLE pool_level_changes (
    change_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    region TEXT NOT NULL,
    zone_key TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    from_level TEXT NOT NULL,
    to_level TEXT NOT NULL,
    cause TEXT NOT NULL,
    episode_id BLOB,
    detail TEXT NOT NULL
);
CREATE INDEX pool_level_changes_by_pool
    ON pool_level_changes (region, zone_key, instance_type, change_id);

-- Work for whoever moves capacity: one for each customer with capacity in a pool that is losing it, once
-- an episode. A claim ends by itself.
CREATE TABLE proactive_rebalance_jobs (
    job_id BLOB NOT NULL PRIMARY KEY,
    customer_id TEXT NOT NULL,
    cluster_id TEXT,
    source_instance_type TEXT NOT NULL,
    source_availability_zone TEXT NOT NULL,
    source_zone_key TEXT NOT NULL,
    region TEXT NOT NULL,
    instances INTEGER NOT NULL,
    episode_id BLOB NOT NULL,
    reason TEXT NOT NULL,
    priority TEXT NOT NULL DEFAULT 'HIGH',
    status TEXT NOT NULL DEFAULT 'PENDING',
    target_instance_type TEXT,
    target_availability_zone TEXT,
    target_reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    claimed_by TEXT,
    lease_until INTEGER,
    attempts INTEGER NOT NULL,
    completed_at INTEGER,
    error_message TEXT,
    outcome TEXT,
    UNIQUE (region, source_zone_key, source_instance_type, customer_id, episode_id)
);
CREATE INDEX idx_rebalance_jobs_status ON proactive_rebalance_jobs (status, priority, created_at);
CREATE INDEX idx_rebalance_jobs_customer ON proactive_rebalance_jobs (customer_id, created_at);
CREATE INDEX rebalance_jobs_by_time ON proactive_rebalance_jobs (created_at);

-- What was learned of each pool, as safety (1 is safe): what its class says, and what reports make of it.
CREATE TABLE risk_score_adjustments (
    adjustment_id BLOB NOT NULL PRIMARY KEY,
    instance_type TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    region TEXT NOT NULL,
    base_score REAL NOT NULL,
    customer_adjustment REAL,
    final_score REAL NOT NULL,
    confidence REAL,
    total_observations INTEGER NOT NULL,
    interruption_count INTEGER NOT NULL,
    successful_deployments INTEGER,
    temporal_data TEXT,
    workload_data TEXT,
    last_updated INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (instance_type, availability_zone, region)
);

-- What was learned altogether, in one row.
CREATE TABLE feedback_learning_stats (
    stat_id INTEGER NOT NULL PRIMARY KEY,
    total_instance_hours INTEGER NOT NULL,
    total_interruptions INTEGER NOT NULL,
    total_successful_deployments INTEGER,
    current_feedback_weight REAL NOT NULL,
    prediction_accuracy REAL,
    avg_confidence REAL,
    last_updated INTEGER NOT NULL
);

-- Seasons that an operator knows of, and by how much they raise the risk.
CREATE TABLE calendar_entries (
    entry_id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    factor REAL NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
