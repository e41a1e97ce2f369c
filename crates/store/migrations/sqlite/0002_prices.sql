-- Spot prices: a dictionary of pools and narrow points. `spot_prices` shows them under the names of
-- the contract with PostgreSQL. Instants are microseconds since 1970, money is billionths of a dollar.
CREATE TABLE price_series (
    series_id     INTEGER NOT NULL PRIMARY KEY,
    instance_type TEXT    NOT NULL,
    zone          TEXT    NOT NULL,
    zone_id       TEXT,
    region        TEXT    NOT NULL,
    product       TEXT    NOT NULL,
    oldest        INTEGER NOT NULL,
    newest        INTEGER NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (instance_type, zone, product)
);
CREATE INDEX price_series_by_region ON price_series (region, instance_type);

CREATE TABLE price_points (
    series_id   INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    nanos       INTEGER NOT NULL,
    PRIMARY KEY (series_id, observed_at)
) WITHOUT ROWID;

CREATE VIEW spot_prices AS
    SELECT p.series_id, s.instance_type, s.zone AS availability_zone, s.region,
           p.nanos / 1e9 AS spot_price, p.observed_at AS timestamp, s.product AS product_description
    FROM price_points p JOIN price_series s ON s.series_id = p.series_id;

-- A list price holds from its date until the next one.
CREATE TABLE on_demand_points (
    instance_type    TEXT    NOT NULL,
    region           TEXT    NOT NULL,
    operating_system TEXT    NOT NULL,
    tenancy          TEXT    NOT NULL,
    effective_at     INTEGER NOT NULL,
    nanos            INTEGER NOT NULL,
    source           TEXT    NOT NULL,
    recorded_at      INTEGER NOT NULL,
    PRIMARY KEY (instance_type, region, operating_system, tenancy, effective_at)
) WITHOUT ROWID;

CREATE VIEW on_demand_prices AS
    SELECT instance_type, region, nanos / 1e9 AS hourly_price, operating_system,
           effective_at AS effective_date, recorded_at AS created_at
    FROM on_demand_points WHERE tenancy = 'shared';

-- The Spot Advisor's word on a pool, at each time it was heard and had changed.
CREATE TABLE advisor_points (
    instance_type    TEXT    NOT NULL,
    region           TEXT    NOT NULL,
    operating_system TEXT    NOT NULL,
    observed_at      INTEGER NOT NULL,
    bucket           INTEGER NOT NULL,
    savings_percent  INTEGER,
    PRIMARY KEY (instance_type, region, operating_system, observed_at)
) WITHOUT ROWID;

-- What was fetched, verbatim and compressed, once by digest.
CREATE TABLE fetched_documents (
    digest     BLOB    NOT NULL PRIMARY KEY,
    dataset    TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    fetched_at INTEGER NOT NULL,
    length     INTEGER NOT NULL,
    content    BLOB    NOT NULL
) WITHOUT ROWID;

-- How much there is, kept in step with the rows in the same transactions.
CREATE TABLE dataset_totals (
    dataset        TEXT    NOT NULL PRIMARY KEY,
    row_count      INTEGER NOT NULL,
    instance_types INTEGER NOT NULL,
    regions        INTEGER NOT NULL,
    oldest         INTEGER,
    newest         INTEGER,
    updated_at     INTEGER NOT NULL,
    revision       INTEGER NOT NULL
) WITHOUT ROWID;

-- Rows that were not believed, with the reason; the data they came with was kept.
CREATE TABLE quarantined_rows (
    quarantine_id INTEGER NOT NULL PRIMARY KEY,
    dataset       TEXT    NOT NULL,
    source        TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    content       TEXT    NOT NULL,
    found_at      INTEGER NOT NULL
);
CREATE INDEX quarantined_rows_by_dataset ON quarantined_rows (dataset, found_at);

-- What tells this database from every other one.
CREATE TABLE installation (
    installation_id BLOB NOT NULL PRIMARY KEY
) WITHOUT ROWID;
INSERT INTO installation (installation_id) VALUES (randomblob(16));
