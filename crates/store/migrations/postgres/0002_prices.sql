-- Spot prices: a dictionary of pools and narrow points; `spot_prices` shows them as the contract
-- names them. Money is billionths of a dollar.
CREATE TABLE price_series (
    series_id     BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_type TEXT        NOT NULL,
    zone          TEXT        NOT NULL,
    zone_id       TEXT,
    region        TEXT        NOT NULL,
    product       TEXT        NOT NULL,
    oldest        TIMESTAMPTZ NOT NULL,
    newest        TIMESTAMPTZ NOT NULL,
    revision      BIGINT      NOT NULL DEFAULT 0,
    UNIQUE (instance_type, zone, product)
);
CREATE INDEX price_series_by_region ON price_series (region, instance_type);

CREATE TABLE price_points (
    series_id   BIGINT      NOT NULL,
    observed_at TIMESTAMPTZ NOT NULL,
    nanos       BIGINT      NOT NULL,
    PRIMARY KEY (series_id, observed_at)
);

-- When a single price was written is not kept.
CREATE VIEW spot_prices AS
    SELECT p.series_id * 8589934592 + extract(epoch FROM p.observed_at)::bigint AS price_id, s.instance_type, s.zone AS availability_zone, s.region,
           p.nanos::numeric / 1000000000 AS spot_price, p.observed_at AS "timestamp",
           s.product AS product_description, NULL::timestamptz AS created_at
    FROM price_points p JOIN price_series s ON s.series_id = p.series_id;

-- A list price holds from its date until the next one.
CREATE TABLE on_demand_points (
    instance_type    TEXT        NOT NULL,
    region           TEXT        NOT NULL,
    operating_system TEXT        NOT NULL,
    tenancy          TEXT        NOT NULL,
    effective_at     TIMESTAMPTZ NOT NULL,
    nanos            BIGINT      NOT NULL,
    source           TEXT        NOT NULL,
    recorded_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (instance_type, region, operating_system, tenancy, effective_at)
);

CREATE VIEW on_demand_prices AS
    SELECT hashtextextended(concat_ws('/', instance_type, region, operating_system, effective_at), 0) AS price_id,
           instance_type, region, nanos::numeric / 1000000000 AS hourly_price, operating_system,
           effective_at::date AS effective_date, recorded_at AS created_at
    FROM on_demand_points WHERE tenancy = 'shared';

-- The Spot Advisor's word on a pool, at each time it was heard and had changed.
CREATE TABLE advisor_points (
    instance_type    TEXT        NOT NULL,
    region           TEXT        NOT NULL,
    operating_system TEXT        NOT NULL,
    observed_at      TIMESTAMPTZ NOT NULL,
    bucket           BIGINT      NOT NULL,
    savings_percent  BIGINT,
    PRIMARY KEY (instance_type, region, operating_system, observed_at)
);

-- What was fetched, verbatim and compressed, once by digest.
CREATE TABLE fetched_documents (
    digest     BYTEA       NOT NULL PRIMARY KEY,
    dataset    TEXT        NOT NULL,
    source     TEXT        NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    length     BIGINT      NOT NULL,
    content    BYTEA       NOT NULL
);

CREATE VIEW spot_advisor_data AS
    SELECT DISTINCT ON (instance_type, region, operating_system)
           hashtextextended(concat_ws('/', instance_type, region, operating_system), 0) AS advisor_id,
           instance_type, region, operating_system,
           (ARRAY['<5%', '5-10%', '10-15%', '15-20%', '>20%'])[bucket + 1] AS interruption_rate,
           savings_percent AS savings_over_od, observed_at AS last_updated,
           jsonb_build_object('r', bucket, 's', savings_percent) AS raw_data
    FROM advisor_points
    ORDER BY instance_type, region, operating_system, observed_at DESC;

-- How much there is, kept in step with the rows in the same transactions.
CREATE TABLE dataset_totals (
    dataset        TEXT        NOT NULL PRIMARY KEY,
    row_count      BIGINT      NOT NULL,
    instance_types BIGINT      NOT NULL,
    regions        BIGINT      NOT NULL,
    oldest         TIMESTAMPTZ,
    newest         TIMESTAMPTZ,
    updated_at     TIMESTAMPTZ NOT NULL,
    revision       BIGINT      NOT NULL
);

-- Whoever holds prices in memory hears of every change when it is committed.
CREATE FUNCTION tell_of_prices() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cloudoptim_prices', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER dataset_totals_changed AFTER INSERT OR UPDATE ON dataset_totals
    FOR EACH ROW EXECUTE FUNCTION tell_of_prices();

-- Rows that were not believed, with the reason; the data they came with was kept.
CREATE TABLE quarantined_rows (
    quarantine_id BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset       TEXT        NOT NULL,
    source        TEXT        NOT NULL,
    reason        TEXT        NOT NULL,
    content       TEXT        NOT NULL,
    found_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX quarantined_rows_by_dataset ON quarantined_rows (dataset, found_at);

-- What tells this database from every other one.
CREATE TABLE installation (
    installation_id UUID NOT NULL PRIMARY KEY
);
INSERT INTO installation (installation_id) VALUES (gen_random_uuid());
