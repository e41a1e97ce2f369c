-- Who may do what. Of a key only a digest is kept.
CREATE TABLE customers (
    customer_id  TEXT    NOT NULL PRIMARY KEY,
    display_name TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
);

CREATE TABLE api_keys (
    key_id       BLOB     NOT NULL PRIMARY KEY,
    digest       BLOB     NOT NULL UNIQUE,
    shown_prefix TEXT     NOT NULL,
    label        TEXT     NOT NULL,
    role         TEXT     NOT NULL,
    customer_id  TEXT     REFERENCES customers (customer_id),
    created_by   TEXT     NOT NULL,
    created_at   INTEGER  NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER
);

-- Every change, written in the transaction that makes it.
CREATE TABLE audit_log (
    audit_id    INTEGER NOT NULL PRIMARY KEY,
    happened_at INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    detail      TEXT    NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (happened_at);
