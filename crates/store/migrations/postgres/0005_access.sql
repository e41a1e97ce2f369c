-- Who may do what. Of a key only a digest is kept.
CREATE TABLE customers (
    customer_id  TEXT        NOT NULL PRIMARY KEY,
    display_name TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_keys (
    key_id       UUID         NOT NULL PRIMARY KEY,
    digest       BYTEA        NOT NULL UNIQUE,
    shown_prefix TEXT         NOT NULL,
    label        TEXT         NOT NULL,
    role         TEXT         NOT NULL,
    customer_id  TEXT         REFERENCES customers (customer_id),
    created_by   TEXT         NOT NULL,
    created_at   TIMESTAMPTZ  NOT NULL,
    expires_at   TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ
);

-- Every change, written in the transaction that makes it.
CREATE TABLE audit_log (
    audit_id    BIGINT      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at TIMESTAMPTZ NOT NULL,
    actor       TEXT        NOT NULL,
    action      TEXT        NOT NULL,
    subject     TEXT        NOT NULL,
    detail      JSONB       NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (happened_at);
