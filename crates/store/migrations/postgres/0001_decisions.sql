-- What decisions are made of, each part once: snapshots, policies, evidence, answers without front.
CREATE TABLE decision_parts (
    digest  BYTEA  NOT NULL PRIMARY KEY,
    length  BIGINT NOT NULL,
    content BYTEA  NOT NULL
);

-- One row for each decision that left the server; the customer is empty where no key named one.
-- Money is billionths of a dollar.
CREATE TABLE decisions (
    customer_id      TEXT             NOT NULL,
    cluster_id       TEXT             NOT NULL,
    decision_id      UUID             NOT NULL,
    decision_type    TEXT             NOT NULL,
    engine_name      TEXT             NOT NULL,
    engine_version   TEXT             NOT NULL,
    build            TEXT             NOT NULL,
    request_id       TEXT,
    decided_at       TIMESTAMPTZ      NOT NULL,
    seed             TEXT             NOT NULL,
    work_budget      BIGINT           NOT NULL,
    work_used        BIGINT           NOT NULL,
    work_stopped_at  BIGINT,
    input_digest     BYTEA            NOT NULL,
    policy_digest    BYTEA            NOT NULL,
    evidence_digest  BYTEA            NOT NULL,
    answer_digest    BYTEA            NOT NULL,
    savings_nanos    BIGINT,
    confidence       DOUBLE PRECISION NOT NULL,
    answer_front     TEXT             NOT NULL,
    PRIMARY KEY (customer_id, cluster_id, decision_id)
);

-- Names begin with the instant (UUID version 7), so this is the order of time too.
CREATE INDEX decisions_by_id ON decisions (decision_id);
-- Few decisions are a customer's own: the rest costs this index nothing.
CREATE INDEX decisions_by_customer ON decisions (customer_id, decision_id) WHERE customer_id <> '';
CREATE INDEX decisions_by_request ON decisions (request_id, decided_at DESC) WHERE request_id IS NOT NULL;
