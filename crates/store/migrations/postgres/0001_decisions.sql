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

-- The last place that was given out in the order of all decisions; whoever adds some holds its row until
-- the end, so that places are seen in their order.
CREATE TABLE decision_counter (
    counter       INTEGER NOT NULL PRIMARY KEY,
    last_sequence BIGINT  NOT NULL
);
INSERT INTO decision_counter (counter, last_sequence) VALUES (1, 0);

-- The place of each decision in the order in which all of them were kept.
CREATE TABLE decision_order (
    sequence    BIGINT NOT NULL PRIMARY KEY,
    customer_id TEXT   NOT NULL,
    cluster_id  TEXT   NOT NULL,
    decision_id UUID   NOT NULL
);
CREATE INDEX decision_order_by_customer ON decision_order (customer_id, sequence) WHERE customer_id <> '';

CREATE FUNCTION put_decisions_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many BIGINT;
    reached BIGINT;
BEGIN
    SELECT count(*) INTO many FROM added;
    IF many > 0 THEN
        UPDATE decision_counter SET last_sequence = last_sequence + many WHERE counter = 1
        RETURNING last_sequence - many INTO reached;
        INSERT INTO decision_order (sequence, customer_id, cluster_id, decision_id)
        SELECT reached + row_number() OVER (ORDER BY decision_id, customer_id, cluster_id),
               customer_id, cluster_id, decision_id
        FROM added;
        PERFORM pg_notify('cloudoptim_decisions', '');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER decisions_in_order AFTER INSERT ON decisions REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION put_decisions_in_order();
