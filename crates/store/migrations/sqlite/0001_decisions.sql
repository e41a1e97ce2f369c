-- What decisions are made of, each part once: snapshots, policies, evidence, answers without front.
CREATE TABLE decision_parts (
    digest  BLOB    NOT NULL PRIMARY KEY,
    length  INTEGER NOT NULL,
    content BLOB    NOT NULL
) WITHOUT ROWID;

-- One row for each decision that left the server; the customer is empty where no key named one.
-- Instants are microseconds since 1970, money is billionths of a dollar.
CREATE TABLE decisions (
    customer_id      TEXT    NOT NULL,
    cluster_id       TEXT    NOT NULL,
    decision_id      BLOB    NOT NULL,
    decision_type    TEXT    NOT NULL,
    engine_name      TEXT    NOT NULL,
    engine_version   TEXT    NOT NULL,
    build            TEXT    NOT NULL,
    request_id       TEXT,
    decided_at       INTEGER NOT NULL,
    seed             TEXT    NOT NULL,
    work_budget      INTEGER NOT NULL,
    work_used        INTEGER NOT NULL,
    work_stopped_at  INTEGER,
    input_digest     BLOB    NOT NULL,
    policy_digest    BLOB    NOT NULL,
    evidence_digest  BLOB    NOT NULL,
    answer_digest    BLOB    NOT NULL,
    savings_nanos    INTEGER,
    confidence       REAL    NOT NULL,
    answer_front     TEXT    NOT NULL,
    PRIMARY KEY (customer_id, cluster_id, decision_id)
) WITHOUT ROWID;

-- Names begin with the instant (UUID version 7), so this is the order of time too.
CREATE INDEX decisions_by_id ON decisions (decision_id);
-- Few decisions are a customer's own: the rest costs this index nothing.
CREATE INDEX decisions_by_customer ON decisions (customer_id, decision_id) WHERE customer_id <> '';
CREATE INDEX decisions_by_request ON decisions (request_id, decided_at DESC) WHERE request_id IS NOT NULL;

-- The last place that was given out in the order of all decisions; whoever adds some holds its row until
-- the end, so that places are seen in their order.
CREATE TABLE decision_counter (
    counter       INTEGER NOT NULL PRIMARY KEY,
    last_sequence INTEGER NOT NULL
);
INSERT INTO decision_counter (counter, last_sequence) VALUES (1, 0);

-- The place of each decision in the order in which all of them were kept.
CREATE TABLE decision_order (
    sequence    INTEGER NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    cluster_id  TEXT    NOT NULL,
    decision_id BLOB    NOT NULL
);
CREATE INDEX decision_order_by_customer ON decision_order (customer_id, sequence) WHERE customer_id <> '';

CREATE TRIGGER decisions_in_order AFTER INSERT ON decisions BEGIN
    UPDATE decision_counter SET last_sequence = last_sequence + 1 WHERE counter = 1;
    INSERT INTO decision_order (sequence, customer_id, cluster_id, decision_id)
    SELECT last_sequence, NEW.customer_id, NEW.cluster_id, NEW.decision_id
    FROM decision_counter WHERE counter = 1;
END;
